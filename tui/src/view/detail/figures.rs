//! The figures of a job: one label and one value a line, and only those that say something.

use jobtop_core::proto::view::View;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::theme::Theme;
use super::super::{cell, format, plot, words};
use crate::app::App;

const LABEL: usize = 10;

pub(super) fn lines(app: &App, job: &View, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled("FIGURES", theme.faint())];
    let mut say = |label: &str, value: String, style: Style| {
        let value = cell::fit(&value, width.saturating_sub(LABEL), theme);
        lines.push(Line::from(vec![
            Span::styled(format!("{label:<LABEL$}"), theme.faint()),
            Span::styled(value, style),
        ]));
    };
    let plain = Style::new();
    let metrics = &job.metrics;
    if metrics.processed_items > 0 || metrics.total_items > 0 {
        let text = of(metrics.processed_items, metrics.total_items, format::count);
        say("items", text, plain);
    }
    if metrics.processed_bytes > 0 || metrics.total_bytes > 0 {
        let text = of(metrics.processed_bytes, metrics.total_bytes, format::bytes);
        say("bytes", text, plain);
    }
    if let Some(rate) = words::rate(job) {
        say("rate", rate, plain);
    }
    let lately = app.paces.of(job.id);
    let room = width.saturating_sub(LABEL).min(40);
    let lately = &lately[lately.len().saturating_sub(room)..];
    let most = lately.iter().max().copied().unwrap_or(0);
    if most > 0 && lately.len() > 1 {
        say(
            "lately",
            plot::spark(lately, most, theme.sparks()),
            theme.good(),
        );
    }
    if metrics.error_count > 0 {
        let share = metrics
            .error_rate
            .map_or(String::new(), |rate| format!(" ({})", share(rate)));
        let text = format!("{}{share}", format::count(metrics.error_count));
        say("errors", text, theme.bad());
    }
    if let Some(health) = job.health {
        say("health", health.word().to_owned(), theme.health(health));
    }
    let mut worked = format::duration(app.active_ms(job));
    if metrics.paused_seconds >= 1.0 {
        let paused = format::duration((metrics.paused_seconds * 1_000.0) as u64);
        worked = format!("{worked}, paused {paused}");
    }
    say("worked", worked, plain);
    let moment = |at| format::moment(at, app.clock_of(job), &app.settings.zone);
    say("created", moment(job.created_at), plain);
    if let Some(at) = metrics.start_time.filter(|at| *at != job.created_at) {
        say("started", moment(at), plain);
    }
    if let Some(at) = job.finished_at {
        say("ended", moment(at), plain);
    }
    if let Some(source) = &job.progress_source {
        say("percent", format!("from {source}"), plain);
    }
    if let Some(of) = job.retry_of {
        say("retry of", of.to_string(), plain);
    }
    say("id", job.id.to_string(), plain);
    lines
}

fn of(done: u64, total: u64, say: impl Fn(u64) -> String) -> String {
    if total > 0 {
        format!("{} of {}", say(done), say(total))
    } else {
        say(done)
    }
}

/// An error rate in percent, with as many decimals as it takes to be more than nothing.
fn share(rate: f64) -> String {
    let percent = rate * 100.0;
    if percent >= 1.0 {
        format!("{percent:.1}%")
    } else if percent >= 0.01 {
        format!("{percent:.2}%")
    } else {
        "<0.01%".to_owned()
    }
}
