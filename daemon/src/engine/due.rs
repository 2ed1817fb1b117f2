//! What time brings: stalls, lost producers, progress to be written, jobs that leave the live set. Pure, but for the
//! question whether a process lives, which the caller answers.

use jobtop_core::{JobId, Now, Status};

use super::board::{Board, Tracked};
use super::outcome::{Outcome, Process};

/// What is due for one job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    /// Nothing was heard for too long.
    Stall,
    /// The producer is lost.
    Lose,
    /// The process of a job that has ended is gone.
    ForgetControl,
    /// Its estimate has passed.
    ForgetEstimate,
}

impl Board {
    /// Does what is due at `now`.
    pub(super) fn due(&mut self, now: Now, alive: fn(Process) -> bool, outcome: &mut Outcome) {
        let lost_after = self.settings.times.lost_after_ms;
        let due: Vec<_> = self
            .jobs
            .iter()
            .filter_map(|(id, tracked)| tracked.due(now, lost_after, alive).map(|due| (*id, due)))
            .collect();
        for (id, due) in due {
            match due {
                Due::Stall => self.stall(id, now, outcome),
                Due::Lose => self.lose(id, now, outcome),
                Due::ForgetControl => self.process_gone(id, now, outcome),
                // Who watches is told, so that it knows the same as who asks.
                Due::ForgetEstimate => {
                    let _ = self.change(id, outcome, |job| {
                        job.forget_estimate(now);
                        Ok(())
                    });
                }
            }
        }
        self.take_back(now, outcome);
        self.tick_all(outcome);
        for id in self.expired(now) {
            self.remove(id, outcome);
        }
    }

    /// Nobody comes back to that job any more.
    pub(super) fn lose(&mut self, id: JobId, now: Now, outcome: &mut Outcome) {
        let lost = self.change(id, outcome, |job| job.lose_producer(now));
        if lost.is_ok() {
            self.ended(id, now, outcome);
        }
    }

    /// Jobs that have left the live set by age or by number, oldest first.
    fn expired(&self, now: Now) -> Vec<JobId> {
        let times = &self.settings.times;
        let beyond = self.ended.len().saturating_sub(times.live_ended);
        self.ended
            .iter()
            .enumerate()
            .take_while(|(place, (finished, _))| {
                *place < beyond || now.wall.ms_since(*finished) > times.live_ms
            })
            .map(|(_, (_, id))| *id)
            .collect()
    }
}

impl Tracked {
    fn due(&self, now: Now, lost_after: u64, alive: fn(Process) -> bool) -> Option<Due> {
        let state = &self.job.state;
        let waited = now.mono.saturating_sub(self.waiting_since) >= lost_after;
        let lives = || self.bond.process.is_some_and(alive);
        if state.status.is_final() {
            let gone = state.control.is_some()
                && self.conn.is_none()
                && ((self.bond.process.is_some() && !lives()) || (waited && !lives()));
            return gone.then_some(Due::ForgetControl);
        }
        if state.stalled_since.is_some() {
            // The runner of a submitted command is started once: when its process is gone nobody comes back.
            let alone = self.job.spec.command.is_some() && self.bond.process.is_some();
            return ((waited || alone) && !lives()).then_some(Due::Lose);
        }
        let silent = now.mono.saturating_sub(self.heard) as f64 / 1000.0;
        let working = state.status != Status::Pending;
        let heartbeat = self.job.spec.heartbeat_seconds.filter(|_| working);
        if heartbeat.is_some_and(|heartbeat| silent > 3.0 * heartbeat) {
            return Some(Due::Stall);
        }
        self.job.is_overdue(now).then_some(Due::ForgetEstimate)
    }
}
