//! Those who do the work of the queue on this machine: a runner is a process of its own for each submitted command, so that it
//! outlives the daemon.

pub(crate) mod launcher;
pub(crate) mod runner;

/// The word by which this program is told to be a runner.
pub(crate) const RUNNER: &str = "runner";
