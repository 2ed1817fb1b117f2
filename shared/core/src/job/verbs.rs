//! What can be done with a job. Each verb asks the state machine, changes the state as one piece or not at all, and
//! keeps the times and the estimate true. The only place where a status is written.

use std::sync::Arc;

use super::control::{Action, Request};
use super::failure::{CODE_PRODUCER_LOST, Failure};
use super::machine::{self, Event, Illegal};
use super::progress::Report;
use super::refusal::{Code, Refusal};
use super::status::Status;
use super::stopwatch::Counting;
use super::{Job, State};
use crate::calc::eta;
use crate::time::{Now, Timestamp};

/// A producer's answer to a control.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// Which request it answers.
    pub action: Action,
    /// Whether it was done.
    pub ok: bool,
    /// Why not, or how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<str>>,
}

impl Job {
    /// A producer begins a pending job.
    pub fn start(&mut self, now: Now) -> Result<(), Refusal> {
        self.go(Event::Start, "started", now)
    }

    /// A producer reports. A pending job begins with it.
    pub fn report(&mut self, report: &Report, now: Now) -> Result<(), Refusal> {
        let next = self.judge(Event::Report, "updated")?;
        self.state.take(report)?;
        // Whoever reports is there.
        self.state.stalled_since = None;
        self.enter(next, now);
        Ok(())
    }

    /// A person asks for a pause.
    pub fn pause(&mut self, now: Now) -> Result<(), Refusal> {
        self.ask(Action::Pause, now)
    }

    /// A person asks to go on.
    pub fn resume(&mut self, now: Now) -> Result<(), Refusal> {
        self.ask(Action::Resume, now)
    }

    /// A person ends it. A pending job has no producer to tell, so it has no control afterwards.
    pub fn cancel(&mut self, now: Now) -> Result<(), Refusal> {
        self.ask(Action::Cancel, now)
    }

    /// The producer answers a control. Answering what is no longer asked is refused and changes nothing.
    ///
    /// A pause or resume that the producer refuses restores the former status. A cancelled job stays cancelled; while
    /// its producer has only refused, its process is still there, and so is the request.
    pub fn acknowledge(&mut self, reply: &Reply, now: Now) -> Result<(), Refusal> {
        if self.state.control.is_none_or(|r| r.action != reply.action) {
            return Err(Refusal::new(
                Code::NoControl,
                format!(
                    "no {} was asked of this job's producer",
                    reply.action.word()
                ),
            ));
        }
        if reply.ok || reply.action != Action::Cancel {
            self.state.control = None;
        }
        if let Some(message) = &reply.message {
            let message = super::progress::kept(message.clone(), crate::text::MESSAGE_CHARS);
            self.state.message = (!message.is_empty()).then_some(message);
        }
        match (reply.ok, reply.action) {
            (false, Action::Pause) => self.go(Event::PauseRefused, "updated", now),
            (false, Action::Resume) => self.go(Event::ResumeRefused, "updated", now),
            (true, _) | (false, Action::Cancel) => {
                self.touch(now);
                Ok(())
            }
        }
    }

    /// The daemon itself takes a job that waits out of the queue, for a reason that it says.
    pub fn withdraw(&mut self, why: &str, now: Now) -> Result<(), Refusal> {
        let next = self.judge(Event::Cancel, "cancelled")?;
        self.state.message = Some(super::progress::kept(
            why.into(),
            crate::text::MESSAGE_CHARS,
        ));
        self.enter(next, now);
        Ok(())
    }

    /// The work ended well.
    pub fn complete(&mut self, now: Now) -> Result<(), Refusal> {
        self.go(Event::Complete, "completed", now)
    }

    /// The work ended badly.
    pub fn fail(&mut self, mut failure: Failure, now: Now) -> Result<(), Refusal> {
        let next = self.judge(Event::Fail, "failed")?;
        if failure.step.is_none() {
            failure.step = self
                .state
                .steps
                .get(self.state.current_step as usize)
                .cloned();
        }
        self.state.failure = Some(Arc::new(failure));
        self.enter(next, now);
        Ok(())
    }

    /// Its producer went away and did not come back in time.
    pub fn lose_producer(&mut self, now: Now) -> Result<(), Refusal> {
        let failure = Failure {
            code: CODE_PRODUCER_LOST.into(),
            message: "The program that reported this job went away and did not come back".into(),
            step: None,
            exit_code: None,
            signal: None,
            suggestion: Some("Look whether it still runs; if it does not, start it again".into()),
            last_lines: None,
        };
        self.fail(failure, now)
    }

