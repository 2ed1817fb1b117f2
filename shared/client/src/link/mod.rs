//! The WebSocket to a daemon that comes back by itself.
//!
//! [`connect`] spawns the task that dials, subscribes, reads and, when the connection breaks, waits and does it again,
//! going on where it was cut. `session` is one connection, `position` knows where to go on, `words` says for people why
//! a connection is no more. Memory does not grow with a slow consumer: the channel of events is bounded, and while it
//! is full the socket is not read.

use std::sync::Arc;
use std::time::Duration;

use jobtop_core::proto::message::{Message, Welcome};
use jobtop_core::proto::request::Subscribe;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::endpoint::Endpoint;

mod position;
mod session;
mod words;

#[cfg(test)]
mod tests;

use position::Positions;
use session::{Ended, Session};

/// How many events wait for the consumer before the socket is no longer read.
const EVENTS: usize = 256;
/// How many frames wait for the socket before more are refused.
const FRAMES: usize = 64;

/// What a link says.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection changed.
    State(LinkState),
    /// The daemon said something.
    Message(Message),
}

/// Where a link stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It is being opened.
    Connecting {
        /// Which attempt in a row this is, from 1.
        attempt: u32,
    },
    /// It is open. What was asked on the connection before this one and not answered stays unanswered: whether it was
    /// done, the states that follow will show.
    Connected {
        /// What the daemon said of itself.
        welcome: Welcome,
    },
    /// It is closed, and is tried again after a while.
    Waiting {
        /// Why, for a person.
        reason: String,
        /// How many attempts in a row have failed.
        attempt: u32,
        /// When the next begins, from now.
        retry_in: Duration,
    },
}

/// Why a frame was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Offline {
    /// There is no connection just now.
    #[error("not connected to the daemon just now")]
    NotConnected,
    /// The daemon does not read as fast as we write.
    #[error("the daemon is too busy to take more")]
    Busy,
}

/// The times that a link keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How waiting grows.
    pub backoff: Backoff,
    /// How long connecting may take, up to the daemon's `welcome`.
    pub dial: Duration,
    /// How often we ping.
    pub ping_every: Duration,
    /// A peer of which nothing was heard for this long is gone.
    pub dead_after: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            backoff: Backoff::default(),
            dial: Duration::from_secs(5),
            ping_every: Duration::from_secs(30),
            dead_after: Duration::from_secs(60),
        }
    }
}

/// The sending side of a link. When it is dropped, the link ends.
#[derive(Debug)]
pub struct LinkHandle {
    /// The present connection's queue; `None` while there is no connection.
    present: watch::Receiver<Option<mpsc::Sender<String>>>,
    retry: Arc<Notify>,
    /// Never sent on: that it is gone is the message.
    _alive: oneshot::Sender<()>,
}

impl LinkHandle {
    /// Hands a frame to the present connection. Refused when there is none: nothing is queued for a later one.
    pub fn try_send(&self, json: String) -> Result<(), Offline> {
        let present = self.present.borrow();
        let queue = present.as_ref().ok_or(Offline::NotConnected)?;
        queue.try_send(json).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Offline::Busy,
            mpsc::error::TrySendError::Closed(_) => Offline::NotConnected,
        })
    }

    /// Tries again at once instead of waiting; nothing changes while there is a connection.
    pub fn retry_now(&self) {
        self.retry.notify_waiters();
    }

    /// Says goodbye to the daemon and ends the link.
    pub fn close(self) {
        drop(self);
    }
}

/// Opens a link on the current runtime and keeps it open until the handle or the receiver is dropped.
///
/// `subscriptions` are made anew on every connection; those with `snapshot` go on where they were cut.
#[must_use]
pub fn connect(
    endpoint: Endpoint,
    subscriptions: Vec<Subscribe>,
) -> (LinkHandle, mpsc::Receiver<Event>) {
    connect_with(endpoint, subscriptions, Timing::default())
}

