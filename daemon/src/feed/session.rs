//! One WebSocket client.

use std::sync::Arc;

use jobtop_core::access::Identity;
use jobtop_core::policy::Limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::hub::Hub;
use crate::clock::Clock;
use crate::engine::handle::Handle;
use crate::engine::outcome::Process;

/// What every session needs.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The live set.
    pub hub: Arc<Hub>,
    /// The engine.
    pub engine: Handle,
    /// The time.
    pub clock: Clock,
    /// What is too much.
    pub limits: Limits,
    /// Turns true when the daemon goes down: sessions say 1001 and end.
    pub closing: watch::Receiver<bool>,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who it speaks for.
    pub identity: Identity,
    /// Its process, on a Unix socket.
    pub process: Option<Process>,
}

/// The settings that every WebSocket of the daemon is made with.
#[must_use]
pub fn socket_config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * 1024 * 1024)
        .max_message_size(Some(limits.message_bytes))
        .max_frame_size(Some(limits.message_bytes))
}

/// Serves a client until it goes away, goes silent for 60 s, or the daemon goes down.
pub async fn serve<S>(socket: WebSocketStream<S>, peer: Peer, shared: Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let _ = (socket, peer, shared);
    todo!()
}
