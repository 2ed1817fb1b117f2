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
mod tests {
    use super::*;
    use crate::proc::parse::FdInfo;

    /// A file of a look: inode, size, offset.
    type File = (u64, u64, u64);

    fn open(&(inode, size, position): &File, mode: Mode) -> OpenFile {
        OpenFile {
            id: FileId { device: 1, inode },
            size,
            info: FdInfo { position, mode },
        }
    }

    /// Feeds the looks one after the other: what each said, as (percent, processed, total).
    fn check(looks: &[&[File]], expected: &[Option<(f64, u64, u64)>]) {
        let mut observer = Observer::default();
        let said: Vec<_> = looks
            .iter()
            .map(|files| {
                let files: Vec<_> = files.iter().map(|file| open(file, Mode::Read)).collect();
                observer
                    .look(&files)
                    .map(|r| (r.progress, r.processed_bytes, r.total_bytes))
            })
            .collect();
        assert_eq!(said, expected, "{looks:?}");
    }

    #[test]
    fn one_file_is_told_by_its_offset() {
        check(
            &[
                &[(1, 1000, 0)],
                &[(1, 1000, 100)],
                &[(1, 1000, 100)],
                &[(1, 1000, 335)],
                &[(1, 1000, 900)],
                &[],
                &[],
                &[],
            ],
            &[
                None,
                Some((10.0, 100, 1000)),
                None,
                Some((33.5, 335, 1000)),
                Some((90.0, 900, 1000)),
                None,
                Some((99.9, 1000, 1000)),
                None,
            ],
        );
    }

    #[test]
    fn what_does_not_move_says_nothing() {
        // Left at its start (a mapped file), its end read first (an archive's directory), never read again.
        check(&[&[(1, 1000, 0)], &[(1, 1000, 0)]], &[None, None]);
        check(
            &[&[(1, 1000, 990)], &[(1, 1000, 20)], &[(1, 1000, 20)]],
            &[None, None, None],
        );
        check(&[&[]], &[None]);
    }

    #[test]
    fn files_one_after_the_other_add_up_and_progress_never_falls() {
        check(
            &[
                &[(1, 100, 10)],
                &[(1, 100, 90)],
                &[(2, 300, 5)],
                &[(2, 300, 30)],
                &[(2, 300, 299)],
            ],
            &[
                None,
                Some((90.0, 90, 100)),
                None,
                Some((90.0, 130, 400)),
                Some((99.7, 399, 400)),
            ],
        );
        // A small one first, then the large one: the sum has soon caught up.
        check(
            &[
                &[(1, 100, 0)],
                &[(1, 100, 20)],
                &[(2, 900, 0), (1, 100, 20)],
                &[(2, 900, 300), (1, 100, 100)],
            ],
            &[None, Some((20.0, 20, 100)), None, Some((40.0, 400, 1000))],
        );
    }

    #[test]
    fn files_side_by_side_are_summed() {
        check(
            &[
                &[(1, 100, 0), (2, 300, 0)],
                &[(1, 100, 50), (2, 300, 150)],
                &[(1, 100, 100), (2, 300, 200)],
            ],
            &[None, Some((50.0, 200, 400)), Some((75.0, 300, 400))],
        );
    }

    #[test]
    fn a_second_pass_does_not_turn_the_bar_back() {
        check(
            &[&[(1, 100, 0)], &[(1, 100, 80)], &[(1, 100, 10)]],
            &[None, Some((80.0, 80, 100)), Some((80.0, 10, 100))],
        );
    }

    #[test]
    fn a_file_that_shrinks_or_grows_keeps_within_bounds() {
        check(
            &[
                &[(1, 100, 0)],
                &[(1, 100, 50)],
                &[(1, 40, 60)],
                &[(1, 1000, 70)],
            ],
            &[
                None,
                Some((50.0, 50, 100)),
                Some((99.9, 40, 40)),
                Some((99.9, 70, 1000)),
            ],
        );
    }

    #[test]
    fn what_is_written_is_not_read() {
        let mut observer = Observer::default();
        for position in [0, 10, 20] {
            let file = (1, 100, position);
            assert_eq!(observer.look(&[open(&file, Mode::Write)]), None);
            let both = [open(&file, Mode::Read), open(&file, Mode::Write)];
            assert_eq!(observer.look(&both), None);
            assert_eq!(observer.look(&[open(&file, Mode::Neither)]), None);
        }
    }

    #[test]
    fn the_furthest_of_several_readers_counts() {
        let mut observer = Observer::default();
        observer.look(&[open(&(1, 100, 0), Mode::Read)]);
        let said = observer.look(&[
            open(&(1, 100, 30), Mode::Read),
            open(&(1, 100, 60), Mode::Read),
        ]);
        assert_eq!(said.map(|r| r.processed_bytes), Some(60));
    }
}
