//! How far a command is, told from what the kernel knows of it. Pure: looks go in, readings come out.
//!
//! Three sources, the first that speaks is told: where it stands in the files it reads; how much it has read at all,
//! against the sizes of the files that it holds open and whose offsets do not move; how much of a mapped file is in its memory.
//! A better one takes over only where the percentage does not fall.
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
use crate::proc::{FileId, Mapped, OpenFile};

/// Where a percentage comes from, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    /// The offsets in the files that are read.
    FileOffset,
    /// All that the command has read, against the files that it holds open.
    Reads,
    /// How much of a mapped file is in memory.
    Mapping,
}

impl Source {
    /// The word for it in `progressSource`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FileOffset => "file offset",
            Self::Reads => "reads",
            Self::Mapping => "mapping",
        }
    }
}

/// Smaller files are not taken for the input of a command whose offsets do not move.
pub const INPUT: u64 = 1024 * 1024;
/// Less than this share of the inputs may as well be the program's own modules and the file's head.
const SPEAKS: u64 = 50;
/// After so many such looks a mapping is looked for.
const IDLE: u8 = 2;
/// Moving files that are less than this share of the inputs that do not move are not what the command works on.
const BESIDE: u64 = 10;

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
    /// Where it comes from.
    pub source: Source,
}

/// The memory between looks.
#[derive(Debug, Default)]
pub struct Observer {
    files: HashMap<FileId, Seen>,
    said: Option<Reading>,
    /// What the whole family had read at the last look.
    read: u64,
    /// What it had read before its first input was seen open, and then. What a program reads just before it maps a file is
    /// its own modules, so only what goes on after makes this source speak.
    baseline: Option<(u64, u64)>,
    /// Looks that saw an input open while the command read next to nothing.
    idle: u8,
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
    /// Takes in one look at the open files of the whole family, what all of it has read so far, and (asked for only where
    /// neither tells anything) the files it has mapped; answers when there is something new to say.
    pub fn look(
        &mut self,
        files: &[OpenFile],
        read: Option<u64>,
        mapped: impl FnOnce() -> Vec<Mapped>,
    ) -> Option<Reading> {
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
        let new = self.reading(read.unwrap_or(0), mapped)?;
        if self.said == Some(new) {
            return None;
        }
        self.said = Some(new);
        Some(new)
    }

    fn reading(&mut self, read: u64, mapped: impl FnOnce() -> Vec<Mapped>) -> Option<Reading> {
        let unmoved = (self.files.values().filter(|seen| seen.is_unmoved_input()))
            .fold(0_u64, |sum, seen| sum.saturating_add(seen.size));
        // The kernel adds what an ended child had read to its parent's sum, once the parent has taken notice: the sum dips
        // in between.
        let before = self.read;
        self.read = read.max(before);
        let offsets = self.offsets();
        let beside = offsets.is_some_and(|(_, total)| total < unmoved / BESIDE);
        if let Some((processed, total)) = offsets.filter(|_| !beside)
            && self.takes_over(Source::FileOffset, processed, total)
        {
            return Some(self.say(Source::FileOffset, processed, total));
        }
        if unmoved > 0 {
            let (baseline, seen) = *self.baseline.get_or_insert((before, self.read));
            let processed = (self.read - baseline).min(unmoved);
            let goes_on = self.read - seen > unmoved / SPEAKS;
            if goes_on && self.takes_over(Source::Reads, processed, unmoved) {
                return Some(self.say(Source::Reads, processed, unmoved));
            }
        }
        // To count the pages of a mapping is dear, and the next looks are put off for it: it must be likely that there is one.
        self.idle = self.idle.saturating_add(u8::from(unmoved > 0));
        let spoken = self.said.map(|said| said.source);
        if spoken.is_some_and(|source| source < Source::Mapping)
            || spoken.is_none() && self.idle < IDLE
        {
            return None;
        }
        let (resident, total) = self.mapping(&mapped());
        (resident > 0).then(|| self.say(Source::Mapping, resident, total))
    }

    /// What was read of the files that count, and their sizes.
    fn offsets(&self) -> Option<(u64, u64)> {
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
        (total > 0).then_some((processed, total))
    }

    /// What of the mapped inputs is in memory, and their sizes.
    fn mapping(&self, mapped: &[Mapped]) -> (u64, u64) {
        let mut furthest: HashMap<FileId, (u64, u64)> = HashMap::new();
        for map in mapped.iter().filter(|map| map.size > INPUT) {
            if self.files.get(&map.id).is_some_and(|seen| seen.written) {
                continue;
            }
            let entry = furthest.entry(map.id).or_default();
            *entry = (entry.0.max(map.resident.min(map.size)), map.size);
        }
        furthest.values().fold((0, 0), |(resident, total), file| {
            (resident + file.0, total + file.1)
        })
    }

    /// Whether this source may be told after what was said: a source that has spoken goes on, another one takes over only
    /// if it is better and the percentage does not fall.
    fn takes_over(&self, source: Source, processed: u64, total: u64) -> bool {
        self.said.is_none_or(|said| {
            source == said.source
                || source < said.source && processed as f64 / total as f64 * 100.0 >= said.progress
        })
    }

    fn say(&self, source: Source, processed: u64, total: u64) -> Reading {
        let exact = processed as f64 / total as f64 * 100.0;
        let before = self.said.map_or(0.0, |said| said.progress);
        // A tenth of a percent is what a person can see; finer steps would be reports about nothing.
        let progress = ((exact * 10.0).floor() / 10.0).min(MOST).max(before);
        Reading {
            progress,
            processed_bytes: processed,
            total_bytes: total,
            source,
        }
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

    /// An input that is held open and read, if at all, without moving its offset.
    fn is_unmoved_input(&self) -> bool {
        self.size > INPUT && self.position == 0 && !self.moved && !self.written
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
