//! The one task that owns the live state: it takes commands from the front doors, asks pure code what follows, and
//! hands out the outcome: what to publish, what to store, what to answer once stored.
//!
//! Imports nobody who serves it. Reading order: [`command`], [`outcome`], [`handle`], `board`, `decide`, `create`, [`queues`], `due`, [`listener`], [`archived`].

use std::sync::Arc;
use std::time::Duration;

use jobtop_core::Now;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::clock::{Clock, random_bits};
use crate::metrics::Metrics;

pub mod archived;
mod board;
pub mod command;
pub mod create;
mod decide;
mod due;
pub mod handle;
pub mod listener;
pub mod outcome;
pub mod queues;

#[cfg(test)]
mod tests;

pub use board::{Board, Settings};
use command::Brought;
use outcome::{Commit, Notice, Outcome, Process, Release, StoreHealth};

/// How many commands are decided before their outcome is handed out as one.
const BATCH: usize = 256;

/// What the engine is wired to.
pub struct Wiring<P> {
    /// Commands from the front doors.
    pub inbox: mpsc::Receiver<Brought>,
    /// Shows changes; called with strictly increasing revisions. Must not wait.
    pub publish: P,
    /// What must be kept goes here. The only edge that the engine waits for.
    pub store: mpsc::Sender<Commit>,
    /// How the store is.
    pub health: watch::Receiver<StoreHealth>,
    /// Whether the daemon is going down.
    pub ending: watch::Receiver<bool>,
    /// The time.
    pub clock: Clock,
    /// Whether a process of this machine lives.
    pub alive: fn(Process) -> bool,
    /// Who is told that the engine and the store are at work, if anybody is.
    pub pulse: Option<Pulse>,
    /// Where what happens is counted.
    pub metrics: Arc<Metrics>,
}

/// A sign of life, from time to time: the engine's loop sends it on its way and the store lets it go, so it stops when
/// either is stuck.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    /// How often.
    pub every: Duration,
    /// Gives it. Must not wait.
    pub beat: fn(),
}

/// Why the engine ended before its inbox was closed.
#[derive(Debug, thiserror::Error)]
#[error("the store's thread has ended")]
pub struct StoreGone;

/// Serves until the inbox is closed and empty; then everything decided has been handed to the store.
pub async fn run<P>(mut board: Board, mut wiring: Wiring<P>) -> Result<(), StoreGone>
where
    P: FnMut(Vec<Notice>, Now) + Send,
{
    let mut commands = Vec::with_capacity(BATCH);
    let now = wiring.clock.now();
    let mut outcome = Outcome::default();
    board.begin(now, &mut outcome);
    hand_out(&mut board, outcome, now, &mut wiring).await?;
    let mut wake = board.next_due().map(|pause| Instant::now() + pause);
    let mut beat = wiring.pulse.map(|pulse| Instant::now() + pulse.every);
    loop {
        let due = async {
            match wake.into_iter().chain(beat).min() {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        // Both arms are cancel-safe: nothing is taken from the inbox until recv_many is ready.
        tokio::select! {
            taken = wiring.inbox.recv_many(&mut commands, BATCH) => {
                if taken == 0 {
                    break;
                }
            }
            () = due => {}
        }
        let now = wiring.clock.now();
        let instant = Instant::now();
        let mut outcome = Outcome::default();
        board.set_accepting(*wiring.health.borrow() != StoreHealth::NoRoom);
        board.set_ending(*wiring.ending.borrow());
        for Brought { command, came } in commands.drain(..) {
            outcome.came = Some(came);
            board.decide(command, now, &mut random_bits, &mut outcome);
        }
        outcome.came = None;
        if wake.is_some_and(|at| at <= instant) {
            board.due(now, wiring.alive, &mut outcome);
            wake = None;
        }
        if let Some(pulse) = wiring.pulse
            && beat.is_some_and(|at| at <= instant)
        {
            outcome.releases.push(Release::Alive(pulse.beat));
            beat = Some(instant + pulse.every);
        }
        board.dispatch(now, &mut outcome);
        wake = match (wake, board.next_due()) {
            (None, Some(pause)) => Some(instant + pause),
            // A longer wait than is needed now is cut short; an earlier one stands.
            (Some(at), Some(pause)) => Some(at.min(instant + pause)),
            (_, None) => None,
        };
        hand_out(&mut board, outcome, now, &mut wiring).await?;
    }
    let now = wiring.clock.now();
    let mut outcome = Outcome::default();
    board.tick_all(&mut outcome);
    hand_out(&mut board, outcome, now, &mut wiring).await
}

/// Shows first, then hands over to the store: shown at once, acknowledged when durable.
async fn hand_out<P>(
    board: &mut Board,
    mut outcome: Outcome,
    now: Now,
    wiring: &mut Wiring<P>,
) -> Result<(), StoreGone>
where
    P: FnMut(Vec<Notice>, Now) + Send,
{
    wiring.metrics.jobs.count(&outcome.tally, &board.standing());
    let notices = board.notices(&mut outcome);
    if !notices.is_empty() {
        (wiring.publish)(notices, now);
    }
    for (reply, answered) in outcome.answers.drain(..) {
        reply.give(answered);
    }
    if outcome.writes.is_empty() && outcome.releases.is_empty() && outcome.aside.is_empty() {
        return Ok(());
    }
    let permit = wiring.store.reserve().await.map_err(|_| StoreGone)?;
    permit.send(Commit {
        writes: outcome.writes,
        aside: outcome.aside,
        releases: outcome.releases,
        now,
    });
    Ok(())
}

/// How often what is due is looked at while something may become due.
const LOOK: Duration = Duration::from_secs(1);
/// How often the live set is trimmed while nothing else is due.
const TRIM: Duration = Duration::from_secs(60);
