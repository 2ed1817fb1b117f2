//! The bodies and answers of the HTTP calls; WebSocket requests carry the same fields flat.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{JobId, JobType, UserId};
use crate::job::command::NewCommand;
use crate::job::config::Config;
use crate::job::control::Capabilities;
use crate::job::progress::count;
use crate::job::status::Status;
use crate::proto::view::View;
use crate::serial::{object, whole, whole_needed};
use crate::time::Timestamp;

/// `POST /api/jobs`: a job to be created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewJob {
    /// Its type; on the WebSocket the field is `jobType`.
    #[serde(rename = "type", alias = "jobType")]
    pub job_type: JobType,
    /// What people call it; its type if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Whose; the identity's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Its steps; the type's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Arc<str>>>,
    /// The producer's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Config>,
    /// Higher goes first.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub priority: Option<i32>,
    /// `default` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Arc<str>>,
    /// Free words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Arc<str>>>,
    /// Items in all.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub total_items: Option<u64>,
    /// Bytes in all.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub total_bytes: Option<u64>,
    /// What the producer can do.
    #[serde(
        default,
        deserialize_with = "object",
        skip_serializing_if = "Option::is_none"
    )]
    pub capabilities: Option<CapabilitiesGiven>,
    /// `running` (default) or `pending`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// A report is due at least this often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_seconds: Option<f64>,
    /// The creator's key against making it twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Arc<str>>,
    /// Where the work is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
    /// When the work began, if that was before anybody told of it: of a running job only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// A command to be run.
    #[serde(
        default,
        deserialize_with = "object",
        skip_serializing_if = "Option::is_none"
    )]
    pub command: Option<NewCommand>,
    /// The jobs that must have completed before it begins: one id or a list.
    #[serde(
        default,
        deserialize_with = "one_or_more",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub after: Vec<String>,
    /// How many times more it is tried when it fails.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub retries: Option<u32>,
}

/// Reads ids as a client wrote them, one or a list: a malformed one is an unknown job.
pub(crate) fn one_or_more<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a job's id or a list of them")]
    enum Given {
        One(String),
        More(Vec<String>),
    }
    Ok(match Option::<Given>::deserialize(d)? {
        None => Vec::new(),
        Some(Given::One(id)) => vec![id],
        Some(Given::More(ids)) => ids,
    })
}

impl NewJob {
    /// A running job of that type, with nothing else said.
    #[must_use]
    pub fn of(job_type: JobType) -> Self {
        Self {
            job_type,
            name: None,
            user_id: None,
            steps: None,
            config: None,
            priority: None,
            queue: None,
            tags: None,
            total_items: None,
            total_bytes: None,
            capabilities: None,
            status: None,
            heartbeat_seconds: None,
            idempotency_key: None,
            host: None,
            command: None,
            after: Vec::new(),
            retries: None,
            started_at: None,
        }
    }

    /// A digest of what is asked, to tell under a repeated idempotency key whether the same was meant: FNV-1a over the
    /// known fields in their order here. So neither the order of the fields nor blanks nor unknown fields count, by
    /// whichever door it came; the bytes of `config` do. Kept with the job: it must never change.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let known = serde_json::to_vec(self).unwrap_or_default();
        known.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }
}

/// Capabilities as a creator gives them: those absent are the defaults of the job's kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CapabilitiesGiven {
    /// It can suspend and go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<bool>,
    /// It can end early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<bool>,
    /// Somebody will do a copy of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<bool>,
}

impl CapabilitiesGiven {
    /// The given ones over `defaults`.
    #[must_use]
    pub fn over(self, defaults: Capabilities) -> Capabilities {
        Capabilities {
            pause: self.pause.unwrap_or(defaults.pause),
            cancel: self.cancel.unwrap_or(defaults.cancel),
            retry: self.retry.unwrap_or(defaults.retry),
        }
    }
}

/// `POST /api/jobs/ID/fail`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailBody {
    /// One sentence: what went wrong.
    pub error: Arc<str>,
    /// A stable word for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Arc<str>>,
    /// What to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<Arc<str>>,
    /// The process's exit code.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub exit_code: Option<i32>,
    /// The signal that ended the process.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub signal: Option<i32>,
    /// The last lines of its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_lines: Option<Vec<Arc<str>>>,
}

