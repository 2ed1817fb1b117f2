//! Tells systemd how far we are, where it started us: a datagram to the socket named by `NOTIFY_SOCKET`.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What there is to tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State<'a> {
    /// It serves that.
    Ready(&'a OsStr),
    /// It is at work, engine and store.
    Alive,
    /// It reads its settings anew.
    Reloading,
    /// It has read its settings.
    Reloaded,
    /// It goes down.
    Stopping,
}

impl State<'_> {
    fn message(self) -> String {
        match self {
            Self::Ready(served) => {
                let line = served.to_string_lossy().replace('\n', " ");
                format!("READY=1\nSTATUS=serving {line}\n")
            }
            Self::Alive => "WATCHDOG=1\n".to_owned(),
            Self::Reloading => {
                let now = clock_gettime(ClockId::Monotonic);
                let now = Duration::new(now.tv_sec as u64, now.tv_nsec as u32);
                format!("RELOADING=1\nMONOTONIC_USEC={}\n", now.as_micros())
            }
            Self::Reloaded => "READY=1\n".to_owned(),
            Self::Stopping => "STOPPING=1\n".to_owned(),
        }
    }
}

/// Tells it. Without `NOTIFY_SOCKET` nothing happens; a service manager that does not listen is its own affair.
pub(crate) fn tell(state: State<'_>) {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&address, state) {
        tracing::warn!(%error, "cannot tell the service manager {state:?}");
    }
}

/// How often the service manager wants to hear that we are alive, if it does: twice in the time after which it gives us up.
pub(crate) fn watchdog() -> Option<Duration> {
    let variable = |name| std::env::var(name).ok();
    variable("NOTIFY_SOCKET")?;
    interval(
        &variable("WATCHDOG_USEC")?,
        variable("WATCHDOG_PID").as_deref(),
        std::process::id(),
    )
}

fn interval(usec: &str, pid: Option<&str>, me: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(me)) {
        // That is for a process that started us.
        return None;
    }
    let patience = usec.parse().ok().filter(|usec| *usec > 0)?;
    // Not without any pause, whatever is asked.
    Some((Duration::from_micros(patience) / 2).max(Duration::from_millis(1)))
}

fn send(address: &OsStr, state: State<'_>) -> std::io::Result<()> {
    let message = state.message();
    let bytes = address.as_bytes();
    // A leading @ stands for the NUL of the abstract namespace.
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    // A sign of life that nobody takes is no reason to stand still.
    socket.set_nonblocking(state == State::Alive)?;
    socket.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_hears_every_state() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        for (state, heard) in [
            (
                State::Ready(OsStr::new("unix:/run/a\nb")),
                "READY=1\nSTATUS=serving unix:/run/a b\n",
            ),
            (State::Alive, "WATCHDOG=1\n"),
            (State::Reloaded, "READY=1\n"),
            (State::Stopping, "STOPPING=1\n"),
        ] {
            send(path.as_os_str(), state).unwrap();
            let mut buffer = [0; 64];
            let n = manager.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..n], heard.as_bytes());
        }
    }

    #[test]
    fn a_reload_says_when() {
        let usec = |message: String| -> u64 {
            let usec = message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
            usec.unwrap().trim_end().parse().unwrap()
        };
        let first = usec(State::Reloading.message());
        assert!(first > 0);
        assert!(usec(State::Reloading.message()) >= first);
    }

    #[test]
    fn the_abstract_namespace_is_reached() {
        let name = format!("jobtop-notify-{}", std::process::id());
        let manager =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(OsStr::new(&format!("@{name}")), State::Reloaded).unwrap();
        let mut buffer = [0; 64];
        let n = manager.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], b"READY=1\n");
    }

    #[test]
    fn how_often_a_watchdog_is_fed() {
        for (usec, pid, every) in [
            ("60000000", None, Some(30_000)),
            ("60000000", Some("7"), Some(30_000)),
            ("60000000", Some("8"), None),
            ("60000000", Some(""), None),
            ("1", Some("7"), Some(1)),
            ("0", None, None),
            ("", None, None),
            ("-1", None, None),
        ] {
            let got = interval(usec, pid, 7).map(|every| every.as_millis());
            assert_eq!(got, every, "{usec} {pid:?}");
        }
    }
}
