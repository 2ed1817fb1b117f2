//! The calls about tokens: for an admin on the Unix socket alone.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::read;
use jobtop_core::proto::token::{NewToken, TokenAnswer, TokensAnswer};

use super::App;
use super::body::{Asked, Asker};
use super::problem::{Refused, json};

pub(super) async fn list(
    State(app): State<App>,
    Asker(who): Asker,
) -> Result<Response<Body>, Refused> {
    who.check_manages()?;
    let tokens = app.tokens.list();
    Ok(json(StatusCode::OK, &TokensAnswer { tokens }))
}

pub(super) async fn create(
    State(app): State<App>,
    asked: Asked,
) -> Result<Response<Body>, Refused> {
    asked.who.check_manages()?;
    let wanted: NewToken = read::json(&asked.body)?;
    let now = app.shared.clock.now();
    let tokens = app.tokens;
    let made = waited_for(move || tokens.create(&wanted, now)).await?;
    Ok(json(StatusCode::CREATED, &made))
}

pub(super) async fn revoke(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    asked: Asked,
) -> Result<Response<Body>, Refused> {
    asked.who.check_manages()?;
    let Ok(Path(id)) = id else {
        return Err(Refusal::new(Code::NotFound, "Token not found: not UTF-8").into());
    };
    let tokens = app.tokens;
    let token = waited_for(move || tokens.revoke(&id)).await?;
    let secret = None;
    Ok(json(StatusCode::OK, &TokenAnswer { token, secret }))
}

/// What writes a file is done where waiting harms nobody.
async fn waited_for<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Refusal::new(Code::Internal, "The daemon made a mistake")))
}
