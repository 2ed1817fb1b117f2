//! What is asked of a job that has left the live set: it has ended, so nothing changes, and the answer is the one that
//! it would have given while it was still there.

use std::sync::Arc;

use jobtop_core::access::Identity;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::job::status::Status;
use jobtop_core::proto::body::NewJob;
use jobtop_core::{Job, UserId};

use super::command::{Answer, Answered, Verb};
use super::create;

/// The answer to a verb.
pub fn act(who: &Identity, job: &Arc<Job>, verb: &Verb) -> Answered {
    who.check_controls(&job.spec.user, verb.infinitive())?;
    let done = match verb {
        Verb::Complete if job.state.status == Status::Completed => {
            return Ok(Answer::Job(Arc::clone(job)));
        }
        Verb::Fail(_) if job.state.status == Status::Failed => {
            return Ok(Answer::Job(Arc::clone(job)));
        }
        Verb::Start => "started",
        Verb::Complete => "completed",
        Verb::Fail(_) => "failed",
        Verb::Pause => "paused",
        Verb::Resume => "resumed",
        Verb::Cancel => "cancelled",
        Verb::Retry => "retried",
        Verb::Priority(_) => "reprioritised",
        Verb::Acknowledge(reply) => {
            return Err(Refusal::new(
                Code::NoControl,
                format!(
                    "no {} was asked of this job's producer",
                    reply.action.word()
                ),
            ));
        }
    };
    Err(Refusal::wrong_state(true, done))
}

/// Whose a new job would be, if it may be made.
pub fn owner(who: &Identity, new: &NewJob) -> Option<UserId> {
    create::owner(who, new.user_id.as_ref()).ok()
}

/// The answer to a key that was used for that job, live or not.
pub fn repeated(job: &Arc<Job>, new: &NewJob) -> Result<Arc<Job>, Refusal> {
    let given = job.spec.idempotency.as_ref();
    if given.is_some_and(|given| given.digest == new.digest()) {
        return Ok(Arc::clone(job));
    }
    Err(Refusal::new(
        Code::IdempotencyConflict,
        "This idempotencyKey was used for another job; use a new one",
    ))
}

/// The answer to a late report.
pub fn report(who: &Identity, job: &Job) -> Refusal {
    refused(who, job, "update", "updated")
}

/// The answer to a producer that comes back too late.
pub fn adopt(who: &Identity, job: &Job) -> Refusal {
    refused(who, job, "adopt", "adopted")
}

fn refused(who: &Identity, job: &Job, infinitive: &str, done: &str) -> Refusal {
    match who.check_controls(&job.spec.user, infinitive) {
        Ok(()) => Refusal::wrong_state(true, done),
        Err(refusal) => refusal,
    }
}
