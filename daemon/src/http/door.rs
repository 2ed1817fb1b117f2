//! Accepts clients, each into a task of its own, and never more than there is room for. Each door has its own room, so
//! that a crowd at a port does not keep the daemon's own account from its socket.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::policy::Limits;
use tokio::net::unix::UCred;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;

use super::connection::{self, Caller};
use super::tls::Tls;
use super::{Site, going_down};
use crate::auth::network;
use crate::metrics::{Cut, Kind};

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
    /// A TCP port, and what is shown there where TLS is spoken.
    Tcp(TcpListener, Option<Arc<Tls>>),
    /// The Unix socket.
    Unix(UnixListener),
}

/// Serves until the daemon goes down; ends when the last client is gone.
pub(crate) async fn serve(door: Door, site: Arc<Site>) {
    let mut closing = site.shared.closing.clone();
    let places = site.shared.limits.connections;
    let mut clients = JoinSet::new();
    let mut turned_away = JoinSet::new();
    let mut pause = PAUSE;
    let mut full = false;
    let metrics = Arc::clone(&site.shared.metrics);
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
                Ok(client) => {
                    pause = PAUSE;
                    let site = Arc::clone(&site);
                    let place = match &client {
                        _ if full => Err(TurnedAway::Full),
                        Client::Tcp(_, Caller::Stranger { from, .. }, _) => {
                            site.addresses.take(*from).map(Some)
                        }
                        Client::Tcp(..) | Client::Unix(..) => Ok(None),
                    };
                    let place = match place {
                        Ok(place) => place,
                        Err(why) => {
                            metrics.cut(why.cut());
                            turned_away.spawn(turn_away(client, why, site));
                            continue;
                        }
                    };
                    clients.spawn(async move {
                        // Its place among those of its address, until it is gone.
                        let _place = place;
                        attend(client, site).await;
                    });
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

/// Serves a client to its end.
async fn attend(client: Client, site: Arc<Site>) {
    let metrics = Arc::clone(&site.shared.metrics);
    let _open = metrics.opened(match client {
        Client::Tcp(..) => Kind::Tcp,
        Client::Unix(..) => Kind::Unix,
    });
    // Each takes no more memory than its kind of stream needs.
    match client {
        Client::Tcp(stream, caller, None) => {
            Box::pin(connection::run(stream, caller, site)).await;
        }
        Client::Tcp(stream, caller, Some(tls)) => {
            if let Some(stream) = handshake(&tls, stream, &site).await {
                Box::pin(connection::run(stream, caller, site)).await;
            }
        }
        Client::Unix(stream, credentials) => {
            let caller = Caller::Known(Arc::new(site.keeper.unix(credentials)));
            Box::pin(connection::run(stream, caller, site)).await;
        }
    }
}

/// Tells a client why there is no room for it.
async fn turn_away(client: Client, why: TurnedAway, site: Arc<Site>) {
    match client {
        Client::Tcp(stream, caller, None) => {
            connection::turn_away(stream, caller, why, site).await;
        }
        Client::Tcp(stream, caller, Some(tls)) => {
            if let Some(stream) = handshake(&tls, stream, &site).await {
                connection::turn_away(stream, caller, why, site).await;
            }
        }
        Client::Unix(stream, credentials) => {
            let caller = Caller::Known(Arc::new(site.keeper.unix(credentials)));
            connection::turn_away(stream, caller, why, site).await;
        }
    }
}

/// Why there is no room for a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TurnedAway {
    /// As many as the door has room for are connected.
    Full,
    /// As many as one address may have are connected from there.
    Address,
}

impl TurnedAway {
    const fn cut(self) -> Cut {
        match self {
            Self::Full => Cut::Full,
            Self::Address => Cut::AddressFull,
        }
    }

    /// As it is answered.
    pub(super) fn refusal(self, limits: &Limits) -> Refusal {
        let (places, name) = match self {
            Self::Full => (limits.connections, "connections"),
            Self::Address => (limits.connections_per_address, "connections_per_address"),
        };
        let from = match self {
            Self::Full => "",
            Self::Address => " from this address",
        };
        Refusal::new(
            Code::Unavailable,
            format!(
                "{places} clients are connected{from}, as many as limits.{name} allows; try again when some have gone"
            ),
        )
    }
}

/// How many are connected from which address, at all ports together.
#[derive(Debug)]
pub(super) struct Addresses {
    most: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of the places of an address, until it is dropped.
#[derive(Debug)]
struct Place {
    of: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Addresses {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    fn take(&self, of: IpAddr) -> Result<Place, TurnedAway> {
        let of = network(of);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(of).or_default();
        if *count >= self.most {
            return Err(TurnedAway::Address);
        }
        *count += 1;
        Ok(Place {
            of,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

/// Waits for one client. Safe to be dropped while it waits: nothing is taken from the queue until there is somebody.
async fn accept(door: &Door) -> io::Result<Client> {
    match door {
        Door::Tcp(listener, tls) => {
            let (stream, from) = listener.accept().await?;
            // A client that is already gone says so when it is read.
            let _ = stream.set_nodelay(true);
            let at = stream.local_addr()?;
            let stranger = Caller::Stranger {
                from: from.ip(),
                at: at.ip(),
            };
            Ok(Client::Tcp(stream, stranger, tls.clone()))
        }
        Door::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            let credentials = stream.peer_cred()?;
            Ok(Client::Unix(stream, credentials))
        }
    }
}

enum Client {
    Tcp(TcpStream, Caller, Option<Arc<Tls>>),
    Unix(UnixStream, UCred),
}

/// Agrees on a key with a client, beside the others; `None` if it does not come to that.
async fn handshake(tls: &Tls, stream: TcpStream, site: &Site) -> Option<TlsStream<TcpStream>> {
    let time = Duration::from_millis(site.shared.limits.handshake_ms);
    let mut closing = site.shared.closing.clone();
    let agreed = tokio::select! {
        agreed = tokio::time::timeout(time, tls.acceptor().accept(stream)) => agreed,
        () = going_down(&mut closing) => return None,
    };
    match agreed {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
        Err(_) => tracing::debug!("a handshake took too long"),
    }
    site.shared.metrics.cut(Cut::Handshake);
    None
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_of_its_networks_until_it_is_left() {
        let addresses = Addresses::new(2);
        let take = |from: &str| addresses.take(from.parse().unwrap());
        let first = take("2001:db8::1").unwrap();
        let second = take("2001:db8::2").unwrap();
        assert_eq!(take("2001:db8::3").unwrap_err(), TurnedAway::Address);
        let _elsewhere = take("2001:db8:0:1::1").unwrap();
        drop(first);
        let _third = take("2001:db8::3").unwrap();
        drop(second);
        let _v4 = (take("10.0.0.1").unwrap(), take("::ffff:10.0.0.1").unwrap());
        assert_eq!(take("10.0.0.1").unwrap_err(), TurnedAway::Address);
        assert!(take("10.0.0.2").is_ok(), "a neighbour");
    }
}
