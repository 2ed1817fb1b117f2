//! A job as the store keeps it: the wire's [`View`] or [`Patch`] in a versioned envelope, with what the wire leaves out.
//!
//! Every version that was ever released stays readable: a sample of each stands in the tests below.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::job::laps::Laps;
use crate::job::status::Status;
use crate::job::stopwatch::Stopwatch;
use crate::job::{Counts, Idempotency, Job, Origin, Spec, State};
use crate::proto::view::{Metrics, Patch, View};
use crate::time::Now;

/// The version that is written.
pub const VERSION: u32 = 1;

/// A whole job as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredJob {
    v: u32,
    view: View,
    stopwatch: Stopwatch,
    origin: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heartbeat_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency: Option<Idempotency>,
    /// The status to go back to when the producer refuses what is asked of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Status>,
    /// The active time of each step.
    #[serde(default, skip_serializing_if = "Laps::is_empty")]
    laps: Laps,
}

/// The mutable part of a job as it is kept between whole ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredTick {
    v: u32,
    patch: Patch,
    stopwatch: Stopwatch,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Status>,
    /// The active time of each step.
    #[serde(default, skip_serializing_if = "Laps::is_empty")]
    laps: Laps,
}

/// A kept form that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum BadStored {
    /// A newer release wrote it.
    #[error("written in version {0} of the stored form, this release reads up to {VERSION}")]
    Newer(u32),
    /// It is no stored job.
    #[error("not a stored job: {0}")]
    Malformed(#[from] serde_json::Error),
}

impl Job {
    /// The job as it is kept, with its times as of the monotonic moment `mono` (milliseconds).
    ///
    /// ```
    /// # use jobtop_core::{Job, Now};
    /// # use jobtop_core::proto::stored::StoredJob;
    /// # fn keep(job: &Job, now: Now) -> Result<Job, Box<dyn std::error::Error>> {
    /// let text = serde_json::to_string(&job.stored(now.mono))?;
    /// // … the daemon ends and starts again …
    /// let job = StoredJob::read(text.as_bytes())?.revive(now);
    /// # Ok(job)
    /// # }
    /// ```
    #[must_use]
    pub fn stored(&self, mono: u64) -> StoredJob {
        StoredJob {
            v: VERSION,
            view: self.view(mono),
            stopwatch: self.state.stopwatch,
            origin: self.spec.origin,
            heartbeat_seconds: self.spec.heartbeat_seconds,
            idempotency: self.spec.idempotency.clone(),
            before: self.state.control.and_then(|request| request.before),
            laps: self.state.laps.clone(),
        }
    }

    /// The mutable part as it is kept, with its times as of the monotonic moment `mono` (milliseconds).
    #[must_use]
    pub fn stored_tick(&self, mono: u64) -> StoredTick {
        StoredTick {
            v: VERSION,
            patch: self.patch(mono),
            stopwatch: self.state.stopwatch,
            before: self.state.control.and_then(|request| request.before),
            laps: self.state.laps.clone(),
        }
    }
}

impl StoredJob {
    /// Reads any version up to [`VERSION`].
    pub fn read(text: &[u8]) -> Result<Self, BadStored> {
        read(text, |stored: &Self| stored.v)
    }

    /// The job again, its stopwatch going on from the present.
    #[must_use]
    pub fn revive(self, now: Now) -> Job {
        let view = self.view;
        let spec = Spec {
            id: view.id,
            job_type: view.job_type,
            name: view.name,
            user: view.user_id,
            queue: view.queue,
            tags: view.tags,
            config: view.config,
            host: view.host,
            retry_of: view.retry_of,
            created_at: view.created_at,
            capabilities: view.capabilities,
            origin: self.origin,
            heartbeat_seconds: self.heartbeat_seconds,
            idempotency: self.idempotency,
            command: view.command,
            after: view.after,
            retries: view.retries,
        };
        let patch = Patch {
            status: view.status,
            progress: view.progress,
            priority: view.priority,
            updated_at: view.updated_at,
            finished_at: view.finished_at,
            steps: view.steps,
            current_step: view.current_step,
            message: view.message,
            progress_source: view.progress_source,
            metrics: view.metrics,
            health: view.health,
            capabilities: view.capabilities,
            control: view.control,
            stalled_since: view.stalled_since,
            error: view.error,
            error_detail: view.error_detail,
            revision: view.revision,
        };
        Job {
            spec: Arc::new(spec),
            state: state(patch, self.stopwatch, self.laps, self.before, now),
        }
    }
}

impl StoredTick {
    /// Reads any version up to [`VERSION`].
    pub fn read(text: &[u8]) -> Result<Self, BadStored> {
        read(text, |stored: &Self| stored.v)
    }

    /// The state again, its stopwatch going on from the present. It replaces the one of the same job whole.
    #[must_use]
    pub fn revive(self, now: Now) -> State {
        state(self.patch, self.stopwatch, self.laps, self.before, now)
    }
}

