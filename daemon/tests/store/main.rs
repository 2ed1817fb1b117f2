//! The store from outside: what was acknowledged is there after an end, after the process was killed, after files were
//! damaged and after the disk was full.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod check;
mod damage;
mod disk;
mod expiry;
mod kept;
mod kill;
mod orderly;
mod power;
mod search;
mod steps;
