//! A network that can be broken: stands between a client and a daemon and does to the bytes what it is told.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::wire::{Endpoint, Wire};

/// What happens to bytes on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// They pass.
    Fair,
    /// Each piece is held back that long, in order.
    Slow(Duration),
    /// One byte at a time, with that pause between them.
    Trickle(Duration),
    /// They vanish, and nobody is told.
    Lost,
}

/// A proxy; ends with its owner.
#[derive(Debug)]
pub struct Proxy {
    endpoint: Endpoint,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: Endpoint,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    weather: Weather,
    refusing: bool,
    ended: bool,
    accepted: usize,
    connections: Vec<(Wire, Wire)>,
    other_words: Option<(String, String)>,
}

impl Proxy {
    /// A proxy on a free TCP port.
    pub fn tcp(target: Endpoint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = Endpoint::Tcp(listener.local_addr().expect("its address"));
        let accept = move || listener.accept().map(|(stream, _)| Wire::Tcp(stream));
        Self::serve(endpoint, target, accept)
    }

    /// A proxy on a Unix socket.
    pub fn unix(path: &Path, target: Endpoint) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        let accept = move || listener.accept().map(|(stream, _)| Wire::Unix(stream));
        Self::serve(Endpoint::Unix(path.to_owned()), target, accept)
    }

    fn serve(
        endpoint: Endpoint,
        target: Endpoint,
        accept: impl Fn() -> std::io::Result<Wire> + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            target,
            state: Mutex::new(State {
                weather: Weather::Fair,
                refusing: false,
                ended: false,
                accepted: 0,
                connections: Vec::new(),
                other_words: None,
            }),
            changed: Condvar::new(),
        });
        let for_clients = Arc::clone(&shared);
        std::thread::spawn(move || {
            while let Ok(client) = accept() {
                if for_clients.with(|state| state.ended) {
                    return;
                }
                for_clients.take(client);
            }
        });
        Self { endpoint, shared }
    }

    /// Where clients connect to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Changes the weather, for connections that are open too.
    pub fn weather(&self, weather: Weather) {
        self.shared.with(|state| state.weather = weather);
        self.shared.changed.notify_all();
    }

    /// From now on, wherever one text passes the other of the same length passes in its place, if it comes in one piece.
    pub fn say_instead(&self, text: &str, other: &str) {
        assert_eq!(text.len(), other.len(), "lengths are announced before");
        let words = (text.to_owned(), other.to_owned());
        self.shared.with(|state| state.other_words = Some(words));
    }

    /// From now on, new connections are ended at once; or are not any more.
    pub fn refuse(&self, refusing: bool) {
        self.shared.with(|state| state.refusing = refusing);
    }

    /// Ends every open connection.
    pub fn cut(&self) {
        for (client, daemon) in self
            .shared
            .with(|state| std::mem::take(&mut state.connections))
        {
            client.shutdown(Shutdown::Both);
            daemon.shutdown(Shutdown::Both);
        }
    }

    /// Ends what comes from the daemon, and leaves the other direction open.
    pub fn half_close(&self) {
        self.shared.with(|state| {
            for (client, _) in &state.connections {
                client.shutdown(Shutdown::Write);
            }
        });
    }

    /// Ends what goes to the daemon, and leaves the other direction open.
    pub fn half_close_up(&self) {
        self.shared.with(|state| {
            for (_, daemon) in &state.connections {
                daemon.shutdown(Shutdown::Write);
            }
        });
    }

    /// How many connections there ever were.
    pub fn accepted(&self) -> usize {
        self.shared.with(|state| state.accepted)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.with(|state| state.ended = true);
        self.cut();
        self.shared.changed.notify_all();
        // Wakes the accepting thread, which then sees that it is over.
        let _ = self.endpoint.connect();
    }
}

impl Shared {
    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().expect("nobody panics with it"))
    }

    fn take(self: &Arc<Self>, client: Wire) {
        let daemon = if self.with(|state| state.refusing) {
            None
        } else {
            self.target.connect().ok()
        };
        let Some(daemon) = daemon else {
            self.with(|state| state.accepted += 1);
            client.shutdown(Shutdown::Both);
            return;
        };
        let handle = |wire: &Wire| wire.try_clone().expect("a second handle");
        let (up, down) = (
            (handle(&client), handle(&daemon)),
            (handle(&daemon), handle(&client)),
        );
        // Counted and known in one step: whoever sees that it came can cut it.
        self.with(|state| {
            state.connections.push((client, daemon));
            state.accepted += 1;
        });
        for (from, to) in [up, down] {
            let shared = Arc::clone(self);
            std::thread::spawn(move || shared.carry(from, to));
        }
    }

    fn carry(&self, mut from: Wire, mut to: Wire) {
        let mut buf = [0_u8; 16 * 1024];
        loop {
            match from.read(&mut buf) {
                Ok(0) => break,
                Ok(n) => {
                    if let Some((text, other)) = self.with(|state| state.other_words.clone()) {
                        replace(&mut buf[..n], text.as_bytes(), other.as_bytes());
                    }
                    if !self.forward(&buf[..n], &mut to) {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        to.shutdown(Shutdown::Write);
    }

    /// `false` once nothing can be forwarded any more.
    fn forward(&self, mut bytes: &[u8], to: &mut Wire) -> bool {
        while !bytes.is_empty() {
            let (piece, pause) = match self.with(|state| state.weather) {
                Weather::Fair => (bytes.len(), Duration::ZERO),
                Weather::Slow(pause) => (bytes.len(), pause),
                Weather::Trickle(pause) => (1, pause),
                Weather::Lost => return true,
            };
            if !pause.is_zero() && !self.pause(pause) {
                return false;
            }
            if to.write_all(&bytes[..piece]).is_err() {
                return false;
            }
            bytes = &bytes[piece..];
        }
        true
    }

    /// Waits that long, or until the weather changes; `false` once the proxy has ended.
    fn pause(&self, time: Duration) -> bool {
        let state = self.state.lock().expect("nobody panics with it");
        if state.ended {
            return false;
        }
        let weather = state.weather;
        let waited = self.changed.wait_timeout_while(state, time, |state| {
            state.weather == weather && !state.ended
        });
        !waited.expect("nobody panics with it").0.ended
    }
}

fn replace(bytes: &mut [u8], text: &[u8], other: &[u8]) {
    for at in 0..=bytes.len().saturating_sub(text.len()) {
        if bytes[at..].starts_with(text) {
            bytes[at..at + text.len()].copy_from_slice(other);
        }
    }
}
