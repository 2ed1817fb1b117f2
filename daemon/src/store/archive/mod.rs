//! The archive: every job that has ended, in a folder per period of ending, found by id.
//!
//! The writer appends through the keeper; this face reads. What the two share is the index, under a lock that is held for
//! moments and never while anything waits. `search` and `analysis` hold on to the chunks that there are, and to no lock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use jobtop_core::{Job, JobId, Timestamp, UserId};
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, watch};

use super::frame;
use super::payload;
use crate::clock::Clock;
use crate::metrics;
use period::Period;
use profile::Profiles;
use shelf::Shelf;

pub use analysis::{Analysis, Asked};
pub use search::{Page, Position, Rank, Wanted};

mod analysis;
mod chunk;
pub(super) mod index;
pub(super) mod keeper;
mod keys;
pub(super) mod period;
mod profile;
pub(super) mod restore;
mod row;
mod search;
mod shelf;
mod sieve;
pub(super) mod sweep;

/// A page ends with the job that takes it beyond so many bytes: an answer must fit into a message.
const PAGE_BYTES: usize = 1 << 20;
/// So many sentences about damage are kept for whoever asks.
const DAMAGE_KEPT: usize = 100;
/// So many searches and analyses go on at once; the others wait, so that they never take all cores from the feed.
const AT_ONCE: usize = 2;

/// The face of the archive; clones share it.
#[derive(Clone, Debug)]
pub struct Archive {
    retention_ms: u64,
    clock: Clock,
    shared: Arc<Shared>,
    turns: Arc<Semaphore>,
}

/// What `status` shows of the store.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Jobs in the archive; an estimate until all is indexed.
    pub records: u64,
    /// Folders of periods.
    pub periods: usize,
    /// Bytes of what counts: the archive and the newest sealed board.
    pub live_bytes: u64,
    /// Bytes of the archive, the log and the sealed boards.
    pub disk_bytes: u64,
    /// When the last checkpoint was sealed.
    pub last_checkpoint: Option<Timestamp>,
    /// Whether every period is indexed; until then a look-up of what is not found waits.
    pub indexed: bool,
    /// What was found damaged since the start, a sentence each.
    pub damage: Vec<String>,
}

