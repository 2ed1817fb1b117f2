//! The only reader of the clock and of randomness in the daemon.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use jobtop_core::{Now, Timestamp};

/// Reads the present. Monotonic time counts from when this clock was made, plus a day, so that moments shortly before
/// the start can be said.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: Instant,
}

const HEAD_START_MS: u64 = 86_400_000;

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            zero: Instant::now(),
        }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Now {
        #[expect(clippy::disallowed_methods, reason = "this is the reader of the clock")]
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            });
        Now {
            wall: Timestamp(wall),
            mono: HEAD_START_MS
                + u64::try_from(self.zero.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Random bits from the system. Waits for the system's generator to be ready, which on a Linux that has booted it is.
#[must_use]
pub fn random_bits() -> u128 {
    let mut bits = [0_u8; 16];
    while getrandom::fill(&mut bits).is_err() {
        std::thread::yield_now();
    }
    u128::from_le_bytes(bits)
}
