//! A job as it is said on the wire and kept in the store: flat, camelCase, times in RFC 3339.
//!
//! [`View`] is the whole job; [`Patch`] its mutable part, whole and idempotent: applying it to any older view of the
//! same job gives the newest one.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::calc::health::{self, Health};
use crate::calc::rate;
use crate::id::{JobId, JobType, UserId};
use crate::job::command::CommandLine;
use crate::job::config::Config;
use crate::job::control::{Capabilities, Request};
use crate::job::failure::Failure;
use crate::job::status::Status;
use crate::job::{Counts, Job};
use crate::serial::{number, optional_number};
use crate::time::Timestamp;

/// So many lists of names are remembered on a thread.
const LISTS: usize = 16;

/// Names. They come with every update, and are nearly always those that came before: then they are not copied.
fn names<'de, D: Deserializer<'de>>(d: D) -> Result<Arc<[Arc<str>]>, D::Error> {
    #[derive(Deserialize)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
    thread_local! {
        static SEEN: RefCell<VecDeque<Arc<[Arc<str>]>>> = const { RefCell::new(VecDeque::new()) };
    }
    let read = Vec::<Name<'de>>::deserialize(d)?;
    let is_it = |known: &&Arc<[Arc<str>]>| {
        known.len() == read.len() && known.iter().zip(&read).all(|(a, b)| **a == *b.0)
    };
    SEEN.with_borrow_mut(|seen| {
        if let Some(known) = seen.iter().find(is_it) {
            return Ok(Arc::clone(known));
        }
        let list: Arc<[Arc<str>]> = read.iter().map(|name| Arc::from(&*name.0)).collect();
        seen.truncate(LISTS - 1);
        seen.push_front(Arc::clone(&list));
        Ok(list)
    })
}

/// The metrics object of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Items in all, 0 if unknown.
    pub total_items: u64,
    /// Items done.
    pub processed_items: u64,
    /// Items that went wrong.
    pub error_count: u64,
    /// Bytes in all, 0 if unknown.
    #[serde(default)]
    pub total_bytes: u64,
    /// Bytes done.
    #[serde(default)]
    pub processed_bytes: u64,
    /// When work began.
    pub start_time: Option<Timestamp>,
    /// When it will probably be done.
    pub estimated_completion: Option<Timestamp>,
    /// Lower end of the expected range.
    #[serde(default)]
    pub estimated_completion_low: Option<Timestamp>,
    /// Upper end of the expected range.
    #[serde(default)]
    pub estimated_completion_high: Option<Timestamp>,
    /// Seconds of work, as of the moment it was said; goes on while the job runs.
    #[serde(serialize_with = "number")]
    pub active_seconds: f64,
    /// Seconds paused, likewise.
    #[serde(serialize_with = "number")]
    pub paused_seconds: f64,
    /// Items per second of active time.
    #[serde(serialize_with = "optional_number")]
    pub items_per_second: Option<f64>,
    /// Errors per item.
    #[serde(serialize_with = "optional_number")]
    pub error_rate: Option<f64>,
}

/// A whole job on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the fields are those of jobtop-protocol(7), in its order"
)]
pub struct View {
    pub id: JobId,
    #[serde(rename = "type")]
    pub job_type: JobType,
    pub name: Arc<str>,
    pub status: Status,
    #[serde(serialize_with = "number")]
    pub progress: f64,
    pub priority: i32,
    pub user_id: UserId,
    pub queue: Arc<str>,
    pub tags: Arc<[Arc<str>]>,
    #[serde(default)]
    pub config: Config,
    pub host: Option<Arc<str>>,
    pub retry_of: Option<JobId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    #[serde(deserialize_with = "names")]
    pub steps: Arc<[Arc<str>]>,
    pub current_step: u32,
    /// Active seconds of each step that was left, by its index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub step_seconds: Vec<f64>,
    pub message: Option<Arc<str>>,
    pub progress_source: Option<Arc<str>>,
    pub metrics: Metrics,
    pub health: Option<Health>,
    pub capabilities: Capabilities,
    pub control: Option<Request>,
    pub stalled_since: Option<Timestamp>,
    pub error: Option<Arc<str>>,
    pub error_detail: Option<Arc<Failure>>,
    pub revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Arc<CommandLine>>,
    #[serde(default = "nobody", skip_serializing_if = "is_nobody")]
    pub after: Arc<[JobId]>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
}

fn nobody() -> Arc<[JobId]> {
    Arc::new([])
}

fn is_nobody(ids: &Arc<[JobId]>) -> bool {
    ids.is_empty()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over references"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The mutable part of a job on the wire, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of View")]
pub struct Patch {
    pub status: Status,
    #[serde(serialize_with = "number")]
    pub progress: f64,
    pub priority: i32,
    pub updated_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    #[serde(deserialize_with = "names")]
    pub steps: Arc<[Arc<str>]>,
    pub current_step: u32,
    pub message: Option<Arc<str>>,
    pub progress_source: Option<Arc<str>>,
    pub metrics: Metrics,
    pub health: Option<Health>,
    pub capabilities: Capabilities,
    pub control: Option<Request>,
    pub stalled_since: Option<Timestamp>,
    pub error: Option<Arc<str>>,
    pub error_detail: Option<Arc<Failure>>,
    pub revision: u64,
}

