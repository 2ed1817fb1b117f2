//! What can be asked of the engine, and how it answers.

use std::sync::Arc;

use jobtop_core::access::Identity;
use jobtop_core::job::Reply as ControlReply;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::Report;
use jobtop_core::job::refusal::Refusal;
use jobtop_core::proto::body::{FailBody, NewJob};
use jobtop_core::proto::request::RequestId;
use jobtop_core::{Job, JobId, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::outcome::Process;

/// Everything that the front doors can ask. Ids that do not parse never get here: they are unknown jobs.
#[derive(Debug)]
pub enum Command {
    /// A connection speaks as a producer for the first time: sent before its first command that says `conn`.
    Connect {
        /// The connection.
        link: Link,
    },
    /// A new job. Created running over a connection, that connection is its producer.
    Create {
        /// Who asks.
        who: Identity,
        /// What for.
        new: Box<NewJob>,
        /// The connection it came by, if it was one.
        conn: Option<ConnId>,
        /// Where the answer goes.
        reply: ReplyTo,
    },
    /// A verb on one job.
    Act {
        /// Who asks.
        who: Identity,
        /// Which job.
        job: JobId,
        /// What to do.
        verb: Verb,
        /// The connection it came by, if it was one.
        conn: Option<ConnId>,
        /// Where the answer goes.
        reply: ReplyTo,
    },
    /// Progress of one job or of many at once. Each update stands for itself: one that is refused stops none.
    Report {
        /// Who reports.
        who: Identity,
        /// What about which job, in order.
        updates: Vec<(JobId, Report)>,
        /// The connection it came by, if it was one.
        conn: Option<ConnId>,
        /// Where the answer goes: the job of the last update, or the first refusal, with the others beside it.
        reply: ReplyTo,
    },
    /// A producer that came back goes on with its job.
    Adopt {
        /// Who asks.
        who: Identity,
        /// Which job.
        job: JobId,
        /// Its connection.
        conn: ConnId,
        /// Where the answer goes.
        reply: ReplyTo,
    },
    /// A connection is alive: all jobs it produces are.
    Heartbeat {
        /// Which.
        conn: ConnId,
    },
    /// A connection is gone.
    Gone {
        /// Which.
        conn: ConnId,
    },
}

/// What can be done with a job.
#[derive(Debug)]
#[expect(missing_docs, reason = "named after the calls of jobtop-protocol(7)")]
pub enum Verb {
    Start,
    Complete,
    Fail(FailBody),
    Pause,
    Resume,
    Cancel,
    Retry,
    Priority(i32),
    Acknowledge(ControlReply),
}

/// A connection's number, unique within one run of the daemon.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ConnId(pub u64);

/// A producer's connection.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its number.
    pub conn: ConnId,
    /// Where controls for its jobs go. Tried, never awaited: what does not fit stays wanted in the job's `control`.
    pub control: mpsc::Sender<Control>,
    /// The process at the other end, where it is on this machine and known.
    pub process: Option<Process>,
}

/// A `job_control` to be sent to a producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Control {
    /// Which job.
    pub job: JobId,
    /// What to do.
    pub action: Action,
    /// When it was asked.
    pub requested_at: Timestamp,
}

/// A good answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 201: it is new.
    Created(Arc<Job>),
    /// 200: this is how it stands now.
    Job(Arc<Job>),
}

/// A good answer or a refusal.
pub type Answered = Result<Answer, Refusal>;

/// Where an answer goes. Answers to what must be durable are given after the flush.
#[derive(Debug)]
pub enum ReplyTo {
    /// One caller waits for it.
    Once(oneshot::Sender<Answered>),
    /// A WebSocket session, which reserved room for it before it asked.
    Session {
        /// The reserved room.
        room: mpsc::OwnedPermit<SessionAnswer>,
        /// The client's name for the request; without one only refusals are told.
        request_id: Option<RequestId>,
        /// The job as the client named it, for the refusal.
        job_id: Option<String>,
        /// What else of the request was refused.
        others: Vec<(JobId, Refusal)>,
    },
}

/// An answer on its way to a WebSocket client.
#[derive(Debug)]
pub struct SessionAnswer {
    /// The client's name for the request.
    pub request_id: Option<RequestId>,
    /// The job as the client named it.
    pub job_id: Option<String>,
    /// The answer.
    pub answered: Answered,
    /// What else of the request was refused, each to be told as an error of its own.
    pub others: Vec<(JobId, Refusal)>,
}

impl ReplyTo {
    /// Whether a good answer is told at all; if not, there is no need to make one.
    #[must_use]
    pub const fn wants_success(&self) -> bool {
        match self {
            Self::Once(_) => true,
            Self::Session { request_id, .. } => request_id.is_some(),
        }
    }

    /// The same, about that job: of many that were asked about, the one that the answer means; `others` were refused
    /// too.
    #[must_use]
    pub fn about(self, job: JobId, others: Vec<(JobId, Refusal)>) -> Self {
        match self {
            Self::Session {
                room, request_id, ..
            } => Self::Session {
                room,
                request_id,
                job_id: Some(job.to_string()),
                others,
            },
            once @ Self::Once(_) => once,
        }
    }

    /// Gives the answer. Never waits; a caller that went away is no matter.
    pub fn give(self, answered: Answered) {
        match self {
            Self::Once(sender) => {
                let _ = sender.send(answered);
            }
            Self::Session {
                room,
                request_id,
                job_id,
                others,
            } => {
                if request_id.is_some() || answered.is_err() {
                    room.send(SessionAnswer {
                        request_id,
                        job_id,
                        answered,
                        others,
                    });
                }
            }
        }
    }
}
