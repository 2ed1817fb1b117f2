//! The daemon seen from a running command: started if none answers, and spoken of on stderr once if it can't be had.

use std::pin::Pin;

use jobtop_client::link::LinkState;
use jobtop_client::reporter::Reporter;
use jobtop_core::{JobId, text};
use tokio::sync::watch;

use crate::cli::{Global, daemon, print, target};
use crate::exit::Failure;

/// The start of the local daemon while it goes on.
type Starting = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// What is known of the daemon.
pub(super) struct Contact {
    state: watch::Receiver<LinkState>,
    refusal: watch::Receiver<Option<String>>,
    job_id: watch::Receiver<Option<JobId>>,
    /// What would start it; taken when it is tried, which is once.
    may_start: Option<Global>,
    starting: Option<Starting>,
    /// Whether it was said that nobody sees this job: once is enough.
    said: bool,
}

impl Contact {
    /// Of this reporter. Where a target is given, that daemon is somebody else's to start.
    pub(super) fn of(reporter: &Reporter, global: &Global) -> Self {
        Self {
            state: reporter.state(),
            refusal: reporter.refusal(),
            job_id: reporter.job_id(),
            may_start: matches!(target::given(global), Ok(None)).then(|| global.clone()),
            starting: None,
            said: false,
        }
    }

    /// Whether somebody was told that this job is not seen.
    pub(super) fn has_spoken(&self) -> bool {
        self.said
    }

    /// Does what there is to do for the contact, until something was said of it. Nothing is lost when this is dropped
    /// while it waits: what goes on is kept in `self`.
    pub(super) async fn keep(&mut self) {
        loop {
            let spoken = self.said;
            tokio::select! {
                begun = finish(&mut self.starting) => {
                    self.starting = None;
                    if let Err(failure) = begun {
                        self.say(&format!("{failure}; the command runs, and is shown once a daemon answers"));
                    }
                }
                Ok(()) = self.state.changed() => self.state_changed(),
                Ok(()) = self.refusal.changed() => self.refused(),
            }
            if self.said && !spoken {
                return;
            }
        }
    }

    fn state_changed(&mut self) {
        let reason = match &*self.state.borrow_and_update() {
            LinkState::Waiting { reason, .. } => text::clean(reason).into_owned(),
            LinkState::Connecting { .. } | LinkState::Connected { .. } => return,
        };
        // Once the daemon knows the job, it comes back to it by itself: the screen is the place to say so.
        if self.job_id.borrow().is_some() || self.starting.is_some() {
            return;
        }
        match self.may_start.take() {
            Some(global) => {
                self.starting = Some(Box::pin(async move {
                    daemon::ensure_local(&global).await.map(drop)
                }));
            }
            None => self.say(&format!(
                "{reason}; the command runs, and is shown once a daemon answers"
            )),
        }
    }

    fn refused(&mut self) {
        let why = self.refusal.borrow_and_update().clone();
        if let Some(why) = why {
            let why = text::clean(&why);
            self.say(&format!(
                "the daemon does not take this job ({why}); the command runs unseen"
            ));
        }
    }

    fn say(&mut self, what: &str) {
        if !std::mem::replace(&mut self.said, true) {
            print::note(&format!("jobtop: {what}"));
        }
    }
}

/// The end of what goes on; never, if nothing does.
async fn finish(starting: &mut Option<Starting>) -> Result<(), Failure> {
    match starting {
        Some(starting) => starting.as_mut().await,
        None => std::future::pending().await,
    }
}
