//! The daemon as others meet it: the real binary, spoken to over its socket and a port of its own choosing.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod calls;
mod daemon;
mod guard;
mod kept;
mod limits;
mod start;
mod stop;
mod wire;
