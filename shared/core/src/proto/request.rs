//! What a client sends over the WebSocket. Read in two steps: its head says which message it is, then the message is
//! read as its own type, straight from the text (nothing is buffered in between, so `config` keeps its bytes).

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::id::{JobType, UserId};
use crate::job::Reply;
use crate::job::progress::Report;
use crate::job::refusal::{Code, Refusal};
use crate::proto::body::{FailBody, NewJob};
use crate::proto::history::HistoryWanted;
use crate::proto::read;
use crate::serial::{Object, Parsed};
use crate::text;

/// The part that every message has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    request_id: Option<&'a RawValue>,
}

/// A client's own name for a request, given back with its answer: a string or a number, as it was written.
pub type RequestId = Box<RawValue>;

/// A message and the client's name for it.
#[derive(Debug)]
pub struct Incoming {
    /// The client's name for it; without one success is silent.
    pub request_id: Option<RequestId>,
    /// What it asks.
    pub request: Result<Request, Refusal>,
}

/// What a client can ask.
#[derive(Debug)]
#[expect(
    missing_docs,
    reason = "named after the messages of jobtop-protocol(7)"
)]
pub enum Request {
    Subscribe(Subscribe),
    Unsubscribe {
        channel: String,
    },
    Ping,
    Pong,
    CreateJob(Box<NewJob>),
    /// The reports, and the user that all of them are held to under `--auth none`.
    UpdateProgress(Vec<Update>, Option<UserId>),
    StartJob(Named),
    CompleteJob(Named),
    FailJob(Named, FailBody),
    AdoptJob(Named),
    Heartbeat,
    PauseJob(Named),
    ResumeJob(Named),
    CancelJob(Named),
    RetryJob(Named),
    SetPriority(Named, i32),
    ControlAck(Named, Reply),
    GetJob(Named),
    ListJobs(ListJobs),
    History(Box<HistoryWanted>),
    Analytics(Box<HistoryWanted>),
    Work(Work),
    Accept(Named),
    Decline(Named),
    Log(Named, LogText),
}

/// `work`: this connection takes pending jobs of these types, so many at once. Said again it replaces what was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// Which types.
    pub job_types: Vec<JobType>,
    /// How many at once; none is an end of it.
    pub slots: u32,
}

/// `log`: a piece of a job's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogText {
    /// Which stream, as in `stdout`.
    #[serde(default)]
    pub stream: Option<String>,
    /// The text, with its line ends.
    pub text: String,
}

/// `subscribe`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscribe {
    /// What to.
    pub channel: String,
    /// Whether the present state comes first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub snapshot: bool,
    /// Only what changed after this revision …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// … of this epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Of a log: from so many lines before its end on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<u64>,
    /// Of a log: from that byte on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The user that the subscription is held to under `--auth none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// The job that a request is about, and the user it is held to under `--auth none`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    /// As the client wrote it: a malformed id is an unknown job.
    pub job_id: String,
    /// The user to be held to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// One report of `update_progress`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    /// As the client wrote it.
    pub job_id: String,
    /// What it says.
    #[serde(flatten)]
    pub report: Report,
}

/// `list_jobs`: the query parameters of `GET /api/jobs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListJobs {
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// One status, or several with commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// One type, or several with commas.
    #[serde(
        rename = "type",
        alias = "jobType",
        skip_serializing_if = "Option::is_none"
    )]
    pub job_type: Option<String>,
    /// A filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Only what changed after this revision …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// … of this epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// At most this many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Where the last page ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl Incoming {
    /// Reads a text frame. Whatever is wrong becomes a refusal that is answered; the connection lives on.
    #[must_use]
    pub fn read(frame: &str) -> Self {
        if let Some(reports) = updates::at_once(frame) {
            return reports;
        }
        if let Err(refusal) = read::check_depth(frame.as_bytes()) {
            return Self {
                request_id: None,
                request: Err(refusal),
            };
        }
        let head: Head<'_> = match serde_json::from_str(frame) {
            Ok(Object(head)) => head,
            Err(error) if error.is_data() || read::is_formed(frame) => {
                let detail = "A message is an object with a type, which is a string";
                return Self {
                    request_id: None,
                    request: Err(Refusal::new(Code::Invalid, detail)),
                };
            }
            Err(error) => {
                let detail = format!("Not readable as JSON: {error}");
                return Self {
                    request_id: None,
                    request: Err(Refusal::new(Code::BadJson, detail)),
                };
            }
        };
        match head.request_id {
            Some(id) if !id_form(id) => Self {
                request_id: None,
                request: Err(Refusal::new(
                    Code::Invalid,
                    "requestId is a number or a string of up to 100 characters",
                )),
            },
            id => Self {
                request_id: id.map(ToOwned::to_owned),
                request: Request::read(&head.kind, frame),
            },
        }
    }
}

