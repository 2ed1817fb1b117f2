//! What is measured of the live set and the daemon, as the rules judge it. Pure.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jobtop_core::alert::{Cause, Concerned, Reading, Rule, Rules};
use jobtop_core::{Job, JobId, JobType, Now, Status, UserId};

use super::usual::Known;

/// What is read off the daemon itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges {
    /// Connections that failed since the start.
    pub(crate) failed_connections: u64,
    /// Updates that reached a viewer late since the start.
    pub(crate) late_updates: u64,
    /// How much of the disk is taken, 0 to 1; where it is known.
    pub(crate) disk_used: Option<f64>,
    /// What is wrong with the store, if anything is.
    pub(crate) store: Option<String>,
    /// Hooks that fail again and again, with why.
    pub(crate) hooks: Vec<(Arc<str>, String)>,
}

/// Turns what is there into readings.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    connections: Counter,
    updates: Counter,
    endings: Endings,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// What was measured.
    pub(crate) readings: Vec<Reading>,
    /// Of which nobody knows yet.
    pub(crate) unknown: HashSet<Cause>,
}

/// A count that only grows, over a window.
#[derive(Debug, Default)]
struct Counter(VecDeque<(u64, u64)>);

impl Counter {
    /// By how much it has grown within that time.
    fn grown(&mut self, count: u64, within_ms: u64, now: u64) -> u64 {
        self.0.push_back((now, count));
        // The newest of those that are too old is where the window begins.
        while self.0.len() > 1 && now.saturating_sub(self.0[1].0) >= within_ms {
            self.0.pop_front();
        }
        self.0
            .front()
            .map_or(0, |(_, first)| count.saturating_sub(*first))
    }
}

/// How long a job usually takes, in milliseconds of active time.
pub(crate) type Usual<'a> = &'a dyn Fn(&Job) -> Known;

impl Gauge {
    /// Reads everything.
    pub(crate) fn read(
        &mut self,
        jobs: &[Arc<Job>],
        gauges: &Gauges,
        usual: Usual<'_>,
        rules: &Rules,
        now: Now,
    ) -> Read {
        let mut read = of_jobs(jobs, usual, rules, now);
        self.endings.look(jobs, rules, now);
        read.readings.extend(self.endings.read(rules, now));
        let readings = &mut read.readings;
        let setting = rules.of(Rule::ConnectionFailures, None);
        let failed =
            (self.connections).grown(gauges.failed_connections, setting.within_ms, now.mono);
        let within = in_words(setting.within_ms);
        readings.push(of_daemon(
            Rule::ConnectionFailures,
            failed as f64,
            format!("{failed} connections failed within {within}"),
        ));
        let setting = rules.of(Rule::LateUpdates, None);
        let late = self
            .updates
            .grown(gauges.late_updates, setting.within_ms, now.mono);
        let within = in_words(setting.within_ms);
        readings.push(of_daemon(
            Rule::LateUpdates,
            late as f64,
            format!(
                "{late} updates reached their viewers more than half a second late within {within}"
            ),
        ));
        if let Some(used) = gauges.disk_used {
            // As fine as it is said.
            let used = (used * 1_000.0).round() / 1_000.0;
            readings.push(of_daemon(
                Rule::Disk,
                used,
                format!("The disk of the store is {:.1} % full", used * 100.0),
            ));
        }
        if let Some(why) = &gauges.store {
            readings.push(of_daemon(Rule::Store, 1.0, why.clone()));
        }
        for (name, why) in &gauges.hooks {
            readings.push(Reading {
                subject: Some(name.clone()),
                ..of_daemon(Rule::Hooks, 1.0, format!("The hook {name} fails: {why}"))
            });
        }
        read
    }
}

fn of_daemon(rule: Rule, value: f64, message: String) -> Reading {
    Reading {
        rule,
        subject: None,
        judged_as: None,
        value,
        concerned: Concerned::default(),
        message,
    }
}

/// How jobs ended within the time that their type's rule looks at: counted when they end, as the live set forgets them earlier.
#[derive(Debug, Default)]
struct Endings {
    types: HashMap<JobType, OfType>,
    /// Those of the live set that have been counted.
    counted: HashSet<JobId>,
}

/// Endings of jobs of a type.
#[derive(Debug, Default)]
struct OfType {
    /// When, in order.
    all: VecDeque<i64>,
    /// The failed ones.
    failed: VecDeque<(i64, JobId, UserId)>,
}

