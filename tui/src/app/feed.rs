//! What the daemon says, taken into the picture.

use jobtop_core::mirror::Changed;
use jobtop_core::proto::message::Message;

use super::link::State;
use super::toast::{Toast, Tone};
use super::{App, Effect, Ground, Screen, act, figures, marks};

/// Takes a message over.
pub(super) fn take(app: &mut App, message: &Message) -> Vec<Effect> {
    let id = match message {
        Message::JobSnapshot { job, .. } => Some(job.id),
        Message::JobUpdate { job_id, .. } | Message::JobRemoved { job_id, .. } => Some(*job_id),
        _ => None,
    };
    let status = |app: &App| id.and_then(|id| app.mirror.get(id)).map(|job| job.status);
    let before = status(app);
    if let Message::Subscribed(said) = message {
        if let Some(said) = said.timestamp {
            app.link.compare_clocks(said, app.now.wall);
        }
        welcome_back(app, said.epoch);
    }
    let changed = app.mirror.apply(message);
    if before != status(app) || app.filters.is_typed() {
        app.rows.spoil();
    } else if app.arrangement.sort.moves() {
        app.rows.stir();
    }
    match changed {
        Changed::Nothing => Vec::new(),
        Changed::Job(id) => {
            if let Some(job) = app.mirror.get(id) {
                app.paces.note(job, app.now.mono);
                app.heard.insert(id, app.now.wall);
            } else {
                app.heard.remove(&id);
            }
            act::seen(app, id);
            marks::heard(app, id).into_iter().collect()
        }
        Changed::All => {
            app.heard.retain(|id, _| app.mirror.get(*id).is_some());
            app.paces.keep(|id| app.mirror.get(id).is_some());
            app.rows.spoil();
            marks::heard_all(app)
        }
    }
}

/// After a cut: says that we are back, and whether it is the same daemon.
fn welcome_back(app: &mut App, epoch: u64) {
    let Some((away_ms, other)) = app.link.greet(epoch) else {
        return;
    };
    let seconds = away_ms.div_ceil(1_000).max(1);
    let anew = if other {
        ": the daemon was started anew in the meantime"
    } else {
        ""
    };
    let text = format!("connected again after {seconds}s{anew}");
    app.toast = Some(Toast::new(Tone::Done, text, app.now.mono));
}

/// The connection stands differently.
pub(super) fn link(app: &mut App, state: State) -> Vec<Effect> {
    let was_up = app.link.is_up();
    if app.link.enter(state, app.now.wall) {
        act::lost(app);
    }
    // What is wrong with the store is to be known without asking for it.
    let mut effects = Vec::new();
    if !was_up && app.link.is_up() {
        effects.push(Effect::AskStore);
        // What could not be asked while the daemon was away is asked now.
        match app.screen {
            Screen::Past => effects.extend(app.past.ask_afresh()),
            Screen::Figures(_) => effects.extend(figures::ask(app)),
            _ => {}
        }
    }
    effects
}

/// A job that is shown whole may have left the live set: back to the list, and say so.
pub(super) fn leave_absent(app: &mut App, was: Option<jobtop_core::JobId>) {
    if let (Screen::Detail(_), Ground::List, Some(id)) = (app.screen, app.ground, was)
        && app.mirror.get(id).is_none()
    {
        app.screen = Screen::List;
        let text = "that job is no longer in the live set (24 h after its end it is history)";
        app.toast = Some(Toast::new(Tone::Hint, text, app.now.mono));
    }
}
