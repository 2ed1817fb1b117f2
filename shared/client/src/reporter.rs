//! The producer's side of a WebSocket: one job, reported through every outage.

use std::time::Duration;

use jobtop_core::JobId;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::Report;
use jobtop_core::proto::body::{FailBody, NewJob};
use tokio::sync::{mpsc, oneshot, watch};

use crate::endpoint::Endpoint;
use crate::link::LinkState;

/// How a job ends.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Well.
    Completed,
    /// Badly.
    Failed(FailBody),
    /// Its process is gone after a cancel: the status is said already, only that nothing runs any more is not.
    Gone,
}

/// Whether the daemon knows the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It is on the daemon's disk.
    Yes,
    /// It is not, for this reason.
    No(String),
}

/// One job as its producer sees it. When it is dropped without [`finish`](Self::finish), the job stalls.
#[derive(Debug)]
pub struct Reporter {
    whole: watch::Sender<Report>,
    orders: mpsc::Sender<Order>,
    job_id: watch::Receiver<Option<JobId>>,
    state: watch::Receiver<LinkState>,
    refusal: watch::Receiver<Option<String>>,
}

#[derive(Debug)]
enum Order {
    Acknowledge(jobtop_core::job::Reply),
    Finish(End, oneshot::Sender<Delivered>),
}

/// Creates a job at `endpoint` and reports it from the current runtime; while no daemon answers it keeps trying.
///
/// The receiver has what is asked of the job, each request once, also what was asked while we were away.
#[must_use]
pub fn report(endpoint: Endpoint, new: NewJob) -> (Reporter, mpsc::Receiver<Action>) {
    let _ = (endpoint, new);
    let (whole, _) = watch::channel(Report::default());
    let (orders, _) = mpsc::channel(16);
    let (_, job_id) = watch::channel(None);
    let (_, state) = watch::channel(LinkState::Connecting { attempt: 1 });
    let (_, refusal) = watch::channel(None);
    let (_, actions) = mpsc::channel(16);
    let reporter = Reporter {
        whole,
        orders,
        job_id,
        state,
        refusal,
    };
    (reporter, actions)
}

impl Reporter {
    /// Says how far it is. The newest wins, field by field; never waits.
    pub fn update(&self, report: Report) {
        self.whole.send_modify(|whole| *whole = report);
    }

    /// Answers what was asked: whether it was done, and why not.
    pub fn acknowledge(&self, action: Action, ok: bool, message: Option<String>) {
        let reply = jobtop_core::job::Reply {
            action,
            ok,
            message: message.map(Into::into),
        };
        if self.orders.try_send(Order::Acknowledge(reply)).is_err() {
            tracing::warn!(action = action.word(), "an answer could not be kept");
        }
    }

    /// The job's id, once the daemon has given one.
    pub fn job_id(&self) -> watch::Receiver<Option<JobId>> {
        self.job_id.clone()
    }

    /// Where the connection stands.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// Why the daemon will not have this job (any more), once it said so; the work itself goes on unseen.
    pub fn refusal(&self) -> watch::Receiver<Option<String>> {
        self.refusal.clone()
    }

    /// Ends the job and waits until the daemon has it on disk, at most for `deadline`.
    pub async fn finish(self, end: End, deadline: Duration) -> Delivered {
        let (answer, answered) = oneshot::channel();
        let said = async {
            self.orders.send(Order::Finish(end, answer)).await.ok()?;
            answered.await.ok()
        };
        match tokio::time::timeout(deadline, said).await {
            Ok(Some(delivered)) => delivered,
            Ok(None) => Delivered::No("reporting has ended".to_owned()),
            Err(_) => Delivered::No("no answer in time".to_owned()),
        }
    }
}
