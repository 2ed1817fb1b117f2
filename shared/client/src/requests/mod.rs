//! The JSON frames that a client sends, each with the `requestId` that its answer will carry.

use jobtop_core::job::Reply;
use jobtop_core::job::progress::Report;
use jobtop_core::proto::body::{FailBody, NewJob};
use jobtop_core::proto::request::{ListJobs, Subscribe};
use serde::Serialize;

#[cfg(test)]
mod tests;

/// `pause_job`.
#[must_use]
pub fn pause(request_id: &str, job_id: &str) -> String {
    on_job("pause_job", request_id, job_id)
}

/// `resume_job`.
#[must_use]
pub fn resume(request_id: &str, job_id: &str) -> String {
    on_job("resume_job", request_id, job_id)
}

/// `cancel_job`.
#[must_use]
pub fn cancel(request_id: &str, job_id: &str) -> String {
    on_job("cancel_job", request_id, job_id)
}

/// `retry_job`.
#[must_use]
pub fn retry(request_id: &str, job_id: &str) -> String {
    on_job("retry_job", request_id, job_id)
}

/// `set_priority`.
#[must_use]
pub fn set_priority(request_id: &str, job_id: &str, priority: i32) -> String {
    #[derive(Serialize)]
    struct Fields {
        priority: i32,
    }
    frame(
        "set_priority",
        Some(request_id),
        Some(job_id),
        &Fields { priority },
    )
}

/// `get_job`.
#[must_use]
pub fn get_job(request_id: &str, job_id: &str) -> String {
    on_job("get_job", request_id, job_id)
}

/// `list_jobs`.
#[must_use]
pub fn list_jobs(request_id: &str, wanted: &ListJobs) -> String {
    typed("list_jobs", Some(request_id), wanted)
}

/// `subscribe`, answered by `subscribed`.
#[must_use]
pub fn subscribe(wanted: &Subscribe) -> String {
    frame("subscribe", None, None, wanted)
}

/// `unsubscribe`, answered by `unsubscribed`.
#[must_use]
pub fn unsubscribe(channel: &str) -> String {
    #[derive(Serialize)]
    struct Fields<'a> {
        channel: &'a str,
    }
    frame("unsubscribe", None, None, &Fields { channel })
}

/// `create_job`.
#[must_use]
pub fn create_job(request_id: &str, new: &NewJob) -> String {
    typed("create_job", Some(request_id), new)
}

/// `adopt_job`: a producer goes on with its job.
#[must_use]
pub fn adopt_job(request_id: &str, job_id: &str) -> String {
    on_job("adopt_job", request_id, job_id)
}

/// `accept`: an assigned job is taken.
#[must_use]
pub fn accept_job(request_id: &str, job_id: &str) -> String {
    on_job("accept", request_id, job_id)
}

/// `update_progress`. Without a `requestId`: success is silent, a mistake is answered all the same.
#[must_use]
pub fn update_progress(job_id: &str, report: &Report) -> String {
    frame("update_progress", None, Some(job_id), report)
}

/// `complete_job`.
#[must_use]
pub fn complete_job(request_id: &str, job_id: &str) -> String {
    on_job("complete_job", request_id, job_id)
}

/// `fail_job`.
#[must_use]
pub fn fail_job(request_id: &str, job_id: &str, why: &FailBody) -> String {
    frame("fail_job", Some(request_id), Some(job_id), why)
}

/// `control_ack`: what became of a `job_control`.
#[must_use]
pub fn control_ack(request_id: &str, job_id: &str, reply: &Reply) -> String {
    frame("control_ack", Some(request_id), Some(job_id), reply)
}

/// `heartbeat`: the producer lives, though it has nothing to say.
#[must_use]
pub fn heartbeat() -> String {
    frame("heartbeat", None, None, &Nothing {})
}

/// `ping`, answered by a `pong` with the daemon's present revision.
#[must_use]
pub fn ping() -> String {
    frame("ping", None, None, &Nothing {})
}

/// `pong`, the answer to the daemon's `ping`.
#[must_use]
pub fn pong() -> String {
    frame("pong", None, None, &Nothing {})
}

#[derive(Serialize)]
struct Nothing {}

fn on_job(kind: &str, request_id: &str, job_id: &str) -> String {
    frame(kind, Some(request_id), Some(job_id), &Nothing {})
}

/// A message whose fields have no `type` of their own.
fn frame<T: Serialize>(
    kind: &str,
    request_id: Option<&str>,
    job_id: Option<&str>,
    fields: &T,
) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Frame<'a, T> {
        #[serde(rename = "type")]
        kind: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        job_id: Option<&'a str>,
        #[serde(flatten)]
        fields: &'a T,
    }
    encode(&Frame {
        kind,
        request_id,
        job_id,
        fields,
    })
}

/// A message whose fields say a job's type: `type` over HTTP, `jobType` where `type` names the message.
fn typed(kind: &str, request_id: Option<&str>, fields: &impl Serialize) -> String {
    // Members are rewritten as text, so that a `config` keeps its bytes.
    let body = encode(fields);
    let members: std::collections::BTreeMap<&str, &serde_json::value::RawValue> =
        serde_json::from_str(&body).unwrap_or_default();
    let members = members.into_iter().map(|(name, value)| {
        let name = if name == "type" { "jobType" } else { name };
        (name, value)
    });
    let head = frame(kind, request_id, None, &Nothing {});
    let mut text = head.strip_suffix('}').unwrap_or(&head).to_owned();
    for (name, value) in members {
        text.push_str(",\"");
        text.push_str(name);
        text.push_str("\":");
        text.push_str(value.get());
    }
    text.push('}');
    text
}

fn encode<T: Serialize>(value: &T) -> String {
    // String keys and finite numbers only (non-finite ones become null), so this can't fail; null says so if it ever did.
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
