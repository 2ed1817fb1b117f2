//! When checkpoints are made, and what follows when one is done: the log that only older ones needed goes.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use jobtop_core::Now;
use tokio::sync::mpsc;

use super::super::archive::period::Period;
use super::super::checkpoint::{self, Frozen, Made};
use super::super::fault::Fault;
use super::Keep;

/// How a checkpoint ended.
pub(super) type Done = Result<Made, Fault>;

/// So many segments are a reason for a checkpoint however small they are.
const SEGMENTS: usize = 64;
/// A failed checkpoint is tried again after so long (milliseconds), and ever more slowly.
const FIRST_RETRY: u64 = 5_000;
const LAST_RETRY: u64 = 300_000;

/// How it goes with the checkpoints.
#[derive(Debug)]
pub(in super::super) struct Progress {
    /// One is being made.
    is_running: bool,
    /// Jobs were written since the last one was frozen.
    pub(super) has_changed: bool,
    /// Something was damaged: one is to be made at once.
    is_wanted: bool,
    /// The period at the last one.
    period: Period,
    /// The greatest number that was ever given to a generation.
    number: u64,
    /// Bytes of the newest board's frames.
    board_bytes: u64,
    /// Bytes of each generation on the disk.
    disk_bytes: BTreeMap<u64, u64>,
    /// Generations that were found damaged at the start.
    bad: Vec<u64>,
    retry_due: Option<u64>,
    retry_after: u64,
}

impl Progress {
    /// After a start, with what the recovery found.
    pub(in super::super) fn new(
        number: u64,
        board_bytes: u64,
        bad: Vec<u64>,
        period: Period,
    ) -> Self {
        Self {
            is_running: false,
            has_changed: false,
            is_wanted: false,
            period,
            number,
            board_bytes,
            disk_bytes: BTreeMap::new(),
            bad,
            retry_due: None,
            retry_after: FIRST_RETRY,
        }
    }

    /// Asks for one at once.
    pub(in super::super) fn want(&mut self) {
        self.is_wanted = true;
        self.has_changed = true;
    }

    /// The log has more than the last one covers.
    pub(in super::super) fn note_change(&mut self) {
        self.has_changed = true;
    }

    /// When a failed one is tried again.
    pub(super) const fn retry_due(&self) -> Option<u64> {
        self.retry_due
    }
}

impl Keep {
    /// Whether a checkpoint should begin.
    pub(super) fn is_checkpoint_due(&self, now: Now) -> bool {
        let state = &self.checkpoints;
        if let Some(due) = state.retry_due {
            return due <= now.mono && self.can_checkpoint();
        }
        let threshold = self.settings.checkpoint_bytes.max(2 * state.board_bytes);
        let is_due = state.is_wanted
            || self.log.fresh_bytes() >= threshold
            || self.log.segments() > SEGMENTS
            || state.period != self.period(now);
        is_due && state.has_changed && self.can_checkpoint()
    }

    /// A checkpoint may only cover what is durable, and all of it.
    fn can_checkpoint(&self) -> bool {
        !self.checkpoints.is_running
            && self.faults.log.is_none()
            && !self.board.is_due()
            && !self.keeper.is_owing()
            && !self.log.is_unsynced()
    }

    /// Freezes the present and starts the checkpoint's thread.
    pub(super) fn begin_checkpoint(&mut self, now: Now, done: &mpsc::Sender<Done>) {
        self.board.prune(self.live(), now);
        let state = &mut self.checkpoints;
        state.is_running = true;
        state.is_wanted = false;
        state.has_changed = false;
        state.retry_due = None;
        state.number += 1;
        state.period = self.keeper.period_of(now.wall);
        self.log.mark_frozen();
        let frozen = Frozen {
            dir: self.dir.clone(),
            number: state.number,
            sequence: self.log.sequence(),
            epoch: self.epoch,
            now,
            records: self.board.freeze(),
            touched: self.keeper.freeze(),
            former: self.current.generations.first().cloned(),
            bad: state.bad.clone(),
            ages: self.looks.ages().clone(),
            limit: Duration::from_millis(self.settings.sled_limit_ms),
        };
        let done = done.clone();
        let spawned = thread::Builder::new()
            .name("store-seal".to_owned())
            .spawn(move || {
                // The channel has room for the one that can be running.
                let _ = done.try_send(checkpoint::make(frozen));
            });
        if let Err(error) = spawned {
            self.checkpoint_done(Err(Fault::Broken(format!(
                "no thread for a checkpoint: {error}"
            ))));
        }
    }

    /// Takes over how a checkpoint ended.
    pub(super) fn checkpoint_done(&mut self, result: Done) {
        let now = self.clock.now();
        let state = &mut self.checkpoints;
        state.is_running = false;
        let made = match result {
            Ok(made) => made,
            Err(fault) => {
                tracing::warn!(%fault, "a checkpoint failed; the log is kept");
                state.has_changed = true;
                state.retry_due = Some(now.mono + state.retry_after);
                state.retry_after = match fault {
                    // Room can come back at any moment.
                    Fault::NoRoom(_) => FIRST_RETRY,
                    Fault::Broken(_) => (state.retry_after * 2).min(LAST_RETRY),
                };
                self.faults.checkpoint = Some(fault);
                self.keeper.touch_all();
                return;
            }
        };
        self.faults.checkpoint = None;
        state.retry_after = FIRST_RETRY;
        state.bad.clear();
        self.current = made.current;
        let generations = &self.current.generations;
        if let Some(newest) = generations.first() {
            state.board_bytes = newest.seal.bytes;
            state.disk_bytes.insert(newest.number, made.disk_bytes);
        }
        state
            .disk_bytes
            .retain(|number, _| generations.iter().any(|known| known.number == *number));
        // Until there are two the log is needed from its beginning.
        if let [_, older] = generations.as_slice()
            && let Err(fault) = self.log.forget(older.seal.sequence)
        {
            tracing::warn!(%fault, "an old segment of the log stays");
        }
        self.count();
    }

    /// Tells the figures of the disk.
    pub(in super::super) fn count(&self) {
        let boards: u64 = self.checkpoints.disk_bytes.values().sum();
        let at = (!self.current.generations.is_empty()).then_some(self.current.at);
        self.shared
            .tell(self.checkpoints.board_bytes, self.log.bytes() + boards, at);
    }

    /// Every sender is gone: writes what is left and seals it. Returns whether all of that was done.
    pub(super) async fn end(
        mut self,
        done: &mpsc::Sender<Done>,
        made: &mut mpsc::Receiver<Done>,
    ) -> bool {
        self.flush_again();
        let limit = Duration::from_millis(self.settings.sled_limit_ms) * 3;
        // The first one may have been running already.
        for _ in 0..2 {
            if !self.checkpoints.is_running {
                if !self.checkpoints.has_changed || !self.can_checkpoint() {
                    break;
                }
                self.begin_checkpoint(self.clock.now(), done);
            }
            match tokio::time::timeout(limit, made.recv()).await {
                Ok(Some(result)) => self.checkpoint_done(result),
                // It hangs: the log has everything.
                Ok(None) | Err(_) => break,
            }
        }
        !self.board.is_due() && !self.checkpoints.has_changed && !self.checkpoints.is_running
    }
}
