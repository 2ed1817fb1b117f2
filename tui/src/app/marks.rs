//! Jobs that are marked, so that one key acts on all of them; and those of whose end somebody wants to hear.

use std::collections::BTreeSet;

use jobtop_core::proto::view::View;
use jobtop_core::{JobId, Status};

use super::act::{self, Verb};
use super::toast::{Toast, Tone};
use super::{App, Effect, Screen};

/// Sets of jobs that a person has pointed out.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Marks {
    marked: BTreeSet<JobId>,
    watched: BTreeSet<JobId>,
}

impl Marks {
    /// Whether a job is marked.
    pub(crate) fn has(&self, id: JobId) -> bool {
        self.marked.contains(&id)
    }

    /// How many are.
    pub(crate) fn count(&self) -> usize {
        self.marked.len()
    }

    /// Whether a job's end will be told.
    pub(crate) fn watches(&self, id: JobId) -> bool {
        self.watched.contains(&id)
    }

    pub(super) fn clear(&mut self) {
        self.marked.clear();
    }

    /// Forgets jobs that are gone.
    pub(super) fn keep(&mut self, exists: impl Fn(JobId) -> bool) {
        self.marked.retain(|id| exists(*id));
        self.watched.retain(|id| exists(*id));
    }
}

/// Marks the job under the cursor, or takes its mark away, and goes on to the next.
pub(super) fn toggle(app: &mut App) {
    let Some(id) = app.rows.cursor() else {
        return;
    };
    if !app.marks.marked.remove(&id) {
        app.marks.marked.insert(id);
    }
    app.rows.step(1, app.shown.rows.max(1));
}

/// Marks every job that is listed, or none where all are marked.
pub(super) fn toggle_all(app: &mut App) {
    let listed = app.rows.order();
    if listed.iter().all(|id| app.marks.marked.contains(id)) {
        app.marks.clear();
    } else {
        app.marks.marked.extend(listed);
    }
}

/// The jobs that an action is about: those that are marked, in the order of the list and then those that a filter hides, else
/// the chosen one.
pub(super) fn targets(app: &App) -> Vec<JobId> {
    if app.screen != Screen::List || app.marks.marked.is_empty() {
        return app.chosen().map(|job| job.id).into_iter().collect();
    }
    let listed = app.rows.order().iter().copied();
    let (mut targets, mut left) = (Vec::new(), app.marks.marked.clone());
    for id in listed {
        if left.remove(&id) {
            targets.push(id);
        }
    }
    targets.extend(left);
    targets
}

/// Asks the daemon the same of all of them, as far as it can be asked, and says of how many it can't.
pub(super) fn ask_all(app: &mut App, ids: &[JobId], verb: impl Fn(&View) -> Verb) -> Vec<Effect> {
    if let [id] = ids {
        let verb = app.job(*id).map(verb);
        return verb.map_or_else(Vec::new, |verb| act::ask(app, *id, verb));
    }
    let mut effects = Vec::new();
    let mut objection = None;
    for id in ids {
        let Some((job, verb)) = app.job(*id).map(|job| (job, verb(job))) else {
            continue;
        };
        match act::objection(app, job, verb) {
            None => effects.extend(act::ask(app, *id, verb)),
            Some(reason) => objection = Some(reason),
        }
    }
    if let Some(reason) = objection {
        let (asked, all) = (effects.len(), ids.len());
        let text = match asked {
            0 => format!("none of {all}: {reason}"),
            _ => format!("asked of {asked} of {all}; of the others not: {reason}"),
        };
        app.toast = Some(Toast::new(Tone::Hint, text, app.now.mono));
    }
    effects
}

/// What `p` means for several jobs: while one of them can be paused, all are; else all go on.
pub(super) fn pause_or_resume(app: &App, ids: &[JobId]) -> Option<Verb> {
    if let [id] = ids {
        return app.job(*id).map(act::pause_or_resume);
    }
    let mut jobs = ids.iter().filter_map(|id| app.job(*id));
    let runs = jobs.any(|job| job.status == Status::Running && job.capabilities.pause);
    Some(if runs { Verb::Pause } else { Verb::Resume })
}

/// Wants to hear of the chosen job's end, or no more.
pub(super) fn watch(app: &mut App) {
    let Some((id, ended, name)) =
        (app.chosen()).map(|job| (job.id, job.status.is_final(), job.name.to_string()))
    else {
        return;
    };
    let text = if ended {
        "it has ended already: there is nothing to wait for".to_owned()
    } else if app.marks.watched.remove(&id) {
        format!("the end of {name} will not be told")
    } else {
        app.marks.watched.insert(id);
        format!("the bell rings when {name} ends")
    };
    app.toast = Some(Toast::new(Tone::Hint, text, app.now.mono));
}

/// A job was heard of: its end is told to who wanted to hear of it.
pub(super) fn heard(app: &mut App, id: JobId) -> Option<Effect> {
    let job = app.hosts.get(id).filter(|job| job.status.is_final())?;
    if !app.marks.watched.remove(&id) {
        return None;
    }
    let text = format!("{} {}", job.name, job.status.word());
    let tone = if job.status == Status::Completed {
        Tone::Done
    } else {
        Tone::Refusal
    };
    app.toast = Some(Toast::new(tone, text.clone(), app.now.mono));
    // With a name of ours in front no job's name can be taken for a sequence of its own, as `4;1;50` would be.
    Some(Effect::Notify(format!("jobtop: {text}")))
}

/// The whole picture is new, as after a cut: what ended meanwhile is told, too.
pub(super) fn heard_all(app: &mut App) -> Vec<Effect> {
    let watched: Vec<JobId> = app.marks.watched.iter().copied().collect();
    watched
        .into_iter()
        .filter_map(|id| heard(app, id))
        .collect()
}
