//! What is wrong, as the daemons say it: counted at the top of every screen, listed on one of its own, acknowledged and muted there.

use std::sync::Arc;

use jobtop_core::Timestamp;
use jobtop_core::alert::Alert;

use super::hosts::{Host, HostId};
use super::toast::{Toast, Tone};
use super::{App, Effect, Ground, Screen};
use crate::keymap::Action;

/// So many that are over are remembered of a daemon.
const RECENT: usize = 100;

/// The alerts of one daemon, the newest last.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Alarms(Vec<Alert>);

impl Alarms {
    /// Takes one over as it is now.
    fn hear(&mut self, alert: Alert) {
        match self.0.iter_mut().find(|known| known.id == alert.id) {
            Some(known) => *known = alert,
            None => self.0.push(alert),
        }
        if self.0.len() > RECENT
            && let Some(over) = self.0.iter().position(|alert| !alert.is_active())
        {
            self.0.remove(over);
        }
    }

    /// What is active is told anew.
    fn forget_active(&mut self) {
        self.0.retain(|alert| !alert.is_active());
    }

    /// How many disturb.
    pub(crate) fn disturbing(&self, now: Timestamp) -> usize {
        self.0.iter().filter(|alert| alert.disturbs(now)).count()
    }
}

/// Takes an alert over; whether it is one that disturbs and was not there before.
pub(super) fn hear(app: &mut App, host: HostId, alert: Alert) {
    let now = app.hosts.at(host).link.by_daemon(app.now.wall);
    let alarms = &app.hosts.at(host).alarms;
    let is_new = alert.disturbs(now) && !alarms.0.iter().any(|known| known.id == alert.id);
    let text = alert.message.to_string();
    let was_there = row_of_chosen(app).is_some();
    app.hosts.at_mut(host).alarms.hear(alert);
    if is_new {
        app.toast = Some(Toast::new(Tone::Refusal, text, app.now.mono));
    }
    // One that is told anew after others keeps the cursor until all are told.
    if was_there || app.alarm.is_none() || row_of_chosen(app).is_some() {
        settle(app);
    } else {
        app.alarm_at = app.alarm_at.min(last(app));
    }
}

/// The cursor stays with the chosen one, whatever comes before it; one that is gone leaves it to whatever has its row.
pub(super) fn settle(app: &mut App) {
    let at = row_of_chosen(app).unwrap_or_else(|| app.alarm_at.min(last(app)));
    choose(app, at);
}

fn choose(app: &mut App, at: usize) {
    let chosen = listed(app)
        .get(at)
        .map(|(host, alert)| (*host, Arc::clone(&alert.id)));
    app.alarm_at = at;
    app.alarm = chosen;
}

fn row_of_chosen(app: &App) -> Option<usize> {
    let (host, id) = app.alarm.as_ref()?;
    let mut listed = listed(app).into_iter();
    listed.position(|(at, alert)| at == *host && alert.id == *id)
}

fn last(app: &App) -> usize {
    listed(app).len().saturating_sub(1)
}

/// The daemon tells its alerts from the beginning.
pub(super) fn begin(app: &mut App, host: HostId) {
    app.hosts.at_mut(host).alarms.forget_active();
}

/// All of them with their daemons, as they are listed: active ones first, of each kind the newest first.
pub(crate) fn listed(app: &App) -> Vec<(HostId, &Alert)> {
    let mut listed: Vec<(HostId, &Alert)> = app
        .hosts
        .all()
        .iter()
        .enumerate()
        .flat_map(|(id, host)| host.alarms.0.iter().map(move |alert| (id, alert)))
        .collect();
    listed.sort_by_key(|(_, alert)| (!alert.is_active(), std::cmp::Reverse(alert.since)));
    listed
}

/// How many disturb, on all daemons together.
pub(crate) fn disturbing(app: &App) -> usize {
    let of = |host: &Host| host.alarms.disturbing(host.link.by_daemon(app.now.wall));
    app.hosts.all().iter().map(of).sum()
}

/// Opens the list of alerts, or leaves it.
pub(super) fn open(app: &mut App) {
    if app.screen == Screen::Alerts {
        app.screen = app.ground.screen();
    } else {
        app.screen = Screen::Alerts;
        choose(app, 0);
    }
}

/// Moves the cursor.
pub(super) fn go(app: &mut App, action: Action) {
    let last = last(app);
    let page = app.shown.rows.max(1);
    let at = match action {
        Action::Up => app.alarm_at.saturating_sub(1),
        Action::Down => app.alarm_at + 1,
        Action::PageUp => app.alarm_at.saturating_sub(page),
        Action::PageDown => app.alarm_at + page,
        Action::Top => 0,
        Action::Bottom => last,
        _ => app.alarm_at,
    }
    .min(last);
    choose(app, at);
}

/// The chosen one: it is known, or its cause is not to disturb.
pub(super) fn tend(app: &mut App, action: Action) -> Vec<Effect> {
    let chosen = listed(app).get(app.alarm_at).copied();
    let why_not = match chosen {
        None => Some("there is no alert"),
        Some(_) if app.settings.read_only => Some("this screen only looks (--read-only)"),
        Some((_, alert)) if !alert.is_active() => Some("that is over"),
        Some((host, _)) if !app.hosts.at(host).link.is_up() => {
            Some("not connected: nothing was asked, and nothing is queued (r tries now)")
        }
        Some(_) => None,
    };
    if let Some(why_not) = why_not {
        app.toast = Some(Toast::new(Tone::Hint, why_not, app.now.mono));
        return Vec::new();
    }
    let Some((host, alert)) = chosen else {
        return Vec::new();
    };
    let id = alert.id.clone();
    vec![match action {
        Action::Mute => Effect::MuteAlert(host, id),
        _ => Effect::KnowAlert(host, id),
    }]
}

/// Shows the first job that the chosen alert is about.
pub(super) fn show_job(app: &mut App) -> Vec<Effect> {
    let chosen = listed(app)
        .get(app.alarm_at)
        .map(|(_, alert)| alert.jobs.clone());
    let job = chosen
        .iter()
        .flatten()
        .find(|job| app.hosts.get(**job).is_some());
    let Some(job) = job.copied() else {
        let text = "none of its jobs is listed";
        app.toast = Some(Toast::new(Tone::Hint, text, app.now.mono));
        return Vec::new();
    };
    app.ground = Ground::List;
    app.screen = Screen::List;
    app.filters = super::Filters::default();
    app.make_afresh();
    let height = app.shown.rows.max(1);
    if app.rows.choose_job(job, height) {
        return super::log::beside(app);
    }
    Vec::new()
}
