//! The daemon seen from work that goes on without it: started if none answers, and spoken of on stderr once if it can't be
//! had; and the farewell, when the work has ended.

use std::pin::Pin;
use std::time::Duration;

use jobtop_client::link::LinkState;
use jobtop_client::reporter::{Delivered, End, Reporter};
use jobtop_core::{JobId, text};
use tokio::sync::watch;

use crate::cli::{Global, daemon, print, target};
use crate::exit::Failure;

/// How long the end of a job may take to reach the daemon, once the work has ended.
const FAREWELL: Duration = Duration::from_secs(2);
/// The same where no daemon was reached so far.
const SHORT_FAREWELL: Duration = Duration::from_millis(300);

/// The start of the local daemon while it goes on.
type Starting = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// What is known of the daemon.
pub(crate) struct Contact {
    /// What goes on whatever becomes of the daemon, as the beginning of a sentence.
    work: &'static str,
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
    /// Of this reporter; `work` is what goes on: "the command runs". Where a target is given, that daemon is somebody else's to start.
    pub(crate) fn of(reporter: &Reporter, global: &Global, work: &'static str) -> Self {
        Self {
            work,
            state: reporter.state(),
            refusal: reporter.refusal(),
            job_id: reporter.job_id(),
            may_start: matches!(target::given(global), Ok(None)).then(|| global.clone()),
            starting: None,
            said: false,
        }
    }

    /// Does what there is to do for the contact, until something was said of it. Nothing is lost when this is dropped
    /// while it waits: what goes on is kept in `self`.
    pub(crate) async fn keep(&mut self) {
        loop {
            let spoken = self.said;
            tokio::select! {
                begun = finish(&mut self.starting) => {
                    self.starting = None;
                    if let Err(failure) = begun {
                        self.say(&format!("{failure}; {}, and is shown once a daemon answers", self.work));
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
                "{reason}; {}, and is shown once a daemon answers",
                self.work
            )),
        }
    }

    fn refused(&mut self) {
        let why = self.refusal.borrow_and_update().clone();
        if let Some(why) = why {
            let why = text::clean(&why);
            self.say(&format!(
                "the daemon does not take this job ({why}); {} unseen",
                self.work
            ));
        }
    }

    fn say(&mut self, what: &str) {
        if !std::mem::replace(&mut self.said, true) {
            print::note(&format!("jobtop: {what}"));
        }
    }
}

/// Says the end to the daemon and waits for its word, not for long where nobody was reached.
pub(crate) async fn farewell(reporter: Reporter, mut contact: Contact, end: End) {
    let known = reporter.job_id().borrow().is_some();
    let patience = if contact.said && !known {
        SHORT_FAREWELL
    } else {
        FAREWELL
    };
    let mut finish = std::pin::pin!(reporter.finish(end, patience));
    let delivered = tokio::select! {
        delivered = &mut finish => delivered,
        // It was said just now that no daemon can be had.
        () = contact.keep() => match tokio::time::timeout(SHORT_FAREWELL, &mut finish).await {
            Ok(delivered) => delivered,
            Err(_) => return,
        }
    };
    if let Delivered::No(why) = delivered
        && !contact.said
    {
        let why = text::clean(&why);
        print::note(&format!(
            "jobtop: the daemon was not told how it ended ({why})"
        ));
    }
}

/// The end of what goes on; never, if nothing does.
async fn finish(starting: &mut Option<Starting>) -> Result<(), Failure> {
    match starting {
        Some(starting) => starting.as_mut().await,
        None => std::future::pending().await,
    }
}
