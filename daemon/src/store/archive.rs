//! What has ended, found by id.

use std::sync::Arc;

use jobtop_core::{Job, JobId, Timestamp};

use crate::clock::Clock;

/// The face of the archive; clones share it.
#[derive(Clone, Debug)]
pub struct Archive {
    _retention_ms: u64,
    _clock: Clock,
}

/// What `status` shows of the store.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Jobs in the archive that are known so far.
    pub records: u64,
    /// Directories of periods.
    pub periods: usize,
    /// Bytes of the archive, the log and the newest sealed boards.
    pub disk_bytes: u64,
    /// When the last checkpoint was sealed.
    pub last_checkpoint: Option<Timestamp>,
    /// Whether every period is indexed; before that `records` still grows.
    pub indexed: bool,
}

impl Archive {
    pub(crate) fn new(retention_ms: u64, clock: Clock) -> Self {
        Self {
            _retention_ms: retention_ms,
            _clock: clock,
        }
    }

    /// The ended job of that id, if it ended within the retention.
    #[expect(clippy::unused_async, reason = "the reads come next")]
    pub async fn get(&self, _id: JobId) -> Option<Arc<Job>> {
        None
    }

    /// How much there is.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures::default()
    }
}
