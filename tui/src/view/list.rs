//! The list of jobs.
//!
//! ```text
//! STATUS        NAME                STEP             PROGRESS              RATE      ETA       AGE
//! ▶ running     orders-2026-11.csv  Processing data  ████████▌░░░░  41.7%  4.0k/s    3m 20s    12m
//! Ⅱ pausing…    returns.csv         Applying mappi…  ██░░░░░░░░░░░  17.0%  210/s     paused    3m
//! ```

use jobtop_core::Status;
use jobtop_core::proto::view::View;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::columns::{Column, columns, gap};
use super::theme::Theme;
use super::{bar, cell, empty, format, words};
use crate::app::App;
use crate::app::rows::{Head, Line};

/// Draws the list; returns how many rows there is room for.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) -> usize {
    let rows = usize::from(area.height.saturating_sub(1));
    if app.rows.order().is_empty() {
        empty::draw(app, buffer, area, theme);
        return rows;
    }
    let laid = columns(area.width, &app.arrangement, app.hosts.are_several());
    heads(app, buffer, cell::line(area, 0), &laid, theme);
    let first = app.rows.first(rows);
    for (nth, line) in app.rows.lines(first).take(rows).enumerate() {
        let at = cell::line(area, nth as u16 + 1);
        match line {
            Line::Head(head) => group(app, head, buffer, at, &laid, theme),
            Line::Job(id) => {
                if let Some(job) = app.hosts.get(id) {
                    row(app, job, buffer, at, &laid, theme);
                }
            }
        }
    }
    rows
}

/// The head of a group: what its jobs have in common, how many there are, how far they are together, and when the last of
/// those that run is done.
fn group(
    app: &App,
    head: &Head,
    buffer: &mut Buffer,
    at: Rect,
    laid: &[(Column, u16)],
    theme: Theme,
) {
    let jobs = app.rows.order().get(head.jobs.clone()).unwrap_or_default();
    let jobs: Vec<&View> = jobs.iter().filter_map(|id| app.hosts.get(*id)).collect();
    let runs = jobs.iter().filter(|job| job.status == Status::Running);
    let running = runs.clone().count();
    let done = jobs.iter().map(|job| words::progress(job)).sum::<f64>() / jobs.len().max(1) as f64;
    let last = runs.filter_map(|job| words::remaining(app, job)).max();
    let dot = theme.dot();
    let count = if jobs.len() == 1 {
        "1 job".to_owned()
    } else {
        format!("{} jobs", jobs.len())
    };
    let mark = theme.pick("▾", "v");
    let mut text = format!("{mark} {}{dot}{count}", theme.text(&head.name));
    if running > 0 {
        text = format!("{text}{dot}{running} running");
    }
    let style = theme.title();
    let bar_at = places(at, laid).find(|(column, _)| *column == Column::Bar);
    let room = bar_at.map_or(at.width, |(_, place)| place.x.saturating_sub(at.x + 1));
    let title = Rect { width: room, ..at };
    cell::put(buffer, title, &text, style, theme);
    for (column, place) in places(at, laid).filter(|(_, place)| place.x >= at.x + room) {
        match column {
            Column::Bar => {
                let [full, open] = bar::spans(done, place.width.into(), style, theme);
                let (x, _) = buffer.set_span(place.x, place.y, &full, place.width);
                buffer.set_span(x, place.y, &open, place.right().saturating_sub(x));
            }
            Column::Percent => {
                cell::put_right(buffer, place, &format::percent(done), style, theme);
            }
            Column::Eta => {
                let text = last.map(format::to_go).unwrap_or_default();
                cell::put(buffer, place, &text, style, theme);
            }
            _ => {}
        }
    }
}

fn heads(app: &App, buffer: &mut Buffer, at: Rect, laid: &[(Column, u16)], theme: Theme) {
    for (column, place) in places(at, laid) {
        let title = match column {
            Column::Status => "STATUS",
            Column::Glyph | Column::Percent => "",
            Column::Name => "NAME",
            Column::Owner => "OWNER",
            Column::Queue => "QUEUE",
            Column::Host => "HOST",
            Column::Errors => "ERRORS",
            Column::Step | Column::StepNumber => "STEP",
            Column::Bar => "PROGRESS",
            Column::Rate => "RATE",
            Column::Eta => "ETA",
            Column::Age => "AGE",
        };
        // What it is sorted by stands out.
        let sorts = !title.is_empty() && app.arrangement.is_sorted_by(column.of());
        let style = if sorts { theme.title() } else { theme.faint() };
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
    // Its daemon is away: what is seen of it is old.
    if app.hosts.are_several() && app.hosts.is_stale(job.id) {
        buffer.set_style(at, Style::new().add_modifier(Modifier::DIM));
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
        Column::Name => {
            let mark = match (app.marks.has(job.id), app.marks.watches(job.id)) {
                (true, _) => theme.pick("◆ ", "* "),
                (false, true) => theme.pick("♪ ", "& "),
                (false, false) => "",
            };
            (format!("{mark}{}", job.name), plain)
        }
        Column::Owner => (job.user_id.to_string(), plain),
        Column::Queue => (job.queue.to_string(), plain),
        Column::Host => (job.host.as_deref().unwrap_or_default().to_owned(), plain),
        Column::Errors => match job.metrics.error_count {
            0 => (String::new(), plain),
            count => (format::count(count), theme.bad()),
        },
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
            format::age(app.clock_of(job).ms_since(job.created_at)),
            theme.faint(),
        ),
    }
}

const fn is_right(column: Column) -> bool {
    matches!(
        column,
        Column::Percent | Column::Rate | Column::Errors | Column::Age
    )
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
