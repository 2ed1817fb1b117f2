//! The list and the detail of a job: moving, filtering, acting.

use jobtop_core::Status;
use jobtop_core::proto::view::View;

use super::act::Verb;
use super::filters::Direction;
use super::hosts::Host;
use super::link::State;
use super::rows::scrolled;
use super::toast::{Toast, Tone};
use super::{
    App, Effect, Mode, Screen, alarms, arrange, confirm, copy, figures, keeper, log, marks,
    palette, past, typing,
};
use crate::keymap::{Action, Chord, Context};

/// A key for the screen itself.
pub(super) fn key(app: &mut App, action: Action, chord: Chord) -> Vec<Effect> {
    let mut effects = act(app, action, chord);
    effects.extend(log::leave(app));
    effects
}

fn act(app: &mut App, action: Action, chord: Chord) -> Vec<Effect> {
    match action {
        Action::Up
        | Action::Down
        | Action::PageUp
        | Action::PageDown
        | Action::Top
        | Action::Bottom => return go(app, action),
        Action::Open if app.screen == Screen::Alerts => return alarms::show_job(app),
        Action::Alerts => alarms::open(app),
        Action::Acknowledge | Action::Mute => return alarms::tend(app, action),
        Action::Open => return log::beside(app),
        Action::Past => return past::open(app),
        Action::Figures => return figures::open(app),
        Action::Daemon => return keeper::open(app),
        Action::Palette => palette::open(app),
        Action::Log => return log::open(app),
        Action::Back => return back(app),
        Action::Filter => typing::open(app),
        Action::Status => {
            // The first of its keys means all, the others a status each.
            let nth = app.settings.keys.nth(Context::List, action, chord);
            let status = nth.and_then(|nth| nth.checked_sub(1));
            app.filters.status = status.and_then(|nth| Status::ALL.get(nth)).copied();
            app.make_afresh();
        }
        Action::NextStatus => turn_status(app, Direction::Forward),
        Action::PreviousStatus => turn_status(app, Direction::Back),
        Action::NextType => turn_type(app, Direction::Forward),
        Action::PreviousType => turn_type(app, Direction::Back),
        Action::Pause => {
            let verb = marks::pause_or_resume(app, &marks::targets(app));
            return verb.map_or_else(Vec::new, |verb| on_targets(app, |_| verb));
        }
        Action::Retry => return on_targets(app, |_| Verb::Retry),
        Action::Raise => {
            return on_targets(app, |job| Verb::Priority(job.priority.saturating_add(1)));
        }
        Action::Lower => {
            return on_targets(app, |job| Verb::Priority(job.priority.saturating_sub(1)));
        }
        Action::Cancel => {
            let targets = marks::targets(app);
            if targets.is_empty() {
                nothing_chosen(app);
            } else {
                confirm::open(app, targets);
            }
        }
        Action::Mark => marks::toggle(app),
        Action::MarkAll => marks::toggle_all(app),
        Action::Freeze => freeze(app),
        Action::Sort | Action::Reverse if app.screen == Screen::Past => {
            return past::sort(app, action);
        }
        Action::Group if matches!(app.screen, Screen::Figures(_)) => return figures::turn(app),
        Action::Sort => {
            arrange::next_sort(app);
            return arranged(app);
        }
        Action::Reverse => {
            arrange::reverse(app);
            return arranged(app);
        }
        Action::Group => {
            arrange::next_group(app);
            return arranged(app);
        }
        Action::Columns => app.mode = Mode::Columns(0),
        Action::CopyId => return copy::ids(app),
        Action::CopyError => return copy::error(app),
        Action::Notify => marks::watch(app),
        Action::Reconnect => return reconnect(app),
        Action::Help => app.mode = Mode::Help(0),
        Action::Redraw => return vec![Effect::Redraw],
        Action::Suspend => return vec![Effect::Suspend],
        Action::Interrupt => return vec![Effect::Quit],
        Action::Quit => match app.screen {
            Screen::List => return vec![Effect::Quit],
            Screen::Detail(_) | Screen::Figures(_) | Screen::Daemon(_) | Screen::Alerts => {
                app.screen = app.ground.screen();
            }
            Screen::Log => log::close(app),
            Screen::Past => past::leave(app),
        },
        Action::Yes
        | Action::Complete
        | Action::CompleteBack
        | Action::Earlier
        | Action::Later
        | Action::No
        | Action::Accept
        | Action::Erase
        | Action::EraseNext
        | Action::EraseWord
        | Action::EraseLine
        | Action::Left
        | Action::Right
        | Action::Home
        | Action::End => {}
    }
    Vec::new()
}

