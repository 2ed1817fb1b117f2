//! The question before something that can't be undone. No is the default; only `y` says yes.

use jobtop_core::JobId;

use super::act::{self, Verb};
use super::toast::{Toast, Tone};
use super::{App, Effect, Mode, marks};
use crate::keymap::Action;

/// For so long after it opened a question hears nothing, so that no key meant for the list answers it.
const DEAF_MS: u64 = 250;

/// More jobs than so many are cancelled only after a second yes.
const MANY: usize = 5;

/// A question about jobs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Question {
    /// The jobs it is about.
    pub(crate) ids: Vec<JobId>,
    /// Whether yes was said once, and has to be said again.
    pub(crate) said: bool,
    /// When it opened, on the monotonic clock.
    opened: u64,
}

/// Opens the question whether to cancel jobs; those that can't be cancelled are left out.
pub(super) fn open(app: &mut App, mut ids: Vec<JobId>) {
    let reason = sift(app, &mut ids);
    if ids.is_empty() {
        if let Some(reason) = reason {
            app.toast = Some(Toast::new(Tone::Hint, reason, app.now.mono));
        }
        return;
    }
    app.mode = Mode::Confirm(Question {
        ids,
        said: false,
        opened: app.now.mono,
    });
}

/// Leaves those that can be cancelled, and says why one of the others can't.
fn sift(app: &App, ids: &mut Vec<JobId>) -> Option<String> {
    let mut reason = None;
    ids.retain(|id| {
        let objection = match app.hosts.get(*id) {
            None => Some("the job is gone: nothing was cancelled".to_owned()),
            Some(job) => act::objection(app, job, Verb::Cancel),
        };
        let stays = objection.is_none();
        reason = objection.or(reason.take());
        stays
    });
    reason
}

/// A key for the question.
pub(super) fn key(app: &mut App, mut question: Question, action: Option<Action>) -> Vec<Effect> {
    if app.now.mono < question.opened + DEAF_MS {
        return Vec::new();
    }
    match action {
        Some(Action::Yes) if question.ids.len() > MANY && !question.said => {
            question.said = true;
            // The key that is held down does not say it twice.
            question.opened = app.now.mono;
            app.mode = Mode::Confirm(question);
            Vec::new()
        }
        Some(Action::Yes) => {
            app.mode = Mode::Browse;
            marks::ask_all(app, &question.ids, |_| Verb::Cancel)
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
    let Mode::Confirm(mut question) = app.mode.clone() else {
        return;
    };
    let reason = sift(app, &mut question.ids);
    if let (true, Some(reason)) = (question.ids.is_empty(), reason) {
        app.mode = Mode::Browse;
        app.toast = Some(Toast::new(Tone::Hint, reason, app.now.mono));
    } else {
        app.mode = Mode::Confirm(question);
    }
}
