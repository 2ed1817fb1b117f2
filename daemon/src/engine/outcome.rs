//! What the engine hands out: plain data for the feed and the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jobtop_core::job::command::{CommandLine, Environment};
use jobtop_core::{Job, JobId, Now, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::command::{Answered, ReplyTo, ToProducer};
use super::listener::{Event, Listener};
use crate::metrics::jobs::Tally;
use tokio::sync::mpsc;

/// Something the feed shows. Revisions strictly increase from one to the next.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A job as it is now.
    Job {
        /// The job.
        job: Arc<Job>,
        /// When the message came that changed it first since it was shown last; none where it was not a message.
        came: Option<Instant>,
    },
    /// A job left the live set.
    Removed {
        /// Which.
        id: JobId,
        /// Whose it was.
        owner: UserId,
        /// The number of this change.
        revision: u64,
    },
}

/// A process on this machine, told apart from a later one of the same number by its start time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// When it started, in clock ticks after boot (field 22 of `/proc/PID/stat`).
    pub started: u64,
}

/// How a job hangs on its producer: kept, so that it is known after a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Bond {
    /// A connection produces it: when that is gone, the job stalls.
    pub connected: bool,
    /// The process at the other end, where it is on this machine and known.
    pub process: Option<Process>,
    /// What its command is run with, until it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentId>,
}

/// The number of a kept environment: many commands may share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvironmentId(pub u64);

/// What was set for a queue by hand; the rest is as the configuration says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ByHand {
    /// How many of its jobs run at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<u32>,
    /// Whether nothing is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

/// What is kept in files of its own beside the log. Durable before what waits for the same commit is let go.
#[derive(Clone, Debug)]
pub enum Aside {
    /// An environment that commands are run with: may hold secrets.
    Environment(EnvironmentId, Arc<Environment>),
    /// Nobody needs that environment any more.
    Forget(EnvironmentId),
    /// Somebody had a command run.
    Audit(Audit),
    /// What is set for the queues by hand, all of it.
    Queues(BTreeMap<Arc<str>, ByHand>),
}

/// A line of the audit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// When.
    pub time: Timestamp,
    /// `submitted` or `retried`.
    pub action: Arc<str>,
    /// Who.
    pub user: UserId,
    /// By which token and from where, where that was not the Unix socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Arc<str>>,
    /// As which job.
    pub job_id: JobId,
    /// What.
    pub command: Arc<CommandLine>,
}

/// A job as the store keeps it.
#[derive(Clone, Debug)]
pub struct Record {
    /// The job.
    pub job: Arc<Job>,
    /// Its producer.
    pub bond: Bond,
}

/// One thing to be written.
#[derive(Clone, Debug)]
pub enum Write {
    /// A whole job: created, changed its status, was asked or has acknowledged.
    Job(Record),
    /// Progress: only the mutable part counts.
    Tick(Record),
    /// A whole job that has ended: kept, and moved into its period's archive.
    Ended(Record),
}

impl Write {
    /// The record to be written.
    #[must_use]
    pub const fn record(&self) -> &Record {
        match self {
            Self::Job(record) | Self::Tick(record) | Self::Ended(record) => record,
        }
    }
}

/// What is to be written as one piece, and what is to happen once it is durable.
#[derive(Debug)]
pub struct Commit {
    /// The writes, in order.
    pub writes: Vec<Write>,
    /// What is kept in files of its own, in order.
    pub aside: Vec<Aside>,
    /// What to do after the flush, in order.
    pub releases: Vec<Release>,
    /// The moment of the decision.
    pub now: Now,
}

/// What waits for the flush.
#[derive(Debug)]
pub enum Release {
    /// An answer.
    Answer(ReplyTo, Answered),
    /// A control or a job for a producer: tried once; a control that does not fit stays wanted in the job.
    Control(mpsc::Sender<ToProducer>, ToProducer),
    /// A runner is to be started for that job. Tried once: a job that nobody accepts is given back after a time.
    Launch(mpsc::Sender<JobId>, JobId),
    /// Something became of a job: whoever listens is told.
    Tell(Arc<dyn Listener>, Event),
    /// The store is at work: whoever waits for that is told.
    Alive(fn()),
}

impl Release {
    /// The write is durable.
    pub fn carry_out(self) {
        match self {
            Self::Answer(reply, answered) => reply.give(answered),
            Self::Control(to, control) => {
                let _ = to.try_send(control);
            }
            Self::Launch(to, job) => {
                let _ = to.try_send(job);
            }
            Self::Tell(listener, event) => listener.hear(event),
            Self::Alive(beat) => beat(),
        }
    }
}

/// How the store is, as the engine and `status` want to know it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum StoreHealth {
    /// All is well.
    #[default]
    Good,
    /// The disk is full: new jobs are refused, what is under way goes on.
    NoRoom,
    /// Something failed; a sentence says what. Acknowledged data is safe in the log.
    Degraded(String),
}

impl StoreHealth {
    /// As the protocol says it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::NoRoom => "no_room",
            Self::Degraded(_) => "degraded",
        }
    }
}

/// What follows from a batch of commands, as the engine gathers it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Jobs that changed, each once.
    pub(super) changed: Vec<JobId>,
    /// Jobs that left the live set.
    pub(super) removed: Vec<Notice>,
    /// What to write, in order.
    pub(super) writes: Vec<Write>,
    /// What is kept in files of its own, in order.
    pub(super) aside: Vec<Aside>,
    /// What waits for the flush, in order.
    pub(super) releases: Vec<Release>,
    /// Answers that wait for nothing.
    pub(super) answers: Vec<(ReplyTo, Answered)>,
    /// When the message came that is decided about, while one is.
    pub(super) came: Option<Instant>,
    /// What is to be counted.
    pub(super) tally: Tally,
}
