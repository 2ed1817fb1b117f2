//! How we stand with the daemon, as the header says it.

use jobtop_core::Timestamp;

/// How long a message may be under way.
const WAY_MS: i64 = 1_000;

/// The connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    /// Where it stands.
    pub(crate) state: State,
    /// Since when the picture is no longer kept up to date.
    lost_at: Option<Timestamp>,
    /// Whether it ever stood.
    pub(crate) ever: bool,
    /// The daemon's run that was heard last.
    epoch: Option<u64>,
    /// How far the daemon's clock is ahead of ours.
    ahead_ms: i64,
    /// How long the connection was away, from its return until the first word on it.
    away_ms: Option<u64>,
}

/// Where the connection stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// An attempt is under way.
    Connecting,
    /// It stands.
    Connected,
    /// No feed comes through: the daemon is asked again and again.
    Polling {
        /// Why.
        reason: String,
    },
    /// It broke, or could not be made.
    Waiting {
        /// Why.
        reason: String,
        /// When the next attempt is due, on the monotonic clock.
        retry_at: u64,
    },
}

impl Link {
    /// Before the first attempt.
    pub(crate) fn new() -> Self {
        Self {
            state: State::Connecting,
            lost_at: None,
            ever: false,
            epoch: None,
            ahead_ms: 0,
            away_ms: None,
        }
    }

    /// Whether something can be asked of the daemon.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Connected | State::Polling { .. })
    }

    /// Since when the picture is old.
    pub(crate) fn lost_at(&self) -> Option<Timestamp> {
        self.lost_at
    }

    /// A moment of ours as the daemon's clock has it.
    pub(crate) fn by_daemon(&self, ours: Timestamp) -> Timestamp {
        ours.plus_ms(self.ahead_ms)
    }

    /// The daemon says how late it is. What the way here can explain is no difference.
    pub(crate) fn compare_clocks(&mut self, said: Timestamp, now: Timestamp) {
        let ahead = said.0.saturating_sub(now.0);
        self.ahead_ms = if ahead.abs() < WAY_MS { 0 } else { ahead };
    }

    /// Takes a new state over; returns whether the connection was lost by it.
    pub(crate) fn enter(&mut self, state: State, now: Timestamp) -> bool {
        let was_up = self.is_up();
        self.state = state;
        if self.is_up() {
            self.away_ms = self.lost_at.map(|lost| now.ms_since(lost));
            self.lost_at = None;
            self.ever = true;
        } else if was_up {
            self.lost_at = Some(now);
        }
        was_up && !self.is_up()
    }

    /// The daemon says which run of its it is; after a return: how long we were away, and whether it was started anew.
    pub(crate) fn greet(&mut self, epoch: u64) -> Option<(u64, bool)> {
        let other = self.epoch.replace(epoch).is_some_and(|old| old != epoch);
        self.away_ms.take().map(|away| (away, other))
    }
}
