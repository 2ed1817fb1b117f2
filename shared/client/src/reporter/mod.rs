//! The producer's side of a WebSocket: one job, created once and reported through every outage.
//!
//! `merge` folds reports into the newest whole, `course` decides what is said and when (pure), `task` carries it out.
//! The producer itself never waits for a daemon: it updates, reads what is asked of it, answers, and at last finishes.

use std::time::Duration;

use jobtop_core::JobId;
use jobtop_core::job::Reply;
use jobtop_core::job::command::NewCommand;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::{Report, kept};
use jobtop_core::proto::body::{FailBody, NewJob};
use jobtop_core::text::MESSAGE_CHARS;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::link::{self, LinkState, Timing};

mod course;
mod merge;
mod task;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use course::Course;
use task::Task;

/// How many requests wait for a producer that does not look.
const ACTIONS: usize = 16;
/// How many answers wait for the task.
const ORDERS: usize = 16;

/// How a job ends.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Well.
    Completed,
    /// Badly.
    Failed(FailBody),
    /// Its process is gone after a cancel: the status is said already, only that nothing runs any more is not.
    Gone,
}

/// Whether the daemon knows the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It is on the daemon's disk.
    Yes,
    /// It is not, for this reason.
    No(String),
}

/// One job as its producer sees it. When it is dropped without [`finish`](Self::finish), the job stalls.
#[derive(Debug)]
pub struct Reporter {
    whole: watch::Sender<Report>,
    /// The job was created with a total, so that counts alone make a percentage.
    total_given: bool,
    orders: mpsc::Sender<Order>,
    job_id: watch::Receiver<Option<JobId>>,
    state: watch::Receiver<LinkState>,
    refusal: watch::Receiver<Option<String>>,
}

/// What a reporter asks of its task.
#[derive(Debug)]
enum Order {
    Acknowledge(Reply),
    Finish(End, oneshot::Sender<Delivered>),
}

/// Creates a job at `endpoint` and reports it from the current runtime; while no daemon answers it keeps trying.
///
/// The receiver has what is asked of the job, each request once, also what was asked while we were away.
#[must_use]
pub fn report(endpoint: Endpoint, new: NewJob) -> (Reporter, mpsc::Receiver<Action>) {
    report_with(endpoint, new, Timing::default())
}

/// Becomes the producer of a job that there is already, such as one that waits for somebody to begin it; its first
/// report does. A daemon that has forgotten the job is asked for `new` instead.
#[must_use]
pub fn adopt(endpoint: Endpoint, job: JobId, new: NewJob) -> (Reporter, mpsc::Receiver<Action>) {
    let course = |new, _| Course::adopting(job, new);
    begin(endpoint, Some(job), new, (course, None), Timing::default())
}

/// Takes a queued command that is assigned to this process; what is to be run is sent once the daemon has it on its disk
/// that it runs. Where the daemon says no, the reporter's [`refusal`](Reporter::refusal) says why.
#[must_use]
pub fn accept(
    endpoint: Endpoint,
    job: JobId,
    new: NewJob,
) -> (
    Reporter,
    mpsc::Receiver<Action>,
    oneshot::Receiver<NewCommand>,
) {
    let (accepted, command) = oneshot::channel();
    let course = |new, _| Course::accepting(job, new);
    let how = (course, Some(accepted));
    let (reporter, actions) = begin(endpoint, Some(job), new, how, Timing::default());
    (reporter, actions, command)
}

/// [`report`] with other times than the usual ones.
#[must_use]
pub fn report_with(
    endpoint: Endpoint,
    new: NewJob,
    timing: Timing,
) -> (Reporter, mpsc::Receiver<Action>) {
    begin(endpoint, None, new, (Course::new, None), timing)
}

fn begin(
    endpoint: Endpoint,
    job: Option<JobId>,
    mut new: NewJob,
    (course, accepted): (
        impl FnOnce(NewJob, bool) -> Course,
        Option<oneshot::Sender<NewCommand>>,
    ),
    timing: Timing,
) -> (Reporter, mpsc::Receiver<Action>) {
    let shared_key = new.idempotency_key.is_some();
    // A create whose answer was lost is sent again: the key makes it the same job.
    new.idempotency_key = new.idempotency_key.or_else(|| key().map(Into::into));
    let (whole, whole_seen) = watch::channel(Report::default());
    let (orders, ordered) = mpsc::channel(ORDERS);
    let (job_id, job_id_seen) = watch::channel(job);
    let (state, state_seen) = watch::channel(LinkState::Connecting { attempt: 1 });
    let (refusal, refusal_seen) = watch::channel(None);
    let (actions, asked) = mpsc::channel(ACTIONS);
    let reporter = Reporter {
        whole,
        total_given: new.total_items.or(new.total_bytes).is_some_and(|n| n > 0),
        orders,
        job_id: job_id_seen,
        state: state_seen,
        refusal: refusal_seen,
    };
    let (handle, events) = link::connect_with(endpoint, Vec::new(), timing);
    let beat = new
        .heartbeat_seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|every| !every.is_zero());
    let task = Task::new(
        course(new, shared_key),
        task::Ends {
            link: handle,
            whole: whole_seen,
            actions,
            job_id,
            state,
            refusal,
            accepted,
        },
        beat,
        timing.backoff,
    );
    tokio::spawn(task.run(events, ordered));
    (reporter, asked)
}

impl Reporter {
    /// Says how far it is. The newest wins, field by field; never waits. What no daemon would take (a progress that is
    /// no number, an empty list of steps) is left out.
    pub fn update(&self, report: Report) {
        self.whole
            .send_modify(|whole| merge::merge(whole, report, self.total_given));
    }

    /// Answers what was asked: whether it was done, and why not.
    pub fn acknowledge(&self, action: Action, ok: bool, message: Option<String>) {
        let reply = Reply {
            action,
            ok,
            message: message.map(|said| kept(said.into(), MESSAGE_CHARS)),
        };
        if self.orders.try_send(Order::Acknowledge(reply)).is_err() {
            tracing::warn!(action = action.word(), "too many answers, one is left out");
        }
    }

    /// The job's id, once the daemon has given one.
    pub fn job_id(&self) -> watch::Receiver<Option<JobId>> {
        self.job_id.clone()
    }

    /// Where the connection stands.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// Why the daemon will not have this job (any more), once it said so; the work itself may go on unseen.
    pub fn refusal(&self) -> watch::Receiver<Option<String>> {
        self.refusal.clone()
    }

    /// Ends the job and waits until the daemon has it on disk, at most for `deadline`.
    pub async fn finish(self, end: End, deadline: Duration) -> Delivered {
        let (answer, answered) = oneshot::channel();
        let said = async {
            self.orders.send(Order::Finish(end, answer)).await.ok()?;
            answered.await.ok()
        };
        match timeout(deadline, said).await {
            Ok(Some(delivered)) => delivered,
            Ok(None) => Delivered::No("reporting has ended".to_owned()),
            Err(_) => Delivered::No(match &*self.state.borrow() {
                LinkState::Waiting { reason, .. } => reason.clone(),
                LinkState::Connecting { .. } => "no daemon could be reached in time".to_owned(),
                LinkState::Connected { .. } => "the daemon did not answer in time".to_owned(),
            }),
        }
    }
}

/// A key that nobody else has. Without random bits there is none: then a lost answer may make the job twice, which is
/// better than no job.
fn key() -> Option<String> {
    let (high, low) = (getrandom::u64().ok()?, getrandom::u64().ok()?);
    Some(format!("{high:016x}{low:016x}"))
}
