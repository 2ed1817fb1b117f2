//! The alerts: what is wrong, since when, and what to do about the chosen one.
//!
//! ```text
//! STATE   SINCE     WHAT
//! active  3m        51 jobs wait in the queue default
//! known   2h        3 of 24 csv_processing jobs failed within 15 min (12.5 %)
//!
//! Give the queue more slots: jobtop queue set NAME --slots N, …
//! ```

use jobtop_core::alert::Alert;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::theme::Theme;
use super::{cell, format};
use crate::app::{App, alarms};

/// Lines that the chosen one takes below the list.
const BELOW: u16 = 5;

/// Draws the list and the chosen one; returns how many rows there is room for.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) -> usize {
    let listed = alarms::listed(app);
    if listed.is_empty() {
        let text = "Nothing is wrong.";
        cell::put(buffer, cell::line(area, 0), text, theme.good(), theme);
        return usize::from(area.height);
    }
    let rows = area.height.saturating_sub(1 + BELOW).max(1);
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
    if let Some((_, alert)) = listed.get(app.alarm_at) {
        let top = rows + 2;
        for (nth, (text, style)) in about(app, alert, area.width.into(), theme)
            .iter()
            .enumerate()
        {
            let line = top + nth as u16;
            if line < area.height {
                cell::put(buffer, cell::line(area, line), text, *style, theme);
            }
        }
    }
    usize::from(rows)
}

fn state(alert: &Alert, now: jobtop_core::Timestamp, theme: Theme) -> (&'static str, Style) {
    match () {
        () if !alert.is_active() => ("over", theme.faint()),
        () if alert.acknowledged_by.is_some() => ("known", Style::new()),
        () if !alert.disturbs(now) => ("muted", Style::new()),
        () => ("active", theme.bad()),
    }
}

/// What to do about an alert, and whom it concerns.
fn about(app: &App, alert: &Alert, width: usize, theme: Theme) -> Vec<(String, Style)> {
    let mut lines: Vec<(String, Style)> = cell::wrap(&theme.text(&alert.suggestion), width)
        .into_iter()
        .map(|line| (line, theme.title()))
        .collect();
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
