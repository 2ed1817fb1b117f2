//! Tells systemd how far we are, where it started us: a datagram to the socket named by `NOTIFY_SOCKET`.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What there is to tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// It serves.
    Ready,
    /// It goes down.
    Stopping,
}

/// Tells it. Without `NOTIFY_SOCKET` nothing happens; a service manager that does not listen is its own affair.
pub(crate) fn tell(state: State) {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&address, state) {
        tracing::warn!(%error, "cannot tell the service manager {state:?}");
    }
}

fn send(address: &OsStr, state: State) -> std::io::Result<()> {
    let message = match state {
        State::Ready => "READY=1\n",
        State::Stopping => "STOPPING=1\n",
    };
    let bytes = address.as_bytes();
    // A leading @ stands for the NUL of the abstract namespace.
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_hears_both_states() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        for (state, heard) in [
            (State::Ready, "READY=1\n"),
            (State::Stopping, "STOPPING=1\n"),
        ] {
            send(path.as_os_str(), state).unwrap();
            let mut buffer = [0; 64];
            let n = manager.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..n], heard.as_bytes());
        }
    }

    #[test]
    fn the_abstract_namespace_is_reached() {
        let name = format!("jobtop-notify-{}", std::process::id());
        let manager =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(OsStr::new(&format!("@{name}")), State::Ready).unwrap();
        let mut buffer = [0; 64];
        let n = manager.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], b"READY=1\n");
    }
}
