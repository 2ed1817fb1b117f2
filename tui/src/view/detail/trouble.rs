//! What went wrong with a job and what a person can do about it; and what its program said last.

use jobtop_core::proto::view::View;
use ratatui::style::Style;
use ratatui::text::Line;

use super::super::theme::Theme;
use super::super::{cell, format};
use crate::app::App;

/// The error, where there is one, or what the person should know about a running job.
pub(super) fn lines(app: &App, job: &View, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut say = |text: &str, style: Style| {
        for line in cell::wrap(&theme.text(text), width) {
            lines.push(Line::styled(line, style));
        }
    };
    if let Some(request) = job.control {
        let age = format::age(app.clock_of(job).ms_since(request.requested_at));
        let text = format!(
            "{} was asked {age} ago; the program that does the job has not said yet that it is done",
            request.action.word()
        );
        say(&text, theme.warning());
    }
    let Some(error) = &job.error else {
        return spaced(lines);
    };
    say(error, theme.bad());
    if let Some(detail) = &job.error_detail {
        let mut facts = Vec::new();
        if let Some(step) = &detail.step {
            facts.push(format!("in step {step}"));
        }
        if let Some(code) = detail.exit_code {
            facts.push(format!("exit code {code}"));
        }
        if let Some(signal) = detail.signal {
            facts.push(format!("signal {signal}"));
        }
        if &*detail.code != jobtop_core::job::failure::CODE_FAILED {
            facts.push(detail.code.to_string());
        }
        if !facts.is_empty() {
            say(&facts.join(theme.dot()), theme.faint());
        }
        if let Some(suggestion) = &detail.suggestion {
            say(&format!("What to do: {suggestion}"), theme.title());
        }
    }
    spaced(lines)
}

/// The last lines of its output.
pub(super) fn output(job: &View, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let last = job
        .error_detail
        .as_ref()
        .and_then(|detail| detail.last_lines.as_deref())
        .unwrap_or_default();
    if last.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        Line::raw(""),
        Line::styled("LAST LINES OF ITS OUTPUT", theme.faint()),
    ];
    for line in last {
        for part in cell::wrap(&theme.text(line), width) {
            lines.push(Line::raw(part));
        }
    }
    lines
}

/// A blank line before, if there is anything.
fn spaced(mut lines: Vec<Line<'static>>) -> Vec<Line<'static>> {
    if !lines.is_empty() {
        lines.insert(0, Line::raw(""));
    }
    lines
}
