//! When a job will be done: the story's formula (`progress / elapsed`, a straight line) over *active* time.

use crate::job::State;
use crate::job::status::Status;
use crate::time::{Now, Timestamp};

/// Estimates beyond this many milliseconds are absurd, and none is given (ten years).
const LONGEST_MS: f64 = 10.0 * 365.25 * 86_400_000.0;

/// The estimated moment of completion: `None` unless the job runs, is heard of, and has made some progress.
#[must_use]
pub fn estimate(state: &State, now: Now) -> Option<Timestamp> {
    let moving = state.status == Status::Running && state.stalled_since.is_none();
    if !moving || state.progress <= 0.0 {
        return None;
    }
    let active = state.stopwatch.active_ms(now.mono).max(1) as f64;
    let remaining = active / state.progress * (100.0 - state.progress);
    (remaining <= LONGEST_MS).then(|| now.wall.plus_ms(remaining.round() as i64))
}
