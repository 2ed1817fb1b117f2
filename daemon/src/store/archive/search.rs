//! A page of what is wanted, found in memory: of each chunk only the rows that can fit are looked at, and of all chunks only
//! those that can hold a row of the page.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::sync::Arc;

use jobtop_core::proto::history::{Order, SortBy};
use jobtop_core::query::ast::{Condition, Needle, Place};
use jobtop_core::query::{Query, Term};
use jobtop_core::{JobId, Timestamp, UserId};
use memchr::memmem::{Finder, FinderRev};
use serde_json::value::RawValue;

use super::Shared;
use super::chunk::Chunk;
use super::profile::Profile;
use super::shelf::Shelf;
use super::sieve::Bits;

/// Which ended jobs, in which order.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// They pass this filter, asked `now`.
    pub query: Query,
    /// They are this user's, if one is named.
    pub owner: Option<UserId>,
    /// Their order; what is equal is in the order of ids.
    pub order: Order,
    /// At most this many; a page of large jobs has fewer.
    pub limit: usize,
    /// Behind this place.
    pub after: Option<Position>,
    /// The moment from which `since:7d` counts.
    pub now: Timestamp,
}

/// A place in an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Position {
    /// What the job is sorted by.
    pub rank: Rank,
    /// The job.
    pub id: JobId,
}

/// What a job is sorted by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rank {
    /// A moment, milliseconds, or a count.
    Number(i64),
    /// A name in lower case.
    Text(Box<str>),
}

/// A page of jobs.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The jobs as they are said, in their order.
    pub jobs: Vec<Box<RawValue>>,
    /// The place of the last one, if more follow.
    pub next: Option<Position>,
    /// What ended before this moment is not searched yet.
    pub indexed_from: Option<Timestamp>,
}

/// A row of a page.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) id: JobId,
    pub(super) rank: Rank,
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
    /// How long the record is at most, if that is known.
    pub(super) reach: Option<u64>,
}

/// The rows of a page.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) hits: Vec<Hit>,
    pub(super) next: Option<Position>,
    pub(super) indexed_from: Option<Timestamp>,
}

/// A chunk and the file of its records.
pub(super) type Piece = (Arc<File>, Arc<Chunk>);

/// What there is now, within a span of time: held on to without a lock.
pub(super) struct Pieces {
    pub(super) list: Vec<Piece>,
    pub(super) indexed_from: Option<Timestamp>,
}

impl Pieces {
    pub(super) fn within(shared: &Shared, span: (i64, i64)) -> Self {
        let state = shared.read();
        let shelves = state.shelves.values();
        let list = shelves
            .clone()
            .flat_map(|shelf| shelf.chunks().iter().map(|chunk| (shelf.file(), chunk)))
            .filter(|(_, chunk)| {
                let (earliest, latest) = chunk.span();
                latest >= span.0 && earliest <= span.1
            })
            .map(|(file, chunk)| (file.clone(), chunk.clone()))
            .collect();
        let is_left = |shelf: &&Shelf| !shelf.is_indexed();
        let indexed_from = shelves
            .clone()
            .any(|shelf| is_left(&shelf))
            .then(|| {
                let left = state.shelves.iter().filter(|(_, shelf)| is_left(shelf));
                left.map(|(period, _)| period.end()).max()
            })
            .flatten();
        Self { list, indexed_from }
    }
}

/// A text to be looked for from the end: is it there at all is found several times as fast forwards.
struct Anchor<'a> {
    bits: Bits,
    forwards: Finder<'a>,
    backwards: FinderRev<'a>,
}

/// A filter, taken apart into what is answered once a profile, by the time alone, by a look for a text, and the rest.
pub(super) struct Plan<'a> {
    now: Timestamp,
    /// From and until when (milliseconds).
    pub(super) span: (i64, i64),
    /// By the number of the profile.
    allowed: Vec<bool>,
    /// The numbers of those that are allowed, where they are few.
    few: Option<Vec<u32>>,
    /// A text that every wanted row has.
    anchor: Option<Anchor<'a>>,
    /// What must be asked of each row.
    rest: Vec<&'a Term>,
    pub(super) profiles: Arc<Vec<Arc<Profile>>>,
}

/// Fewer profiles than one of so many are looked up instead of looking at each row.
const FEW: usize = 8;

