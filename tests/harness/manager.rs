//! What a service manager hears from a daemon: the datagrams that come to its `NOTIFY_SOCKET`.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::home::Home;
use crate::wait::DEADLINE;

/// A service manager's ear.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    /// One that listens in that home.
    pub fn new(home: &Home) -> Self {
        let path = home.path().join("notify");
        Self {
            socket: UnixDatagram::bind(&path).expect("a socket"),
            path,
        }
    }

    /// The value of `NOTIFY_SOCKET`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next message.
    pub fn hears(&self) -> String {
        self.within(DEADLINE)
            .expect("the daemon tells its service manager something")
    }

    /// The next message, if there is one within that time.
    pub fn within(&self, time: Duration) -> Option<String> {
        self.socket
            .set_read_timeout(Some(time))
            .expect("a timeout can be set");
        let mut buffer = [0; 4096];
        match self.socket.recv(&mut buffer) {
            Ok(n) => Some(String::from_utf8_lossy(&buffer[..n]).into_owned()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                None
            }
            Err(error) => panic!("the service manager's socket: {error}"),
        }
    }

    /// What was said and not yet heard.
    pub fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.within(Duration::from_millis(1))).collect()
    }
}
