//! The line above the footer: a notice, or the filter, and how many jobs of how many are listed.
//!
//! ```text
//! /status:failed orders_                                                       12 of 340
//! orders.csv: Job cannot be paused in current state                            12 of 340
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use super::theme::Theme;
use super::{cell, format, header};
use crate::app::link::State;
use crate::app::toast::Tone;
use crate::app::typing::{self, in_force};
use crate::app::{App, Mode, Screen};

/// Draws the line; returns where the input's cursor is, if there is one.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let count = count(app);
    let taken = cell::put_right(buffer, area, &count, Style::new(), theme);
    let at = Rect {
        width: area.width.saturating_sub(taken + 2),
        ..area
    };
    if let Mode::Typing(typing) = &app.mode {
        return Some(input(app, &typing.input, buffer, at, theme));
    }
    if let Some(toast) = &app.toast {
        let mark = match toast.tone {
            Tone::Done => theme.pick("✓ ", "+ "),
            Tone::Hint => "",
            Tone::Refusal => theme.pick("✗ ", "! "),
        };
        let text = format!("{mark}{}", toast.text);
        cell::put(buffer, at, &text, theme.tone(toast.tone), theme);
    } else if !in_force(app).is_empty() {
        let text = format!("/{}", in_force(app));
        cell::put(buffer, at, &text, theme.title(), theme);
    } else if let State::Waiting { reason, .. } = &app.hosts.at(0).link.state
        && !app.hosts.are_several()
        && !app.hosts.is_empty()
        && !header::says_reason(app, area.width, theme)
    {
        cell::put(buffer, at, reason, theme.bad(), theme);
    }
    None
}

/// How much of what there is is seen.
fn count(app: &App) -> String {
    let (lines, seen) = app.shown.detail;
    if let Screen::Detail(scroll) = app.screen
        && lines > seen
    {
        let first = scroll.min(lines - seen);
        return format!("lines {}-{} of {lines} (j k)", first + 1, first + seen);
    }
    match app.screen {
        Screen::Past => return super::past::count(app),
        Screen::Alerts => return String::new(),
        Screen::Figures(scroll) | Screen::Daemon(scroll) => {
            let (lines, seen) = app.shown.page;
            let first = scroll.min(lines.saturating_sub(seen));
            return if lines > seen {
                format!("lines {}-{} of {lines} (j k)", first + 1, first + seen)
            } else {
                String::new()
            };
        }
        _ => {}
    }
    if let (Screen::Log, Some(log)) = (app.screen, &app.log) {
        return super::log::place(log, app.shown.log.1);
    }
    let (listed, all) = (app.rows.order().len(), app.hosts.len());
    let count = match (app.filters.is_set(), all) {
        (true, _) => format!("{listed} of {all}"),
        (false, 0) => String::new(),
        (false, 1) => "1 job".to_owned(),
        (false, _) => format!("{all} jobs"),
    };
    let marked = match app.marks.count() {
        0 => String::new(),
        marked => format!("{marked} marked, "),
    };
    let frozen = app.frozen.map_or_else(String::new, |since| {
        format!("frozen {} (f), ", format::age(app.now.wall.ms_since(since)))
    });
    format!("{frozen}{marked}{count}")
}

fn input(
    app: &App,
    input: &crate::app::input::Input,
    buffer: &mut Buffer,
    at: Rect,
    theme: Theme,
) -> Position {
    let room = usize::from(at.width).saturating_sub(2);
    let before = theme.text(input.before()).into_owned();
    // What does not fit is cut at the left: the cursor stays in sight.
    let hidden = cell::width(&before).saturating_sub(room);
    let mut skipped = 0;
    let seen_from = before
        .char_indices()
        .find(|(_, c)| {
            let seen = skipped >= hidden;
            skipped += cell::width(c.encode_utf8(&mut [0; 4]));
            seen
        })
        .map_or(before.len(), |(i, _)| i);
    let seen = &before[seen_from..];
    let after = theme
        .text(&input.text()[input.before().len()..])
        .into_owned();
    let text = format!("/{seen}{after}");
    buffer.set_stringn(at.x, at.y, &text, at.width.into(), theme.title());
    mark_mistake(app, input, seen_from, buffer, at, theme);
    Position {
        x: at.x + 1 + cell::width(seen) as u16,
        y: at.y,
    }
}

/// Underlines the part of the filter that can't be read.
fn mark_mistake(
    app: &App,
    input: &crate::app::input::Input,
    seen_from: usize,
    buffer: &mut Buffer,
    at: Rect,
    theme: Theme,
) {
    let Some(mistake) = typing::mistake(app) else {
        return;
    };
    let upto = |end: usize| {
        let end = end.min(input.text().len());
        input
            .text()
            .get(seen_from.min(end)..end)
            .map_or(0, cell::width)
    };
    let (begin, end) = (upto(mistake.span.start), upto(mistake.span.end));
    let place = Rect {
        x: at.x + 1 + begin as u16,
        width: (end - begin) as u16,
        ..at
    }
    .intersection(at);
    buffer.set_style(place, theme.bad().add_modifier(Modifier::UNDERLINED));
}