impl<'a> Plan<'a> {
    pub(super) fn of(
        shared: &Shared,
        query: &'a Query,
        owner: Option<&UserId>,
        now: Timestamp,
        horizon: Timestamp,
    ) -> Self {
        let (mut from, mut until) = (horizon, Timestamp(i64::MAX));
        let (mut common, mut rest, mut anchor) = (Vec::new(), Vec::new(), None);
        for term in query.terms() {
            match &term.condition {
                Condition::Status(_) | Condition::Exact(..) => common.push(term),
                Condition::Since(moment) if !term.negated => from = from.max(moment.resolve(now)),
                Condition::Until(moment) if !term.negated => until = until.min(moment.resolve(now)),
                condition => {
                    if !term.negated && anchor.is_none() {
                        anchor = anchor_of(condition);
                    }
                    rest.push(term);
                }
            }
        }
        let profiles = shared.profiles().list();
        let allowed: Vec<bool> = profiles
            .iter()
            .map(|profile| {
                owner.is_none_or(|owner| owner.as_str() == &*profile.user) && {
                    let facts = profile.facts();
                    common.iter().all(|term| term.holds(&facts, now))
                }
            })
            .collect();
        let count = allowed.iter().filter(|allowed| **allowed).count();
        let few = (anchor.is_none() && count * FEW <= allowed.len()).then(|| {
            let numbered = allowed.iter().enumerate();
            let numbers = numbered.filter(|(_, allowed)| **allowed);
            numbers.map(|(number, _)| number as u32).collect()
        });
        Self {
            now,
            span: (from.0, until.0),
            allowed,
            few,
            anchor,
            rest,
            profiles,
        }
    }

    /// Whether a row is one of those that are wanted.
    fn fits(&self, chunk: &Chunk, row: usize) -> bool {
        let number = chunk.profile(row);
        // A profile that came after the plan was made belongs to a row that came after it, too.
        if !self.allowed.get(number as usize).is_some_and(|is| *is) {
            return false;
        }
        let finished = chunk.finished(row);
        if finished < self.span.0 || finished > self.span.1 {
            return false;
        }
        self.rest.is_empty() || {
            let facts = chunk.facts(row, &self.profiles[number as usize]);
            self.rest.iter().all(|term| term.holds(&facts, self.now))
        }
    }

    /// Shows `take` the rows of a chunk that are wanted, last one first, until it has enough.
    pub(super) fn each(
        &self,
        chunk: &Chunk,
        scratch: &mut Vec<u16>,
        mut take: impl FnMut(usize) -> bool,
    ) {
        if let Some(anchor) = &self.anchor {
            if !chunk.may_have(&anchor.bits) {
                return;
            }
            let text = chunk.text().as_bytes();
            if anchor.forwards.find(text).is_none() {
                return;
            }
            let mut end = text.len();
            while let Some(at) = anchor.backwards.rfind(&text[..end]) {
                let row = chunk.row_of_text(at);
                if self.fits(chunk, row) && !take(row) {
                    return;
                }
                end = chunk.text_start(row);
            }
            return;
        }
        if let Some(few) = &self.few
            && chunk.rows_of(few, scratch)
        {
            for row in scratch.iter().map(|row| usize::from(*row)) {
                if self.fits(chunk, row) && !take(row) {
                    return;
                }
            }
            return;
        }
        for row in (0..chunk.len()).rev() {
            if self.fits(chunk, row) && !take(row) {
                return;
            }
        }
    }
}

/// A text that is in the index's text of every row for which the condition holds.
fn anchor_of(condition: &Condition) -> Option<Anchor<'_>> {
    let Condition::Contains(place, needles) = condition else {
        return None;
    };
    let [needle] = &needles[..] else {
        return None;
    };
    let can_be_id = *place == Place::Anywhere && is_of_ids(needle);
    let folded = needle.folded();
    (!can_be_id && !folded.is_empty()).then(|| Anchor {
        bits: Bits::of(folded),
        forwards: Finder::new(folded),
        backwards: FinderRev::new(folded),
    })
}

/// Whether the text could be a part of some id, which the index has as a number.
fn is_of_ids(needle: &Needle) -> bool {
    let text = needle.folded();
    "job_".contains(text)
        || text
            .trim_start_matches(|c| "job_".contains(c))
            .chars()
            .all(|c| c.is_ascii_digit() || (c.is_ascii_lowercase() && !"ilou".contains(c)))
}