/// Given back as it was written, so it must be something that every reader can read.
fn id_form(id: &RawValue) -> bool {
    let text = id.get();
    let string = || serde_json::from_str::<Text>(text).is_ok();
    text.len() <= 102 && (string() || serde_json::from_str::<f64>(text).is_ok())
}

/// Any string that can be read; keeps nothing.
struct Text;

impl std::str::FromStr for Text {
    type Err = std::convert::Infallible;

    fn from_str(_: &str) -> Result<Self, Self::Err> {
        Ok(Self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(Parsed::new("a string"))
    }
}

impl Request {
    fn read(kind: &str, frame: &str) -> Result<Self, Refusal> {
        let bytes = frame.as_bytes();
        let named = || read::json::<Named>(bytes);
        Ok(match kind {
            "update_progress" => {
                let (updates, user_id) = updates::read(bytes)?;
                Self::UpdateProgress(updates, user_id)
            }
            "subscribe" => Self::Subscribe(read::json(bytes)?),
            "unsubscribe" => Self::Unsubscribe {
                channel: read::json::<Subscribe>(bytes)?.channel,
            },
            "ping" => Self::Ping,
            "pong" => Self::Pong,
            "heartbeat" => Self::Heartbeat,
            "create_job" => Self::CreateJob(read::json::<CreateJob>(bytes)?.into_new_job()),
            "start_job" => Self::StartJob(named()?),
            "complete_job" => Self::CompleteJob(named()?),
            "fail_job" => Self::FailJob(named()?, read::json(bytes)?),
            "adopt_job" => Self::AdoptJob(named()?),
            "pause_job" => Self::PauseJob(named()?),
            "resume_job" => Self::ResumeJob(named()?),
            "cancel_job" => Self::CancelJob(named()?),
            "retry_job" => Self::RetryJob(named()?),
            "set_priority" => Self::SetPriority(
                named()?,
                read::json::<super::body::PriorityBody>(bytes)?.priority,
            ),
            "control_ack" => Self::ControlAck(named()?, read::json(bytes)?),
            "get_job" => Self::GetJob(named()?),
            "list_jobs" => Self::ListJobs(list_jobs(bytes)?),
            "work" => Self::Work(read::json(bytes)?),
            "accept" => Self::Accept(named()?),
            "decline" => Self::Decline(named()?),
            "log" => Self::Log(named()?, read::json(bytes)?),
            "history" => Self::History(Box::new(history(bytes)?)),
            "analytics" => Self::Analytics(Box::new(history(bytes)?)),
            other => {
                let shown = text::clean_within(other, 60);
                return Err(Refusal::new(
                    Code::UnknownMessage,
                    format!("Unknown message type: {shown}"),
                ));
            }
        })
    }
}

/// `create_job`: a [`NewJob`] whose type is called `jobType`, because `type` names the message.
struct CreateJob(Box<NewJob>);

impl CreateJob {
    fn into_new_job(self) -> Box<NewJob> {
        self.0
    }
}

impl<'de> Deserialize<'de> for CreateJob {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        flat::NewJobFlat::deserialize(d).map(|flat| Self(Box::new(flat.into())))
    }
}

