//! What of a finished job goes into the index, read straight from its record.

use std::borrow::Cow;

use jobtop_core::job::laps::Laps;
use jobtop_core::proto::stored;
use jobtop_core::{JobId, Status, Timestamp};
use serde::Deserialize;

use super::keys;

/// A finished job as the index sees it.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) id: JobId,
    pub(super) status: Status,
    pub(super) job_type: Cow<'a, str>,
    pub(super) user: Cow<'a, str>,
    pub(super) queue: Cow<'a, str>,
    pub(super) host: Option<Cow<'a, str>>,
    pub(super) tags: Vec<Text<'a>>,
    pub(super) steps: Vec<Text<'a>>,
    pub(super) name: Cow<'a, str>,
    pub(super) message: Option<Cow<'a, str>>,
    pub(super) error: Option<Cow<'a, str>>,
    pub(super) progress: f64,
    pub(super) finished: Timestamp,
    pub(super) started: Option<Timestamp>,
    pub(super) active_ms: u64,
    pub(super) processed: u64,
    pub(super) errors: u64,
    /// Active milliseconds by step.
    pub(super) laps: Laps,
    /// The number of its idempotency key.
    pub(super) key: Option<u64>,
}

/// A text that is borrowed where JSON says it without escapes.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    job: Kept<'a>,
}

#[derive(Deserialize)]
struct Kept<'a> {
    v: u32,
    #[serde(borrow)]
    view: Seen<'a>,
    #[serde(default)]
    laps: Laps,
    #[serde(borrow, default)]
    idempotency: Option<Key<'a>>,
}

#[derive(Deserialize)]
struct Key<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
}

/// The members of a view that are indexed; all others are passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen<'a> {
    id: JobId,
    #[serde(rename = "type", borrow)]
    job_type: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    status: Status,
    progress: f64,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    queue: Cow<'a, str>,
    #[serde(borrow, default)]
    tags: Vec<Text<'a>>,
    #[serde(borrow)]
    host: Option<Text<'a>>,
    updated_at: Timestamp,
    finished_at: Option<Timestamp>,
    #[serde(borrow)]
    steps: Vec<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    metrics: Measured,
    #[serde(borrow)]
    error: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    processed_items: u64,
    error_count: u64,
    start_time: Option<Timestamp>,
    active_seconds: f64,
}

impl<'a> Row<'a> {
    /// Reads it from the payload of a frame; none if it is no job that this release can read.
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let Envelope { job } = serde_json::from_slice(payload).ok()?;
        let view = (job.v <= stored::VERSION).then_some(job.view)?;
        let bare = |text: Option<Text<'a>>| text.map(|text| text.0);
        let key = job.idempotency;
        Some(Self {
            key: key.map(|given| keys::number(&view.user_id, &given.key)),
            id: view.id,
            status: view.status,
            job_type: view.job_type,
            user: view.user_id,
            queue: view.queue,
            host: bare(view.host),
            tags: view.tags,
            steps: view.steps,
            name: view.name,
            message: bare(view.message),
            error: bare(view.error),
            progress: view.progress,
            finished: view.finished_at.unwrap_or(view.updated_at),
            started: view.metrics.start_time,
            active_ms: (view.metrics.active_seconds * 1000.0).round() as u64,
            processed: view.metrics.processed_items,
            errors: view.metrics.error_count,
            laps: job.laps,
        })
    }
}
