//! In a build for tests a session that says back what it hears, where `JOBTOP_ECHO=1` asks for it: test suites of the protocol expect
//! that of a server. Around it all is as ever: the door, the upgrade, the limits, the reasons for an end and how it is said.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;

use super::reader::heard;
use super::session::End;

/// Whether it is asked for.
pub(super) fn is_wanted() -> bool {
    std::env::var_os("JOBTOP_ECHO").is_some_and(|wanted| wanted == "1")
}

/// Says back what it hears to the end.
pub(super) async fn run<S>(socket: &mut WebSocketStream<S>) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let message = match heard(socket.next().await) {
            Ok(Some(message)) => message,
            Ok(None) => continue,
            Err(end) => return end,
        };
        if socket.send(message).await.is_err() {
            return End::Gone;
        }
    }
}
