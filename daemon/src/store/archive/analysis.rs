//! Figures about what ended: how many, how long, how fast, what went wrong; all from the index, but for the examples.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jobtop_core::calc::pattern;
use jobtop_core::proto::history::{ErrorPattern, Group, GroupBy, Percentiles, StepTime};
use jobtop_core::query::Query;
use jobtop_core::{Job, Status, Timestamp, UserId};

use super::Shared;
use super::chunk::Chunk;
use super::profile::Profile;
use super::search::{Pieces, Plan};

/// What is asked about.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The jobs that pass this filter, asked `now`.
    pub query: Query,
    /// They are this user's, if one is named.
    pub owner: Option<UserId>,
    /// What they are grouped by.
    pub group_by: GroupBy,
    /// At most this many groups.
    pub limit: usize,
    /// The moment from which `since:7d` counts.
    pub now: Timestamp,
    /// Where days begin and end.
    pub tz: TimeZone,
}

/// The figures.
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    /// The groups, the largest first; days in their order.
    pub groups: Vec<Group>,
    /// What went wrong, the most frequent first.
    pub errors: Vec<ErrorPattern>,
    /// What ended before this moment is not counted yet.
    pub indexed_from: Option<Timestamp>,
}

/// So many kinds of errors are told.
const PATTERNS: usize = 20;

/// So many steps of a group are told, the slowest.
const STEPS: usize = 20;

/// A row that stands for others: its chunk's number and its own.
type Place = (usize, usize);

/// What is gathered of a group.
#[derive(Default)]
struct Gathered {
    key: String,
    completed: u64,
    failed: u64,
    cancelled: u64,
    active_ms: Vec<u64>,
    processed: u64,
    counting_ms: u64,
    /// Milliseconds of each step, by its name.
    steps: Vec<(Box<str>, Vec<u32>)>,
    last: Place,
}

struct Failures {
    count: u64,
    last: Place,
    last_seen: i64,
}

/// Works the figures out; `read` gives the whole record of a job.
pub(super) fn of(
    shared: &Shared,
    asked: &Asked,
    horizon: Timestamp,
    read: impl Fn(&File, u64) -> Option<Arc<Job>>,
) -> Analysis {
    let plan = Plan::of(
        shared,
        &asked.query,
        asked.owner.as_ref(),
        asked.now,
        horizon,
    );
    let pieces = Pieces::within(shared, plan.span);
    let mut groups = Groups::new(asked, &plan);
    let mut failures: HashMap<String, Failures> = HashMap::new();
    let mut scratch = Vec::new();
    for (number, (_, chunk)) in pieces.list.iter().enumerate() {
        plan.each(chunk, &mut scratch, |row| {
            groups.add(chunk, (number, row));
            let error = chunk.texts(row).2;
            if !error.is_empty() {
                let finished = chunk.finished(row);
                let seen = failures.entry(pattern::fold(error)).or_insert(Failures {
                    count: 0,
                    last: (number, row),
                    last_seen: finished,
                });
                seen.count += 1;
                if finished >= seen.last_seen {
                    (seen.last, seen.last_seen) = ((number, row), finished);
                }
            }
            true
        });
    }
    let record = |(piece, row): Place| {
        let (file, chunk) = pieces.list.get(piece)?;
        read(file, chunk.offset(row))
    };
    Analysis {
        groups: groups.told(asked, |place| {
            record(place).map(|job| job.spec.name.to_string())
        }),
        errors: told(failures, |place| {
            record(place)?
                .state
                .failure
                .as_ref()
                .map(|failure| failure.message.to_string())
        }),
        indexed_from: pieces.indexed_from,
    }
}

/// The groups so far, and how a row's is found.
struct Groups<'a> {
    by: GroupBy,
    plan: &'a Plan<'a>,
    tz: &'a TimeZone,
    list: Vec<Gathered>,
    /// By what the rows have in common.
    numbers: HashMap<String, usize>,
    /// By the profile, where that decides.
    of_profile: Vec<Option<usize>>,
    /// The last day that was asked about: from, until, its group.
    day: (i64, i64, usize),
    /// By the profile, the number of its list of steps.
    lists: Vec<usize>,
    /// By that number and the group, which of its series are those steps.
    series: Vec<Vec<Option<Box<[usize]>>>>,
}

