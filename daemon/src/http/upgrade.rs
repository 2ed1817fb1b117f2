//! `GET /progress`: from HTTP to WebSocket. The handshake is answered here; the connection goes on in its own task.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::response::IntoResponse;
use jobtop_core::job::refusal::{Code, Refusal};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::App;
use super::connection::Visitor;
use super::problem::Refused;
use super::query;

/// The sub-protocol that is answered where it is offered.
const PROTOCOL: &str = "jobtop.v1";

pub(super) async fn open(State(app): State<App>, mut request: Request) -> Response<Body> {
    if *app.shared.closing.borrow() {
        return Refused(Refusal::new(Code::Unavailable, "The daemon is going down"))
            .into_response();
    }
    let wanted = match query::feed(request.uri()) {
        Ok(wanted) => wanted,
        Err(refusal) => return Refused(refusal).into_response(),
    };
    if !wanted.reports && !*app.shared.feed.borrow() {
        let detail = "The feed is switched off here; ask again and again with GET /api/jobs?after=";
        return Refused(Refusal::new(Code::FeedDisabled, detail)).into_response();
    }
    match create_response_with_body(&request, Body::empty) {
        Ok(mut response) => {
            if offers(request.headers(), PROTOCOL) {
                response
                    .headers_mut()
                    .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
            }
            let upgrade = hyper::upgrade::on(&mut request);
            if let Some(visitor) = request.extensions().get::<Visitor>() {
                visitor.upgrades(upgrade, &wanted);
            }
            response
        }
        Err(reason) => {
            let detail = format!("This is a WebSocket, and the request is none: {reason}");
            let mut response = Refused(Refusal::new(Code::UpgradeRequired, detail)).into_response();
            let headers = response.headers_mut();
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            response
        }
    }
}

fn offers(headers: &HeaderMap, protocol: &str) -> bool {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|offered| offered.trim() == protocol)
}
