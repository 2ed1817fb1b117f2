//! One WebSocket client: a reader that turns frames into commands, a writer that sends what is newest whenever the
//! socket is free. They share a small bounded queue; neither ever waits for another client.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use jobtop_core::access::Identity;
use jobtop_core::job::refusal::Refusal;
use jobtop_core::policy::Limits;
use jobtop_core::proto::body::NewJob;
use jobtop_core::proto::history::{AnalyticsAnswer, HistoryAnswer, HistoryWanted, StoreAnswer};
use jobtop_core::{Job, JobId, Status, Timestamp, UserId};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};

use super::hub::Hub;
use super::pace::Pace;
use super::reader::Reader;
use super::writer::Writer;
use crate::alerts::Alerts;
use crate::clock::Clock;
use crate::engine::command::{Command, ConnId, Link};
use crate::engine::handle::Handle;
use crate::engine::outcome::Process;
use crate::engine::{archived, create};
use crate::logs::Logs;
use crate::metrics::{Cut, Kind, Metrics};

/// Answers, notes and controls that may be on their way to one client.
const QUEUE: usize = 64;
/// How long a client that is being sent away may take to hear it.
const FAREWELL: Duration = Duration::from_secs(1);

/// Finds a job that is in the live set no more.
pub type Lookup =
    Arc<dyn Fn(JobId) -> Pin<Box<dyn Future<Output = Option<Arc<Job>>> + Send>> + Send + Sync>;

/// Finds the job that a user made with an idempotency key, once it is archived.
pub type Keyed = Arc<
    dyn Fn(UserId, Arc<str>) -> Pin<Box<dyn Future<Output = Option<Arc<Job>>> + Send>>
        + Send
        + Sync,
>;

/// Answers questions about finished jobs; what it refuses is the asker's mistake.
pub trait Past: Send + Sync {
    /// A page of them.
    fn history(&self, wanted: HistoryWanted, who: Identity) -> Answering<HistoryPage>;

    /// Figures about them.
    fn analytics(&self, wanted: HistoryWanted, who: Identity) -> Answering<AnalyticsAnswer>;

    /// What the store of them has.
    fn store(&self, who: &Identity) -> Result<StoreAnswer, Refusal>;
}

/// A page of finished jobs, as they were kept.
pub type HistoryPage = HistoryAnswer<Box<RawValue>>;

/// An answer to come.
pub type Answering<T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send>>;

/// What every session needs.
#[derive(Clone)]
pub struct Shared {
    /// The live set.
    pub hub: Arc<Hub>,
    /// The archive.
    pub lookup: Lookup,
    /// The archive, by idempotency key.
    pub keyed: Keyed,
    /// The archive, searched.
    pub past: Arc<dyn Past>,
    /// The captured output of jobs.
    pub logs: Logs,
    /// The engine.
    pub engine: Handle,
    /// The time.
    pub clock: Clock,
    /// What is too much.
    pub limits: Limits,
    /// What is wrong.
    pub alerts: Arc<Alerts>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How fast one identity may ask.
    pub pace: Arc<Pace>,
    /// Whether the feed is served; where it is not, connections are for reports alone.
    pub feed: watch::Receiver<bool>,
    /// Turns true when the daemon goes down: sessions say 1001 and end.
    pub closing: watch::Receiver<bool>,
}

impl Shared {
    /// Of the jobs to come after those that have left the live set: whoever completed is in nobody's way, whoever ended
    /// otherwise will always be.
    pub async fn settled(&self, who: &Identity, new: &NewJob) -> Result<Vec<JobId>, Refusal> {
        let mut settled = Vec::new();
        for text in &new.after {
            let old = match text.parse() {
                Ok(id) => self.archived(id).await,
                Err(_) => None,
            };
            let Some(old) = old else { continue };
            who.check_sees(&old.spec.user)?;
            if old.state.status != Status::Completed {
                return Err(create::never(old.id(), old.state.status));
            }
            settled.push(old.id());
        }
        Ok(settled)
    }

