//! The rules of the queue: who goes first, how many at once, who is refused when it is full, who waits for whom. Pure.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::id::JobId;
use crate::job::status::Status;

/// The queue of a job that names none.
pub const DEFAULT: &str = "default";
/// Most slots of a queue.
pub const MAX_SLOTS: u32 = 10_000;

/// Longest name of a queue, in bytes.
const MAX_NAME: usize = 64;

/// Whether a queue can be called so.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// A job's place in its queue: higher priority first, then the oldest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    rank: Reverse<i32>,
    /// Whose place it is.
    pub id: JobId,
}

impl Place {
    /// The place of a job of that priority.
    #[must_use]
    pub const fn new(priority: i32, id: JobId) -> Self {
        Self {
            rank: Reverse(priority),
            id,
        }
    }

    /// The priority that it comes from.
    #[must_use]
    pub const fn priority(self) -> i32 {
        self.rank.0
    }
}

/// What was set for a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// How many of its jobs run at once; none set: as many of the daemon's own commands as there are processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<u32>,
    /// Whether nothing is started.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// How many of a queue's slots are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// By commands that the daemon runs.
    pub commands: usize,
    /// By jobs that workers and other producers took out of the queue.
    pub others: usize,
}

impl Policy {
    /// Whether one more command of the daemon's may start.
    #[must_use]
    pub fn admits_command(self, taken: Taken, default_slots: usize) -> bool {
        !self.paused
            && match self.slots {
                Some(slots) => taken.commands + taken.others < slots as usize,
                None => taken.commands < default_slots,
            }
    }

    /// Whether one more job may go to a worker, which brings slots of its own: only what was set for the queue counts.
    #[must_use]
    pub fn admits_other(self, taken: Taken) -> bool {
        !self.paused
            && self
                .slots
                .is_none_or(|slots| taken.commands + taken.others < slots as usize)
    }
}

/// Whether a new pending job is taken: always below `limit`; beyond it only above the lowest priority that waits, and
/// from twice the limit on never.
#[must_use]
pub fn admits(waiting: usize, limit: usize, priority: i32, lowest: Option<i32>) -> bool {
    waiting < limit
        || (waiting < limit.saturating_mul(2) && lowest.is_some_and(|lowest| priority > lowest))
}

/// How a job that waits for others stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Nothing is in its way.
    Ready,
    /// Some have not ended.
    Waits,
    /// This one ended otherwise than well, so it will never be its turn.
    Never(JobId, Status),
}

/// Judges by the present status of those it waits for.
pub fn turn(others: impl Iterator<Item = (JobId, Status)>) -> Turn {
    let mut turn = Turn::Ready;
    for (id, status) in others {
        match status {
            Status::Completed => {}
            Status::Failed | Status::Cancelled => return Turn::Never(id, status),
            Status::Pending | Status::Running | Status::Paused => turn = Turn::Waits,
        }
    }
    turn
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slots() {
        let taken = |commands, others| Taken { commands, others };
        let set = |slots| Policy {
            slots,
            paused: false,
        };
        for (policy, taken, command, other) in [
            (set(None), taken(0, 0), true, true),
            (set(None), taken(1, 50), true, true),
            (set(None), taken(2, 0), false, true),
            (set(Some(3)), taken(2, 0), true, true),
            (set(Some(3)), taken(2, 1), false, false),
            (set(Some(0)), taken(0, 0), false, false),
            (
                Policy {
                    slots: None,
                    paused: true,
                },
                taken(0, 0),
                false,
                false,
            ),
        ] {
            assert_eq!(
                policy.admits_command(taken, 2),
                command,
                "{policy:?} {taken:?}"
            );
            assert_eq!(policy.admits_other(taken), other, "{policy:?} {taken:?}");
        }
    }

    #[test]
    fn a_full_queue() {
        for (waiting, priority, lowest, expected) in [
            (9, 0, Some(5), true),
            (10, 0, Some(0), false),
            (10, 1, Some(0), true),
            (10, 0, Some(-1), true),
            (19, 1, Some(0), true),
            (20, 1, Some(0), false),
            (10, 1, None, false),
        ] {
            assert_eq!(
                admits(waiting, 10, priority, lowest),
                expected,
                "{waiting} {priority}"
            );
        }
    }

    #[test]
    fn waiting_for_others() {
        let (a, b) = (JobId(1), JobId(2));
        for (others, expected) in [
            (vec![], Turn::Ready),
            (vec![(a, Status::Completed)], Turn::Ready),
            (
                vec![(a, Status::Completed), (b, Status::Paused)],
                Turn::Waits,
            ),
            (vec![(a, Status::Pending)], Turn::Waits),
            (
                vec![(a, Status::Running), (b, Status::Failed)],
                Turn::Never(b, Status::Failed),
            ),
            (
                vec![(a, Status::Cancelled)],
                Turn::Never(a, Status::Cancelled),
            ),
        ] {
            assert_eq!(turn(others.into_iter()), expected);
        }
    }

    proptest! {
        #[test]
        fn higher_goes_first_then_older(a: (i32, u128), b: (i32, u128)) {
            let place = |(priority, id)| Place::new(priority, JobId(id));
            let first = if a.0 == b.0 { a.1 < b.1 } else { a.0 > b.0 };
            prop_assert_eq!(place(a) < place(b), first);
        }
    }
}
