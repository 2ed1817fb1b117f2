//! When a job will be done: the story's formula (`progress / elapsed`, a straight line) over *active* time.

use crate::time::Timestamp;

/// Estimates beyond this many milliseconds are absurd, and none is given (ten years).
const LONGEST_MS: f64 = 10.0 * 365.25 * 86_400_000.0;

/// The estimated moment of completion of a job that got to `progress` percent in `active_ms` milliseconds of work:
/// `None` before there is some progress.
#[must_use]
pub fn estimate(progress: f64, active_ms: u64, now: Timestamp) -> Option<Timestamp> {
    if progress <= 0.0 {
        return None;
    }
    let remaining = active_ms.max(1) as f64 / progress * (100.0 - progress);
    (remaining <= LONGEST_MS).then(|| now.plus_ms(remaining.round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line() {
        for (progress, active_ms, ahead) in [
            (0.0, 1_000, None),
            (25.0, 1_000, Some(3_000)),
            (50.0, 0, Some(1)),
            (99.9, 100_000, Some(100)),
            (100.0, 1_000, Some(0)),
            (f64::MIN_POSITIVE, 1_000, None),
            (1.0, u64::MAX, None),
        ] {
            let now = Timestamp(1_700_000_000_000);
            let eta = estimate(progress, active_ms, now);
            assert_eq!(
                eta,
                ahead.map(|ms| now.plus_ms(ms)),
                "{progress} after {active_ms} ms"
            );
        }
    }
}
