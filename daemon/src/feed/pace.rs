//! How fast one identity may ask: so many requests a second, and a second's worth of them at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::policy::Limits;
use jobtop_core::{Now, UserId};

/// At most so many identities are remembered; those that have all their requests left are forgotten first.
const REMEMBERED: usize = 4_096;

/// What each identity has left.
#[derive(Debug)]
pub struct Pace {
    per_second: f64,
    left: Mutex<HashMap<UserId, Left>>,
}

#[derive(Clone, Copy, Debug)]
struct Left {
    requests: f64,
    at: u64,
}

impl Pace {
    /// So many requests a second for each.
    #[must_use]
    pub fn new(per_second: usize) -> Self {
        Self {
            per_second: per_second as f64,
            left: Mutex::default(),
        }
    }

    /// Whether one more request of theirs is answered.
    pub fn admits(&self, who: &UserId, now: Now) -> bool {
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED && !all.contains_key(who) {
            all.retain(|_, left| self.refilled(*left, now) < self.per_second);
            if all.len() >= REMEMBERED {
                all.clear();
            }
        }
        let full = Left {
            requests: self.per_second,
            at: now.mono,
        };
        let left = all.entry(who.clone()).or_insert(full);
        left.requests = self.refilled(*left, now);
        left.at = now.mono;
        let admitted = left.requests >= 1.0;
        if admitted {
            left.requests -= 1.0;
        }
        admitted
    }

    fn refilled(&self, left: Left, now: Now) -> f64 {
        let seconds = now.mono.saturating_sub(left.at) as f64 / 1_000.0;
        (left.requests + seconds * self.per_second).min(self.per_second)
    }
}

/// Said to whoever asks faster than is allowed.
#[must_use]
pub fn too_fast(limits: &Limits) -> Refusal {
    let most = limits.requests_per_second;
    Refusal::new(
        Code::RateLimited,
        format!(
            "More than {most} requests a second; wait a second, or report over a WebSocket, several updates a message"
        ),
    )
}

#[cfg(test)]
mod tests {
    use jobtop_core::Timestamp;

    use super::*;

    fn at(mono: u64) -> Now {
        Now {
            wall: Timestamp(0),
            mono,
        }
    }

    #[test]
    fn a_second_s_worth_at_once_and_no_more() {
        let pace = Pace::new(10);
        let (ann, bob) = (UserId::new("ann").unwrap(), UserId::new("bob").unwrap());
        let admitted = |who: &UserId, mono| (0..100).filter(|_| pace.admits(who, at(mono))).count();
        assert_eq!(admitted(&ann, 0), 10);
        assert_eq!(admitted(&ann, 0), 0);
        assert_eq!(admitted(&bob, 0), 10, "each for itself");
        assert_eq!(admitted(&ann, 500), 5);
        assert_eq!(admitted(&ann, 60_000), 10, "a pause is not saved up");
    }

    #[test]
    fn many_identities_take_bounded_room() {
        let pace = Pace::new(10);
        for n in 0..20_000 {
            assert!(pace.admits(&UserId::new(&format!("u{n}")).unwrap(), at(n)));
        }
        assert!(pace.left.lock().unwrap().len() <= REMEMBERED);
    }
}
