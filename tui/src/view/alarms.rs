//! The alerts: what is wrong, since when, and what to do about the chosen one.
//!
//! ```text
//! STATE   SINCE     WHAT
//! active  3m        51 jobs wait in the queue default
//! known   2h        3 of 24 csv_processing jobs failed within 15 min (12.5 %)
//!
//! 51 jobs wait in the queue default
//! value 51, too much above 50
//! Give the queue more slots: jobtop queue set NAME --slots N, …
//! ```

use jobtop_core::Timestamp;
use jobtop_core::alert::{Alert, Rule};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::theme::Theme;
use super::{cell, format};
use crate::app::hosts::HostId;
use crate::app::{App, alarms};

/// Lines that are kept for the chosen one below the list, where there is room.
const BELOW: u16 = 7;
/// Rows that the list has before the chosen one takes more.
const LEAST: u16 = 3;

/// Draws the list and the chosen one; returns how many rows there is room for.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) -> usize {
    let listed = alarms::listed(app);
    if listed.is_empty() {
        let text = "Nothing is wrong.";
        cell::put(buffer, cell::line(area, 0), text, theme.good(), theme);
        return usize::from(area.height);
    }
    let about = listed.get(app.alarm_at).map_or_else(Vec::new, |chosen| {
        about(app, *chosen, area.width.into(), theme)
    });
    let (rows, top) = split(area.height, about.len() as u16);
    let head = format!("{:<8}{:<9}WHAT", "STATE", "SINCE");
    cell::put(buffer, cell::line(area, 0), &head, theme.faint(), theme);
    let first = app
        .alarm_at
        .saturating_sub(usize::from(rows).saturating_sub(1));
    for (nth, (host, alert)) in listed
        .iter()
        .skip(first)
        .take(usize::from(rows))
        .enumerate()
    {
        let at = cell::line(area, nth as u16 + 1);
        let host = app.hosts.at(*host);
        let now = host.link.by_daemon(app.now.wall);
        let (word, style) = state(alert, now, theme);
        let age = format::age(now.ms_since(alert.since));
        let of = if app.hosts.are_several() {
            format!("{}: ", theme.text(&host.place.name))
        } else {
            String::new()
        };
        let text = format!("{word:<8}{age:<9}{of}{}", theme.text(&alert.message));
        let is_chosen = first + nth == app.alarm_at;
        let style = if is_chosen { theme.chosen() } else { style };
        if is_chosen {
            buffer.set_style(at, theme.chosen());
        }
        cell::put(
            buffer,
            at,
            &cell::fit(&text, at.width.into(), theme),
            style,
            theme,
        );
    }
    for (nth, (text, style)) in about.iter().enumerate() {
        let line = top + nth as u16;
        if line < area.height {
            cell::put(buffer, cell::line(area, line), text, *style, theme);
        }
    }
    usize::from(rows)
}

/// How many rows the list has, and the line where the chosen one begins, which is shown whole if that is possible.
fn split(height: u16, about: u16) -> (u16, u16) {
    let room = height.saturating_sub(1);
    let rows = room.saturating_sub(BELOW.max(about + 1));
    let rows = if rows < LEAST {
        room.saturating_sub(about).clamp(1, LEAST)
    } else {
        rows
    };
    let blank = u16::from(1 + rows + 1 + about <= height);
    (rows, 1 + rows + blank)
}

fn state(alert: &Alert, now: Timestamp, theme: Theme) -> (&'static str, Style) {
    match () {
        () if !alert.is_active() => ("over", theme.faint()),
        () if alert.acknowledged_by.is_some() => ("known", Style::new()),
        () if !alert.disturbs(now) => ("muted", Style::new()),
        () => ("active", theme.bad()),
    }
}

/// An alert whole: what is the matter, how much it is, what to do about it, and whom it concerns.
fn about(
    app: &App,
    (host, alert): (HostId, &Alert),
    width: usize,
    theme: Theme,
) -> Vec<(String, Style)> {
    let now = app.hosts.at(host).link.by_daemon(app.now.wall);
    let wrapped = |text: &str, style: Style| {
        let lines = cell::wrap(&theme.text(text), width).into_iter();
        lines.map(move |line| (line, style))
    };
    let mut lines: Vec<(String, Style)> = wrapped(&alert.message, Style::new()).collect();
    if let Some(measure) = measure(alert) {
        lines.extend(wrapped(&measure, theme.faint()));
    }
    if let Some(until) = alert.muted_until.filter(|until| *until > now) {
        let until = format::moment(until, now, &app.settings.zone);
        lines.extend(wrapped(&format!("muted until {until}"), theme.faint()));
    }
    lines.extend(wrapped(&alert.suggestion, theme.title()));
    let names: Vec<String> = alert
        .jobs
        .iter()
        .filter_map(|job| app.hosts.get(*job))
        .map(|job| theme.text(&job.name).into_owned())
        .collect();
    if !names.is_empty() {
        let text = format!("jobs: {}", names.join(", "));
        lines.push((cell::fit(&text, width, theme), Style::new()));
    }
    if let Some(who) = &alert.acknowledged_by {
        lines.push((
            format!("known to {}", theme.text(who.as_str())),
            theme.faint(),
        ));
    }
    lines
}

/// What was measured, and what is too much; nothing where nothing is counted.
fn measure(alert: &Alert) -> Option<String> {
    let shown = |value: f64| (value * 1_000.0).round() / 1_000.0;
    let (value, threshold) = (shown(alert.value), shown(alert.threshold));
    match alert.rule {
        Rule::Store | Rule::Hooks => None,
        _ => Some(format!("value {value}, too much above {threshold}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_one_is_whole_where_that_is_possible() {
        for (height, about, rows, top) in [
            (20, 5, 12, 14),
            (20, 9, 9, 11),
            (12, 5, 4, 6),
            (8, 3, 3, 5),
            (8, 6, 1, 2),
            (8, 12, 1, 2),
            (1, 3, 1, 2),
            (0, 3, 1, 2),
        ] {
            assert_eq!(split(height, about), (rows, top), "{height} {about}");
        }
    }
}
