//! How long things took: counts by bucket that are added to without a lock, from any thread.
//!
//! The library's own histogram has a lock in it, and what is sent to a viewer must not wait for what is sent to another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
const HOUR: u64 = 3_600 * SECOND;
/// So many buckets have an upper bound; what took longer than all of them is in one more.
const BOUNDED: usize = 16;

/// The upper bounds of the buckets, in nanoseconds.
type Bounds = [u64; BOUNDED];

/// For what the daemon does itself.
const WORK: Bounds = [
    MS / 10,
    MS / 4,
    MS / 2,
    MS,
    5 * MS / 2,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    SECOND,
    5 * SECOND / 2,
    5 * SECOND,
    10 * SECOND,
];
/// For what jobs wait for.
const WAIT: Bounds = [
    SECOND / 10,
    SECOND / 2,
    SECOND,
    5 * SECOND,
    15 * SECOND,
    30 * SECOND,
    60 * SECOND,
    120 * SECOND,
    300 * SECOND,
    600 * SECOND,
    1_800 * SECOND,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    24 * HOUR,
];

/// Counts of what took so long.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static Bounds,
    counts: [AtomicU64; BOUNDED + 1],
    /// Nanoseconds.
    sum: AtomicU64,
}

impl Histogram {
    /// For what the daemon does itself: from a tenth of a millisecond to ten seconds.
    pub fn of_work() -> Self {
        Self::with(&WORK)
    }

    /// For what jobs wait for: from a tenth of a second to a day.
    pub fn of_waiting() -> Self {
        Self::with(&WAIT)
    }

    fn with(bounds: &'static Bounds) -> Self {
        Self {
            bounds,
            counts: <[AtomicU64; BOUNDED + 1]>::default(),
            sum: AtomicU64::default(),
        }
    }

    /// Something took so long.
    pub fn observe(&self, took: Duration) {
        let nanos = nanos(took);
        self.counts[self.bucket(nanos)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Several things took so long. However many they are, what other threads see of it is a few additions.
    pub fn observe_all(&self, took: impl Iterator<Item = Duration>) {
        let mut counts = [0_u64; BOUNDED + 1];
        let mut sum = 0_u64;
        for took in took {
            let nanos = nanos(took);
            counts[self.bucket(nanos)] += 1;
            sum = sum.saturating_add(nanos);
        }
        for (to, count) in self.counts.iter().zip(counts) {
            if count > 0 {
                to.fetch_add(count, Ordering::Relaxed);
            }
        }
        self.sum.fetch_add(sum, Ordering::Relaxed);
    }

    fn bucket(&self, nanos: u64) -> usize {
        self.bounds.partition_point(|bound| *bound < nanos)
    }

    /// By the bucket's upper bound in seconds, how many are in it and in none before it. The last one is infinite.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().map(|nanos| *nanos as f64 / 1e9);
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        bounds.chain([f64::INFINITY]).zip(counts).collect()
    }

    /// How many took longer than that, which is the bound of a bucket.
    pub fn above(&self, bound: Duration) -> u64 {
        let first = self.bucket(nanos(bound)) + 1;
        let counts = self.counts.iter().skip(first);
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// How long all of it took, in seconds.
    pub fn sum(&self) -> f64 {
        self.sum.load(Ordering::Relaxed) as f64 / 1e9
    }
}

fn nanos(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_in_the_first_bucket_that_it_fits() {
        for bounds in [&WORK, &WAIT] {
            assert!(bounds.is_sorted_by(|a, b| a < b), "{bounds:?}");
        }
        let histogram = Histogram::of_work();
        for (micros, bound) in [
            (0, 0.0001),
            (100, 0.0001),
            (101, 0.00025),
            (9_999, 0.01),
            (10_000_000, 10.0),
            (10_000_001, f64::INFINITY),
            (u64::MAX / 1_000, f64::INFINITY),
        ] {
            let before = histogram.buckets();
            histogram.observe(Duration::from_micros(micros));
            let after = histogram.buckets();
            let grown: Vec<f64> = (before.iter().zip(&after))
                .filter(|(before, after)| before.1 < after.1)
                .map(|(_, after)| after.0)
                .collect();
            assert_eq!(grown, [bound], "{micros} µs");
        }
    }

    #[test]
    fn what_took_longer_is_counted_and_what_took_as_long_is_not() {
        let histogram = Histogram::of_work();
        for millis in [1, 499, 500, 501, 20_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        assert_eq!(histogram.above(Duration::from_millis(500)), 2);
        assert_eq!(histogram.above(Duration::from_secs(10)), 1);
    }

    #[test]
    fn many_at_once_are_as_many_as_one_by_one() {
        let (one, all) = (Histogram::of_waiting(), Histogram::of_waiting());
        let took = || (0..1_000).map(|n| Duration::from_millis(n * n));
        took().for_each(|took| one.observe(took));
        all.observe_all(took());
        assert_eq!(one.buckets(), all.buckets());
        assert!((one.sum() - all.sum()).abs() < 1e-9);
        let count: u64 = one.buckets().iter().map(|(_, count)| count).sum();
        assert_eq!(count, 1_000);
    }
}
