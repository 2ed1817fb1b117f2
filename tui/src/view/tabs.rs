//! The second line: how many jobs there are of each status, and which of them the list shows.
//!
//! ```text
//! all 340  … pending 2  ▶ running 5  Ⅱ paused 1  ✓ completed 312  ✗ failed 12  ⊘ cancelled 8   type csv_processing
//! ```

use jobtop_core::Status;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::theme::Theme;
use super::{cell, figures, past};
use crate::app::{App, Ground, Screen};

/// One tab: its text and how it looks.
type Tab = (String, Style);

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) {
    let title = match (app.screen, app.ground) {
        (Screen::Past, _) | (Screen::Detail(_) | Screen::Log, Ground::Past) => past::title(app),
        (Screen::Figures(_), _) => figures::title(app),
        (Screen::Alerts, _) => "alerts: what is wrong".to_owned(),
        (Screen::Daemon(_), _) if app.hosts.are_several() => {
            "the daemons and their stores".to_owned()
        }
        (Screen::Daemon(_), _) => "the daemon and its store".to_owned(),
        _ if app.hosts.is_empty() => return,
        _ => return statuses(app, buffer, area, theme),
    };
    cell::put(buffer, area, &title, theme.title(), theme);
}

fn statuses(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) {
    let kind = app.filters.job_type.as_ref();
    let kind = kind.map(|kind| format!("type {kind}"));
    let beside = kind.as_ref().map_or(0, |kind| cell::width(kind) + 3);
    let room = usize::from(area.width).saturating_sub(beside);
    let forms = [Form::Words, Form::Occurring, Form::Short, Form::Glyphs];
    let fits = |tabs: &Vec<Tab>| {
        let sum: usize = tabs.iter().map(|(text, _)| cell::width(text) + 2).sum();
        sum <= room + 2
    };
    let tabs = forms.map(|form| tabs(app, form, theme));
    let tabs = tabs.iter().find(|tabs| fits(tabs)).unwrap_or(&tabs[3]);
    let mut at = area;
    for (text, style) in tabs {
        let taken = cell::put(buffer, at, text, *style, theme);
        let step = (taken + 2).min(at.width);
        at.x += step;
        at.width -= step;
    }
    if let Some(kind) = kind {
        cell::put_right(buffer, at, &kind, theme.chosen(), theme);
    }
}

/// How much is said of each status.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Every status with its word.
    Words,
    /// Only those that occur, with their words.
    Occurring,
    /// Only those that occur, and words only for those that need somebody.
    Short,
    /// Glyphs alone.
    Glyphs,
}

fn tabs(app: &App, form: Form, theme: Theme) -> Vec<Tab> {
    let chosen = app.filters.status;
    let all = format!("all {}", app.hosts.len());
    let style = |is_chosen: bool, style: Style| {
        if is_chosen { theme.chosen() } else { style }
    };
    let mut tabs = vec![(
        all,
        style(chosen.is_none() && app.filters.is_set(), Style::new()),
    )];
    for (status, count) in Status::ALL.into_iter().zip(app.counts.by_status) {
        let glyph = theme.glyph(status);
        let is_chosen = chosen == Some(status);
        let base = if count == 0 {
            theme.faint()
        } else {
            theme.status(status)
        };
        let text = match form {
            Form::Words => format!("{glyph} {status} {count}"),
            _ if count == 0 && !is_chosen => continue,
            Form::Occurring => format!("{glyph} {status} {count}"),
            Form::Short
                if is_chosen || !matches!(status, Status::Completed | Status::Cancelled) =>
            {
                format!("{glyph} {status} {count}")
            }
            Form::Short | Form::Glyphs => format!("{glyph} {count}"),
        };
        tabs.push((text, style(is_chosen, base)));
    }
    tabs
}
