//! Draws the state: `draw(&App)`, by shared reference, one panel a file.
//!
//! ```text
//! ┌ header ─────────────────────────────────────────────┐  the connection, always
//! │ tabs: how many of each status, which filter is set  │
//! │ list ──────────────────────┬ detail ────────────────│  detail beside it from 140 columns,
//! │                            │                        │  below it from 32 lines, else on Enter
//! │ status line: filter, "12 of 340", notices           │
//! └ footer: the keys that count now ────────────────────┘
//! ```
//!
//! Nothing is changed here; [`Shown`] says what there was room for, so that pages fit what is seen.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Line;

use crate::app::hosts::HostId;
use crate::app::{App, Mode, Screen, Shown};

mod alarms;
mod bar;
mod cell;
mod chooser;
mod columns;
mod daemon;
mod detail;
mod dialog;
mod empty;
mod figures;
mod footer;
pub(crate) mod format;
mod header;
mod help;
mod list;
mod log;
mod palette;
mod past;
pub(crate) mod plot;
mod status_line;
mod tabs;
mod theme;
mod words;

#[cfg(test)]
mod tests;

use theme::Theme;

/// From this width on the chosen job is shown beside the list.
const BESIDE_FROM: u16 = 140;
/// From this height on it is shown below the list.
const BELOW_FROM: u16 = 32;

/// Where everything goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Layout {
    header: Rect,
    tabs: Rect,
    list: Rect,
    detail: Option<Rect>,
    status: Rect,
    footer: Rect,
}

/// Draws the whole screen.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>) -> Shown {
    let theme = Theme::of(app);
    let empty = match app.screen {
        Screen::Past => app.past.jobs.is_empty(),
        _ => app.hosts.is_empty(),
    };
    let at = arrange(frame.area(), app.screen, empty);
    let buffer = frame.buffer_mut();
    let mut shown = app.shown;
    header::draw(app, buffer, at.header, theme);
    shown.list = (at.list.y + 1, at.list.width);
    tabs::draw(app, buffer, at.tabs, theme);
    match app.screen {
        Screen::List => shown.rows = list::draw(app, buffer, at.list, theme),
        Screen::Past => shown.rows = past::draw(app, buffer, at.list, theme),
        Screen::Figures(scroll) => {
            let lines = figures::lines(app, at.list.width.into(), theme);
            shown.page = page(&lines, scroll, buffer, at.list);
        }
        Screen::Daemon(scroll) => {
            let lines = daemon::lines(app, at.list.width.into(), theme);
            shown.page = page(&lines, scroll, buffer, at.list);
        }
        Screen::Alerts => shown.rows = alarms::draw(app, buffer, at.list, theme),
        Screen::Log => shown.log = log::draw(app, buffer, at.list, theme),
        Screen::Detail(_) => {}
    }
    if let Some(area) = at.detail {
        let seen = detail::draw(app, buffer, area, theme);
        if let Screen::Detail(_) = app.screen {
            shown.detail = seen;
        }
    }
    if is_old(app) {
        fade(buffer, at);
    }
    let cursor = status_line::draw(app, buffer, at.status, theme);
    footer::draw(app, buffer, at.footer, theme);
    match &app.mode {
        Mode::Browse | Mode::Typing(_) => {}
        Mode::Confirm(question) => dialog::draw(app, question, frame, theme),
        Mode::Columns(at) => chooser::draw(app, *at, frame, theme),
        Mode::Palette(palette) => palette::draw(app, palette, frame, theme),
        Mode::Help(scroll) => shown.help = help::draw(app, *scroll, frame, theme),
    }
    if let (Some(cursor), Mode::Typing(_)) = (cursor, &app.mode) {
        frame.set_cursor_position(cursor);
    }
    shown
}

/// Draws a page of lines, from one on; returns how many there are and how many were seen.
fn page(lines: &[Line<'_>], scroll: usize, buffer: &mut Buffer, area: Rect) -> (usize, usize) {
    let seen = usize::from(area.height);
    let scroll = scroll.min(lines.len().saturating_sub(seen));
    for (nth, line) in lines.iter().skip(scroll).take(seen).enumerate() {
        buffer.set_line(area.x, area.y + nth as u16, line, area.width);
    }
    (lines.len(), seen)
}

/// Of which daemon a page is, where several are looked at.
fn of_daemon(app: &App) -> String {
    if app.hosts.are_several() {
        format!(" of {}", app.hosts.at(app.focus).place.name)
    } else {
        String::new()
    }
}

/// Whether all that is seen is of daemons that are away. Of several the list shows which.
fn is_old(app: &App) -> bool {
    let lost = |host: HostId| app.hosts.at(host).link.lost_at().is_some();
    match app.screen {
        Screen::Alerts => false,
        Screen::List if app.hosts.are_several() => (0..app.hosts.all().len()).all(lost),
        Screen::List => lost(0),
        Screen::Detail(_) | Screen::Log => {
            let chosen = app.chosen().map(|job| app.host_of(job.id));
            lost(chosen.unwrap_or(app.focus))
        }
        Screen::Past | Screen::Figures(_) | Screen::Daemon(_) => lost(app.focus),
    }
}

/// The picture is old: everything that is of the jobs steps back.
fn fade(buffer: &mut Buffer, at: Layout) {
    let areas = [Some(at.tabs), Some(at.list), at.detail];
    for area in areas.into_iter().flatten() {
        buffer.set_style(
            area,
            ratatui::style::Style::new().add_modifier(Modifier::DIM),
        );
    }
}

fn arrange(area: Rect, screen: Screen, empty: bool) -> Layout {
    let mut top = area.y;
    let mut bottom = area.bottom();
    let mut above = |height: u16, wanted: bool| {
        let height = if wanted { height } else { 0 };
        let rect = Rect {
            y: top,
            height,
            ..area
        };
        top += height;
        rect
    };
    let header = above(1, area.height >= 2);
    let tabs = above(1, area.height >= 8);
    let mut below = |wanted: bool| {
        let height = u16::from(wanted);
        bottom -= height;
        Rect {
            y: bottom,
            height,
            ..area
        }
    };
    let footer = below(area.height >= 6);
    let status = below(area.height >= 4);
    let body = Rect {
        y: top,
        height: bottom.saturating_sub(top),
        ..area
    };
    let (list, detail) = match screen {
        Screen::Detail(_) => (Rect { height: 0, ..body }, Some(body)),
        Screen::Log | Screen::Figures(_) | Screen::Daemon(_) | Screen::Alerts => (body, None),
        Screen::List | Screen::Past if empty => (body, None),
        Screen::List | Screen::Past => split(area, body),
    };
    Layout {
        header,
        tabs,
        list,
        detail,
        status,
        footer,
    }
}

/// The list, and the chosen job where there is room for it.
fn split(area: Rect, body: Rect) -> (Rect, Option<Rect>) {
    if area.width >= BESIDE_FROM {
        let beside = (area.width * 3 / 8).min(70);
        let list = Rect {
            width: body.width - beside - 1,
            ..body
        };
        let detail = Rect {
            x: list.right() + 1,
            width: beside,
            ..body
        };
        (list, Some(detail))
    } else if area.height >= BELOW_FROM {
        // So much a running job has to say.
        let below = (body.height / 2).min(18);
        let list = Rect {
            height: body.height - below,
            ..body
        };
        let detail = Rect {
            y: list.bottom(),
            height: below,
            ..body
        };
        (list, Some(detail))
    } else {
        (body, None)
    }
}
