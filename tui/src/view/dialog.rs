//! The question before a job is cancelled. It names the job; No is the default.
//!
//! ```text
//! ╭ Cancel this job? ────────────────────────╮
//! │ orders-2026-11.csv                       │
//! │ csv_processing of analyst1               │
//! │ running, 41.7% done, 12m old             │
//! │                                          │
//! │ Its program is ended; …                  │
//! │                                          │
//! │ y cancel it     No (Esc, Enter)          │
//! ╰──────────────────────────────────────────╯
//! ```

use jobtop_core::proto::view::View;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::theme::Theme;
use super::{cell, format, words};
use crate::app::App;
use crate::app::confirm::Question;

pub(super) fn draw(app: &App, question: &Question, frame: &mut Frame<'_>, theme: Theme) {
    let jobs: Vec<&View> = (question.ids.iter())
        .filter_map(|id| app.hosts.get(*id))
        .collect();
    let area = frame.area();
    let width = 54.min(area.width);
    let inner = usize::from(width).saturating_sub(4);
    let mut lines = match jobs.as_slice() {
        [] => return,
        [job] => one(app, job, inner, theme),
        jobs => several(jobs, inner, theme),
    };
    let yes = match (jobs.len(), question.said) {
        (1, _) => " cancel it    ".to_owned(),
        (count, true) => format!(" again: all {count}    "),
        (count, false) => format!(" cancel {count} jobs    "),
    };
    lines.extend([
        Line::raw(""),
        Line::from(vec![
            Span::styled("y", theme.key()),
            Span::raw(yes),
            Span::styled(" No (Esc, Enter) ", theme.chosen()),
        ]),
    ]);
    if area.height >= 14 {
        lines.insert(3, Line::raw(""));
        let warning = if jobs.len() == 1 {
            "Its program is ended; unfinished work is lost."
        } else {
            "Their programs are ended; unfinished work is lost."
        };
        for (nth, line) in cell::wrap(warning, inner).into_iter().enumerate() {
            lines.insert(4 + nth, Line::styled(line, theme.warning()));
        }
    }
    let height = (lines.len() as u16 + 2).min(area.height);
    let at = centred(area, width, height);
    let block = Block::bordered()
        .border_set(theme.border())
        .border_style(theme.warning())
        .title(if jobs.len() == 1 {
            " Cancel this job? "
        } else {
            " Cancel these jobs? "
        })
        .title_style(theme.title())
        .padding(ratatui::widgets::Padding::horizontal(1));
    frame.render_widget(Clear, at);
    frame.render_widget(Paragraph::new(lines).style(Style::new()).block(block), at);
}

fn one(app: &App, job: &View, inner: usize, theme: Theme) -> Vec<Line<'static>> {
    let age = format::age(app.clock_of(job).ms_since(job.created_at));
    let percent = format::percent(words::progress(job));
    let state = words::status(app, job, theme);
    vec![
        Line::styled(cell::fit(&job.name, inner, theme), theme.title()),
        Line::raw(cell::fit(
            &format!("{} of {}", job.job_type, job.user_id),
            inner,
            theme,
        )),
        Line::raw(format!("{state}, {percent} done, {age} old")),
    ]
}

/// The first of them by name, and how many there are beside.
fn several(jobs: &[&View], inner: usize, theme: Theme) -> Vec<Line<'static>> {
    const NAMED: usize = 2;
    let mut lines: Vec<_> = jobs
        .iter()
        .take(NAMED)
        .map(|job| Line::styled(cell::fit(&job.name, inner, theme), theme.title()))
        .collect();
    lines.push(Line::raw(match jobs.len() - NAMED {
        0 => String::new(),
        more => format!("and {more} more"),
    }));
    lines
}

/// A place of that size in the middle.
pub(super) fn centred(area: Rect, width: u16, height: u16) -> Rect {
    Rect {
        x: area.x + (area.width.saturating_sub(width)) / 2,
        y: area.y + (area.height.saturating_sub(height)) / 2,
        width: width.min(area.width),
        height: height.min(area.height),
    }
}
