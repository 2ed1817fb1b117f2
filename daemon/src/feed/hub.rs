//! The published live set, in revision order.
//!
//! One list: an entry per job, plus removals with bounded memory of them. Sessions keep a cursor into it; HTTP reads it.
//! The list is behind one lock that is held for look-ups and copies of pointers only, never across an await, never while
//! encoding, and never while sessions are woken: a lock is cheaper here than a task and a message per reader, readers
//! share it, and nobody waits long for it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use jobtop_core::proto::message;
use jobtop_core::{Job, JobId, Now, UserId};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::interest::Interest;
use crate::engine::command::ConnId;
use crate::engine::outcome::Notice;

use std::sync::OnceLock;

/// How many removals are remembered; who asks for older ones gets everything anew.
const REMOVALS: usize = 10_000;
/// How many changes a session takes at a time.
pub(super) const PULL: usize = 128;

/// The published live set.
#[derive(Debug)]
pub struct Hub {
    epoch: u64,
    list: RwLock<List>,
    /// Apart from the list, so that who is woken can read it at once.
    watchers: Mutex<Watchers>,
}

#[derive(Debug, Default)]
struct List {
    revision: u64,
    /// Changes up to this revision may be forgotten removals.
    floor: u64,
    jobs: HashMap<JobId, Arc<Change>>,
    order: BTreeMap<u64, Arc<Change>>,
    removals: usize,
}

/// Who is to be woken by what.
#[derive(Debug, Default)]
struct Watchers {
    all: HashMap<ConnId, Arc<Notify>>,
    users: HashMap<UserId, HashMap<ConnId, Arc<Notify>>>,
    jobs: HashMap<JobId, HashMap<ConnId, Arc<Notify>>>,
}

/// One entry of the list: the newest change of a job, with its encodings, each made once and shared.
#[derive(Debug)]
pub struct Change {
    /// The number of this change.
    pub revision: u64,
    /// Which job.
    pub id: JobId,
    /// Whose.
    pub owner: UserId,
    /// The job as it is now; `None` when it left the live set.
    pub job: Option<Arc<Job>>,
    /// The revision with which the job came into the live set: who knows less can't know the job.
    pub born: u64,
    /// The number of the job's change that this one took the place of; 0 if there was none.
    pub(super) former: u64,
    /// When the message came that this change is of, if it is of one.
    pub(super) came: Option<Instant>,
    now: Now,
    update: OnceLock<String>,
    snapshot: OnceLock<String>,
    for_jobs: OnceLock<Utf8Bytes>,
    for_owner: OnceLock<Utf8Bytes>,
    for_id: OnceLock<Utf8Bytes>,
}

/// The live set, or what changed of it, as of `revision`.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Jobs, in the order of their revisions, oldest change first.
    pub jobs: Vec<Arc<Job>>,
    /// Jobs that left the live set after the revision asked for, with their owners, oldest first; empty for a full
    /// listing.
    pub removed: Vec<(JobId, UserId)>,
    /// The present revision.
    pub revision: u64,
}

/// What a session takes at a time.
#[derive(Debug, Default)]
pub(super) struct Pulled {
    pub(super) changes: Vec<Arc<Change>>,
    /// Everything up to here has been seen.
    pub(super) upto: u64,
}

impl Pulled {
    /// Whether nothing newer was left behind when this was taken.
    pub(super) fn is_whole(&self) -> bool {
        self.changes.len() < PULL
    }
}

impl Hub {
    /// An empty hub of that epoch.
    #[must_use]
    pub fn new(epoch: u64) -> Arc<Self> {
        Arc::new(Self {
            epoch,
            list: RwLock::default(),
            watchers: Mutex::default(),
        })
    }

