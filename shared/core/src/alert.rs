//! When something is wrong: the rules, pure. Readings go in, alerts come out: raised once the threshold is passed for as long as the rule
//! waits, ended once the value is well below it for a while. One alert for each cause.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{JobId, UserId};
use crate::time::{Now, Timestamp};

/// At most so many jobs are named by an alert.
pub const JOBS: usize = 20;
/// At most so many alerts of a rule are active at a time: who has a hundred before his eyes needs no more.
pub const MOST: usize = 100;
/// A job that nothing is heard of may be back within this, in milliseconds, unless the rule says otherwise: a network that was away for a
/// moment, or a daemon that was started again, is no alarm.
const STALLED_HOLD_MS: u64 = 15_000;
/// A cause that is gone is gone for good after this, in milliseconds: what comes and goes makes one alert.
const CALM_MS: u64 = 10_000;
/// An alert ends below this share of its threshold, unless the rule says otherwise.
const CLEAR: f64 = 0.8;

/// What can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Too many jobs fail, by type.
    FailureRate,
    /// Too many connections fail.
    ConnectionFailures,
    /// Too many updates reach their viewers late.
    LateUpdates,
    /// Too many jobs wait, by queue.
    QueueDepth,
    /// Nothing is heard of jobs.
    Stalled,
    /// A job takes far longer than it usually does.
    Overdue,
    /// The disk is nearly full.
    Disk,
    /// The store can't keep what it should.
    Store,
    /// A hook fails again and again.
    Hooks,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::FailureRate,
        Self::ConnectionFailures,
        Self::LateUpdates,
        Self::QueueDepth,
        Self::Stalled,
        Self::Overdue,
        Self::Disk,
        Self::Store,
        Self::Hooks,
    ];

    /// The word on the wire and in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::FailureRate => "failure_rate",
            Self::ConnectionFailures => "connection_failures",
            Self::LateUpdates => "late_updates",
            Self::QueueDepth => "queue_depth",
            Self::Stalled => "stalled",
            Self::Overdue => "overdue",
            Self::Disk => "disk",
            Self::Store => "store",
            Self::Hooks => "hooks",
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub const fn suggestion(self) -> &'static str {
        match self {
            Self::FailureRate => {
                "See what went wrong: jobtop history 'status:failed since:1h', and jobtop stats"
            }
            Self::ConnectionFailures => {
                "See which kind it is with jobtop daemon status, and whether a client or a proxy is at fault"
            }
            Self::LateUpdates => "See whether the machine is overloaded or its disk is slow",
            Self::QueueDepth => {
                "Give the queue more slots: jobtop queue set NAME --slots N, or see what its running jobs wait for"
            }
            Self::Stalled => {
                "See whether their programs still run; a job whose producer does not come back fails by itself"
            }
            Self::Overdue => "See what it does: jobtop show ID, jobtop logs ID",
            Self::Disk => "Make room, or keep less: retention in jobtopd.toml",
            Self::Store => "See jobtop daemon status for what is wrong",
            Self::Hooks => "Try it: jobtop hooks test NAME",
        }
    }
}

/// How a rule judges.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Setting {
    /// Whether it judges at all.
    pub on: bool,
    /// What is too much; in the rule's own unit.
    pub above: f64,
    /// Where it is well again.
    pub clear: f64,
    /// For how long it must be too much, in milliseconds.
    pub hold_ms: u64,
    /// Over which time is counted, in milliseconds, where the rule counts.
    pub within_ms: u64,
    /// Of fewer than so many nothing is said, where the rule counts.
    pub least: u64,
}

impl Setting {
    /// With another threshold, and the place where it is well again in proportion.
    #[must_use]
    pub fn above(self, above: f64) -> Self {
        Self {
            above,
            clear: above * CLEAR,
            ..self
        }
    }
}

/// A rule's settings, and those of single types or queues.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// For all that has none of its own.
    pub usual: Setting,
    /// By type or queue.
    pub own: BTreeMap<Arc<str>, Setting>,
}

/// The settings of every rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Rules(BTreeMap<Rule, Settings>);