mod flat {
    //! The same fields as [`NewJob`], with `jobType` for its type.
    use super::{Arc, Deserialize, NewJob, UserId};
    use crate::id::JobType;
    use crate::job::command::NewCommand;
    use crate::job::config::Config;
    use crate::job::progress::count;
    use crate::job::status::Status;
    use crate::proto::body::{CapabilitiesGiven, one_or_more};
    use crate::serial::{object, whole};
    use crate::time::Timestamp;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct NewJobFlat {
        job_type: JobType,
        name: Option<Arc<str>>,
        user_id: Option<UserId>,
        steps: Option<Vec<Arc<str>>>,
        config: Option<Config>,
        #[serde(default, deserialize_with = "whole")]
        priority: Option<i32>,
        queue: Option<Arc<str>>,
        tags: Option<Vec<Arc<str>>>,
        #[serde(default, deserialize_with = "count")]
        total_items: Option<u64>,
        #[serde(default, deserialize_with = "count")]
        total_bytes: Option<u64>,
        #[serde(default, deserialize_with = "object")]
        capabilities: Option<CapabilitiesGiven>,
        status: Option<Status>,
        heartbeat_seconds: Option<f64>,
        idempotency_key: Option<Arc<str>>,
        host: Option<Arc<str>>,
        #[serde(default, deserialize_with = "object")]
        command: Option<NewCommand>,
        #[serde(default, deserialize_with = "one_or_more")]
        after: Vec<String>,
        #[serde(default, deserialize_with = "whole")]
        retries: Option<u32>,
        started_at: Option<Timestamp>,
    }

    impl From<NewJobFlat> for NewJob {
        fn from(flat: NewJobFlat) -> Self {
            Self {
                job_type: flat.job_type,
                name: flat.name,
                user_id: flat.user_id,
                steps: flat.steps,
                config: flat.config,
                priority: flat.priority,
                queue: flat.queue,
                tags: flat.tags,
                total_items: flat.total_items,
                total_bytes: flat.total_bytes,
                capabilities: flat.capabilities,
                status: flat.status,
                heartbeat_seconds: flat.heartbeat_seconds,
                idempotency_key: flat.idempotency_key,
                host: flat.host,
                command: flat.command,
                after: flat.after,
                retries: flat.retries,
                started_at: flat.started_at,
            }
        }
    }
}

/// `list_jobs` says the job's type as `jobType`; its own `type` names the message.
/// The parameters of `history` and `analytics`; their `type` is the message's, so the job's is `jobType`.
fn history(bytes: &[u8]) -> Result<HistoryWanted, Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Flat {
        user_id: Option<UserId>,
        status: Option<String>,
        job_type: Option<String>,
        q: Option<String>,
        since: Option<String>,
        until: Option<String>,
        sort: Option<String>,
        group_by: Option<String>,
        limit: Option<u64>,
        cursor: Option<String>,
    }
    let flat: Flat = read::json(bytes)?;
    Ok(HistoryWanted {
        user_id: flat.user_id,
        status: flat.status,
        job_type: flat.job_type,
        q: flat.q,
        since: flat.since,
        until: flat.until,
        sort: flat.sort,
        group_by: flat.group_by,
        limit: flat.limit,
        cursor: flat.cursor,
    })
}

fn list_jobs(bytes: &[u8]) -> Result<ListJobs, Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Flat {
        user_id: Option<UserId>,
        status: Option<String>,
        job_type: Option<String>,
        q: Option<String>,
        after: Option<u64>,
        epoch: Option<u64>,
        limit: Option<u64>,
        cursor: Option<String>,
    }
    let flat: Flat = read::json(bytes)?;
    Ok(ListJobs {
        user_id: flat.user_id,
        status: flat.status,
        job_type: flat.job_type,
        q: flat.q,
        after: flat.after,
        epoch: flat.epoch,
        limit: flat.limit,
        cursor: flat.cursor,
    })
}

mod updates {
    //! `update_progress`, the hot path of a producer: one report, or `updates: […]`.
    use super::{Arc, Code, Deserialize, Incoming, Object, RawValue, Refusal, Report, Request};
    use super::{Update, UserId, id_form, read};
    use crate::job::progress::{CountsReport, StepRef};
    use crate::serial::object;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Frame {
        job_id: Option<String>,
        user_id: Option<UserId>,
        updates: Option<Vec<Object<Flat>>>,
        request_id: Option<Box<RawValue>>,
        progress: Option<f64>,
        step: Option<StepRef>,
        steps: Option<Vec<Arc<str>>>,
        #[serde(default, deserialize_with = "object")]
        metrics: Option<CountsReport>,
        message: Option<Arc<str>>,
        progress_source: Option<Arc<str>>,
    }

