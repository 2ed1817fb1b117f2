//! Is it us that is meant, and may that web page speak to us: judged for every request before anything else looks at it.
//!
//! A name that merely leads to loopback (DNS rebinding) is not one of ours. A browser says `Origin`, programs do not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Uri};
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::text;

/// By which way a request came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    /// A TCP port, which any name may lead to.
    Tcp {
        /// The address of ours that was reached.
        at: IpAddr,
    },
    /// The Unix socket, which has no name.
    Unix,
}

/// What is ours and who is welcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    addresses: Vec<IpAddr>,
    names: Vec<String>,
    origins: Vec<HeaderValue>,
}

impl Guard {
    /// A guard for those addresses, further names (lower case) and web origins.
    pub(crate) fn new(listening: &[SocketAddr], names: &[String], origins: &[String]) -> Self {
        Self {
            addresses: listening
                .iter()
                .map(SocketAddr::ip)
                .filter(|ip| !ip.is_unspecified())
                .collect(),
            names: names.to_vec(),
            origins: origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin).ok())
                .collect(),
        }
    }

    /// Judges a request; gives back the web origin that is to be welcomed in the answer, if one speaks.
    pub(crate) fn judge(
        &self,
        via: Via,
        headers: &HeaderMap,
        target: &Uri,
    ) -> Result<Option<HeaderValue>, Refusal> {
        if let Via::Tcp { at } = via {
            self.judge_host(headers, target, at)?;
        }
        self.judge_origin(headers)
    }

    fn judge_host(&self, headers: &HeaderMap, target: &Uri, at: IpAddr) -> Result<(), Refusal> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().unwrap_or_default(),
            (None, _) => return Err(bad_host("A Host header is needed")),
            (Some(_), Some(_)) => return Err(bad_host("There must be one Host header, not two")),
        };
        // A target in the absolute form names a host of its own.
        for named in [Some(host), target.authority().map(Authority::as_str)] {
            if let Some(named) = named
                && !self.is_ours(named, at)
            {
                return Err(bad_host(format!(
                    "{:?} is not a name of this daemon; allow it with --allow-host",
                    text::clean_within(named, 80)
                )));
            }
        }
        Ok(())
    }

    /// Whether `HOST[:PORT]` is a name of ours, whatever the port, or the address that was reached.
    fn is_ours(&self, named: &str, at: IpAddr) -> bool {
        let Some(host) = without_port(named) else {
            return false;
        };
        let ip = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(inner) => match inner.parse::<Ipv6Addr>() {
                Ok(ip) => Some(IpAddr::V6(ip)),
                Err(_) => return false,
            },
            None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        };
        if let Some(ip) = ip {
            return ip.is_loopback()
                || ip == at.to_canonical()
                || self.addresses.contains(&ip)
                || self.names.iter().any(|name| name.parse() == Ok(ip));
        }
        host.eq_ignore_ascii_case("localhost") || self.names.iter().any(|name| is_named(host, name))
    }

    fn judge_origin(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => {
                // A page's plain GET carries no Origin, but browsers say where it came from.
                let site = headers.get("sec-fetch-site");
                if site.is_none_or(|site| site == "same-origin" || site == "none") {
                    Ok(None)
                } else {
                    Err(bad_origin("A page of another site may not ask this"))
                }
            }
            (Some(origin), None) if self.origins.contains(origin) => Ok(Some(origin.clone())),
            (Some(origin), None) => Err(bad_origin(format!(
                "Pages of {:?} may not use this daemon; allow them with --allow-origin",
                text::clean_within(&String::from_utf8_lossy(origin.as_bytes()), 80)
            ))),
            (Some(_), Some(_)) => Err(bad_origin("There must be one Origin header, not two")),
        }
    }
}

/// Whether a host goes by that name; a name of a certificate may begin with `*.`, which stands for one label.
fn is_named(host: &str, name: &str) -> bool {
    match name.strip_prefix("*.") {
        None => host.eq_ignore_ascii_case(name),
        Some(domain) => host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain)),
    }
}

/// The host of `HOST[:PORT]`; `None` if there is something else about it.
fn without_port(named: &str) -> Option<&str> {
    let end = if named.starts_with('[') {
        named.find(']')? + 1
    } else {
        named.find(':').unwrap_or(named.len())
    };
    let (host, port) = named.split_at(end);
    let port_formed = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        });
    (port_formed && !host.is_empty()).then_some(host)
}

fn bad_host(detail: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::BadHost, detail)
}

fn bad_origin(detail: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::BadOrigin, detail)
}

#[cfg(test)]
mod tests;
