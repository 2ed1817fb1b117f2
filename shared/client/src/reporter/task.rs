//! Carries a course out: the link, the clock, the channels to the producer.

use std::collections::VecDeque;
use std::time::Duration;

use jobtop_core::JobId;
use jobtop_core::job::command::NewCommand;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::Report;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::course::{Course, Effect};
use super::{Delivered, Order};
use crate::backoff::Backoff;
use crate::link::{Event, LinkHandle, LinkState, Offline};
use crate::requests;

/// Shortest time between two reports: nobody's eyes are faster.
const REPORT_EVERY: Duration = Duration::from_millis(50);
/// When to try again to hand over what the link had no room for.
const BUSY: Duration = Duration::from_millis(20);
/// Most requests kept for a producer that does not look; a later one replaces the oldest.
const UNDELIVERED: usize = 32;

/// The ends of a task that others hold the other ends of.
pub(super) struct Ends {
    pub(super) link: LinkHandle,
    pub(super) whole: watch::Receiver<Report>,
    pub(super) actions: mpsc::Sender<Action>,
    pub(super) job_id: watch::Sender<Option<JobId>>,
    pub(super) state: watch::Sender<LinkState>,
    pub(super) refusal: watch::Sender<Option<String>>,
    /// For what is to be run, where a job is accepted.
    pub(super) accepted: Option<oneshot::Sender<NewCommand>>,
}

pub(super) struct Task {
    course: Course,
    ends: Ends,
    /// How often we show that we live, if the job was created so.
    beat: Option<Duration>,
    backoff: Backoff,
    /// The whole may have changed since the last report.
    dirty: bool,
    next_report: Instant,
    last_said: Instant,
    /// When a rest is over, and how many there were in a row.
    rest: Option<Instant>,
    rests: u32,
    /// Frames of this connection that the link had no room for.
    unsent: VecDeque<String>,
    undelivered: VecDeque<Action>,
    finishing: Option<oneshot::Sender<Delivered>>,
    over: bool,
}

impl Task {
    pub(super) fn new(
        course: Course,
        ends: Ends,
        beat: Option<Duration>,
        backoff: Backoff,
    ) -> Self {
        let now = Instant::now();
        Self {
            course,
            ends,
            beat,
            backoff,
            dirty: true,
            next_report: now,
            last_said: now,
            rest: None,
            rests: 0,
            unsent: VecDeque::new(),
            undelivered: VecDeque::new(),
            finishing: None,
            over: false,
        }
    }

    /// Runs until the end was said or the reporter is dropped.
    pub(super) async fn run(
        mut self,
        mut events: mpsc::Receiver<Event>,
        mut orders: mpsc::Receiver<Order>,
    ) {
        let actions = self.ends.actions.clone();
        while !self.over {
            let is_on = self.course.is_on();
            let beat_at = self
                .beat
                .filter(|_| is_on)
                .map(|every| self.last_said + every);
            // Every arm is cancel-safe: channels and instants only.
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.event(event),
                    None => return,
                },
                order = orders.recv() => match order {
                    Some(order) => self.order(order),
                    // Dropped, or the deadline of its finish has passed.
                    None => return,
                },
                changed = self.ends.whole.changed(), if !self.dirty => {
                    if changed.is_err() {
                        return;
                    }
                    self.dirty = true;
                }
                () = sleep_until(self.next_report), if self.dirty && is_on && self.unsent.is_empty() => {
                    self.report();
                }
                () = at(beat_at) => self.send(requests::heartbeat()),
                () = at(self.rest) => {
                    self.rest = None;
                    let effects = self.course.wake();
                    self.carry_out(effects);
                }
                () = tokio::time::sleep(BUSY), if !self.unsent.is_empty() => self.send_unsent(),
                room = actions.reserve(), if !self.undelivered.is_empty() => {
                    match (room, self.undelivered.pop_front()) {
                        (Ok(room), Some(action)) => room.send(action),
                        // Nobody wants to know what is asked.
                        _ => self.undelivered.clear(),
                    }
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        let effects = match event {
            Event::State(state) => {
                let effects = if matches!(state, LinkState::Connected { .. }) {
                    self.course.connected()
                } else {
                    self.course.disconnected();
                    Vec::new()
                };
                // What was for the last connection is said anew on the next, as far as it still holds.
                self.unsent.clear();
                self.rest = None;
                self.ends.state.send_replace(state);
                effects
            }
            Event::Message(message) => {
                let was_on = self.course.is_on();
                let effects = self.course.heard(message, &self.ends.whole.borrow());
                if !was_on && self.course.is_on() {
                    // The newest state goes first, whether it changed or not.
                    self.dirty = true;
                    self.rests = 0;
                }
                effects
            }
        };
        self.carry_out(effects);
    }

    fn order(&mut self, order: Order) {
        let effects = match order {
            Order::Acknowledge(reply) => {
                // What was said before the answer is heard before it: nothing moves of a job that is paused.
                self.report();
                self.course.acknowledge(reply)
            }
            Order::Finish(end, answer) => {
                self.finishing = Some(answer);
                // Somebody waits for this: a daemon that came back meanwhile is found at once.
                self.ends.link.retry_now();
                self.course.finish(end, &self.ends.whole.borrow())
            }
        };
        self.carry_out(effects);
    }

    fn report(&mut self) {
        self.dirty = false;
        let due = {
            let whole = self.ends.whole.borrow_and_update();
            self.course.due(&whole)
        };
        self.next_report = Instant::now() + REPORT_EVERY;
        self.carry_out(due);
    }

    fn carry_out(&mut self, effects: impl IntoIterator<Item = Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(frame) => self.send(frame),
                Effect::Deliver(action) => {
                    if self.undelivered.len() == UNDELIVERED {
                        self.undelivered.pop_front();
                    }
                    self.undelivered.push_back(action);
                }
                Effect::Known(id) => {
                    self.ends.job_id.send_replace(Some(id));
                }
                Effect::Accepted(command) => {
                    if let Some(accepted) = self.ends.accepted.take() {
                        let _ = accepted.send(*command);
                    }
                }
                Effect::Refused(why) => {
                    tracing::warn!(%why, "the daemon will not have the job");
                    self.ends.refusal.send_replace(Some(why));
                }
                Effect::Rest => {
                    self.rests = self.rests.saturating_add(1);
                    let random = getrandom::u64().unwrap_or(u64::MAX);
                    self.rest = Some(Instant::now() + self.backoff.wait(self.rests, random));
                }
                Effect::Over(delivered) => {
                    self.over = true;
                    if let Some(answer) = self.finishing.take() {
                        // Gone if the deadline has passed just now.
                        let _ = answer.send(delivered);
                    }
                }
            }
        }
    }

    fn send(&mut self, frame: String) {
        self.last_said = Instant::now();
        self.unsent.push_back(frame);
        self.send_unsent();
    }

    fn send_unsent(&mut self) {
        while let Some(frame) = self.unsent.pop_front() {
            match self.ends.link.try_send(frame.clone()) {
                Ok(()) => {}
                Err(Offline::Busy) => {
                    self.unsent.push_front(frame);
                    return;
                }
                // The link will say so, and the next connection begins anew.
                Err(Offline::NotConnected) => {
                    self.unsent.clear();
                    return;
                }
            }
        }
    }
}

/// Sleeps until then; for ever without a then.
async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}
