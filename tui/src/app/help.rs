//! The help: scrolls and closes.

use super::{App, Effect, Mode};
use crate::keymap::Action;

/// A key for the help.
pub(super) fn key(app: &mut App, scroll: usize, action: Option<Action>) -> Vec<Effect> {
    let (lines, seen) = app.shown.help;
    let last = lines.saturating_sub(seen);
    let to = |line: usize| Mode::Help(line.min(last));
    match action {
        Some(Action::Back) => app.mode = Mode::Browse,
        Some(Action::Down) => app.mode = to(scroll + 1),
        Some(Action::Up) => app.mode = to(scroll.saturating_sub(1)),
        Some(Action::PageDown) => app.mode = to(scroll + seen.max(1)),
        Some(Action::PageUp) => app.mode = to(scroll.saturating_sub(seen.max(1))),
        Some(Action::Top) => app.mode = to(0),
        Some(Action::Bottom) => app.mode = to(last),
        Some(Action::Suspend) => return vec![Effect::Suspend],
        Some(Action::Redraw) => return vec![Effect::Redraw],
        _ => {}
    }
    Vec::new()
}