impl Job {
    /// The job as it is said at the monotonic moment `mono` (milliseconds).
    #[must_use]
    pub fn view(&self, mono: u64) -> View {
        let spec = &*self.spec;
        let patch = self.patch(mono);
        View {
            id: spec.id,
            job_type: spec.job_type.clone(),
            name: spec.name.clone(),
            status: patch.status,
            progress: patch.progress,
            priority: patch.priority,
            user_id: spec.user.clone(),
            queue: spec.queue.clone(),
            tags: spec.tags.clone(),
            config: spec.config.clone(),
            host: spec.host.clone(),
            retry_of: spec.retry_of,
            created_at: spec.created_at,
            updated_at: patch.updated_at,
            finished_at: patch.finished_at,
            steps: patch.steps,
            current_step: patch.current_step,
            step_seconds: (self.state.laps.spent_ms().iter())
                .map(|ms| *ms as f64 / 1000.0)
                .collect(),
            message: patch.message,
            progress_source: patch.progress_source,
            metrics: patch.metrics,
            health: patch.health,
            capabilities: patch.capabilities,
            control: patch.control,
            stalled_since: patch.stalled_since,
            error: patch.error,
            error_detail: patch.error_detail,
            revision: patch.revision,
            command: spec.command.clone(),
            after: spec.after.clone(),
            retries: spec.retries,
        }
    }

    /// The mutable part as it is said at the monotonic moment `mono` (milliseconds).
    #[must_use]
    pub fn patch(&self, mono: u64) -> Patch {
        let state = &self.state;
        let metrics = self.metrics(mono);
        let health = metrics
            .error_rate
            .zip(metrics.items_per_second)
            .map(|(errors, rate)| health::grade(errors, rate));
        Patch {
            status: state.status,
            progress: state.progress,
            priority: state.priority,
            updated_at: state.updated_at,
            finished_at: state.finished_at,
            steps: state.steps.clone(),
            current_step: state.current_step,
            message: state.message.clone(),
            progress_source: state.progress_source.clone(),
            metrics,
            health,
            capabilities: self.spec.capabilities,
            control: state.control,
            stalled_since: state.stalled_since,
            error: state.failure.as_ref().map(|f| f.message.clone()),
            error_detail: state.failure.clone(),
            revision: state.revision,
        }
    }

    fn metrics(&self, mono: u64) -> Metrics {
        let state = &self.state;
        let Counts {
            total_items,
            processed_items,
            error_count,
            total_bytes,
            processed_bytes,
        } = state.counts;
        let active_ms = state.stopwatch.active_ms(mono);
        // A moment that has passed without the end having come is no estimate any more.
        let ahead = |at: &Timestamp| *at >= state.stopwatch.wall(mono);
        Metrics {
            total_items,
            processed_items,
            error_count,
            total_bytes,
            processed_bytes,
            start_time: state.start_time,
            estimated_completion: state.estimated_completion.filter(ahead),
            estimated_completion_low: None,
            estimated_completion_high: None,
            active_seconds: active_ms as f64 / 1000.0,
            paused_seconds: state.stopwatch.paused_ms(mono) as f64 / 1000.0,
            items_per_second: rate::items_per_second(processed_items, active_ms),
            error_rate: rate::error_rate(error_count, processed_items),
        }
    }
}

impl View {
    /// Brings this view up to the patch. Whether it is newer is the caller's question.
    pub fn apply(&mut self, patch: Patch) {
        let ends = patch.status.is_final() && !self.status.is_final();
        if ends || patch.current_step != self.current_step {
            self.leave_step(patch.metrics.active_seconds);
        }
        let Patch {
            status,
            progress,
            priority,
            updated_at,
            finished_at,
            steps,
            current_step,
            message,
            progress_source,
            metrics,
            health,
            capabilities,
            control,
            stalled_since,
            error,
            error_detail,
            revision,
        } = patch;
        self.status = status;
        self.progress = progress;
        self.priority = priority;
        self.updated_at = updated_at;
        self.finished_at = finished_at;
        self.steps = steps;
        self.current_step = current_step;
        self.message = message;
        self.progress_source = progress_source;
        self.metrics = metrics;
        self.health = health;
        self.capabilities = capabilities;
        self.control = control;
        self.stalled_since = stalled_since;
        self.error = error;
        self.error_detail = error_detail;
        self.revision = revision;
    }

    /// Active seconds of the current step so far, when those of the job are so many in all.
    #[must_use]
    pub fn in_step(&self, active_seconds: f64) -> f64 {
        (active_seconds - self.step_seconds.iter().sum::<f64>()).max(0.0)
    }

    /// What passed since the last step was left belongs to the one that is left now: a patch does not say it.
    fn leave_step(&mut self, active_seconds: f64) {
        let (step, passed) = (self.current_step as usize, self.in_step(active_seconds));
        // A step beyond the last one is none, whatever a message says.
        if step < self.steps.len() {
            if self.step_seconds.len() <= step {
                self.step_seconds.resize(step + 1, 0.0);
            }
            self.step_seconds[step] += passed;
        }
    }

    /// The name of the current step.
    #[must_use]
    pub fn step_name(&self) -> &str {
        self.steps.get(self.current_step as usize).map_or("", |s| s)
    }
}
