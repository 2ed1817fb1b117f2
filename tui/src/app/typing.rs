//! The filter while it is being typed: every key changes the list at once.

use jobtop_core::query::{Field, Today};

use super::input::Input;
use super::{App, Effect, Mode};
use crate::keymap::{Action, Chord};

/// The input and the filter to go back to.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Typing {
    /// What is typed.
    pub(crate) input: Input,
    before: String,
}

/// Opens the input on the filter in force.
pub(super) fn open(app: &mut App) {
    let before = app.filters.text().to_owned();
    app.mode = Mode::Typing(Typing {
        input: Input::new(&before),
        before,
    });
}

/// A key for the input.
pub(super) fn key(
    app: &mut App,
    mut typing: Typing,
    action: Option<Action>,
    chord: Chord,
) -> Vec<Effect> {
    let height = app.shown.rows;
    let page = height.max(1).cast_signed();
    match action {
        Some(Action::Accept) => {
            // With a mistake it stays open: there is something to put right.
            apply(app, typing.input.text());
            if app.filters.mistake().is_none() {
                app.mode = Mode::Browse;
            }
            return Vec::new();
        }
        Some(Action::Back) => {
            apply(app, &typing.before);
            app.mode = Mode::Browse;
            return Vec::new();
        }
        Some(Action::Interrupt) if typing.input.text().is_empty() => {
            app.mode = Mode::Browse;
            return Vec::new();
        }
        Some(Action::Interrupt) => typing.input.clear(),
        Some(Action::Suspend) => return vec![Effect::Suspend],
        Some(Action::Up) => app.rows.step(-1, height),
        Some(Action::Down) => app.rows.step(1, height),
        Some(Action::PageUp) => app.rows.step(-page, height),
        Some(Action::PageDown) => app.rows.step(page, height),
        Some(Action::Erase) => typing.input.erase(),
        Some(Action::EraseNext) => typing.input.erase_next(),
        Some(Action::EraseWord) => typing.input.erase_word(),
        Some(Action::EraseLine) => typing.input.erase_line(),
        Some(Action::Left) => typing.input.left(),
        Some(Action::Right) => typing.input.right(),
        Some(Action::Home) => typing.input.home(),
        Some(Action::End) => typing.input.end(),
        _ => {
            if let Some(c) = chord.typed() {
                typing.input.insert(c);
            }
        }
    }
    change(app, typing);
    Vec::new()
}

/// Pasted text goes where typed text goes; line breaks become blanks.
pub(super) fn paste(app: &mut App, mut typing: Typing, text: &str) {
    for c in jobtop_core::text::clean(text).chars() {
        typing.input.insert(c);
    }
    change(app, typing);
}

fn change(app: &mut App, typing: Typing) {
    if typing.input.text().trim() != app.filters.text() || app.filters.mistake().is_some() {
        apply(app, typing.input.text());
        if app.rows.order().is_empty()
            && app.filters.mistake().is_none()
            && let Some(before) = before_a_field(typing.input.text())
        {
            apply(app, before);
        }
    }
    app.mode = Mode::Typing(typing);
}

/// What stands before a last word that may become the name of a field: `orders stat` → `orders `. Without this the list
/// would go blank on the way to `status:`.
fn before_a_field(text: &str) -> Option<&str> {
    let begin = text.rfind(' ').map_or(0, |blank| blank + 1);
    let (before, last) = text.split_at(begin);
    let word = last.trim_start_matches(['-', '!']).to_lowercase();
    let may_become = Field::ALL
        .iter()
        .any(|field| field.word().starts_with(&word));
    (may_become && !before.contains('"')).then_some(before)
}

fn apply(app: &mut App, text: &str) {
    let today = Today {
        now: app.present(),
        tz: app.settings.zone.clone(),
    };
    app.filters.set_text(text, &today);
    app.make_afresh();
}
