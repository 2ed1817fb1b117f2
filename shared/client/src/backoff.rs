//! When to try again after a failure. Pure: the random number is an argument.

use std::time::Duration;

/// How waiting grows from one failed attempt to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure; it doubles with each further one …
    pub first: Duration,
    /// … up to this.
    pub max: Duration,
    /// No wait is shorter.
    pub min: Duration,
    /// A connection that lived this long was a good one: the count of failures begins anew.
    pub good_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            max: Duration::from_secs(10),
            min: Duration::from_millis(100),
            good_after: Duration::from_secs(5),
        }
    }
}

impl Backoff {
    /// The wait after `failures` failures in a row (at least one), anywhere between `min` and the doubled ceiling as
    /// `random` has it: clients that lost the same daemon do not all come back at once.
    #[must_use]
    pub fn wait(&self, failures: u32, random: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let ceiling = self.first.saturating_mul(1 << doublings).min(self.max);
        let span = ceiling.saturating_sub(self.min);
        self.min + span.mul_f64(random as f64 / u64::MAX as f64)
    }

    /// How many failures in a row there are now, if there were `failures` and a connection lived for `lived` (zero: it never
    /// came to be) before it broke.
    #[must_use]
    pub fn failures_after(&self, failures: u32, lived: Duration) -> u32 {
        if lived >= self.good_after {
            1
        } else {
            failures.saturating_add(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_ceiling_and_spread_below_it() {
        let backoff = Backoff::default();
        for (failures, random, ms) in [
            (0, u64::MAX, 250),
            (1, 0, 100),
            (1, u64::MAX / 2, 175),
            (1, u64::MAX, 250),
            (2, u64::MAX, 500),
            (3, u64::MAX, 1_000),
            (4, u64::MAX, 2_000),
            (6, u64::MAX, 8_000),
            (7, u64::MAX, 10_000),
            (7, 0, 100),
            (7, u64::MAX / 2, 5_050),
            (1_000, u64::MAX, 10_000),
            (u32::MAX, u64::MAX, 10_000),
        ] {
            let wait = backoff.wait(failures, random);
            assert_eq!(wait.as_millis(), ms, "{failures} failures, random {random}");
        }
    }

    #[test]
    fn only_a_connection_that_lasted_clears_the_count() {
        let backoff = Backoff::default();
        for (failures, lived_ms, then) in [
            (0, 0, 1),
            (3, 0, 4),
            (3, 4_999, 4),
            (3, 5_000, 1),
            (u32::MAX, 0, u32::MAX),
        ] {
            let lived = Duration::from_millis(lived_ms);
            assert_eq!(backoff.failures_after(failures, lived), then);
        }
    }
}
