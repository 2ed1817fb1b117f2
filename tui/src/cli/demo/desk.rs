//! What a pipeline knows of jobtop: a desk where it says how far it is and asks whether to go on.
//!
//! The pipeline writes here as fast as it likes; whoever reports takes the newest state at a calm rate. A request to
//! pause counts as obeyed only when the pipeline stands still in [`Desk::checkpoint`].

use tokio::sync::watch;

/// What the people ask of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Work.
    Go,
    /// Stand still.
    Hold,
    /// End.
    Stop,
}

/// How far a pipeline is; the counters are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// Index of the step.
    pub(crate) step: u64,
    /// What it is doing just now.
    pub(crate) message: String,
    /// Rows in all.
    pub(crate) total_items: u64,
    /// Rows done.
    pub(crate) items: u64,
    /// Rows that were rejected.
    pub(crate) errors: u64,
    /// Bytes of input in all.
    pub(crate) total_bytes: u64,
    /// Bytes of input read.
    pub(crate) bytes: u64,
}

/// Why a pipeline stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody asked it to.
    Cancelled,
    /// It can't go on.
    Failed(Trouble),
}

/// What went wrong, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// A stable word.
    pub(crate) code: &'static str,
    /// One sentence.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) suggestion: String,
}

impl Stop {
    /// A failure with what to do about it.
    pub(crate) fn failed(
        code: &'static str,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) -> Self {
        Self::Failed(Trouble {
            code,
            message: message.into(),
            suggestion: suggestion.into(),
        })
    }

    /// A file that can't be read or written.
    pub(crate) fn file(path: &std::path::Path, error: &dyn std::fmt::Display) -> Self {
        Self::failed(
            "file",
            format!("{}: {error}", path.display()),
            "Look whether the file is there, whether it is yours, and whether the disk has room",
        )
    }
}

/// The pipeline's side.
#[derive(Debug)]
pub(crate) struct Desk {
    progress: watch::Sender<Progress>,
    wish: watch::Receiver<Wish>,
    holding: watch::Sender<bool>,
}

/// The reporter's side.
#[derive(Debug)]
pub(crate) struct Watcher {
    /// The newest state.
    pub(crate) progress: watch::Receiver<Progress>,
    /// What is asked of the pipeline.
    pub(crate) wish: watch::Sender<Wish>,
    /// Whether it stands still.
    pub(crate) holding: watch::Receiver<bool>,
}

/// A desk and the one who watches it.
pub(crate) fn open() -> (Desk, Watcher) {
    let (progress_in, progress_out) = watch::channel(Progress::default());
    let (wish_in, wish_out) = watch::channel(Wish::Go);
    let (holding_in, holding_out) = watch::channel(false);
    let desk = Desk {
        progress: progress_in,
        wish: wish_out,
        holding: holding_in,
    };
    let watcher = Watcher {
        progress: progress_out,
        wish: wish_in,
        holding: holding_out,
    };
    (desk, watcher)
}

impl Desk {
    /// Says how far the pipeline is.
    pub(crate) fn report(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
    }

    /// The next step, and what is done in it.
    pub(crate) fn step(&self, index: u64, message: impl Into<String>) {
        self.report(|p| {
            p.step = index;
            p.message = message.into();
        });
    }

    /// Asks whether to go on, on a thread that may block: stands still while a pause is wished.
    pub(crate) fn checkpoint(&self) -> Result<(), Stop> {
        // Nobody is left to report to when the watcher is gone.
        if self.wish.has_changed().is_err() {
            return Err(Stop::Cancelled);
        }
        if *self.wish.borrow() == Wish::Go {
            return Ok(());
        }
        tokio::runtime::Handle::current().block_on(self.rest())
    }

    /// The same in async code.
    pub(crate) async fn rest(&self) -> Result<(), Stop> {
        let mut wish = self.wish.clone();
        loop {
            let now = *wish.borrow_and_update();
            match now {
                Wish::Go => {
                    self.holding
                        .send_if_modified(|h| std::mem::replace(h, false));
                    return Ok(());
                }
                Wish::Stop => return Err(Stop::Cancelled),
                Wish::Hold => {
                    self.holding.send_replace(true);
                    if wish.changed().await.is_err() {
                        return Err(Stop::Cancelled);
                    }
                }
            }
        }
    }

    /// Waits that long, or until somebody asks to pause or to end.
    pub(crate) async fn sleep(&self, time: std::time::Duration) -> Result<(), Stop> {
        let mut wish = self.wish.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            asked = wish.wait_for(|w| *w != Wish::Go) => if asked.is_err() {
                return Err(Stop::Cancelled);
            },
        }
        self.rest().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_paused_pipeline_stands_still_until_it_may_go_on() {
        let (desk, mut watcher) = open();
        let work = tokio::task::spawn_blocking(move || {
            let mut done = 0_u64;
            loop {
                if let Err(stop) = desk.checkpoint() {
                    return stop;
                }
                done += 1;
                desk.report(|p| p.items = done);
            }
        });
        watcher.wish.send_replace(Wish::Hold);
        watcher.holding.wait_for(|h| *h).await.unwrap();
        let held = watcher.progress.borrow_and_update().items;
        watcher.wish.send_replace(Wish::Go);
        watcher.holding.wait_for(|h| !*h).await.unwrap();
        watcher.progress.wait_for(|p| p.items > held).await.unwrap();
        watcher.wish.send_replace(Wish::Stop);
        assert_eq!(work.await.unwrap(), Stop::Cancelled);
    }
}
