//! What the daemon sends over the WebSocket: encoders for the daemon, [`Message::read`] for clients.
//!
//! The two job messages are encoded once per change and shared; only the channel is spliced in per subscription.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::alert::Alert;
use crate::id::{JobId, JobType};
use crate::job::Job;
use crate::job::control::Action;
use crate::job::refusal::Refusal;
use crate::proto::view::{Patch, View};
use crate::serial::Object;
use crate::time::{Now, Timestamp};

/// `job_update` up to where `"channel":` follows: see [`with_channel`].
#[must_use]
pub fn job_update(job: &Job, now: Now) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Names<'a> {
        r#type: &'a str,
        job_id: JobId,
        job_type: &'a JobType,
    }
    let spec = &job.spec;
    let names = Names {
        r#type: "job_update",
        job_id: spec.id,
        job_type: &spec.job_type,
    };
    // One buffer, large enough for nearly all: the objects are written one behind the other and joined in place.
    let mut text = Vec::with_capacity(1_024);
    append(&mut text, &names);
    append(&mut text, &job.patch(now.mono));
    finish(text, now)
}

/// `job_snapshot` up to where `"channel":` follows.
#[must_use]
pub fn job_snapshot(job: &Job, now: Now) -> String {
    #[derive(Serialize)]
    struct Whole<'a> {
        r#type: &'a str,
        job: View,
    }
    let whole = Whole {
        r#type: "job_snapshot",
        job: job.view(now.mono),
    };
    let mut text = Vec::with_capacity(1_536);
    append(&mut text, &whole);
    finish(text, now)
}

/// Adds the members of an object to those that are there.
fn append<T: Serialize>(text: &mut Vec<u8>, object: &T) {
    let joint = text.len().checked_sub(1);
    if joint.is_some() {
        text.pop();
    }
    // As in `encode`: our own types can always be said.
    let _ = serde_json::to_writer(&mut *text, object);
    if let Some(brace) = joint.and_then(|at| text.get_mut(at)) {
        *brace = b',';
    }
}

fn finish(mut text: Vec<u8>, now: Now) -> String {
    #[derive(Serialize)]
    struct Said {
        timestamp: Timestamp,
    }
    append(
        &mut text,
        &Said {
            timestamp: now.wall,
        },
    );
    text.pop();
    text.push(b',');
    String::from_utf8(text).unwrap_or_default()
}

/// `job_removed` up to where `"channel":` follows.
#[must_use]
pub fn job_removed(id: JobId, revision: u64, now: Now) -> String {
    format!(
        "{{\"type\":\"job_removed\",\"jobId\":\"{id}\",\"revision\":{revision},\"timestamp\":\"{}\",",
        now.wall
    )
}

/// A shared beginning, completed for one channel.
#[must_use]
pub fn with_channel(beginning: &str, channel: &str) -> String {
    let mut text = String::with_capacity(beginning.len() + channel.len() + 14);
    text.push_str(beginning);
    // A channel's name has no character that JSON would escape: Channel::parse saw to it.
    text.push_str("\"channel\":\"");
    text.push_str(channel);
    text.push_str("\"}");
    text
}

/// Every other message of the daemon's.
#[derive(Debug, Clone, Serialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
#[expect(missing_docs, reason = "the messages and fields of jobtop-protocol(7)")]
pub enum Said<'a> {
    Welcome {
        client_id: &'a str,
        timestamp: Timestamp,
        protocol: u32,
        server: &'a str,
        epoch: u64,
        revision: u64,
        user_id: &'a str,
        role: &'a str,
    },
    Subscribed {
        channel: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a RawValue>,
        timestamp: Timestamp,
        revision: u64,
        epoch: u64,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        reset: bool,
    },
    Unsubscribed {
        channel: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a RawValue>,
        timestamp: Timestamp,
    },
    SnapshotEnd {
        channel: &'a str,
        revision: u64,
        epoch: u64,
        timestamp: Timestamp,
    },
    Ping {
        timestamp: Timestamp,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a RawValue>,
        timestamp: Timestamp,
        revision: u64,
    },
    Error {
        code: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        job_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        channel: Option<&'a str>,
        timestamp: Timestamp,
    },
    JobControl {
        job_id: JobId,
        action: Action,
        requested_at: Timestamp,
        timestamp: Timestamp,
    },
    JobAssigned {
        job: &'a View,
        timestamp: Timestamp,
    },
    Log {
        channel: &'a str,
        job_id: JobId,
        text: &'a str,
        next: u64,
        timestamp: Timestamp,
    },
    LogEnd {
        channel: &'a str,
        job_id: JobId,
        timestamp: Timestamp,
    },
    Alert {
        channel: &'a str,
        alert: &'a Alert,
        timestamp: Timestamp,
    },
}

