//! The filter while it is being typed: every key changes the list at once.

use jobtop_core::query::{Field, Mistake, Today};

use super::input::Input;
use super::{App, Effect, Mode, Screen, browse, complete, figures, past};
use crate::keymap::{Action, Chord};

/// The input and the filter to go back to.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Typing {
    /// What is typed.
    pub(crate) input: Input,
    before: String,
    /// The words that the last one can become, which of them is written, and where in the text it begins.
    pub(crate) offered: Option<Offered>,
}

/// What Tab goes through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Offered {
    /// The words.
    pub(crate) words: Vec<String>,
    /// The one that is written.
    pub(crate) at: usize,
    /// Where it begins: a word in quotes has blanks of its own.
    begin: usize,
}

/// Opens the input on the filter in force.
pub(super) fn open(app: &mut App) {
    let before = in_force(app).to_owned();
    app.mode = Mode::Typing(Typing {
        input: Input::new(&before),
        before,
        offered: None,
    });
}

/// The filter of the screen.
pub(crate) fn in_force(app: &App) -> &str {
    match app.screen {
        Screen::Past | Screen::Figures(_) => &app.past.text,
        _ => app.filters.text(),
    }
}

/// What is wrong with what is typed.
pub(crate) fn mistake(app: &App) -> Option<&Mistake> {
    match app.screen {
        Screen::Past | Screen::Figures(_) => app.past.mistake.as_ref(),
        _ => app.filters.mistake(),
    }
}

/// A key for the input.
pub(super) fn key(
    app: &mut App,
    mut typing: Typing,
    action: Option<Action>,
    chord: Chord,
) -> Vec<Effect> {
    match action {
        Some(Action::Accept) => {
            // With a mistake it stays open: there is something to put right.
            let effects = apply(app, typing.input.text());
            if mistake(app).is_none() {
                app.mode = Mode::Browse;
            }
            return effects;
        }
        Some(Action::Back) => {
            app.mode = Mode::Browse;
            return apply(app, &typing.before);
        }
        Some(Action::Interrupt) if typing.input.text().is_empty() => {
            app.mode = Mode::Browse;
            return Vec::new();
        }
        Some(Action::Suspend) => return vec![Effect::Suspend],
        Some(Action::Up | Action::Down | Action::PageUp | Action::PageDown) => {
            app.mode = Mode::Typing(typing);
            return action.map_or_else(Vec::new, |action| browse::go(app, action));
        }
        Some(Action::Complete | Action::CompleteBack) => {
            complete(app, &mut typing, action == Some(Action::Complete));
        }
        _ => {
            typing.offered = None;
            edit(&mut typing.input, action, chord);
        }
    }
    change(app, typing)
}

/// A key that changes a line of text.
pub(super) fn edit(input: &mut Input, action: Option<Action>, chord: Chord) {
    match action {
        Some(Action::Interrupt) => input.clear(),
        Some(Action::Erase) => input.erase(),
        Some(Action::EraseNext) => input.erase_next(),
        Some(Action::EraseWord) => input.erase_word(),
        Some(Action::EraseLine) => input.erase_line(),
        Some(Action::Left) => input.left(),
        Some(Action::Right) => input.right(),
        Some(Action::Home) => input.home(),
        Some(Action::End) => input.end(),
        _ => {
            if let Some(c) = chord.typed() {
                input.insert(c);
            }
        }
    }
}

/// Writes the next word that the last one can become.
fn complete(app: &App, typing: &mut Typing, forwards: bool) {
    let offered = if let Some(offered) = typing.offered.take() {
        let count = offered.words.len();
        let step = if forwards { 1 } else { count - 1 };
        Offered {
            at: (offered.at + step) % count,
            ..offered
        }
    } else {
        let jobs = app.hosts.iter().chain(&app.past.jobs);
        let words = complete::words(typing.input.before(), jobs);
        if words.is_empty() {
            return;
        }
        Offered {
            words,
            at: 0,
            begin: typing.input.word_start(),
        }
    };
    let word = &offered.words[offered.at];
    typing.input.replace_from(offered.begin, word);
    // What is the only one goes on: Tab then completes what follows.
    typing.offered = (offered.words.len() > 1).then_some(offered);
}

/// Pasted text goes where typed text goes; line breaks become blanks.
pub(super) fn paste(app: &mut App, mut typing: Typing, text: &str) -> Vec<Effect> {
    for c in jobtop_core::text::clean(text).chars() {
        typing.input.insert(c);
    }
    typing.offered = None;
    change(app, typing)
}

fn change(app: &mut App, typing: Typing) -> Vec<Effect> {
    let mut effects = Vec::new();
    let text = typing.input.text().to_owned();
    if text.trim() != in_force(app) || mistake(app).is_some() {
        effects = apply(app, &text);
        if app.screen == Screen::List
            && app.rows.order().is_empty()
            && mistake(app).is_none()
            && let Some(before) = before_a_field(&text)
        {
            apply(app, before);
        }
    }
    app.mode = Mode::Typing(typing);
    effects
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

fn apply(app: &mut App, text: &str) -> Vec<Effect> {
    match app.screen {
        Screen::Past => return past::set_text(app, text),
        Screen::Figures(_) => {
            // The history that may lie behind them is of the same jobs.
            let mut effects = past::set_text(app, text);
            if !effects.is_empty() {
                effects.extend(figures::ask(app));
            }
            return effects;
        }
        _ => {}
    }
    let today = Today {
        now: app.present(),
        tz: app.settings.zone.clone(),
    };
    app.filters.set_text(text, &today);
    app.make_afresh();
    Vec::new()
}
