//! A WebSocket client that sends whatever a test wants and reads with a deadline.
//!
//! It knows nothing of the protocol's types: it is written from the manual's words, so that a change of the types that
//! breaks other people's clients breaks a test.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, HandshakeError, Message, WebSocket, client};

use crate::wait::DEADLINE;
use crate::wire::{Endpoint, Wire};

/// A connection.
pub struct Ws {
    socket: WebSocket<Wire>,
    wire: Wire,
    seen: VecDeque<Value>,
    requests: u64,
    /// The revision of the newest job message: they never go back.
    revision: u64,
}

/// What came next on a connection.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// A message.
    Message(Value),
    /// The end, with the code of a close frame if there was one.
    End(Option<u16>),
    /// Nothing, within the time.
    Silence,
}

impl Ws {
    /// Connects to `/progress` as a plain program does.
    pub fn connect(to: &Endpoint) -> Self {
        Self::try_connect(to, &[])
            .unwrap_or_else(|status| panic!("{to} refused a WebSocket: {status}"))
    }

    /// Connects with more headers; `Err` is the HTTP status of a refusal.
    pub fn try_connect(to: &Endpoint, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let host = to.host();
        let mut request = Request::builder()
            .uri(format!("ws://{host}/progress"))
            .header("Host", &host)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a well-formed request");
        let wire = to.connect().unwrap_or_else(|error| panic!("{to}: {error}"));
        wire.set_read_timeout(Some(DEADLINE))
            .expect("a timeout can be set");
        wire.set_write_timeout(Some(DEADLINE))
            .expect("a timeout can be set");
        let second = wire.try_clone().expect("a second handle");
        match client(request, wire) {
            Ok((socket, _)) => Ok(Self {
                socket,
                wire: second,
                seen: VecDeque::new(),
                requests: 0,
                revision: 0,
            }),
            Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
            Err(error) => panic!("{to}: {error}"),
        }
    }

    /// Reads the greeting.
    pub fn welcome(&mut self) -> Value {
        self.expect("welcome")
    }

