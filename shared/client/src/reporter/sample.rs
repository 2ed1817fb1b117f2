//! A job and what a daemon says of it, for tests.

use jobtop_core::JobId;
use jobtop_core::id::JobType;
use jobtop_core::job::progress::Report;
use jobtop_core::proto::body::NewJob;
use serde_json::{Value, json};

pub(super) const ID: &str = "job_01JD8ZAAAAAAAAAAAAAAAAAAAA";

pub(super) fn new_job() -> NewJob {
    NewJob::of(JobType::new("csv_processing").unwrap())
}

pub(super) fn id() -> JobId {
    ID.parse().unwrap()
}

pub(super) fn report(json: &str) -> Report {
    serde_json::from_str(json).unwrap()
}

/// A job as a daemon says it.
pub(super) fn job(status: &str, control: &Value) -> Value {
    json!({
        "id": ID, "type": "csv_processing", "name": "n", "status": status, "progress": 0.0, "priority": 0,
        "userId": "u", "queue": "default", "tags": [], "config": {}, "host": null, "retryOf": null,
        "createdAt": "2026-11-24T03:00:00.000Z", "updatedAt": "2026-11-24T03:00:00.000Z", "finishedAt": null,
        "steps": ["Processing"], "currentStep": 0, "message": null, "progressSource": null,
        "metrics": {"totalItems": 0, "processedItems": 0, "errorCount": 0, "startTime": null,
            "estimatedCompletion": null, "activeSeconds": 0.0, "pausedSeconds": 0.0,
            "itemsPerSecond": null, "errorRate": null},
        "health": null, "capabilities": {"pause": true, "cancel": true, "retry": false},
        "control": control, "stalledSince": null, "error": null, "errorDetail": null, "revision": 1
    })
}

pub(super) fn asked(action: &str, second: u32) -> Value {
    json!({"action": action, "requestedAt": format!("2026-11-24T03:00:{second:02}.000Z")})
}

pub(super) fn ok(request: &str, status: &str, control: &Value) -> Value {
    json!({"type": "ok", "requestId": request, "job": job(status, control)})
}

pub(super) fn refusal(request: &str, code: &str) -> Value {
    json!({"type": "error", "requestId": request, "code": code, "message": format!("no: {code}")})
}

pub(super) fn control(action: &str, second: u32) -> Value {
    let requested_at = asked(action, second)["requestedAt"].clone();
    json!({"type": "job_control", "jobId": ID, "action": action, "requestedAt": requested_at})
}
