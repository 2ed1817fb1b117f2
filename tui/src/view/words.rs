//! What is said of a job in a few words: its status, when it will be done, how fast it goes.

use jobtop_core::Status;
use jobtop_core::proto::view::View;

use super::format;
use super::theme::Theme;
use crate::app::{App, act};

/// The word for the status: the fact, or what is asked and has not happened yet ("pausing…").
pub(super) fn status(app: &App, job: &View, theme: Theme) -> String {
    match act::doing(app, job) {
        Some(doing) => format!("{doing}{}", theme.pick("…", "...")),
        None => job.status.word().to_owned(),
    }
}

/// When it will be done, or how it stands instead.
pub(super) fn eta(app: &App, job: &View, theme: Theme) -> String {
    let unknown = || theme.pick("—", "-").to_owned();
    let worked = || format::duration(app.active_ms(job));
    if let Some(request) = job.control {
        // Not done yet, whatever the status says.
        let age = app.clock_of(job).ms_since(request.requested_at);
        return format!("asked {} ago", format::age(age));
    }
    match job.status {
        Status::Pending => "waiting".to_owned(),
        Status::Running | Status::Paused if job.stalled_since.is_some() => {
            let since = job.stalled_since.unwrap_or(app.clock_of(job));
            format!("stalled {}", format::age(app.clock_of(job).ms_since(since)))
        }
        Status::Running => remaining(app, job).map_or_else(unknown, |ms| {
            if ms == 0 {
                "any moment".to_owned()
            } else {
                format::to_go(ms)
            }
        }),
        Status::Paused => "paused".to_owned(),
        Status::Completed => format!("took {}", worked()),
        Status::Failed | Status::Cancelled if job.metrics.start_time.is_none() => unknown(),
        Status::Failed | Status::Cancelled => format!("after {}", worked()),
    }
}

/// Milliseconds until the estimated end.
pub(super) fn remaining(app: &App, job: &View) -> Option<u64> {
    let at = job.metrics.estimated_completion?;
    Some(at.ms_since(app.clock_of(job)))
}

/// Between which times its end is expected, where that is told.
pub(super) fn range(app: &App, job: &View) -> Option<String> {
    let metrics = &job.metrics;
    let (low, high) = (
        metrics.estimated_completion_low?,
        metrics.estimated_completion_high?,
    );
    let to_go = |at: jobtop_core::Timestamp| format::to_go(at.ms_since(app.clock_of(job)));
    Some(format!("{} to {}", to_go(low), to_go(high)))
}

/// Percent done; full is said of nothing that has not completed.
pub(super) fn progress(job: &View) -> f64 {
    if job.status == Status::Completed {
        job.progress
    } else {
        job.progress.min(99.9)
    }
}

/// How fast it goes: items if they are counted, else bytes. A rate of what stands still would say that it moves.
pub(super) fn rate(job: &View) -> Option<String> {
    if job.status == Status::Paused || job.stalled_since.is_some() {
        return None;
    }
    if let Some(rate) = job.metrics.items_per_second {
        return Some(format::rate(rate));
    }
    // As of the last report: a rate that sinks while nothing is heard would be made up.
    let seconds = job.metrics.active_seconds;
    let bytes = job.metrics.processed_bytes;
    (bytes > 0 && seconds >= 0.5).then(|| format::byte_rate(bytes as f64 / seconds))
}
