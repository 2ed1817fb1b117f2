//! Runs a command as a job: its own process group, what can be seen of it in `/proc`, and the ladder of control.
//!
//! Linux only. A runner is a producer: [`attend`] puts what there is to say of a command into the reports of a
//! `jobtop_client` reporter; nothing else here knows the daemon or the wire. Pure are [`observe`], [`output`], [`choose`], [`ladder`], [`ending`] and [`proc::parse`]; the rest does what they decide.

pub mod attend;
pub mod capture;
pub mod census;
pub mod choose;
pub mod detach;
mod earlier;
pub mod ending;
mod exec;
mod hear;
pub mod ladder;
mod leader;
pub mod log_file;
pub mod observe;
pub mod output;
pub mod proc;
mod progress_fd;
mod relay;
mod signals;
mod supervise;
mod terminal;
pub mod title;
pub mod upstream;
mod watch;
pub mod watched;

pub use exec::die_of;
pub use supervise::{Cause, Ending, GRACE, Running, Start, Tell, die_likewise, start};
