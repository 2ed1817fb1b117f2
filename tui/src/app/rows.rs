//! Which jobs are listed, in which order, and where the cursor is.
//!
//! The cursor is a job, not a line, once a key was pressed; before, it stays at the top. Nothing moves under the hand: for a second after a key, and while a question is
//! open, the order stands still; a job under the cursor keeps its place when it ends, until the cursor leaves it.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use jobtop_core::proto::view::View;
use jobtop_core::{JobId, Status, Timestamp};

use super::arrange::{Arrangement, SortBy};
use crate::keymap::Action;

/// How long the order stands still after a key, in milliseconds.
const HOLD_MS: u64 = 1_000;
/// Rows that move because jobs go on do so that often at most, in milliseconds.
const STIR_MS: u64 = 1_000;

/// The listed jobs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    order: Vec<JobId>,
    /// Why each is where it is; as many as `order`.
    places: Vec<Place>,
    /// The groups, in order.
    heads: Vec<Head>,
    cursor: Option<JobId>,
    /// Index of the first line seen; the head of a group is a line, too.
    offset: usize,
    /// The order no longer fits the jobs.
    dirty: bool,
    /// Monotonic moment at which the order was made last.
    made: u64,
    /// Monotonic moment until which the order stands still.
    held_until: u64,
    /// Whether the cursor has been put where it is; until then it stays at the top.
    placed: bool,
}

/// A group of rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    /// What its jobs have in common.
    pub(crate) name: Arc<str>,
    /// Which of the jobs in order are in it.
    pub(crate) jobs: Range<usize>,
}

/// A line of the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Line<'a> {
    Head(&'a Head),
    Job(JobId),
}

/// What jobs are ordered by: the group, what they are sorted by, then the newest first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    group: Option<Arc<str>>,
    rank: Rank,
    when: Reverse<Timestamp>,
    id: Reverse<JobId>,
}

/// What has nothing to be sorted by comes last, either way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Rank {
    Rising(Value),
    Falling(Reverse<Value>),
    Nothing,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Value {
    Number(i64),
    Text(Box<str>),
}

impl Place {
    fn of(job: &View, how: &Arrangement) -> Self {
        let ended = job.status.is_final();
        let when = job.finished_at.filter(|_| ended).unwrap_or(job.created_at);
        let value = value(job, how.sort);
        Self {
            group: how.group.map(|group| Arc::from(group.of(job))),
            rank: match value {
                None => Rank::Nothing,
                Some(value) if how.falls() => Rank::Falling(Reverse(value)),
                Some(value) => Rank::Rising(value),
            },
            when: Reverse(when),
            id: Reverse(job.id),
        }
    }
}

fn value(job: &View, by: SortBy) -> Option<Value> {
    let number = |n: f64| Value::Number((n * 1_000.0) as i64);
    let text = |text: &str| Value::Text(text.to_lowercase().into());
    let runs = job.status == Status::Running && job.stalled_since.is_none();
    match by {
        SortBy::Newest => Some(Value::Number(job.status.is_final().into())),
        SortBy::Name => Some(text(&job.name)),
        SortBy::Owner => Some(text(job.user_id.as_str())),
        SortBy::Status => Status::ALL
            .iter()
            .position(|status| *status == job.status)
            .map(|at| Value::Number(at as i64)),
        SortBy::Progress => Some(number(job.progress)),
        SortBy::Rate => job.metrics.items_per_second.filter(|_| runs).map(number),
        SortBy::Eta => job
            .metrics
            .estimated_completion
            .filter(|_| runs)
            .map(|at| Value::Number(at.0)),
        SortBy::Errors => {
            (job.metrics.error_count > 0).then(|| number(job.metrics.error_count as f64))
        }
    }
}

/// The groups of jobs that are in order.
fn heads(places: &[Place]) -> Vec<Head> {
    let mut heads: Vec<Head> = Vec::new();
    for (at, place) in places.iter().enumerate() {
        let Some(group) = &place.group else { continue };
        match heads.last_mut() {
            Some(head) if head.name == *group => head.jobs.end = at + 1,
            _ => heads.push(Head {
                name: Arc::clone(group),
                jobs: at..at + 1,
            }),
        }
    }
    heads
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
        let lines = self.order.len() + self.heads.len();
        let Some(index) = self.index() else {
            return window(self.offset, 0, height, lines);
        };
        let line = self.line_of(index);
        let first = window(self.offset, line, height, lines);
        // The head of its group is seen with it.
        let is_headed = self.heads.iter().any(|head| head.jobs.start == index);
        if is_headed && first == line && height > 1 {
            line.saturating_sub(1)
        } else {
            first
        }
    }

    fn line_of(&self, index: usize) -> usize {
        index + (self.heads).partition_point(|head| head.jobs.start <= index)
    }

    /// The lines from one on.
    pub(crate) fn lines(&self, first: usize) -> impl Iterator<Item = Line<'_>> {
        let mut heads = self.heads.iter().peekable();
        let all = self.order.iter().enumerate().flat_map(move |(index, id)| {
            let head = heads.next_if(|head| head.jobs.start == index);
            head.map(Line::Head).into_iter().chain([Line::Job(*id)])
        });
        all.skip(first)
    }

    /// The order no longer fits the jobs.
    pub(crate) fn spoil(&mut self) {
        self.dirty = true;
    }

    /// Jobs have gone on, and the order may depend on that.
    pub(crate) fn stir(&mut self) {
        self.dirty = true;
        self.held_until = self.held_until.max(self.made + STIR_MS);
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
        arrangement: &Arrangement,
        height: usize,
        how: Make,
        mono: u64,
    ) {
        self.made = mono;
        let before = self.index();
        let kept = before.filter(|_| how == Make::Gently && self.placed);
        let pinned = kept.map(|index| (self.order[index], self.places[index].clone()));
        let mut places: Vec<Place> = jobs
            .filter_map(|job| match &pinned {
                Some((id, place)) if *id == job.id => Some(place.clone()),
                _ => listed(job).then(|| Place::of(job, arrangement)),
            })
            .collect();
        places.sort_unstable();
        let line = before.map(|index| self.line_of(index).saturating_sub(self.offset));
        self.heads = heads(&places);
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
            self.offset = self.line_of(index).saturating_sub(line);
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
        self.heads = heads(&self.places);
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

    /// Moves the cursor to a job, if it is listed.
    pub(crate) fn choose_job(&mut self, job: JobId, height: usize) -> bool {
        let line = self.order.iter().position(|id| *id == job);
        if let Some(line) = line {
            self.choose(line, height);
        }
        line.is_some()
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
pub(super) fn window(offset: usize, cursor: usize, height: usize, len: usize) -> usize {
    let height = height.max(1);
    offset
        .min(cursor)
        .max((cursor + 1).saturating_sub(height))
        .min(len.saturating_sub(height))
}

/// Where a page of so many lines is after a key, of which so many are seen.
pub(super) fn scrolled(scroll: usize, (lines, seen): (usize, usize), action: Action) -> usize {
    let last = lines.saturating_sub(seen);
    let page = seen.max(1);
    let to = match action {
        Action::Up => scroll.saturating_sub(1),
        Action::Down => scroll + 1,
        Action::PageUp => scroll.saturating_sub(page),
        Action::PageDown => scroll + page,
        Action::Top => 0,
        _ => last,
    };
    to.min(last)
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
