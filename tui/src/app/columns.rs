//! The chooser of columns: which are shown, in which order, and by which the list is sorted.

use super::arrange::{Choice, choose};
use super::{App, Effect, Mode};
use crate::keymap::Action;

/// A key for the chooser.
pub(super) fn key(app: &mut App, at: usize, action: Option<Action>) -> Vec<Effect> {
    let last = app.arrangement.columns().len().saturating_sub(1);
    let at = match action {
        Some(Action::Back) => {
            app.mode = Mode::Browse;
            return vec![Effect::Remember];
        }
        Some(Action::Suspend) => return vec![Effect::Suspend],
        Some(Action::Up) => at.saturating_sub(1),
        Some(Action::Down) => (at + 1).min(last),
        Some(Action::Top) => 0,
        Some(Action::Bottom) => last,
        Some(Action::Mark) => choose(app, at, Choice::Toggle),
        Some(Action::Earlier) => choose(app, at, Choice::Earlier),
        Some(Action::Later) => choose(app, at, Choice::Later),
        Some(Action::Sort) => choose(app, at, Choice::Sort),
        _ => at,
    };
    app.mode = Mode::Columns(at);
    Vec::new()
}
