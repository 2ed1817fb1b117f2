//! The calls about queues: both are asked of the engine, which holds them.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::read;

use super::App;
use super::body::{Asked, Asker};
use super::jobs::answer;
use super::problem::Refused;
use crate::engine::command::Command;

pub(super) async fn list(
    State(app): State<App>,
    Asker(_): Asker,
) -> Result<Response<Body>, Refused> {
    answer(&app, Instant::now(), |reply| Command::Queues { reply }).await
}

pub(super) async fn set(
    State(app): State<App>,
    name: Result<Path<String>, axum::extract::rejection::PathRejection>,
    asked: Asked,
) -> Result<Response<Body>, Refused> {
    let Ok(Path(name)) = name else {
        return Err(Refusal::new(Code::NotFound, "A queue's name is UTF-8").into());
    };
    let body = read::json(&asked.body)?;
    answer(&app, asked.came, |reply| Command::SetQueue {
        who: asked.who,
        name: name.into(),
        body,
        reply,
    })
    .await
}
