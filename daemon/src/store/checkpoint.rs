//! The checkpoint: a new generation of the board without what has expired, sealed and named in `CURRENT`; then the log that
//! only older ones needed may go. Runs on a thread of its own: if it hangs or fails, the log merely grows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jobtop_core::Now;

use super::archive::ended_at;
use super::archive::keeper::Touched;
use super::archive::period::Period;
use super::current::{Current, Generation};
use super::fault::Fault;
use super::frame::{self, Head, Kind};
use super::payload;
use super::sealed::{self, Seal};
use crate::disk;
use crate::engine::outcome::Record;

/// The folder of the generations.
pub(super) const BOARD: &str = "board";
/// What a damaged generation is renamed to, beside that folder.
const BAD: &str = "board.bad-";
/// So many damaged generations are kept for whoever wants to look into them.
const BAD_KEPT: usize = 2;

/// What is to be sealed, frozen at one moment.
#[derive(Debug)]
pub(super) struct Frozen {
    /// The store's folder.
    pub(super) dir: PathBuf,
    /// The number of the new generation.
    pub(super) number: u64,
    /// The log up to here is covered.
    pub(super) sequence: u64,
    /// The epoch that is.
    pub(super) epoch: u64,
    /// The moment.
    pub(super) now: Now,
    /// The live set in the order of ids, each job with the sequence of its newest frame.
    pub(super) records: Vec<(Record, u64)>,
    /// What else must be durable.
    pub(super) touched: Touched,
    /// The newest sound generation until now: it becomes the older of the two.
    pub(super) former: Option<Generation>,
    /// Generations that were found damaged.
    pub(super) bad: Vec<u64>,
    /// For how long periods have been known that lie in the future.
    pub(super) ages: BTreeMap<Period, u64>,
    /// How long sled may take to open.
    pub(super) limit: Duration,
}

/// A checkpoint that was made.
#[derive(Debug)]
pub(super) struct Made {
    /// What `CURRENT` says now.
    pub(super) current: Current,
    /// Bytes of the new generation.
    pub(super) disk_bytes: u64,
}

/// Makes the checkpoint.
pub(super) fn make(frozen: Frozen) -> Result<Made, Fault> {
    let Frozen {
        dir,
        number,
        sequence,
        records,
        touched,
        limit,
        now,
        ..
    } = frozen;
    make_archive_durable(&dir, &touched)?;
    let boards = dir.join(BOARD);
    let folder = boards.join(number.to_string());
    disk::remove_tree(&folder).map_err(Fault::io("remove", &folder))?;
    // Writing takes its time with many jobs; only opening has the short limit.
    let patience =
        limit + Duration::from_millis(2) * u32::try_from(records.len()).unwrap_or(u32::MAX);
    let target = folder.clone();
    let seal = sealed::guarded("building a checkpoint", patience, move || {
        let frames = records
            .iter()
            .map(|(record, sequence)| encode(record, *sequence, now));
        sealed::build(&target, sequence, frames)
    })?;
    let disk_bytes = disk::sync_tree(&folder)
        .and_then(|bytes| disk::sync_dir(&boards).map(|()| bytes))
        .map_err(Fault::io("make durable", &folder))?;
    compare(&folder, seal, patience)?;

    let mut generations = vec![Generation {
        number,
        seal,
        marks: touched.marks,
    }];
    generations.extend(frozen.former);
    let current = Current {
        epoch: frozen.epoch,
        at: now.wall,
        generations,
        ages: frozen.ages,
    };
    let path = dir.join(super::current::NAME);
    current.write(&dir).map_err(Fault::io("write", &path))?;
    tidy(&dir, &current, &frozen.bad, now);
    Ok(Made {
        current,
        disk_bytes,
    })
}

/// What the archive has must be durable before the log that could restore it may go.
fn make_archive_durable(dir: &Path, touched: &Touched) -> Result<(), Fault> {
    for (folder, file) in &touched.files {
        let is_gone = |error: &std::io::Error| {
            // Expired meanwhile: then there is nothing to keep.
            error.kind() == std::io::ErrorKind::NotFound
        };
        file.sync_all().map_err(Fault::io("make durable", folder))?;
        match disk::sync_dir(folder) {
            Err(error) if is_gone(&error) => {}
            other => other.map_err(Fault::io("make durable", folder))?,
        }
    }
    let history = dir.join(super::HISTORY);
    disk::sync_dir(&history).map_err(Fault::io("make durable", &history))
}

fn compare(folder: &Path, seal: Seal, limit: Duration) -> Result<(), Fault> {
    let target = folder.to_owned();
    sealed::guarded("comparing a checkpoint", limit, move || {
        sealed::load(&target, Some(seal), drop).map(drop)
    })
}

fn encode(record: &Record, sequence: u64, now: Now) -> Result<Vec<u8>, Fault> {
    let job = &record.job;
    let head = Head {
        sequence,
        at: ended_at(job),
        id: job.id(),
        kind: if job.is_final() {
            Kind::Ended
        } else {
            Kind::Job
        },
    };
    let mut bytes = Vec::new();
    frame::write(&mut bytes, head, |to| {
        payload::write_job(to, record, now.mono)
    })
    .map_err(|error| Fault::Broken(format!("could not encode {}: {error}", job.id())))?;
    Ok(bytes)
}

/// Removes what `CURRENT` does not name. What was damaged is put aside. Failing is no matter: the next one does it again.
fn tidy(dir: &Path, current: &Current, bad: &[u64], now: Now) {
    let boards = dir.join(BOARD);
    for number in numbers(&boards) {
        if current
            .generations
            .iter()
            .any(|known| known.number == number)
        {
            continue;
        }
        let folder = boards.join(number.to_string());
        let done = if bad.contains(&number) {
            fs::rename(
                &folder,
                dir.join(format!("{BAD}{:013}-{number}", now.wall.0)),
            )
        } else {
            disk::remove_tree(&folder)
        };
        if let Err(error) = done {
            tracing::warn!(folder = %folder.display(), %error, "an old board stays");
        }
    }
    let mut aside: Vec<PathBuf> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(BAD))
        .map(|entry| entry.path())
        .collect();
    aside.sort_unstable();
    let surplus = aside.len().saturating_sub(BAD_KEPT);
    for folder in aside.drain(..surplus) {
        let _ = disk::remove_tree(&folder);
    }
}

/// The numbers of the generations in a folder, newest first.
pub(super) fn numbers(boards: &Path) -> Vec<u64> {
    let mut numbers: Vec<u64> = fs::read_dir(boards)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers
}
