//! How far a command is, told from where it stands in the files it reads. Pure: looks go in, readings come out.
//!
//! The rules:
//! - A file counts once it was seen to *move*: a look found its offset further than an earlier look had. (A file that
//!   is opened and left at its start, or whose end is read first, says nothing.)
//! - A file that somebody in the family has open for writing does not count, whoever else reads it.
//! - A counted file that two looks in a row find closed was read whole (one look is not enough: a process that is being
//!   ended has closed everything too). Before that it stands where its offset is; of several offsets the furthest.
//! - Progress is the sum of what was read over the sum of the sizes of all counted files. It never falls: when a second
//!   file is opened after the first was read, the percentage waits until the sum has caught up, while the bytes tell
//!   the truth.
//! - It is never 100: that is for the end of the command alone to say.

use std::collections::HashMap;

use crate::proc::parse::Mode;
use crate::proc::{FileId, OpenFile};

/// What is said of where a percentage of this kind comes from.
pub const SOURCE: &str = "file offset";

/// The most that is said before the command has ended.
pub const MOST: f64 = 99.9;

/// Most files remembered; a command that reads more is told by its first ones.
const MOST_FILES: usize = 10_000;

/// How far a command is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reading {
    /// Percent, 0 to [`MOST`].
    pub progress: f64,
    /// Bytes read so far of the files that count.
    pub processed_bytes: u64,
    /// Bytes of all files that count.
    pub total_bytes: u64,
}

/// The memory between looks.
#[derive(Debug, Default)]
pub struct Observer {
    files: HashMap<FileId, Seen>,
    said: Option<Reading>,
}

#[derive(Debug)]
struct Seen {
    size: u64,
    position: u64,
    moved: bool,
    written: bool,
    /// Looks in a row that did not find it open.
    missed: u8,
}

/// After so many looks without it a file counts as read.
const MISSED: u8 = 2;

impl Observer {
    /// Takes in one look at the open files of the whole family; answers when there is something new to say.
    pub fn look(&mut self, files: &[OpenFile]) -> Option<Reading> {
        let now = merge(files);
        for seen in self.files.values_mut() {
            seen.missed = seen.missed.saturating_add(1);
        }
        for (id, file) in now {
            let room = self.files.len() < MOST_FILES;
            match self.files.get_mut(&id) {
                Some(seen) => seen.update(&file),
                None if room => {
                    self.files.insert(id, file);
                }
                None => {}
            }
        }
        let new = self.reading()?;
        if self.said == Some(new) {
            return None;
        }
        self.said = Some(new);
        Some(new)
    }

    fn reading(&self) -> Option<Reading> {
        let mut total = 0_u64;
        let mut processed = 0_u64;
        for seen in self.files.values().filter(|seen| seen.counts()) {
            total = total.saturating_add(seen.size);
            processed = processed.saturating_add(if seen.missed < MISSED {
                seen.position.min(seen.size)
            } else {
                seen.size
            });
        }
        if total == 0 {
            return None;
        }
        let exact = processed as f64 / total as f64 * 100.0;
        let before = self.said.map_or(0.0, |said| said.progress);
        // A tenth of a percent is what a person can see; finer steps would be reports about nothing.
        let progress = ((exact * 10.0).floor() / 10.0).clamp(before, MOST);
        Some(Reading {
            progress,
            processed_bytes: processed,
            total_bytes: total,
        })
    }
}

impl Seen {
    fn update(&mut self, now: &Self) {
        self.moved |= now.position > self.position;
        self.written |= now.written;
        self.position = now.position;
        self.size = now.size;
        self.missed = 0;
    }

    fn counts(&self) -> bool {
        self.moved && !self.written
    }
}

/// One entry a file, of however many descriptors and processes.
fn merge(files: &[OpenFile]) -> HashMap<FileId, Seen> {
    let mut merged: HashMap<FileId, Seen> = HashMap::new();
    for file in files {
        if file.info.mode == Mode::Neither {
            continue;
        }
        let entry = merged.entry(file.id).or_insert(Seen {
            size: file.size,
            position: 0,
            moved: false,
            written: false,
            missed: 0,
        });
        entry.position = entry.position.max(file.info.position);
        entry.written |= file.info.mode == Mode::Write;
    }
    merged
}

#[cfg(test)]
mod tests;