impl Default for Rules {
    fn default() -> Self {
        let usual = |rule| {
            let (above, within_ms, least) = match rule {
                Rule::FailureRate => (0.10, 900_000, 10),
                Rule::ConnectionFailures | Rule::LateUpdates => (10.0, 60_000, 0),
                Rule::QueueDepth => (50.0, 0, 0),
                // Times as long as usual, and never before a minute.
                Rule::Overdue => (3.0, 60_000, 3),
                Rule::Disk => (0.95, 0, 0),
                Rule::Stalled | Rule::Store | Rule::Hooks => (0.0, 0, 0),
            };
            Setting {
                on: true,
                above,
                clear: above * CLEAR,
                hold_ms: match rule {
                    Rule::Stalled => STALLED_HOLD_MS,
                    _ => 0,
                },
                within_ms,
                least,
            }
        };
        Self(
            Rule::ALL
                .into_iter()
                .map(|rule| {
                    let settings = Settings {
                        usual: usual(rule),
                        own: BTreeMap::new(),
                    };
                    (rule, settings)
                })
                .collect(),
        )
    }
}

impl Rules {
    /// How a rule judges a type or a queue.
    #[must_use]
    pub fn of(&self, rule: Rule, subject: Option<&str>) -> Setting {
        let settings = &self.0[&rule];
        subject
            .and_then(|subject| settings.own.get(subject))
            .copied()
            .unwrap_or(settings.usual)
    }

    /// Whether none of them judges anything.
    #[must_use]
    pub fn are_off(&self) -> bool {
        let mut all = self.0.values();
        all.all(|settings| !settings.usual.on && settings.own.values().all(|own| !own.on))
    }

    /// The settings of a rule, to be changed.
    pub fn settings_mut(&mut self, rule: Rule) -> Option<&mut Settings> {
        self.0.get_mut(&rule)
    }
}

/// The jobs that something is about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Concerned {
    /// The first of them, as many as are named.
    pub jobs: Vec<JobId>,
    /// By owner.
    pub owners: BTreeMap<UserId, Own>,
}

/// Jobs of one owner that something is about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Own {
    /// How many.
    pub count: u64,
    /// The first of them, as many as are named.
    pub jobs: Vec<JobId>,
}

impl Concerned {
    /// One more.
    pub fn add(&mut self, job: JobId, owner: &UserId) {
        if self.jobs.len() < JOBS {
            self.jobs.push(job);
        }
        if !self.owners.contains_key(owner) {
            self.owners.insert(owner.clone(), Own::default());
        }
        if let Some(own) = self.owners.get_mut(owner) {
            own.count += 1;
            if own.jobs.len() < JOBS {
                own.jobs.push(job);
            }
        }
    }
}

/// What was measured, and in words.
#[derive(Clone, PartialEq, Debug)]
pub struct Reading {
    /// Which rule judges it.
    pub rule: Rule,
    /// The type, queue, job or hook that it is about.
    pub subject: Option<Arc<str>>,
    /// The type or queue whose settings count, where that is not the subject.
    pub judged_as: Option<Arc<str>>,
    /// What it is.
    pub value: f64,
    /// The jobs concerned.
    pub concerned: Concerned,
    /// What is the matter, one sentence.
    pub message: String,
}

/// An alert, as it is said and kept.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Tells it from every other one.
    pub id: Arc<str>,
    /// Which rule.
    pub rule: Rule,
    /// The type, queue, job or hook that it is about.
    pub subject: Option<Arc<str>>,
    /// What is the matter, one sentence.
    pub message: Arc<str>,
    /// What a person can do about it.
    pub suggestion: Arc<str>,
    /// Since when.
    pub since: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// What was measured last.
    pub value: f64,
    /// What is too much.
    pub threshold: f64,
    /// Jobs concerned.
    pub jobs: Vec<JobId>,
    /// By owner; of an alert that is told to somebody this is empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owners: BTreeMap<UserId, Own>,
    /// Who has taken note of it.
    pub acknowledged_by: Option<UserId>,
    /// Until when its cause is not to disturb anybody.
    pub muted_until: Option<Timestamp>,
}

