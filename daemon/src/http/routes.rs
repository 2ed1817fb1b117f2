//! What there is: every path and method, once.

use axum::Router;
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::routing::{MethodRouter, get, post};
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::FEED_PATH;
use jobtop_core::proto::body::{ActBody, PriorityBody};
use jobtop_core::proto::read;
use jobtop_core::text;

use super::body::{Asked, Id};
use super::problem::Refused;
use super::{
    App, alerts, health, history, hooks, jobs, log, metrics, openapi, queues, status, tokens,
    upgrade,
};
use crate::engine::command::Verb;

pub(super) fn all(app: App) -> Router {
    Router::new()
        .route("/api/jobs", get(jobs::list).post(jobs::create))
        .route("/api/jobs/{id}", get(jobs::one))
        .route(
            "/api/jobs/{id}/start",
            act(|body| nothing(body, Verb::Start)),
        )
        .route("/api/jobs/{id}/progress", post(jobs::report))
        .route(
            "/api/jobs/{id}/ack",
            act(|body| Ok(Verb::Acknowledge(read::json(body)?))),
        )
        .route(
            "/api/jobs/{id}/complete",
            act(|body| nothing(body, Verb::Complete)),
        )
        .route(
            "/api/jobs/{id}/fail",
            act(|body| Ok(Verb::Fail(read::json(body)?))),
        )
        .route(
            "/api/jobs/{id}/pause",
            act(|body| nothing(body, Verb::Pause)),
        )
        .route(
            "/api/jobs/{id}/resume",
            act(|body| nothing(body, Verb::Resume)),
        )
        .route(
            "/api/jobs/{id}/cancel",
            act(|body| nothing(body, Verb::Cancel)),
        )
        .route(
            "/api/jobs/{id}/retry",
            act(|body| nothing(body, Verb::Retry)),
        )
        .route("/api/jobs/{id}/priority", act(priority))
        .route("/api/jobs/{id}/log", get(log::read))
        .route("/api/history", get(history::list))
        .route("/api/analytics", get(history::figures))
        .route("/api/store", get(history::store))
        .route("/api/queues", get(queues::list))
        .route("/api/queues/{name}", post(queues::set))
        .route("/api/status", get(status::status))
        .route("/api/tokens", get(tokens::list).post(tokens::create))
        .route("/api/tokens/{id}/revoke", post(tokens::revoke))
        .route("/api/hooks", get(hooks::list))
        .route("/api/hooks/{name}/test", post(hooks::test))
        .route("/api/alerts", get(alerts::list))
        .route("/api/alerts/{id}/ack", post(alerts::acknowledge))
        .route("/api/alerts/{id}/mute", post(alerts::mute))
        .route("/metrics", get(metrics::text))
        .route("/openapi.json", get(openapi::document))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route(FEED_PATH, get(upgrade::open))
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_method)
        .with_state(app)
}

/// Whether a path is answered to whoever asks: it says nothing about jobs.
pub(super) fn is_open_to_all(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/openapi.json")
}

/// A verb on one job, read from the body.
fn act(read: fn(&[u8]) -> Result<Verb, Refusal>) -> MethodRouter<App> {
    post(
        move |State(app): State<App>, id: Id, asked: Asked| async move {
            let verb = read(&asked.body)?;
            jobs::act(&app, &id, (asked.who, asked.came), verb).await
        },
    )
}

/// A verb that needs nothing more than its name; what the body says must still be readable.
fn nothing(body: &[u8], verb: Verb) -> Result<Verb, Refusal> {
    read::json::<ActBody>(body)?;
    Ok(verb)
}

fn priority(body: &[u8]) -> Result<Verb, Refusal> {
    let PriorityBody { priority } = read::json(body)?;
    Ok(Verb::Priority(priority))
}

async fn nothing_here(uri: Uri) -> Refused {
    let path = text::clean_within(uri.path(), 80);
    Refused(Refusal::new(
        Code::NotFound,
        format!("There is nothing at {path}"),
    ))
}

async fn other_method(method: Method, uri: Uri) -> Refused {
    let method = text::clean_within(method.as_str(), 20).into_owned();
    let path = text::clean_within(uri.path(), 80);
    Refused(Refusal::new(
        Code::MethodNotAllowed,
        format!("{path} does not take {method}; Allow says what it takes"),
    ))
}
