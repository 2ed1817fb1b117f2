//! What becomes of jobs, told to whoever listens, once it is durable.

use std::fmt;
use std::sync::Arc;

use jobtop_core::{Job, Status};

/// Something that became of a job.
#[derive(Clone, Debug)]
pub enum Event {
    /// It has completed, or was cancelled.
    Finished(Arc<Job>),
    /// It has failed.
    Failed(Arc<Job>),
    /// Its producer is not heard of any more.
    Stalled(Arc<Job>),
}

impl Event {
    /// How a job has ended, if it has.
    #[must_use]
    pub fn of_end(job: Arc<Job>) -> Option<Self> {
        match job.state.status {
            Status::Completed | Status::Cancelled => Some(Self::Finished(job)),
            Status::Failed => Some(Self::Failed(job)),
            Status::Pending | Status::Running | Status::Paused => None,
        }
    }
}

/// Who is told. Called after the flush, in the store's thread: must not wait.
pub trait Listener: fmt::Debug + Send + Sync {
    /// Whether there is anybody to tell; nothing is made ready where there is not.
    fn listens(&self) -> bool;
    /// Tells it.
    fn hear(&self, event: Event);
}
