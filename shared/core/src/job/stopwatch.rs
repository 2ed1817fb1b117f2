//! How long a job worked and how long it was paused. Waiting in a queue and being paused are not work.
//!
//! Runs on the monotonic clock; the wall time of the mark lets it go on after the daemon was restarted.

use serde::{Deserialize, Serialize};

use crate::time::{Now, Timestamp};

/// What the time since the mark counts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Counting {
    /// Nothing: not begun, or ended.
    #[default]
    Nothing,
    /// Active time.
    Active,
    /// Paused time.
    Paused,
}

/// Accumulated active and paused milliseconds, and what counts now.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stopwatch {
    active_ms: u64,
    paused_ms: u64,
    counting: Counting,
    /// Monotonic milliseconds at the last change; meaningless after a restart until [`Stopwatch::revive`].
    #[serde(skip)]
    mark: u64,
    mark_wall: Timestamp,
}

impl Stopwatch {
    /// Counts what has passed since the last change and goes on with `counting`.
    pub fn switch(&mut self, counting: Counting, now: Now) {
        self.active_ms = self.active_ms(now.mono);
        self.paused_ms = self.paused_ms(now.mono);
        self.counting = counting;
        self.mark = now.mono;
        self.mark_wall = now.wall;
    }

    /// Adds active time from before it was set going.
    pub fn had_been_active(&mut self, ms: u64) {
        self.active_ms = self.active_ms.saturating_add(ms);
    }

    /// What counts now.
    #[must_use]
    pub const fn counting(&self) -> Counting {
        self.counting
    }

    /// Active milliseconds up to the monotonic moment `mono`.
    #[must_use]
    pub fn active_ms(&self, mono: u64) -> u64 {
        let running = matches!(self.counting, Counting::Active);
        let counting = if running {
            mono.saturating_sub(self.mark)
        } else {
            0
        };
        self.active_ms.saturating_add(counting)
    }

    /// Paused milliseconds up to the monotonic moment `mono`.
    #[must_use]
    pub fn paused_ms(&self, mono: u64) -> u64 {
        let paused = matches!(self.counting, Counting::Paused);
        let counting = if paused {
            mono.saturating_sub(self.mark)
        } else {
            0
        };
        self.paused_ms.saturating_add(counting)
    }

    /// After a restart: the monotonic clock is another one, so what has passed since the mark is taken from the wall
    /// clock, once.
    pub fn revive(&mut self, now: Now) {
        let passed = now.wall.ms_since(self.mark_wall);
        match self.counting {
            Counting::Active => self.active_ms = self.active_ms.saturating_add(passed),
            Counting::Paused => self.paused_ms = self.paused_ms.saturating_add(passed),
            Counting::Nothing => {}
        }
        self.mark = now.mono;
        self.mark_wall = now.wall;
    }

    /// The wall clock at the monotonic moment `mono`, as far as this watch can tell.
    pub(crate) fn wall(&self, mono: u64) -> Timestamp {
        let passed = mono.saturating_sub(self.mark);
        self.mark_wall
            .plus_ms(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Now {
        Now {
            wall: Timestamp(1_000_000 + ms as i64),
            mono: ms,
        }
    }

    #[test]
    fn paused_time_counts_nowhere_but_as_paused() {
        let mut watch = Stopwatch::default();
        assert_eq!(watch.active_ms(50), 0);
        watch.switch(Counting::Active, at(100));
        watch.switch(Counting::Paused, at(400));
        watch.switch(Counting::Active, at(1_400));
        watch.switch(Counting::Nothing, at(1_500));
        assert_eq!(
            (watch.active_ms(9_999), watch.paused_ms(9_999)),
            (400, 1_000)
        );
    }

    #[test]
    fn goes_on_over_a_restart_by_the_wall_clock() {
        let mut watch = Stopwatch::default();
        watch.switch(Counting::Active, at(100_000));
        let text = serde_json::to_string(&watch).unwrap();
        let mut read: Stopwatch = serde_json::from_str(&text).unwrap();
        // Another clock: 30 s after the mark by the wall, but its monotonic zero is elsewhere.
        let now = Now {
            wall: Timestamp(1_130_000),
            mono: 31_000,
        };
        read.revive(now);
        assert_eq!(read.active_ms(now.mono), 30_000);
    }
}
