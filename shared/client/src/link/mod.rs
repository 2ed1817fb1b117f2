//! The WebSocket to a daemon that comes back by itself.
//!
//! [`connect`] spawns the task that dials, subscribes, reads and, when the connection breaks, waits and does it again,
//! going on where it was cut. `session` is one connection, `polling` the way round where no WebSocket comes through, `position` knows where to go on, `pulse` whether the other end
//! answers, `race` opens what an old attempt can't, `words` says for people why a connection is no more. Memory does not grow with a slow consumer: the channel of events is bounded, and while it
//! is full the socket is not read.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jobtop_core::proto::message::{Message, Welcome};
use jobtop_core::proto::request::Subscribe;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::endpoint::Endpoint;
use crate::rest::CallError;

mod polling;
mod position;
mod pulse;
mod race;
mod session;
mod words;

#[cfg(test)]
mod tests;

use polling::{Left, Polling};
use position::Positions;
use session::{NotOpen, Session};

/// How many events wait for the consumer before the socket is no longer read.
const EVENTS: usize = 256;
/// How many frames wait for the socket before more are refused.
const FRAMES: usize = 64;
/// So long a daemon that does not let us in is left alone at least: it would only say the same again.
const NOT_LET_IN: Duration = Duration::from_secs(10);

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
        /// What the daemon said of itself; by way of polling only its epoch and revision are known.
        welcome: Welcome,
        /// Why there is no feed and the daemon is asked again and again instead, for a person; `None` where there is one.
        polling: Option<String>,
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
    /// How often we ping, at least.
    pub ping_every: Duration,
    /// A peer of which nothing was heard for this long is gone.
    pub dead_after: Duration,
    /// While an attempt to connect over TCP, or an answer to a ping, takes longer than this, another connection is tried every so often
    /// beside it; `None` for never.
    pub overtake: Option<Duration>,
    /// Whether the daemon is asked again and again instead of its feed being taken.
    pub poll: bool,
}

impl Timing {
    /// For somebody who looks on: a peer that is gone is noticed within a few seconds, and one that is back within one.
    #[must_use]
    pub fn watched() -> Self {
        Self {
            backoff: Backoff {
                max: Duration::from_millis(900),
                ..Backoff::default()
            },
            ping_every: Duration::from_secs(5),
            dead_after: Duration::from_secs(12),
            overtake: Some(Duration::from_millis(500)),
            ..Self::default()
        }
    }

    /// How often we ping that endpoint. Where connections can be overtaken it is often: a network may be back before anybody has noticed
    /// that it was away, and then TCP alone knows, and waits for as long again.
    fn ping_every(&self, endpoint: &Endpoint) -> Duration {
        self.overtake(endpoint)
            .map_or(self.ping_every, |again| self.ping_every.min(4 * again))
    }

