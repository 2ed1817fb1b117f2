//! Alerts: what is wrong now and was lately, for whoever looks, and kept in a file. `watch` measures, and the rules of
//! `jobtop_core::alert` judge.

mod file;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jobtop_core::access::{Identity, Role};
use jobtop_core::alert::{Alert, Reading, Rule, Rules, Watch};
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::{Now, Timestamp};
use tokio::sync::watch;

/// So many alerts that are over are told of.
const RECENT: usize = 500;
/// The longest that an alert can be muted, in seconds.
const LONGEST_MUTE: u64 = 365 * 86_400;

/// All that is known of alerts.
#[derive(Debug)]
pub struct Alerts {
    inner: Mutex<Inner>,
    /// The number of the last change.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    watch: Watch,
    /// Each with the number of its last change, the oldest raised first.
    known: VecDeque<(u64, Alert)>,
    count: u64,
    file: Option<file::Kept>,
}

impl Alerts {
    /// With what was kept in that data directory, and ids of that run of the daemon's.
    pub(crate) fn open(data: &Path, epoch: u64, oldest: Timestamp) -> Self {
        let (file, kept) = file::Kept::open(data, oldest);
        let before = kept.iter().filter(|alert| alert.is_active()).cloned();
        let watch = Watch::new(&format!("alert_{epoch}"), before.collect());
        let known: VecDeque<_> = kept.into_iter().map(|alert| (0, alert)).collect();
        Self::of(watch, known, Some(file))
    }

    /// Without a file.
    #[must_use]
    pub fn none() -> Self {
        Self::of(Watch::new("alert", Vec::new()), VecDeque::new(), None)
    }

    fn of(watch: Watch, known: VecDeque<(u64, Alert)>, file: Option<file::Kept>) -> Self {
        Self {
            inner: Mutex::new(Inner {
                watch,
                known,
                count: 0,
                file,
            }),
            changed: watch::Sender::new(0),
        }
    }

    /// Judges what was measured; gives back those that were raised just now.
    pub(crate) fn judge(&self, readings: Vec<Reading>, rules: &Rules, now: Now) -> Vec<Alert> {
        let mut inner = self.inner();
        let told = inner.watch.judge(readings, rules, now);
        let mut raised = Vec::new();
        for alert in told {
            if inner.enter(alert.clone()) {
                tracing::warn!(
                    rule = alert.rule.word(),
                    id = &*alert.id,
                    "{}",
                    alert.message
                );
                raised.push(alert);
            } else if !alert.is_active() {
                tracing::info!(
                    rule = alert.rule.word(),
                    id = &*alert.id,
                    "over: {}",
                    alert.message
                );
            }
        }
        self.tell(&inner);
        raised
    }

    /// Somebody takes note of one.
    pub(crate) fn acknowledge(&self, id: &str, who: &Identity) -> Result<Alert, Refusal> {
        self.change(id, who, |watch| watch.acknowledge(id, &who.user))
    }

    /// The cause of one is not to disturb anybody for so long.
    pub(crate) fn mute(
        &self,
        id: &str,
        who: &Identity,
        seconds: u64,
        now: Timestamp,
    ) -> Result<Alert, Refusal> {
        if !(1..=LONGEST_MUTE).contains(&seconds) {
            return Err(Refusal::new(
                Code::Invalid,
                "seconds must be at least 1, and at most a year",
            ));
        }
        let until = now.plus_ms(i64::try_from(seconds * 1_000).unwrap_or(i64::MAX));
        self.change(id, who, |watch| watch.mute(id, until))
    }

    fn change(
        &self,
        id: &str,
        who: &Identity,
        change: impl FnOnce(&mut Watch) -> Option<Alert>,
    ) -> Result<Alert, Refusal> {
        if who.role != Role::Admin {
            return Err(Refusal::new(
                Code::Forbidden,
                "Only an admin may acknowledge and mute alerts",
            ));
        }
        let mut inner = self.inner();
        let Some(alert) = change(&mut inner.watch) else {
            let id = jobtop_core::text::clean_within(id, 80);
            return Err(Refusal::new(
                Code::NotFound,
                format!("No active alert is called {id}"),
            ));
        };
        inner.enter(alert.clone());
        self.tell(&inner);
        Ok(seen_by(&alert, who).unwrap_or(alert))
    }

    /// Those that somebody may see, the newest first, active ones before those that are over.
    pub(crate) fn list(&self, who: &Identity) -> Vec<Alert> {
        let inner = self.inner();
        let all = inner.known.iter().rev().map(|(_, alert)| alert);
        let seen = |active: bool| {
            all.clone()
                .filter(move |alert| alert.is_active() == active)
                .filter_map(|alert| seen_by(alert, who))
        };
        seen(true).chain(seen(false)).collect()
    }

    /// Those that changed after that number and somebody may see, in the order of their changes, and the number of the last change.
    pub(crate) fn since(&self, number: u64, who: &Identity) -> (Vec<Alert>, u64) {
        let inner = self.inner();
        let mut changed: Vec<&(u64, Alert)> = (inner.known.iter())
            .filter(|(at, _)| *at > number)
            .collect();
        changed.sort_by_key(|(at, _)| *at);
        let seen = changed
            .into_iter()
            .filter_map(|(_, alert)| seen_by(alert, who));
        (seen.collect(), inner.count)
    }

    /// Turns to the number of each change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// How many are active and known to nobody.
    pub(crate) fn disturbing(&self, now: Timestamp) -> u64 {
        let inner = self.inner();
        let disturbing = inner.known.iter().filter(|(_, alert)| alert.disturbs(now));
        disturbing.count() as u64
    }

