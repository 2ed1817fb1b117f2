//! The last line: the keys that count for the chosen job now.
//!
//! ```text
//! p pause  x cancel  Enter detail  / filter  ? help  q quit
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::cell;
use super::theme::Theme;
use crate::app::act::{self, Verb};
use crate::app::typing;
use crate::app::{App, Mode};
use crate::keymap::{Action, Binding, Context};

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) {
    if let (Mode::Typing(_), Some(mistake)) = (&app.mode, typing::mistake(app)) {
        cell::put(buffer, area, &mistake.to_string(), theme.bad(), theme);
        return;
    }
    let context = app.context();
    let hints: Vec<_> = app
        .settings
        .keys
        .of(context)
        .filter(|row| !row.word.is_empty())
        .filter_map(|row| Some((row.chords.first()?.to_string(), word(app, row)?, row.action)))
        .collect();
    let wide = |(key, word, _): &(String, &str, Action)| cell::width(key) + cell::width(word) + 3;
    // Help and quit are always there; the others as far as they fit.
    let is_last = |action: Action| matches!(action, Action::Help | Action::Quit);
    let mut room = usize::from(area.width) + 2;
    for hint in hints.iter().filter(|hint| is_last(hint.2)) {
        room = room.saturating_sub(wide(hint));
    }
    let mut at = area;
    for hint in &hints {
        if !is_last(hint.2) {
            if wide(hint) > room {
                continue;
            }
            room -= wide(hint);
        }
        at = one(buffer, at, &hint.0, hint.1, theme);
    }
    if let Mode::Typing(typing) = &app.mode {
        let offered = typing.offered.as_ref();
        let text = offered.map_or_else(
            || "status:failed  user:ann  progress>50  -word".to_owned(),
            |offered| offered.words.join("  "),
        );
        cell::put(buffer, at, &text, theme.faint(), theme);
    }
}

fn one(buffer: &mut Buffer, at: Rect, key: &str, word: &str, theme: Theme) -> Rect {
    let taken = cell::put(buffer, at, key, theme.key(), theme) + 1;
    let at = shifted(at, taken);
    let taken = cell::put(buffer, at, word, Style::new(), theme) + 2;
    shifted(at, taken)
}

fn shifted(at: Rect, by: u16) -> Rect {
    let by = by.min(at.width);
    Rect {
        x: at.x + by,
        width: at.width - by,
        ..at
    }
}

/// The word of a key for the present moment; `None` if the key would do nothing now.
fn word(app: &App, row: &Binding) -> Option<&'static str> {
    let (job, context) = (app.chosen(), app.context());
    let can = |verb: Verb| job.is_some_and(|job| act::objection(app, job, verb).is_none());
    match row.action {
        Action::Pause => {
            let verb = act::pause_or_resume(job?);
            can(verb).then_some(verb.word())
        }
        Action::Cancel => can(Verb::Cancel).then_some(row.word),
        Action::Retry => can(Verb::Retry).then_some(row.word),
        Action::Raise => can(Verb::Priority(0)).then_some(row.word),
        Action::Mark if context == Context::List => job.map(|_| row.word),
        Action::Open | Action::Log => job.map(|_| row.word),
        Action::Past => {
            let elsewhere = matches!(context, Context::List | Context::Figures);
            (elsewhere && app.hosts.up() > 0).then_some(row.word)
        }
        Action::Figures => (context == Context::Past).then_some(row.word),
        Action::Filter if context == Context::List => (!app.hosts.is_empty()).then_some(row.word),
        Action::Reconnect => app.hosts.is_waiting().then_some("reconnect now"),
        Action::Back if context == Context::List => match () {
            () if app.marks.count() > 0 => Some("unmark"),
            () if app.frozen.is_some() => Some("unfreeze"),
            () if app.filters.is_set() => Some("clear filter"),
            () => None,
        },
        Action::Back if context == Context::Past && !app.past.text.is_empty() => {
            Some("clear filter")
        }
        // In the detail Esc says it.
        Action::Quit if context != Context::List => None,
        Action::Yes | Action::No if context == Context::Confirm => None,
        _ => Some(row.word),
    }
}
