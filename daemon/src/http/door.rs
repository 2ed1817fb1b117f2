//! Accepts clients, each into a task of its own, and never more than there is room for. Each door has its own room, so
//! that a crowd at a port does not keep the daemon's own account from its socket.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::unix::UCred;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::connection;
use super::guard::Via;
use super::{Site, going_down};
use crate::auth::Doorkeeper;

/// How many clients beyond its room one door tells so at a time; further ones wait outside.
const TURNED_AWAY: usize = 64;
/// Not being able to accept is said this often, however often it happens.
const SAID: Duration = Duration::from_secs(60);
/// The first pause after the system could not give us another connection; each further one is twice as long …
const PAUSE: Duration = Duration::from_millis(20);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(640);

/// Where clients come in.
#[derive(Debug)]
pub(crate) enum Door {
    /// A TCP port, open to everybody who reaches it (`--auth none`).
    Tcp(TcpListener),
    /// The Unix socket.
    Unix(UnixListener),
}

/// Serves until the daemon goes down; ends when the last client is gone.
pub(crate) async fn serve(door: Door, site: Arc<Site>, keeper: Doorkeeper) {
    let mut closing = site.shared.closing.clone();
    let places = site.shared.limits.connections;
    let mut clients = JoinSet::new();
    let mut turned_away = JoinSet::new();
    let mut pause = PAUSE;
    let mut full = false;
    let mut said: Option<Instant> = None;
    loop {
        let room = clients.len() < places;
        if !room && !full {
            tracing::warn!("{places} clients are connected; further ones are turned away");
        }
        full = !room;
        tokio::select! {
            () = going_down(&mut closing) => break,
            Some(ended) = clients.join_next(), if !clients.is_empty() => note(ended),
            Some(ended) = turned_away.join_next(), if !turned_away.is_empty() => note(ended),
            accepted = accept(&door), if turned_away.len() < TURNED_AWAY => match accepted {
                Ok(client) if full => {
                    pause = PAUSE;
                    let site = Arc::clone(&site);
                    match client {
                        Client::Tcp(stream) => {
                            turned_away.spawn(connection::turn_away(stream, Via::Tcp, site));
                        }
                        Client::Unix(stream, _) => {
                            turned_away.spawn(connection::turn_away(stream, Via::Unix, site));
                        }
                    }
                }
                Ok(client) => {
                    pause = PAUSE;
                    let site = Arc::clone(&site);
                    match client {
                        Client::Tcp(stream) => {
                            let peer = keeper.anybody();
                            clients.spawn(connection::run(stream, peer, Via::Tcp, site));
                        }
                        Client::Unix(stream, credentials) => {
                            let peer = keeper.unix(credentials);
                            clients.spawn(connection::run(stream, peer, Via::Unix, site));
                        }
                    }
                }
                Err(error) if of_the_client(&error) => {}
                Err(error) => {
                    // Out of file descriptors or memory: the client stays in the queue, so asking again at once would
                    // only spin.
                    if said.is_none_or(|at| at.elapsed() >= SAID) {
                        said = Some(Instant::now());
                        tracing::warn!(%error, "cannot accept another client; trying on");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            },
        }
    }
    drop(door);
    while let Some(ended) = clients.join_next().await {
        note(ended);
    }
}

/// Waits for one client. Safe to be dropped while it waits: nothing is taken from the queue until there is somebody.
async fn accept(door: &Door) -> io::Result<Client> {
    match door {
        Door::Tcp(listener) => {
            let (stream, _) = listener.accept().await?;
            // A client that is already gone says so when it is read.
            let _ = stream.set_nodelay(true);
            Ok(Client::Tcp(stream))
        }
        Door::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            let credentials = stream.peer_cred()?;
            Ok(Client::Unix(stream, credentials))
        }
    }
}

enum Client {
    Tcp(TcpStream),
    Unix(UnixStream, UCred),
}

fn of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
            | ErrorKind::NotConnected
    )
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "serving a client went wrong; the others are not concerned");
    }
}
