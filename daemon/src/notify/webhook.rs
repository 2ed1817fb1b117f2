//! A hook that is an address: one `POST` to it. Every attempt has a connection of its own; redirections are not followed.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use jobtop_client::tls::{self, Doubt, Trust};
use jobtop_core::text;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::payload::Delivery;
use super::queue::Verdict;
use crate::config::Secret;

/// So much of an answer is kept for whoever tests the hook.
const KEPT: usize = 4 * 1024;
/// How long the body of an answer is waited for: what counts is its status.
const BODY: Duration = Duration::from_secs(2);

/// What came of it.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) verdict: Verdict,
    pub(super) status: Option<u16>,
    /// The beginning of the answer.
    pub(super) said: Vec<u8>,
}

/// Where it goes, without what may be secret in an address.
pub(super) fn shown(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}")
}

/// The signature of a body, as it stands in its header.
pub(super) fn signature(secret: &Secret, body: &[u8]) -> String {
    use std::fmt::Write as _;
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&secret.0) else {
        return String::new();
    };
    mac.update(body);
    let mut said = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        let _ = write!(said, "{byte:02x}");
    }
    said
}

/// Sends it and waits for the answer.
pub(super) async fn post(
    uri: &Uri,
    secret: Option<&Secret>,
    delivery: &Delivery,
    limit: Duration,
) -> Posted {
    let failed = |why: String| Posted {
        verdict: Verdict::Later(why, None),
        status: None,
        said: Vec::new(),
    };
    match timeout(limit, exchange(uri, secret, delivery)).await {
        Ok(Ok(posted)) => posted,
        Ok(Err(why)) => failed(why),
        Err(_) => failed(format!(
            "{} did not answer within {} s",
            shown(uri),
            limit.as_secs_f64()
        )),
    }
}

async fn exchange(
    uri: &Uri,
    secret: Option<&Secret>,
    delivery: &Delivery,
) -> Result<Posted, String> {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let unreached = |error: io::Error| unreached(uri, &error);
    let stream = TcpStream::connect((bare, port)).await.map_err(unreached)?;
    if !is_tls {
        return speak(stream, uri, secret, delivery).await;
    }
    // Reading this machine's authorities takes a moment, and files.
    let connector = tokio::task::spawn_blocking(|| tls::connector(Trust::Authorities));
    let connector = connector
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
        .map_err(unreached)?;
    let stream = tls::over(&connector, stream, bare)
        .await
        .map_err(unreached)?;
    speak(stream, uri, secret, delivery).await
}

async fn speak<S>(
    stream: S,
    uri: &Uri,
    secret: Option<&Secret>,
    delivery: &Delivery,
) -> Result<Posted, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let broke = |error: hyper::Error| {
        format!(
            "the connection to {} broke: {}",
            shown(uri),
            text::clean_within(&error.to_string(), 200)
        )
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broke)?;
    let body = Bytes::copy_from_slice(delivery.body.as_bytes());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(path)
        .header(
            HOST,
            uri.authority().map_or("", |authority| authority.as_str()),
        )
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("jobtopd/", env!("CARGO_PKG_VERSION")))
        .header("X-Jobtop-Event", &*delivery.event)
        .header("X-Jobtop-Delivery", &*delivery.id);
    if let Some(secret) = secret {
        request = request.header("X-Jobtop-Signature", signature(secret, &body));
    }
    let request = request
        .body(Full::new(body))
        .map_err(|error| format!("this can't be sent: {error}"))?;
    let exchanged = async {
        let answer = sender.send_request(request).await.map_err(broke)?;
        Ok(heard(uri, answer).await)
    };
    // The connection has to be driven while we wait; what it has to say itself, the exchange says too.
    let driven = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        posted = exchanged => posted,
        never = driven => never,
    }
}

async fn heard(uri: &Uri, answer: Response<Incoming>) -> Posted {
    let status = answer.status();
    let seconds = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut said = Vec::new();
    let mut body = answer.into_body();
    let beginning = async {
        while said.len() < KEPT
            && let Some(Ok(frame)) = body.frame().await
        {
            if let Some(part) = frame.data_ref() {
                said.extend_from_slice(&part[..part.len().min(KEPT - said.len())]);
            }
        }
    };
    let _ = timeout(BODY, beginning).await;
    Posted {
        verdict: judge(uri, status, seconds.map(Duration::from_secs)),
        status: Some(status.as_u16()),
        said,
    }
}

fn judge(uri: &Uri, status: StatusCode, pause: Option<Duration>) -> Verdict {
    let why = format!("{} answered {status}", shown(uri));
    match status.as_u16() {
        200..=299 => Verdict::Told,
        408 | 425 | 429 | 500..=599 => Verdict::Later(why, pause),
        300..=399 => Verdict::Never(format!("{why}, and a webhook follows no redirection")),
        _ => Verdict::Never(why),
    }
}

fn unreached(uri: &Uri, error: &io::Error) -> String {
    let said = match Doubt::of(error) {
        Some(Doubt::Unknown { .. }) => {
            "no authority that this machine trusts vouches for its certificate and name".to_owned()
        }
        _ => text::clean_within(&error.to_string(), 200).into_owned(),
    };
    format!("{} can't be reached: {said}", shown(uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        for (key, body, hex) in [
            (
                vec![0x0b; 20],
                "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            let said = signature(&Secret(key), body.as_bytes());
            assert_eq!(said, format!("sha256={hex}"));
        }
    }

    #[test]
    fn which_answers_are_tried_again() {
        let uri: Uri = "https://h.example:8443/secret/path".parse().unwrap();
        for (status, again) in [
            (204, None),
            (302, Some(false)),
            (400, Some(false)),
            (404, Some(false)),
            (410, Some(false)),
            (408, Some(true)),
            (429, Some(true)),
            (500, Some(true)),
            (503, Some(true)),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let (found, why) = match judge(&uri, status, None) {
                Verdict::Told => (None, String::new()),
                Verdict::Later(why, _) => (Some(true), why),
                Verdict::Never(why) => (Some(false), why),
            };
            assert_eq!(found, again, "{status}");
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