    /// An [`Update`] field by field: serde's own flattening copies everything twice.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Flat {
        job_id: String,
        progress: Option<f64>,
        step: Option<StepRef>,
        steps: Option<Vec<Arc<str>>>,
        #[serde(default, deserialize_with = "object")]
        metrics: Option<CountsReport>,
        message: Option<Arc<str>>,
        progress_source: Option<Arc<str>>,
    }

    impl From<Flat> for Update {
        fn from(flat: Flat) -> Self {
            Self {
                job_id: flat.job_id,
                report: Report {
                    progress: flat.progress,
                    step: flat.step,
                    steps: flat.steps,
                    metrics: flat.metrics,
                    message: flat.message,
                    progress_source: flat.progress_source,
                },
            }
        }
    }

    impl<'de> Deserialize<'de> for Update {
        fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            Flat::deserialize(d).map(Into::into)
        }
    }

    /// Reads the whole frame in one pass, if it begins as producers begin it and nothing is wrong with it. Everything
    /// else is left to the careful way, which finds the words for what is wrong.
    pub(super) fn at_once(frame: &str) -> Option<Incoming> {
        let begins = [
            "{\"type\":\"update_progress\",",
            "{\"type\": \"update_progress\",",
        ];
        if !begins.iter().any(|begin| frame.starts_with(begin)) {
            return None;
        }
        let mut parsed: Frame = serde_json::from_str(frame).ok()?;
        let request_id = parsed.request_id.take();
        if request_id.as_ref().is_some_and(|id| !id_form(id)) || !shallow(frame, &parsed) {
            return None;
        }
        let user_id = parsed.user_id.take();
        Some(Incoming {
            request_id,
            request: Ok(Request::UpdateProgress(parsed.into_updates()?, user_id)),
        })
    }

    /// Reads the body of a message that is known to be one.
    pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Update>, Option<UserId>), Refusal> {
        let mut frame = read::json::<Frame>(bytes)?;
        let user_id = frame.user_id.take();
        let updates = frame.into_updates().ok_or_else(|| {
            Refusal::new(
                Code::Invalid,
                "update_progress needs a jobId or a list of updates",
            )
        })?;
        Ok((updates, user_id))
    }

    /// Whether unknown fields can't nest too deep: they have no more brackets than that. Counting is much cheaper than
    /// following the brackets.
    fn shallow(frame: &str, parsed: &Frame) -> bool {
        const KNOWN_DEPTH: usize = 4;
        // In pieces whose count fits a byte: sixteen are compared and added at once then.
        let opening = |piece: &[u8]| {
            piece
                .iter()
                .map(|b| u8::from(*b | 0x20 == b'{'))
                .sum::<u8>()
        };
        let pieces = frame.as_bytes().chunks(usize::from(u8::MAX));
        let brackets: usize = pieces.map(|piece| usize::from(opening(piece))).sum();
        let of = |metrics: bool, steps: bool| usize::from(metrics) + usize::from(steps);
        let known: usize = 1
            + of(parsed.metrics.is_some(), parsed.steps.is_some())
            + parsed.updates.as_ref().map_or(0, |many| {
                let each = |u: &Object<Flat>| 1 + of(u.0.metrics.is_some(), u.0.steps.is_some());
                1 + many.iter().map(each).sum::<usize>()
            });
        brackets.saturating_sub(known) + KNOWN_DEPTH <= read::MAX_DEPTH
    }

    impl Frame {
        fn into_updates(self) -> Option<Vec<Update>> {
            if let Some(many) = self.updates {
                return Some(many.into_iter().map(|update| update.0.into()).collect());
            }
            Some(vec![Update {
                job_id: self.job_id?,
                report: Report {
                    progress: self.progress,
                    step: self.step,
                    steps: self.steps,
                    metrics: self.metrics,
                    message: self.message,
                    progress_source: self.progress_source,
                },
            }])
        }
    }
}
