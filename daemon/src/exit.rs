//! Every way in which the daemon ends badly: what happened, what to do about it, and the exit code.
//!
//! 2 means that the command line or the configuration is wrong, 1 everything else; `jobtopd(8)` says the same.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why the daemon did not start, or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A setting that makes no sense, wherever it came from.
    #[error("{from}: {what}")]
    Setting {
        /// The flag, the variable, or the file and its line.
        from: String,
        /// What is wrong with it.
        what: String,
        /// What would be right.
        hint: String,
    },
    /// The file of settings can't be read.
    #[error("cannot read the configuration {path}: {source}", path = path.display())]
    ConfigUnreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of tokens can't be read.
    #[error("cannot read the tokens in {dir}: {source}", dir = dir.display())]
    Tokens {
        /// The folder that they lie in.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A certificate or its key can't be used.
    #[error("cannot use the certificate or key in {path}: {why}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A port in the clear beyond loopback.
    #[error("everybody on the way could read along on http://{0}")]
    InTheClear(SocketAddr),
    /// `--auth none` beyond loopback.
    #[error("--auth none trusts everybody, so it listens on loopback addresses only, not on {0}")]
    OpenToTheWorld(SocketAddr),
    /// Neither a home directory nor paths were given.
    #[error("this account has no home directory to keep the data in")]
    NoHome,
    /// A folder can't be made or used.
    #[error("cannot use the folder {path}: {why}", path = path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
        /// What to do.
        hint: String,
    },
    /// Another daemon answers on the socket.
    #[error("another daemon already answers on {}", .0.display())]
    SocketInUse(PathBuf),
    /// Something that is no socket lies where the socket should be.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// A socket that the service manager passed can't be served.
    #[error("socket {number} of those that were passed can't be served: {why}")]
    Passed {
        /// Which of them, from 1 on.
        number: usize,
        /// Why not.
        why: String,
    },
    /// The socket can't be made.
    #[error("cannot listen on {path}: {source}", path = path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The port is taken.
    #[error("another program already listens on {0}")]
    PortInUse(SocketAddr),
    /// The port can't be listened on.
    #[error("cannot listen on {addr}: {source}")]
    Port {
        /// Which.
        addr: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The store can't be opened.
    #[error("{what}")]
    Store {
        /// What is the matter.
        what: String,
        /// What to do.
        hint: String,
    },
    /// The system denies what every program needs.
    #[error("cannot {doing}: {source}")]
    System {
        /// Doing what.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A part of the daemon ended although nobody asked it to.
    #[error("the daemon's {0} ended unexpectedly")]
    Broken(&'static str),
    /// Going down took too long.
    #[error("the daemon's {0} did not end in time")]
    Slow(&'static str),
}

impl Failure {
    /// A sentence on what to do next.
    #[must_use]
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Setting { hint, .. } | Self::Folder { hint, .. } | Self::Store { hint, .. } => {
                hint.clone()
            }
            Self::ConfigUnreadable { .. } => {
                "Make it readable for this account, or name another one with --config".to_owned()
            }
            Self::Tokens { .. } => {
                "Bring tokens.json back from a backup, or move it away and have new tokens made".to_owned()
            }
            Self::Certificate { .. } => {
                "Give a certificate in PEM, the whole chain of it, with --tls-cert and its key with --tls-key".to_owned()
            }
            Self::InTheClear(addr) => format!("Use --listen https://{addr}"),
            Self::OpenToTheWorld(addr) => {
                format!(
                    "Use --listen 127.0.0.1:{port}, or ListenStream=127.0.0.1:{port} in a socket unit",
                    port = addr.port()
                )
            }
            Self::NoHome => "Set HOME, or give --data-dir and --socket".to_owned(),
            Self::SocketInUse(_) => {
                "Use that one, stop it with `jobtop daemon stop`, or choose another --socket and --data-dir".to_owned()
            }
            Self::Passed { .. } => {
                "Have the socket unit listen with ListenStream= on paths and TCP ports, without Accept=yes".to_owned()
            }
            Self::NotASocket(_) => "Move it away, or choose another --socket".to_owned(),
            Self::Socket { .. } => {
                "Choose a --socket of at most 107 characters in a folder of this account".to_owned()
            }
            Self::PortInUse(addr) => format!(
                "Choose another port, or port 0 for a free one: --listen {}",
                SocketAddr::new(addr.ip(), 0)
            ),
            Self::Port { .. } => "Choose an address of this machine and a port above 1023".to_owned(),
            Self::System { .. } => {
                "Look at the limits of this account (ulimit -a) and try again".to_owned()
            }
            Self::Broken(_) | Self::Slow(_) => {
                "What was acknowledged is safe; start the daemon again and report the log above as a bug".to_owned()
            }
        }
    }

    /// The exit code.
    #[must_use]
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Setting { .. }
            | Self::ConfigUnreadable { .. }
            | Self::Certificate { .. }
            | Self::InTheClear(_)
            | Self::Passed { .. }
            | Self::OpenToTheWorld(_) => ExitCode::from(2),
            Self::NoHome
            | Self::Folder { .. }
            | Self::SocketInUse(_)
            | Self::NotASocket(_)
            | Self::Socket { .. }
            | Self::PortInUse(_)
            | Self::Port { .. }
            | Self::Store { .. }
            | Self::Tokens { .. }
            | Self::System { .. }
            | Self::Broken(_)
            | Self::Slow(_) => ExitCode::from(1),
        }
    }
}
