//! Tests of the domain through its public face: what a job does, what is said on the wire, what strangers may send.
#![expect(clippy::unwrap_used, reason = "all of this is tests")]
#![expect(clippy::float_cmp, reason = "what was given must come back exactly")]

mod golden;
mod hostile;
mod life;
mod made;
mod malformed;
mod mirror;
mod model;
mod permission;
mod report;
