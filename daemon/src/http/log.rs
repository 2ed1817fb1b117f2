//! `GET /api/jobs/ID/log`: a job's captured output, whole, its last lines, or from a place on, waiting for more.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response, Uri};
use bytes::Bytes;
use futures_util::stream;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::{LOG_END, LOG_NEXT, LOG_PART};
use jobtop_core::{Job, JobId};
use tokio::time::Instant;

use super::body::{Asker, Id};
use super::problem::Refused;
use super::query::{self, LogWanted};
use super::{App, going_down};
use crate::logs::Logs;
use crate::logs::part::{Begin, Part};

/// The time between two looks whether there is more, while somebody waits for it.
const LOOK: Duration = Duration::from_millis(40);

pub(super) async fn read(
    State(app): State<App>,
    Asker(who): Asker,
    id: Id,
    uri: Uri,
) -> Result<Response<Body>, Refused> {
    let wanted = query::log(&uri)?;
    let job = id.parse()?;
    let found = find(&app, job).await;
    let found = found.ok_or_else(|| Refusal::job_not_found(&id.0))?;
    who.check_sees(&found.spec.user)?;
    let from = match wanted {
        LogWanted {
            offset: Some(offset),
            ..
        } => Begin::Offset(offset),
        LogWanted {
            tail: Some(lines), ..
        } => Begin::Tail(lines),
        LogWanted { .. } => Begin::Offset(0),
    };
    let Some(first) = part(&app.shared.logs, job, from).await? else {
        return without(&app, &found, wanted).await;
    };
    match wanted.wait {
        None => Ok(whole(&app.shared.logs, job, first)),
        Some(wait) => Ok(one(&app, job, first, wait).await?),
    }
}

async fn find(app: &App, job: JobId) -> Option<Arc<Job>> {
    match app.shared.hub.get(job) {
        Some(job) => Some(job),
        None => (app.shared.lookup)(job).await,
    }
}

/// The answer where there is no log: a command that has not begun has none yet.
async fn without(app: &App, job: &Job, wanted: LogWanted) -> Result<Response<Body>, Refused> {
    if job.spec.command.is_none() {
        return Err(Refusal::new(
            Code::NoLog,
            "This job has no log: its output went elsewhere; `jobtop submit` keeps a command's output",
        )
        .into());
    }
    match wanted.wait {
        None => Ok(text(Body::empty())),
        Some(wait) => Ok(one(
            app,
            job.id(),
            Part {
                end: true,
                ..Part::default()
            },
            wait,
        )
        .await?),
    }
}

/// That part and all that lies behind it by now.
fn whole(logs: &Logs, job: JobId, first: Part) -> Response<Body> {
    let logs = logs.clone();
    let parts = stream::unfold(Some(first), move |part| {
        let logs = logs.clone();
        async move {
            let part = part?;
            let next = if part.end {
                None
            } else {
                // A log that can't be read on ends here: its beginning is on its way already.
                self::part(&logs, job, Begin::Offset(part.next))
                    .await
                    .ok()
                    .flatten()
            };
            Some((Ok::<_, Infallible>(Bytes::from(part.bytes)), next))
        }
    });
    text(Body::from_stream(parts))
}

/// That part, or the next that there is within the time; with where one goes on, and whether nothing more will come.
async fn one(
    app: &App,
    job: JobId,
    mut part: Part,
    wait: Duration,
) -> Result<Response<Body>, Refused> {
    let until = Instant::now() + wait;
    let mut closing = app.shared.closing.clone();
    let ended = loop {
        let ended = has_ended(app, job);
        if !part.bytes.is_empty() || Instant::now() >= until {
            break ended && app.shared.logs.length(job) <= part.next;
        }
        if app.shared.logs.length(job) <= part.next {
            if ended {
                break true;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = going_down(&mut closing) => break false,
            }
        }
        // Read after it was known to have ended: so nothing is behind what is read then.
        if let Some(more) = self::part(&app.shared.logs, job, Begin::Offset(part.next)).await? {
            part = more;
        }
    };
    let mut answer = text(Body::from(part.bytes));
    let headers = answer.headers_mut();
    headers.insert(HeaderName::from_static(LOG_NEXT), part.next.into());
    let ended = HeaderValue::from_static(if ended { "true" } else { "false" });
    headers.insert(HeaderName::from_static(LOG_END), ended);
    Ok(answer)
}

/// Whether the job is over and its process gone.
fn has_ended(app: &App, job: JobId) -> bool {
    let over = |job: &Job| job.is_final() && job.state.control.is_none();
    match app.shared.hub.get(job) {
        Some(job) => over(&job),
        None => true,
    }
}

async fn part(logs: &Logs, job: JobId, from: Begin) -> Result<Option<Part>, Refusal> {
    let logs = logs.clone();
    let read = tokio::task::spawn_blocking(move || logs.read(job, from, LOG_PART)).await;
    read.unwrap_or_else(|_| Err(io::Error::other("its reader failed")))
        .map_err(|error| {
            tracing::error!(%job, %error, "a log can't be read");
            Refusal::new(Code::Internal, format!("The log can't be read: {error}"))
        })
}

fn text(body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