impl Alert {
    /// Whether its cause is still there.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Whether somebody is to be disturbed by it.
    #[must_use]
    pub fn disturbs(&self, now: Timestamp) -> bool {
        self.is_active()
            && self.acknowledged_by.is_none()
            && self.muted_until.is_none_or(|until| until <= now)
    }

    fn cause(&self) -> Cause {
        (self.rule, self.subject.clone())
    }
}

/// What is wrong: by which rule, and with what.
pub type Cause = (Rule, Option<Arc<str>>);

/// What came of judging.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Judged {
    /// Alerts that there were not before.
    pub raised: Vec<Alert>,
    /// Those with another value, or about other jobs.
    pub changed: Vec<Alert>,
    /// Those that are over.
    pub over: Vec<Alert>,
}

/// What is known of every cause.
#[derive(Debug)]
pub struct Watch {
    prefix: String,
    count: u64,
    active: BTreeMap<Cause, Active>,
    /// Since when it has been too much, in monotonic milliseconds, of what is not an alert yet.
    pending: HashMap<Cause, u64>,
    muted: BTreeMap<Cause, Timestamp>,
}

#[derive(Debug)]
struct Active {
    alert: Alert,
    /// Since when it has been well, in monotonic milliseconds.
    calm: Option<u64>,
}

impl Watch {
    /// A watch whose alerts have ids that begin so. Of those that there were before it, the active ones go on if their causes do, and
    /// what was muted is.
    #[must_use]
    pub fn new(prefix: &str, before: Vec<Alert>) -> Self {
        let muted = before
            .iter()
            .filter_map(|alert| Some((alert.cause(), alert.muted_until?)))
            .collect();
        let active = before.into_iter().filter(Alert::is_active);
        Self {
            prefix: prefix.to_owned(),
            count: 0,
            muted,
            active: active
                .map(|alert| (alert.cause(), Active { alert, calm: None }))
                .collect(),
            pending: HashMap::new(),
        }
    }

    /// Judges what was measured just now. What was not measured is well, but for what nobody knows yet: that stays as it was.
    pub fn judge(
        &mut self,
        readings: Vec<Reading>,
        unknown: &HashSet<Cause>,
        rules: &Rules,
        now: Now,
    ) -> Judged {
        let mut judged = Judged::default();
        let mut bad: HashSet<Cause> = HashSet::new();
        self.muted.retain(|_, until| *until > now.wall);
        for reading in readings {
            let judged_as = reading.judged_as.as_ref().or(reading.subject.as_ref());
            let setting = rules.of(reading.rule, judged_as.map(|name| &**name));
            let cause = (reading.rule, reading.subject.clone());
            if !setting.on {
                continue;
            }
            let goes_on = self.active.contains_key(&cause);
            // Between the two it stays as it was.
            let least = if goes_on {
                setting.clear
            } else {
                setting.above
            };
            if reading.value <= least {
                continue;
            }
            if goes_on {
                judged.changed.extend(self.go_on(&cause, reading, setting));
            } else {
                let raised = self.begin(&cause, reading, setting, now);
                judged.raised.extend(raised);
            }
            bad.insert(cause);
        }
        self.pending.retain(|cause, _| bad.contains(cause));
        let calm: Vec<Cause> = (self.active.keys())
            .filter(|cause| !bad.contains(*cause) && !unknown.contains(*cause))
            .cloned()
            .collect();
        for cause in calm {
            judged.over.extend(self.calm(&cause, now));
        }
        judged
    }

    /// An alert whose cause is still there; given back if there is something to say of it.
    fn go_on(&mut self, cause: &Cause, reading: Reading, setting: Setting) -> Option<Alert> {
        let active = self.active.get_mut(cause)?;
        active.calm = None;
        let alert = &mut active.alert;
        let mut changed = alert.value.to_bits() != reading.value.to_bits()
            || alert.jobs != reading.concerned.jobs;
        // These say in words alone what differs.
        if matches!(alert.rule, Rule::Store | Rule::Hooks) {
            changed |= *alert.message != *reading.message;
        }
        // Whoever took note of some jobs does not know of those that came later.
        if alert.rule == Rule::Stalled && reading.value > alert.value {
            alert.acknowledged_by = None;
        }
        alert.value = reading.value;
        alert.threshold = setting.above;
        alert.jobs = reading.concerned.jobs;
        alert.owners = reading.concerned.owners;
        alert.message = reading.message.into();
        changed.then(|| alert.clone())
    }

