//! How fast jobs went lately: for each job that runs, what was done in each of the last seconds.

use std::collections::{HashMap, VecDeque};

use jobtop_core::proto::view::View;
use jobtop_core::{JobId, Status};

/// So many moments are kept.
const KEPT: usize = 60;
/// They lie so far apart at least, in milliseconds.
const APART_MS: u64 = 1_000;

/// The paces of all jobs that run.
#[derive(Clone, Default, Debug)]
pub(crate) struct Paces(HashMap<JobId, Pace>);

#[derive(Clone, Debug)]
struct Pace {
    /// When the last one was noted, on the monotonic clock, and how much was done by then.
    last: (u64, u64),
    rates: VecDeque<u64>,
}

impl Paces {
    /// A job was heard of.
    pub(super) fn note(&mut self, job: &View, mono: u64) {
        if job.status != Status::Running {
            if job.status.is_final() {
                self.0.remove(&job.id);
            }
            return;
        }
        let done = match job.metrics.processed_items {
            0 => job.metrics.processed_bytes,
            items => items,
        };
        let pace = self.0.entry(job.id).or_insert(Pace {
            last: (mono, done),
            rates: VecDeque::new(),
        });
        let (at, before) = pace.last;
        let passed = mono.saturating_sub(at);
        if passed < APART_MS {
            return;
        }
        let rate = done.saturating_sub(before) * 1_000 / passed;
        // What was done while nothing was heard is spread over that time.
        for _ in 0..(passed / APART_MS).min(KEPT as u64) {
            pace.rates.push_back(rate);
        }
        let gone = pace.rates.len().saturating_sub(KEPT);
        pace.rates.drain(..gone);
        pace.last = (mono, done);
    }

    /// Forgets jobs that are gone.
    pub(super) fn keep(&mut self, exists: impl Fn(JobId) -> bool) {
        self.0.retain(|id, _| exists(*id));
    }

    /// What a job did in each of the last seconds, the newest last.
    pub(crate) fn of(&self, id: JobId) -> Vec<u64> {
        let pace = self.0.get(&id);
        pace.map_or_else(Vec::new, |pace| pace.rates.iter().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::person::job;

    #[test]
    fn what_is_done_belongs_to_the_seconds_in_which_it_was_done() {
        let mut paces = Paces::default();
        let mut job = job(1);
        for (mono, done) in [
            (10_000, 100),
            (10_400, 150),
            (11_000, 300),
            (14_000, 3_300),
            (15_000, 3_300),
        ] {
            job.metrics.processed_items = done;
            paces.note(&job, mono);
        }
        assert_eq!(paces.of(job.id), [200, 1_000, 1_000, 1_000, 0]);
        for second in 0..100 {
            paces.note(&job, 16_000 + second * 1_000);
        }
        assert_eq!(paces.of(job.id).len(), KEPT);
        job.status = Status::Completed;
        paces.note(&job, 200_000);
        assert!(paces.of(job.id).is_empty());
    }
}
