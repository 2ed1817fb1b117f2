//! What the end-to-end tests and the load programs stand on: real processes in a home of their own, raw protocol, a
//! terminal that can be read, a network that can be broken.
//!
//! Everything here blocks with a deadline and fails by panicking with what it waited for. Reading order: [`home`] and
//! [`daemon`], then [`http`] and [`ws`], [`pty`], [`proxy`], [`netns`], [`pipeline`], [`manager`] and [`machine`].

#![expect(
    clippy::missing_panics_doc,
    reason = "a harness fails by panicking: that is how a test learns of it"
)]

pub mod bins;
pub mod daemon;
pub mod home;
pub mod http;
pub mod machine;
pub mod manager;
pub mod netns;
pub mod pipeline;
pub mod process;
pub mod proxy;
pub mod pty;
pub mod wait;
pub mod wire;
pub mod ws;
