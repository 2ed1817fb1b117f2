//! Every action of the screen by its name: a word or two find it, Enter does it.

use super::input::Input;
use super::{App, Effect, Mode, browse, typing};
use crate::keymap::{Action, Binding, Chord};

/// What is typed, and which of the actions found is chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Palette {
    /// What is typed.
    pub(crate) input: Input,
    /// The place of the chosen one.
    pub(crate) at: usize,
}

impl Palette {
    /// The actions of the present screen that have every word that was typed, in the order of the help.
    pub(crate) fn found<'a>(&self, app: &'a App) -> Vec<&'a Binding> {
        let words = self.input.text().to_lowercase();
        let has = |row: &&Binding| {
            let text = format!("{} {}", row.word, row.help).to_lowercase();
            words.split_whitespace().all(|word| text.contains(word))
        };
        let keys = &app.settings.keys;
        keys.of(app.ground_context())
            .filter(|row| !row.help.is_empty() && row.action != Action::Palette)
            .filter(has)
            .collect()
    }
}

/// Opens it.
pub(super) fn open(app: &mut App) {
    app.mode = Mode::Palette(Palette::default());
}

/// Pasted text goes where typed text goes.
pub(super) fn paste(app: &mut App, mut palette: Palette, text: &str) {
    for c in jobtop_core::text::clean(text).chars() {
        palette.input.insert(c);
    }
    palette.at = 0;
    app.mode = Mode::Palette(palette);
}

/// A key for it.
pub(super) fn key(
    app: &mut App,
    mut palette: Palette,
    action: Option<Action>,
    chord: Chord,
) -> Vec<Effect> {
    let found: Vec<_> = (palette.found(app).iter())
        .map(|row| (row.action, row.chords.first().copied()))
        .collect();
    let last = found.len().saturating_sub(1);
    match action {
        Some(Action::Accept) => {
            app.mode = Mode::Browse;
            let chosen = found.get(palette.at).copied();
            return chosen.map_or_else(Vec::new, |(action, first)| {
                browse::key(app, action, first.unwrap_or(chord))
            });
        }
        Some(Action::Back) => {
            app.mode = Mode::Browse;
            return Vec::new();
        }
        Some(Action::Interrupt) if palette.input.text().is_empty() => {
            app.mode = Mode::Browse;
            return Vec::new();
        }
        Some(Action::Suspend) => return vec![Effect::Suspend],
        Some(Action::Up) => palette.at = palette.at.saturating_sub(1),
        Some(Action::Down) => palette.at = (palette.at + 1).min(last),
        _ => {
            typing::edit(&mut palette.input, action, chord);
            palette.at = 0;
        }
    }
    app.mode = Mode::Palette(palette);
    Vec::new()
}
