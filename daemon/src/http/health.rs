//! Is it alive, and does it serve: for whoever watches over the daemon; no credentials, nothing about jobs.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use jobtop_core::job::refusal::{Code, Refusal};
use serde::Serialize;

use super::App;
use super::problem::{Refused, json};

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<&'static str>,
}

pub(super) async fn alive() -> Response<Body> {
    let health = Health {
        status: "ok",
        store: None,
    };
    json(StatusCode::OK, &health)
}

pub(super) async fn ready(State(app): State<App>) -> Result<Response<Body>, Refused> {
    if *app.shared.closing.borrow() {
        return Err(Refusal::new(Code::Unavailable, "The daemon is going down").into());
    }
    let store = app.health.borrow().word();
    let health = Health {
        status: "ready",
        store: Some(store),
    };
    Ok(json(StatusCode::OK, &health))
}