    /// Something is too much that was not; given back once it is an alert.
    fn begin(
        &mut self,
        cause: &Cause,
        reading: Reading,
        setting: Setting,
        now: Now,
    ) -> Option<Alert> {
        let since = *self.pending.entry(cause.clone()).or_insert(now.mono);
        if now.mono.saturating_sub(since) < setting.hold_ms {
            return None;
        }
        let of_rule = (reading.rule, None)..;
        let of_rule = self.active.range(of_rule).take(MOST);
        if of_rule.filter(|(other, _)| other.0 == cause.0).count() == MOST {
            return None;
        }
        self.pending.remove(cause);
        self.count += 1;
        let alert = Alert {
            id: format!("{}_{}", self.prefix, self.count).into(),
            rule: reading.rule,
            subject: reading.subject,
            message: reading.message.into(),
            suggestion: reading.rule.suggestion().into(),
            since: now.wall,
            ended_at: None,
            value: reading.value,
            threshold: setting.above,
            jobs: reading.concerned.jobs,
            owners: reading.concerned.owners,
            acknowledged_by: None,
            muted_until: self.muted.get(cause).copied(),
        };
        let active = Active {
            alert: alert.clone(),
            calm: None,
        };
        self.active.insert(cause.clone(), active);
        Some(alert)
    }

    fn calm(&mut self, cause: &Cause, now: Now) -> Option<Alert> {
        let active = self.active.get_mut(cause)?;
        let since = *active.calm.get_or_insert(now.mono);
        if now.mono.saturating_sub(since) < CALM_MS {
            return None;
        }
        let mut over = self.active.remove(cause)?.alert;
        over.ended_at = Some(now.wall);
        Some(over)
    }

    /// Somebody has taken note of an alert. `None` if there is no such active one.
    pub fn acknowledge(&mut self, id: &str, who: &UserId) -> Option<Alert> {
        let alert = self.find(id)?;
        alert.acknowledged_by = Some(who.clone());
        Some(alert.clone())
    }

    /// The cause of an alert is not to disturb anybody until then. `None` if there is no such active one.
    pub fn mute(&mut self, id: &str, until: Timestamp) -> Option<Alert> {
        let alert = self.find(id)?;
        alert.muted_until = Some(until);
        let alert = alert.clone();
        self.muted.insert(alert.cause(), until);
        Some(alert)
    }

    fn find(&mut self, id: &str) -> Option<&mut Alert> {
        let mut all = self.active.values_mut().map(|active| &mut active.alert);
        all.find(|alert| *alert.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            wall: Timestamp(seconds.cast_signed() * 1_000),
            mono: seconds * 1_000,
        }
    }

    fn depth(queue: &str, value: f64) -> Reading {
        Reading {
            rule: Rule::QueueDepth,
            subject: Some(queue.into()),
            judged_as: None,
            value,
            concerned: Concerned::default(),
            message: format!("{value} wait in {queue}"),
        }
    }

    fn watch() -> Watch {
        Watch::new("alert_7", Vec::new())
    }

    /// All that came of judging.
    fn told(watch: &mut Watch, readings: Vec<Reading>, rules: &Rules, now: Now) -> Vec<Alert> {
        let judged = watch.judge(readings, &HashSet::new(), rules, now);
        [judged.raised, judged.changed, judged.over].concat()
    }

