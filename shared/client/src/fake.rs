//! A daemon for tests: says what it is told to say, on a Unix socket of its own.

use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::backoff::Backoff;
use crate::endpoint::Endpoint;
use crate::link::Timing;

/// Whatever is waited for in a test comes well within this.
const DEADLINE: Duration = Duration::from_secs(10);

/// Waits for what must happen.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what)
        .await
        .expect("it should have happened by now")
}

/// Times that do not keep a test waiting.
pub(crate) fn brisk() -> Timing {
    Timing {
        backoff: Backoff {
            first: Duration::from_millis(2),
            max: Duration::from_millis(20),
            min: Duration::from_millis(1),
            ..Backoff::default()
        },
        ..Timing::default()
    }
}

/// A listening socket.
pub(crate) struct Fake {
    listener: UnixListener,
    dir: TempDir,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let listener = UnixListener::bind(dir.path().join("d.sock")).unwrap();
        Self { listener, dir }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.dir.path().join("d.sock"))
    }

    /// The next connection, not yet upgraded.
    pub(crate) async fn accept_raw(&self) -> UnixStream {
        soon(self.listener.accept()).await.unwrap().0
    }

    /// The next connection, welcomed.
    pub(crate) async fn accept(&self) -> Peer {
        let stream = self.accept_raw().await;
        let socket = soon(tokio_tungstenite::accept_async(stream)).await.unwrap();
        Peer(socket).welcomed().await
    }

    /// The next connection, and the head of the request on it.
    pub(crate) async fn asked(&self) -> (UnixStream, String) {
        let mut stream = self.accept_raw().await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(stream.read_u8()).await.unwrap());
        }
        (stream, String::from_utf8(head).unwrap())
    }

    /// Answers one HTTP request with those bytes; gives back the request's head.
    pub(crate) async fn answer(&self, answer: &str) -> String {
        let (mut stream, head) = self.asked().await;
        soon(stream.write_all(answer.as_bytes())).await.unwrap();
        head
    }
}

/// One client of the fake's.
pub(crate) struct Peer(pub(crate) WebSocketStream<UnixStream>);

impl Peer {
    /// Upgrades a connection whose request was read already.
    pub(crate) async fn upgrade((mut stream, head): (UnixStream, String)) -> Self {
        let key = (head.lines())
            .filter_map(|line| line.split_once(": "))
            .find_map(|(name, value)| {
                name.eq_ignore_ascii_case("sec-websocket-key")
                    .then_some(value)
            });
        let accept = derive_accept_key(key.unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        soon(stream.write_all(answer.as_bytes())).await.unwrap();
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        Self(socket).welcomed().await
    }

    async fn welcomed(mut self) -> Self {
        self.say(json!({"type": "welcome", "clientId": "c1", "protocol": 1, "epoch": 7}))
            .await;
        self
    }

    pub(crate) async fn say(&mut self, message: Value) {
        let frame = Frame::text(message.to_string());
        soon(self.0.send(frame)).await.unwrap();
    }

    /// The next text frame; `None` when the client closed.
    pub(crate) async fn hear_any(&mut self) -> Option<Value> {
        loop {
            match soon(self.0.next()).await? {
                Ok(Frame::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Frame::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next text frame, which is of that type.
    pub(crate) async fn hear(&mut self, kind: &str) -> Value {
        let heard = self.hear_any().await.expect("a frame, not the end");
        assert_eq!(heard["type"], kind, "{heard}");
        heard
    }
}