/// [`connect`] with other times than the usual ones.
#[must_use]
pub fn connect_with(
    endpoint: Endpoint,
    subscriptions: Vec<Subscribe>,
    timing: Timing,
) -> (LinkHandle, mpsc::Receiver<Event>) {
    let (events, received) = mpsc::channel(EVENTS);
    let (present, present_seen) = watch::channel(None);
    let (alive, gone) = oneshot::channel();
    let retry = Arc::new(Notify::new());
    let link = Link {
        endpoint,
        positions: Positions::new(subscriptions),
        timing,
        events,
        present,
        retry: retry.clone(),
    };
    tokio::spawn(link.run(gone));
    let handle = LinkHandle {
        present: present_seen,
        retry,
        _alive: alive,
    };
    (handle, received)
}

/// Nobody listens any more, or the owner has let go.
struct Stop;

struct Link {
    endpoint: Endpoint,
    positions: Positions,
    timing: Timing,
    events: mpsc::Sender<Event>,
    present: watch::Sender<Option<mpsc::Sender<String>>>,
    retry: Arc<Notify>,
}

impl Link {
    async fn run(mut self, mut gone: oneshot::Receiver<()>) {
        let mut failures = 0_u32;
        loop {
            let attempt = failures.saturating_add(1);
            let (reason, lived) = match self.attempt(attempt, &mut gone).await {
                Ok(lost) => lost,
                Err(Stop) => return,
            };
            failures = self.timing.backoff.failures_after(failures, lived);
            // Without random bits every client waits the longest: slower, never wrong.
            let random = getrandom::u64().unwrap_or(u64::MAX);
            let retry_in = self.timing.backoff.wait(failures, random);
            tracing::debug!(endpoint = %self.endpoint, %reason, failures, ?retry_in, "no connection");
            if self
                .wait(reason, failures, retry_in, &mut gone)
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// One connection from its dialling to its end: why it ended, and how long it lived.
    async fn attempt(
        &mut self,
        attempt: u32,
        gone: &mut oneshot::Receiver<()>,
    ) -> Result<(String, Duration), Stop> {
        let opening = async {
            say(&self.events, LinkState::Connecting { attempt }).await?;
            let opened = Session::open(&self.endpoint, &self.timing).await;
            Ok(opened)
        };
        let opened = tokio::select! {
            opened = opening => opened?,
            _ = &mut *gone => return Err(Stop),
        };
        let (mut session, welcome) = match opened {
            Ok(opened) => opened,
            Err(reason) => return Ok((reason, Duration::ZERO)),
        };
        let begun = Instant::now();
        let (queue, frames) = mpsc::channel(FRAMES);
        // First the queue, then the news: who reads "connected" may send at once.
        self.present.send_replace(Some(queue));
        let living = async {
            say(&self.events, LinkState::Connected { welcome }).await?;
            session
                .live(frames, &self.events, &mut self.positions, &self.timing)
                .await
        };
        let ended = tokio::select! {
            ended = living => ended,
            _ = &mut *gone => Err(Stop),
        };
        self.present.send_replace(None);
        if ended.is_err() {
            session.goodbye().await;
        }
        ended.map(|Ended(reason)| (reason, begun.elapsed()))
    }

    async fn wait(
        &self,
        reason: String,
        attempt: u32,
        retry_in: Duration,
        gone: &mut oneshot::Receiver<()>,
    ) -> Result<(), Stop> {
        let until = Instant::now() + retry_in;
        // Asked for before the state is said: who reads "waiting" may press the key at once.
        let pressed = self.retry.notified();
        tokio::pin!(pressed);
        pressed.as_mut().enable();
        let waiting = async {
            let state = LinkState::Waiting {
                reason,
                attempt,
                retry_in,
            };
            say(&self.events, state).await?;
            tokio::select! {
                () = tokio::time::sleep_until(until) => Ok(()),
                () = pressed => Ok(()),
                () = self.events.closed() => Err(Stop),
            }
        };
        tokio::select! {
            waited = waiting => waited,
            _ = gone => Err(Stop),
        }
    }
}

async fn say(events: &mpsc::Sender<Event>, state: LinkState) -> Result<(), Stop> {
    events.send(Event::State(state)).await.map_err(|_| Stop)
}
