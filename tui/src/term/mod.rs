//! The terminal: taking it, giving it back, reading keys, and the loop that ties keys, daemon and drawing together.
//!
//! [`run`] is the screen from its first to its last character. `look` decides what the terminal can show, `guard` takes
//! and restores it, `backend` writes to it, `input` names its keys, `network` speaks with the daemon, `pace` says when a
//! frame is due, `alarm` wakes for it, `memory` keeps what the next
//! screen begins with, `taskbar` shows progress beside the window's title, [`notice`] rings the bell, `stage` is the loop. Decisions about jobs and keys are not made here but in [`crate::app`].

use std::io;

use jobtop_client::Endpoint;

use crate::app::Colours;
use crate::keymap::Keymap;

mod alarm;
mod backend;
mod guard;
mod input;
mod log_reader;
mod look;
mod memory;
mod network;
pub(crate) mod notice;
mod pace;
mod panics;
mod signals;
mod stage;
mod taskbar;

pub(crate) use look::{When, decide};

/// What the screen is told at the start.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct Options {
    /// The daemons to show, each with what it is called; at least one.
    pub(crate) daemons: Vec<(String, Endpoint)>,
    /// Whether they are asked again and again instead of their feeds being taken.
    pub(crate) poll: bool,
    /// When to use colour.
    pub(crate) color: When,
    /// ASCII alone, even where the terminal could show more.
    pub(crate) ascii: bool,
    /// Ask nothing of the daemon.
    pub(crate) read_only: bool,
    /// Whether the mouse counts.
    pub(crate) mouse: bool,
    /// Which colours mean what.
    pub(crate) colours: Colours,
    /// The keys.
    pub(crate) keys: Keymap,
}

/// How the screen ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Goodbye {
    /// What there is to say once the terminal is restored; nothing where nobody is left to read it.
    pub(crate) line: Option<String>,
    /// The signal that ended it, if one did.
    pub(crate) signal: Option<i32>,
}

/// Why there is no screen, or no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The terminal can't be used.
    #[error("the terminal can't be used: {0}")]
    Terminal(#[source] io::Error),
    /// The system has no room for what the screen needs.
    #[error("the screen can't be started: {0}")]
    Start(#[source] io::Error),
    /// A mistake of ours; the terminal was restored first.
    #[error("a mistake in jobtop ended the screen: {0}")]
    Bug(String),
}

/// Shows the screen until the person leaves it. Blocks; must not be called inside a runtime.
pub(crate) fn run(options: &Options) -> Result<Goodbye, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Start)?;
    let panics = panics::Watch::install();
    let shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(stage::play(options, &panics))
    }));
    // Whatever happened in there, the terminal is the person's again before anything is said.
    guard::restore();
    match (shown, panics.finish()) {
        (_, Some(text)) => Err(Error::Bug(text)),
        (Err(_), None) => Err(Error::Bug("it gave no reason".to_owned())),
        (Ok(ended), None) => ended,
    }
}
