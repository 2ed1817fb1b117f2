//! A job: what was asked ([`Spec`], never changes) and where it stands ([`State`], changes only through
//! [`Job`]'s verbs in `verbs.rs`, each of which asks the [`machine`]).
//!
//! Cloning a job is cheap: everything of size is shared. The wire form is [`crate::proto::view::View`].

use std::sync::Arc;

use crate::id::{JobId, JobType, UserId};
use crate::job::command::CommandLine;
use crate::job::config::Config;
use crate::job::control::{Capabilities, Request};
use crate::job::failure::Failure;
use crate::job::laps::Laps;
use crate::job::status::Status;
use crate::job::stopwatch::Stopwatch;
use crate::time::Timestamp;

pub mod command;
pub mod config;
pub mod control;
pub mod failure;
pub mod kind;
pub mod laps;
pub mod machine;
pub mod progress;
pub mod refusal;
pub mod status;
pub mod stopwatch;
mod verbs;

pub use verbs::Reply;

/// One unit of work that somebody wants to see.
#[derive(Clone, Debug)]
pub struct Job {
    /// What was asked.
    pub spec: Arc<Spec>,
    /// Where it stands.
    pub state: State,
}

/// What never changes in a job's life.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its id.
    pub id: JobId,
    /// Its type.
    pub job_type: JobType,
    /// What people call it.
    pub name: Arc<str>,
    /// Whose it is.
    pub user: UserId,
    /// The queue it was put into.
    pub queue: Arc<str>,
    /// Free words to filter by.
    pub tags: Arc<[Arc<str>]>,
    /// The producer's own settings, kept as given and never executed.
    pub config: Config,
    /// Where the work is done, if known.
    pub host: Option<Arc<str>>,
    /// The job this one repeats.
    pub retry_of: Option<JobId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What its producer is able to do.
    pub capabilities: Capabilities,
    /// How it came to be.
    pub origin: Origin,
    /// A report is due at least this often (seconds), else it is stalled after three times that.
    pub heartbeat_seconds: Option<f64>,
    /// The creator's key against making it twice, with a digest of what was asked.
    pub idempotency: Option<Idempotency>,
    /// The command that it is, where it was submitted.
    pub command: Option<Arc<CommandLine>>,
    /// The jobs that must have completed before it begins.
    pub after: Arc<[JobId]>,
    /// How many times more it is tried when it fails.
    pub retries: u32,
}

/// How a job came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Somebody already worked on it when it was created.
    Running,
    /// It waited for a worker.
    Pending,
}

/// An idempotency key and the digest of the body it came with.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Idempotency {
    /// The key, unique per user.
    pub key: Arc<str>,
    /// A digest of the body; another body under the same key is a conflict.
    pub digest: u64,
}

/// The counters of a job. Zero means "not counted", as in the story.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Items in all.
    pub total_items: u64,
    /// Items done.
    pub processed_items: u64,
    /// Items that went wrong.
    pub error_count: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// Bytes done.
    pub processed_bytes: u64,
}

/// What changes in a job's life.
#[derive(Clone, Debug)]
pub struct State {
    /// Where it stands.
    pub status: Status,
    /// Percent, 0 to 100.
    pub progress: f64,
    /// Higher goes first.
    pub priority: i32,
    /// The names of its steps.
    pub steps: Arc<[Arc<str>]>,
    /// Index into `steps`.
    pub current_step: u32,
    /// What the producer says just now.
    pub message: Option<Arc<str>>,
    /// Where the progress comes from.
    pub progress_source: Option<Arc<str>>,
    /// What was counted.
    pub counts: Counts,
    /// Active and paused time.
    pub stopwatch: Stopwatch,
    /// Active time of each step.
    pub laps: Laps,
    /// When work began.
    pub start_time: Option<Timestamp>,
    /// When it will probably be done.
    pub estimated_completion: Option<Timestamp>,
    /// The last change.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What was asked of the producer and not yet acknowledged.
    pub control: Option<Request>,
    /// Since when nothing is heard of the producer.
    pub stalled_since: Option<Timestamp>,
    /// What went wrong.
    pub failure: Option<Arc<Failure>>,
    /// The number of its last change, within the daemon's epoch.
    pub revision: u64,
}

impl Job {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.spec.id
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.state.status.is_final()
    }
}
