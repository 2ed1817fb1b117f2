//! One connection: the handshake, the subscriptions, then reading and writing side by side until one of them ends.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::header::AUTHORIZATION;
use jobtop_core::proto::FEED_PATH;
use jobtop_core::proto::message::{Message, Welcome};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::position::Positions;
use super::{Event, Stop, Timing, words};
use crate::dial::{self, Stream, dial};
use crate::endpoint::Endpoint;
use crate::requests;

/// Largest message that is read. The daemon's largest is a page of a listing, every `config` at its limit.
const MAX_MESSAGE: usize = 64 << 20;
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<Box<dyn Stream>>;

/// Why a connection is no more, for a person.
pub(super) struct Ended(pub(super) String);

/// Why a connection did not come about.
pub(super) enum NotOpen {
    /// The daemon was not reached, or does not want us.
    Unreached(String),
    /// Somebody answers there, but no WebSocket comes through.
    NoFeed(String),
}

impl NotOpen {
    /// Why, for a person.
    pub(super) fn reason(self) -> String {
        match self {
            Self::Unreached(reason) | Self::NoFeed(reason) => reason,
        }
    }
}

/// An open connection.
pub(super) struct Session {
    endpoint: Endpoint,
    sink: SplitSink<Socket, Frame>,
    stream: SplitStream<Socket>,
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
                    NotOpen::Unreached(words::broken(endpoint, &error))
                }
                _ => broken(error),
            })?;
        let (sink, stream) = socket.split();
        let mut session = Self {
            endpoint: endpoint.clone(),
            sink,
            stream,
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
    ) -> Result<Ended, Stop> {
        let asked: Vec<String> = positions
            .to_ask()
            .map(|wanted| requests::subscribe(&wanted))
            .collect();
        // Answers to what the peer asks of us go the same way as what the owner sends.
        let (answers, answered) = mpsc::channel(4);
        let writing = write(&mut self.sink, asked, frames, answered, timing);
        let reading = read(&mut self.stream, events, positions, answers, timing);
        // Side by side in one task: neither waits for the other, so two full buffers can't hold each other up.
        tokio::select! {
            read = reading => read.map(|end| Ended(end.in_words(&self.endpoint))),
            end = writing => Ok(Ended(end.in_words(&self.endpoint))),
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

async fn read(
    stream: &mut SplitStream<Socket>,
    events: &mpsc::Sender<Event>,
    positions: &mut Positions,
    answers: mpsc::Sender<String>,
    timing: &Timing,
) -> Result<End, Stop> {
    loop {
        let heard = tokio::select! {
            heard = timeout(timing.dead_after, stream.next()) => heard,
            // An idle link ends too when nobody listens any more.
            () = events.closed() => return Err(Stop),
        };
        let text = match heard {
            Err(_) => return Ok(End::Silent(timing.dead_after)),
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

async fn write(
    sink: &mut SplitSink<Socket, Frame>,
    first: Vec<String>,
    mut frames: mpsc::Receiver<String>,
    mut answers: mpsc::Receiver<String>,
    timing: &Timing,
) -> End {
    for text in first {
        if let Err(end) = send(sink, Frame::text(text), timing).await {
            return end;
        }
    }
    let mut pings = interval_at(
        tokio::time::Instant::now() + timing.ping_every,
        timing.ping_every,
    );
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let frame = tokio::select! {
            Some(text) = frames.recv() => Frame::text(text),
            Some(text) = answers.recv() => Frame::text(text),
            _ = pings.tick() => Frame::Ping(Bytes::new()),
        };
        if let Err(end) = send(sink, frame, timing).await {
            return end;
        }
    }
}

async fn send(
    sink: &mut SplitSink<Socket, Frame>,
    frame: Frame,
    timing: &Timing,
) -> Result<(), End> {
    match timeout(timing.dead_after, sink.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(End::Broken(Box::new(error))),
        Err(_) => Err(End::Silent(timing.dead_after)),
    }
}
