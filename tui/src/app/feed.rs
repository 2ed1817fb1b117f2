//! What the daemon says, taken into the picture.

use jobtop_core::mirror::Changed;
use jobtop_core::proto::message::Message;

use super::hosts::HostId;
use super::link::State;
use super::toast::{Toast, Tone};
use super::{App, Effect, Ground, Screen, act, alarms, figures, marks};

/// The channel of the alerts.
const ALERTS: &str = "alerts";

/// Takes a message over.
pub(super) fn take(app: &mut App, host: HostId, mut message: Message) -> Vec<Effect> {
    if app.hosts.are_several()
        && let Message::JobSnapshot { job, .. } = &mut message
    {
        // Two ways to one daemon are one daemon.
        if app.hosts.of(job.id).is_some_and(|other| other != host) {
            return Vec::new();
        }
        // Where several are looked at, a job's host is the daemon that it lives on.
        job.host = Some(app.hosts.at(host).place.name.as_str().into());
    }
    match message {
        Message::Alert { alert, .. } => {
            alarms::hear(app, host, *alert);
            return Vec::new();
        }
        Message::Subscribed(said) if said.channel == ALERTS => {
            alarms::begin(app, host);
            return Vec::new();
        }
        Message::SnapshotEnd(said) if said.channel == ALERTS => {
            alarms::settle(app);
            return Vec::new();
        }
        _ => {}
    }
    let message = &message;
    let id = match message {
        Message::JobSnapshot { job, .. } => Some(job.id),
        Message::JobUpdate { job_id, .. } | Message::JobRemoved { job_id, .. } => Some(*job_id),
        _ => None,
    };
    let status = |app: &App| id.and_then(|id| app.hosts.get(id)).map(|job| job.status);
    let before = status(app);
    if let Message::Subscribed(said) = message {
        if let Some(said) = said.timestamp {
            let now = app.now.wall;
            app.hosts.at_mut(host).link.compare_clocks(said, now);
        }
        welcome_back(app, host, said.epoch);
    }
    let changed = app.hosts.at_mut(host).mirror.apply(message);
    if before != status(app) || app.filters.is_typed() {
        app.rows.spoil();
    } else if app.arrangement.sort.moves() {
        app.rows.stir();
    }
    match changed {
        Changed::Nothing => Vec::new(),
        Changed::Job(id) => {
            if let Some(job) = app.hosts.get(id) {
                app.paces.note(job, app.now.mono);
                app.heard.insert(id, app.now.wall);
            } else {
                app.heard.remove(&id);
            }
            act::seen(app, id);
            marks::heard(app, id).into_iter().collect()
        }
        Changed::All => {
            app.heard.retain(|id, _| app.hosts.get(*id).is_some());
            app.paces.keep(|id| app.hosts.get(id).is_some());
            app.rows.spoil();
            marks::heard_all(app)
        }
    }
}

/// After a cut: says that we are back, and whether it is the same daemon.
fn welcome_back(app: &mut App, host: HostId, epoch: u64) {
    let Some((away_ms, other)) = app.hosts.at_mut(host).link.greet(epoch) else {
        return;
    };
    let name = if app.hosts.are_several() {
        format!("{}: ", app.hosts.at(host).place.name)
    } else {
        String::new()
    };
    let seconds = away_ms.div_ceil(1_000).max(1);
    let anew = if other {
        ": the daemon was started anew in the meantime"
    } else {
        ""
    };
    let text = format!("{name}connected again after {seconds}s{anew}");
    app.toast = Some(Toast::new(Tone::Done, text, app.now.mono));
}

/// The connection to a daemon stands differently.
pub(super) fn link(app: &mut App, host: HostId, state: State) -> Vec<Effect> {
    let now = app.now.wall;
    let link = &mut app.hosts.at_mut(host).link;
    let was_up = link.is_up();
    let is_lost = link.enter(state, now);
    let is_back = !was_up && link.is_up();
    if is_lost {
        act::lost(app, host);
    }
    // What is wrong with the store is to be known without asking for it.
    let mut effects = Vec::new();
    if is_back {
        effects.push(Effect::AskStore(host));
    }
    if is_back && host == app.focus {
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
        && app.hosts.get(id).is_none()
    {
        app.screen = Screen::List;
        let text = "that job is no longer in the live set (24 h after its end it is history)";
        app.toast = Some(Toast::new(Tone::Hint, text, app.now.mono));
    }
}