    /// A job that is in the live set no more: the engine does not know it, but it is still there.
    pub async fn archived(&self, id: JobId) -> Option<Arc<Job>> {
        if self.hub.get(id).is_some() {
            return None;
        }
        (self.lookup)(id).await
    }

    /// The answer to a key that was used before, for a job that is in the live set no more. Keys of the live set are
    /// the engine's affair.
    pub async fn repeated(
        &self,
        who: &Identity,
        new: &NewJob,
    ) -> Option<Result<Arc<Job>, Refusal>> {
        let key = new.idempotency_key.clone()?;
        let owner = archived::owner(who, new)?;
        let old = (self.keyed)(owner, key).await?;
        match self.hub.get(old.id()) {
            Some(_) => None,
            None => Some(archived::repeated(&old, new)),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("epoch", &self.hub.epoch())
            .finish_non_exhaustive()
    }
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who it speaks for.
    pub identity: Identity,
    /// Its process, on a Unix socket.
    pub process: Option<Process>,
    /// For how long it is let in; without one as long as it likes.
    pub pass: Option<Pass>,
    /// Whether the connection is for reports alone: it subscribes to nothing, and needs no feed.
    pub reports: bool,
}

/// What lets a client in, and ends.
#[derive(Clone, Debug)]
pub struct Pass {
    /// Turns true when it is revoked.
    pub revoked: watch::Receiver<bool>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// Clocks are set, so an end by the wall clock is looked at again this often.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

impl Pass {
    /// Waits until it holds no more. (`wait_for` gives a lock's guard, which is not to be held across an await.)
    pub(crate) async fn ended(mut self, clock: Clock) {
        let revoked = async {
            while !*self.revoked.borrow_and_update() {
                if self.revoked.changed().await.is_err() {
                    // The token is known no more, which is the same.
                    return;
                }
            }
        };
        let expired = async {
            let Some(end) = self.expires_at else {
                return std::future::pending().await;
            };
            loop {
                let left = end.ms_since(clock.now().wall);
                if left == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(left).min(LOOK_AGAIN)).await;
            }
        };
        tokio::select! {
            () = revoked => {}
            () = expired => {}
        }
    }
}

/// A message in more pieces than are read, as the stream below a session says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message comes in more pieces than are read")]
pub struct TooManyPieces;

impl TooManyPieces {
    /// Whether a read failed for that.
    pub(super) fn made(error: &std::io::Error) -> bool {
        let inner = error.get_ref();
        inner
            .and_then(|inner| inner.downcast_ref::<Self>())
            .is_some()
    }
}

/// One of the halves of a session: what it hears, what it says, and how long it may.
type Half<'a> = Pin<Box<dyn Future<Output = End> + Send + 'a>>;

/// Why a session ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The connection broke.
    Gone,
    /// The client said that it goes.
    Closed,
    /// Nothing was heard for too long.
    Silent,
    /// A message over the limit.
    TooLarge,
    /// A message in too many pieces.
    Fragments,
    /// Not a WebSocket's frame.
    Malformed,
    /// A text that is not UTF-8.
    NotText,
    /// The daemon goes down.
    Closing,
    /// What let it in holds no more.
    LetInNoMore,
    /// The feed is switched off.
    FeedDisabled,
}

/// The settings that every WebSocket of the daemon is made with.
#[must_use]
pub fn socket_config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(16 * 1024)
        .max_write_buffer_size(4 * 1024 * 1024)
        .max_message_size(Some(limits.message_bytes))
        .max_frame_size(Some(limits.message_bytes))
}

