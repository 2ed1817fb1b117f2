//! The writer: one thread owns the log. It takes what is queued, appends it, makes it durable with one call, and only then
//! lets answers and effects go. Everything else that writes to the disk is done by it, or waits for nobody.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::outcome::{Commit, StoreHealth};

mod checkpoints;
mod flush;
mod health;
mod keep;

pub(super) use checkpoints::Progress;
pub(super) use flush::Held;
pub(super) use health::Faults;
pub(super) use keep::Keep;

/// How many commits may wait for the log.
const QUEUE: usize = 1_024;
/// How many commits are made durable together at most.
const GROUP: usize = 256;
/// So long is waited for commits that are likely to come: a fraction of what a sync takes.
const GATHERING: Duration = Duration::from_micros(60);
/// Progress waits so long for the log at most, and what failed is tried again after so long (milliseconds).
const SOON: u64 = 1_000;

/// Takes what is to be written.
#[derive(Debug)]
pub struct Writer {
    commits: mpsc::Sender<Commit>,
    health: watch::Receiver<StoreHealth>,
    ended: oneshot::Receiver<bool>,
}

impl Writer {
    /// Where commits go. Bounded: the engine awaits a permit here, and nowhere else.
    #[must_use]
    pub fn sender(&self) -> mpsc::Sender<Commit> {
        self.commits.clone()
    }

    /// How the store is, as it changes.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<StoreHealth> {
        self.health.clone()
    }

    /// Ends the store: waits until every sender is dropped, writes what is left, seals a last checkpoint and gives the
    /// directory free. Says whether all that was done within the limit; what was acknowledged is safe in any case.
    pub async fn finish(self, limit: Duration) -> bool {
        let Self { commits, ended, .. } = self;
        drop(commits);
        matches!(tokio::time::timeout(limit, ended).await, Ok(Ok(true)))
    }
}

/// Makes this start durable in the log, and starts the thread.
pub(super) fn start(mut keep: Keep) -> io::Result<Writer> {
    // Before anybody learns the epoch. Where there is no room for it it is tried again with whatever comes first; until
    // then the wall clock makes the next epoch greater.
    keep.flush_again();
    keep.count();
    let (commits, queue) = mpsc::channel(QUEUE);
    let (tell, health) = watch::channel(StoreHealth::Good);
    keep.tell(&tell);
    let (end, ended) = oneshot::channel();
    // Its own little runtime: waiting for a commit, a checkpoint or a moment is all that it does asynchronously.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || {
            let is_sealed = runtime.block_on(run(keep, queue, tell));
            let _ = end.send(is_sealed);
        })?;
    Ok(Writer {
        commits,
        health,
        ended,
    })
}

/// Waits a moment for as many commits as came together before: who was answered together asks again together, and with the
/// first of them alone the others would wait for two syncs.
fn gather(queue: &mut mpsc::Receiver<Commit>, group: &mut Vec<Commit>, former: usize) {
    let begun = Instant::now();
    while group.len() < former && begun.elapsed() < GATHERING {
        match queue.try_recv() {
            Ok(commit) => group.push(commit),
            Err(_) => thread::yield_now(),
        }
    }
}

/// Runs until every sender is gone. Returns whether everything is written and sealed.
async fn run(
    mut keep: Keep,
    mut queue: mpsc::Receiver<Commit>,
    tell: watch::Sender<StoreHealth>,
) -> bool {
    let (done, mut made) = mpsc::channel(1);
    let mut group = Vec::with_capacity(GROUP);
    let mut former = 0;
    loop {
        keep.attend(&done);
        keep.tell(&tell);
        let pause = keep.pause();
        tokio::select! {
            biased;
            Some(result) = made.recv() => keep.checkpoint_done(result),
            taken = queue.recv_many(&mut group, GROUP) => {
                if taken == 0 {
                    break;
                }
                gather(&mut queue, &mut group, former);
                former = group.len();
                keep.take(group.drain(..));
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
    keep.end(&done, &mut made).await
}
