//! The calls about jobs: what changes something is asked of the engine, what only looks is read from the feed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, Response, StatusCode, Uri};
use jobtop_core::Job;
use jobtop_core::access::Identity;
use jobtop_core::job::progress::Report;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::body::{ActBody, JobAnswer, NewJob, QueueAnswer, QueuesAnswer};
use jobtop_core::proto::read;

use super::body::{Asked, Asker, Id};
use super::problem::{Refused, json};
use super::{App, query};
use crate::engine::archived;
use crate::engine::command::{Answer, Answered, Command, ReplyTo, Verb};
use crate::feed::listing;

/// How long a caller waits for what must be durable first.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn create(
    State(app): State<App>,
    asked: Asked,
) -> Result<Response<Body>, Refused> {
    let new: Box<NewJob> = Box::new(read::json(&asked.body)?);
    let who = asked.who;
    if let Some(answered) = app.shared.repeated(&who, &new).await {
        return Ok(said(&app, Answer::Job(answered?)));
    }
    let settled = app.shared.settled(&who, &new).await?;
    answer(&app, asked.came, |reply| Command::Create {
        who,
        new,
        settled,
        conn: None,
        reply,
    })
    .await
}

pub(super) async fn report(
    State(app): State<App>,
    id: Id,
    asked: Asked,
) -> Result<Response<Body>, Refused> {
    let report: Report = read::json(&asked.body)?;
    let job = id.parse()?;
    let who = asked.who;
    if let Some(old) = app.shared.archived(job).await {
        return Err(archived::report(&who, &old).into());
    }
    let updates = vec![(job, report)];
    answer(&app, asked.came, |reply| Command::Report {
        who,
        updates,
        conn: None,
        reply,
    })
    .await
}

pub(super) async fn act(
    app: &App,
    id: &Id,
    (who, came): (Identity, Instant),
    verb: Verb,
) -> Result<Response<Body>, Refused> {
    let job = id.parse()?;
    if let Some(old) = app.shared.archived(job).await {
        return Ok(said(app, archived::act(&who, &old, &verb)?));
    }
    answer(app, came, |reply| Command::Act {
        who,
        job,
        verb,
        conn: None,
        reply,
    })
    .await
}

pub(super) async fn list(
    State(app): State<App>,
    Asker(who): Asker,
    uri: Uri,
) -> Result<Response<Body>, Refused> {
    let wanted = query::list_jobs(&uri)?;
    let shared = &app.shared;
    let listing = listing::list(&shared.hub, &wanted, &who, shared.clock.now())?;
    Ok(json(StatusCode::OK, &listing))
}

pub(super) async fn one(
    State(app): State<App>,
    Asker(who): Asker,
    id: Id,
) -> Result<Response<Body>, Refused> {
    let wanted = id.parse()?;
    let job = match app.shared.hub.get(wanted) {
        Some(job) => Some(job),
        None => (app.shared.lookup)(wanted).await,
    };
    let job = job.ok_or_else(|| Refusal::job_not_found(&id.0))?;
    who.check_sees(&job.spec.user)?;
    Ok(shown(&app, StatusCode::OK, &job))
}

/// Asks the engine for what came then, and says what it answered.
pub(super) async fn answer(
    app: &App,
    came: Instant,
    command: impl FnOnce(ReplyTo) -> Command,
) -> Result<Response<Body>, Refused> {
    let answered: Answered = tokio::time::timeout(PATIENCE, app.shared.engine.ask(came, command))
        .await
        .unwrap_or_else(|_| {
            Err(Refusal::new(
                Code::Unavailable,
                "The disk did not take it in time; whether it was done is seen from the job",
            ))
        });
    Ok(said(app, answered?))
}

fn said(app: &App, answer: Answer) -> Response<Body> {
    match answer {
        Answer::Created(job) => {
            let mut response = shown(app, StatusCode::CREATED, &job);
            if let Ok(place) = HeaderValue::try_from(format!("/api/jobs/{}", job.id())) {
                response.headers_mut().insert(LOCATION, place);
            }
            response
        }
        Answer::Job(job) | Answer::Accepted(job, _) => shown(app, StatusCode::OK, &job),
        Answer::Queues(queues) => json(StatusCode::OK, &QueuesAnswer { queues }),
        Answer::Queue(queue) => json(StatusCode::OK, &QueueAnswer { queue }),
        Answer::Done => json(StatusCode::OK, &ActBody::default()),
    }
}

/// The job as of now.
fn shown(app: &App, status: StatusCode, job: &Arc<Job>) -> Response<Body> {
    let job = job.view(app.shared.clock.now().mono);
    json(status, &JobAnswer { job })
}
