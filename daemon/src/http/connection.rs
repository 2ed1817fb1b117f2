//! One client: its HTTP requests one after another, and then, if it asks for it, its WebSocket. All in one task.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    CACHE_CONTROL, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use futures_util::{StreamExt, stream};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jobtop_core::job::refusal::Code;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::credentials;
use super::door::TurnedAway;
use super::fragments::Counted;
use super::guard::Via;
use super::patience::Patient;
use super::problem::Refused;
use super::query::FeedWanted;
use super::routes;
use super::{Site, going_down};
use crate::auth::Denied;
use crate::feed::pace::too_fast;
use crate::feed::session::{Pass, Peer, serve, socket_config};
use crate::metrics::Cut;

/// How long a client may take nothing of its answer.
const TAKING: Duration = Duration::from_secs(30);
/// How long a client that may not stay has to ask and to hear it.
const TURNING_AWAY: Duration = Duration::from_secs(2);
/// The largest head; there are at most 100 headers in it, which is hyper's own limit.
const HEAD_BYTES: usize = 16 * 1024;
/// What is read at once, and kept of what a slow client has not taken.
const BUFFER_BYTES: usize = 64 * 1024;

/// Who connects.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// Somebody on this machine, of whom the system has said who it is.
    Known(Arc<Peer>),
    /// Somebody over TCP, who has to say so with every request.
    Stranger {
        /// From where.
        from: IpAddr,
        /// The address of ours that it has reached.
        at: IpAddr,
    },
}

impl Caller {
    const fn via(&self) -> Via {
        match self {
            Self::Known(_) => Via::Unix,
            Self::Stranger { at, .. } => Via::Tcp { at: *at },
        }
    }
}

/// Who is at the other end of a request.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) peer: Arc<Peer>,
    upgrade: Arc<OnceLock<Upgrade>>,
}

/// A connection that becomes a WebSocket, and whose.
#[derive(Debug)]
struct Upgrade {
    on: OnUpgrade,
    peer: Peer,
}

impl Visitor {
    /// This connection becomes a WebSocket once the answer is sent, held to that user where naming one is allowed.
    pub(super) fn upgrades(&self, on: OnUpgrade, wanted: &FeedWanted) {
        let mut peer = Peer::clone(&self.peer);
        peer.identity = peer.identity.held_to(wanted.user.as_ref());
        peer.reports = wanted.reports;
        let _ = self.upgrade.set(Upgrade { on, peer });
    }
}

