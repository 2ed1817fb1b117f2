//! Idempotency keys of archived jobs: in memory only a number stands for a key and its user, and only for jobs that have
//! one. Whoever finds a job by it looks whether the key is really that job's.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The number of a user's key.
pub(super) fn number(user: &str, key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (user, key).hash(&mut hasher);
    hasher.finish()
}