impl Said<'_> {
    /// The text of the frame.
    #[must_use]
    pub fn encode(&self) -> String {
        encode(self)
    }
}

/// `ok` with the members of an HTTP answer.
#[must_use]
pub fn ok<T: Serialize>(request_id: &RawValue, answer: &T) -> String {
    let body = encode(answer);
    let members = body
        .strip_prefix('{')
        .and_then(|b| b.strip_suffix('}'))
        .unwrap_or("");
    let comma = if members.is_empty() { "" } else { "," };
    format!(
        "{{\"type\":\"ok\",\"requestId\":{}{comma}{members}}}",
        request_id.get()
    )
}

fn encode<T: Serialize>(value: &T) -> String {
    // Our own types have string keys and finite numbers only, so this can't fail; null says so if it ever did.
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// A message of the daemon's as a client reads it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the messages and fields of jobtop-protocol(7)")]
pub enum Message {
    Welcome(Welcome),
    Subscribed(Subscribed),
    Unsubscribed {
        channel: String,
    },
    JobSnapshot {
        channel: String,
        job: Box<View>,
    },
    SnapshotEnd(SnapshotEnd),
    JobUpdate {
        channel: String,
        job_id: JobId,
        patch: Box<Patch>,
    },
    JobRemoved {
        channel: String,
        job_id: JobId,
        revision: u64,
    },
    JobControl {
        job_id: JobId,
        action: Action,
        /// Tells one request from the next of the same kind.
        requested_at: Option<Timestamp>,
    },
    Alert {
        channel: String,
        alert: Box<Alert>,
    },
    Ping,
    Pong {
        revision: u64,
    },
    /// `body` is the whole frame; read the members you expect from it.
    Ok {
        request_id: String,
        body: String,
    },
    Error(ErrorMessage),
    /// A type that this version does not know: to be ignored.
    Other,
}

/// `welcome`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields of jobtop-protocol(7)")]
pub struct Welcome {
    pub client_id: String,
    #[serde(default)]
    pub protocol: u32,
    #[serde(default)]
    pub server: String,
    #[serde(default)]
    pub epoch: u64,
    #[serde(default)]
    pub revision: u64,
    #[serde(default)]
    pub user_id: String,
    #[serde(default)]
    pub role: String,
}

/// `subscribed`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields of jobtop-protocol(7)")]
pub struct Subscribed {
    pub channel: String,
    #[serde(default)]
    pub revision: u64,
    #[serde(default)]
    pub epoch: u64,
    #[serde(default)]
    pub reset: bool,
    /// The daemon's clock as it said so.
    #[serde(default)]
    pub timestamp: Option<Timestamp>,
}

/// `snapshot_end`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields of jobtop-protocol(7)")]
pub struct SnapshotEnd {
    pub channel: String,
    pub revision: u64,
    pub epoch: u64,
}

/// `error`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields of jobtop-protocol(7)")]
pub struct ErrorMessage {
    pub code: String,
    pub message: String,
    #[serde(default)]
    pub request_id: Option<serde_json::Value>,
    #[serde(default)]
    pub job_id: Option<String>,
}

/// The type and what a plain client needs to find its own messages; the rest is read by whoever knows the type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(rename = "type")]
    kind: String,
    channel: Option<String>,
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobFrame {
    #[serde(default)]
    channel: String,
    job: View,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateFrame {
    job_id: JobId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RemovedFrame {
    job_id: JobId,
    revision: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ControlFrame {
    job_id: JobId,
    action: Action,
    requested_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct AlertFrame {
    alert: Alert,
}

#[derive(Deserialize)]
struct PongFrame {
    #[serde(default)]
    revision: u64,
}

/// A `job_update` in the shape that [`job_update`] and [`with_channel`] give it, in one pass. `None`: read it the
/// careful way.
///
/// What stands between quotes without a quote of its own before the end is the last member of the frame's own object,
/// because a quote inside a string has a backslash before it.
fn update_at_once(frame: &str) -> Option<Message> {
    let rest = frame.strip_prefix("{\"type\":\"job_update\",\"jobId\":\"")?;
    let (id, _) = rest.split_once('"')?;
    let (before, name) = frame.strip_suffix("\"}")?.rsplit_once('"')?;
    let plain = before.ends_with(",\"channel\":") && !name.contains('\\');
    Some(Message::JobUpdate {
        channel: plain.then(|| name.to_owned())?,
        job_id: id.parse().ok()?,
        patch: Box::new(serde_json::from_str(frame).ok()?),
    })
}

impl Message {
    /// Reads a frame of the daemon's. Members and types that this version does not know are passed over.
    pub fn read(frame: &str) -> Result<Self, serde_json::Error> {
        if let Some(update) = update_at_once(frame) {
            return Ok(update);
        }
        if frame.starts_with("{\"type\":\"job_snapshot\",") {
            let JobFrame { channel, job } = serde_json::from_str(frame)?;
            let job = Box::new(job);
            return Ok(Self::JobSnapshot { channel, job });
        }
        let Object(head): Object<Head<'_>> = serde_json::from_str(frame)?;
        let channel = || head.channel.clone().unwrap_or_default();
        Ok(match &*head.kind {
            "job_update" => Self::JobUpdate {
                channel: channel(),
                job_id: serde_json::from_str::<UpdateFrame>(frame)?.job_id,
                patch: Box::new(serde_json::from_str(frame)?),
            },
            "job_snapshot" => Self::JobSnapshot {
                channel: channel(),
                job: Box::new(serde_json::from_str::<JobFrame>(frame)?.job),
            },
            "snapshot_end" => Self::SnapshotEnd(serde_json::from_str(frame)?),
            "job_removed" => {
                let RemovedFrame { job_id, revision } = serde_json::from_str(frame)?;
                Self::JobRemoved {
                    channel: channel(),
                    job_id,
                    revision,
                }
            }
            "job_control" => {
                let said: ControlFrame = serde_json::from_str(frame)?;
                Self::JobControl {
                    job_id: said.job_id,
                    action: said.action,
                    requested_at: said.requested_at,
                }
            }
            "alert" => Self::Alert {
                channel: channel(),
                alert: Box::new(serde_json::from_str::<AlertFrame>(frame)?.alert),
            },
            "welcome" => Self::Welcome(serde_json::from_str(frame)?),
            "subscribed" => Self::Subscribed(serde_json::from_str(frame)?),
            "unsubscribed" => Self::Unsubscribed { channel: channel() },
            "ping" => Self::Ping,
            "pong" => Self::Pong {
                revision: serde_json::from_str::<PongFrame>(frame)?.revision,
            },
            "ok" => Self::Ok {
                request_id: head
                    .request_id
                    .map(|id| id.get().trim_matches('"').to_owned())
                    .unwrap_or_default(),
                body: frame.to_owned(),
            },
            "error" => Self::Error(serde_json::from_str(frame)?),
            _ => Self::Other,
        })
    }
}

impl From<&Refusal> for super::body::Problem {
    fn from(refusal: &Refusal) -> Self {
        let status = refusal.code.http();
        Self {
            kind: "about:blank".to_owned(),
            title: title(status).to_owned(),
            status,
            code: refusal.code.word().to_owned(),
            detail: refusal.detail.to_string(),
        }
    }
}

const fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        507 => "Insufficient Storage",
        _ => "Internal Server Error",
    }
}