    /// How many are active, by rule.
    pub(crate) fn by_rule(&self) -> Vec<(Rule, u64)> {
        let inner = self.inner();
        let active = |rule: Rule| {
            let known = inner.known.iter().map(|(_, alert)| alert);
            known
                .filter(|alert| alert.rule == rule && alert.is_active())
                .count() as u64
        };
        Rule::ALL
            .into_iter()
            .map(|rule| (rule, active(rule)))
            .collect()
    }

    fn tell(&self, inner: &Inner) {
        self.changed.send_if_modified(|number| {
            let differs = *number != inner.count;
            *number = inner.count;
            differs
        });
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Takes an alert over as it is now; whether it is a new one.
    fn enter(&mut self, alert: Alert) -> bool {
        self.count += 1;
        let number = self.count;
        let before = self
            .known
            .iter()
            .position(|(_, known)| known.id == alert.id);
        let is_news = before.is_none_or(|at| {
            let known = &self.known[at].1;
            (known.ended_at, &known.acknowledged_by, known.muted_until)
                != (alert.ended_at, &alert.acknowledged_by, alert.muted_until)
        });
        // That a value has changed is not worth a line.
        if is_news && let Some(file) = &mut self.file {
            file.write(&alert);
        }
        match before {
            Some(at) => self.known[at] = (number, alert),
            None => self.known.push_back((number, alert)),
        }
        while self.known.len() > RECENT {
            let over = self.known.iter().position(|(_, alert)| !alert.is_active());
            self.known.remove(over.unwrap_or(0));
        }
        before.is_none()
    }
}

/// An alert as somebody may see it: a user sees what concerns its own jobs, and of these alone.
fn seen_by(alert: &Alert, who: &Identity) -> Option<Alert> {
    let mut seen = alert.clone();
    if who.role == Role::User {
        let own = |at: &usize| alert.owners.get(*at).is_some_and(|owner| who.sees(owner));
        let jobs = (0..alert.jobs.len()).filter(own);
        seen.jobs = jobs.map(|at| alert.jobs[at]).collect();
        if seen.jobs.is_empty() {
            return None;
        }
    }
    seen.owners.clear();
    Some(seen)
}

#[cfg(test)]
mod tests {
    use jobtop_core::alert::Rule;
    use jobtop_core::{JobId, UserId};

    use super::*;

    fn who(name: &str, role: Role) -> Identity {
        Identity {
            user: UserId::new(name).unwrap(),
            role,
            may_assume: false,
            may_submit: false,
            may_manage: false,
            origin: None,
        }
    }

    fn now(ms: u64) -> Now {
        Now {
            wall: Timestamp(ms.cast_signed()),
            mono: ms,
        }
    }

    fn stalled(jobs: &[(u128, &str)]) -> Vec<Reading> {
        vec![Reading {
            rule: Rule::Stalled,
            subject: None,
            judged_as: None,
            value: jobs.len() as f64,
            jobs: jobs
                .iter()
                .map(|(id, owner)| (JobId(*id), UserId::new(owner).unwrap()))
                .collect(),
            message: "nothing is heard of jobs".to_owned(),
        }]
    }

    #[test]
    fn a_user_sees_what_concerns_its_own_jobs() {
        let alerts = Alerts::none();
        let rules = Rules::default();
        let raised = alerts.judge(stalled(&[(1, "ann"), (2, "bob")]), &rules, now(0));
        assert_eq!(raised.len(), 1);
        let jobs = |name: &str, role| -> Vec<Vec<JobId>> {
            let list = alerts.list(&who(name, role));
            assert!(list.iter().all(|alert| alert.owners.is_empty()));
            list.into_iter().map(|alert| alert.jobs).collect()
        };
        assert_eq!(jobs("ann", Role::User), [[JobId(1)]]);
        assert_eq!(jobs("eve", Role::User), [[JobId(0); 0]; 0]);
        assert_eq!(jobs("eve", Role::Viewer), [[JobId(1), JobId(2)]]);
    }

    #[test]
    fn changes_are_told_once_and_in_order() {
        let alerts = Alerts::none();
        let rules = Rules::default();
        let admin = who("root", Role::Admin);
        let changes = alerts.changes();
        alerts.judge(stalled(&[(1, "ann")]), &rules, now(0));
        assert!(changes.has_changed().unwrap());
        let (first, number) = alerts.since(0, &admin);
        assert_eq!(first.len(), 1);
        alerts.judge(stalled(&[(1, "ann")]), &rules, now(1));
        assert_eq!(alerts.since(number, &admin), (Vec::new(), number));
        let id = first[0].id.clone();
        assert_eq!(
            alerts
                .acknowledge(&id, &who("ann", Role::User))
                .unwrap_err()
                .code,
            Code::Forbidden
        );
        assert_eq!(alerts.disturbing(Timestamp(2)), 1);
        alerts.acknowledge(&id, &admin).unwrap();
        assert_eq!(alerts.disturbing(Timestamp(2)), 0);
        let (told, _) = alerts.since(number, &admin);
        assert_eq!(told[0].acknowledged_by, Some(admin.user.clone()));
        for seconds in [0, u64::MAX] {
            let refused = alerts.mute(&id, &admin, seconds, Timestamp(0)).unwrap_err();
            assert_eq!(refused.code, Code::Invalid);
        }
        assert_eq!(
            alerts.acknowledge("alert_9", &admin).unwrap_err().code,
            Code::NotFound
        );
    }
}
