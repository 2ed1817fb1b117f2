//! The calls about alerts: what is wrong now and was lately, that somebody knows of it, and that it is not to disturb.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::alerts::{AlertAnswer, AlertsAnswer, MuteBody};
use jobtop_core::proto::read;

use super::App;
use super::body::{Asked, Asker};
use super::problem::{Refused, json};

/// For how long an alert is muted, unless it is said.
const AN_HOUR: u64 = 3_600;

type Id = Result<Path<String>, PathRejection>;

pub(super) async fn list(
    State(app): State<App>,
    Asker(who): Asker,
) -> Result<Response<Body>, Refused> {
    let alerts = app.shared.alerts.list(&who);
    Ok(json(StatusCode::OK, &AlertsAnswer { alerts }))
}

pub(super) async fn acknowledge(
    State(app): State<App>,
    id: Id,
    asked: Asked,
) -> Result<Response<Body>, Refused> {
    let alert = app.shared.alerts.acknowledge(&named(id)?, &asked.who)?;
    Ok(json(StatusCode::OK, &AlertAnswer { alert }))
}

pub(super) async fn mute(
    State(app): State<App>,
    id: Id,
    asked: Asked,
) -> Result<Response<Body>, Refused> {
    let body: MuteBody = read::json(&asked.body)?;
    let (alerts, now) = (&app.shared.alerts, app.shared.clock.now().wall);
    let seconds = body.seconds.unwrap_or(AN_HOUR);
    let alert = alerts.mute(&named(id)?, &asked.who, seconds, now)?;
    Ok(json(StatusCode::OK, &AlertAnswer { alert }))
}

fn named(id: Id) -> Result<String, Refusal> {
    match id {
        Ok(Path(id)) => Ok(id),
        Err(_) => Err(Refusal::new(Code::NotFound, "An alert's id is UTF-8")),
    }
}
