//! Looks at a store that no daemon uses: is everything in it sound, and if not, what is it that is damaged. `rebuild` makes a
//! new one of all that can still be read, and puts the old one aside.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::archive::is_indexable;
use super::archive::keeper::ENDINGS;
use super::archive::period::Period;
use super::checkpoint::{BOARD, numbers};
use super::current::{self, Current};
use super::error::OpenError;
use super::frame::{self, Step};
use super::guard;
use super::recover::{WAL, unnamed};
use super::sealed;
use super::{HISTORY, Settings};
use crate::clock::Clock;
use crate::disk;

/// The folder of captured output, which is moved along.
const LOGS: &str = "logs";
/// How long a rebuilt store may take to be sealed.
const PATIENCE: Duration = Duration::from_secs(600);

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// What is damaged, a sentence each that names the file; empty if all is well.
    pub findings: Vec<String>,
    /// What is worth knowing and no damage.
    pub notes: Vec<String>,
    /// Sound records of finished jobs.
    pub finished: u64,
    /// Jobs in the newest sealed board.
    pub sealed: u64,
    /// Sound records in the log.
    pub logged: u64,
}

/// Verifies every file of the store in that folder and changes none.
pub fn check(dir: &Path, settings: &Settings) -> Result<Checked, OpenError> {
    let _lock = take(dir)?;
    look(dir, settings)
}

fn take(dir: &Path) -> Result<fs::File, OpenError> {
    // Whoever looks at a folder that is none must not make one of it.
    fs::metadata(dir.join(WAL)).map_err(OpenError::io("find a store in", dir))?;
    guard::take(dir)
}

fn look(dir: &Path, settings: &Settings) -> Result<Checked, OpenError> {
    let mut checked = Checked::default();
    let current = match Current::read(dir) {
        Ok(current) => current.unwrap_or_default(),
        Err(sentence) => {
            checked.findings.push(sentence);
            Current::default()
        }
    };
    boards(dir, &current, settings, &mut checked);
    log(&dir.join(WAL), &mut checked).map_err(OpenError::io("read", &dir.join(WAL)))?;
    let history = dir.join(HISTORY);
    for (period, folder) in periods(&history).map_err(OpenError::io("read", &history))? {
        let path = folder.join(ENDINGS);
        let newest = current.generations.first();
        let mark = newest.and_then(|generation| generation.marks.get(&period));
        if let Some(mark) = mark {
            let length = fs::metadata(&path).map_or(0, |meta| meta.len());
            if length < mark.bytes {
                checked.findings.push(format!(
                    "{} is {length} bytes long, {} were recorded",
                    path.display(),
                    mark.bytes
                ));
            }
        }
        match fs::read(&path) {
            Ok(bytes) => endings(&path, &bytes, &mut checked),
            Err(error) => checked
                .findings
                .push(format!("could not read {}: {error}", path.display())),
        }
    }
    Ok(checked)
}

fn boards(dir: &Path, current: &Current, settings: &Settings, checked: &mut Checked) {
    let folder = dir.join(BOARD);
    for (place, generation) in current.generations.iter().enumerate() {
        let board = folder.join(generation.number.to_string());
        sealed::remove_half_made(&board);
        let (target, seal) = (board.clone(), generation.seal);
        let limit = Duration::from_millis(settings.sled_limit_ms);
        let loaded = sealed::guarded("opening a checkpoint", limit, move || {
            sealed::load(&target, Some(seal), drop)
        });
        match loaded {
            Ok(seal) if place == 0 => checked.sealed = seal.count,
            Ok(_) => {}
            Err(fault) => checked
                .findings
                .push(format!("{}: {fault}", board.display())),
        }
    }
    if current.generations.is_empty() && !numbers(&folder).is_empty() {
        checked.notes.push(format!(
            "No checkpoint of {} is named as sealed; a start judges each by its own seal",
            folder.display()
        ));
    }
}

fn log(folder: &Path, checked: &mut Checked) -> io::Result<()> {
    let mut segments: Vec<PathBuf> = fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            path.extension().is_some_and(|ext| ext == "wal")
                && stem.is_some_and(|stem| stem.bytes().all(|b| b.is_ascii_digit()))
        })
        .collect();
    segments.sort();
    let last = segments.len().saturating_sub(1);
    for (number, path) in segments.iter().enumerate() {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let sentence = format!("could not read {}: {error}", path.display());
                checked.findings.push(sentence);
                continue;
            }
        };
        let mut at = 0;
        for step in frame::scan(&bytes) {
            match step {
                Step::Frame(frame) => {
                    checked.logged += 1;
                    at += frame.bytes.len();
                }
                Step::Damage(skipped) => {
                    checked.findings.push(damaged(path, at, skipped));
                    at += skipped;
                }
                Step::End { left, torn: true } if number == last => {
                    let rest = bytes.get(bytes.len() - left..).unwrap_or_default();
                    let written = rest.iter().rposition(|byte| *byte != 0);
                    checked.notes.push(format!(
                        "{}: the last {} bytes are torn, as a crash leaves them; a start cuts them",
                        path.display(),
                        written.map_or(0, |at| at + 1)
                    ));
                }
                Step::End { left, torn: true } => {
                    checked.findings.push(damaged(path, at, left));
                }
                Step::End { .. } => {}
            }
        }
    }
    Ok(())
}

