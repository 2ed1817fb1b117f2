//! Everything about the chosen job. Two columns where there is room.
//!
//! ```text
//! orders-2026-11.csv                                              ▶ running
//! csv_processing · analyst1 · etl1 · #nightly
//! █████████████████████▌░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  41.7%
//! 3m 20s to go, done about 14:32:05 · part 7 of 12
//!
//! STEPS                          FIGURES
//! ✓ Validating file              items     50,040 of 120,000
//! ✓ Processing headers           rate      4.0k/s
//! ▶ Processing data              errors    3 (0.006 %)
//!   Validating results           health    excellent
//!   Completing                   worked    12s, paused 0s
//! ```

use jobtop_core::Status;
use jobtop_core::proto::view::View;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Padding, Widget};

use super::theme::Theme;
use super::{bar, cell, format, words};
use crate::app::{App, Screen};

mod figures;
mod trouble;

/// From this width on steps and figures stand side by side.
const TWO_COLUMNS_FROM: usize = 76;

/// Draws the detail; returns how many lines it has and how many were seen.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) -> (usize, usize) {
    let inner = frame(app, buffer, area, theme);
    let Some(job) = app.chosen() else {
        cell::put(buffer, inner, "No job is chosen.", theme.faint(), theme);
        return (0, usize::from(inner.height));
    };
    let lines = lines(app, job, inner.width.into(), theme);
    let seen = usize::from(inner.height);
    let scroll = match app.screen {
        Screen::Detail(scroll) => scroll.min(lines.len().saturating_sub(seen)),
        _ => 0,
    };
    for (nth, line) in lines.iter().skip(scroll).take(seen).enumerate() {
        buffer.set_line(inner.x, inner.y + nth as u16, line, inner.width);
    }
    (lines.len(), seen)
}

/// The line between list and detail; returns what is left.
fn frame(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) -> Rect {
    let block = match app.screen {
        Screen::Detail(_) => Block::new(),
        Screen::List | Screen::Past if area.x > 0 => Block::new()
            .borders(Borders::LEFT)
            .padding(Padding::horizontal(1)),
        _ => Block::new().borders(Borders::TOP),
    };
    let block = block.border_set(theme.border()).border_style(theme.faint());
    let inner = block.inner(area);
    block.render(area, buffer);
    inner
}

fn lines(app: &App, job: &View, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = head(app, job, width, theme);
    lines.extend(trouble::lines(app, job, width, theme));
    lines.push(Line::raw(""));
    if width >= TWO_COLUMNS_FROM {
        let left = (width * 2 / 5).min(44);
        let steps = steps(app, job, left - 2, theme);
        let figures = figures::lines(app, job, width - left, theme);
        lines.extend(beside(steps, &figures, left));
    } else {
        lines.extend(steps(app, job, width.min(44), theme));
        lines.push(Line::raw(""));
        lines.extend(figures::lines(app, job, width, theme));
    }
    let output = trouble::output(job, width, theme);
    if output.is_empty() {
        lines.extend(log(app, job, width, theme));
    }
    lines.extend(output);
    lines
}

/// The end of its log, as far as it is read.
fn log(app: &App, job: &View, width: usize, theme: Theme) -> Vec<Line<'static>> {
    const SEEN: usize = 8;
    let Some(log) = app
        .log
        .as_ref()
        .filter(|log| log.job == job.id && log.length() > 0)
    else {
        return Vec::new();
    };
    let mut lines = vec![
        Line::raw(""),
        Line::styled("LOG  its end; L shows all of it", theme.faint()),
    ];
    let first = log.length().saturating_sub(SEEN);
    let open = (!log.open.is_empty()).then_some(log.open.as_str());
    let all = log.lines.iter().map(String::as_str).chain(open);
    lines.extend(
        all.skip(first)
            .map(|line| Line::raw(cell::fit(line, width, theme))),
    );
    lines
}

fn head(app: &App, job: &View, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let status = format!(
        "{} {}",
        theme.glyph(job.status),
        words::status(app, job, theme)
    );
    let room = width.saturating_sub(cell::width(&status) + 2);
    let name = cell::fit(&job.name, room, theme);
    let gap = width.saturating_sub(cell::width(&name) + cell::width(&status));
    let progress = words::progress(job);
    let percent = format::percent(progress);
    let wide = width.saturating_sub(8).min(72);
    let [done, open] = bar::spans(progress, wide, theme.status(job.status), theme);
    let mut lines = vec![
        Line::from(vec![
            Span::styled(name, theme.title()),
            Span::raw(" ".repeat(gap)),
            Span::styled(status, theme.status(job.status)),
        ]),
        Line::styled(cell::fit(&facts(job, theme), width, theme), theme.faint()),
        Line::from(vec![done, open, Span::raw(format!("  {percent}"))]),
    ];
    let said = job.message.as_deref().filter(|said| !said.is_empty());
    let when = Some(when(app, job, theme)).filter(|_| job.control.is_none());
    let now: Vec<_> = when.as_deref().into_iter().chain(said).collect();
    let now = now.join(theme.dot());
    for line in cell::wrap(&theme.text(&now), width).into_iter().take(3) {
        lines.push(Line::raw(line));
    }
    lines
}