/// One row in the order; the greatest is the one that comes last.
struct Entry {
    rank: Rank,
    id: JobId,
    descending: bool,
    piece: usize,
    row: usize,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        place(
            self.descending,
            (&self.rank, self.id),
            (&other.rank, other.id),
        )
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

fn place(descending: bool, a: (&Rank, JobId), b: (&Rank, JobId)) -> Ordering {
    if descending { b.cmp(&a) } else { a.cmp(&b) }
}

fn rank(chunk: &Chunk, row: usize, by: SortBy) -> Rank {
    let number = |n: u64| Rank::Number(i64::try_from(n).unwrap_or(i64::MAX));
    match by {
        SortBy::Finished => Rank::Number(chunk.finished(row)),
        SortBy::Started => Rank::Number(chunk.started(row)),
        SortBy::Duration => number(chunk.active_ms(row)),
        SortBy::Errors => number(chunk.errors(row)),
        SortBy::Name => Rank::Text(chunk.texts(row).0.into()),
    }
}

/// Finds a page.
pub(super) fn find(shared: &Shared, wanted: &Wanted, horizon: Timestamp) -> Found {
    let Wanted { order, after, .. } = wanted;
    let plan = Plan::of(
        shared,
        &wanted.query,
        wanted.owner.as_ref(),
        wanted.now,
        horizon,
    );
    let by_time = order.by == SortBy::Finished;
    let mut span = plan.span;
    if by_time
        && let Some(Position {
            rank: Rank::Number(at),
            ..
        }) = after
    {
        span = if order.descending {
            (span.0, span.1.min(*at))
        } else {
            (span.0.max(*at), span.1)
        };
    }
    let mut pieces = Pieces::within(shared, span);
    if by_time && order.descending {
        pieces
            .list
            .sort_by_key(|(_, chunk)| std::cmp::Reverse(chunk.span().1));
    } else if by_time {
        pieces.list.sort_by_key(|(_, chunk)| chunk.span().0);
    }
    // One more than the page shows whether there is another.
    let room = wanted.limit.saturating_add(1);
    let mut page: BinaryHeap<Entry> = BinaryHeap::new();
    let mut scratch = Vec::new();
    for (number, (_, chunk)) in pieces.list.iter().enumerate() {
        let last = (page.len() >= room).then(|| page.peek()).flatten();
        if by_time
            && let Some(Entry {
                rank: Rank::Number(last),
                ..
            }) = last
        {
            let (earliest, latest) = chunk.span();
            if if order.descending {
                latest < *last
            } else {
                earliest > *last
            } {
                break;
            }
        }
        let is_falling = by_time && order.descending && chunk.is_ordered;
        plan.each(chunk, &mut scratch, |row| {
            let rank = rank(chunk, row, order.by);
            let id = chunk.id(row);
            if after.as_ref().is_some_and(|after| {
                place(order.descending, (&rank, id), (&after.rank, after.id)).is_le()
            }) {
                return true;
            }
            if page.len() >= room
                && let Some(last) = page.peek()
                && place(order.descending, (&rank, id), (&last.rank, last.id)).is_gt()
            {
                // Rows of the same moment are not in the order of ids.
                return !is_falling || rank == last.rank;
            }
            page.push(Entry {
                rank,
                id,
                descending: order.descending,
                piece: number,
                row,
            });
            if page.len() > room {
                page.pop();
            }
            true
        });
    }
    let mut entries = page.into_sorted_vec();
    let more = entries.len() > wanted.limit;
    entries.truncate(wanted.limit);
    let next = entries.last().filter(|_| more).map(|last| Position {
        rank: last.rank.clone(),
        id: last.id,
    });
    let hits = entries
        .iter()
        .filter_map(|entry| {
            let (file, chunk) = pieces.list.get(entry.piece)?;
            Some(Hit {
                id: entry.id,
                rank: entry.rank.clone(),
                file: file.clone(),
                offset: chunk.offset(entry.row),
                reach: chunk.reach(entry.row),
            })
        })
        .collect();
    Found {
        hits,
        next,
        indexed_from: pieces.indexed_from,
    }
}
