//! What is known in memory of one period: where each job's newest record begins in its file, and what can be asked of it.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use jobtop_core::JobId;

use super::chunk::{Chunk, ROWS};
use super::profile::Profiles;
use super::row::Row;

/// A period's file and its index.
#[derive(Debug)]
pub(super) struct Shelf {
    file: Arc<File>,
    bytes: u64,
    rows: Rows,
    /// About how many records there are that are not indexed yet.
    unindexed: u64,
    /// Whether all that was in the file in the beginning is indexed.
    is_indexed: bool,
    /// Where jobs with an idempotency key begin, by the number of the key.
    keys: HashMap<u64, u64>,
}

/// A record that was appended.
#[derive(Debug)]
pub(super) struct Appended<'a> {
    /// What is to be indexed of it; none if it can't be read.
    pub(super) row: Option<Row<'a>>,
    pub(super) length: u64,
}

/// The rows of a file.
#[derive(Debug, Default)]
pub(super) struct Rows {
    chunks: Vec<Arc<Chunk>>,
    /// Every live row but the fresh ones, in the order of ids.
    sorted: Vec<Place>,
    /// What was added since that was made.
    fresh: HashMap<JobId, Place>,
    live: u64,
}

/// A row: its chunk, times [`ROWS`], and its number in it.
type Place = u32;

/// So many fresh rows at least are gathered before they are sorted in.
const GATHERED: usize = 4_096;

impl Shelf {
    /// A shelf on a file of which `bytes` are used, by about `records` records that are not indexed yet.
    pub(super) fn new(file: Arc<File>, bytes: u64, records: u64) -> Self {
        Self {
            file,
            bytes,
            rows: Rows::default(),
            unindexed: records,
            is_indexed: bytes == 0,
            keys: HashMap::new(),
        }
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// How long the file is: where the next record goes.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many records there are; an estimate until the shelf is indexed.
    pub(super) const fn records(&self) -> u64 {
        self.rows.live + self.unindexed
    }

    /// Whether everything in the file is indexed.
    pub(super) const fn is_indexed(&self) -> bool {
        self.is_indexed
    }

    /// What can be searched.
    pub(super) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.rows.chunks
    }

    /// Takes over records that were appended at the end.
    pub(super) fn append<'a>(
        &mut self,
        records: impl IntoIterator<Item = Appended<'a>>,
        profiles: &mut Profiles,
    ) {
        for record in records {
            if let Some(row) = &record.row {
                self.keys.extend(row.key.map(|key| (key, self.bytes)));
                self.rows.push(self.bytes, row, profiles.number(row));
            }
            self.bytes += record.length;
        }
        self.rows.gather();
    }

    /// Takes over the rows and keys of what was in the file before anything was appended.
    pub(super) fn index(&mut self, mut rows: Rows, mut keys: HashMap<u64, u64>) {
        keys.extend(std::mem::take(&mut self.keys));
        self.keys = keys;
        rows.extend(std::mem::take(&mut self.rows));
        self.rows = rows;
        self.unindexed = 0;
        self.is_indexed = true;
    }

    /// Where a record of the job with that key begins.
    pub(super) fn keyed(&self, number: u64) -> Option<u64> {
        self.keys.get(&number).copied()
    }

    /// Where the job's newest record begins.
    pub(super) fn get(&self, id: JobId) -> Option<u64> {
        self.rows.find(id).map(|place| self.rows.offset(place))
    }
}

impl Rows {
    /// Adds the record at that offset, behind all others.
    pub(super) fn push(&mut self, at: u64, row: &Row<'_>, profile: u32) {
        if self.chunks.last().is_none_or(|chunk| !chunk.has_room(at)) {
            let next = self.seal().unwrap_or_else(Chunk::empty);
            self.chunks.push(Arc::new(next));
        }
        let number = self.chunks.len() - 1;
        let Some(chunk) = self.chunks.last_mut() else {
            return;
        };
        let place = (number * ROWS + chunk.len()) as Place;
        Arc::make_mut(chunk).push(at, profile, row);
        self.live += 1;
        if let Some(older) = self.find(row.id) {
            self.kill(older);
        }
        self.fresh.insert(row.id, place);
    }

    /// Sorts the fresh rows in, if there are enough of them.
    fn gather(&mut self) {
        if self.fresh.len() > GATHERED + self.sorted.len() / 4 {
            self.sort();
        }
    }

    /// Sorts the fresh rows in.
    pub(super) fn sort(&mut self) {
        // Its room goes with it: a map that has grown stays large.
        let fresh = std::mem::take(&mut self.fresh);
        let mut sorted = std::mem::take(&mut self.sorted);
        sorted.reserve_exact(fresh.len());
        sorted.extend(fresh.into_values());
        sorted.retain(|place| !self.is_dead(*place));
        sorted.sort_unstable_by_key(|place| self.id(*place));
        self.sorted = sorted;
    }

    /// Nothing will be added to the last chunk. The room in which it was gathered is given back for the next one.
    fn seal(&mut self) -> Option<Chunk> {
        let last = self.chunks.last_mut()?;
        let sealed = Arc::new(last.sealed());
        let gathered = std::mem::replace(last, sealed);
        Arc::try_unwrap(gathered).ok().map(Chunk::emptied)
    }