    #[test]
    fn one_alert_from_the_threshold_until_it_is_well_for_a_while() {
        let (mut watch, rules) = (watch(), Rules::default());
        assert_eq!(told(&mut watch, vec![depth("a", 50.0)], &rules, at(0)), []);
        let raised = told(&mut watch, vec![depth("a", 51.0)], &rules, at(1));
        assert_eq!(&*raised[0].id, "alert_7_1");
        assert_eq!((raised[0].value, raised[0].threshold), (51.0, 50.0));
        // The same again is nothing new; another value is the same alert.
        assert_eq!(told(&mut watch, vec![depth("a", 51.0)], &rules, at(2)), []);
        let more = told(&mut watch, vec![depth("a", 70.0)], &rules, at(3));
        assert_eq!((&*more[0].id, more[0].value), ("alert_7_1", 70.0));
        // Below the threshold and above where it is well: it stays.
        let less = told(&mut watch, vec![depth("a", 45.0)], &rules, at(4));
        assert!(less[0].is_active());
        assert_eq!(told(&mut watch, vec![depth("a", 40.0)], &rules, at(5)), []);
        assert_eq!(
            told(&mut watch, vec![depth("a", 60.0)], &rules, at(6)).len(),
            1
        );
        assert_eq!(told(&mut watch, vec![], &rules, at(7)), []);
        let over = told(&mut watch, vec![], &rules, at(17));
        assert_eq!(over[0].ended_at, Some(at(17).wall));
        let again = told(&mut watch, vec![depth("a", 51.0)], &rules, at(18));
        assert_eq!(&*again[0].id, "alert_7_2");
    }

