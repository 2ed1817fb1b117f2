//! Brings the archive in line with the log at the start: what is torn is cut, what the log knows and the archive does not
//! is owed to it, nothing stands there twice.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use jobtop_core::Timestamp;

use super::super::current::Mark;
use super::super::error::OpenError;
use super::super::frame::{self, Step};
use super::super::log::replay::Ending;
use super::keeper::{Debt, ENDINGS};
use super::period::Period;
use crate::disk;

/// The archive as it was found.
#[derive(Debug, Default)]
pub(in super::super) struct Restored {
    /// The periods that are there.
    pub(super) found: BTreeMap<Period, Found>,
    /// What is missing in them.
    pub(super) debt: Vec<Debt>,
}

/// A period as it was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Its endings.
    pub(super) file: File,
    /// The length of what is sound at its end.
    pub(super) bytes: u64,
    /// About how many records.
    pub(super) records: u64,
    /// Everything that the checkpoint covers is in it.
    is_marked: bool,
}

/// What the recovery knows when it comes to the archive.
#[derive(Debug)]
pub(in super::super) struct Known<'a> {
    /// How long each file was at the checkpoint.
    pub(in super::super) marks: &'a BTreeMap<Period, Mark>,
    /// What the checkpoint covers.
    pub(in super::super) covered: u64,
    /// The width of new periods.
    pub(in super::super) width: u64,
    /// What ended before this has expired.
    pub(in super::super) horizon: Timestamp,
}

/// Compares the folder with the endings in the log.
pub(in super::super) fn restore(
    dir: &Path,
    known: &Known<'_>,
    endings: Vec<Ending>,
    report: &mut Vec<String>,
) -> Result<Restored, OpenError> {
    let mut restored = Restored::default();
    let mut present = HashSet::new();
    for period in list(dir).map_err(OpenError::io("read", dir))? {
        let path = dir.join(period.to_string()).join(ENDINGS);
        let mark = known.marks.get(&period).copied();
        let found =
            look(&path, mark, &mut present, report).map_err(OpenError::io("read", &path))?;
        restored.found.insert(period, found);
    }
    for (period, mark) in known.marks {
        if mark.bytes > 0 && !restored.found.contains_key(period) && period.end() >= known.horizon {
            report.push(format!(
                "{} is missing, with {} finished jobs; what the log still has of them is restored",
                dir.join(period.to_string()).display(),
                mark.records
            ));
        }
    }
    for ending in endings {
        let period = Period::of(ending.at, known.width);
        let has_expired = period.end() < known.horizon && !restored.found.contains_key(&period);
        let is_covered = ending.sequence <= known.covered
            && restored.found.iter().any(|(period, found)| {
                found.is_marked && period.start <= ending.at.0.max(0) && ending.at < period.end()
            });
        if !has_expired && !is_covered && !present.contains(&ending.sequence) {
            restored.debt.push(Debt {
                period,
                id: ending.id,
                frame: ending.bytes,
            });
        }
    }
    Ok(restored)
}

/// Reads what a file has beyond its mark, or all of it, and cuts what is torn at its end.
fn look(
    path: &Path,
    mark: Option<Mark>,
    present: &mut HashSet<u64>,
    report: &mut Vec<String>,
) -> io::Result<Found> {
    let file = disk::open_or_create(path)?;
    let length = file.metadata()?.len();
    let sound_mark = mark.filter(|mark| mark.bytes <= length);
    if let Some(mark) = mark
        && sound_mark.is_none()
    {
        report.push(format!(
            "{} is {length} bytes long, {} were recorded: what is missing is restored from the log as far as it has it",
            path.display(),
            mark.bytes
        ));
    }
    let from = sound_mark.map_or(0, |mark| mark.bytes);
    let mut tail = vec![0; usize::try_from(length - from).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut tail, from)?;
    let mut records = sound_mark.map_or(0, |mark| mark.records);
    let (mut at, mut end) = (from, from);
    for step in frame::scan(&tail) {
        match step {
            Step::Frame(frame) => {
                at += frame.bytes.len() as u64;
                end = at;
                records += 1;
                present.insert(frame.head.sequence);
            }
            Step::Damage(skipped) => {
                report.push(format!(
                    "{}: {skipped} bytes at {at} are damaged; what the log still has of them is restored",
                    path.display()
                ));
                at += skipped as u64;
            }
            Step::End { .. } => {}
        }
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(Found {
        file,
        bytes: end,
        records,
        is_marked: sound_mark.is_some(),
    })
}

fn list(dir: &Path) -> io::Result<Vec<Period>> {
    let mut periods = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if let Some(period) = name.to_str().and_then(|name| name.parse().ok()) {
            periods.push(period);
        }
    }
    Ok(periods)
}
