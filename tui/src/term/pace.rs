//! When the next frame is due: at once after a key, at most thirty times a second for news, else when time alone
//! changes the picture. Pure: moments are monotonic milliseconds.

/// The least time between two frames, for news and for a person's key.
const NEWS_MS: u64 = 33;
const KEY_MS: u64 = 8;

/// How soon a frame is wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Wanted {
    /// Something changed; others may follow.
    Soon,
    /// Somebody waits for it.
    Now,
}

/// Remembers the last frame and whether a new one is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    last: u64,
    wanted: Option<Wanted>,
}

impl Pace {
    /// A frame is wanted.
    pub(super) fn want(&mut self, how: Wanted) {
        self.wanted = self.wanted.max(Some(how));
    }

    /// Whether one is wanted and not drawn yet.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    /// Milliseconds until the next frame; `idle` is how long the picture stays true by itself.
    pub(super) fn due_in(&self, now: u64, idle: u64) -> u64 {
        let gap = match self.wanted {
            None => return idle,
            Some(Wanted::Soon) => NEWS_MS,
            Some(Wanted::Now) => KEY_MS,
        };
        (self.last + gap).saturating_sub(now)
    }

    /// A frame was drawn.
    pub(super) fn drawn(&mut self, now: u64) {
        self.last = now;
        self.wanted = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_wait_for_each_other_and_keys_do_not() {
        let mut pace = Pace::default();
        pace.drawn(1_000);
        assert_eq!(pace.due_in(1_000, 700), 700);
        pace.want(Wanted::Soon);
        assert_eq!(pace.due_in(1_010, 700), 23);
        assert_eq!(pace.due_in(5_000, 700), 0);
        pace.want(Wanted::Now);
        pace.want(Wanted::Soon);
        assert_eq!(pace.due_in(1_010, 700), 0);
        pace.drawn(1_010);
        assert!(!pace.is_wanted());
    }
}