/// Serves a client to its end, or until the daemon goes down: then the request under way is answered.
pub(super) async fn run<S>(stream: S, caller: Caller, site: Arc<Site>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let upgrade = Arc::default();
    // In a box, so that the memory of a request is not kept for the life of a WebSocket.
    Box::pin(requests(
        stream,
        caller,
        Arc::clone(&upgrade),
        Arc::clone(&site),
    ))
    .await;
    let Some(Upgrade { on, peer }) = upgrade.get() else {
        return;
    };
    let Ok(upgraded) = on.clone().await else {
        return;
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<Patient<S>>>() else {
        tracing::error!("an upgraded connection is of another kind than it began");
        return;
    };
    let limits = &site.shared.limits;
    let stream = parts.io.into_inner().into_inner();
    let Ok(stream) = Counted::new(stream, limits.fragments, &parts.read_buf) else {
        site.shared.metrics.cut(Cut::Fragments);
        return;
    };
    let socket = WebSocketStream::from_partially_read(
        stream,
        parts.read_buf.to_vec(),
        Role::Server,
        Some(socket_config(limits)),
    )
    .await;
    serve(socket, peer.clone(), site.shared.clone()).await;
}

/// Tells a client beyond the room of its door so, if it asks soon enough, and lets it go.
pub(super) async fn turn_away<S>(stream: S, caller: Caller, why: TurnedAway, site: Arc<Site>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let judged = site
            .guard()
            .judge(caller.via(), request.headers(), request.uri());
        let refusal = judged
            .err()
            .unwrap_or_else(|| why.refusal(&site.shared.limits));
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

async fn requests<S>(stream: S, caller: Caller, upgrade: Arc<OnceLock<Upgrade>>, site: Arc<Site>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut closing = site.shared.closing.clone();
    let metrics = Arc::clone(&site.shared.metrics);
    let head_time = Duration::from_millis(site.shared.limits.head_ms);
    let service = service_fn(move |request: Request<Incoming>| {
        let (site, caller, upgrade) = (Arc::clone(&site), caller.clone(), Arc::clone(&upgrade));
        async move { Ok::<_, Infallible>(answer(&site, &caller, upgrade, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
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
        let io = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
        if error.is_timeout() {
            metrics.cut(Cut::SlowHead);
        } else if io.is_some_and(|io: &std::io::Error| io.kind() == ErrorKind::TimedOut) {
            metrics.cut(Cut::SlowReader);
        }
        // Clients go away and send rubbish; that is their affair.
        tracing::debug!(%error, "a connection ended");
    }
}

/// Answers one request: judged first, whatever it asks for.
async fn answer(
    site: &Site,
    caller: &Caller,
    upgrade: Arc<OnceLock<Upgrade>>,
    request: Request<Incoming>,
) -> Response<Body> {
    let judged = site
        .guard()
        .judge(caller.via(), request.headers(), request.uri());
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
                admitted(site, caller, upgrade, request).await
            };
            (response, origin)
        }
    };
    if let Some(code) = response.extensions_mut().remove::<Code>() {
        site.shared.metrics.refused(code);
    }
    site.shared.metrics.answered(response.status().as_u16());
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

/// Answers a request of somebody who is known, or that anybody may ask.
async fn admitted(
    site: &Site,
    caller: &Caller,
    upgrade: Arc<OnceLock<Upgrade>>,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let mut pass = None;
    if !routes::is_open_to_all(request.uri().path()) {
        let peer = match caller {
            Caller::Known(peer) => Arc::clone(peer),
            Caller::Stranger { from, .. } => {
                let brought = credentials::of(&request);
                let now = site.shared.clock.now();
                match site.keeper.stranger(brought.as_deref(), *from, now) {
                    Ok(peer) => Arc::new(peer),
                    Err(denied) => return refused(&denied),
                }
            }
        };
        let now = site.shared.clock.now();
        if !site.shared.pace.admits(&peer.identity.user, now) {
            return Refused(too_fast(&site.shared.limits)).into_response();
        }
        pass.clone_from(&peer.pass);
        request.extensions_mut().insert(Visitor { peer, upgrade });
    }
    let router = TowerToHyperService::new(site.router.clone());
    let answered = async {
        match router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    };
    match pass {
        None => answered.await,
        // Who may wait for something waits no longer than it is let in.
        Some(pass) => tokio::select! {
            response = answered => response.map(|body| while_let_in(body, pass, site)),
            () = pass.clone().ended(site.shared.clock) => refused(&Denied::Wrong),
        },
    }
}

/// What is read as it is sent breaks off when that holds no more, and the connection with it. What is there as a whole was given already.
fn while_let_in(body: Body, pass: Pass, site: &Site) -> Body {
    if body.size_hint().exact().is_some() {
        return body;
    }
    let (clock, metrics) = (site.shared.clock, Arc::clone(&site.shared.metrics));
    let open = (
        body.into_data_stream(),
        Box::pin(pass.ended(clock)),
        metrics,
    );
    Body::from_stream(stream::unfold(Some(open), |open| async move {
        let (mut body, mut ended, metrics) = open?;
        tokio::select! {
            biased;
            () = &mut ended => {
                metrics.cut(Cut::LetInNoMore);
                let why = axum::Error::new(std::io::Error::from(ErrorKind::PermissionDenied));
                Some((Err(why), None))
            }
            part = body.next() => Some((part?, Some((body, ended, metrics)))),
        }
    }))
}

/// Says why somebody is not let in.
fn refused(denied: &Denied) -> Response<Body> {
    let mut response = Refused(denied.refusal()).into_response();
    if let Denied::TooMany { retry_seconds } = denied {
        let seconds = HeaderValue::from(*retry_seconds);
        response.headers_mut().insert(RETRY_AFTER, seconds);
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
