//! Alerts: what is wrong now and was lately, for whoever looks, and kept in a file. `watch` measures, and the rules of
//! `jobtop_core::alert` judge.

mod file;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jobtop_core::access::{Identity, Role};
use jobtop_core::alert::{Alert, Cause, Reading, Rule, Rules, Watch};
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
    /// By place, the oldest raised first; each with the number of its last change.
    known: BTreeMap<u64, (u64, Alert)>,
    /// By id.
    places: HashMap<Arc<str>, u64>,
    /// The place of the next one.
    place: u64,
    /// How many of them are over.
    over: usize,
    count: u64,
    file: Option<file::Kept>,
}

impl Alerts {
    /// With what was kept in that data directory, and ids of that run of the daemon's.
    pub(crate) fn open(data: &Path, epoch: u64, oldest: Timestamp) -> Self {
        let (file, kept) = file::Kept::open(data, oldest);
        let watch = Watch::new(&format!("alert_{epoch}"), kept.clone());
        Self::of(watch, kept, Some(file))
    }

    /// Without a file.
    #[must_use]
    pub fn none() -> Self {
        Self::of(Watch::new("alert", Vec::new()), Vec::new(), None)
    }

    fn of(watch: Watch, kept: Vec<Alert>, file: Option<file::Kept>) -> Self {
        let mut inner = Inner {
            watch,
            known: BTreeMap::new(),
            places: HashMap::new(),
            place: 0,
            over: 0,
            count: 0,
            file: None,
        };
        for alert in kept {
            inner.put(0, alert);
        }
        inner.file = file;
        Self {
            inner: Mutex::new(inner),
            changed: watch::Sender::new(0),
        }
    }

    /// Judges what was measured; gives back those that were raised just now.
    pub(crate) fn judge(
        &self,
        readings: Vec<Reading>,
        unknown: &HashSet<Cause>,
        rules: &Rules,
        now: Now,
    ) -> Vec<Alert> {
        let mut inner = self.inner();
        let judged = inner.watch.judge(readings, unknown, rules, now);
        for alert in &judged.raised {
            let rule = alert.rule.word();
            tracing::warn!(rule, id = &*alert.id, "{}", alert.message);
            inner.enter(alert.clone());
        }
        for alert in judged.changed {
            inner.enter(alert);
        }
        for alert in judged.over {
            let rule = alert.rule.word();
            tracing::info!(rule, id = &*alert.id, "over: {}", alert.message);
            inner.enter(alert);
        }
        self.tell(&inner);
        judged.raised
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
        let all = inner.known.values().rev().map(|(_, alert)| alert);
        let seen = |active: bool| {
            all.clone()
                .filter(move |alert| alert.is_active() == active)
                .filter_map(|alert| seen_by(alert, who))
        };
        seen(true).chain(seen(false)).collect()
    }

    /// Those that changed after that number, in the order of their changes, and the number of the last change. Of one that somebody may
    /// not see there is the id alone: its own jobs may have been among those concerned, and are no more.
    pub(crate) fn since(&self, number: u64, who: &Identity) -> (Vec<Result<Alert, Arc<str>>>, u64) {
        let inner = self.inner();
        let mut changed: Vec<&(u64, Alert)> = (inner.known.values())
            .filter(|(at, _)| *at > number)
            .collect();
        changed.sort_by_key(|(at, _)| *at);
        let seen = changed
            .into_iter()
            .map(|(_, alert)| seen_by(alert, who).ok_or_else(|| Arc::clone(&alert.id)));
        (seen.collect(), inner.count)
    }

    /// Turns to the number of each change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// How many are active and known to nobody.
    pub(crate) fn disturbing(&self, now: Timestamp) -> u64 {
        let inner = self.inner();
        let disturbing = inner
            .known
            .values()
            .filter(|(_, alert)| alert.disturbs(now));
        disturbing.count() as u64
    }