    /// Sends a message.
    pub fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string());
    }

    /// Sends a text frame.
    pub fn send_text(&mut self, text: &str) {
        self.send_frame(Message::text(text.to_owned()));
    }

    /// Sends any frame.
    pub fn send_frame(&mut self, frame: Message) {
        self.socket.send(frame).expect("a frame can be sent");
    }

    /// Sends any frame, if the connection still takes it.
    pub fn try_send_frame(&mut self, frame: Message) -> bool {
        self.socket.send(frame).is_ok()
    }

    /// Sends bytes that need not be a frame.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.wire.write_all(bytes).expect("bytes can be sent");
    }

    /// The same, as much of them as the connection still takes.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.wire.write_all(bytes);
    }

    /// How long what is sent may wait to be taken.
    pub fn patience(&mut self, time: Duration) {
        self.wire
            .set_write_timeout(Some(time))
            .expect("a timeout can be set");
    }

    /// Whatever comes next, within `time`.
    pub fn next_within(&mut self, time: Duration) -> Next {
        if let Some(message) = self.seen.pop_front() {
            return Next::Message(message);
        }
        self.read_within(time)
    }

    /// The next message of that type. Others are passed over, but an `error` that nobody expects fails the test.
    pub fn expect(&mut self, kind: &str) -> Value {
        self.find(kind, |message| message["type"] == kind)
    }

    /// The next message that fits. Others are passed over, but an `error` that does not fit fails the test.
    pub fn find(&mut self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Value {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.next_within(end.saturating_duration_since(Instant::now())) {
                Next::Message(message) if fits(&message) => return message,
                Next::Message(message) if message["type"] == "error" => {
                    panic!("waited for {what}, was told {message}")
                }
                Next::Message(_) => {}
                other => panic!("waited for {what}, but: {other:?}"),
            }
        }
    }

    /// The next state of that job that fits, from a snapshot or an update; either way with its id as `jobId`.
    pub fn job(&mut self, id: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.next_within(end.saturating_duration_since(Instant::now())) {
                Next::Message(message) => {
                    let state = match message["type"].as_str() {
                        Some("job_update") => message,
                        Some("job_snapshot") => {
                            let mut job = message["job"].clone();
                            job["jobId"] = job["id"].clone();
                            job
                        }
                        _ => continue,
                    };
                    if state["jobId"] == id && fits(&state) {
                        return state;
                    }
                }
                other => panic!("waited for {id} to be {what}, but: {other:?}"),
            }
        }
    }

    /// Sends a request and waits for its `ok` or `error`; everything else that comes is kept for later.
    pub fn request(&mut self, mut message: Value) -> Value {
        self.requests += 1;
        let id = format!("r{}", self.requests);
        message["requestId"] = json!(id);
        self.send(&message);
        let end = Instant::now() + DEADLINE;
        loop {
            match self.read_within(end.saturating_duration_since(Instant::now())) {
                Next::Message(answer) if answer["requestId"] == id => return answer,
                Next::Message(other) => self.seen.push_back(other),
                other => panic!("waited for the answer to {message}, but: {other:?}"),
            }
        }
    }

    /// Sends a request that is to succeed.
    pub fn ok(&mut self, message: Value) -> Value {
        let shown = message.to_string();
        let answer = self.request(message);
        assert_eq!(answer["type"], "ok", "{shown} was answered {answer}");
        answer
    }

    /// Sends a request that is to be refused; gives back the code.
    pub fn refused(&mut self, message: Value) -> String {
        let shown = message.to_string();
        let answer = self.request(message);
        assert_eq!(answer["type"], "error", "{shown} was answered {answer}");
        assert!(
            answer["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{answer}"
        );
        answer["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Subscribes, with more members than the channel where given, and waits for the confirmation.
    pub fn subscribe(&mut self, channel: &str, more: &Value) -> Value {
        let mut message = json!({"type": "subscribe", "channel": channel});
        if let (Some(message), Some(more)) = (message.as_object_mut(), more.as_object()) {
            message.extend(more.clone());
        }
        self.send(&message);
        self.find("subscribed", |said| {
            said["type"] == "subscribed" && said["channel"] == channel
        })
    }

    /// Shows that the connection lives and that all before it has been answered: a `ping` and its `pong`. What came in
    /// between is given back.
    pub fn settle(&mut self) -> Vec<Value> {
        self.send(&json!({"type": "ping"}));
        let mut between = Vec::new();
        let end = Instant::now() + DEADLINE;
        loop {
            match self.next_within(end.saturating_duration_since(Instant::now())) {
                Next::Message(message) if message["type"] == "pong" => return between,
                Next::Message(message) => between.push(message),
                other => panic!("waited for a pong, but: {other:?}"),
            }
        }
    }

    /// Reads on to the end of the connection; gives back the code of the close frame.
    pub fn end(&mut self) -> Option<u16> {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.next_within(end.saturating_duration_since(Instant::now())) {
                Next::Message(_) => {}
                Next::End(code) => return code,
                Next::Silence => panic!("waited for the end of the connection"),
            }
        }
    }

    /// Waits until the other side has ended the connection, with nothing said or closed on this one.
    pub fn ended_by_the_other(&mut self) {
        self.wire
            .set_read_timeout(Some(DEADLINE))
            .expect("a timeout can be set");
        let rest = self.wire.read_to_end(&mut Vec::new());
        assert!(
            rest.is_ok(),
            "waited for the end of the connection: {rest:?}"
        );
    }

    /// Ends the connection without a word, as a crash of this client would.
    pub fn cut(self) {
        self.wire.shutdown(Shutdown::Both);
    }

    fn read_within(&mut self, time: Duration) -> Next {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // Zero would mean for ever.
            let left = left.max(Duration::from_millis(1));
            self.wire
                .set_read_timeout(Some(left))
                .expect("a timeout can be set");
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let message = serde_json::from_str(&text).unwrap_or_else(|error| {
                        panic!("{error} in a frame of the daemon's: {text}")
                    });
                    self.check_order(&message);
                    return Next::Message(message);
                }
                Ok(Message::Close(frame)) => {
                    return Next::End(frame.map(|frame| u16::from(frame.code)));
                }
                Ok(Message::Binary(bytes)) => {
                    panic!("the daemon sent a binary frame of {} bytes", bytes.len())
                }
                Ok(_) => {}
                Err(Error::Io(error))
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) =>
                {
                    if Instant::now() >= end {
                        return Next::Silence;
                    }
                }
                Err(
                    Error::ConnectionClosed
                    | Error::AlreadyClosed
                    | Error::Io(_)
                    | Error::Protocol(_),
                ) => {
                    return Next::End(None);
                }
                Err(error) => panic!("reading a frame: {error}"),
            }
        }
    }

    /// On one connection the revisions of job messages never go back.
    fn check_order(&mut self, message: &Value) {
        let revision = match message["type"].as_str() {
            Some("job_update" | "job_removed") => &message["revision"],
            Some("job_snapshot") => &message["job"]["revision"],
            _ => return,
        };
        let revision = revision
            .as_u64()
            .unwrap_or_else(|| panic!("no revision in {message}"));
        assert!(
            revision >= self.revision,
            "revisions went back from {} to {message}",
            self.revision
        );
        self.revision = revision;
    }
}

/// The code of a message that was too large.
pub const TOO_LARGE: u16 = 1009;

impl std::fmt::Debug for Ws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ws")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

/// A close frame as a client sends it.
pub fn close(code: u16) -> Message {
    Message::Close(Some(tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: CloseCode::from(code),
        reason: "".into(),
    }))
}
