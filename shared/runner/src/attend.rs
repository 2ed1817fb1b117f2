//! Goes along with a running command: its words become reports of a reporter, what is asked of the job goes to it, and its
//! ending becomes the job's. Shared by all who run commands: `jobtop run`, and the runner of a queued one.

use std::sync::Arc;
use std::time::Duration;

use jobtop_client::Endpoint;
use jobtop_client::endpoint;
use jobtop_client::reporter::{End, Reporter};
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::Report;
use jobtop_core::proto::body::FailBody;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout_at};

use crate::choose::Chooser;
use crate::earlier::{self, Active};
use crate::ending::{self, Explained};
use crate::{Cause, Ending, Running, Tell};

/// What a child must not find in its environment.
pub const SECRET: &str = endpoint::SECRET;
/// How long what the command said last is waited for once it has ended: something that it left running may hold its streams.
pub const REST: Duration = Duration::from_millis(200);

/// Reports until the command has ended. `None` if the task that runs it ended without a word, which would be a fault of ours.
/// At `endpoint` is asked what earlier runs took, if nothing else says how far it is.
///
/// What was chosen to be told so far is kept in the future: to be polled to its end.
pub async fn go_along(
    endpoint: Endpoint,
    reporter: &Reporter,
    running: &mut Running,
    actions: &mut mpsc::Receiver<Action>,
) -> Option<Ending> {
    let mut chooser = Chooser::new();
    let mut active = Active::begun(Instant::now());
    let mut expected = std::pin::pin!(earlier::usual(endpoint, reporter));
    let mut asked = false;
    let mut guess: Option<(Duration, Interval)> = None;
    let ending = loop {
        tokio::select! {
            told = running.tells.recv() => match told? {
                Tell::Ended(ending) => break ending,
                tell => {
                    if let Tell::Answer(answer) = &tell {
                        match (answer.action, answer.ok) {
                            (Action::Pause, true) => active.pause(Instant::now()),
                            (Action::Resume, true) => active.resume(Instant::now()),
                            _ => {}
                        }
                    }
                    put(reporter, &mut chooser, tell);
                }
            },
            usual = &mut expected, if !asked => {
                asked = true;
                guess = usual.map(|usual| (usual, ticks(earlier::pace(usual))));
            }
            usual = next(&mut guess), if chooser.takes_guesses() => {
                let percent = earlier::percent(active.until(Instant::now()), usual);
                if let Some(report) = chooser.guessed(percent) {
                    reporter.update(report);
                }
            }
            Some(action) = actions.recv() => {
                // The runner that is gone has said the end already.
                let _ = running.asks.send(action).await;
            }
        }
    };
    let rest = Instant::now() + REST;
    while let Ok(Some(tell)) = timeout_at(rest, running.tells.recv()).await {
        put(reporter, &mut chooser, tell);
    }
    Some(ending)
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

fn ticks(pace: Duration) -> Interval {
    let mut ticks = interval(pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

/// The usual duration, each time a guess is due; never, where there is none.
async fn next(guess: &mut Option<(Duration, Interval)>) -> Duration {
    match guess {
        Some((usual, ticks)) => {
            ticks.tick().await;
            *usual
        }
        None => std::future::pending().await,
    }
}

fn put(reporter: &Reporter, chooser: &mut Chooser, tell: Tell) {
    let chosen = match &tell {
        Tell::Progress(reading) => chooser.seen(reading),
        Tell::Said(said) => chooser.output(said),
        _ => None,
    };
    if let Some(report) = chosen {
        reporter.update(report);
    }
    match tell {
        Tell::Told(told) => reporter.update(chooser.told(told)),
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
        // Chosen from above, or taken out by the caller.
        Tell::Progress(_) | Tell::Said(_) | Tell::Ended(_) => {}
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
