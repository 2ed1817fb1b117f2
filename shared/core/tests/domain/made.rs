//! Jobs and moments to test with.

use std::sync::Arc;

use jobtop_core::job::config::Config;
use jobtop_core::job::control::Capabilities;
use jobtop_core::job::failure::Failure;
use jobtop_core::job::laps::Laps;
use jobtop_core::job::progress::Report;
use jobtop_core::job::stopwatch::Stopwatch;
use jobtop_core::job::{Counts, Origin, Reply, Spec, State, kind};
use jobtop_core::{Job, JobId, JobType, Now, Status, Timestamp, UserId};

/// 2026-11-24 03:04:17.120 UTC.
pub(crate) const START: i64 = 1_795_489_457_120;

/// So many milliseconds after the start, on both clocks.
pub(crate) fn at(ms: u64) -> Now {
    Now {
        wall: Timestamp(START).plus_ms(ms.cast_signed()),
        mono: 1_000_000 + ms,
    }
}

/// A pending job of the story's first type, made at the start.
pub(crate) fn pending() -> Job {
    let state = State {
        status: Status::Pending,
        progress: 0.0,
        priority: 0,
        steps: kind::default_steps("csv_processing").into(),
        current_step: 0,
        message: None,
        progress_source: None,
        counts: Counts::default(),
        stopwatch: Stopwatch::default(),
        laps: Laps::default(),
        start_time: None,
        estimated_completion: None,
        updated_at: Timestamp(START),
        finished_at: None,
        control: None,
        stalled_since: None,
        failure: None,
        revision: 7,
    };
    Job {
        spec: Arc::new(spec(Capabilities::default())),
        state,
    }
}

/// A running job, begun at the start.
pub(crate) fn running() -> Job {
    let mut job = pending();
    job.start(at(0)).unwrap();
    job
}

/// A running job whose producer can do only this much.
pub(crate) fn able(pause: bool, cancel: bool) -> Job {
    let mut job = running();
    job.spec = Arc::new(spec(Capabilities {
        pause,
        cancel,
        retry: false,
    }));
    job
}

fn spec(capabilities: Capabilities) -> Spec {
    Spec {
        id: JobId::new(Timestamp(START), 77),
        job_type: JobType::new("csv_processing").unwrap(),
        name: "orders-2026-11.csv".into(),
        user: UserId::new("analyst1").unwrap(),
        queue: "default".into(),
        tags: [Arc::from("nightly")].into(),
        config: Config::default(),
        host: Some("etl1".into()),
        retry_of: None,
        created_at: Timestamp(START),
        capabilities,
        origin: Origin::Pending,
        heartbeat_seconds: None,
        idempotency: None,
        command: None,
        after: [].into(),
        retries: 0,
    }
}

/// A report, as JSON says it.
pub(crate) fn report(json: &str) -> Report {
    jobtop_core::proto::read::json(json.as_bytes()).unwrap_or_else(|e| panic!("{json}: {e}"))
}

/// A producer's answer, as JSON says it.
pub(crate) fn reply(json: &str) -> Reply {
    serde_json::from_str(json).unwrap()
}

/// A failure that says no more than that.
pub(crate) fn failure(message: &str) -> Failure {
    Failure {
        code: "failed".into(),
        message: message.into(),
        step: None,
        exit_code: None,
        signal: None,
        suggestion: None,
        last_lines: None,
    }
}
