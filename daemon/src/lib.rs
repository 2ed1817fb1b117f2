//! jobtopd: tracks jobs, keeps them, and feeds them to whoever watches.
//!
//! The flow is one way: front doors ([`http`], sessions of the [`feed`]) bring commands to the [`engine`]; it decides;
//! the outcome goes to the [`feed`] at once and to the [`store`], which releases answers and effects once they are
//! durable. `supervise` wires them and is the only one that spawns long tasks.

pub mod clock;
pub mod engine;
pub mod feed;
pub mod store;
