//! The calls about finished jobs.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};

use super::body::Asker;
use super::problem::{Refused, json};
use super::{App, query};

pub(super) async fn list(
    State(app): State<App>,
    Asker(who): Asker,
    uri: Uri,
) -> Result<Response<Body>, Refused> {
    let wanted = query::history(&uri)?;
    let answer = app.shared.past.history(wanted, who).await?;
    Ok(json(StatusCode::OK, &answer))
}

pub(super) async fn figures(
    State(app): State<App>,
    Asker(who): Asker,
    uri: Uri,
) -> Result<Response<Body>, Refused> {
    let wanted = query::history(&uri)?;
    let answer = app.shared.past.analytics(wanted, who).await?;
    Ok(json(StatusCode::OK, &answer))
}

pub(super) async fn store(
    State(app): State<App>,
    Asker(who): Asker,
) -> Result<Response<Body>, Refused> {
    let answer = app.shared.past.store(&who)?;
    Ok(json(StatusCode::OK, &answer))
}
