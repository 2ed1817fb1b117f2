//! Tests of the domain through its public face: what a job does, what is said on the wire, what strangers may send.

mod golden;
mod hostile;
mod life;
mod made;
mod malformed;
mod mirror;
mod model;
mod report;