    /// Which run of the daemon this is.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The present revision.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.list().revision
    }

    /// Shows changes, whose revisions increase; wakes the sessions they concern.
    pub fn publish(&self, notices: Vec<Notice>, now: Now) {
        let changes: Vec<_> = {
            let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
            notices
                .into_iter()
                .map(|notice| list.enter(notice, now))
                .collect()
        };
        self.watchers().wake(&changes);
    }

    /// A job of the live set.
    #[must_use]
    pub fn get(&self, id: JobId) -> Option<Arc<Job>> {
        self.list()
            .jobs
            .get(&id)
            .and_then(|change| change.job.clone())
    }

    /// Those of the jobs that are not in the live set, each once.
    pub(super) fn absent(&self, ids: impl Iterator<Item = JobId>) -> HashSet<JobId> {
        let list = self.list();
        ids.filter(|id| list.jobs.get(id).is_none_or(|change| change.job.is_none()))
            .collect()
    }

    /// The whole live set.
    #[must_use]
    pub fn all(&self) -> Listing {
        let list = self.list();
        Listing {
            jobs: list
                .order
                .values()
                .filter_map(|change| change.job.clone())
                .collect(),
            removed: Vec::new(),
            revision: list.revision,
        }
    }

    /// What changed after that revision; `None` if that is longer ago than what is still known, or never was.
    #[must_use]
    pub fn since(&self, revision: u64) -> Option<Listing> {
        let list = self.list();
        if revision < list.floor || revision > list.revision {
            return None;
        }
        let mut listing = Listing {
            jobs: Vec::new(),
            removed: Vec::new(),
            revision: list.revision,
        };
        for change in list.order.range(revision + 1..).map(|(_, change)| change) {
            match &change.job {
                Some(job) => listing.jobs.push(job.clone()),
                None => listing.removed.push((change.id, change.owner.clone())),
            }
        }
        Some(listing)
    }

    /// The next changes after `cursor` that are of interest, in order, and how far that reaches.
    pub(super) fn pull(&self, cursor: u64, interest: &Interest) -> Pulled {
        let list = self.list();
        let mut pulled = Pulled {
            changes: Vec::new(),
            upto: list.revision,
        };
        if interest.is_empty() || cursor >= list.revision {
            return pulled;
        }
        for (revision, change) in list.order.range(cursor + 1..) {
            if interest.wants(change) {
                if pulled.changes.len() == PULL {
                    pulled.upto = revision - 1;
                    break;
                }
                pulled.changes.push(change.clone());
            }
        }
        pulled
    }

    /// For a new subscription, under one look at the list: what is still to be said for the others (everything after
    /// `cursor`), and what `only` the new one gets after `after`: `None` if that is longer ago than what is still
    /// known. From 0 it gets the live set, without removals.
    pub(super) fn enlist(
        &self,
        cursor: u64,
        others: &Interest,
        only: &Interest,
        after: u64,
    ) -> (Pulled, Option<Pulled>) {
        let list = self.list();
        let pending = list.after(cursor, others);
        let known = after == 0 || (list.floor..=list.revision).contains(&after);
        let caught_up = known.then(|| {
            let mut pulled = list.after(after, only);
            if after == 0 {
                pulled.changes.retain(|change| change.job.is_some());
            }
            pulled
        });
        (pending, caught_up)
    }

    /// From now on `notify` is woken by what is of interest, and by that alone.
    pub(super) fn watch(&self, conn: ConnId, interest: &Interest, notify: &Arc<Notify>) {
        let mut watchers = self.watchers();
        watchers.forget(conn);
        watchers.add(conn, interest, notify);
    }

    /// That session is gone.
    pub(super) fn unwatch(&self, conn: ConnId) {
        self.watchers().forget(conn);
    }

    fn list(&self) -> RwLockReadGuard<'_, List> {
        // Nothing in this file leaves the list half changed where it could panic; a poisoned list is a good one.
        self.list.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn after(&self, cursor: u64, interest: &Interest) -> Pulled {
        let changes = self.order.range(cursor + 1..).map(|(_, change)| change);
        Pulled {
            changes: changes
                .filter(|change| interest.wants(change))
                .cloned()
                .collect(),
            upto: self.revision,
        }
    }

    fn enter(&mut self, notice: Notice, now: Now) -> Arc<Change> {
        let change = match notice {
            Notice::Job { job, came } => {
                let (id, revision) = (job.id(), job.state.revision);
                let before = self.jobs.get(&id);
                let born = before.map_or(revision, |before| before.born);
                if let Some(before) = before {
                    self.order.remove(&before.revision);
                }
                let owner = job.spec.user.clone();
                let former = before.map_or(0, |before| before.revision);
                let change = Change {
                    former,
                    came,
                    ..Change::new(revision, id, owner, Some(job), born, now)
                };
                let change = Arc::new(change);
                self.jobs.insert(id, change.clone());
                change
            }
            Notice::Removed {
                id,
                owner,
                revision,
            } => {
                if let Some(before) = self.jobs.remove(&id) {
                    self.order.remove(&before.revision);
                }
                self.removals += 1;
                Arc::new(Change::new(revision, id, owner, None, revision, now))
            }
        };
        self.revision = change.revision;
        self.order.insert(change.revision, change.clone());
        self.trim();
        change
    }

    /// Forgets the oldest removals, a tenth at a time, and remembers up to where it has forgotten.
    fn trim(&mut self) {
        if self.removals <= REMOVALS {
            return;
        }
        let old: Vec<_> = self
            .order
            .iter()
            .filter(|(_, change)| change.job.is_none())
            .map(|(revision, _)| *revision)
            .take(REMOVALS / 10)
            .collect();
        for revision in old {
            self.order.remove(&revision);
            self.floor = revision;
            self.removals -= 1;
        }
    }
}