impl<'a> Groups<'a> {
    fn new(asked: &'a Asked, plan: &'a Plan<'a>) -> Self {
        let mut known: HashMap<&[Box<str>], usize> = HashMap::new();
        let number = |profile: &'a Arc<Profile>| {
            let next = known.len();
            *known.entry(&profile.steps).or_insert(next)
        };
        let lists: Vec<usize> = plan.profiles.iter().map(number).collect();
        Self {
            series: vec![Vec::new(); known.len()],
            lists,
            by: asked.group_by,
            plan,
            tz: &asked.tz,
            list: Vec::new(),
            numbers: HashMap::new(),
            of_profile: vec![None; plan.profiles.len()],
            day: (i64::MAX, i64::MIN, 0),
        }
    }

    fn number(&mut self, key: &str) -> usize {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = self.list.len();
        self.numbers.insert(key.to_owned(), number);
        self.list.push(Gathered {
            key: key.to_owned(),
            ..Gathered::default()
        });
        number
    }

    fn group(&mut self, chunk: &Chunk, row: usize) -> usize {
        let profile = chunk.profile(row) as usize;
        match self.by {
            GroupBy::Type | GroupBy::User => {
                if let Some(number) = self.of_profile[profile] {
                    return number;
                }
                let profiles = Arc::clone(&self.plan.profiles);
                let key = match self.by {
                    GroupBy::User => &profiles[profile].user,
                    _ => &profiles[profile].job_type,
                };
                let number = self.number(key);
                self.of_profile[profile] = Some(number);
                number
            }
            GroupBy::Name => self.number(chunk.texts(row).0),
            GroupBy::Day => {
                let at = chunk.finished(row);
                if at < self.day.0 || at >= self.day.1 {
                    let (key, from, until) = day_of(at, self.tz);
                    self.day = (from, until, self.number(&key));
                }
                self.day.2
            }
        }
    }

    fn add(&mut self, chunk: &Chunk, place: Place) {
        let row = place.1;
        let number = self.group(chunk, row);
        let profile = chunk.profile(row);
        let group = &mut self.list[number];
        group.last = place;
        let active_ms = chunk.active_ms(row);
        let processed = chunk.processed(row);
        if processed > 0 {
            group.processed += processed;
            group.counting_ms += active_ms;
        }
        match self.plan.profiles[profile as usize].status {
            Status::Failed => group.failed += 1,
            Status::Cancelled => group.cancelled += 1,
            Status::Completed => {
                group.completed += 1;
                group.active_ms.push(active_ms);
                let of_list = &mut self.series[self.lists[profile as usize]];
                if of_list.len() <= number {
                    of_list.resize(number + 1, None);
                }
                let series = of_list[number].get_or_insert_with(|| {
                    let names = &self.plan.profiles[profile as usize].steps;
                    names.iter().map(|name| group.step(name)).collect()
                });
                for (ms, series) in chunk.laps(row).iter().zip(series.iter()) {
                    if *ms > 0 {
                        group.steps[*series].1.push(*ms);
                    }
                }
            }
            Status::Pending | Status::Running | Status::Paused => {}
        }
    }

    fn told(mut self, asked: &Asked, name: impl Fn(Place) -> Option<String>) -> Vec<Group> {
        let total = |group: &Gathered| group.completed + group.failed + group.cancelled;
        if self.by == GroupBy::Day {
            // The last days are those that are asked about.
            self.list.sort_by(|a, b| b.key.cmp(&a.key));
            self.list.truncate(asked.limit);
            self.list.reverse();
        } else {
            self.list
                .sort_by(|a, b| total(b).cmp(&total(a)).then_with(|| a.key.cmp(&b.key)));
            self.list.truncate(asked.limit);
        }
        let by = self.by;
        self.list
            .into_iter()
            .map(|group| {
                let (completed, failed) = (group.completed, group.failed);
                let ended = completed + failed;
                let mut steps: Vec<StepTime> = group
                    .steps
                    .into_iter()
                    .filter_map(|(name, mut ms)| {
                        let p50 = percentile(&mut ms, 50)?;
                        Some(StepTime {
                            name: name.into(),
                            p50: f64::from(p50) / 1000.0,
                        })
                    })
                    .collect();
                steps.sort_by(|a, b| b.p50.total_cmp(&a.p50).then_with(|| a.name.cmp(&b.name)));
                steps.truncate(STEPS);
                let mut active_ms = group.active_ms;
                let mut seconds =
                    |share| percentile(&mut active_ms, share).map(|ms| ms as f64 / 1000.0);
                Group {
                    key: match by {
                        // The index has it in lower case.
                        GroupBy::Name => name(group.last).unwrap_or(group.key),
                        GroupBy::Type | GroupBy::User | GroupBy::Day => group.key,
                    },
                    total: completed + failed + group.cancelled,
                    completed,
                    failed,
                    cancelled: group.cancelled,
                    success_rate: (ended > 0).then(|| completed as f64 / ended as f64),
                    active_seconds: Percentiles {
                        p50: seconds(50),
                        p90: seconds(90),
                        p99: seconds(99),
                    },
                    items_per_second: (group.processed > 0 && group.counting_ms > 0)
                        .then(|| group.processed as f64 / (group.counting_ms as f64 / 1000.0)),
                    steps,
                }
            })
            .collect()
    }
}

