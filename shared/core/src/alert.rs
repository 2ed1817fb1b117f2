//! When something is wrong: the rules, pure. Readings go in, alerts come out: raised once the threshold is passed for as long as the rule
//! waits, ended once the value is well below it for a while. One alert for each cause.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{JobId, UserId};
use crate::time::{Now, Timestamp};

/// At most so many jobs are named by an alert.
pub const JOBS: usize = 20;
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
                hold_ms: 0,
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
    /// The jobs concerned, with their owners, as many as are told.
    pub jobs: Vec<(JobId, UserId)>,
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
    /// Their owners, by place; of an alert that is told to somebody this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<UserId>,
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

    fn key(&self) -> Key {
        (self.rule, self.subject.clone())
    }
}

type Key = (Rule, Option<Arc<str>>);

/// What is known of every cause.
#[derive(Debug)]
pub struct Watch {
    prefix: String,
    count: u64,
    active: BTreeMap<Key, Active>,
    /// Since when it has been too much, in monotonic milliseconds, of what is not an alert yet.
    pending: HashMap<Key, u64>,
    muted: BTreeMap<Key, Timestamp>,
}

#[derive(Debug)]
struct Active {
    alert: Alert,
    /// Since when it has been well, in monotonic milliseconds.
    calm: Option<u64>,
}

impl Watch {
    /// A watch whose alerts have ids that begin so; those that were active before go on if their causes do.
    #[must_use]
    pub fn new(prefix: &str, before: Vec<Alert>) -> Self {
        let active = before.into_iter().filter(Alert::is_active);
        Self {
            prefix: prefix.to_owned(),
            count: 0,
            muted: BTreeMap::new(),
            active: active
                .map(|alert| (alert.key(), Active { alert, calm: None }))
                .collect(),
            pending: HashMap::new(),
        }
    }

    /// Judges what was measured just now; what was not measured is well. Gives back the alerts that are raised, changed or over.
    pub fn judge(&mut self, readings: Vec<Reading>, rules: &Rules, now: Now) -> Vec<Alert> {
        let mut told = Vec::new();
        let mut bad = Vec::new();
        for reading in readings {
            let judged_as = reading.judged_as.as_ref().or(reading.subject.as_ref());
            let setting = rules.of(reading.rule, judged_as.map(|name| &**name));
            let key = (reading.rule, reading.subject.clone());
            if !setting.on {
                continue;
            }
            let is_bad = reading.value > setting.above;
            // Between the two it stays as it was.
            if is_bad || (self.active.contains_key(&key) && reading.value > setting.clear) {
                bad.push(key.clone());
                told.extend(self.bad(key, reading, setting, is_bad, now));
            }
        }
        self.pending.retain(|key, _| bad.contains(key));
        let calm: Vec<Key> = (self.active.keys())
            .filter(|key| !bad.contains(key))
            .cloned()
            .collect();
        for key in calm {
            told.extend(self.calm(&key, now));
        }
        told
    }

