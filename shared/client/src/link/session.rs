//! One connection: the handshake, the subscriptions, then reading and writing side by side until one of them ends.

use std::future::pending;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use hyper::header::AUTHORIZATION;
use jobtop_core::proto::FEED_PATH;
use jobtop_core::proto::message::{Message, Welcome};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::polling::Left;
use super::position::Positions;
use super::pulse::Pulse;
use super::{Event, Failed, LinkState, Stop, Timing, race, say, words};
use crate::dial::{self, Stream, dial};
use crate::endpoint::Endpoint;
use crate::requests;

/// Largest message that is read. The daemon's largest is a page of a listing, every `config` at its limit.
const MAX_MESSAGE: usize = 64 << 20;
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<Box<dyn Stream>>;

/// Why a connection did not come about.
pub(super) enum NotOpen {
    /// The daemon was not reached.
    Unreached(String),
    /// The daemon does not want us, and not before that.
    Refused(String, Duration),
    /// Somebody answers there, but no WebSocket comes through.
    NoFeed(String),
}

impl NotOpen {
    /// That the link did not come about: why, and when it may be tried again.
    pub(super) fn failed(self) -> Failed {
        match self {
            Self::Unreached(reason) | Self::NoFeed(reason) => Failed::soon(reason),
            Self::Refused(reason, not_before) => Failed { reason, not_before },
        }
    }
}

/// An open connection.
pub(super) struct Session {
    endpoint: Endpoint,
    sink: SplitSink<Socket, Frame>,
    stream: SplitStream<Socket>,
    pulse: Pulse,
    /// Nothing is heard of the other end any more.
    is_silent: bool,
}

impl Session {
    /// Connects and waits for the daemon's `welcome`; or why not.
    pub(super) async fn open(
        endpoint: &Endpoint,
        timing: &Timing,
    ) -> Result<(Self, Welcome), NotOpen> {
        Self::open_for(endpoint, timing, FEED_PATH).await
    }

    /// The same for reports alone, which needs no feed.
    pub(super) async fn open_for_reports(
        endpoint: &Endpoint,
        timing: &Timing,
    ) -> Result<(Self, Welcome), NotOpen> {
        Self::open_for(endpoint, timing, &format!("{FEED_PATH}?for=reports")).await
    }

    async fn open_for(
        endpoint: &Endpoint,
        timing: &Timing,
        path: &str,
    ) -> Result<(Self, Welcome), NotOpen> {
        let byte_stream = dial(endpoint, timing.dial)
            .await
            .map_err(|error| NotOpen::Unreached(dial::reason(endpoint, &error)))?;
        timeout(timing.dial, Self::shake_hands(endpoint, byte_stream, path))
            .await
            .unwrap_or_else(|_| Err(NotOpen::NoFeed(format!("no answer from {endpoint}"))))
    }

