//! What goes to the clipboard: a job's id, or a report of what went wrong with it.

use std::fmt::Write;

use jobtop_core::proto::view::View;
use jobtop_core::text;

use super::toast::{Toast, Tone};
use super::{App, Effect};

/// The chosen job's id; of marked jobs theirs, a line each.
pub(super) fn ids(app: &mut App) -> Vec<Effect> {
    let ids: Vec<String> = (super::marks::targets(app).iter())
        .map(ToString::to_string)
        .collect();
    match ids.as_slice() {
        [] => return Vec::new(),
        [id] => say(app, format!("copied {id}")),
        _ => say(app, format!("copied {} ids", ids.len())),
    }
    vec![Effect::Copy(ids.join("\n"))]
}

/// The chosen job's error, whole.
pub(super) fn error(app: &mut App) -> Vec<Effect> {
    let Some(job) = app.chosen() else {
        return Vec::new();
    };
    let Some(report) = report(job) else {
        say(
            app,
            "nothing went wrong with it: y copies its id".to_owned(),
        );
        return Vec::new();
    };
    say(app, format!("copied what went wrong with {}", job.name));
    vec![Effect::Copy(report)]
}

fn say(app: &mut App, text: String) {
    app.toast = Some(Toast::new(Tone::Done, text, app.now.mono));
}

/// What went wrong, for whoever is asked for help.
fn report(job: &View) -> Option<String> {
    let error = job.error.as_deref()?;
    // What strangers wrote is pasted into a terminal: nothing in it may steer one.
    let clean = |text: &str| text::clean(text).into_owned();
    let mut report = format!(
        "{} ({}) of {}: {}\n{}\n{}\n",
        clean(&job.name),
        job.job_type,
        job.user_id,
        job.status,
        job.id,
        clean(error)
    );
    let Some(detail) = &job.error_detail else {
        return Some(report);
    };
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(report, "{name}: {}", clean(value));
    };
    if let Some(step) = &detail.step {
        fact("step", step);
    }
    if let Some(code) = detail.exit_code {
        fact("exit code", &code.to_string());
    }
    if let Some(signal) = detail.signal {
        fact("signal", &signal.to_string());
    }
    if let Some(suggestion) = &detail.suggestion {
        fact("what to do", suggestion);
    }
    if let Some(lines) = detail
        .last_lines
        .as_deref()
        .filter(|lines| !lines.is_empty())
    {
        report.push_str("last lines:\n");
        for line in lines {
            let _ = writeln!(report, "  {}", clean(line));
        }
    }
    Some(report)
}