/// Whose it is and where it is done.
fn facts(job: &View, theme: Theme) -> String {
    let mut facts = vec![job.job_type.to_string(), job.user_id.to_string()];
    if let Some(host) = &job.host {
        facts.push(host.to_string());
    }
    if &*job.queue != "default" {
        facts.push(format!("queue {}", job.queue));
    }
    if job.priority != 0 {
        facts.push(format!("priority {}", job.priority));
    }
    facts.extend(job.tags.iter().map(|tag| format!("#{tag}")));
    facts.join(theme.dot())
}

/// When it will be done, in a sentence.
fn when(app: &App, job: &View, theme: Theme) -> String {
    let short = words::eta(app, job, theme);
    let stalled = job.stalled_since.is_some();
    match job.status {
        Status::Pending => "waiting for somebody to work on it".to_owned(),
        Status::Running | Status::Paused if stalled => {
            format!("{short}: nothing is heard of the program that does it")
        }
        Status::Running => match (words::remaining(app, job), job.metrics.estimated_completion) {
            (Some(0), _) => "done any moment".to_owned(),
            (Some(_), Some(at)) => {
                let at = format::moment(at, app.clock_of(job), &app.settings.zone);
                let range =
                    words::range(app, job).map_or_else(String::new, |range| format!(" ({range})"));
                format!("{short} to go{range}, done about {at}")
            }
            _ => "no idea yet when it will be done".to_owned(),
        },
        Status::Paused => "paused: no time runs".to_owned(),
        Status::Completed => short,
        Status::Failed => format!("failed {short}"),
        Status::Cancelled => format!("cancelled {short}"),
    }
}

/// The steps, each with the time that was worked on it.
fn steps(app: &App, job: &View, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let current = job.current_step as usize;
    let count = job.steps.len();
    let mut lines = vec![Line::styled(
        format!("STEPS  {} of {count}", (current + 1).min(count)),
        theme.faint(),
    )];
    for (nth, step) in job.steps.iter().enumerate() {
        let (mark, style) = match (nth.cmp(&current), job.status) {
            (std::cmp::Ordering::Less, _) | (_, Status::Completed) => {
                (theme.glyph(Status::Completed), theme.good())
            }
            (std::cmp::Ordering::Equal, Status::Pending) | (std::cmp::Ordering::Greater, _) => {
                (theme.pick("·", "."), theme.faint())
            }
            (std::cmp::Ordering::Equal, status) => (theme.glyph(status), theme.status(status)),
        };
        let text = match nth.cmp(&current) {
            std::cmp::Ordering::Equal => theme.title(),
            std::cmp::Ordering::Less => Style::new(),
            std::cmp::Ordering::Greater => theme.faint(),
        };
        let took = step_time(app, job, nth).unwrap_or_default();
        let room = width.saturating_sub(2 + cell::width(&took) + usize::from(!took.is_empty()));
        let name = cell::fit(step, room, theme);
        let gap = width.saturating_sub(2 + cell::width(&name) + cell::width(&took));
        lines.push(Line::from(vec![
            Span::styled(format!("{mark} "), style),
            Span::styled(name, text),
            Span::styled(format!("{:gap$}{took}", ""), theme.faint()),
        ]));
    }
    lines
}

/// How long a step was worked on, or has been so far; nothing where that is not known.
fn step_time(app: &App, job: &View, step: usize) -> Option<String> {
    let left = job.step_seconds.get(step).copied().unwrap_or(0.0);
    let is_now = step == job.current_step as usize && !job.status.is_final();
    let now = if is_now && job.metrics.start_time.is_some() {
        job.in_step(app.active_ms(job) as f64 / 1_000.0)
    } else {
        0.0
    };
    let all = left + now;
    (all > 0.0).then(|| format::duration((all * 1_000.0) as u64))
}

/// Two blocks of lines side by side, the second beginning at column `left`.
fn beside(first: Vec<Line<'static>>, second: &[Line<'static>], left: usize) -> Vec<Line<'static>> {
    let count = first.len().max(second.len());
    let mut first = first.into_iter();
    (0..count)
        .map(|nth| {
            let mut line = first.next().unwrap_or_default();
            let gap = left.saturating_sub(line.width());
            line.spans.push(Span::raw(" ".repeat(gap)));
            if let Some(other) = second.get(nth) {
                line.spans.extend(
                    other.spans.iter().map(|span| {
                        Span::styled(span.content.clone(), other.style.patch(span.style))
                    }),
                );
            }
            line
        })
        .collect()
}
