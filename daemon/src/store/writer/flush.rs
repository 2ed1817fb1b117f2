//! Group commit: what is queued becomes frames, one append, one fdatasync; then the answers, then the archive.
//!
//! When that fails the answers are refused, controls are held, and the newest of each job stays due on the board, so the
//! next attempt writes it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use jobtop_core::{Job, JobId, Now};

use super::super::archive::ended_at;
use super::super::fault::Fault;
use super::super::frame::{self, Head, Kind};
use super::super::log::Log;
use super::super::payload;
use super::Keep;
use crate::engine::outcome::{Commit, Record, Release, Write};

/// So many controls are held while nothing can be written; a job says itself what is wanted of its producer.
const HELD: usize = 1_024;
/// So long after a failure nothing is tried again for a commit (milliseconds).
const CALM: u64 = 50;
/// The scratch buffer is given back when a group needed more than this.
const SCRATCH: usize = 1 << 20;

/// Controls whose jobs are not durable yet.
#[derive(Debug, Default)]
pub(in super::super) struct Held(Vec<Release>);

/// What a group waits with.
struct Waiting {
    release: Release,
    /// Whether it may only be given once everything is durable.
    is_promise: bool,
}

/// The frames of a group.
#[derive(Default)]
struct Encoded {
    first: u64,
    written: Vec<(JobId, u64)>,
    ended: Vec<(Arc<Job>, Range<usize>)>,
}

impl Keep {
    /// Takes a group of commits: writes it, then lets go what waited for it.
    pub(super) fn take(&mut self, group: impl Iterator<Item = Commit>) {
        let mut waiting = Vec::new();
        for commit in group {
            // Progress is acknowledged when it is taken; everything else, and what has nothing of its own to write but
            // speaks of the present state, when the state is durable.
            let only_ticks = !commit.writes.is_empty()
                && commit
                    .writes
                    .iter()
                    .all(|write| matches!(write, Write::Tick(_)));
            let mut is_promise = !only_ticks || !commit.aside.is_empty();
            self.aside.owe(commit.aside);
            for write in commit.writes {
                is_promise |= self.board.put(write);
            }
            waiting.extend(commit.releases.into_iter().map(|release| Waiting {
                release,
                is_promise,
            }));
        }
        let result = if !self.board.is_due() && !self.aside.is_owing() {
            Ok(())
        } else if let Some(fault) = self.failed_just_now() {
            Err(fault)
        } else {
            self.flush(false)
        };
        // First: who is told that a job has ended finds it in the archive.
        self.settle();
        self.release(waiting, result.err());
    }

    /// What failed a moment ago would fail again: a crowd of commits must not make a crowd of attempts.
    fn failed_just_now(&self) -> Option<Fault> {
        let since = self.clock.now().mono.saturating_sub(self.failed_at);
        self.faults.log.clone().filter(|_| since < CALM)
    }

    /// Writes what waits or failed before.
    pub(super) fn flush_again(&mut self) {
        let result = self.flush(true);
        self.settle();
        self.release(Vec::new(), result.err());
    }

    /// Appends what is due, with waiting progress if `ticks`, and makes it durable.
    fn flush(&mut self, ticks: bool) -> Result<(), Fault> {
        let begun = Instant::now();
        let result = self.try_flush(ticks);
        let counted = &self.shared.counted;
        counted.flushes.0.observe(begun.elapsed());
        if result.is_err() {
            counted.failures.fetch_add(1, Ordering::Relaxed);
        }
        self.faults.log = result.as_ref().err().cloned();
        if result.is_err() {
            self.failed_at = self.clock.now().mono;
        }
        result
    }

