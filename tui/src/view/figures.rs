//! Figures about the jobs that have ended: groups with bars, the days as sparklines, what goes wrong.
//!
//! ```text
//! TYPE              JOBS  SUCCESS            FAILED  MEDIAN     P90     P99  RATE    SLOWEST STEP
//! csv_processing      90  97.8% ███████████▊      2     40s  1m 10s  2m 05s  4.0k/s  Processing data 32s
//!
//! DAY BY DAY  2026-11-01 to 2026-11-27
//! jobs    ▂▃▁▅▇█▂  at most 12 a day
//!
//! WHAT WENT WRONG
//!    2  row # of <path>: timeout
//! ```

use std::fmt::Write;

use jobtop_core::proto::history::{Group, GroupBy};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::theme::Theme;
use super::{bar, cell, format, plot};
use crate::app::App;
use crate::app::past::Standing;

/// How wide the bar of success is.
const BAR: usize = 12;

/// The lines of the page.
pub(super) fn lines(app: &App, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let figures = &app.figures;
    match &figures.standing {
        Standing::Refused(words) => return vec![Line::raw(cell::fit(words, width, theme))],
        Standing::Asked if figures.answer.groups.is_empty() => {
            return vec![Line::styled(
                format!("Counting{}", theme.ellipsis()),
                theme.faint(),
            )];
        }
        _ if figures.answer.groups.is_empty() => {
            return vec![Line::styled("No finished job to tell of.", theme.faint())];
        }
        _ => {}
    }
    let mut lines = groups(app, width, theme);
    lines.extend(days(app, width, theme));
    lines.extend(errors(app, width, theme));
    lines
}

/// Columns behind the name: title, width, and from which width of the page on.
const COLUMNS: [(&str, usize, usize); 7] = [
    ("JOBS", 9, 0),
    ("FAILED", 7, 64),
    ("MEDIAN", 8, 40),
    ("P90", 8, 76),
    ("P99", 8, 86),
    ("RATE", 8, 96),
    ("SLOWEST STEP", 0, 110),
];

fn groups(app: &App, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let shown: Vec<_> = COLUMNS
        .iter()
        .filter(|(_, _, from)| width >= *from)
        .collect();
    let fixed: usize = shown.iter().map(|(_, wide, _)| wide + 1).sum();
    let success = if width >= 52 { BAR + 8 } else { 7 };
    let slowest = if width >= 110 { 24 } else { 0 };
    let name = width
        .saturating_sub(fixed + success + slowest + 1)
        .clamp(8, 40);
    let title = match app.figures.by {
        GroupBy::Type => "TYPE",
        GroupBy::User => "USER",
        GroupBy::Name => "NAME",
        GroupBy::Day => "DAY",
    };
    let mut head = format!("{title:<name$} {:>9} {:<success$}", "JOBS", "SUCCESS");
    for (title, wide, _) in shown.iter().skip(1) {
        let _ = write!(head, " {title:>wide$}");
    }
    let mut lines = vec![Line::styled(head, theme.faint())];
    for group in &app.figures.answer.groups {
        lines.push(row(group, name, success, &shown, theme));
    }
    lines
}

fn row(
    group: &Group,
    name: usize,
    success: usize,
    shown: &[&(&str, usize, usize)],
    theme: Theme,
) -> Line<'static> {
    let plain = Style::new();
    let key = cell::fit(&group.key, name, theme);
    let pad = name.saturating_sub(cell::width(&key));
    let mut spans = vec![Span::raw(format!(
        "{key}{:pad$} {:>9} ",
        "",
        format::count(group.total)
    ))];
    let rate = group.success_rate.unwrap_or_default();
    let percent = group
        .success_rate
        .map_or_else(String::new, |rate| format::percent(rate * 100.0));
    spans.push(Span::raw(format!("{percent:>6} ")));
    if success > 7 {
        if group.success_rate.is_some() {
            let style = if rate < 0.9 {
                theme.bad()
            } else {
                theme.good()
            };
            spans.extend(bar::spans(rate * 100.0, BAR, style, theme));
        } else {
            spans.push(Span::raw(" ".repeat(BAR)));
        }
        spans.push(Span::raw(" "));
    }
    let took = |seconds: Option<f64>| seconds.map_or_else(String::new, |s| plot::took(s * 1_000.0));
    for (title, wide, _) in shown.iter().skip(1) {
        let (text, style) = match *title {
            "FAILED" if group.failed > 0 => (format::count(group.failed), theme.bad()),
            "FAILED" => (String::new(), plain),
            "MEDIAN" => (took(group.active_seconds.p50), plain),
            "P90" => (took(group.active_seconds.p90), plain),
            "P99" => (took(group.active_seconds.p99), plain),
            "RATE" => (
                group.items_per_second.map(format::rate).unwrap_or_default(),
                plain,
            ),
            _ => (slowest(group, theme), theme.faint()),
        };
        spans.push(Span::styled(format!(" {text:>wide$}"), style));
    }
    Line::from(spans)
}

fn slowest(group: &Group, theme: Theme) -> String {
    let step = group.steps.first().filter(|_| group.steps.len() > 1);
    step.map_or_else(String::new, |step| {
        format!(
            "{} {}",
            cell::fit(&step.name, 16, theme),
            plot::took(step.p50 * 1_000.0)
        )
    })
}

fn days(app: &App, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let Some((all, _, last)) = plot::without_gaps(&app.figures.days) else {
        return Vec::new();
    };
    if all.len() < 2 {
        return Vec::new();
    }
    // The newest days, as many as there is room for.
    let room = width.saturating_sub(34).max(10);
    let seen = &all[all.len().saturating_sub(room)..];
    let first = seen
        .iter()
        .flatten()
        .next()
        .map_or("", |group| group.key.as_str());
    let mut lines = vec![
        Line::raw(""),
        Line::styled(format!("DAY BY DAY  {first} to {last}"), theme.faint()),
    ];
    for (name, count, style) in [
        (
            "jobs",
            (|group| group.total) as fn(&Group) -> u64,
            theme.good(),
        ),
        ("failed", |group| group.failed, theme.bad()),
    ] {
        let counts: Vec<u64> = seen.iter().map(|group| group.map_or(0, count)).collect();
        let most = counts.iter().max().copied().unwrap_or(0);
        if most > 0 {
            lines.push(Line::from(vec![
                Span::raw(format!("{name:<8}")),
                Span::styled(plot::spark(&counts, most, theme.sparks()), style),
                Span::styled(
                    format!("  at most {} a day", format::count(most)),
                    theme.faint(),
                ),
            ]));
        }
    }
    lines
}

fn errors(app: &App, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let errors = &app.figures.answer.errors;
    if errors.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        Line::raw(""),
        Line::styled("WHAT WENT WRONG", theme.faint()),
    ];
    let room = width.saturating_sub(9);
    for error in errors {
        lines.push(Line::from(vec![
            Span::styled(format!("{:>7}  ", format::count(error.count)), theme.bad()),
            Span::raw(cell::fit(&error.pattern, room, theme)),
        ]));
        let ago = format::age(app.clock().ms_since(error.last_seen));
        let text = format!("last {ago} ago: {}", error.example);
        lines.push(Line::styled(
            format!("{:9}{}", "", cell::fit(&text, room, theme)),
            theme.faint(),
        ));
    }
    lines
}

/// What these are figures of, for the line below the header.
pub(super) fn title(app: &App) -> String {
    let by = app.figures.by.word();
    match super::of_daemon(app).as_str() {
        "" => format!("figures of jobs that have ended, by {by}"),
        of => format!("figures{of}: jobs that have ended, by {by}"),
    }
}
