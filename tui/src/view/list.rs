//! The list of jobs.
//!
//! ```text
//! STATUS        NAME                STEP             PROGRESS              RATE      ETA       AGE
//! ▶ running     orders-2026-11.csv  Processing data  ████████▌░░░░  41.7%  4.0k/s    3m 20s    12m
//! Ⅱ pausing…    returns.csv         Applying mappi…  ██░░░░░░░░░░░  17.0%  210/s     paused    3m
//! ```

use jobtop_core::proto::view::View;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::columns::{Column, columns, gap};
use super::theme::Theme;
use super::{bar, cell, empty, format, words};
use crate::app::App;

/// Draws the list; returns how many rows there is room for.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) -> usize {
    let rows = usize::from(area.height.saturating_sub(1));
    if app.rows.order().is_empty() {
        empty::draw(app, buffer, area, theme);
        return rows;
    }
    let laid = columns(area.width);
    heads(buffer, cell::line(area, 0), &laid, theme);
    let first = app.rows.first(rows);
    let seen = app.rows.order().iter().skip(first).take(rows);
    for (nth, id) in seen.enumerate() {
        if let Some(job) = app.mirror.get(*id) {
            let at = cell::line(area, nth as u16 + 1);
            row(app, job, buffer, at, &laid, theme);
        }
    }
    rows
}

fn heads(buffer: &mut Buffer, at: Rect, laid: &[(Column, u16)], theme: Theme) {
    let style = theme.faint();
    for (column, place) in places(at, laid) {
        let title = match column {
            Column::Status => "STATUS",
            Column::Glyph | Column::Percent => "",
            Column::Name => "NAME",
            Column::Owner => "OWNER",
            Column::Step | Column::StepNumber => "STEP",
            Column::Bar => "PROGRESS",
            Column::Rate => "RATE",
            Column::Eta => "ETA",
            Column::Age => "AGE",
        };
        if is_right(column) {
            cell::put_right(buffer, place, title, style, theme);
        } else if column == Column::Bar {
            // The percent after it has no title of its own.
            let both = Rect {
                width: place.width.max(8).min(at.right().saturating_sub(place.x)),
                ..place
            };
            cell::put(buffer, both, title, style, theme);
        } else {
            cell::put(buffer, place, title, style, theme);
        }
    }
}

fn row(app: &App, job: &View, buffer: &mut Buffer, at: Rect, laid: &[(Column, u16)], theme: Theme) {
    let chosen = app.rows.cursor() == Some(job.id);
    if chosen {
        buffer.set_style(at, theme.chosen());
    }
    for (column, place) in places(at, laid) {
        if column == Column::Bar {
            progress(job, buffer, place, theme);
            continue;
        }
        let (text, style) = content(app, job, column, theme);
        // In the chosen row reverse says enough; colours on it would be hard to read.
        let style = if chosen { theme.chosen() } else { style };
        if is_right(column) {
            cell::put_right(buffer, place, &text, style, theme);
        } else {
            cell::put(buffer, place, &text, style, theme);
        }
    }
}

fn progress(job: &View, buffer: &mut Buffer, place: Rect, theme: Theme) {
    let style = if job.stalled_since.is_some() {
        theme.warning()
    } else {
        theme.status(job.status)
    };
    let [done, open] = bar::spans(words::progress(job), place.width.into(), style, theme);
    // Reverse would turn the bar inside out: it stays as it is in the chosen row.
    buffer.set_style(place, Style::new().remove_modifier(Modifier::REVERSED));
    let (x, _) = buffer.set_span(place.x, place.y, &done, place.width);
    buffer.set_span(x, place.y, &open, place.right().saturating_sub(x));
}

fn content(app: &App, job: &View, column: Column, theme: Theme) -> (String, Style) {
    let plain = Style::new();
    match column {
        Column::Status => {
            let text = format!(
                "{} {}",
                theme.glyph(job.status),
                words::status(app, job, theme)
            );
            (text, theme.status(job.status))
        }
        Column::Glyph => (theme.glyph(job.status).to_owned(), theme.status(job.status)),
        Column::Name => (job.name.to_string(), plain),
        Column::Owner => (job.user_id.to_string(), plain),
        Column::Step => (job.step_name().to_owned(), plain),
        Column::StepNumber => {
            let all = job.steps.len();
            let current = (job.current_step as usize + 1).min(all);
            (format!("{current}/{all}"), plain)
        }
        Column::Bar => (String::new(), plain),
        Column::Percent => (format::percent(words::progress(job)), plain),
        Column::Rate => (words::rate(job).unwrap_or_default(), plain),
        Column::Eta => {
            let style = if job.stalled_since.is_some() {
                theme.warning()
            } else {
                plain
            };
            (words::eta(app, job, theme), style)
        }
        Column::Age => (
            format::age(app.clock().ms_since(job.created_at)),
            theme.faint(),
        ),
    }
}

const fn is_right(column: Column) -> bool {
    matches!(column, Column::Percent | Column::Rate | Column::Age)
}

/// Where each column is drawn in a line.
fn places(at: Rect, laid: &[(Column, u16)]) -> impl Iterator<Item = (Column, Rect)> {
    let mut x = at.x;
    laid.iter().map(move |(column, width)| {
        let place = Rect {
            x,
            width: (*width).min(at.right().saturating_sub(x)),
            ..at
        };
        x = x
            .saturating_add(width + gap(*column, at.width))
            .min(at.right());
        (*column, place)
    })
}
