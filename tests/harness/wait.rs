//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// How long anything may take before it counts as broken. It is a bound, not a delay: what is there at once costs nothing.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Asks again and again until there is an answer; panics with `what` when the deadline has passed.
pub fn until<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, probe).unwrap_or_else(|| panic!("waited {DEADLINE:?} in vain for {what}"))
}

/// Asks again and again until there is an answer, or until `time` has passed.
pub fn within<T>(time: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + time;
    loop {
        if let Some(found) = probe() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