#[derive(Deserialize)]
struct Envelope {
    v: u32,
}

fn read<'de, T: Deserialize<'de>>(
    text: &'de [u8],
    version: impl Fn(&T) -> u32,
) -> Result<T, BadStored> {
    let newer = |v| {
        if v > VERSION {
            Err(BadStored::Newer(v))
        } else {
            Ok(())
        }
    };
    match serde_json::from_slice(text) {
        Ok(stored) => newer(version(&stored)).map(|()| stored),
        Err(error) => {
            // A newer form need not look like ours; saying so helps more than naming a field.
            if let Ok(envelope) = serde_json::from_slice::<Envelope>(text) {
                newer(envelope.v)?;
            }
            Err(error.into())
        }
    }
}

fn state(
    patch: Patch,
    mut stopwatch: Stopwatch,
    laps: Laps,
    before: Option<Status>,
    now: Now,
) -> State {
    stopwatch.revive(now);
    let Metrics {
        total_items,
        processed_items,
        error_count,
        total_bytes,
        processed_bytes,
        start_time,
        estimated_completion,
        ..
    } = patch.metrics;
    State {
        status: patch.status,
        progress: patch.progress,
        priority: patch.priority,
        steps: patch.steps,
        current_step: patch.current_step,
        message: patch.message,
        progress_source: patch.progress_source,
        counts: Counts {
            total_items,
            processed_items,
            error_count,
            total_bytes,
            processed_bytes,
        },
        stopwatch,
        laps,
        start_time,
        estimated_completion,
        updated_at: patch.updated_at,
        finished_at: patch.finished_at,
        control: patch
            .control
            .map(|request| crate::job::control::Request { before, ..request }),
        stalled_since: patch.stalled_since,
        failure: patch.error_detail,
        revision: patch.revision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What version 1 wrote. It must be read for ever: add samples, never change one.
    const JOB_1: &str = include_str!("../../tests/stored/job-1.json");
    const TICK_1: &str = include_str!("../../tests/stored/tick-1.json");

    fn now() -> Now {
        Now {
            wall: "2026-11-24T03:00:20.000Z".parse().unwrap(),
            mono: 90_000_000,
        }
    }

    fn kept(job: &Job) -> Job {
        let text = serde_json::to_vec(&job.stored(now().mono)).unwrap();
        StoredJob::read(&text).unwrap().revive(now())
    }

    #[test]
    fn version_1_is_read_and_nothing_is_lost_when_kept_again() {
        let job = StoredJob::read(JOB_1.trim_end().as_bytes()).unwrap();
        let job = job.revive(now());
        let request = job.state.control.unwrap();
        assert_eq!(request.before, Some(Status::Running));
        assert_eq!(job.spec.origin, Origin::Pending);
        assert_eq!(job.spec.heartbeat_seconds, Some(2.5));
        assert_eq!(job.spec.idempotency.as_ref().unwrap().digest, u64::MAX);
        assert_eq!(job.spec.config.0.get(), r#"{ "rate":1.0e3 }"#);
        // Ten seconds before the mark, then the stopwatch counted on as paused.
        assert_eq!(job.state.stopwatch.active_ms(now().mono), 7_500);
        assert_eq!(job.state.stopwatch.paused_ms(now().mono), 10_250);
        assert_eq!(format!("{job:?}"), format!("{:?}", kept(&job)));
    }

    #[test]
    fn a_tick_of_version_1_is_read_and_nothing_is_lost_when_kept_again() {
        let tick = StoredTick::read(TICK_1.trim_end().as_bytes()).unwrap();
        let mut job = StoredJob::read(JOB_1.as_bytes()).unwrap().revive(now());
        job.state = tick.revive(now());
        assert_eq!(job.state.counts.processed_items, 61_000);
        assert_eq!(job.state.status, Status::Failed);
        assert_eq!(job.state.failure.as_ref().unwrap().exit_code, Some(7));
        let text = serde_json::to_vec(&job.stored_tick(now().mono)).unwrap();
        let again = StoredTick::read(&text).unwrap().revive(now());
        assert_eq!(format!("{:?}", job.state), format!("{again:?}"));
    }

    #[test]
    fn a_newer_form_is_named_as_such_and_anything_else_as_malformed() {
        assert!(matches!(
            StoredJob::read(br#"{"v":2,"all":"new"}"#),
            Err(BadStored::Newer(2))
        ));
        let newer = JOB_1.replacen("{\"v\":1", "{\"v\":3", 1);
        assert!(matches!(
            StoredJob::read(newer.as_bytes()),
            Err(BadStored::Newer(3))
        ));
        for bad in ["", "{}", "null", r#"{"v":1}"#, "\u{fffd}"] {
            assert!(
                matches!(
                    StoredJob::read(bad.as_bytes()),
                    Err(BadStored::Malformed(_))
                ),
                "{bad}"
            );
        }
    }
}