impl Gathered {
    /// The series of the step of that name.
    fn step(&mut self, name: &str) -> usize {
        let known = self.steps.iter().position(|(step, _)| **step == *name);
        known.unwrap_or_else(|| {
            self.steps.push((name.into(), Vec::new()));
            self.steps.len() - 1
        })
    }
}

/// The most frequent kinds of errors, each with its last example.
fn told(
    failures: HashMap<String, Failures>,
    error: impl Fn(Place) -> Option<String>,
) -> Vec<ErrorPattern> {
    let mut list: Vec<(String, Failures)> = failures.into_iter().collect();
    list.sort_by(|(a, x), (b, y)| y.count.cmp(&x.count).then_with(|| a.cmp(b)));
    list.truncate(PATTERNS);
    list.into_iter()
        .map(|(folded, seen)| {
            let example = error(seen.last).unwrap_or_else(|| folded.clone());
            ErrorPattern {
                pattern: pattern::fold(&example),
                count: seen.count,
                example,
                last_seen: Timestamp(seen.last_seen),
            }
        })
        .collect()
}

/// The value at or below which that share of them lies, by the nearest rank.
fn percentile<T: Ord + Copy>(values: &mut [T], percent: usize) -> Option<T> {
    let rank = (values.len() * percent).div_ceil(100);
    let at = rank.checked_sub(1)?;
    Some(*values.select_nth_unstable(at).1)
}

/// The day of a moment, as `2026-11-24`, and from when until when it lasts. A moment outside the calendar is a day for itself.
fn day_of(at: i64, tz: &TimeZone) -> (String, i64, i64) {
    let known = jiff::Timestamp::from_millisecond(at).ok().and_then(|at| {
        let day = tz.to_datetime(at).date();
        let begin = |day: jiff::civil::Date| {
            let at = tz.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
            Some(at.as_millisecond())
        };
        Some((day.to_string(), begin(day)?, begin(day.tomorrow().ok()?)?))
    });
    known.unwrap_or_else(|| (Timestamp(at).to_string(), at, at.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_the_nearest_rank() {
        let mut none: [u32; 0] = [];
        assert_eq!(percentile(&mut none, 50), None);
        for (count, percent, expected) in [
            (1, 99, 1),
            (2, 50, 1),
            (10, 50, 5),
            (10, 90, 9),
            (100, 99, 99),
        ] {
            let mut values: Vec<u32> = (1..=count).rev().collect();
            assert_eq!(
                percentile(&mut values, percent),
                Some(expected),
                "{count} {percent}"
            );
        }
    }

    #[test]
    fn a_day_lasts_until_the_next_begins() {
        let tz = TimeZone::get("Europe/Berlin").unwrap();
        let at: Timestamp = "2026-10-24T23:30:00.000Z".parse().unwrap();
        // Summer time ends: the day has 25 hours.
        let (key, from, until) = day_of(at.0, &tz);
        assert_eq!(key, "2026-10-25");
        assert_eq!(until - from, 25 * 3_600_000);
        assert!(from <= at.0 && at.0 < until);
    }
}
