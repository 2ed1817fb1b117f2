//! What is let through to the list: a status, a type, and a filter that was typed.
//!
//! A typed filter that can't be read keeps the last result and says what is wrong with it.

use jobtop_core::proto::view::View;
use jobtop_core::query::{Mistake, Query, Today};
use jobtop_core::{JobType, Status, Timestamp};

use super::Counts;

/// The filters in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filters {
    /// Only this status.
    pub(crate) status: Option<Status>,
    /// Only this type.
    pub(crate) job_type: Option<JobType>,
    text: String,
    query: Query,
    mistake: Option<Mistake>,
}

impl Filters {
    /// The text of the filter in force.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with what is being typed.
    pub(crate) fn mistake(&self) -> Option<&Mistake> {
        self.mistake.as_ref()
    }

    /// Whether a typed filter is in force.
    pub(crate) fn is_typed(&self) -> bool {
        !self.query.is_empty()
    }

    /// Whether anything is held back.
    pub(crate) fn is_set(&self) -> bool {
        self.status.is_some() || self.job_type.is_some() || self.is_typed()
    }

    /// Lets everything through.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Reads a typed filter; a mistake leaves the last one in force.
    pub(crate) fn set_text(&mut self, text: &str, today: &Today) {
        match Query::parse(text, today) {
            Ok(query) => {
                self.query = query;
                text.trim().clone_into(&mut self.text);
                self.mistake = None;
            }
            Err(mistake) => self.mistake = Some(mistake),
        }
    }

    /// Whether a job is let through.
    pub(crate) fn lets(&self, job: &View, now: Timestamp) -> bool {
        self.status.is_none_or(|status| status == job.status)
            && self
                .job_type
                .as_ref()
                .is_none_or(|one| *one == job.job_type)
            && self.query.matches(job, now)
    }

    /// The next status, `None` being all; backwards with `back`.
    pub(crate) fn turn_status(&mut self, direction: Direction) {
        let ring: Vec<_> = Status::ALL.into_iter().collect();
        self.status = turned(&ring, self.status.as_ref(), direction);
    }

    /// The next type that occurs, `None` being all.
    pub(crate) fn turn_type(&mut self, counts: &Counts, direction: Direction) {
        let ring: Vec<_> = counts.by_type.keys().cloned().collect();
        self.job_type = turned(&ring, self.job_type.as_ref(), direction);
    }
}

/// Which way a ring is turned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Forward,
    Back,
}

/// What follows in a ring.
pub(super) fn next<T: Copy + PartialEq>(ring: &[T], current: T) -> T {
    let at = ring.iter().position(|one| *one == current);
    ring[at.map_or(0, |at| (at + 1) % ring.len())]
}

/// The neighbour of `current` in a ring of `ring` and, between its end and its beginning, `None`.
pub(super) fn turned<T: Clone + PartialEq>(
    ring: &[T],
    current: Option<&T>,
    direction: Direction,
) -> Option<T> {
    // Slot 0 is `None`, slot i + 1 is ring[i]; a value that no longer occurs counts as slot 0.
    let slot = current.map_or(0, |current| {
        ring.iter()
            .position(|one| one == current)
            .map_or(0, |i| i + 1)
    });
    let slots = ring.len() + 1;
    let next = match direction {
        Direction::Forward => (slot + 1) % slots,
        Direction::Back => (slot + slots - 1) % slots,
    };
    next.checked_sub(1).map(|i| ring[i].clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_turns_both_ways_through_all() {
        for (current, direction, expected) in [
            (None, Direction::Forward, Some(1)),
            (Some(1), Direction::Forward, Some(2)),
            (Some(3), Direction::Forward, None),
            (None, Direction::Back, Some(3)),
            (Some(1), Direction::Back, None),
            (Some(9), Direction::Forward, Some(1)),
        ] {
            assert_eq!(turned(&[1, 2, 3], current.as_ref(), direction), expected);
        }
        assert_eq!(turned::<u8>(&[], None, Direction::Forward), None);
    }
}