    /// Nothing is heard of the producer any more. A job that waits has none, and one that has ended needs none.
    pub fn stall(&mut self, now: Now) {
        let worked_on = matches!(self.state.status, Status::Running | Status::Paused);
        if worked_on && self.state.stalled_since.is_none() {
            self.state.stalled_since = Some(now.wall);
            self.touch(now);
        }
    }

    /// The producer is heard of again. Returns whether that is news.
    pub fn revive(&mut self, now: Now) -> bool {
        let was = self.state.stalled_since.take().is_some();
        if was {
            self.touch(now);
        }
        was
    }

    /// Changes the priority of a job that waits.
    pub fn set_priority(&mut self, priority: i32, now: Now) -> Result<(), Refusal> {
        if self.state.status != Status::Pending {
            return Err(Refusal::wrong_state(self.is_final(), "reprioritised"));
        }
        self.state.priority = priority;
        self.touch(now);
        Ok(())
    }

    /// What was asked of the producer of a job that has ended can't be answered any more: the process is gone.
    pub fn forget_control(&mut self, now: Now) {
        if self.state.control.take().is_some() {
            self.touch(now);
        }
    }

    /// Whether the estimated moment has passed without the end having come.
    #[must_use]
    pub fn is_overdue(&self, now: Now) -> bool {
        let passed = |at: Timestamp| at < self.state.stopwatch.wall(now.mono);
        self.state.estimated_completion.is_some_and(passed)
    }

    /// Drops an estimate that has passed: nothing else is known to have changed.
    pub fn forget_estimate(&mut self, now: Now) {
        if self.is_overdue(now) {
            self.state.estimated_completion = None;
        }
    }

    fn ask(&mut self, action: Action, now: Now) -> Result<(), Refusal> {
        let (event, able) = match action {
            Action::Pause => (Event::Pause, self.spec.capabilities.pause),
            Action::Resume => (Event::Resume, self.spec.capabilities.pause),
            Action::Cancel => (Event::Cancel, self.spec.capabilities.cancel),
        };
        let before = self.state.status;
        let next = self.judge(event, action.done())?;
        let waiting = before == Status::Pending;
        if !able && !waiting {
            return Err(Refusal::new(
                Code::NotSupported,
                format!("This job's producer cannot {} it", action.word()),
            ));
        }
        self.state.control = (!waiting).then_some(Request {
            action,
            requested_at: now.wall,
            before: Some(before),
        });
        self.enter(next, now);
        Ok(())
    }

    fn go(&mut self, event: Event, done: &str, now: Now) -> Result<(), Refusal> {
        let next = self.judge(event, done)?;
        self.enter(next, now);
        Ok(())
    }

    fn judge(&self, event: Event, done: &str) -> Result<Status, Refusal> {
        machine::next(self.state.status, event)
            .map_err(|why| Refusal::wrong_state(why == Illegal::Finished, done))
    }

    fn enter(&mut self, next: Status, now: Now) {
        let state = &mut self.state;
        if state.status != next {
            state.status = next;
            let counting = match next {
                Status::Running => Counting::Active,
                Status::Paused => Counting::Paused,
                Status::Pending | Status::Completed | Status::Failed | Status::Cancelled => {
                    Counting::Nothing
                }
            };
            state.stopwatch.switch(counting, now);
            match next {
                Status::Running if state.start_time.is_none() => state.start_time = Some(now.wall),
                Status::Completed => state.complete(),
                _ => {}
            }
            if next.is_final() {
                let begun = state.start_time.unwrap_or(self.spec.created_at);
                state.finished_at = Some(now.wall.max(begun));
                state.laps.count(state.stopwatch.active_ms(now.mono));
                state.stalled_since = None;
                if next != Status::Cancelled {
                    state.control = None;
                }
            }
        }
        self.touch(now);
    }

    fn touch(&mut self, now: Now) {
        let state = &mut self.state;
        state.updated_at = state.updated_at.max(now.wall);
        if !state.status.is_final() {
            state
                .laps
                .enter(state.current_step, state.stopwatch.active_ms(now.mono));
        }
        // Only of a job that moves, and of which something is heard.
        let moves = state.status == Status::Running && state.stalled_since.is_none();
        state.estimated_completion = moves
            .then(|| {
                eta::estimate(
                    state.progress,
                    state.stopwatch.active_ms(now.mono),
                    now.wall,
                )
            })
            .flatten();
    }
}

impl State {
    fn complete(&mut self) {
        self.progress = 100.0;
        self.current_step = super::progress::last(&self.steps);
    }
}