/// Moves the cursor, or what is seen.
pub(super) fn go(app: &mut App, action: Action) -> Vec<Effect> {
    let height = app.shown.rows.max(1);
    match app.screen {
        Screen::List => match action {
            Action::Up => app.rows.step(-1, height),
            Action::Down => app.rows.step(1, height),
            Action::PageUp => app.rows.step(-height.cast_signed(), height),
            Action::PageDown => app.rows.step(height.cast_signed(), height),
            Action::Top => app.rows.choose(0, height),
            _ => app.rows.choose(usize::MAX, height),
        },
        Screen::Detail(scroll) => {
            app.screen = Screen::Detail(scrolled(scroll, app.shown.detail, action));
        }
        Screen::Log => log::go(app, action),
        Screen::Past => return past::go(app, action),
        Screen::Figures(scroll) => {
            app.screen = Screen::Figures(scrolled(scroll, app.shown.page, action));
        }
        Screen::Daemon(scroll) => {
            app.screen = Screen::Daemon(scrolled(scroll, app.shown.page, action));
        }
        Screen::Alerts => alarms::go(app, action),
    }
    Vec::new()
}

/// One level back: from the log to the detail, from the detail to the list, from a filtered list to the whole one, never out of the program.
fn back(app: &mut App) -> Vec<Effect> {
    match app.screen {
        Screen::Log => log::close(app),
        Screen::Detail(_) | Screen::Figures(_) | Screen::Daemon(_) | Screen::Alerts => {
            app.screen = app.ground.screen();
        }
        Screen::Past if !app.past.text.is_empty() => return past::set_text(app, ""),
        Screen::Past => past::leave(app),
        Screen::List if app.marks.count() > 0 => app.marks.clear(),
        Screen::List if app.frozen.is_some() => freeze(app),
        Screen::List if app.filters.is_set() => {
            app.filters.clear();
            app.make_afresh();
        }
        Screen::List => hint(app, "this is the top: q quits, the jobs go on"),
    }
    Vec::new()
}

fn turn_status(app: &mut App, direction: Direction) {
    app.filters.turn_status(direction);
    app.make_afresh();
}

fn turn_type(app: &mut App, direction: Direction) {
    app.filters.turn_type(&app.counts, direction);
    app.make_afresh();
}

fn on_targets(app: &mut App, verb: impl Fn(&View) -> Verb) -> Vec<Effect> {
    let targets = marks::targets(app);
    if targets.is_empty() {
        nothing_chosen(app);
    }
    marks::ask_all(app, &targets, verb)
}

/// Lets nothing in the list move any more, or everything again.
fn freeze(app: &mut App) {
    app.frozen = match app.frozen {
        None => Some(app.now.wall),
        Some(_) => None,
    };
    if app.frozen.is_none() {
        app.make_afresh();
    }
}

/// Says how the list is arranged now, and keeps it.
fn arranged(app: &mut App) -> Vec<Effect> {
    let now = &app.arrangement;
    let turned = if now.reversed { ", turned round" } else { "" };
    let grouped = now.group.map_or_else(String::new, |group| {
        format!(", grouped by {}", group.word())
    });
    let text = format!("sorted by {}{turned}{grouped}", now.sort.word());
    hint(app, &text);
    vec![Effect::Remember]
}

fn reconnect(app: &mut App) -> Vec<Effect> {
    if app.hosts.is_waiting() {
        return vec![Effect::Reconnect];
    }
    let is_connecting = |host: &Host| host.link.state == State::Connecting;
    if app.hosts.all().iter().any(is_connecting) {
        hint(app, "an attempt is under way");
    } else {
        hint(app, "the connection stands");
    }
    Vec::new()
}

fn nothing_chosen(app: &mut App) {
    hint(app, "there is no job under the cursor");
}

fn hint(app: &mut App, text: &str) {
    app.toast = Some(Toast::new(Tone::Hint, text, app.now.mono));
}