    async fn shake_hands(
        endpoint: &Endpoint,
        byte_stream: Box<dyn Stream>,
        path: &str,
    ) -> Result<(Self, Welcome), NotOpen> {
        let broken = |error| NotOpen::NoFeed(words::broken(endpoint, &error));
        let mut request = format!("ws://{}{path}", endpoint.authority())
            .into_client_request()
            .map_err(broken)?;
        if let Some(authorization) = endpoint.authorization() {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        let (socket, _) = client_async_with_config(request, byte_stream, Some(config()))
            .await
            .map_err(|error| match &error {
                // By HTTP it would be the same.
                Error::Http(answer) if matches!(answer.status().as_u16(), 401 | 403 | 429) => {
                    let not_before = Failed::not_before(answer.status().as_u16());
                    NotOpen::Refused(words::broken(endpoint, &error), not_before)
                }
                _ => broken(error),
            })?;
        let (sink, stream) = socket.split();
        let mut session = Self {
            endpoint: endpoint.clone(),
            sink,
            stream,
            pulse: Pulse::new(),
            is_silent: false,
        };
        loop {
            match session.stream.next().await {
                Some(Ok(Frame::Text(text))) => match Message::read(&text) {
                    Ok(Message::Welcome(welcome)) => return Ok((session, welcome)),
                    // A daemon says welcome first; whatever else comes before it is not for us.
                    Ok(_) => {}
                    Err(_) => {
                        let reason = format!("{endpoint} is no jobtop daemon");
                        return Err(NotOpen::Unreached(reason));
                    }
                },
                Some(Ok(Frame::Close(frame))) => {
                    return Err(NotOpen::Unreached(words::closed(frame.as_ref())));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(error)),
                None => return Err(NotOpen::NoFeed(words::gone(endpoint))),
            }
        }
    }

    /// Subscribes, then carries frames and messages until the connection ends or nobody listens.
    pub(super) async fn live(
        &mut self,
        frames: mpsc::Receiver<String>,
        events: &mpsc::Sender<Event>,
        positions: &mut Positions,
        timing: &Timing,
    ) -> Result<Left, Stop> {
        let asked: Vec<String> = positions
            .to_ask()
            .map(|wanted| requests::subscribe(&wanted))
            .collect();
        // Answers to what the peer asks of us go the same way as what the owner sends.
        let (answers, answered) = mpsc::channel(4);
        let to = Out {
            sink: &mut self.sink,
            pulse: &self.pulse,
            timing,
            ping_every: timing.ping_every(&self.endpoint),
        };
        let from = In {
            stream: &mut self.stream,
            pulse: &self.pulse,
            timing,
        };
        let writing = to.write(asked, frames, answered);
        let reading = from.read(events, positions, answers);
        // Side by side in one task: neither waits for the other, so two full buffers can't hold each other up.
        let end = tokio::select! {
            read = reading => read?,
            end = writing => end,
            (session, welcome) = overtaken(&self.endpoint, &self.pulse, timing) => {
                self.is_silent = true;
                // What was asked on this connection is not answered on the other.
                say(events, LinkState::Connecting { attempt: 1 }).await?;
                return Ok(Left::ForFeed(Box::new(session), welcome));
            }
        };
        self.is_silent = matches!(end, End::Silent(_));
        Ok(Left::Ended(end.in_words(&self.endpoint)))
    }

    /// It has come to its end. What the network still keeps of what was asked on it is not to be done later: nobody waits for it any more.
    pub(super) fn left(self) {
        if self.is_silent
            && let Ok(socket) = self.sink.reunite(self.stream)
        {
            socket.get_ref().give_up();
        }
    }

    /// Tells the peer that we go, if it still listens.
    pub(super) async fn goodbye(&mut self) {
        let _ = timeout(GOODBYE, self.sink.send(Frame::Close(None))).await;
    }
}

/// Small buffers, because a machine may hold many links; a bound on what waits to be written.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(4 << 10)
        .max_write_buffer_size(1 << 20)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

/// How a connection ends, before it is put into words.
enum End {
    Closed(String),
    Broken(Box<tokio_tungstenite::tungstenite::Error>),
    Gone,
    Silent(Duration),
}

impl End {
    fn in_words(self, endpoint: &Endpoint) -> String {
        match self {
            Self::Closed(reason) => reason,
            Self::Broken(error) => words::broken(endpoint, &error),
            Self::Gone => words::gone(endpoint),
            Self::Silent(how_long) => format!("nothing heard for {} s", how_long.as_secs_f64()),
        }
    }
}

/// Waits until an answer is late and another connection gets through: this one is not worth waiting for any more.
async fn overtaken(endpoint: &Endpoint, pulse: &Pulse, timing: &Timing) -> (Session, Welcome) {
    let Some(again) = timing.overtake(endpoint) else {
        return pending().await;
    };
    loop {
        pulse.faint(2 * again).await;
        let other = async {
            loop {
                let opened =
                    race::first(Some(again), || Session::open(endpoint, timing).boxed()).await;
                match opened {
                    Ok(opened) => return opened,
                    Err(_) => sleep(again).await,
                }
            }
        };
        tokio::select! {
            opened = other => return opened,
            () = pulse.beats() => {}
        }
    }
}

/// What comes in.
struct In<'a> {
    stream: &'a mut SplitStream<Socket>,
    pulse: &'a Pulse,
    timing: &'a Timing,
}

impl In<'_> {
    async fn read(
        self,
        events: &mpsc::Sender<Event>,
        positions: &mut Positions,
        answers: mpsc::Sender<String>,
    ) -> Result<End, Stop> {
        loop {
            self.pulse.listens();
            let heard = tokio::select! {
                heard = timeout(self.timing.dead_after, self.stream.next()) => heard,
                // An idle link ends too when nobody listens any more.
                () = events.closed() => return Err(Stop),
            };
            if heard.is_ok() {
                self.pulse.heard();
            }
            let text = match heard {
                Err(_) => return Ok(End::Silent(self.timing.dead_after)),
                Ok(None) => return Ok(End::Gone),
                Ok(Some(Err(error))) => return Ok(End::Broken(Box::new(error))),
                Ok(Some(Ok(Frame::Close(frame)))) => {
                    return Ok(End::Closed(words::closed(frame.as_ref())));
                }
                Ok(Some(Ok(Frame::Text(text)))) => text,
                // The peer's pings are answered by the library on the next read.
                Ok(Some(Ok(_))) => continue,
            };
            match Message::read(&text) {
                Ok(Message::Ping) => {
                    // With the queue full there is traffic enough to show that we live.
                    let _ = answers.try_send(requests::pong());
                }
                Ok(message) => {
                    positions.see(&message);
                    if events.send(Event::Message(message)).await.is_err() {
                        return Err(Stop);
                    }
                }
                Err(error) => tracing::warn!(%error, "a message that can't be understood"),
            }
        }
    }
}

/// What goes out.
struct Out<'a> {
    sink: &'a mut SplitSink<Socket, Frame>,
    pulse: &'a Pulse,
    timing: &'a Timing,
    ping_every: Duration,
}

impl Out<'_> {
    async fn write(
        mut self,
        first: Vec<String>,
        mut frames: mpsc::Receiver<String>,
        mut answers: mpsc::Receiver<String>,
    ) -> End {
        for text in first {
            if let Err(end) = self.send(Frame::text(text)).await {
                return end;
            }
        }
        let mut pings = interval_at(
            tokio::time::Instant::now() + self.ping_every,
            self.ping_every,
        );
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let frame = tokio::select! {
                Some(text) = frames.recv() => Frame::text(text),
                Some(text) = answers.recv() => Frame::text(text),
                _ = pings.tick() => {
                    self.pulse.asked();
                    Frame::Ping(Bytes::new())
                }
            };
            if let Err(end) = self.send(frame).await {
                return end;
            }
        }
    }

    async fn send(&mut self, frame: Frame) -> Result<(), End> {
        match timeout(self.timing.dead_after, self.sink.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(End::Broken(Box::new(error))),
            Err(_) => Err(End::Silent(self.timing.dead_after)),
        }
    }
}
