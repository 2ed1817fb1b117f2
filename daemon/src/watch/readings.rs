//! What is measured of the live set and the daemon, as the rules judge it. Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use jobtop_core::alert::{JOBS, Reading, Rule, Rules};
use jobtop_core::{Job, JobId, JobType, Now, Status, UserId};

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

/// How long a job usually takes, in milliseconds of active time, if it is known.
pub(crate) type Usual<'a> = &'a dyn Fn(&Job) -> Option<u64>;

impl Gauge {
    /// Reads everything.
    pub(crate) fn read(
        &mut self,
        jobs: &[Arc<Job>],
        gauges: &Gauges,
        usual: Usual<'_>,
        rules: &Rules,
        now: Now,
    ) -> Vec<Reading> {
        let mut readings = of_jobs(jobs, usual, rules, now);
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
        readings
    }
}

fn of_daemon(rule: Rule, value: f64, message: String) -> Reading {
    Reading {
        rule,
        subject: None,
        judged_as: None,
        value,
        jobs: Vec::new(),
        message,
    }
}

/// What has been counted of the jobs of a type.
#[derive(Default)]
struct Ended {
    failed: u64,
    all: u64,
    jobs: Vec<(JobId, UserId)>,
}

fn of_jobs(jobs: &[Arc<Job>], usual: Usual<'_>, rules: &Rules, now: Now) -> Vec<Reading> {
    let mut waiting: BTreeMap<&Arc<str>, (u64, Vec<(JobId, UserId)>)> = BTreeMap::new();
    let mut ended: HashMap<&JobType, Ended> = HashMap::new();
    let mut stalled = Vec::new();
    let mut readings = Vec::new();
    let mut stalled_count = 0_u64;
    for job in jobs {
        let (spec, state) = (&job.spec, &job.state);
        match state.status {
            Status::Pending => {
                let (count, waiting) = waiting.entry(&spec.queue).or_default();
                *count += 1;
                note(waiting, job);
            }
            Status::Running | Status::Paused => {
                if state.stalled_since.is_some() {
                    stalled_count += 1;
                    note(&mut stalled, job);
                } else if state.status == Status::Running {
                    readings.extend(overdue(job, usual, rules, now));
                }
            }
            Status::Completed | Status::Failed => {
                let setting = rules.of(Rule::FailureRate, Some(spec.job_type.as_str()));
                let at = state.finished_at.unwrap_or(spec.created_at);
                if now.wall.ms_since(at) < setting.within_ms {
                    let ended = ended.entry(&spec.job_type).or_default();
                    ended.all += 1;
                    if state.status == Status::Failed {
                        ended.failed += 1;
                        note(&mut ended.jobs, job);
                    }
                }
            }
            Status::Cancelled => {}
        }
    }
    for (queue, (count, jobs)) in waiting {
        readings.push(Reading {
            subject: Some(queue.clone()),
            jobs,
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
    for (job_type, Ended { failed, all, jobs }) in ended {
        let setting = rules.of(Rule::FailureRate, Some(job_type.as_str()));
        if all < setting.least.max(1) {
            continue;
        }
        let rate = failed as f64 / all as f64;
        let within = in_words(setting.within_ms);
        readings.push(Reading {
            rule: Rule::FailureRate,
            subject: Some(job_type.as_str().into()),
            judged_as: None,
            value: rate,
            jobs,
            message: format!(
                "{failed} of {all} {job_type} jobs failed within {within} ({:.1} %)",
                rate * 100.0
            ),
        });
    }
    if stalled_count > 0 {
        let message = match stalled_count {
            1 => "Nothing is heard of a job".to_owned(),
            count => format!("Nothing is heard of {count} jobs"),
        };
        readings.push(Reading {
            rule: Rule::Stalled,
            subject: None,
            judged_as: None,
            value: stalled_count as f64,
            jobs: stalled,
            message,
        });
    }
    readings
}

/// A job that takes far longer than it usually does.
fn overdue(job: &Job, usual: Usual<'_>, rules: &Rules, now: Now) -> Option<Reading> {
    let setting = rules.of(Rule::Overdue, Some(job.spec.job_type.as_str()));
    let active = job.state.stopwatch.active_ms(now.mono);
    if !setting.on || active < setting.within_ms {
        return None;
    }
    let usual = usual(job)?.max(1);
    let times = active as f64 / usual as f64;
    let name = jobtop_core::text::clean_within(&job.spec.name, 60);
    Some(Reading {
        rule: Rule::Overdue,
        subject: Some(job.id().to_string().into()),
        judged_as: Some(job.spec.job_type.as_str().into()),
        value: times,
        jobs: vec![(job.id(), job.spec.user.clone())],
        message: format!(
            "{name} has been at work for {}, and usually takes {}",
            in_words(active),
            in_words(usual)
        ),
    })
}

fn note(jobs: &mut Vec<(JobId, UserId)>, job: &Job) {
    if jobs.len() < JOBS {
        jobs.push((job.id(), job.spec.user.clone()));
    }
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
}
