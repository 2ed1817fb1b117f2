//! What can be asked of the engine, and how it answers.

use std::sync::Arc;
use std::time::Instant;

use jobtop_core::access::Identity;
use jobtop_core::job::Reply as ControlReply;
use jobtop_core::job::command::NewCommand;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::Report;
use jobtop_core::job::refusal::Refusal;
use jobtop_core::proto::body::{FailBody, NewJob, QueueBody, QueueView};
use jobtop_core::proto::request::{RequestId, Work};
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
        /// Jobs it is to come after that have completed and are in the live set no more.
        settled: Vec<JobId>,
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
    /// A connection offers to take jobs out of the queue, or says anew which and how many.
    Work {
        /// Who.
        who: Identity,
        /// Which and how many.
        offer: Work,
        /// Its connection.
        conn: ConnId,
        /// Where the answer goes.
        reply: ReplyTo,
    },
    /// A job that was assigned is taken: it begins.
    Accept {
        /// Who takes it.
        who: Identity,
        /// Which job.
        job: JobId,
        /// The connection that becomes its producer.
        conn: ConnId,
        /// Where the answer goes.
        reply: ReplyTo,
    },
    /// A job that was assigned is given back.
    Decline {
        /// Who gives it back.
        who: Identity,
        /// Which job.
        job: JobId,
        /// The connection that it was assigned to.
        conn: ConnId,
        /// Where the answer goes.
        reply: ReplyTo,
    },
    /// The process that was to run a submitted command has ended, or was never there.
    RunnerGone {
        /// Whose.
        job: JobId,
        /// What it was.
        process: Option<Process>,
        /// Why, for a person.
        why: String,
    },
    /// What is asked about the queues.
    Queues {
        /// Where the answer goes.
        reply: ReplyTo,
    },
    /// Sets a queue.
    SetQueue {
        /// Who asks.
        who: Identity,
        /// Which.
        name: Arc<str>,
        /// What to.
        body: QueueBody,
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

/// A command on its way.
#[derive(Debug)]
pub struct Brought {
    /// It.
    pub command: Command,
    /// When the message came that it was made of.
    pub came: Instant,
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
    /// Where controls for its jobs and jobs for it go. Tried, never awaited: a control that does not fit stays wanted in
    /// the job, a job that does not fit is given to somebody else.
    pub control: mpsc::Sender<ToProducer>,
    /// The process at the other end, where it is on this machine and known.
    pub process: Option<Process>,
}

/// What is said to a producer unasked.
#[derive(Clone, Debug)]
pub enum ToProducer {
    /// Somebody wants something done with one of its jobs.
    Control(Control),
    /// A job is there for it to take.
    Assigned(Arc<Job>),
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
    /// 200: the job is yours, and this is what is to be run.
    Accepted(Arc<Job>, Option<Box<NewCommand>>),
    /// 200: the queues.
    Queues(Vec<QueueView>),
    /// 200: the queue as it is now.
    Queue(QueueView),
    /// 200: there is nothing to say of it.
    Done,
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
