//! One client: its HTTP requests one after another, and then, if it asks for it, its WebSocket. All in one task.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    CACHE_CONTROL, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jobtop_core::UserId;
use jobtop_core::job::refusal::{Code, Refusal};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::guard::Via;
use super::patience::Patient;
use super::problem::Refused;
use super::{Site, going_down};
use crate::feed::session::{Peer, serve, socket_config};

/// How long a client may take to send the head of a request, and stay silent between two. Not a round number: who polls
/// every five or ten seconds should not meet the end of its connection each time.
const HEAD_TIME: Duration = Duration::from_secs(7);
/// How long a client may take nothing of its answer.
const TAKING: Duration = Duration::from_secs(30);
/// How long a client that may not stay has to ask and to hear it.
const TURNING_AWAY: Duration = Duration::from_secs(2);
/// The largest head; there are at most 100 headers in it, which is hyper's own limit.
const HEAD_BYTES: usize = 16 * 1024;
/// What is read at once, and kept of what a slow client has not taken.
const BUFFER_BYTES: usize = 64 * 1024;

/// Who is at the other end, for every request of a connection.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) peer: Arc<Peer>,
    upgrade: Arc<OnceLock<(OnUpgrade, Option<UserId>)>>,
}

impl Visitor {
    /// This connection becomes a WebSocket once the answer is sent, held to that user where naming one is allowed.
    pub(super) fn upgrades(&self, upgrade: OnUpgrade, held_to: Option<UserId>) {
        let _ = self.upgrade.set((upgrade, held_to));
    }
}

/// Serves a client to its end, or until the daemon goes down: then the request under way is answered.
pub(super) async fn run<S>(stream: S, peer: Peer, via: Via, site: Arc<Site>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let visitor = Visitor {
        peer: Arc::new(peer),
        upgrade: Arc::default(),
    };
    // In a box, so that the memory of a request is not kept for the life of a WebSocket.
    Box::pin(requests(stream, visitor.clone(), via, Arc::clone(&site))).await;
    let Some((upgrade, held_to)) = visitor.upgrade.get() else {
        return;
    };
    let Ok(upgraded) = upgrade.clone().await else {
        return;
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<Patient<S>>>() else {
        tracing::error!("an upgraded connection is of another kind than it began");
        return;
    };
    let socket = WebSocketStream::from_partially_read(
        parts.io.into_inner().into_inner(),
        parts.read_buf.to_vec(),
        Role::Server,
        Some(socket_config(&site.shared.limits)),
    )
    .await;
    let mut peer = Peer::clone(&visitor.peer);
    peer.identity = peer.identity.held_to(held_to.as_ref());
    serve(socket, peer, site.shared.clone()).await;
}

/// Tells a client beyond the room of its door so, if it asks soon enough, and lets it go.
pub(super) async fn turn_away<S>(stream: S, via: Via, site: Arc<Site>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let places = site.shared.limits.connections;
    let service = service_fn(move |request: Request<Incoming>| {
        let judged = site.guard.judge(via, request.headers(), request.uri());
        let refusal = judged.err().unwrap_or_else(|| {
            let detail = format!(
                "{places} clients are connected, as many as limits.connections allows; try again when some have gone"
            );
            Refusal::new(Code::Unavailable, detail)
        });
        async move { Ok::<_, Infallible>(Refused(refusal).into_response()) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // Whether it was heard or not: nobody is kept who may not stay.
    let _ = tokio::time::timeout(TURNING_AWAY, connection).await;
}

async fn requests<S>(stream: S, visitor: Visitor, via: Via, site: Arc<Site>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut closing = site.shared.closing.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(visitor.clone());
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(answer(&site, via, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, TAKING)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = going_down(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients go away and send rubbish; that is their affair.
        tracing::debug!(%error, "a connection ended");
    }
}

/// Answers one request: judged first, whatever it asks for.
async fn answer(site: &Site, via: Via, request: Request<Incoming>) -> Response<Body> {
    let judged = site.guard.judge(via, request.headers(), request.uri());
    let (mut response, origin) = match judged {
        Err(refusal) => (Refused(refusal).into_response(), None),
        Ok(origin) => {
            let preflight = origin.is_some()
                && request.method() == Method::OPTIONS
                && request
                    .headers()
                    .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
            let response = if preflight {
                what_pages_may_send()
            } else {
                match TowerToHyperService::new(site.router.clone())
                    .call(request)
                    .await
                {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            };
            (response, origin)
        }
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Location, Retry-After, jobtop-log-next, jobtop-log-ended"),
        );
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    response
}

/// The answer to a browser that asks on behalf of a welcome page before it sends what it wants to send.
fn what_pages_may_send() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