/// Serves a client until it goes away, goes silent for 60 s, or the daemon goes down.
pub async fn serve<S>(socket: WebSocketStream<S>, peer: Peer, shared: Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    static NEXT: AtomicU64 = AtomicU64::new(1);
    #[cfg(debug_assertions)]
    if super::echo::is_wanted() {
        let mut socket = socket;
        let end = super::echo::run(&mut socket).await;
        let _ = tokio::time::timeout(FAREWELL, say_goodbye(&mut socket, end)).await;
        return;
    }
    let conn = ConnId(NEXT.fetch_add(1, Ordering::Relaxed));
    let (answers, answered) = mpsc::channel(QUEUE);
    let (notes, to_say) = mpsc::channel(QUEUE);
    let (control, controls) = mpsc::channel(QUEUE);
    let metrics = Arc::clone(&shared.metrics);
    let _open = metrics.opened(Kind::Feed);
    let link = Link {
        conn,
        control,
        process: peer.process,
    };
    let (mut sink, mut stream) = socket.split();
    let mut reader = Reader::new(link, peer.identity.clone(), shared.clone(), answers, notes);
    let mut writer = Writer::new(
        conn,
        (peer.identity, peer.reports),
        shared.clone(),
        answered,
        to_say,
        controls,
    );

    let end = {
        // Each half is polled only when it was itself woken: what is sent to a viewer does not ask each time whether it
        // has said something. Whichever ends first ends the other: both only await where being dropped loses nothing
        // that was promised.
        let reading: Half<'_> = Box::pin(reader.run(&mut stream));
        let writing: Half<'_> = Box::pin(writer.run(&mut sink));
        let mut halves = FuturesUnordered::from_iter([reading, writing]);
        if !peer.reports {
            let mut feed = shared.feed.clone();
            halves.push(Box::pin(async move {
                while *feed.borrow_and_update() {
                    if feed.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                End::FeedDisabled
            }));
        }
        if let Some(pass) = peer.pass {
            let clock = shared.clock;
            halves.push(Box::pin(async move {
                pass.ended(clock).await;
                End::LetInNoMore
            }));
        }
        halves.next().await.unwrap_or(End::Gone)
    };
    if let Some(why) = end.cut() {
        shared.metrics.cut(why);
    }
    shared.hub.unwatch(conn);
    if reader.is_producer() {
        shared.engine.send(Command::Gone { conn }).await;
    }
    if let Ok(mut socket) = stream.reunite(sink) {
        let _ = tokio::time::timeout(FAREWELL, say_goodbye(&mut socket, end)).await;
    }
}

/// Says why, then reads what is still coming: closing a socket with unread bytes would tear the reason away.
async fn say_goodbye<S>(socket: &mut WebSocketStream<S>, end: End)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(frame) = end.farewell() else {
        if end == End::Closed {
            // The library has the answer to a goodbye ready: it only has to go out.
            let _ = socket.flush().await;
        }
        return;
    };
    if socket.send(Message::Close(Some(frame))).await.is_err() {
        return;
    }
    // The server ends the connection; a client may wait for that.
    if socket.get_mut().shutdown().await.is_err() {
        return;
    }
    let mut rest = [0_u8; 4096];
    while let Ok(1..) = socket.get_mut().read(&mut rest).await {}
}

impl End {
    /// As it is counted, where it was not the client's wish.
    fn cut(self) -> Option<Cut> {
        match self {
            Self::Gone | Self::Closed | Self::Closing => None,
            Self::Silent => Some(Cut::Silent),
            Self::TooLarge => Some(Cut::TooLarge),
            Self::Fragments => Some(Cut::Fragments),
            Self::Malformed | Self::NotText => Some(Cut::Malformed),
            Self::LetInNoMore => Some(Cut::LetInNoMore),
            Self::FeedDisabled => Some(Cut::FeedDisabled),
        }
    }

    fn farewell(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone | Self::Closed => return None,
            Self::Silent => (CloseCode::Policy, "nothing was heard for 60 seconds"),
            Self::TooLarge => (CloseCode::Size, "the message is over the limit"),
            Self::Fragments => (CloseCode::Size, "the message comes in too many pieces"),
            Self::FeedDisabled => (CloseCode::Away, "the feed is switched off"),
            Self::Malformed => (CloseCode::Protocol, "not readable as a WebSocket frame"),
            Self::NotText => (CloseCode::Invalid, "a text is not UTF-8"),
            Self::Closing => (CloseCode::Away, "the daemon is going down"),
            Self::LetInNoMore => (CloseCode::Policy, "the token holds no more"),
        };
        Some(CloseFrame {
            code,
            reason: reason.into(),
        })
    }
}
