//! Talking to a daemon, for the screen, the commands, the runner and the demo.
//!
//! Reading order: [`endpoint`] (where a daemon is), [`ssh`] (the way to another machine), [`tls`] and [`known`] (whose certificate is believed), [`rest`] (one-shot calls), [`requests`] (the frames a client
//! sends), [`link`] (the WebSocket that comes back by itself), [`reporter`] (the producer's side of it).
//! Nothing here draws, prints or decides what a job may do.

pub mod backoff;
mod dial;
pub mod endpoint;
pub mod known;
pub mod link;
pub mod reporter;
pub mod requests;
pub mod rest;
pub mod ssh;
pub mod tls;

#[cfg(test)]
mod fake;

pub use endpoint::Endpoint;
pub use hyper::Method;
