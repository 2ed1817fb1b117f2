//! What the writer's thread holds, and what it does when: the log, the working copy of the board, the archive's keeper, the
//! looks at the clock.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jobtop_core::Now;
use tokio::sync::mpsc;

use super::super::Settings;
use super::super::archive::Shared;
use super::super::archive::keeper::Keeper;
use super::super::archive::period::Period;
use super::super::archive::sweep::Looks;
use super::super::aside::Files;
use super::super::board::{Board, Live};
use super::super::current::Current;
use super::super::log::Log;
use super::SOON;
use super::checkpoints::{Done, Progress};
use super::flush::Held;
use super::health::Faults;
use crate::clock::Clock;

/// Everything that is kept, in the hands of one thread.
#[derive(Debug)]
pub(in super::super) struct Keep {
    pub(in super::super) dir: PathBuf,
    pub(in super::super) settings: Settings,
    pub(in super::super) clock: Clock,
    pub(in super::super) log: Log,
    pub(in super::super) board: Board,
    pub(in super::super) keeper: Keeper,
    pub(in super::super) aside: Files,
    pub(in super::super) looks: Looks,
    pub(in super::super) shared: Arc<Shared>,
    /// What `CURRENT` says, without generations that were found damaged.
    pub(in super::super) current: Current,
    pub(in super::super) epoch: u64,
    /// The epoch is not in the log yet.
    pub(in super::super) is_start_due: bool,
    pub(in super::super) checkpoints: Progress,
    pub(in super::super) faults: Faults,
    pub(in super::super) held: Held,
    /// When waiting progress goes to the log, by the monotonic clock.
    pub(in super::super) ticks_due: Option<u64>,
    /// When what failed is tried again.
    pub(in super::super) retry_due: Option<u64>,
    /// The last attempt to write to the log failed then.
    pub(in super::super) failed_at: u64,
    /// Scratch for the frames of a group.
    pub(in super::super) frames: Vec<u8>,
    /// The lock on the directory, held as long as this lives.
    #[expect(
        dead_code,
        reason = "it is held, not used: closing it would let another daemon in"
    )]
    pub(in super::super) lock: File,
}

impl Keep {
    /// How long ended jobs stay on the board.
    pub(super) fn live(&self) -> Live {
        Live {
            ms: self.settings.live_ms,
            ended: self.settings.live_ended,
        }
    }

    /// Does what is due at this moment: progress that waited, what failed before, a look at the clock, a checkpoint.
    pub(super) fn attend(&mut self, done: &mpsc::Sender<Done>) {
        let now = self.clock.now();
        let is_due = |due: Option<u64>| due.is_some_and(|due| due <= now.mono);
        if is_due(self.ticks_due) || is_due(self.retry_due) {
            self.ticks_due = None;
            self.retry_due = None;
            self.faults.reserve = None;
            self.flush_again();
        }
        if self.faults.log.is_none() && self.faults.reserve.is_none() {
            // Early: while the present segment has room, a disk that is full stops nobody.
            self.faults.reserve = self.log.reserve().err();
        }
        if self.looks.due() <= now.mono {
            self.look(now);
        }
        if self.board.is_crowded(self.live()) {
            self.board.prune(self.live(), now);
        }
        if self.is_checkpoint_due(now) {
            self.begin_checkpoint(now, done);
        }
        if self.ticks_due.is_none() && self.board.is_waiting() {
            self.ticks_due = Some(now.mono + SOON);
        }
        if self.retry_due.is_none() && self.faults.is_any_to_retry() {
            self.retry_due = Some(now.mono + SOON);
        }
    }

    /// How long nothing will be due.
    pub(super) fn pause(&self) -> Duration {
        let due = [
            self.ticks_due,
            self.retry_due,
            self.checkpoints.retry_due(),
            Some(self.looks.due()),
        ];
        let next = due.into_iter().flatten().min().unwrap_or(u64::MAX);
        // Timers this far away are as good as none, and the period may change meanwhile.
        let longest = 60_000;
        Duration::from_millis(next.saturating_sub(self.clock.now().mono).min(longest))
    }

    /// The period that now is.
    pub(super) fn period(&self, now: Now) -> Period {
        self.keeper.period_of(now.wall)
    }

    /// Looks whether periods have expired, and lets them go.
    fn look(&mut self, now: Now) {
        let verdict = self.looks.look(now, &self.keeper.periods());
        if let Some(alert) = verdict.alert {
            tracing::warn!("{alert}");
        }
        for period in verdict.expired {
            match self.keeper.expire(period) {
                Ok(()) => tracing::info!(%period, "a period of finished jobs has expired"),
                Err(fault) => tracing::warn!(%fault, "an expired period can't be removed"),
            }
        }
    }
}