    #[test]
    fn a_rule_may_wait_and_be_off_and_differ_by_queue() {
        let mut rules = Rules::default();
        let settings = rules.settings_mut(Rule::QueueDepth).unwrap();
        settings.usual.hold_ms = 5_000;
        let mut own = settings.usual.above(5.0);
        own.hold_ms = 0;
        settings.own.insert("small".into(), own);
        own.on = false;
        settings.own.insert("off".into(), own);
        let mut watch = watch();
        let readings = || vec![depth("a", 99.0), depth("small", 6.0), depth("off", 99.0)];
        let first = told(&mut watch, readings(), &rules, at(0));
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].subject.as_deref(), Some("small"));
        assert_eq!(told(&mut watch, readings(), &rules, at(4)), []);
        assert_eq!(told(&mut watch, readings(), &rules, at(5)).len(), 1);
        // What is well in between begins anew.
        let mut other = Watch::new("b", Vec::new());
        assert_eq!(told(&mut other, vec![depth("a", 99.0)], &rules, at(0)), []);
        assert_eq!(told(&mut other, vec![depth("a", 1.0)], &rules, at(3)), []);
        assert_eq!(told(&mut other, vec![depth("a", 99.0)], &rules, at(4)), []);
        assert_eq!(told(&mut other, vec![depth("a", 99.0)], &rules, at(8)), []);
        assert_eq!(
            told(&mut other, vec![depth("a", 99.0)], &rules, at(9)).len(),
            1
        );
    }

    #[test]
    fn what_somebody_knows_of_disturbs_nobody() {
        let (mut watch, rules) = (watch(), Rules::default());
        let raised = told(&mut watch, vec![depth("a", 51.0)], &rules, at(1)).remove(0);
        assert!(raised.disturbs(at(1).wall));
        let ann = UserId::new("ann").unwrap();
        let known = watch.acknowledge(&raised.id, &ann).unwrap();
        assert!(!known.disturbs(at(1).wall) && known.is_active());
        let muted = watch.mute(&raised.id, at(3_600).wall).unwrap();
        assert_eq!(muted.muted_until, Some(at(3_600).wall));
        told(&mut watch, vec![], &rules, at(2));
        told(&mut watch, vec![], &rules, at(12));
        // The cause is muted, not the one alert.
        let again = told(&mut watch, vec![depth("a", 51.0)], &rules, at(20)).remove(0);
        assert!(!again.disturbs(at(20).wall) && again.disturbs(at(3_600).wall));
        assert!(watch.acknowledge("alert_7_99", &ann).is_none());
        assert!(watch.mute(&raised.id, at(9).wall).is_none(), "it is over");
    }

    #[test]
    fn after_a_restart_an_alert_goes_on_or_is_over() {
        let (mut before, rules) = (watch(), Rules::default());
        let raised = told(
            &mut before,
            vec![depth("a", 51.0), depth("b", 51.0)],
            &rules,
            at(1),
        );
        let mut after = Watch::new("alert_8", raised);
        let on = told(&mut after, vec![depth("a", 52.0)], &rules, at(2));
        assert_eq!((on.len(), &*on[0].id), (1, "alert_7_1"));
        let over = told(&mut after, vec![depth("a", 52.0)], &rules, at(12));
        assert_eq!((over.len(), &*over[0].id), (1, "alert_7_2"));
        assert!(!over[0].is_active());
    }

    #[test]
    fn what_is_not_known_yet_stays_as_it_was() {
        let (mut watch, rules) = (watch(), Rules::default());
        let raised = told(&mut watch, vec![depth("a", 51.0)], &rules, at(1)).remove(0);
        let unknown = HashSet::from([raised.cause()]);
        for seconds in [2, 30, 60] {
            let judged = watch.judge(vec![], &unknown, &rules, at(seconds));
            assert_eq!(judged, Judged::default());
        }
        told(&mut watch, vec![], &rules, at(61));
        assert_eq!(told(&mut watch, vec![], &rules, at(71)).len(), 1);
    }

    #[test]
    fn what_is_muted_is_so_after_a_restart_also_where_the_alert_is_over() {
        let (mut before, rules) = (watch(), Rules::default());
        let raised = told(&mut before, vec![depth("a", 51.0)], &rules, at(1)).remove(0);
        before.mute(&raised.id, at(3_600).wall).unwrap();
        told(&mut before, vec![], &rules, at(2));
        let over = told(&mut before, vec![], &rules, at(12));
        let mut after = Watch::new("alert_8", over);
        let again = told(&mut after, vec![depth("a", 51.0)], &rules, at(20)).remove(0);
        assert!(!again.disturbs(at(20).wall));
    }

    #[test]
    fn a_rule_has_no_more_than_so_many_at_a_time() {
        let (mut watch, rules) = (watch(), Rules::default());
        let names: Vec<String> = (0..MOST + 5).map(|n| format!("q{n}")).collect();
        let readings = |names: &[String]| names.iter().map(|name| depth(name, 99.0)).collect();
        let first = told(&mut watch, readings(&names), &rules, at(1));
        assert_eq!(first.len(), MOST);
        assert_eq!(told(&mut watch, readings(&names), &rules, at(2)), []);
        // There is room again.
        told(&mut watch, readings(&names[10..]), &rules, at(3));
        let later = told(&mut watch, readings(&names[10..]), &rules, at(13));
        assert_eq!(later.iter().filter(|alert| !alert.is_active()).count(), 10);
        let last = told(&mut watch, readings(&names[10..]), &rules, at(14));
        assert_eq!(last.len(), 5);
    }

    #[test]
    fn more_jobs_that_nothing_is_heard_of_are_news() {
        let (mut watch, mut rules) = (watch(), Rules::default());
        let settings = rules.settings_mut(Rule::Stalled).unwrap();
        assert_eq!(settings.usual.hold_ms, STALLED_HOLD_MS);
        settings.usual.hold_ms = 0;
        let ann = UserId::new("ann").unwrap();
        let silent = |count: u128| {
            let mut concerned = Concerned::default();
            (0..count).for_each(|n| concerned.add(JobId(n), &ann));
            vec![Reading {
                rule: Rule::Stalled,
                subject: Some("ann".into()),
                value: count as f64,
                concerned,
                ..depth("", 0.0)
            }]
        };
        let raised = told(&mut watch, silent(30), &rules, at(1)).remove(0);
        assert_eq!((raised.jobs.len(), raised.owners[&ann].count), (JOBS, 30));
        watch.acknowledge(&raised.id, &ann).unwrap();
        let fewer = told(&mut watch, silent(29), &rules, at(2)).remove(0);
        assert_eq!(fewer.acknowledged_by, Some(ann.clone()));
        let more = told(&mut watch, silent(30), &rules, at(3)).remove(0);
        assert!(more.disturbs(at(3).wall));
    }
}