impl Endings {
    /// Counts those that are new.
    fn look(&mut self, jobs: &[Arc<Job>], rules: &Rules, now: Now) {
        let before = std::mem::take(&mut self.counted);
        for job in jobs {
            let (spec, state) = (&job.spec, &job.state);
            if !matches!(state.status, Status::Completed | Status::Failed) {
                continue;
            }
            self.counted.insert(job.id());
            let at = state.finished_at.unwrap_or(spec.created_at);
            let within = rules
                .of(Rule::FailureRate, Some(spec.job_type.as_str()))
                .within_ms;
            if before.contains(&job.id()) || now.wall.ms_since(at) >= within {
                continue;
            }
            if !self.types.contains_key(&spec.job_type) {
                self.types.insert(spec.job_type.clone(), OfType::default());
            }
            if let Some(of_type) = self.types.get_mut(&spec.job_type) {
                put(&mut of_type.all, at.0, |at| *at);
                if state.status == Status::Failed {
                    let failed = (at.0, job.id(), spec.user.clone());
                    put(&mut of_type.failed, failed, |(at, ..)| *at);
                }
            }
        }
    }

    fn read(&mut self, rules: &Rules, now: Now) -> Vec<Reading> {
        let mut readings = Vec::new();
        self.types.retain(|job_type, of_type| {
            let setting = rules.of(Rule::FailureRate, Some(job_type.as_str()));
            let within = i64::try_from(setting.within_ms).unwrap_or(i64::MAX);
            let oldest = now.wall.0.saturating_sub(within);
            let all = &mut of_type.all;
            while all.front().is_some_and(|at| *at <= oldest) {
                all.pop_front();
            }
            let failed = &mut of_type.failed;
            while failed.front().is_some_and(|(at, ..)| *at <= oldest) {
                failed.pop_front();
            }
            if all.len() as u64 >= setting.least.max(1) {
                readings.push(of_type.reading(job_type, setting.within_ms, setting.clear));
            }
            !of_type.all.is_empty()
        });
        readings
    }
}

/// So many endings of a type are remembered.
const ENDINGS: usize = 20_000;

/// Puts one in its place by time, mostly the last.
fn put<T>(all: &mut VecDeque<T>, one: T, at: impl Fn(&T) -> i64) {
    let place = all.partition_point(|other| at(other) <= at(&one));
    all.insert(place, one);
    if all.len() > ENDINGS {
        all.pop_front();
    }
}

impl OfType {
    fn reading(&self, job_type: &JobType, within_ms: u64, clear: f64) -> Reading {
        let (failed, all) = (self.failed.len(), self.all.len());
        let rate = failed as f64 / all as f64;
        let mut concerned = Concerned::default();
        if rate > clear {
            // The latest say the most.
            for (_, job, owner) in self.failed.iter().rev() {
                concerned.add(*job, owner);
            }
        }
        let within = in_words(within_ms);
        Reading {
            rule: Rule::FailureRate,
            subject: Some(job_type.as_str().into()),
            judged_as: None,
            value: rate,
            concerned,
            message: format!(
                "{failed} of {all} {job_type} jobs failed within {within} ({:.1} %)",
                rate * 100.0
            ),
        }
    }
}

fn of_jobs(jobs: &[Arc<Job>], usual: Usual<'_>, rules: &Rules, now: Now) -> Read {
    let mut waiting: BTreeMap<&Arc<str>, (u64, Concerned)> = BTreeMap::new();
    let mut silent: BTreeMap<&UserId, (u64, Concerned)> = BTreeMap::new();
    let mut read = Read::default();
    for job in jobs {
        let (spec, state) = (&job.spec, &job.state);
        match state.status {
            Status::Pending => {
                let (count, concerned) = waiting.entry(&spec.queue).or_default();
                *count += 1;
                concerned.add(job.id(), &spec.user);
            }
            Status::Running | Status::Paused => {
                if state.stalled_since.is_some() {
                    let (count, concerned) = silent.entry(&spec.user).or_default();
                    *count += 1;
                    concerned.add(job.id(), &spec.user);
                } else if state.status == Status::Running {
                    overdue(job, usual, rules, now, &mut read);
                }
            }
            Status::Completed | Status::Failed | Status::Cancelled => {}
        }
    }
    for (queue, (count, concerned)) in waiting {
        read.readings.push(Reading {
            subject: Some(queue.clone()),
            concerned,
            ..of_daemon(
                Rule::QueueDepth,
                count as f64,
                match count {
                    1 => format!("1 job waits in the queue {queue}"),
                    count => format!("{count} jobs wait in the queue {queue}"),
                },
            )
        });
    }
    for (user, (count, concerned)) in silent {
        read.readings.push(Reading {
            subject: Some(user.as_str().into()),
            concerned,
            ..of_daemon(
                Rule::Stalled,
                count as f64,
                match count {
                    1 => format!("Nothing is heard of a job of {user}"),
                    count => format!("Nothing is heard of {count} jobs of {user}"),
                },
            )
        });
    }
    read
}

