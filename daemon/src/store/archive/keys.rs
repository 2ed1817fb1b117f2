//! Idempotency keys of archived jobs: in memory only a number stands for a key and its user, and only for jobs that have
//! one. Whoever finds a job by it looks whether the key is really that job's.

use std::hash::{DefaultHasher, Hash, Hasher};

use jobtop_core::{Now, Timestamp, UserId};

use super::super::frame;
use super::super::payload;

/// How a job that has a key says so. In a text of a job's it would be escaped; a `config` may say the same, and then the
/// record is read for nothing.
const MARK: &str = "\"idempotency\":{";

/// The number of a user's key.
pub(super) fn number(user: &UserId, key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (user, key).hash(&mut hasher);
    hasher.finish()
}

/// The number of the key that the job in a frame has. Nearly all have none, which is found without reading them.
pub(super) fn of_frame(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes.get(frame::HEADER..)?).ok()?;
    if !text.contains(MARK) {
        return None;
    }
    let long_ago = Now {
        wall: Timestamp(0),
        mono: 0,
    };
    let job = payload::read_job(text.as_bytes(), long_ago).ok()?.job;
    let idempotency = job.spec.idempotency.as_ref()?;
    Some(number(&job.spec.user, &idempotency.key))
}
