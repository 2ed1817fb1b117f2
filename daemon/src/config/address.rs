//! Addresses, hosts and origins as given, each checked once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::Uri;
use jobtop_core::text;

/// What is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) hint: String,
}

/// An address to listen on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Listen {
    /// Where.
    pub(crate) addr: SocketAddr,
    /// Whether TLS is spoken there; where nothing is said, beyond loopback it is.
    pub(crate) tls: Option<bool>,
}

/// Reads `[http[s]://]IP:PORT` or `[http[s]://]localhost:PORT`. Names are not looked up: what is listened on should not
/// depend on a resolver.
pub(super) fn listen(given: &str) -> Result<Listen, Wrong> {
    let (tls, rest) = match given.split_once("://") {
        Some(("https", rest)) => (Some(true), rest),
        Some(("http", rest)) => (Some(false), rest),
        _ => (None, given),
    };
    if let Ok(addr) = rest.parse() {
        return Ok(Listen { addr, tls });
    }
    if let Some(port) = rest.strip_prefix("localhost:").and_then(port) {
        let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        return Ok(Listen { addr, tls });
    }
    Err(Wrong {
        what: format!("{} is no address", shown(given)),
        hint: format!(
            "Write an IP address and a port, like {}",
            crate::cli::DEFAULT_LISTEN
        ),
    })
}

/// An origin as browsers write it: scheme, host and, where it is not the scheme's own, the port.
pub(super) fn origin(given: &str) -> Result<String, Wrong> {
    let wrong = || {
        Wrong {
        what: format!("{} is no web origin", shown(given)),
        hint: "Write scheme, host and port in lower case and nothing behind them, like http://localhost:5173"
            .to_owned(),
    }
    };
    let (scheme, authority) = given.split_once("://").ok_or_else(wrong)?;
    let own_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return Err(wrong()),
    };
    let uri: Uri = given.parse().map_err(|_| wrong())?;
    let whole = uri.authority().is_some_and(|parsed| {
        parsed.as_str() == authority
            && !authority.contains('@')
            && !parsed.host().is_empty()
            && authority.strip_prefix(parsed.host()).is_some_and(|behind| {
                behind.is_empty() || behind.strip_prefix(':').and_then(port).is_some()
            })
    });
    if !whole || given.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(wrong());
    }
    // Browsers leave the scheme's own port out.
    Ok(given.strip_suffix(own_port).unwrap_or(given).to_owned())
}

/// A name of this machine, without a port.
pub(super) fn host(given: &str) -> Result<String, Wrong> {
    let formed = (1..=253).contains(&given.len())
        && given.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    if formed || given.parse::<IpAddr>().is_ok() {
        Ok(given.to_ascii_lowercase())
    } else {
        Err(Wrong {
            what: format!("{} is no host name", shown(given)),
            hint: "Write a name or an IP address without scheme and port, like build7.example.org"
                .to_owned(),
        })
    }
}

fn port(text: &str) -> Option<u16> {
    let digits = (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn shown(given: &str) -> String {
    format!("{:?}", text::clean_within(given, 80))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (given, addr) in [
            ("127.0.0.1:7411", Some("127.0.0.1:7411")),
            ("[::1]:0", Some("[::1]:0")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("0.0.0.0:1", Some("0.0.0.0:1")),
            ("127.0.0.1", None),
            ("7411", None),
            (":7411", None),
            ("localhost", None),
            ("localhost:+80", None),
            ("example.org:80", None),
            ("127.0.0.1:70000", None),
            ("", None),
            ("https://127.0.0.1:1", Some("127.0.0.1:1")),
            ("http://localhost:1", Some("127.0.0.1:1")),
            ("ftp://127.0.0.1:1", None),
            ("https://", None),
        ] {
            let expected = addr.map(|addr| addr.parse::<SocketAddr>().unwrap());
            let read = listen(given).ok();
            assert_eq!(read.map(|read| read.addr), expected, "{given:?}");
        }
        for (given, tls) in [
            ("127.0.0.1:1", None),
            ("https://127.0.0.1:1", Some(true)),
            ("http://127.0.0.1:1", Some(false)),
        ] {
            assert_eq!(listen(given).unwrap().tls, tls, "{given:?}");
        }
    }

    #[test]
    fn origins() {
        for (given, kept) in [
            ("http://localhost:5173", Some("http://localhost:5173")),
            ("https://jobs.example.org", Some("https://jobs.example.org")),
            (
                "https://jobs.example.org:443",
                Some("https://jobs.example.org"),
            ),
            ("http://127.0.0.1:80", Some("http://127.0.0.1")),
            ("http://[::1]:3000", Some("http://[::1]:3000")),
            ("http://localhost:5173/", None),
            ("http://localhost:5173/app", None),
            ("http://user@localhost", None),
            ("HTTP://localhost", None),
            ("http://LOCALHOST", None),
            ("localhost:5173", None),
            ("file:///x", None),
            ("null", None),
            ("*", None),
            ("http://", None),
            ("http://localhost:", None),
            ("http://localhost?x", None),
            ("", None),
        ] {
            assert_eq!(origin(given).ok().as_deref(), kept, "{given:?}");
        }
    }

    #[test]
    fn hosts() {
        for (given, kept) in [
            ("build7", Some("build7")),
            ("Build7.Example.org", Some("build7.example.org")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("::1", Some("::1")),
            ("build7:80", None),
            ("http://build7", None),
            ("a..b", None),
            ("a b", None),
            ("", None),
        ] {
            assert_eq!(host(given).ok().as_deref(), kept, "{given:?}");
        }
    }
}
