//! The writer's side of the archive: appends endings after they are durable in the log, and owes those it has no room for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jobtop_core::{Job, JobId, Timestamp};

use super::super::current::Mark;
use super::super::fault::Fault;
use super::super::frame;
use super::period::Period;
use super::row::Row;
use super::shelf::{Appended, Shelf};
use super::{Shared, ended_at};
use crate::disk;

/// The file of a period's endings.
pub(in super::super) const ENDINGS: &str = "endings";
/// How a folder is called once it has expired.
pub(super) const EXPIRED: &str = "expired";
/// So many bytes are appended at once.
const AT_ONCE: usize = 1 << 20;

/// Appends to the archive.
#[derive(Debug)]
pub(in super::super) struct Keeper {
    dir: PathBuf,
    width: u64,
    shared: Arc<Shared>,
    /// Endings that are in the log and not here yet, in order.
    debt: VecDeque<Debt>,
    /// What was written since the last checkpoint was frozen.
    touched: BTreeSet<Period>,
}

/// An ending that is to be appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Debt {
    /// Where it belongs.
    pub(super) period: Period,
    /// Which job.
    pub(super) id: JobId,
    /// The frame.
    pub(super) frame: Vec<u8>,
}

/// What a checkpoint has to make durable, and how long each file is then.
#[derive(Debug)]
pub(in super::super) struct Touched {
    /// Files written since the last one, with their folders.
    pub(in super::super) files: Vec<(PathBuf, Arc<File>)>,
    /// Every period's length.
    pub(in super::super) marks: BTreeMap<Period, Mark>,
}

impl Keeper {
    /// A keeper of the folder, which owes what the recovery found missing.
    pub(in super::super) fn new(
        dir: PathBuf,
        width: u64,
        shared: Arc<Shared>,
        restored: super::restore::Restored,
    ) -> Self {
        let mut state = shared.write();
        for (period, found) in restored.found {
            let shelf = Shelf::new(Arc::new(found.file), found.bytes, found.records);
            state.shelves.insert(period, shelf);
        }
        let touched = state.shelves.keys().copied().collect();
        drop(state);
        Self {
            dir,
            width,
            shared,
            debt: restored.debt.into(),
            touched,
        }
    }

    /// Takes an ending: from now on it is found, and appended by [`Keeper::settle`].
    pub(in super::super) fn owe(&mut self, job: &Arc<Job>, frame: &[u8]) {
        self.shared.write().ring.put(job);
        self.debt.push_back(Debt {
            period: self.period_of(ended_at(job)),
            id: job.id(),
            frame: frame.to_vec(),
        });
    }

    /// Whether something is in the log that is not here yet.
    pub(in super::super) fn is_owing(&self) -> bool {
        !self.debt.is_empty()
    }

    /// Appends what is owed. What fails stays owed.
    pub(in super::super) fn settle(&mut self) -> Result<(), Fault> {
        while let Some(first) = self.debt.front() {
            let period = first.period;
            let file = self.open(period)?;
            let (mut bytes, mut rows) = (Vec::new(), Vec::new());
            for debt in self.debt.iter().take_while(|debt| debt.period == period) {
                if !bytes.is_empty() && bytes.len() + debt.frame.len() > AT_ONCE {
                    break;
                }
                bytes.extend_from_slice(&debt.frame);
                rows.push(Appended {
                    row: Row::read(debt.frame.get(frame::HEADER..).unwrap_or_default()),
                    length: debt.frame.len() as u64,
                });
            }
            let end = self
                .shared
                .read()
                .shelves
                .get(&period)
                .map_or(0, Shelf::bytes);
            file.write_all_at(&bytes, end)
                .map_err(Fault::io("append to", &self.path(period)))?;
            self.touched.insert(period);
            let done = rows.len();
            if let Some(shelf) = self.shared.write().shelves.get_mut(&period) {
                shelf.append(rows, &mut self.shared.profiles());
            }
            self.debt.drain(..done);
        }
        Ok(())
    }

    /// What a checkpoint has to know; begins anew to count what is touched.
    pub(in super::super) fn freeze(&mut self) -> Touched {
        let state = self.shared.read();
        let files = std::mem::take(&mut self.touched)
            .into_iter()
            .filter_map(|period| {
                let file = state.shelves.get(&period)?.file().clone();
                Some((self.folder(period), file))
            })
            .collect();
        let marks = state
            .shelves
            .iter()
            .map(|(period, shelf)| {
                let mark = Mark {
                    bytes: shelf.bytes(),
                    records: shelf.records(),
                };
                (*period, mark)
            })
            .collect();
        Touched { files, marks }
    }

    /// A frozen checkpoint failed: all has to be made durable again.
    pub(in super::super) fn touch_all(&mut self) {
        self.touched = self.periods().into_iter().collect();
    }

    /// Every period there is.
    pub(in super::super) fn periods(&self) -> Vec<Period> {
        self.shared.read().shelves.keys().copied().collect()
    }

    /// The period that now is.
    pub(in super::super) fn period_of(&self, at: Timestamp) -> Period {
        Period::of(at, self.width)
    }

    /// Takes a period away: renamed and unknown at once, its files are removed in the background.
    pub(in super::super) fn expire(&mut self, period: Period) -> Result<(), Fault> {
        let folder = self.folder(period);
        let away = folder.with_extension(EXPIRED);
        fs::rename(&folder, &away).map_err(Fault::io("rename", &folder))?;
        disk::sync_dir(&self.dir).map_err(Fault::io("make durable", &self.dir))?;
        self.shared.write().shelves.remove(&period);
        self.touched.remove(&period);
        remove_later(vec![away]);
        Ok(())
    }

    fn open(&self, period: Period) -> Result<Arc<File>, Fault> {
        if let Some(shelf) = self.shared.read().shelves.get(&period) {
            return Ok(shelf.file().clone());
        }
        let folder = self.folder(period);
        disk::make_dir(&folder).map_err(Fault::io("create", &folder))?;
        let path = self.path(period);
        let file = disk::open_or_create(&path).map_err(Fault::io("create", &path))?;
        let file = Arc::new(file);
        let empty = Shelf::new(file.clone(), 0, 0);
        self.shared.write().shelves.insert(period, empty);
        Ok(file)
    }

    fn folder(&self, period: Period) -> PathBuf {
        self.dir.join(period.to_string())
    }

    fn path(&self, period: Period) -> PathBuf {
        self.folder(period).join(ENDINGS)
    }
}

/// Removes folders on a thread of its own: nobody waits for it, and what is left is removed at the next start.
pub(in super::super) fn remove_later(folders: Vec<PathBuf>) {
    if folders.is_empty() {
        return;
    }
    let remove = move || {
        for folder in folders {
            if let Err(error) = disk::remove_tree(&folder) {
                tracing::warn!(folder = %folder.display(), %error, "an expired folder can't be removed");
            }
        }
    };
    if let Err(error) = std::thread::Builder::new()
        .name("store-sweep".to_owned())
        .spawn(remove)
    {
        tracing::warn!(%error, "expired folders stay until the next start");
    }
}

/// Folders that expired and were not removed yet.
pub(in super::super) fn expired(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == EXPIRED)
        })
        .collect()
}
