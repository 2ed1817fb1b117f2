//! The mouse, where it is asked for: the wheel moves, a press chooses a row, and one on the chosen row opens it.

use super::rows::Line;
use super::{App, Effect, Mode, Pointed, Screen, browse};
use crate::keymap::{Action, Chord, Key};

/// So many lines a turn of the wheel goes.
const TURN: usize = 3;

/// The mouse was used.
pub(super) fn at(app: &mut App, pointed: Pointed) -> Vec<Effect> {
    if app.mode != Mode::Browse {
        return Vec::new();
    }
    app.rows.hold(app.now.mono);
    let wheel = |app: &mut App, action| (0..TURN).flat_map(|_| browse::go(app, action)).collect();
    match pointed {
        Pointed::Up => wheel(app, Action::Up),
        Pointed::Down => wheel(app, Action::Down),
        Pointed::At(column, line) => {
            let (top, width) = app.shown.list;
            let nth = usize::from(line.wrapping_sub(top));
            if line >= top && column < width && nth < app.shown.rows {
                return press(app, nth);
            }
            Vec::new()
        }
    }
}

fn press(app: &mut App, nth: usize) -> Vec<Effect> {
    let height = app.shown.rows;
    let before = app.chosen().map(|job| job.id);
    match app.screen {
        Screen::List => {
            let first = app.rows.first(height);
            let line = app.rows.lines(first).nth(nth);
            let Some(Line::Job(id)) = line else {
                return Vec::new();
            };
            let index = app.rows.order().iter().position(|one| *one == id);
            app.rows.choose(index.unwrap_or(0), height);
        }
        Screen::Past => {
            let first = app.past.first(height);
            if !app.past.choose(first + nth) {
                return Vec::new();
            }
        }
        _ => return Vec::new(),
    }
    let now = app.chosen().map(|job| job.id);
    if now.is_some() && now == before {
        return browse::key(app, Action::Open, Chord::plain(Key::Enter));
    }
    Vec::new()
}
