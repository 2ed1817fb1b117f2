//! Which jobs are listed, in which order, and where the cursor is.
//!
//! The cursor is a job, not a line, once a key was pressed; before, it stays at the top. Nothing moves under the hand: for a second after a key, and while a question is
//! open, the order stands still; a job under the cursor keeps its place when it ends, until the cursor leaves it.

use jobtop_core::proto::view::View;
use jobtop_core::{JobId, Timestamp};

/// How long the order stands still after a key, in milliseconds.
const HOLD_MS: u64 = 1_000;

/// The listed jobs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    order: Vec<JobId>,
    /// Why each is where it is; as many as `order`.
    places: Vec<Place>,
    cursor: Option<JobId>,
    /// Index of the first row seen.
    offset: usize,
    /// The order no longer fits the jobs.
    dirty: bool,
    /// Monotonic moment until which the order stands still.
    held_until: u64,
    /// Whether the cursor has been put where it is; until then it stays at the top.
    placed: bool,
}

/// What jobs are ordered by: not ended before ended, newest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    ended: bool,
    when: std::cmp::Reverse<Timestamp>,
    id: std::cmp::Reverse<JobId>,
}

impl Place {
    fn of(job: &View) -> Self {
        let ended = job.status.is_final();
        let when = job.finished_at.filter(|_| ended).unwrap_or(job.created_at);
        Self {
            ended,
            when: std::cmp::Reverse(when),
            id: std::cmp::Reverse(job.id),
        }
    }
}

/// How strictly the order is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Make {
    /// The cursor's job keeps its place, whatever the filters say.
    Gently,
    /// The person changed what is asked for: everything is put where it belongs.
    Afresh,
}

impl Rows {
    /// The jobs in order.
    pub(crate) fn order(&self) -> &[JobId] {
        &self.order
    }

    /// The job under the cursor.
    pub(crate) fn cursor(&self) -> Option<JobId> {
        self.cursor
    }

    /// The line of the cursor.
    pub(crate) fn index(&self) -> Option<usize> {
        let cursor = self.cursor?;
        self.order.iter().position(|id| *id == cursor)
    }

    /// The first line to show in a window of that height, so that the cursor is in it.
    pub(crate) fn first(&self, height: usize) -> usize {
        window(
            self.offset,
            self.index().unwrap_or(0),
            height,
            self.order.len(),
        )
    }

    /// The order no longer fits the jobs.
    pub(crate) fn spoil(&mut self) {
        self.dirty = true;
    }

    /// A key was pressed: nothing moves for a moment.
    pub(crate) fn hold(&mut self, mono: u64) {
        self.held_until = mono + HOLD_MS;
        self.placed = true;
    }

    /// When the order will be made, if it is to be and waits.
    pub(crate) fn due(&self) -> Option<u64> {
        self.dirty.then_some(self.held_until)
    }

    /// Whether the order is to be made now.
    pub(crate) fn is_due(&self, mono: u64) -> bool {
        self.dirty && mono >= self.held_until
    }

    /// Puts the jobs into order; `listed` says which pass the filters.
    pub(crate) fn make<'a>(
        &mut self,
        jobs: impl Iterator<Item = &'a View>,
        listed: impl Fn(&View) -> bool,
        height: usize,
        how: Make,
    ) {
        let before = self.index();
        let kept = before.filter(|_| how == Make::Gently && self.placed);
        let pinned = kept.map(|index| (self.order[index], self.places[index]));
        let mut places: Vec<Place> = jobs
            .filter_map(|job| match pinned {
                Some((id, place)) if id == job.id => Some(place),
                _ => listed(job).then(|| Place::of(job)),
            })
            .collect();
        places.sort_unstable();
        let line = before.map(|index| index.saturating_sub(self.offset));
        self.order = places.iter().map(|place| place.id.0).collect();
        self.places = places;
        self.dirty = false;
        if !self.placed {
            self.cursor = self.order.first().copied();
        }
        let index = self.index().or_else(|| {
            // The cursor's job is gone: the one that took its line is next.
            let last = self.order.len().checked_sub(1)?;
            Some(before.unwrap_or(0).min(last))
        });
        self.cursor = index.map(|index| self.order[index]);
        // The chosen row keeps its line on the screen, unless the list is at its top and shows what is new there.
        if self.offset > 0
            && let (Some(index), Some(line)) = (index, line)
        {
            self.offset = index.saturating_sub(line);
        }
        self.offset = self.first(height);
    }

    /// Forgets jobs that are gone at once, whatever is held.
    pub(crate) fn drop_absent(&mut self, exists: impl Fn(JobId) -> bool) {
        let before = self.index();
        let above = self.order[..before.unwrap_or(0)]
            .iter()
            .filter(|id| !exists(**id))
            .count();
        self.order.retain(|id| exists(*id));
        self.places.retain(|place| exists(place.id.0));
        if self.index().is_none() {
            let last = self.order.len().checked_sub(1);
            self.cursor =
                last.map(|last| self.order[before.unwrap_or(0).saturating_sub(above).min(last)]);
        }
        self.offset = self.offset.saturating_sub(above);
    }

    /// Moves the cursor by so many lines.
    pub(crate) fn step(&mut self, by: isize, height: usize) {
        let at = self.index().unwrap_or(0).saturating_add_signed(by);
        self.choose(at, height);
    }

    /// Moves the cursor to a line, or to the last.
    pub(crate) fn choose(&mut self, line: usize, height: usize) {
        let Some(last) = self.order.len().checked_sub(1) else {
            return;
        };
        let id = self.order[line.min(last)];
        if self.cursor != Some(id) {
            self.cursor = Some(id);
            // The row that was left may have been kept where it no longer belongs.
            self.dirty = true;
        }
        self.offset = self.first(height);
    }
}

/// The first line of a window of `height` lines over `len` that contains `cursor`, near `offset`.
fn window(offset: usize, cursor: usize, height: usize, len: usize) -> usize {
    let height = height.max(1);
    offset
        .min(cursor)
        .max((cursor + 1).saturating_sub(height))
        .min(len.saturating_sub(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_follows_the_cursor_and_leaves_no_gap() {
        for ((offset, cursor, height, len), first) in [
            ((0, 0, 10, 5), 0),
            ((0, 9, 10, 100), 0),
            ((0, 10, 10, 100), 1),
            ((50, 40, 10, 100), 40),
            ((50, 55, 10, 100), 50),
            ((95, 99, 10, 100), 90),
            ((90, 3, 10, 4), 0),
            ((0, 0, 0, 0), 0),
        ] {
            assert_eq!(
                window(offset, cursor, height, len),
                first,
                "{offset} {cursor} {height} {len}"
            );
        }
    }
}
