//! The question before something that can't be undone. No is the default; only `y` says yes.

use jobtop_core::JobId;

use super::act::{self, Verb};
use super::toast::{Toast, Tone};
use super::{App, Effect, Mode};
use crate::keymap::Action;

/// For so long after it opened a question hears nothing, so that no key meant for the list answers it.
const DEAF_MS: u64 = 250;

/// A question about a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Question {
    /// The job it is about.
    pub(crate) id: JobId,
    /// When it opened, on the monotonic clock.
    opened: u64,
}

/// Opens the question whether to cancel a job, if it can be cancelled.
pub(super) fn open(app: &mut App, id: JobId) {
    let Some(job) = app.mirror.get(id) else {
        return;
    };
    if let Some(reason) = act::objection(app, job, Verb::Cancel) {
        app.toast = Some(Toast::new(Tone::Hint, reason, app.now.mono));
        return;
    }
    app.mode = Mode::Confirm(Question {
        id,
        opened: app.now.mono,
    });
}

/// A key for the question.
pub(super) fn key(app: &mut App, question: Question, action: Option<Action>) -> Vec<Effect> {
    if app.now.mono < question.opened + DEAF_MS {
        return Vec::new();
    }
    match action {
        Some(Action::Yes) => {
            app.mode = Mode::Browse;
            act::ask(app, question.id, Verb::Cancel)
        }
        Some(Action::No) => {
            app.mode = Mode::Browse;
            Vec::new()
        }
        Some(Action::Suspend) => vec![Effect::Suspend],
        _ => Vec::new(),
    }
}

/// The world changed: a question about what can't be done any more closes, and says so.
pub(super) fn review(app: &mut App) {
    let Mode::Confirm(question) = app.mode else {
        return;
    };
    let reason = match app.mirror.get(question.id) {
        None => Some("the job is gone: nothing was cancelled".to_owned()),
        Some(job) => act::objection(app, job, Verb::Cancel),
    };
    if let Some(reason) = reason {
        app.mode = Mode::Browse;
        app.toast = Some(Toast::new(Tone::Hint, reason, app.now.mono));
    }
}
