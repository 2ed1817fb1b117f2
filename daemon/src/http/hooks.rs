//! The calls about hooks: for an admin on the Unix socket alone, as those about tokens.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::body::ActBody;
use jobtop_core::proto::hook::HooksAnswer;
use jobtop_core::proto::read;

use super::App;
use super::body::{Asked, Asker};
use super::problem::{Refused, json};

pub(super) async fn list(
    State(app): State<App>,
    Asker(who): Asker,
) -> Result<Response<Body>, Refused> {
    who.check_manages()?;
    let hooks = app.hooks.list().await?;
    Ok(json(StatusCode::OK, &HooksAnswer { hooks }))
}

pub(super) async fn test(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    asked: Asked,
) -> Result<Response<Body>, Refused> {
    asked.who.check_manages()?;
    read::json::<ActBody>(&asked.body)?;
    let Ok(Path(name)) = name else {
        return Err(Refusal::new(Code::NotFound, "There is no such hook: not UTF-8").into());
    };
    Ok(json(StatusCode::OK, &app.hooks.test(&name).await?))
}
