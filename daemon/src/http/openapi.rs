//! `GET /openapi.json`: the description of every call, for programs. Written by hand beside the handlers it speaks of;
//! `tests/e2e/openapi.rs` holds it against the routes and against what the daemon really does.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response};

/// What is said of the calls.
const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn document() -> Response<Body> {
    let mut response = Response::new(Body::from(DOCUMENT));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
