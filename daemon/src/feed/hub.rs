//! The published live set, in revision order.
//!
//! One list: an entry per job, plus removals with bounded memory of them. Sessions keep a cursor into it; HTTP reads it.
//! The list is behind one mutex that is held for look-ups and copies of pointers only, never across an await and never
//! while encoding.

use std::sync::Arc;

use jobtop_core::{Job, JobId, Now};

use crate::engine::outcome::Notice;

/// The published live set.
#[derive(Debug)]
pub struct Hub {
    epoch: u64,
}

/// The live set, or what changed of it, as of `revision`.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Jobs, in the order of their revisions, oldest change first.
    pub jobs: Vec<Arc<Job>>,
    /// Ids that left the live set after the revision asked for, oldest first; empty for a full listing.
    pub removed: Vec<JobId>,
    /// The present revision.
    pub revision: u64,
}

impl Hub {
    /// An empty hub of that epoch.
    #[must_use]
    pub fn new(epoch: u64) -> Arc<Self> {
        Arc::new(Self { epoch })
    }

    /// Which run of the daemon this is.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The present revision.
    #[must_use]
    pub fn revision(&self) -> u64 {
        todo!()
    }

    /// Shows changes; wakes the sessions they concern.
    pub fn publish(&self, notices: Vec<Notice>, now: Now) {
        let _ = (notices, now);
        todo!()
    }

    /// A job of the live set.
    #[must_use]
    pub fn get(&self, id: JobId) -> Option<Arc<Job>> {
        let _ = id;
        todo!()
    }

    /// The whole live set.
    #[must_use]
    pub fn all(&self) -> Listing {
        todo!()
    }

    /// What changed after that revision; `None` if that is longer ago than what is still known.
    #[must_use]
    pub fn since(&self, revision: u64) -> Option<Listing> {
        let _ = revision;
        todo!()
    }
}
