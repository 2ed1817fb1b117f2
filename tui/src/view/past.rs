//! The jobs that have ended.
//!
//! ```text
//! STATUS        NAME                      ENDED     TOOK      TYPE            ERROR
//! ✗ failed      orders-2026-11.csv        3h 05m    2m 10s    csv_processing  row 7: timeout
//! ✓ completed   returns.csv               1d 2h     41s       csv_processing
//! ```

use jobtop_core::proto::view::View;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::theme::Theme;
use super::{cell, format, plot};
use crate::app::App;
use crate::app::past::Standing;

/// A column: its title, its least and its greatest width, and from which width of the whole list on it is there.
struct Column {
    title: &'static str,
    least: u16,
    most: u16,
    from: u16,
    text: fn(&App, &View, Theme) -> (String, Style),
}

const COLUMNS: [Column; 7] = [
    Column {
        title: "STATUS",
        least: 13,
        most: 13,
        from: 48,
        text: |_, job, theme| {
            let text = format!("{} {}", theme.glyph(job.status), job.status.word());
            (text, theme.status(job.status))
        },
    },
    Column {
        title: "NAME",
        least: 18,
        most: 40,
        from: 0,
        text: |_, job, _| (job.name.to_string(), Style::new()),
    },
    Column {
        title: "ENDED",
        least: 8,
        most: 8,
        from: 30,
        text: |app, job, _| {
            let at = job.finished_at.unwrap_or(job.updated_at);
            (format::age(app.clock().ms_since(at)), Style::new())
        },
    },
    Column {
        title: "TOOK",
        least: 8,
        most: 8,
        from: 58,
        text: |_, job, _| {
            let took = plot::took((job.metrics.active_seconds * 1_000.0).max(0.0));
            (took, Style::new())
        },
    },
    Column {
        title: "TYPE",
        least: 14,
        most: 20,
        from: 100,
        text: |_, job, theme| (job.job_type.to_string(), theme.faint()),
    },
    Column {
        title: "OWNER",
        least: 9,
        most: 14,
        from: 118,
        text: |_, job, theme| (job.user_id.to_string(), theme.faint()),
    },
    Column {
        title: "ERROR",
        least: 16,
        most: u16::MAX,
        from: 76,
        text: |_, job, theme| {
            let text = job.error.as_deref().unwrap_or_default();
            (text.to_owned(), theme.bad())
        },
    },
];

/// Draws them; returns how many rows there is room for.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) -> usize {
    let rows = usize::from(area.height.saturating_sub(1));
    if let Some(words) = instead(app, theme) {
        for (nth, text) in cell::wrap(&words, area.width.into()).iter().enumerate() {
            let at = cell::line(area, nth as u16 + 1);
            cell::put(buffer, at, text, theme.faint(), theme);
        }
        return rows;
    }
    let laid = laid(area.width);
    let titles = laid
        .iter()
        .map(|(column, _)| (column.title.to_owned(), theme.faint()));
    put(buffer, cell::line(area, 0), &laid, titles, None, theme);
    let first = app.past.first(rows);
    for (nth, job) in app.past.jobs.iter().skip(first).take(rows).enumerate() {
        let at = cell::line(area, nth as u16 + 1);
        let chosen = (first + nth == app.past.index()).then(|| theme.chosen());
        let texts = laid
            .iter()
            .map(|(column, _)| (column.text)(app, job, theme));
        put(buffer, at, &laid, texts, chosen, theme);
    }
    rows
}

fn put(
    buffer: &mut Buffer,
    at: Rect,
    laid: &[(&Column, u16)],
    texts: impl Iterator<Item = (String, Style)>,
    chosen: Option<Style>,
    theme: Theme,
) {
    if let Some(style) = chosen {
        buffer.set_style(at, style);
    }
    let mut x = at.x;
    for ((_, width), (text, style)) in laid.iter().zip(texts) {
        let place = Rect {
            x,
            width: (*width).min(at.right().saturating_sub(x)),
            ..at
        };
        cell::put(buffer, place, &text, chosen.unwrap_or(style), theme);
        x = x.saturating_add(width + 1).min(at.right());
    }
}

/// The columns at a width.
fn laid(width: u16) -> Vec<(&'static Column, u16)> {
    let mut laid: Vec<(&Column, u16)> = (COLUMNS.iter())
        .filter(|column| width >= column.from)
        .map(|column| (column, column.least))
        .collect();
    let taken: u16 = laid.iter().map(|(_, width)| width + 1).sum();
    let mut left = (width + 1).saturating_sub(taken);
    // The last one takes what the others can't use.
    for (column, width) in &mut laid {
        let share = if column.most == u16::MAX {
            left
        } else {
            left / 2
        };
        let more = share.min(column.most - *width);
        *width += more;
        left -= more;
    }
    if let [(_, name)] = laid.as_mut_slice() {
        *name = width;
    }
    laid
}

/// What stands where there are no jobs.
fn instead(app: &App, theme: Theme) -> Option<String> {
    if !app.past.jobs.is_empty() {
        return None;
    }
    Some(match &app.past.standing {
        Standing::Refused(words) => words.clone(),
        Standing::Asked => format!("Looking{}", theme.ellipsis()),
        Standing::There if app.past.text.is_empty() => {
            "No job has ended yet. What ends is kept for 30 days, unless the daemon is told otherwise.".to_owned()
        }
        Standing::There => {
            "No finished job passes the filter. Esc clears it, / changes it.".to_owned()
        }
    })
}

/// Whose jobs these are, for the line below the header.
pub(super) fn title(app: &App) -> String {
    let of = super::of_daemon(app);
    format!("history{of}: jobs that have ended, {}", app.past.order())
}

/// How many there are, for the line above the footer.
pub(super) fn count(app: &App) -> String {
    let unread = match app.past.indexed_from {
        Some(from) => format!(
            "what ended before {} is still being read, ",
            format::moment(from, app.clock(), &app.settings.zone)
        ),
        None => String::new(),
    };
    let jobs = app.past.jobs.len();
    if jobs == 0 {
        return unread.trim_end_matches(", ").to_owned();
    }
    let more = if app.past.has_more() { "+" } else { "" };
    format!("{unread}{} of {jobs}{more}", app.past.index() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_at_every_width() {
        for width in 1..=300_u16 {
            let laid = laid(width);
            let all: u16 = laid.iter().map(|(_, width)| width + 1).sum();
            assert!(all <= width + 1 || laid.len() == 1, "{width}");
        }
    }
}
