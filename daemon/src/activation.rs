//! Sockets that the service manager listens on already and passes to us: `LISTEN_FDS`, as `sd_listen_fds(3)` says it.
//!
//! Taken once, before there are threads. Whether a passed address may be served is judged with the configured ones.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;
use tokio::net::{TcpListener, UnixListener};

use crate::exit::Failure;

/// How many clients may wait to be accepted.
const QUEUE: i32 = 1_024;

/// What was passed.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    unix: Vec<(std::os::unix::net::UnixListener, PathBuf)>,
    tcp: Vec<(std::net::TcpListener, SocketAddr)>,
}

/// Where the passed sockets listen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// The first of the Unix sockets.
    pub(crate) unix: Option<PathBuf>,
    /// The TCP addresses.
    pub(crate) tcp: Vec<SocketAddr>,
}

impl Passed {
    /// Takes it; children do not hear of it any more. To be called before there are threads.
    pub(crate) fn take() -> Result<Self, Failure> {
        let mut given = ListenFd::from_env();
        let mut passed = Self::default();
        for place in 0..given.len() {
            passed
                .add(&mut given, place)
                .map_err(|why| Failure::Passed {
                    number: place + 1,
                    why,
                })?;
        }
        Ok(passed)
    }

    fn add(&mut self, given: &mut ListenFd, place: usize) -> Result<(), String> {
        if let Ok(Some(listener)) = given.take_unix_listener(place) {
            listens(&listener)?;
            let addr = listener.local_addr().map_err(|error| error.to_string())?;
            let path = addr
                .as_pathname()
                .ok_or("it is a Unix socket without a path")?;
            // Who connects may ask the kernel who listens, to stop it for example: from now on that is us, not systemd.
            rustix::net::listen(&listener, QUEUE).map_err(|error| error.to_string())?;
            self.unix.push((listener, path.to_owned()));
            return Ok(());
        }
        match given.take_tcp_listener(place) {
            Ok(Some(listener)) => {
                listens(&listener)?;
                let addr = listener.local_addr().map_err(|error| error.to_string())?;
                self.tcp.push((listener, addr));
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(_) => Err("it is neither a Unix stream socket nor a TCP port".to_owned()),
        }
    }

    /// Where they listen.
    pub(crate) fn names(&self) -> Names {
        Names {
            unix: self.unix.first().map(|(_, path)| path.clone()),
            tcp: self.tcp.iter().map(|(_, addr)| *addr).collect(),
        }
    }

    /// Gives the port of that address, if it was passed. Must be called within the runtime.
    pub(crate) fn tcp(&mut self, addr: SocketAddr) -> Option<Result<TcpListener, Failure>> {
        let place = self.tcp.iter().position(|(_, passed)| *passed == addr)?;
        let (listener, _) = self.tcp.swap_remove(place);
        let listener = listener
            .set_nonblocking(true)
            .and_then(|()| TcpListener::from_std(listener));
        Some(listener.map_err(|source| Failure::Port { addr, source }))
    }

    /// Gives the Unix sockets. Must be called within the runtime.
    pub(crate) fn unix(self) -> Result<Vec<(UnixListener, PathBuf)>, Failure> {
        let each = |(listener, path): (std::os::unix::net::UnixListener, PathBuf)| {
            let listener = listener
                .set_nonblocking(true)
                .and_then(|()| UnixListener::from_std(listener));
            match listener {
                Ok(listener) => Ok((listener, path)),
                Err(source) => Err(Failure::Socket { path, source }),
            }
        };
        self.unix.into_iter().map(each).collect()
    }
}

/// With `Accept=yes` a client is passed instead.
fn listens(socket: impl AsFd) -> Result<(), String> {
    match socket_acceptconn(socket) {
        Ok(true) => Ok(()),
        Ok(false) => Err("it is one client's connection".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
