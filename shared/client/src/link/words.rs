//! Why there is no connection any more, in words for a person.

use jobtop_core::proto::body::Problem;
use jobtop_core::text;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::dial;
use crate::endpoint::Endpoint;

/// The handshake failed, or the connection broke.
pub(super) fn broken(endpoint: &Endpoint, error: &Error) -> String {
    match error {
        Error::Io(error) => dial::reason(endpoint, error),
        Error::Http(answer) => refused(endpoint, answer),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(
            ProtocolError::HandshakeIncomplete | ProtocolError::ResetWithoutClosingHandshake,
        ) => gone(endpoint),
        Error::Capacity(_) => format!("{endpoint} sent more than we take in one message"),
        other => {
            let said = other.to_string();
            format!(
                "{endpoint} does not speak our protocol: {}",
                text::clean_within(&said, 200)
            )
        }
    }
}

/// The peer ended the connection without a word.
pub(super) fn gone(endpoint: &Endpoint) -> String {
    format!("the connection to {endpoint} broke off")
}

/// The peer ended the connection with a word.
pub(super) fn closed(frame: Option<&CloseFrame>) -> String {
    let Some(frame) = frame else {
        return "the daemon closed the connection".to_owned();
    };
    let why = match frame.code {
        CloseCode::Away | CloseCode::Restart => "going down".to_owned(),
        CloseCode::Size => "a message of ours was too large".to_owned(),
        CloseCode::Again => "we read too slowly".to_owned(),
        code if frame.reason.is_empty() => format!("code {code}"),
        _ => text::clean_within(&frame.reason, 200).into_owned(),
    };
    format!("the daemon closed the connection ({why})")
}

/// An HTTP answer instead of an upgrade.
fn refused(endpoint: &Endpoint, answer: &Response) -> String {
    let status = answer.status();
    let said = answer
        .body()
        .as_deref()
        .and_then(|body| serde_json::from_slice::<Problem>(body).ok())
        .map(|problem| problem.detail)
        .filter(|detail| !detail.is_empty());
    let why = said.as_deref().or(status.canonical_reason()).unwrap_or("");
    format!(
        "{endpoint} refused the connection: {} {}",
        status.as_u16(),
        text::clean_within(why, 200)
    )
}