/// `POST /api/jobs/ID/pause`, `/resume`, `/cancel`, `/retry`: under `--auth none` a request may name its user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ActBody {
    /// The user to be held to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// `POST /api/jobs/ID/priority`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriorityBody {
    /// Higher goes first.
    #[serde(deserialize_with = "whole_needed")]
    pub priority: i32,
}

/// `{job}`: the answer to most calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobAnswer {
    /// The job.
    pub job: View,
}

/// The answer to `accept`: the job, and to the runner of a submitted command what is to be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcceptAnswer {
    /// The job, running.
    pub job: View,
    /// What is to be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<NewCommand>,
}

/// A queue as it is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueView {
    /// Its name.
    pub name: Arc<str>,
    /// How many of its jobs run at once.
    pub slots: u32,
    /// Whether somebody set them; else they are the daemon's default, which holds for its own commands alone.
    pub slots_set: bool,
    /// Whether nothing of it is started.
    pub paused: bool,
    /// Jobs that hold a slot: started from the queue, and their process is not gone yet.
    pub running: usize,
    /// Jobs that wait.
    pub pending: usize,
    /// When the oldest of them was made.
    pub oldest_pending_at: Option<Timestamp>,
}

/// The answer to `GET /api/queues`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuesAnswer {
    /// By name.
    pub queues: Vec<QueueView>,
}

/// The answer to `POST /api/queues/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueAnswer {
    /// As it is now.
    pub queue: QueueView,
}

/// `POST /api/queues/NAME`: what is absent stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueBody {
    /// How many of its jobs run at once; `null` is the default again.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub slots: Option<Option<u32>>,
    /// Whether nothing of it is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

/// Tells `null` from what is absent.
#[expect(
    clippy::option_option,
    reason = "absent, null and a number are three things here"
)]
fn given<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Option<u32>>, D::Error> {
    whole(d).map(Some)
}

/// `GET /api/jobs`: the live set, or what changed of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobsAnswer {
    /// The jobs, newest first; with `after` in the order of their revisions.
    pub jobs: Vec<View>,
    /// With `after`: the ids that left the live set since.
    pub removed: Vec<JobId>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
    /// What to ask `after` next time.
    pub revision: u64,
    /// What to send along with it.
    pub epoch: u64,
}

/// An error answer, RFC 9457 (`application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`: the code says which it is.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The HTTP status in words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// A sentence for a person.
    #[serde(default)]
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_nothing() {
        let new = r#"{"type":"a","priority":-3.0,"retries":2.0,"totalItems":1e17}"#;
        let new: NewJob = serde_json::from_str(new).unwrap();
        assert_eq!((new.priority, new.retries), (Some(-3), Some(2)));
        assert_eq!(new.total_items, Some(100_000_000_000_000_000));
        let fail: FailBody =
            serde_json::from_str(r#"{"error":"e","exitCode":1.0,"signal":null}"#).unwrap();
        assert_eq!((fail.exit_code, fail.signal), (Some(1), None));
        for (slots, read) in [("4.0", Some(4)), ("null", None)] {
            let queue: QueueBody = serde_json::from_str(&format!("{{\"slots\":{slots}}}")).unwrap();
            assert_eq!(queue.slots, Some(read));
        }
        let priority = |text: &str| {
            let body = format!("{{\"priority\":{text}}}");
            serde_json::from_str::<PriorityBody>(&body).map(|body| body.priority)
        };
        assert_eq!(priority("7.0").unwrap(), 7);
        for wrong in ["null", "7.5", "2147483648", "1e300", "\"7\""] {
            assert!(priority(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_digest_is_of_what_is_asked() {
        let of = |body: &str| serde_json::from_str::<NewJob>(body).unwrap().digest();
        let one = of(r#"{"type":"a","name":"n","config":{"x":1}}"#);
        for (body, same) in [
            (r#"{ "name": "n", "config": {"x":1}, "type": "a" }"#, true),
            (
                r#"{"jobType":"a","name":"n","config":{"x":1},"new":2}"#,
                true,
            ),
            (r#"{"type":"a","name":"m","config":{"x":1}}"#, false),
            (r#"{"type":"a","name":"n","config":{"x":2}}"#, false),
            (r#"{"type":"a","name":"n"}"#, false),
        ] {
            assert_eq!(of(body) == one, same, "{body}");
        }
        // Kept with jobs, so it stays what it is.
        assert_eq!(of(r#"{"type":"a"}"#), 0x01a2_d244_039a_d314);
    }
}
