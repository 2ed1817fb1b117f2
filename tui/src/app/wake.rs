//! When the picture changes by itself: ages and countdowns once a second, notices when they go.

use super::App;
use super::hosts::Host;
use super::link::State;

/// How long the screen may sleep when nothing on it moves, in milliseconds.
const LONGEST_MS: u64 = 60_000;

impl App {
    /// Milliseconds until the next frame is due though nothing happens.
    pub(crate) fn wake_in(&self) -> u64 {
        let mono = self.now.mono;
        let wall = u64::try_from(self.now.wall.0).unwrap_or(0);
        let rests =
            |host: &Host| matches!(host.link.state, State::Connected | State::Polling { .. });
        let still = self.hosts.is_empty() && self.hosts.all().iter().all(rests);
        let second = if still {
            LONGEST_MS
        } else {
            1_000 - wall % 1_000
        };
        let toast = self.toast.as_ref().map(|toast| toast.until);
        let held = self.rows.due().filter(|_| !self.is_still());
        [toast, held]
            .into_iter()
            .flatten()
            .map(|at| at.saturating_sub(mono))
            .fold(second, u64::min)
            .max(1)
    }
}
