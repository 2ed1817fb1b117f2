//! Opens what is listened on: TCP ports, and the Unix socket with what a former daemon may have left in its place.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket};

use crate::config::Mode;
use crate::exit::Failure;

/// How many clients may wait to be accepted: after a restart all come back at once.
const QUEUE: u32 = 1_024;

/// Opens a port. Must be called within the runtime.
pub(crate) fn tcp(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let open = || {
        let socket = match addr {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A port whose last connections are still in TIME_WAIT is no hindrance.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(QUEUE)?;
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    };
    open().map_err(|source: io::Error| match source.kind() {
        ErrorKind::AddrInUse => Failure::PortInUse(addr),
        _ => Failure::Port { addr, source },
    })
}

/// The Unix socket's file, removed when the daemon ends, unless another daemon's lies there by then.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens the Unix socket. In its folder nobody else can put anything. Must be called within the runtime.
pub(crate) fn unix(path: &Path, mode: Mode) -> Result<(UnixListener, SocketFile), Failure> {
    clear(path)?;
    let open = || {
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        let listener = socket.listen(QUEUE)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode.bits()))?;
        Ok(listener)
    };
    let listener = open().map_err(|source: io::Error| match source.kind() {
        ErrorKind::AddrInUse => Failure::SocketInUse(path.to_owned()),
        _ => failure(path, source),
    })?;
    let file = SocketFile {
        path: path.to_owned(),
        identity: identity(path),
    };
    Ok((listener, file))
}

/// Removes a socket that nobody answers on.
fn clear(path: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failure(path, source)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(Failure::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(Failure::SocketInUse(path.to_owned())),
        // Nobody listens: whoever did has ended without tidying up.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|source| failure(path, source))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // A full queue is somebody's too.
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            Err(Failure::SocketInUse(path.to_owned()))
        }
        Err(source) => Err(failure(path, source)),
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

fn failure(path: &Path, source: io::Error) -> Failure {
    Failure::Socket {
        path: path.to_owned(),
        source,
    }
}