    /// Sorts the fresh rows in, and takes no more memory than it needs until something is added.
    pub(super) fn settle(&mut self) {
        self.sort();
        self.seal();
    }

    /// Takes over what was added behind these rows.
    fn extend(&mut self, later: Self) {
        if later.chunks.is_empty() {
            self.sort();
            return;
        }
        self.seal();
        let shift = (self.chunks.len() * ROWS) as Place;
        self.chunks.extend(later.chunks);
        self.live += later.live;
        let places = later.fresh.into_values().chain(later.sorted);
        for place in places.map(|place| place + shift) {
            let id = self.id(place);
            if let Some(older) = self.find(id) {
                self.kill(older);
            }
            self.fresh.insert(id, place);
        }
        self.sort();
    }

    /// Every live row in the order of the file: its id and where its record begins.
    #[cfg(test)]
    pub(super) fn listed(&self) -> impl Iterator<Item = (JobId, u64)> {
        self.chunks.iter().flat_map(|chunk| {
            (0..chunk.len())
                .filter(|row| !chunk.is_dead(*row))
                .map(|row| (chunk.id(row), chunk.offset(row)))
        })
    }

    fn kill(&mut self, place: Place) {
        let (chunk, row) = split(place);
        Arc::make_mut(&mut self.chunks[chunk]).kill(row);
        self.live -= 1;
    }

    fn find(&self, id: JobId) -> Option<Place> {
        let sorted = || {
            let at = self
                .sorted
                .binary_search_by_key(&id, |place| self.id(*place));
            at.ok().map(|at| self.sorted[at])
        };
        let place = self.fresh.get(&id).copied().or_else(sorted)?;
        (!self.is_dead(place)).then_some(place)
    }

    fn id(&self, place: Place) -> JobId {
        let (chunk, row) = split(place);
        self.chunks[chunk].id(row)
    }

    fn offset(&self, place: Place) -> u64 {
        let (chunk, row) = split(place);
        self.chunks[chunk].offset(row)
    }

    fn is_dead(&self, place: Place) -> bool {
        let (chunk, row) = split(place);
        self.chunks[chunk].is_dead(row)
    }
}

const fn split(place: Place) -> (usize, usize) {
    (place as usize / ROWS, place as usize % ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(id: u128) -> Vec<u8> {
        let id = JobId(id);
        let at = "2026-11-24T03:00:00.000Z";
        format!(
            r#"{{"job":{{"v":1,"view":{{"id":"{id}","type":"etl","name":"N","status":"completed","progress":100,
            "userId":"ann","queue":"default","host":null,"updatedAt":"{at}","finishedAt":"{at}","steps":["A"],
            "message":null,"error":null,"metrics":{{"processedItems":0,"errorCount":0,"startTime":null,"activeSeconds":1.5}}}}}}}}"#
        )
        .into_bytes()
    }

    struct House {
        shelf: Shelf,
        profiles: Profiles,
    }

    impl House {
        fn append(&mut self, id: u128, length: u64, key: Option<u64>) {
            let payload = payload(id);
            let mut row = Row::read(&payload).unwrap();
            row.key = key;
            let record = Appended {
                row: Some(row),
                length,
            };
            self.shelf.append([record], &mut self.profiles);
        }
    }

    #[test]
    fn the_newest_record_of_a_job_is_found_however_it_came() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let mut house = House {
            shelf: Shelf::new(file, 300, 3),
            profiles: Profiles::default(),
        };
        for (id, key) in [(5, None), (6, Some(66)), (5, None)] {
            house.append(id, 100, key);
        }
        assert_eq!(house.shelf.get(JobId(5)), Some(500));
        assert_eq!(house.shelf.get(JobId(1)), None);
        assert!(!house.shelf.is_indexed());
        let mut rows = Rows::default();
        for (id, at) in [(6, 0), (1, 100), (1, 200)] {
            let payload = payload(id);
            let row = Row::read(&payload).unwrap();
            rows.push(at, &row, house.profiles.number(&row));
        }
        house.shelf.index(rows, HashMap::from([(66, 0), (11, 100)]));
        for (key, offset) in [(66, Some(400)), (11, Some(100)), (7, None)] {
            assert_eq!(house.shelf.keyed(key), offset, "{key}");
        }
        for (id, offset) in [(5, Some(500)), (6, Some(400)), (1, Some(200)), (2, None)] {
            assert_eq!(house.shelf.get(JobId(id)), offset, "{id}");
        }
        assert_eq!((house.shelf.records(), house.shelf.bytes()), (3, 600));
        let many = GATHERED as u128 + 10;
        for id in 1..=many {
            house.append(id, 1, None);
        }
        assert!(house.shelf.rows.fresh.len() < 10);
        assert_eq!(house.shelf.get(JobId(1)), Some(600));
        assert_eq!(house.shelf.get(JobId(many)), Some(600 + many as u64 - 1));
        assert_eq!(house.shelf.records(), many as u64);
        let live: usize = house
            .shelf
            .chunks()
            .iter()
            .map(|chunk| (0..chunk.len()).filter(|row| !chunk.is_dead(*row)).count())
            .sum();
        assert_eq!(live as u128, many);
    }
}