fn damaged(path: &Path, at: usize, bytes: usize) -> String {
    format!("{}: {bytes} bytes at {at} are damaged", path.display())
}

fn endings(path: &Path, bytes: &[u8], checked: &mut Checked) {
    let mut at = 0;
    for step in frame::scan(bytes) {
        match step {
            Step::Frame(frame) => {
                if is_indexable(frame.payload) {
                    checked.finished += 1;
                } else {
                    checked.findings.push(format!(
                        "{}: the record at {at} is whole and can't be read",
                        path.display()
                    ));
                }
                at += frame.bytes.len();
            }
            Step::Damage(skipped) => {
                checked.findings.push(damaged(path, at, skipped));
                at += skipped;
            }
            Step::End { left, torn: true } => checked.findings.push(damaged(path, at, left)),
            Step::End { .. } => {}
        }
    }
}

fn periods(history: &Path) -> io::Result<Vec<(Period, PathBuf)>> {
    let mut periods = Vec::new();
    for entry in fs::read_dir(history)? {
        let entry = entry?;
        if let Some(period) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        {
            periods.push((period, entry.path()));
        }
    }
    periods.sort();
    Ok(periods)
}

/// A store that was made anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebuilt {
    /// What was damaged in the old one.
    pub before: Checked,
    /// What the start of the new one had to repair, a sentence each.
    pub repaired: Vec<String>,
    /// What the new one has.
    pub now: Checked,
    /// Where the old one lies.
    pub aside: PathBuf,
}

/// Makes a new store of everything that can be read of the one in that folder, and puts the old one aside, untouched.
///
/// Until the new one is sealed and verified, the old one is where it was: whatever goes wrong costs nothing.
pub fn rebuild(dir: &Path, settings: &Settings, clock: Clock) -> Result<Rebuilt, OpenError> {
    let lock = take(dir)?;
    let before = look(dir, settings)?;
    let new = beside(dir, "rebuilding");
    disk::remove_tree(&new).map_err(OpenError::io("remove", &new))?;
    disk::make_dir(&new).map_err(OpenError::io("create", &new))?;
    copy(dir, &new).map_err(OpenError::io("write", &new))?;
    for (period, folder) in periods(&dir.join(HISTORY)).map_err(OpenError::io("read", dir))? {
        let target = new.join(HISTORY).join(period.to_string());
        salvage(&folder.join(ENDINGS), &target).map_err(OpenError::io("write", &target))?;
    }
    // The endings have other lengths now, so all of them are looked at; boards that nothing names are judged by their own seals.
    let mut current = Current::read(dir)
        .ok()
        .flatten()
        .unwrap_or_else(|| Current {
            generations: unnamed(&new.join(BOARD)),
            ..Current::default()
        });
    for generation in &mut current.generations {
        generation.marks.clear();
    }
    current.write(&new).map_err(OpenError::io("write", &new))?;
    let opened = super::open(&new, settings, clock)?;
    let repaired = opened.report.clone();
    let broken = |what: &str| OpenError::io("rebuild", &new)(io::Error::other(what.to_owned()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(OpenError::io("start a thread for", &new))?;
    if !runtime.block_on(opened.writer.finish(PATIENCE)) {
        return Err(broken("the new store could not be sealed"));
    }
    let now = check(&new, settings)?;
    if let Some(finding) = now.findings.first() {
        return Err(broken(finding));
    }
    let aside = beside(dir, &format!("before-{}", clock.now().wall.0));
    exchange(dir, &new).map_err(OpenError::io("exchange", dir))?;
    fs::rename(&new, &aside).map_err(OpenError::io("rename", &new))?;
    let logs = aside.join(LOGS);
    if logs.exists() {
        fs::rename(&logs, dir.join(LOGS)).map_err(OpenError::io("move", &logs))?;
    }
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        disk::sync_dir(parent).map_err(OpenError::io("make durable", parent))?;
    }
    drop(lock);
    Ok(Rebuilt {
        before,
        repaired,
        now,
        aside,
    })
}

/// A folder beside that one, with a word behind its name.
fn beside(dir: &Path, word: &str) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{word}"));
    dir.with_file_name(name)
}

/// Copies all but the archive, the captured output, and what only this folder is told by.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let skipped = [HISTORY, LOGS, current::NAME, "lock"];
        let is_old_board = name.to_string_lossy().starts_with("board.bad-");
        if skipped.iter().any(|skipped| name == *skipped) || is_old_board {
            continue;
        }
        let target = to.join(&name);
        if entry.metadata()?.is_dir() {
            disk::make_dir(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Writes the sound records of a file of endings to another.
fn salvage(from: &Path, folder: &Path) -> io::Result<()> {
    disk::make_dir(folder)?;
    let to = disk::open_or_create(&folder.join(ENDINGS))?;
    let bytes = match fs::read(from) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut at = 0;
    for step in frame::scan(&bytes) {
        if let Step::Frame(frame) = step
            && is_indexable(frame.payload)
        {
            to.write_all_at(frame.bytes, at)?;
            at += frame.bytes.len() as u64;
        }
    }
    to.sync_all()
}

/// Exchanges two folders in one step, where the file system can.
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            let between = beside(a, "exchanging");
            fs::rename(a, &between)?;
            fs::rename(b, a)?;
            fs::rename(&between, b)
        }
        Err(error) => Err(error.into()),
    }
}
