//! The one task that owns the live state: it takes commands from the front doors, asks pure code what follows, and
//! hands out the outcome: what to publish, what to store, what to answer once stored.
//!
//! Imports nobody who serves it. Reading order: [`command`], [`outcome`], [`handle`], [`board`], `decide`, `due`.

pub mod command;
pub mod handle;
pub mod outcome;
