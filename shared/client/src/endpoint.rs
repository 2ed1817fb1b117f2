//! Where a daemon is: a Unix socket or a TCP address, read from what a person typed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use jobtop_core::{paths, text};

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP port, spoken to in the clear.
    Tcp {
        /// A name or an address; an IPv6 address without its brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// A target that can't be used; the text says why and what would do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// No form that we know.
    #[error("{0} is no target; one is unix:PATH, ws://HOST:PORT or http://HOST:PORT")]
    Unknown(String),
    /// A form that a later version will know.
    #[error(
        "{0} targets are not there yet; use unix:PATH or ws://HOST:PORT (over ssh: forward the port or the socket with ssh -L)"
    )]
    NotYet(&'static str),
    /// No home, so no default socket.
    #[error(
        "no home directory is known, so neither is the daemon's socket: set HOME, or give a target"
    )]
    NoHome,
}

impl Endpoint {
    /// The local daemon's socket: in the runtime directory, or in the state directory where there is none.
    pub fn local() -> Result<Self, BadEndpoint> {
        // Both read the environment as XDG wants it: a path that is not absolute counts as absent.
        let base = directories::BaseDirs::new().ok_or(BadEndpoint::NoHome)?;
        let project =
            directories::ProjectDirs::from("", "", "jobtop").ok_or(BadEndpoint::NoHome)?;
        // Where the system knows no state directory, data is the nearest there is.
        let state = project.state_dir().unwrap_or(project.data_local_dir());
        Ok(Self::Unix(paths::socket(base.runtime_dir(), state)))
    }

    /// The value of the `Host` header.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(given: &str) -> Result<Self, BadEndpoint> {
        let unknown = || BadEndpoint::Unknown(text::clean_within(given, 100).into_owned());
        if let Some(path) = given.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(unknown())
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        let (scheme, rest) = given.split_once("://").ok_or_else(unknown)?;
        match scheme {
            "ws" | "http" => tcp(rest).ok_or_else(unknown),
            "wss" | "https" => Err(BadEndpoint::NotYet("wss://")),
            "ssh" => Err(BadEndpoint::NotYet("ssh://")),
            _ => Err(unknown()),
        }
    }
}

/// Reads `HOST:PORT`, with an IPv6 address in brackets; a bare `/` may follow.
fn tcp(rest: &str) -> Option<Endpoint> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = rest.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner
            .strip_suffix(']')
            .filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())?,
        None => Some(host).filter(|host| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        })?,
    };
    Some(Endpoint::Tcp {
        host: host.to_owned(),
        port,
    })
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", text::clean(&path.to_string_lossy())),
            Self::Tcp { .. } => write!(f, "ws://{}", self.authority()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp_at(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn targets_are_read_and_said_again() {
        for (given, endpoint, said) in [
            (
                "unix:/run/j.sock",
                Endpoint::Unix("/run/j.sock".into()),
                "unix:/run/j.sock",
            ),
            (
                "ws://127.0.0.1:7411",
                tcp_at("127.0.0.1", 7411),
                "ws://127.0.0.1:7411",
            ),
            (
                "http://etl-1.lan:80/",
                tcp_at("etl-1.lan", 80),
                "ws://etl-1.lan:80",
            ),
            ("ws://[::1]:7411", tcp_at("::1", 7411), "ws://[::1]:7411"),
        ] {
            assert_eq!(given.parse(), Ok(endpoint.clone()), "{given}");
            assert_eq!(endpoint.to_string(), said);
        }
    }

    #[test]
    fn what_is_no_target_is_refused_in_words() {
        for (given, says) in [
            ("", "is no target"),
            ("unix:", "is no target"),
            ("etl1", "is no target"),
            ("ftp://a:1", "is no target"),
            ("ws://host", "is no target"),
            ("ws://host:0", "is no target"),
            ("ws://host:70000", "is no target"),
            ("ws://:80", "is no target"),
            ("ws://a/b:80", "is no target"),
            ("ws://u@h:80", "is no target"),
            ("ws://[x]:80", "is no target"),
            ("ws://::1:80", "is no target"),
            ("wss://a:1", "not there yet"),
            ("https://a:1", "not there yet"),
            ("ssh://a", "not there yet"),
        ] {
            let refused = given.parse::<Endpoint>().expect_err(given).to_string();
            assert!(refused.contains(says), "{given}: {refused}");
        }
        let hostile = "\u{1b}[2J".parse::<Endpoint>().expect_err("no target");
        assert!(!hostile.to_string().contains('\u{1b}'));
    }
}
