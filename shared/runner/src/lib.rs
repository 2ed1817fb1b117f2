//! Runs a command as a job: its own process group, what can be seen of it in `/proc`, and the ladder of control.
//!
//! Linux only. Nothing here knows the daemon or the wire: whoever uses this crate reports what it says.

pub mod detach;
mod exec;
