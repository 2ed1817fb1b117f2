//! One job from its beginning to its end: the pipeline works on a thread of its own, its progress goes to the daemon,
//! and what is asked of the job comes back to it.

use std::time::Duration;

use jobtop_client::Endpoint;
use jobtop_client::reporter::{self, Delivered, End, Reporter};
use jobtop_core::JobId;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::{CountsReport, Report, StepRef};
use jobtop_core::proto::body::{FailBody, NewJob};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::desk::{self, Desk, Progress, Stop, Watcher, Wish};
use super::pipelines::Tally;

/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long the daemon may take to write the end down.
const END: Duration = Duration::from_secs(20);

/// How a pipeline ended, and what it counted.
pub(crate) type Ended = (Tally, Result<(), Stop>);

/// The job to be attended to.
#[derive(Debug)]
pub(crate) struct Job {
    /// Where the daemon is.
    pub(crate) endpoint: Endpoint,
    /// Its id.
    pub(crate) id: JobId,
    /// What it was made from.
    pub(crate) new: NewJob,
}

/// Lets `pipeline` do the job. When `closing` turns true it is ended. Also says why the daemon does not know of its end,
/// if that is so.
pub(crate) async fn attend(
    job: Job,
    closing: watch::Receiver<bool>,
    pipeline: impl FnOnce(&Desk) -> Ended + Send + 'static,
) -> (Ended, Option<String>) {
    let (reporter, actions) = reporter::adopt(job.endpoint, job.id, job.new);
    let (desk, watcher) = desk::open();
    let work = tokio::task::spawn_blocking(move || pipeline(&desk));
    let mut attendant = Attendant {
        reporter,
        watcher,
        unanswered: None,
    };
    let ended = attendant.follow(work, actions, closing).await;
    let untold = attendant.end(&ended).await;
    (ended, untold)
}

struct Attendant {
    reporter: Reporter,
    watcher: Watcher,
    /// What was asked and is not obeyed yet.
    unanswered: Option<Action>,
}

impl Attendant {
    async fn follow(
        &mut self,
        mut work: JoinHandle<Ended>,
        mut actions: mpsc::Receiver<Action>,
        mut closing: watch::Receiver<bool>,
    ) -> Ended {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut refusal = self.reporter.refusal();
        let mut open = true;
        // Every arm is cancel-safe: channels, an interval, and a handle that is polled again.
        loop {
            tokio::select! {
                ended = &mut work => {
                    return ended.unwrap_or_else(|panic| broken(&panic));
                }
                action = actions.recv(), if open => match action {
                    Some(action) => self.ask(action),
                    None => open = false,
                },
                changed = self.watcher.holding.changed() => {
                    if changed.is_ok() {
                        self.obeyed();
                    }
                }
                _ = look.tick() => self.report(),
                asked = closing.wait_for(|closing| *closing), if open => {
                    drop(asked);
                    open = false;
                    self.watcher.wish.send_replace(Wish::Stop);
                }
                refused = refusal.wait_for(Option::is_some), if open => {
                    drop(refused);
                    open = false;
                    self.watcher.wish.send_replace(Wish::Stop);
                }
            }
        }
    }

    fn ask(&mut self, action: Action) {
        self.unanswered = Some(action);
        let wish = match action {
            Action::Pause => Wish::Hold,
            Action::Resume => Wish::Go,
            Action::Cancel => Wish::Stop,
        };
        self.watcher.wish.send_replace(wish);
        // It may stand as it was asked to already.
        self.obeyed();
    }

    /// Answers what was asked, if the pipeline does it. A cancel is answered by the end.
    fn obeyed(&mut self) {
        let holding = *self.watcher.holding.borrow_and_update();
        let done = match self.unanswered {
            Some(Action::Pause) => holding,
            Some(Action::Resume) => !holding,
            Some(Action::Cancel) | None => false,
        };
        if let Some(action) = self.unanswered.take_if(|_| done) {
            self.report();
            self.reporter.acknowledge(action, true, None);
        }
    }

    fn report(&mut self) {
        let progress = self.watcher.progress.borrow_and_update();
        if progress.has_changed() {
            let report = said(&progress);
            self.reporter.update(report);
        }
    }

    async fn end(mut self, ended: &Ended) -> Option<String> {
        self.report();
        let end = match &ended.1 {
            Ok(()) => End::Completed,
            Err(Stop::Cancelled) => End::Gone,
            Err(Stop::Failed(trouble)) => End::Failed(FailBody {
                error: trouble.message.as_str().into(),
                code: Some(trouble.code.into()),
                suggestion: Some(trouble.suggestion.as_str().into()),
                ..FailBody::default()
            }),
        };
        match self.reporter.finish(end, END).await {
            Delivered::Yes => None,
            Delivered::No(why) => Some(why),
        }
    }
}

/// A mistake of ours in a pipeline is that job's failure and nobody else's.
fn broken(panic: &tokio::task::JoinError) -> Ended {
    let stop = Stop::failed(
        "broken",
        format!("The pipeline broke off: {panic}"),
        "This is a mistake in the demo: please report it",
    );
    (Tally::default(), Err(stop))
}

fn said(progress: &Progress) -> Report {
    let counted = |n: u64| (n > 0).then_some(n);
    Report {
        step: Some(StepRef::Index(progress.step)),
        message: Some(progress.message.as_str().into()),
        metrics: Some(CountsReport {
            total_items: counted(progress.total_items),
            processed_items: Some(progress.items),
            error_count: Some(progress.errors),
            total_bytes: counted(progress.total_bytes),
            processed_bytes: Some(progress.bytes),
        }),
        progress_source: Some("rows".into()),
        ..Report::default()
    }
}
