//! The help: scrolls and closes.

use super::rows::scrolled;
use super::{App, Effect, Mode};
use crate::keymap::Action;

/// A key for the help.
pub(super) fn key(app: &mut App, scroll: usize, action: Option<Action>) -> Vec<Effect> {
    match action {
        Some(Action::Back) => app.mode = Mode::Browse,
        Some(
            action @ (Action::Down
            | Action::Up
            | Action::PageDown
            | Action::PageUp
            | Action::Top
            | Action::Bottom),
        ) => app.mode = Mode::Help(scrolled(scroll, app.shown.help, action)),
        Some(Action::Suspend) => return vec![Effect::Suspend],
        Some(Action::Redraw) => return vec![Effect::Redraw],
        _ => {}
    }
    Vec::new()
}