impl Archive {
    pub(super) fn new(retention_ms: u64, clock: Clock, shared: Arc<Shared>) -> Self {
        Self {
            retention_ms,
            clock,
            shared,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The ended job of that id, if it ended within the retention: from memory if it is one of the newest, else with one
    /// read of the disk. Waits for the index where the id is not found in what is indexed so far.
    pub async fn get(&self, id: JobId) -> Option<Arc<Job>> {
        let mut unindexed = self.shared.unindexed.subscribe();
        let place = loop {
            let is_complete = *unindexed.borrow_and_update() == 0;
            match self.shared.find(id) {
                Some(place) => break place,
                None if is_complete => return None,
                // The sender lives in `shared`, so this ends with the next shelf.
                None => unindexed.changed().await.ok()?,
            }
        };
        let job = match place {
            Place::Ring(job) => job,
            Place::File(file, offset) => self.read(file, offset).await?,
        };
        if job.id() != id {
            tracing::warn!(%id, "the record of an archived job is damaged");
            return None;
        }
        // Exact, although folders go later and as a whole.
        (ended_at(&job) >= self.horizon()).then_some(job)
    }

    /// The ended job that this user made with that idempotency key, as [`Archive::get`] gives it.
    pub async fn keyed(&self, user: &UserId, key: &str) -> Option<Arc<Job>> {
        let number = keys::number(user.as_str(), key);
        let mut unindexed = self.shared.unindexed.subscribe();
        let (file, offset) = loop {
            let is_complete = *unindexed.borrow_and_update() == 0;
            match self.shared.find_key(number) {
                Some(place) => break place,
                None if is_complete => return None,
                None => unindexed.changed().await.ok()?,
            }
        };
        let job = self.read(file, offset).await?;
        let given = job.spec.idempotency.as_ref();
        if job.spec.user != *user || given.is_none_or(|given| *given.key != *key) {
            return None;
        }
        // It may have been kept once more since.
        self.get(job.id()).await
    }

    /// One page of the ended jobs that are wanted.
    pub async fn search(&self, wanted: Wanted) -> Page {
        let begun = Instant::now();
        let page = self
            .in_turn(move |archive| archive.search_now(&wanted))
            .await;
        self.shared.counted.searches.0.observe(begun.elapsed());
        page
    }

    /// [`Archive::search`] on this thread, which waits for the disk.
    #[must_use]
    pub fn search_now(&self, wanted: &Wanted) -> Page {
        let mut found = search::find(&self.shared, wanted, self.horizon());
        let (mut jobs, mut bytes) = (Vec::with_capacity(found.hits.len()), 0);
        let mut last = None;
        for hit in &found.hits {
            if bytes >= PAGE_BYTES {
                found.next = last;
                break;
            }
            let Some(job) = self.said(hit) else { continue };
            bytes += job.get().len();
            jobs.push(job);
            last = Some(Position {
                rank: hit.rank.clone(),
                id: hit.id,
            });
        }
        Page {
            jobs,
            next: found.next,
            indexed_from: found.indexed_from,
        }
    }

    /// A job as it is said. What was kept is what is said, so it need not be understood for that.
    fn said(&self, hit: &search::Hit) -> Option<Box<RawValue>> {
        let bytes = read_frame(&hit.file, hit.offset, hit.reach).ok()?;
        let frame = frame::read(&bytes).filter(|frame| frame.head.id == hit.id);
        let Some(frame) = frame else {
            tracing::warn!(id = %hit.id, "the record of an archived job is damaged");
            return None;
        };
        if let Some(view) = payload::view(frame.payload) {
            return Some(view);
        }
        let now = self.clock.now();
        let job = payload::read_job(frame.payload, now).ok()?.job;
        serde_json::value::to_raw_value(&job.view(now.mono)).ok()
    }

    /// The ids of one page of the ended jobs that are wanted, from memory alone.
    #[must_use]
    pub fn ids(&self, wanted: &Wanted) -> Vec<JobId> {
        let found = search::find(&self.shared, wanted, self.horizon());
        found.hits.iter().map(|hit| hit.id).collect()
    }

    /// Figures about the ended jobs that are asked about.
    pub async fn analyse(&self, asked: Asked) -> Analysis {
        let begun = Instant::now();
        let analysis = self
            .in_turn(move |archive| archive.analyse_now(&asked))
            .await;
        self.shared.counted.analyses.0.observe(begun.elapsed());
        analysis
    }

    /// [`Archive::analyse`] on this thread, which waits for the disk.
    #[must_use]
    pub fn analyse_now(&self, asked: &Asked) -> Analysis {
        analysis::of(&self.shared, asked, self.horizon(), |file, offset| {
            self.read_now(file, offset)
        })
    }

    /// Does what takes its time on a thread of its own, when it is its turn.
    async fn in_turn<T: Default + Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        // It is never closed. A client that goes gives its turn back only when its work is done.
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let archive = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&archive);
            drop(turn);
            done
        });
        done.await.unwrap_or_default()
    }

    /// What ended before this has expired.
    fn horizon(&self) -> Timestamp {
        let now = self.clock.now().wall;
        Timestamp(now.0.saturating_sub_unsigned(self.retention_ms))
    }

    async fn read(&self, file: Arc<File>, offset: u64) -> Option<Arc<Job>> {
        let archive = self.clone();
        tokio::task::spawn_blocking(move || archive.read_now(&file, offset))
            .await
            .ok()?
    }

    fn read_now(&self, file: &File, offset: u64) -> Option<Arc<Job>> {
        let bytes = match read_frame(file, offset, None) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!(%error, "an archived job can't be read");
                return None;
            }
        };
        let Some(frame) = frame::read(&bytes) else {
            tracing::warn!("the record of an archived job is damaged");
            return None;
        };
        match payload::read_job(frame.payload, self.clock.now()) {
            Ok(record) => Some(record.job),
            Err(error) => {
                tracing::warn!(%error, "an archived job can't be read");
                None
            }
        }
    }

    /// What the store counts while it works.
    #[must_use]
    pub fn counted(&self) -> Arc<metrics::Store> {
        Arc::clone(&self.shared.counted)
    }

    /// How much there is.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let state = self.shared.read();
        let archived: u64 = state.shelves.values().map(Shelf::bytes).sum();
        Figures {
            records: state.shelves.values().map(Shelf::records).sum(),
            periods: state.shelves.len(),
            live_bytes: archived + state.board_bytes,
            disk_bytes: archived + state.other_bytes,
            last_checkpoint: state.last_checkpoint,
            indexed: *self.shared.unindexed.borrow() == 0,
            damage: self.shared.damage().clone(),
        }
    }
}

