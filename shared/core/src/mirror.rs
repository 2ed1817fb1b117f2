//! A client's replica of the jobs it watches: apply the daemon's messages, be told what changed.
//!
//! Knows epochs: after a reset the old rows stay, marked stale, until `snapshot_end`; then those that were absent go.

use std::collections::HashMap;

use crate::id::JobId;
use crate::proto::message::Message;
use crate::proto::view::View;

/// What a message changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Nothing that is shown.
    Nothing,
    /// One job.
    Job(JobId),
    /// Possibly every job.
    All,
}

/// A job and whether it was seen in the present epoch.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    view: View,
    stale: bool,
}

/// A replica of one channel's jobs.
#[derive(Debug, Default)]
pub struct Mirror {
    jobs: HashMap<JobId, Entry>,
    epoch: Option<u64>,
    revision: u64,
    filling: bool,
}

impl Mirror {
    /// An empty replica.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where to go on after a cut: the epoch and the newest revision known, once a snapshot was complete.
    #[must_use]
    pub fn position(&self) -> Option<(u64, u64)> {
        if self.filling {
            None
        } else {
            self.epoch.map(|epoch| (epoch, self.revision))
        }
    }

    /// The job of that id.
    #[must_use]
    pub fn get(&self, id: JobId) -> Option<&View> {
        self.jobs.get(&id).map(|entry| &entry.view)
    }

    /// Every job, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &View> {
        self.jobs.values().map(|entry| &entry.view)
    }

    /// How many jobs it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Whether a snapshot is under way: what is absent may still come.
    #[must_use]
    pub fn is_filling(&self) -> bool {
        self.filling
    }

    /// Whether the job was last heard of in another epoch, and its snapshot of this one has not come yet.
    #[must_use]
    pub fn is_stale(&self, id: JobId) -> bool {
        self.jobs.get(&id).is_some_and(|entry| entry.stale)
    }

    /// Takes a message over.
    pub fn apply(&mut self, message: &Message) -> Changed {
        match message {
            Message::Subscribed(said) => {
                let other_epoch = self.epoch.is_some_and(|epoch| epoch != said.epoch);
                // Still filling: the snapshot before was cut, and what left since then was never told.
                if said.reset || other_epoch || self.epoch.is_none() || self.filling {
                    for entry in self.jobs.values_mut() {
                        entry.stale = true;
                    }
                    self.filling = true;
                    self.revision = 0;
                }
                self.epoch = Some(said.epoch);
                Changed::Nothing
            }
            Message::JobSnapshot { job, .. } => {
                let id = job.id;
                self.see(job.revision);
                let known = self.jobs.get(&id).filter(|entry| !entry.stale);
                if known.is_some_and(|entry| entry.view.revision > job.revision) {
                    return Changed::Nothing;
                }
                self.jobs.insert(
                    id,
                    Entry {
                        view: (**job).clone(),
                        stale: false,
                    },
                );
                Changed::Job(id)
            }
            Message::SnapshotEnd(said) => {
                self.jobs.retain(|_, entry| !entry.stale);
                self.filling = false;
                self.epoch = Some(said.epoch);
                self.see(said.revision);
                Changed::All
            }
            Message::JobUpdate { job_id, patch, .. } => {
                self.see(patch.revision);
                match self.jobs.get_mut(job_id) {
                    Some(entry) if entry.stale || patch.revision > entry.view.revision => {
                        entry.view.apply((**patch).clone());
                        entry.stale = false;
                        Changed::Job(*job_id)
                    }
                    _ => Changed::Nothing,
                }
            }
            Message::JobRemoved {
                job_id, revision, ..
            } => {
                self.see(*revision);
                match self.jobs.remove(job_id) {
                    Some(_) => Changed::Job(*job_id),
                    None => Changed::Nothing,
                }
            }
            _ => Changed::Nothing,
        }
    }

    fn see(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }
}
