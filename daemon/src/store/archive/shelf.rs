//! What is known in memory of one period: where each job's newest record begins in its file.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use jobtop_core::JobId;

/// A period's file and its index by id.
#[derive(Debug)]
pub(super) struct Shelf {
    file: Arc<File>,
    bytes: u64,
    records: u64,
    sorted: Sorted,
    /// What was appended since the sorted part was made.
    fresh: HashMap<JobId, u64>,
    /// Where jobs with an idempotency key begin, by the number of the key.
    keys: HashMap<u64, u64>,
}

/// A record that was appended.
#[derive(Debug)]
pub(super) struct Appended {
    pub(super) id: JobId,
    pub(super) length: u64,
    /// The number of its idempotency key.
    pub(super) key: Option<u64>,
}

/// Ids in order, with the offset of each: 24 bytes a row.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    ids: Vec<JobId>,
    offsets: Vec<u64>,
}

/// So many fresh rows at least are gathered before they are sorted in.
const GATHERED: usize = 4_096;

impl Shelf {
    /// A shelf on a file of which `bytes` are used, by about `records` records that are not indexed yet.
    pub(super) fn new(file: Arc<File>, bytes: u64, records: u64) -> Self {
        Self {
            file,
            bytes,
            records,
            sorted: Sorted::default(),
            fresh: HashMap::new(),
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
        self.records
    }

    /// Takes over records that were appended at the end.
    pub(super) fn append(&mut self, rows: impl IntoIterator<Item = Appended>) {
        for Appended { id, length, key } in rows {
            self.keys.extend(key.map(|key| (key, self.bytes)));
            let is_new =
                self.fresh.insert(id, self.bytes).is_none() && self.sorted.get(id).is_none();
            self.records += u64::from(is_new);
            self.bytes += length;
        }
        if self.fresh.len() > GATHERED + self.sorted.ids.len() / 4 {
            let rows = self.fresh.drain().collect();
            let older = std::mem::take(&mut self.sorted);
            self.sorted = Sorted::of(older.merge(rows));
        }
    }

    /// Takes over the rows and keys of what was in the file before anything was appended.
    pub(super) fn index(&mut self, sorted: Sorted, mut keys: HashMap<u64, u64>) {
        keys.extend(self.keys.drain());
        self.keys = keys;
        let appended: Vec<_> = self.sorted.rows().chain(self.fresh.drain()).collect();
        self.sorted = if appended.is_empty() {
            sorted
        } else {
            Sorted::of(sorted.merge(appended))
        };
        self.records = self.sorted.ids.len() as u64;
    }

    /// Where a record of the job with that key begins.
    pub(super) fn keyed(&self, number: u64) -> Option<u64> {
        self.keys.get(&number).copied()
    }

    /// Where the job's newest record begins.
    pub(super) fn get(&self, id: JobId) -> Option<u64> {
        self.fresh.get(&id).copied().or_else(|| self.sorted.get(id))
    }
}

impl Sorted {
    /// Sorts rows; of several of one job the one that lies last in the file stays.
    pub(super) fn of(mut rows: Vec<(JobId, u64)>) -> Self {
        rows.sort_unstable();
        rows.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                *kept = *later;
            }
            same
        });
        Self {
            ids: rows.iter().map(|row| row.0).collect(),
            offsets: rows.iter().map(|row| row.1).collect(),
        }
    }

    fn get(&self, id: JobId) -> Option<u64> {
        let at = self.ids.binary_search(&id).ok()?;
        self.offsets.get(at).copied()
    }

    fn rows(&self) -> impl Iterator<Item = (JobId, u64)> {
        self.ids.iter().copied().zip(self.offsets.iter().copied())
    }

    fn merge(&self, mut rows: Vec<(JobId, u64)>) -> Vec<(JobId, u64)> {
        rows.reserve_exact(self.ids.len());
        rows.extend(self.rows());
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_record_of_a_job_is_found_however_it_came() {
        let mut shelf = Shelf::new(Arc::new(tempfile::tempfile().unwrap()), 300, 3);
        let row = |id, length, key| Appended {
            id: JobId(id),
            length,
            key,
        };
        shelf.append([row(5, 100, None), row(6, 100, Some(66)), row(5, 100, None)]);
        assert_eq!(shelf.get(JobId(5)), Some(500));
        assert_eq!(shelf.get(JobId(1)), None);
        let sorted = Sorted::of(vec![(JobId(6), 0), (JobId(1), 200), (JobId(1), 100)]);
        shelf.index(sorted, HashMap::from([(66, 0), (11, 100)]));
        for (key, offset) in [(66, Some(400)), (11, Some(100)), (7, None)] {
            assert_eq!(shelf.keyed(key), offset, "{key}");
        }
        for (id, offset) in [(5, Some(500)), (6, Some(400)), (1, Some(200)), (2, None)] {
            assert_eq!(shelf.get(JobId(id)), offset, "{id}");
        }
        assert_eq!((shelf.records(), shelf.bytes()), (3, 600));
        let many = GATHERED as u128 + 10;
        shelf.append((1..=many).map(|id| row(id, 1, None)));
        assert!(shelf.fresh.len() < 10);
        assert_eq!(shelf.get(JobId(1)), Some(600));
        assert_eq!(shelf.get(JobId(many)), Some(600 + many as u64 - 1));
        assert_eq!(shelf.records(), many as u64);
    }
}
