//! Goes along with a running command: its words become reports of a reporter, what is asked of the job goes to it, and its
//! ending becomes the job's. Shared by all who run commands: `jobtop run`, and the runner of a queued one.

use std::sync::Arc;

use jobtop_client::reporter::{End, Reporter};
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::{CountsReport, Report};
use jobtop_core::proto::body::FailBody;
use tokio::sync::mpsc;

use crate::ending::{self, Explained};
use crate::observe::{self, Reading};
use crate::{Cause, Ending, Running, Tell};

/// What a child must not find in its environment.
pub const SECRET: &str = "JOBTOP_TOKEN";

/// Reports until the command has ended. `None` if the task that runs it ended without a word, which would be a fault of ours.
///
/// Cancel-safe: everything that goes on is kept in the arguments.
pub async fn go_along(
    reporter: &Reporter,
    running: &mut Running,
    actions: &mut mpsc::Receiver<Action>,
) -> Option<Ending> {
    loop {
        tokio::select! {
            told = running.tells.recv() => match told? {
                Tell::Ended(ending) => return Some(ending),
                tell => put(reporter, tell),
            },
            Some(action) = actions.recv() => {
                // The runner that is gone has said the end already.
                let _ = running.asks.send(action).await;
            }
        }
    }
}

/// The job's end that follows from the command's; `last_lines` are what it said last, where that is known.
#[must_use]
pub fn end_of(program: &str, ending: Ending, last_lines: Option<Vec<Arc<str>>>) -> End {
    match (ending.cause, ending::explain(program, ending.exit)) {
        (Cause::Cancel, _) => End::Gone,
        (Cause::Itself | Cause::Keyboard, None) => End::Completed,
        (Cause::Itself | Cause::Keyboard, Some(explained)) => End::Failed(FailBody {
            last_lines,
            ..body(explained)
        }),
    }
}

/// The end of a job whose command could not be started.
#[must_use]
pub fn unstarted(explained: Explained) -> End {
    End::Failed(body(explained))
}

fn put(reporter: &Reporter, tell: Tell) {
    match tell {
        Tell::Progress(reading) => reporter.update(progress(reading)),
        Tell::Message(message) => reporter.update(Report {
            message: Some(message.into()),
            ..Report::default()
        }),
        Tell::Answer(answer) => {
            // That it goes on is seen; a word about it would stay for ever.
            let message = match (answer.action, answer.ok) {
                (Action::Resume, true) => String::new(),
                _ => answer.message,
            };
            reporter.acknowledge(answer.action, answer.ok, Some(message));
        }
        // Taken out by the caller.
        Tell::Ended(_) => {}
    }
}

fn progress(reading: Reading) -> Report {
    Report {
        progress: Some(reading.progress),
        metrics: Some(CountsReport {
            total_bytes: Some(reading.total_bytes),
            processed_bytes: Some(reading.processed_bytes),
            ..CountsReport::default()
        }),
        progress_source: Some(observe::SOURCE.into()),
        ..Report::default()
    }
}

fn body(explained: Explained) -> FailBody {
    FailBody {
        error: explained.error.into(),
        code: Some(explained.code.into()),
        suggestion: Some(explained.suggestion.into()),
        exit_code: explained.exit_code,
        signal: explained.signal,
        last_lines: None,
    }
}
