//! What is said of a job in a word, and texts of strangers made safe. Pure; figures are those of [`crate::view::format`].

use jobtop_core::proto::view::View;
use jobtop_core::text;

/// The status, or what it is becoming: "pausing…" until the producer has obeyed.
pub(crate) fn standing(job: &View) -> String {
    use jobtop_core::job::control::Action;
    match job.control.map(|control| control.action) {
        Some(Action::Pause) => "pausing…".to_owned(),
        Some(Action::Resume) => "resuming…".to_owned(),
        Some(Action::Cancel) => "cancelling…".to_owned(),
        None if job.stalled_since.is_some() => "stalled".to_owned(),
        None => job.status.word().to_owned(),
    }
}

/// A text of a stranger's, safe to print.
pub(crate) fn clean(raw: &str) -> String {
    text::clean(raw).into_owned()
}
