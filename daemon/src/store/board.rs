//! The writer's working copy of the live set: the newest of every job, and which of them the log does not have yet.
//!
//! What can't be written stays marked here, so a later attempt writes the newest of each job and nothing twice. Pure.

use std::collections::HashMap;

use jobtop_core::{JobId, Now};

use super::archive::ended_at;
use crate::engine::outcome::{Record, Write};

/// What of a job the log does not have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Unwritten {
    Nothing,
    Tick,
    Whole,
}

#[derive(Debug)]
struct Kept {
    record: Record,
    /// Of its newest frame.
    sequence: u64,
    unwritten: Unwritten,
}

/// The live set as the store keeps it.
#[derive(Debug, Default)]
pub(super) struct Board {
    jobs: HashMap<JobId, Kept>,
    /// Jobs with [`Unwritten::Whole`], in order.
    due: Vec<JobId>,
    /// Jobs that had [`Unwritten::Tick`] when they were put here.
    waiting: Vec<JobId>,
    /// Endings since the last [`Board::prune`].
    ended: usize,
}

/// How long ended jobs stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Live {
    /// Milliseconds after their end …
    pub(super) ms: u64,
    /// … and the newest so many of them.
    pub(super) ended: usize,
}

impl Board {
    /// A board of jobs that the log has, with the sequence of each.
    pub(super) fn of(records: impl IntoIterator<Item = (Record, u64)>) -> Self {
        let jobs = records
            .into_iter()
            .map(|(record, sequence)| {
                let kept = Kept {
                    sequence,
                    unwritten: Unwritten::Nothing,
                    record,
                };
                (kept.record.job.id(), kept)
            })
            .collect();
        Self {
            jobs,
            ..Self::default()
        }
    }

    /// Takes the newest of a job. Returns whether it has to be durable before it is answered.
    pub(super) fn put(&mut self, write: Write) -> bool {
        let (record, is_tick) = match write {
            Write::Tick(record) => (record, true),
            Write::Job(record) | Write::Ended(record) => (record, false),
        };
        let id = record.job.id();
        let Some(kept) = self.jobs.get_mut(&id) else {
            // Whatever was said of a job that the log does not know, only the whole of it can be read back.
            self.ended += usize::from(record.job.is_final());
            let kept = Kept {
                record,
                sequence: 0,
                unwritten: Unwritten::Whole,
            };
            self.jobs.insert(id, kept);
            self.due.push(id);
            return true;
        };
        if is_tick && kept.record.job.is_final() {
            return false;
        }
        self.ended += usize::from(record.job.is_final() && !kept.record.job.is_final());
        kept.record = record;
        let wanted = if is_tick {
            Unwritten::Tick
        } else {
            Unwritten::Whole
        };
        if wanted > kept.unwritten {
            kept.unwritten = wanted;
            if is_tick {
                self.waiting.push(id);
            } else {
                self.due.push(id);
            }
        }
        !is_tick
    }

    /// The jobs of which the log needs the whole, in order.
    pub(super) fn due(&self) -> impl Iterator<Item = (JobId, &Record)> {
        self.unwritten(&self.due, Unwritten::Whole)
    }

    /// The jobs of which the log needs the mutable part.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (JobId, &Record)> {
        self.unwritten(&self.waiting, Unwritten::Tick)
    }

    /// Whether something has to be durable that is not.
    pub(super) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Whether some progress is not in the log.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The log has these now, each under that sequence: all that was due, and all that waited if `ticks`.
    pub(super) fn written(&mut self, sequences: &[(JobId, u64)], ticks: bool) {
        for (id, sequence) in sequences {
            if let Some(kept) = self.jobs.get_mut(id) {
                kept.sequence = *sequence;
                kept.unwritten = Unwritten::Nothing;
            }
        }
        self.due.clear();
        if ticks {
            self.waiting.clear();
        }
    }

    /// Whether so many jobs ended that some should be let go.
    pub(super) fn is_crowded(&self, live: Live) -> bool {
        self.ended > live.ended + 1_024
    }

    /// Lets go of what has left the live set and is in the log.
    pub(super) fn prune(&mut self, live: Live, now: Now) {
        let jobs = self
            .jobs
            .values()
            .filter(|kept| kept.unwritten == Unwritten::Nothing);
        for id in left(jobs.map(|kept| &kept.record), live, now) {
            self.jobs.remove(&id);
        }
        self.ended = 0;
    }

    /// A shared copy of all of it in the order of ids, with the sequence of each.
    pub(super) fn freeze(&self) -> Vec<(Record, u64)> {
        let mut frozen: Vec<_> = self
            .jobs
            .values()
            .map(|kept| (kept.record.clone(), kept.sequence))
            .collect();
        frozen.sort_unstable_by_key(|(record, _)| record.job.id());
        frozen
    }

    fn unwritten<'a>(
        &'a self,
        ids: &'a [JobId],
        what: Unwritten,
    ) -> impl Iterator<Item = (JobId, &'a Record)> {
        ids.iter().filter_map(move |id| {
            let kept = self.jobs.get(id).filter(|kept| kept.unwritten == what)?;
            Some((*id, &kept.record))
        })
    }
}

/// The jobs that have left the live set: ended too long ago, or more ended after them than there is room for.
pub(super) fn left<'a>(
    records: impl Iterator<Item = &'a Record>,
    live: Live,
    now: Now,
) -> Vec<JobId> {
    let horizon = now.wall.0.saturating_sub_unsigned(live.ms);
    let mut ended: Vec<_> = records
        .filter(|record| record.job.is_final())
        .map(|record| (ended_at(&record.job), record.job.id()))
        .collect();
    ended.sort_unstable_by(|a, b| b.cmp(a));
    let fresh = ended
        .iter()
        .take(live.ended)
        .take_while(|(at, _)| at.0 >= horizon)
        .count();
    ended.drain(..fresh);
    ended.into_iter().map(|(_, id)| id).collect()
}