/// A job that takes far longer than it usually does.
fn overdue(job: &Job, usual: Usual<'_>, rules: &Rules, now: Now, read: &mut Read) {
    let setting = rules.of(Rule::Overdue, Some(job.spec.job_type.as_str()));
    let active = job.state.stopwatch.active_ms(now.mono);
    if !setting.on || active < setting.within_ms {
        return;
    }
    let subject: Arc<str> = job.id().to_string().into();
    let usual = match usual(job) {
        Known::Usually(usual) => usual.max(1),
        Known::TooFewRuns => return,
        Known::NotYet => {
            read.unknown.insert((Rule::Overdue, Some(subject)));
            return;
        }
    };
    // As fine as it is said.
    let times = (active as f64 / usual as f64 * 10.0).floor() / 10.0;
    let name = jobtop_core::text::clean_within(&job.spec.name, 60);
    let mut concerned = Concerned::default();
    concerned.add(job.id(), &job.spec.user);
    read.readings.push(Reading {
        rule: Rule::Overdue,
        subject: Some(subject),
        judged_as: Some(job.spec.job_type.as_str().into()),
        value: times,
        concerned,
        message: format!(
            "{name} has been at work for {}, and usually takes {}",
            in_words(active),
            in_words(usual)
        ),
    });
}

/// A length of time, roughly.
fn in_words(ms: u64) -> String {
    let seconds = ms.div_ceil(1_000);
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use jobtop_core::Timestamp;
    use jobtop_core::job::failure::Failure;
    use jobtop_core::policy::Limits;
    use jobtop_core::proto::body::NewJob;

    use super::*;

    #[test]
    fn a_count_is_taken_over_its_window() {
        let mut counter = Counter::default();
        for (now, count, grown) in [
            (0, 100, 0),
            (1_000, 105, 5),
            (59_000, 110, 10),
            (60_000, 110, 10),
            (61_000, 110, 5),
            (119_000, 110, 0),
            (120_000, 111, 1),
        ] {
            assert_eq!(counter.grown(count, 60_000, now), grown, "{now}");
        }
    }

    #[test]
    fn times_in_words() {
        for (ms, words) in [
            (900, "1 s"),
            (60_000, "60 s"),
            (900_000, "15 min"),
            (7_200_000, "2 h"),
        ] {
            assert_eq!(in_words(ms), words);
        }
    }

    fn ended(n: u128, kind: &str, at: i64, failed: bool) -> Arc<Job> {
        let then = Now {
            wall: Timestamp(at),
            mono: at.cast_unsigned(),
        };
        let new = NewJob::of(JobType::new(kind).unwrap());
        let user = UserId::new("ann").unwrap();
        let id = JobId::new(then.wall, n);
        let made = (&Limits::default(), then);
        let mut job = crate::engine::create::build(id, user, new, None, made).unwrap();
        if failed {
            let failure = Failure {
                code: "x".into(),
                message: "it broke".into(),
                step: None,
                exit_code: None,
                signal: None,
                suggestion: None,
                last_lines: None,
            };
            job.fail(failure, then).unwrap();
        } else {
            job.complete(then).unwrap();
        }
        Arc::new(job)
    }

    /// What is said of a type at that time, after such a live set.
    fn rate(endings: &mut Endings, live: &[Arc<Job>], at: u64, kind: &str) -> Option<(f64, u64)> {
        let (rules, now) = (
            Rules::default(),
            Now {
                wall: Timestamp(at.cast_signed()),
                mono: at,
            },
        );
        endings.look(live, &rules, now);
        let readings = endings.read(&rules, now);
        let of_kind = readings
            .into_iter()
            .find(|one| one.subject.as_deref() == Some(kind))?;
        let owners = of_kind.concerned.owners.values();
        Some((of_kind.value, owners.map(|own| own.count).sum()))
    }

    #[test]
    fn endings_count_for_the_whole_window_although_the_live_set_forgets_them() {
        let mut endings = Endings::default();
        let rare: Vec<_> = (0..12).map(|n| ended(n, "rare", 1_000, true)).collect();
        assert_eq!(rate(&mut endings, &rare, 2_000, "rare"), Some((1.0, 12)));
        assert_eq!(rate(&mut endings, &rare, 2_500, "rare"), Some((1.0, 12)));
        // Others have taken their places.
        let busy: Vec<_> = (20..60).map(|n| ended(n, "busy", 3_000, false)).collect();
        assert_eq!(rate(&mut endings, &busy, 4_000, "rare"), Some((1.0, 12)));
        assert_eq!(rate(&mut endings, &busy, 4_500, "busy"), Some((0.0, 0)));
        assert_eq!(rate(&mut endings, &busy, 900_999, "rare"), Some((1.0, 12)));
        assert_eq!(rate(&mut endings, &busy, 901_000, "rare"), None);
        assert!(rate(&mut endings, &[], 902_999, "busy").is_some());
        assert_eq!(rate(&mut endings, &[], 903_000, "busy"), None);
        assert!(endings.types.is_empty());
    }
}