    fn try_flush(&mut self, ticks: bool) -> Result<(), Fault> {
        // First, so that no job is known to the log whose environment or audit is not there.
        self.aside.settle()?;
        let now = self.clock.now();
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        let encoded = self.encode(&mut frames, ticks, now);
        let result = if frames.is_empty() {
            self.log.sync()
        } else {
            self.log
                .append(encoded.first, &frames)
                .and_then(|()| self.log.sync())
        };
        if result.is_ok() {
            let bytes = frames.len() as u64;
            self.shared
                .counted
                .written
                .fetch_add(bytes, Ordering::Relaxed);
            self.aside.forget();
            self.is_start_due = false;
            self.checkpoints.has_changed |= !encoded.written.is_empty();
            self.board.written(&encoded.written, ticks);
            for (job, range) in encoded.ended {
                self.keeper.owe(&job, &frames[range]);
            }
        }
        frames.shrink_to(SCRATCH);
        self.frames = frames;
        result
    }

    fn encode(&mut self, frames: &mut Vec<u8>, ticks: bool, now: Now) -> Encoded {
        let mut encoded = Encoded {
            first: self.log.sequence() + 1,
            ..Encoded::default()
        };
        let epoch = self.epoch;
        if self.log.has_gap() {
            mark(frames, &mut self.log, Kind::Turn, now, |_| Ok(()));
        }
        if self.is_start_due {
            mark(frames, &mut self.log, Kind::Start, now, |to| {
                payload::write_start(to, epoch)
            });
        }
        let log = &mut self.log;
        for (id, record) in self.board.due() {
            let start = frames.len();
            let kind = if record.job.is_final() {
                Kind::Ended
            } else {
                Kind::Job
            };
            if let Some(sequence) = job(frames, log, kind, record, now) {
                encoded.written.push((id, sequence));
                if kind == Kind::Ended {
                    encoded
                        .ended
                        .push((record.job.clone(), start..frames.len()));
                }
            }
        }
        if ticks {
            for (id, record) in self.board.waiting() {
                if let Some(sequence) = job(frames, log, Kind::Tick, record, now) {
                    encoded.written.push((id, sequence));
                }
            }
        }
        encoded
    }

    /// Lets go what waited for a group: as it was meant, or refused if the group is not durable.
    fn release(&mut self, waiting: Vec<Waiting>, fault: Option<Fault>) {
        // Without a flush of its own a group may still speak of what an earlier one could not write.
        let fault = fault.or_else(|| self.faults.log.clone());
        let Some(fault) = fault else {
            for release in self.held.0.drain(..) {
                release.carry_out();
            }
            for waiting in waiting {
                waiting.release.carry_out();
            }
            return;
        };
        for Waiting {
            release,
            is_promise,
        } in waiting
        {
            match release {
                Release::Answer(reply, Ok(_)) if is_promise => reply.give(Err(fault.refusal())),
                Release::Control(..) | Release::Launch(..) | Release::Tell(..) => {
                    if self.held.0.len() < HELD {
                        self.held.0.push(release);
                    }
                }
                // A disk that is full is no store that is stuck.
                Release::Answer(..) | Release::Alive(_) => release.carry_out(),
            }
        }
    }

    /// Appends to the archive what it is owed.
    fn settle(&mut self) {
        self.faults.archive = self.keeper.settle().err();
    }
}

fn mark(
    frames: &mut Vec<u8>,
    log: &mut Log,
    kind: Kind,
    now: Now,
    fill: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) {
    let head = Head {
        sequence: log.next(),
        at: now.wall,
        id: JobId(0),
        kind,
    };
    if let Err(error) = frame::write(frames, head, fill) {
        tracing::error!(%error, "a mark can't be encoded");
    }
}

/// Appends the frame of a job; returns its sequence.
fn job(frames: &mut Vec<u8>, log: &mut Log, kind: Kind, record: &Record, now: Now) -> Option<u64> {
    let head = Head {
        sequence: log.next(),
        at: ended_at(&record.job),
        id: record.job.id(),
        kind,
    };
    let fill = |to: &mut Vec<u8>| match kind {
        Kind::Tick => payload::write_tick(to, record, now.mono),
        _ => payload::write_job(to, record, now.mono),
    };
    match frame::write(frames, head, fill) {
        Ok(()) => Some(head.sequence),
        Err(error) => {
            // Its own types always become JSON; if one does not, it must not stop the others.
            tracing::error!(id = %head.id, %error, "a job can't be encoded");
            None
        }
    }
}