/// Whether a record of the archive can be read as the index reads it.
pub(super) fn is_indexable(payload: &[u8]) -> bool {
    row::Row::read(payload).is_some()
}

/// When a job ended, as the archive counts it.
pub(super) fn ended_at(job: &Job) -> Timestamp {
    job.state.finished_at.unwrap_or(job.state.updated_at)
}

/// What the readers and the writer share.
#[derive(Debug)]
pub(super) struct Shared {
    state: RwLock<State>,
    profiles: Mutex<Profiles>,
    damage: Mutex<Vec<String>>,
    /// How many shelves still wait for the index.
    unindexed: watch::Sender<usize>,
    /// What the writer and the searches count.
    pub(super) counted: Arc<metrics::Store>,
}

#[derive(Debug, Default)]
struct State {
    shelves: BTreeMap<Period, Shelf>,
    ring: Ring,
    /// Bytes of the jobs in the newest sealed board.
    board_bytes: u64,
    /// Bytes of the log and the boards.
    other_bytes: u64,
    last_checkpoint: Option<Timestamp>,
}

enum Place {
    Ring(Arc<Job>),
    File(Arc<File>, u64),
}

impl Shared {
    pub(super) fn new(ring: usize) -> Self {
        Self {
            state: RwLock::new(State {
                ring: Ring {
                    room: ring,
                    ..Ring::default()
                },
                ..State::default()
            }),
            profiles: Mutex::default(),
            damage: Mutex::default(),
            unindexed: watch::Sender::new(0),
            counted: Arc::default(),
        }
    }

    /// Says what the newest board holds, and what the log and the boards take on the disk.
    pub(super) fn tell(
        &self,
        board_bytes: u64,
        other_bytes: u64,
        last_checkpoint: Option<Timestamp>,
    ) {
        let mut state = self.write();
        state.board_bytes = board_bytes;
        state.other_bytes = other_bytes;
        state.last_checkpoint = last_checkpoint;
    }

    fn find(&self, id: JobId) -> Option<Place> {
        let state = self.read();
        if let Some(job) = state.ring.jobs.get(&id) {
            return Some(Place::Ring(job.clone()));
        }
        state.shelves.values().rev().find_map(|shelf| {
            let offset = shelf.get(id)?;
            Some(Place::File(shelf.file().clone(), offset))
        })
    }

    fn find_key(&self, number: u64) -> Option<(Arc<File>, u64)> {
        self.read().shelves.values().rev().find_map(|shelf| {
            let offset = shelf.keyed(number)?;
            Some((shelf.file().clone(), offset))
        })
    }

    /// Notes what was found damaged, for whoever asks how the store is.
    pub(super) fn note(&self, sentence: String) {
        let mut damage = self.damage();
        if damage.len() < DAMAGE_KEPT {
            damage.push(sentence);
        }
    }

    fn damage(&self) -> MutexGuard<'_, Vec<String>> {
        self.damage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn profiles(&self) -> MutexGuard<'_, Profiles> {
        self.profiles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // A panic while one of these is held would leave the index whole, so poisoning says nothing.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest endings in memory.
#[derive(Debug, Default)]
struct Ring {
    room: usize,
    order: VecDeque<JobId>,
    jobs: HashMap<JobId, Arc<Job>>,
}

impl Ring {
    fn put(&mut self, job: &Arc<Job>) {
        if self.jobs.insert(job.id(), job.clone()).is_none() {
            self.order.push_back(job.id());
        }
        while self.order.len() > self.room {
            if let Some(oldest) = self.order.pop_front() {
                self.jobs.remove(&oldest);
            }
        }
    }
}

/// A whole frame from a file; mostly with one read, where it is known how long it is, or it is not long.
fn read_frame(file: &File, offset: u64, length: Option<u64>) -> io::Result<Vec<u8>> {
    const USUAL: usize = 4 << 10;
    // Behind a record may lie damage, of any length.
    let first = length.map_or(USUAL, |length| {
        usize::try_from(length).unwrap_or(USUAL).min(16 * USUAL)
    });
    let mut bytes = vec![0; first];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    let Some((_, length)) = frame::peek(&bytes) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "no record there",
        ));
    };
    if length > bytes.len() {
        bytes.resize(length, 0);
        file.read_exact_at(&mut bytes[filled..], offset + filled as u64)?;
    } else {
        bytes.truncate(length);
    }
    Ok(bytes)
}
