//! Where a daemon is: a Unix socket, a TCP address, or another machine's own socket over ssh, read from what a person typed.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use hyper::header::HeaderValue;
use jobtop_core::{paths, text};

use crate::tls::Trust;

/// The variable that may hold a token. Whatever is started does not find it in its environment.
pub const SECRET: &str = "JOBTOP_TOKEN";
/// The port of a daemon that is asked for one and told none.
pub const DEFAULT_PORT: u16 = 7411;

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP port.
    Tcp(Port),
    /// The local daemon of another machine, through `ssh`.
    Ssh(Login),
}

/// A port of another machine, or of this one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Port {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whose certificate is believed; without it the port is spoken to in the clear.
    pub tls: Option<Trust>,
    /// What says who we are.
    pub token: Option<Token>,
}

impl Port {
    /// `HOST:PORT`, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether nobody else can listen in: it is encrypted, or does not leave this machine.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let is_loopback = || {
            self.host.eq_ignore_ascii_case("localhost")
                || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        };
        self.tls.is_some() || is_loopback()
    }
}

/// A token. It is shown nowhere.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token(Arc<str>);

/// A text that can't be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is one word of letters, digits, - and _, as `jobtop token create` prints it")]
pub struct BadToken;

impl Token {
    /// The token in a text, blanks around it aside.
    pub fn new(text: &str) -> Result<Self, BadToken> {
        let text = text.trim();
        let formed = (1..=256).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if formed {
            Ok(Self(text.into()))
        } else {
            Err(BadToken)
        }
    }

    /// The value of an `Authorization` header.
    pub(crate) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0))
            .unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
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
        "{given} is no target: {why}; one is unix:PATH, wss://HOST[:PORT], ws://HOST[:PORT] or ssh://[USER@]HOST"
    )]
    Unknown {
        /// What was typed, made safe to show.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
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
            Self::Tcp(port) => port.authority(),
        }
    }

    /// The value of the `Authorization` header, where there is something to say.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        match self {
            Self::Unix(_) | Self::Ssh(_) => None,
            Self::Tcp(port) => port.token.as_ref().map(Token::header),
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
            } else if given.contains(':') && tcp(given, None).is_ok() {
                "ws:// or wss:// is missing before it"
            } else {
                "it has neither unix: nor ws:// before it"
            }));
        };
        match scheme {
            "ws" | "http" => tcp(rest, None).map_err(unknown),
            "wss" | "https" => tcp(rest, Some(Trust::Authorities)).map_err(unknown),
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

/// Reads `HOST[:PORT]`, with an IPv6 address in brackets; a bare `/` may follow. Or what is wrong with it.
fn tcp(rest: &str, tls: Option<Trust>) -> Result<Endpoint, &'static str> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('/') {
        return Err("nothing may follow the port");
    }
    let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
        let (host, port) = inner.split_once(']').ok_or("the bracket is not closed")?;
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err("what stands in brackets is no IPv6 address");
        }
        match port.strip_prefix(':') {
            None if !port.is_empty() => return Err("nothing but a port may follow the bracket"),
            port => (host, port),
        }
    } else {
        match rest.split_once(':') {
            None => (rest, None),
            Some((_, port)) if port.contains(':') => {
                return Err("an IPv6 address stands in brackets, and then the port: [::1]:7411");
            }
            Some((host, port)) => (host, Some(port)),
        }
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    let is_of_name = |b: u8| b.is_ascii_alphanumeric() || b"._-:".contains(&b);
    if !host.bytes().all(is_of_name) {
        return Err("the host is a name or an address, and nothing else");
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or("the port is a number from 1 to 65535")?,
    };
    Ok(Endpoint::Tcp(Port {
        host: host.to_owned(),
        port,
        tls,
        token: None,
    }))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", text::clean(&path.to_string_lossy())),
            Self::Tcp(port) => {
                let scheme = if port.tls.is_some() { "wss" } else { "ws" };
                write!(f, "{scheme}://{}", port.authority())
            }
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
        Endpoint::Tcp(Port {
            host: host.to_owned(),
            port,
            tls: None,
            token: None,
        })
    }

    fn tls_at(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp(Port {
            host: host.to_owned(),
            port,
            tls: Some(Trust::Authorities),
            token: None,
        })
    }

    #[test]
    fn a_token_is_one_word_and_shown_nowhere() {
        let token = Token::new(" jt_0a_x-Y\n").unwrap();
        assert_eq!(token.header(), "Bearer jt_0a_x-Y");
        assert!(!format!("{token:?} {:?}", token.header()).contains("0a"));
        for wrong in ["", " ", "a b", "a\nb", "ä", &"x".repeat(257)] {
            assert_eq!(Token::new(wrong), Err(BadToken), "{wrong}");
        }
    }

    #[test]
    fn what_nobody_else_can_listen_to() {
        for (target, private) in [
            ("wss://etl1", true),
            ("ws://127.0.0.1", true),
            ("ws://[::1]", true),
            ("ws://LOCALHOST", true),
            ("ws://etl1", false),
            ("ws://localhost.evil.test", false),
            ("ws://127.evil.test", false),
        ] {
            let Ok(Endpoint::Tcp(port)) = target.parse() else {
                panic!("{target}");
            };
            assert_eq!(port.is_private(), private, "{target}");
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
            ("ws://etl1", tcp_at("etl1", 7411), "ws://etl1:7411"),
            ("wss://[::1]", tls_at("::1", 7411), "wss://[::1]:7411"),
            ("https://etl1:443/", tls_at("etl1", 443), "wss://etl1:443"),
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
            ("localhost:7411", "ws:// or wss:// is missing"),
            ("ftp://a:1", "before ://"),
            ("ws://host:", "from 1 to 65535"),
            ("ws://host:0", "from 1 to 65535"),
            ("ws://host:70000", "from 1 to 65535"),
            ("ws://:80", "the host is missing"),
            ("ws://a/b:80", "nothing may follow"),
            ("ws://a:80/progress", "nothing may follow"),
            ("ws://u@h:80", "a name or an address"),
            ("ws://[x]:80", "no IPv6 address"),
            ("ws://[::1", "not closed"),
            ("ws://[::1]80", "nothing but a port"),
            ("ws://::1:80", "stands in brackets"),
            ("wss://", "the host is missing"),
        ] {
            let refused = given.parse::<Endpoint>().expect_err(given).to_string();
            assert!(refused.contains(says), "{given}: {refused}");
        }
        let hostile = "\u{1b}[2J".parse::<Endpoint>().expect_err("no target");
        assert!(!hostile.to_string().contains('\u{1b}'));
    }
}