    /// When another connection is tried beside one to that endpoint: over ssh each is a login, and a Unix socket loses nothing.
    fn overtake(&self, endpoint: &Endpoint) -> Option<Duration> {
        self.overtake
            .filter(|_| matches!(endpoint, Endpoint::Tcp(_)))
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            backoff: Backoff::default(),
            dial: Duration::from_secs(5),
            ping_every: Duration::from_secs(30),
            dead_after: Duration::from_secs(60),
            overtake: None,
            poll: false,
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

/// An attempt that came to nothing.
struct Failed {
    /// Why, for a person.
    reason: String,
    /// Not before that is it tried again.
    not_before: Duration,
}

impl Failed {
    /// One that may be tried again as soon as the back-off allows it.
    const fn soon(reason: String) -> Self {
        Self {
            reason,
            not_before: Duration::ZERO,
        }
    }

    /// How long to leave a daemon alone that has answered with that status.
    const fn not_before(status: u16) -> Duration {
        match status {
            401 | 403 => NOT_LET_IN,
            _ => Duration::ZERO,
        }
    }
}

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
            let (failed, lived) = match self.attempt(attempt, &mut gone).await {
                Ok(lost) => lost,
                Err(Stop) => return,
            };
            let Failed { reason, not_before } = failed;
            failures = self.timing.backoff.failures_after(failures, lived);
            // Without random bits every client waits the longest: slower, never wrong.
            let random = getrandom::u64().unwrap_or(u64::MAX);
            let retry_in = self.timing.backoff.wait(failures, random).max(not_before);
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
    ) -> Result<(Failed, Duration), Stop> {
        let opening = async {
            say(&self.events, LinkState::Connecting { attempt }).await?;
            let again = self.timing.overtake(&self.endpoint);
            Ok(race::first(again, || self.open().boxed()).await)
        };
        let opened = tokio::select! {
            opened = opening => opened?,
            _ = &mut *gone => return Err(Stop),
        };
        let mut line = match opened {
            Ok(line) => line,
            Err(failed) => return Ok((failed, Duration::ZERO)),
        };
        let begun = Instant::now();
        loop {
            let (queue, frames) = mpsc::channel(FRAMES);
            // First the queue, then the news: who reads "connected" may send at once.
            self.present.send_replace(Some(queue));
            let ended = tokio::select! {
                ended = line.live(frames, &self.events, &mut self.positions, &self.timing) => ended,
                _ = &mut *gone => Err(Stop),
            };
            self.present.send_replace(None);
            match ended {
                Ok(Left::ForFeed(session, welcome)) => {
                    std::mem::replace(&mut line, Line::Feed(session, welcome)).left();
                }
                Ok(Left::Ended(reason)) => {
                    line.left();
                    return Ok((Failed::soon(reason), begun.elapsed()));
                }
                Err(Stop) => {
                    line.goodbye().await;
                    return Err(Stop);
                }
            }
        }
    }

    /// Opens the feed, or the way round it; or why neither.
    async fn open(&self) -> Result<Line, Failed> {
        if self.positions.is_empty() {
            return match Session::open_for_reports(&self.endpoint, &self.timing).await {
                Ok((session, welcome)) => Ok(Line::Feed(Box::new(session), welcome)),
                Err(not_open) => Err(not_open.failed()),
            };
        }
        let why = if self.timing.poll {
            "as was wished".to_owned()
        } else {
            match Session::open(&self.endpoint, &self.timing).await {
                Ok((session, welcome)) => return Ok(Line::Feed(Box::new(session), welcome)),
                Err(NotOpen::NoFeed(reason)) => reason,
                Err(not_open) => return Err(not_open.failed()),
            }
        };
        match Polling::open(&self.endpoint, &self.timing).await {
            Ok((polling, welcome)) => Ok(Line::Polling(Box::new(polling), welcome, why)),
            Err(CallError::Refused(problem)) => Err(Failed {
                not_before: Failed::not_before(problem.status),
                reason: CallError::Refused(problem).to_string(),
            }),
            Err(error) if self.timing.poll => Err(Failed::soon(error.to_string())),
            // What was wrong with the feed says more.
            Err(_) => Err(Failed::soon(why)),
        }
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

/// How the daemon is spoken to.
enum Line {
    Feed(Box<Session>, Welcome),
    Polling(Box<Polling>, Welcome, String),
}

impl Line {
    /// Carries frames and messages until the connection ends or nobody listens.
    async fn live(
        &mut self,
        frames: mpsc::Receiver<String>,
        events: &mpsc::Sender<Event>,
        positions: &mut Positions,
        timing: &Timing,
    ) -> Result<Left, Stop> {
        let (welcome, polling) = match self {
            Self::Feed(_, welcome) => (welcome.clone(), None),
            Self::Polling(_, welcome, why) => (welcome.clone(), Some(why.clone())),
        };
        say(events, LinkState::Connected { welcome, polling }).await?;
        match self {
            Self::Feed(session, _) => session.live(frames, events, positions, timing).await,
            Self::Polling(polling, ..) => polling.live(frames, events, positions, timing).await,
        }
    }

    /// It has come to its end.
    fn left(self) {
        if let Self::Feed(session, _) = self {
            session.left();
        }
    }

    /// Tells the peer that we go, if it still listens.
    async fn goodbye(&mut self) {
        if let Self::Feed(session, _) = self {
            session.goodbye().await;
        }
    }
}

async fn say(events: &mpsc::Sender<Event>, state: LinkState) -> Result<(), Stop> {
    events.send(Event::State(state)).await.map_err(|_| Stop)
}
