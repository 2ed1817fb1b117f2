//! The only reader of the clock in the client.

use std::sync::OnceLock;
use std::time::Instant;

use jobtop_core::{Now, Timestamp};

/// The present: wall time to show, and milliseconds since the first call to measure with.
pub(crate) fn now() -> Now {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    let beginning = *BEGINNING.get_or_init(Instant::now);
    Now {
        wall: Timestamp(jiff::Timestamp::now().as_millisecond()),
        mono: u64::try_from(beginning.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}
