//! Where a daemon is: a Unix socket, a TCP address, or another machine's own socket over ssh, read from what a person typed.

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
    /// The local daemon of another machine, through `ssh`.
    Ssh(Login),
}

/// Where `ssh` goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Login {
    /// As whom, where that is not as ssh has it configured.
    pub user: Option<String>,
    /// A name, an address, or a host of ssh's configuration.
    pub host: String,
    /// The port, where that is not as ssh has it configured.
    pub port: Option<u16>,
}

impl Login {
    /// As `ssh` takes it.
    pub(crate) fn destination(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}", self.host),
            None => self.host.clone(),
        }
    }
}

/// A target that can't be used; the text says why and what would do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// No form that we know, and why.
    #[error(
        "{given} is no target: {why}; one is unix:PATH, ws://HOST:PORT, http://HOST:PORT or ssh://[USER@]HOST"
    )]
    Unknown {
        /// What was typed, made safe to show.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A form that a later version will know.
    #[error("{0} targets are not there yet; use unix:PATH, ws://HOST:PORT or ssh://[USER@]HOST")]
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
            Self::Unix(_) | Self::Ssh(_) => "localhost".to_owned(),
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(given: &str) -> Result<Self, BadEndpoint> {
        let unknown = |why| BadEndpoint::Unknown {
            given: text::clean_within(given, 100).into_owned(),
            why,
        };
        if let Some(path) = given.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(unknown("the path is missing"))
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        let Some((scheme, rest)) = given.split_once("://") else {
            return Err(unknown(if given.contains('/') {
                "unix: stands before the path of a socket"
            } else if tcp(given).is_ok() {
                "ws:// is missing before it"
            } else {
                "it has neither unix: nor ws:// before it"
            }));
        };
        match scheme {
            "ws" | "http" => tcp(rest).map_err(unknown),
            "wss" | "https" => Err(BadEndpoint::NotYet("wss://")),
            "ssh" => login(rest).map_err(unknown),
            _ => Err(unknown("nothing is known of what stands before ://")),
        }
    }
}

/// Reads `[USER@]HOST[:PORT]`; a bare `/` may follow. Or what is wrong with it.
fn login(rest: &str) -> Result<Endpoint, &'static str> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, rest),
    };
    let (host, port) = match rest.strip_prefix('[') {
        Some(inner) => {
            let (host, port) = inner.split_once(']').ok_or("the bracket is not closed")?;
            match port.strip_prefix(':') {
                None if !port.is_empty() => {
                    return Err("nothing but a port may follow the bracket");
                }
                port => (host, port),
            }
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    // What ssh would take for an option, or a shell for more than a word, is no name.
    let is_name = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-:%".contains(&b))
    };
    if !is_name(host) {
        return Err("the host is a name or an address, and nothing else");
    }
    if user.is_some_and(|user| !is_name(user)) {
        return Err("the user before the @ is a name, and nothing else");
    }
    let port = match port {
        None => None,
        Some(port) => Some(
            port.parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or("the port is a number from 1 to 65535")?,
        ),
    };
    Ok(Endpoint::Ssh(Login {
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port,
    }))
}

/// Reads `HOST:PORT`, with an IPv6 address in brackets; a bare `/` may follow. Or what is wrong with it.
fn tcp(rest: &str) -> Result<Endpoint, &'static str> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('/') {
        return Err("nothing may follow the port");
    }
    let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
        let (host, port) = inner.split_once(']').ok_or("the bracket is not closed")?;
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err("what stands in brackets is no IPv6 address");
        }
        (host, port.strip_prefix(':').ok_or("the port is missing")?)
    } else {
        let (host, port) = rest.rsplit_once(':').ok_or("the port is missing")?;
        if host.contains(':') {
            return Err("an IPv6 address stands in brackets, and then the port: [::1]:7411");
        }
        (host, port)
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    let is_of_name = |b: u8| b.is_ascii_alphanumeric() || b"._-:".contains(&b);
    if !host.bytes().all(is_of_name) {
        return Err("the host is a name or an address, and nothing else");
    }
    if port.is_empty() {
        return Err("the port is missing");
    }
    let port = port
        .parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or("the port is a number from 1 to 65535")?;
    Ok(Endpoint::Tcp {
        host: host.to_owned(),
        port,
    })
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", text::clean(&path.to_string_lossy())),
            Self::Tcp { .. } => write!(f, "ws://{}", self.authority()),
            Self::Ssh(login) => {
                let user = login.user.as_ref().map(|user| format!("{user}@"));
                let user = user.unwrap_or_default();
                if login.host.contains(':') {
                    write!(f, "ssh://{user}[{}]", login.host)?;
                } else {
                    write!(f, "ssh://{user}{}", login.host)?;
                }
                login.port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
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
    fn logins_are_read_and_said_again() {
        for (given, destination, port) in [
            ("ssh://etl1", "etl1", None),
            ("ssh://ann@etl-1.lan:2222/", "ann@etl-1.lan", Some(2222)),
            ("ssh://[::1]:22", "::1", Some(22)),
        ] {
            let Ok(Endpoint::Ssh(login)) = given.parse() else {
                panic!("{given}");
            };
            assert_eq!(
                (login.destination().as_str(), login.port),
                (destination, port)
            );
        }
        for said in ["ssh://ann@etl1:2222", "ssh://[::1]:22", "ssh://ann@[::1]"] {
            assert_eq!(said.parse::<Endpoint>().unwrap().to_string(), said);
        }
        for bad in [
            "ssh://",
            "ssh://-oProxyCommand=x",
            "ssh://a b",
            "ssh://-l@h",
            "ssh://h:0",
            "ssh://[::1]2222",
            "ssh://h;reboot",
            "ssh://@h",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_target_is_refused_in_words() {
        for (given, says) in [
            ("", "is no target: it has neither"),
            ("unix:", "the path is missing"),
            ("etl1", "it has neither"),
            ("/run/j.sock", "unix: stands before"),
            ("localhost:7411", "ws:// is missing"),
            ("ftp://a:1", "before ://"),
            ("ws://host", "the port is missing"),
            ("ws://host:", "the port is missing"),
            ("ws://host:0", "from 1 to 65535"),
            ("ws://host:70000", "from 1 to 65535"),
            ("ws://:80", "the host is missing"),
            ("ws://a/b:80", "nothing may follow"),
            ("ws://a:80/progress", "nothing may follow"),
            ("ws://u@h:80", "a name or an address"),
            ("ws://[x]:80", "no IPv6 address"),
            ("ws://[::1", "not closed"),
            ("ws://[::1]", "the port is missing"),
            ("ws://::1:80", "stands in brackets"),
            ("wss://a:1", "not there yet"),
            ("https://a:1", "not there yet"),
        ] {
            let refused = given.parse::<Endpoint>().expect_err(given).to_string();
            assert!(refused.contains(says), "{given}: {refused}");
        }
        let hostile = "\u{1b}[2J".parse::<Endpoint>().expect_err("no target");
        assert!(!hostile.to_string().contains('\u{1b}'));
    }
}