impl Watchers {
    /// Waking who is awake already costs next to nothing, so nobody keeps count.
    fn wake(&self, changes: &[Arc<Change>]) {
        if !changes.is_empty() {
            self.all.values().for_each(|notify| notify.notify_one());
        }
        for change in changes {
            let users = self.users.get(&change.owner);
            let jobs = self.jobs.get(&change.id);
            let concerned = users.into_iter().chain(jobs).flat_map(HashMap::values);
            concerned.for_each(|notify| notify.notify_one());
        }
    }

    fn add(&mut self, conn: ConnId, interest: &Interest, notify: &Arc<Notify>) {
        if interest.in_all() {
            self.all.insert(conn, notify.clone());
        }
        for user in interest.users() {
            self.users
                .entry(user.clone())
                .or_default()
                .insert(conn, notify.clone());
        }
        for job in interest.jobs() {
            self.jobs
                .entry(job)
                .or_default()
                .insert(conn, notify.clone());
        }
    }

    fn forget(&mut self, conn: ConnId) {
        self.all.remove(&conn);
        self.users.retain(|_, conns| {
            conns.remove(&conn);
            !conns.is_empty()
        });
        self.jobs.retain(|_, conns| {
            conns.remove(&conn);
            !conns.is_empty()
        });
    }
}

/// Which of a job's three channels a message is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Via {
    /// `jobs`.
    Jobs,
    /// `job:{userId}`.
    Owner,
    /// `job:{jobId}`.
    Id,
}

impl Change {
    fn new(
        revision: u64,
        id: JobId,
        owner: UserId,
        job: Option<Arc<Job>>,
        born: u64,
        now: Now,
    ) -> Self {
        Self {
            revision,
            id,
            owner,
            job,
            born,
            former: 0,
            came: None,
            now,
            update: OnceLock::new(),
            snapshot: OnceLock::new(),
            for_jobs: OnceLock::new(),
            for_owner: OnceLock::new(),
            for_id: OnceLock::new(),
        }
    }

    /// The frame for those who know the job already.
    pub(super) fn update(&self, via: Via, channel: &str) -> Utf8Bytes {
        let slot = match via {
            Via::Jobs => &self.for_jobs,
            Via::Owner => &self.for_owner,
            Via::Id => &self.for_id,
        };
        slot.get_or_init(|| {
            let beginning = self.update.get_or_init(|| match &self.job {
                Some(job) => message::job_update(job, self.now),
                None => message::job_removed(self.id, self.revision, self.now),
            });
            message::with_channel(beginning, channel).into()
        })
        .clone()
    }

    /// The frame for those who can't know the job yet. A job that is gone is only said to be gone.
    pub(super) fn snapshot(&self, via: Via, channel: &str) -> Utf8Bytes {
        let Some(job) = &self.job else {
            return self.update(via, channel);
        };
        let beginning = self
            .snapshot
            .get_or_init(|| message::job_snapshot(job, self.now));
        message::with_channel(beginning, channel).into()
    }
}
