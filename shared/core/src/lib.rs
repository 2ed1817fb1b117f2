//! The domain of jobtop on one page: what a job is, how it changes, how it is said on the wire.
//!
//! This crate is pure. It awaits nothing, reads no clock, no file, no environment and draws no random number;
//! `now` and random bits are arguments. Reading order: [`id`], [`time`], [`text`], [`calc`], [`role`], [`alert`], [`job`], [`proto`],
//! [`access`], [`query`], [`policy`], [`queue`], [`settings`], [`mirror`]; each knows only those before it.

pub mod access;
pub mod alert;
pub mod calc;
pub mod id;
pub mod job;
pub mod mirror;
pub mod paths;
pub mod policy;
pub mod proto;
pub mod query;
pub mod queue;
pub mod role;
mod serial;
pub mod settings;
pub mod text;
pub mod time;

pub use id::{JobId, JobType, UserId};
pub use job::Job;
pub use job::status::Status;
pub use time::{Now, Timestamp};