    fn bad(
        &mut self,
        key: Key,
        reading: Reading,
        setting: Setting,
        is_bad: bool,
        now: Now,
    ) -> Option<Alert> {
        let (jobs, owners) = reading.jobs.into_iter().take(JOBS).unzip();
        if let Some(active) = self.active.get_mut(&key) {
            active.calm = None;
            let alert = &mut active.alert;
            let before = (alert.value.to_bits(), alert.jobs.clone());
            alert.value = reading.value;
            alert.threshold = setting.above;
            alert.jobs = jobs;
            alert.owners = owners;
            alert.message = reading.message.into();
            let after = (alert.value.to_bits(), alert.jobs.clone());
            return (before != after).then(|| alert.clone());
        }
        let since = *self.pending.entry(key.clone()).or_insert(now.mono);
        if !is_bad || now.mono.saturating_sub(since) < setting.hold_ms {
            return None;
        }
        self.pending.remove(&key);
        self.count += 1;
        let muted_until = self.muted.get(&key).copied();
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
            jobs,
            owners,
            acknowledged_by: None,
            muted_until: muted_until.filter(|until| *until > now.wall),
        };
        let active = Active {
            alert: alert.clone(),
            calm: None,
        };
        self.active.insert(key, active);
        Some(alert)
    }

    fn calm(&mut self, key: &Key, now: Now) -> Option<Alert> {
        let active = self.active.get_mut(key)?;
        let since = *active.calm.get_or_insert(now.mono);
        if now.mono.saturating_sub(since) < CALM_MS {
            return None;
        }
        let mut over = self.active.remove(key)?.alert;
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
        self.muted.insert(alert.key(), until);
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
            jobs: Vec::new(),
            message: format!("{value} wait in {queue}"),
        }
    }

    fn watch() -> Watch {
        Watch::new("alert_7", Vec::new())
    }

    #[test]
    fn one_alert_from_the_threshold_until_it_is_well_for_a_while() {
        let (mut watch, rules) = (watch(), Rules::default());
        assert_eq!(watch.judge(vec![depth("a", 50.0)], &rules, at(0)), []);
        let raised = watch.judge(vec![depth("a", 51.0)], &rules, at(1));
        assert_eq!(&*raised[0].id, "alert_7_1");
        assert_eq!((raised[0].value, raised[0].threshold), (51.0, 50.0));
        // The same again is nothing new; another value is the same alert.
        assert_eq!(watch.judge(vec![depth("a", 51.0)], &rules, at(2)), []);
        let more = watch.judge(vec![depth("a", 70.0)], &rules, at(3));
        assert_eq!((&*more[0].id, more[0].value), ("alert_7_1", 70.0));
        // Below the threshold and above where it is well: it stays.
        let less = watch.judge(vec![depth("a", 45.0)], &rules, at(4));
        assert!(less[0].is_active());
        assert_eq!(watch.judge(vec![depth("a", 40.0)], &rules, at(5)), []);
        assert_eq!(watch.judge(vec![depth("a", 60.0)], &rules, at(6)).len(), 1);
        assert_eq!(watch.judge(vec![], &rules, at(7)), []);
        let over = watch.judge(vec![], &rules, at(17));
        assert_eq!(over[0].ended_at, Some(at(17).wall));
        let again = watch.judge(vec![depth("a", 51.0)], &rules, at(18));
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
        let first = watch.judge(readings(), &rules, at(0));
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].subject.as_deref(), Some("small"));
        assert_eq!(watch.judge(readings(), &rules, at(4)), []);
        assert_eq!(watch.judge(readings(), &rules, at(5)).len(), 1);
        // What is well in between begins anew.
        let mut other = Watch::new("b", Vec::new());
        assert_eq!(other.judge(vec![depth("a", 99.0)], &rules, at(0)), []);
        assert_eq!(other.judge(vec![depth("a", 1.0)], &rules, at(3)), []);
        assert_eq!(other.judge(vec![depth("a", 99.0)], &rules, at(4)), []);
        assert_eq!(other.judge(vec![depth("a", 99.0)], &rules, at(8)), []);
        assert_eq!(other.judge(vec![depth("a", 99.0)], &rules, at(9)).len(), 1);
    }

    #[test]
    fn what_somebody_knows_of_disturbs_nobody() {
        let (mut watch, rules) = (watch(), Rules::default());
        let raised = watch.judge(vec![depth("a", 51.0)], &rules, at(1)).remove(0);
        assert!(raised.disturbs(at(1).wall));
        let ann = UserId::new("ann").unwrap();
        let known = watch.acknowledge(&raised.id, &ann).unwrap();
        assert!(!known.disturbs(at(1).wall) && known.is_active());
        let muted = watch.mute(&raised.id, at(3_600).wall).unwrap();
        assert_eq!(muted.muted_until, Some(at(3_600).wall));
        watch.judge(vec![], &rules, at(2));
        watch.judge(vec![], &rules, at(12));
        // The cause is muted, not the one alert.
        let again = watch
            .judge(vec![depth("a", 51.0)], &rules, at(20))
            .remove(0);
        assert!(!again.disturbs(at(20).wall) && again.disturbs(at(3_600).wall));
        assert!(watch.acknowledge("alert_7_99", &ann).is_none());
        assert!(watch.mute(&raised.id, at(9).wall).is_none(), "it is over");
    }

    #[test]
    fn after_a_restart_an_alert_goes_on_or_is_over() {
        let (mut before, rules) = (watch(), Rules::default());
        let raised = before.judge(vec![depth("a", 51.0), depth("b", 51.0)], &rules, at(1));
        let mut after = Watch::new("alert_8", raised);
        let told = after.judge(vec![depth("a", 52.0)], &rules, at(2));
        assert_eq!((told.len(), &*told[0].id), (1, "alert_7_1"));
        let over = after.judge(vec![depth("a", 52.0)], &rules, at(12));
        assert_eq!((over.len(), &*over[0].id), (1, "alert_7_2"));
        assert!(!over[0].is_active());
    }
}
