//! Pause, resume, cancel, retry: what can be asked of a job now, why not, and what was asked already.
//!
//! Nothing is changed here: the row changes when the daemon's update comes back.

use jobtop_core::job::control;
use jobtop_core::proto::view::View;
use jobtop_core::{JobId, Status};

use super::hosts::HostId;
use super::link::State;
use super::toast::{Toast, Tone};
use super::{App, Effect};

/// What a person can ask about a job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Verb {
    Pause,
    Resume,
    Cancel,
    Retry,
    /// It is to have that priority.
    Priority(i32),
}

impl Verb {
    /// As in "to pause".
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Priority(_) => "another priority",
        }
    }

    /// As in "can't be paused".
    const fn done(self) -> &'static str {
        match self {
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Cancel => "cancelled",
            Self::Retry => "retried",
            Self::Priority(_) => "moved in their queue",
        }
    }

    /// As in "pausing…".
    const fn doing(self) -> &'static str {
        match self {
            Self::Pause => "pausing",
            Self::Resume => "resuming",
            Self::Cancel => "cancelling",
            Self::Retry => "retrying",
            Self::Priority(_) => "moving",
        }
    }
}

/// Something was asked and is not seen to be done yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Asked {
    /// What.
    pub(crate) verb: Verb,
    /// Once the daemon has said yes: the revision from which the job shows it.
    pub(crate) shown_from: Option<u64>,
}

/// What `p` means for a job.
pub(crate) fn pause_or_resume(job: &View) -> Verb {
    if job.status == Status::Paused {
        Verb::Resume
    } else {
        Verb::Pause
    }
}

/// What is being done to a job and has not happened yet ("pausing"), if anything.
pub(crate) fn doing(app: &App, job: &View) -> Option<&'static str> {
    let asked = app.asked.get(&job.id).map(|asked| asked.verb.doing());
    asked.or_else(|| {
        job.control.map(|request| match request.action {
            control::Action::Pause => Verb::Pause.doing(),
            control::Action::Resume => Verb::Resume.doing(),
            control::Action::Cancel => Verb::Cancel.doing(),
        })
    })
}

/// Why that can't be asked now, as a sentence; `None` if it can.
pub(crate) fn objection(app: &App, job: &View, verb: Verb) -> Option<String> {
    if app.settings.read_only {
        return Some("this screen only looks (--read-only)".to_owned());
    }
    if let Some(reason) = offline(app, job.id) {
        return Some(reason);
    }
    if let Some(asked) = app.asked.get(&job.id) {
        return Some(format!(
            "{} was asked already: waiting for the daemon",
            asked.verb.word()
        ));
    }
    unfit(job, verb)
}

/// Why the job itself stands against it.
fn unfit(job: &View, verb: Verb) -> Option<String> {
    let status = job.status.word();
    let able = job.capabilities;
    match verb {
        Verb::Pause | Verb::Resume => match job.status {
            Status::Pending => {
                Some("pending jobs can't be paused: nobody works on them yet".to_owned())
            }
            Status::Running | Status::Paused => (!able.pause)
                .then(|| format!("the program that does this job can't {} it", verb.word())),
            Status::Completed | Status::Failed | Status::Cancelled => {
                Some(format!("{status} jobs can't be {}", Verb::Pause.done()))
            }
        },
        Verb::Cancel => match job.status {
            Status::Pending => None,
            Status::Running | Status::Paused => (!able.cancel)
                .then(|| "the program that does this job can't be cancelled from here".to_owned()),
            Status::Cancelled if job.control.is_some() => {
                Some("it is cancelled already: waiting for its process to end".to_owned())
            }
            Status::Completed | Status::Failed | Status::Cancelled => {
                Some(format!("{status} jobs can't be cancelled"))
            }
        },
        Verb::Priority(_) => (job.status != Status::Pending).then(|| {
            format!(
                "{status} jobs can't be {}: only those that wait",
                verb.done()
            )
        }),
        Verb::Retry => {
            if !job.status.is_final() {
                Some(format!(
                    "{status} jobs can't be retried: retry is for jobs that have ended"
                ))
            } else if able.retry {
                None
            } else {
                Some(
                    "nobody would do it: only submitted commands and workers' jobs can be retried"
                        .to_owned(),
                )
            }
        }
    }
}

/// Why nothing can be asked of the job's daemon at all.
fn offline(app: &App, id: JobId) -> Option<String> {
    let host = app.hosts.at(app.host_of(id));
    let to = if app.hosts.are_several() {
        format!(" to {}", host.place.name)
    } else {
        String::new()
    };
    match &host.link.state {
        State::Connected | State::Polling { .. } => None,
        State::Connecting => Some(format!("not connected{to} yet: nothing was asked")),
        State::Waiting { .. } => Some(format!(
            "not connected{to}: nothing was asked, and nothing is queued (r tries now)"
        )),
    }
}

/// Asks it of the daemon, or says why not.
pub(crate) fn ask(app: &mut App, id: JobId, verb: Verb) -> Vec<Effect> {
    let Some(job) = app.job(id) else {
        return Vec::new();
    };
    if let Some(reason) = objection(app, job, verb) {
        app.toast = Some(Toast::new(Tone::Hint, reason, app.now.mono));
        return Vec::new();
    }
    app.asked.insert(
        id,
        Asked {
            verb,
            shown_from: None,
        },
    );
    vec![Effect::Ask(id, verb)]
}

/// Takes the daemon's answer over.
pub(crate) fn answered(app: &mut App, answer: &super::Answer) {
    let name = app
        .job(answer.id)
        .map_or_else(|| answer.id.to_string(), |job| job.name.to_string());
    match &answer.result {
        Ok(revision) => {
            if answer.verb == Verb::Retry {
                let text = format!("{name}: it is done again as a new job");
                app.toast = Some(Toast::new(Tone::Done, text, app.now.mono));
            }
            let seen = app.hosts.get(answer.id).map(|job| job.revision);
            match (answer.verb, *revision) {
                (Verb::Pause | Verb::Resume | Verb::Cancel, Some(revision))
                    if seen.is_some_and(|seen| seen < revision) =>
                {
                    if let Some(asked) = app.asked.get_mut(&answer.id) {
                        asked.shown_from = Some(revision);
                    }
                }
                _ => {
                    app.asked.remove(&answer.id);
                }
            }
        }
        Err(words) => {
            app.asked.remove(&answer.id);
            let text = format!("{name}: {words}");
            app.toast = Some(Toast::new(Tone::Refusal, text, app.now.mono));
        }
    }
}

/// A job was heard of: what the daemon has agreed to may be seen now.
pub(crate) fn seen(app: &mut App, id: JobId) {
    let Some(asked) = app.asked.get(&id) else {
        return;
    };
    let over = match (app.hosts.get(id), asked.shown_from) {
        (None, _) => true,
        (Some(job), Some(from)) => job.revision >= from,
        (Some(_), None) => false,
    };
    if over {
        app.asked.remove(&id);
    }
}

/// The connection to a daemon is gone: whether what was asked of it has happened is not known.
pub(super) fn lost(app: &mut App, host: HostId) {
    let (hosts, focus) = (&app.hosts, app.focus);
    let mut unanswered = 0;
    app.asked.retain(|id, asked| {
        let is_its = hosts.of(*id).unwrap_or(focus) == host;
        unanswered += usize::from(is_its && asked.shown_from.is_none());
        !is_its
    });
    if unanswered > 0 {
        let text = "the connection broke before the daemon answered: see whether it was done once it is back";
        app.toast = Some(Toast::new(Tone::Refusal, text, app.now.mono));
    }
}