    /// How many are active, by rule.
    pub(crate) fn by_rule(&self) -> Vec<(Rule, u64)> {
        let inner = self.inner();
        let active = |rule: Rule| {
            let known = inner.known.values().map(|(_, alert)| alert);
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
    /// Takes an alert over as it is now.
    fn enter(&mut self, alert: Alert) {
        self.count += 1;
        let before = self.places.get(&alert.id).map(|at| &self.known[at].1);
        let is_news = before.is_none_or(|known| {
            (known.ended_at, &known.acknowledged_by, known.muted_until)
                != (alert.ended_at, &alert.acknowledged_by, alert.muted_until)
        });
        // That a value has changed is not worth a line.
        if is_news && let Some(file) = &mut self.file {
            file.write(&alert);
        }
        self.put(self.count, alert);
        // What goes on is never forgotten.
        while self.over > RECENT {
            let mut known = self.known.iter();
            let Some((&place, _)) = known.find(|(_, (_, alert))| !alert.is_active()) else {
                break;
            };
            if let Some((_, alert)) = self.known.remove(&place) {
                self.places.remove(&alert.id);
            }
            self.over -= 1;
        }
    }

    fn put(&mut self, number: u64, alert: Alert) {
        let place = if let Some(place) = self.places.get(&alert.id) {
            *place
        } else {
            self.place += 1;
            self.places.insert(Arc::clone(&alert.id), self.place);
            self.place
        };
        self.over += usize::from(!alert.is_active());
        if let Some((_, before)) = self.known.insert(place, (number, alert)) {
            self.over -= usize::from(!before.is_active());
        }
    }
}

/// An alert as somebody may see it: a user sees what concerns its own jobs, and of these alone.
fn seen_by(alert: &Alert, who: &Identity) -> Option<Alert> {
    let mut seen = alert.clone();
    if who.role == Role::User {
        let own = alert.owners.get(&who.user)?;
        seen.jobs.clone_from(&own.jobs);
        // How many wait in a queue everybody may know; what became of others' jobs not.
        if alert.rule == Rule::FailureRate {
            let kind = alert.subject.as_deref().unwrap_or_default();
            let failed = match own.count {
                1 => format!("A {kind} job of yours failed"),
                count => format!("{count} {kind} jobs of yours failed"),
            };
            seen.message = format!("{failed}: too many jobs of that type do").into();
        }
    }
    seen.owners.clear();
    Some(seen)
}

#[cfg(test)]
mod tests {
    use jobtop_core::alert::{Concerned, MOST, Rule};
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

    fn waiting(jobs: &[(u128, &str)]) -> Vec<Reading> {
        let mut concerned = Concerned::default();
        for (id, owner) in jobs {
            concerned.add(JobId(*id), &UserId::new(owner).unwrap());
        }
        vec![Reading {
            rule: Rule::QueueDepth,
            subject: None,
            judged_as: None,
            value: jobs.len() as f64,
            concerned,
            message: "jobs wait".to_owned(),
        }]
    }

    /// One job that waits is one too many.
    fn strict() -> Rules {
        let mut rules = Rules::default();
        let settings = rules.settings_mut(Rule::QueueDepth).unwrap();
        settings.usual = settings.usual.above(0.0);
        rules
    }

    #[test]
    fn a_user_sees_what_concerns_its_own_jobs() {
        let alerts = Alerts::none();
        let rules = strict();
        let raised = alerts.judge(
            waiting(&[(1, "ann"), (2, "bob")]),
            &HashSet::new(),
            &rules,
            now(0),
        );
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
        let rules = strict();
        let admin = who("root", Role::Admin);
        let changes = alerts.changes();
        alerts.judge(waiting(&[(1, "ann")]), &HashSet::new(), &rules, now(0));
        assert!(changes.has_changed().unwrap());
        let (first, number) = alerts.since(0, &admin);
        assert_eq!(first.len(), 1);
        alerts.judge(waiting(&[(1, "ann")]), &HashSet::new(), &rules, now(1));
        assert_eq!(alerts.since(number, &admin), (Vec::new(), number));
        let id = first[0].clone().unwrap().id;
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
        assert_eq!(
            told[0].clone().unwrap().acknowledged_by,
            Some(admin.user.clone())
        );
        for seconds in [0, u64::MAX] {
            let refused = alerts.mute(&id, &admin, seconds, Timestamp(0)).unwrap_err();
            assert_eq!(refused.code, Code::Invalid);
        }
        assert_eq!(
            alerts.acknowledge("alert_9", &admin).unwrap_err().code,
            Code::NotFound
        );
    }

    #[test]
    fn what_goes_on_is_never_forgotten_and_never_raised_twice() {
        let alerts = Alerts::none();
        let rules = strict();
        let readings = |value: f64| -> Vec<Reading> {
            // More than are remembered once they are over.
            let of_rules = [
                Rule::QueueDepth,
                Rule::Hooks,
                Rule::Store,
                Rule::Overdue,
                Rule::FailureRate,
                Rule::Disk,
            ];
            let each = |rule| (0..MOST).map(move |n| (rule, n));
            let all = of_rules.into_iter().flat_map(each);
            all.map(|(rule, n)| Reading {
                rule,
                subject: Some(format!("s{n}").into()),
                value,
                ..waiting(&[]).remove(0)
            })
            .collect()
        };
        let none = HashSet::new();
        let first = alerts.judge(readings(5.0), &none, &rules, now(0)).len();
        assert!(first > RECENT, "{first}");
        for ms in 1..5 {
            let value = 5.0 + ms as f64;
            assert_eq!(alerts.judge(readings(value), &none, &rules, now(ms)), []);
        }
        let admin = who("root", Role::Admin);
        assert_eq!(alerts.list(&admin).len(), first);
        let (changed, _) = alerts.since(0, &admin);
        assert_eq!(changed.len(), first);
        // Over and over again: those that are over are bounded.
        for round in 0..4 {
            let at = 100_000 * (round + 1);
            alerts.judge(Vec::new(), &none, &rules, now(at));
            alerts.judge(Vec::new(), &none, &rules, now(at + 20_000));
            alerts.judge(readings(5.0), &none, &rules, now(at + 30_000));
        }
        assert_eq!(alerts.list(&admin).len(), first + RECENT);
    }

    #[test]
    fn what_is_none_of_a_user_s_any_more_is_told_without_what_it_is() {
        let alerts = Alerts::none();
        let (rules, none) = (strict(), HashSet::new());
        let ann = who("ann", Role::User);
        alerts.judge(waiting(&[(1, "ann"), (2, "bob")]), &none, &rules, now(0));
        let (told, number) = alerts.since(0, &ann);
        let id = told[0].clone().unwrap().id;
        alerts.judge(waiting(&[(2, "bob")]), &none, &rules, now(1));
        assert_eq!(alerts.since(number, &ann).0, [Err(id)]);
    }
}
