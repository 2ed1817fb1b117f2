//! Hooks: commands and webhooks that are told what becomes of jobs, and of alerts.
//!
//! Reading order: [`Teller`] (what others hold of it), `payload` (what is said), `queue` (whose turn it is; pure), `room` (the one
//! task that owns the queues), `attempt`, `command` and `webhook` (telling once), `spool` (what is told once more after a restart).
//! Nobody who tells something waits for a hook: what does not fit is counted and said.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::hook::{HookTested, HookView};
use jobtop_core::{Job, Timestamp};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::engine::listener::{Event, Listener};

mod attempt;
mod command;
mod payload;
mod queue;
mod room;
mod spool;
mod webhook;

#[cfg(test)]
mod tests;

pub(crate) use payload::Speaker;
pub(crate) use room::open;

/// So many occurrences wait to be looked at.
const OCCURRENCES: usize = 4_096;
/// So many questions wait for their answer.
const REQUESTS: usize = 16;

/// Something that hooks may be told of.
#[derive(Debug)]
pub(crate) enum Occurrence {
    /// A job has completed or was cancelled.
    Finished(Arc<Job>),
    /// A job has failed.
    Failed(Arc<Job>),
    /// The producer of a job is not heard of any more.
    Stalled(Arc<Job>),
    /// An alert, as it is said on the wire. Of its `jobs`, if it has some, filters ask; those of one `id` come in order.
    Alert(Value),
}

/// A hook that has been failing for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ailing {
    /// Which.
    pub(crate) name: Arc<str>,
    /// Since when.
    pub(crate) since: Timestamp,
    /// What went wrong last, as a sentence without its full stop.
    pub(crate) why: String,
}

/// What is asked of the room.
#[derive(Debug)]
enum Request {
    /// Tells a hook a sample, now.
    Test(String, oneshot::Sender<Result<HookTested, Refusal>>),
    /// All hooks and how they are.
    List(oneshot::Sender<Vec<HookView>>),
}

/// The cloneable face: never waits, never blocks.
#[derive(Clone, Debug)]
pub(crate) struct Teller {
    occurrences: mpsc::Sender<Occurrence>,
    requests: mpsc::Sender<Request>,
    shared: Arc<Shared>,
}

/// What the room and its faces know together.
#[derive(Debug, Default)]
struct Shared {
    /// Whether there are hooks.
    listens: AtomicBool,
    /// Occurrences that did not fit.
    missed: AtomicU64,
    ailing: Mutex<Vec<Ailing>>,
}

impl Teller {
    /// Tells the hooks.
    pub(crate) fn tell(&self, occurrence: Occurrence) {
        if !self.listens() || self.occurrences.try_send(occurrence).is_ok() {
            return;
        }
        let missed = self.shared.missed.fetch_add(1, Ordering::Relaxed) + 1;
        if missed.is_power_of_two() {
            tracing::warn!(
                missed,
                "more happens than hooks can be told of; some are not told"
            );
        }
    }

    /// Hooks that have been failing for a while.
    pub(crate) fn ailing(&self) -> Vec<Ailing> {
        let ailing = &self.shared.ailing;
        ailing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Tells a hook a sample, and waits for what comes of it.
    pub(crate) async fn test(&self, name: &str) -> Result<HookTested, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Test(name.to_owned(), reply)).await?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// All hooks and how they are.
    pub(crate) async fn list(&self) -> Result<Vec<HookView>, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::List(reply)).await?;
        answer.await.map_err(|_| gone())
    }

    async fn ask(&self, request: Request) -> Result<(), Refusal> {
        self.requests.send(request).await.map_err(|_| gone())
    }
}

fn gone() -> Refusal {
    Refusal::new(Code::Unavailable, "The daemon is going down")
}

impl Listener for Teller {
    fn listens(&self) -> bool {
        self.shared.listens.load(Ordering::Relaxed)
    }

    fn hear(&self, event: Event) {
        self.tell(match event {
            Event::Finished(job) => Occurrence::Finished(job),
            Event::Failed(job) => Occurrence::Failed(job),
            Event::Stalled(job) => Occurrence::Stalled(job),
        });
    }
}
