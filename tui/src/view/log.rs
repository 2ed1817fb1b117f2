//! A job's log.
//!
//! ```text
//! sh · what it wrote                                              ▶ running
//! reading part 7
//! reading part 8
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::theme::Theme;
use super::{cell, format, words};
use crate::app::App;
use crate::app::log::{Log, Standing};

/// Draws the log; returns how many lines it has and how many were seen.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) -> (usize, usize) {
    let Some(log) = &app.log else { return (0, 0) };
    title(app, log, buffer, cell::line(area, 0), theme);
    let body = Rect {
        y: area.y + 1.min(area.height),
        height: area.height.saturating_sub(1),
        ..area
    };
    let room = usize::from(body.height);
    if let Some(words) = instead(log) {
        let width = usize::from(body.width);
        for (nth, text) in cell::wrap(&theme.text(&words), width)
            .iter()
            .take(room)
            .enumerate()
        {
            cell::put(
                buffer,
                cell::line(body, nth as u16),
                text,
                theme.faint(),
                theme,
            );
        }
        return (0, room);
    }
    for (nth, line) in log.seen(room).1.enumerate() {
        let line = theme.text(line);
        cell::put(
            buffer,
            cell::line(body, nth as u16),
            &line,
            Style::new(),
            theme,
        );
    }
    (log.length(), room)
}

/// Where the eye is, for the line above the footer.
pub(super) fn place(log: &Log, room: usize) -> String {
    let length = log.length();
    if length == 0 {
        return String::new();
    }
    let (top, _) = log.seen(room);
    let count = |n: usize| format::count(n as u64);
    let lines = format!(
        "lines {} to {} of {}",
        count(top + 1),
        count((top + room).min(length)),
        count(length)
    );
    let standing = match (&log.standing, log.top) {
        (Standing::Away, _) => ", the daemon is away",
        (Standing::Ended, _) => ", nothing more will come",
        (_, None) => ", more follows as it is written",
        (_, Some(_)) => ", G goes on to the end",
    };
    lines + standing
}

fn title(app: &App, log: &Log, buffer: &mut Buffer, at: Rect, theme: Theme) {
    let Some(job) = app.job(log.job) else {
        cell::put(
            buffer,
            at,
            "the log of a job that is in the list no more",
            theme.title(),
            theme,
        );
        return;
    };
    let standing = format!(
        "{} {}",
        theme.glyph(job.status),
        words::status(app, job, theme)
    );
    let taken = cell::put_right(buffer, at, &standing, theme.status(job.status), theme);
    let left = Rect {
        width: at.width.saturating_sub(taken + 1),
        ..at
    };
    let name = format!("{} {} what it wrote", job.name, theme.dot());
    cell::put(buffer, left, &theme.text(&name), theme.title(), theme);
}

/// What stands where there are no lines.
fn instead(log: &Log) -> Option<String> {
    if log.length() > 0 {
        return None;
    }
    Some(match &log.standing {
        Standing::Refused(words) => words.clone(),
        Standing::Ended => "It wrote nothing.".to_owned(),
        Standing::Asked => "Reading…".to_owned(),
        Standing::Followed => "It has written nothing yet.".to_owned(),
        Standing::Away => "The daemon is away; the log comes when it is back.".to_owned(),
    })
}
