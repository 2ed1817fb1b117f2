//! What became of jobs: counted by the engine, once for each of its rounds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jobtop_core::{JobType, Status};

use super::histogram::Histogram;
use super::names::Names;

/// What happened in one round of the engine. Plain data: it is counted when the round is handed out.
#[derive(Debug, Default)]
pub struct Tally {
    /// Jobs that were made.
    pub created: Vec<JobType>,
    /// Jobs that have ended, and how.
    pub ended: Vec<(JobType, Status)>,
    /// How long jobs that began had waited in their queue, in milliseconds.
    pub waited: Vec<u64>,
    /// Reports that were taken.
    pub reports: u64,
    /// Changes that a later one of the same job replaced before they were shown to anybody.
    pub merged: u64,
    /// Jobs that a producer which came back goes on with.
    pub adopted: u64,
}

/// How it stands after a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// Jobs of the live set, by the numbers of their statuses.
    pub jobs: [u64; Status::ALL.len()],
    /// Those of whose producer nothing is heard.
    pub stalled: u64,
    /// Connections that have produced jobs.
    pub producers: u64,
    /// Connections that take jobs out of the queues.
    pub workers: u64,
}

/// All of it since the start, and how it stands.
#[derive(Debug)]
pub struct Jobs {
    by_type: Names<OfType>,
    waited: Histogram,
    reports: AtomicU64,
    merged: AtomicU64,
    adopted: AtomicU64,
    standing: [AtomicU64; Status::ALL.len()],
    stalled: AtomicU64,
    producers: AtomicU64,
    workers: AtomicU64,
}

/// What became of the jobs of one type.
#[derive(Debug, Default)]
pub struct OfType {
    created: AtomicU64,
    ended: [AtomicU64; Status::ALL.len()],
}

impl OfType {
    /// How many were made.
    pub fn created(&self) -> u64 {
        self.created.load(Ordering::Relaxed)
    }

    /// How many have ended so.
    pub fn ended(&self, how: Status) -> u64 {
        self.ended[how as usize].load(Ordering::Relaxed)
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            by_type: Names::default(),
            waited: Histogram::of_waiting(),
            reports: AtomicU64::default(),
            merged: AtomicU64::default(),
            adopted: AtomicU64::default(),
            standing: Default::default(),
            stalled: AtomicU64::default(),
            producers: AtomicU64::default(),
            workers: AtomicU64::default(),
        }
    }
}

impl Jobs {
    /// Counts a round, and notes how it stands after it.
    pub fn count(&self, tally: &Tally, standing: &Standing) {
        for kind in &tally.created {
            let (of_type, _) = self.by_type.of(kind.as_str());
            of_type.created.fetch_add(1, Ordering::Relaxed);
        }
        for (kind, how) in &tally.ended {
            let (of_type, _) = self.by_type.of(kind.as_str());
            of_type.ended[*how as usize].fetch_add(1, Ordering::Relaxed);
        }
        if !tally.waited.is_empty() {
            let waited = tally.waited.iter().copied();
            self.waited.observe_all(waited.map(Duration::from_millis));
        }
        for (count, more) in [
            (&self.reports, tally.reports),
            (&self.merged, tally.merged),
            (&self.adopted, tally.adopted),
        ] {
            if more > 0 {
                count.fetch_add(more, Ordering::Relaxed);
            }
        }
        for (to, jobs) in self.standing.iter().zip(standing.jobs) {
            to.store(jobs, Ordering::Relaxed);
        }
        self.stalled.store(standing.stalled, Ordering::Relaxed);
        self.producers.store(standing.producers, Ordering::Relaxed);
        self.workers.store(standing.workers, Ordering::Relaxed);
    }

    /// By type, what became of them.
    pub fn by_type(&self) -> impl Iterator<Item = (&str, &OfType)> {
        self.by_type.all()
    }

    /// How long those that began had waited.
    pub fn waited(&self) -> &Histogram {
        &self.waited
    }

    /// Reports that were taken.
    pub fn reports(&self) -> u64 {
        self.reports.load(Ordering::Relaxed)
    }

    /// Changes that nobody was shown because a later one came in the same round.
    pub fn merged(&self) -> u64 {
        self.merged.load(Ordering::Relaxed)
    }

    /// Jobs that a producer which came back went on with.
    pub fn adopted(&self) -> u64 {
        self.adopted.load(Ordering::Relaxed)
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        Standing {
            jobs: std::array::from_fn(|at| self.standing[at].load(Ordering::Relaxed)),
            stalled: self.stalled.load(Ordering::Relaxed),
            producers: self.producers.load(Ordering::Relaxed),
            workers: self.workers.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_counted_by_type_and_ending() {
        for (at, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, at, "{status:?}");
        }
        let jobs = Jobs::default();
        let kind = |word: &str| JobType::new(word).unwrap();
        let tally = Tally {
            created: vec![kind("a"), kind("b"), kind("a")],
            ended: vec![(kind("a"), Status::Failed), (kind("c"), Status::Completed)],
            waited: vec![30, 70_000],
            reports: 7,
            merged: 2,
            adopted: 1,
        };
        let standing = Standing {
            jobs: [1, 2, 0, 1, 1, 0],
            stalled: 1,
            producers: 3,
            workers: 2,
        };
        jobs.count(&tally, &standing);
        jobs.count(&Tally::default(), &standing);
        let said: Vec<_> = jobs
            .by_type()
            .map(|(name, of)| {
                (
                    name,
                    of.created(),
                    of.ended(Status::Failed),
                    of.ended(Status::Completed),
                )
            })
            .collect();
        let expected = [
            ("a", 2, 1, 0),
            ("b", 1, 0, 0),
            ("c", 0, 0, 1),
            ("other", 0, 0, 0),
        ];
        assert_eq!(said, expected);
        assert_eq!((jobs.reports(), jobs.merged(), jobs.adopted()), (7, 2, 1));
        assert_eq!(
            jobs.waited().buckets().iter().map(|(_, n)| n).sum::<u64>(),
            2
        );
        assert_eq!(jobs.standing(), standing);
    }
}
