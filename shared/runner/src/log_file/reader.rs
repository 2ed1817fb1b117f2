//! The reading end of a log: the last lines, or everything from an offset on; what was dropped is said in its place.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::{BLOCK, data_from, hole_from, plain};

/// What is read at once while lines are counted.
const CHUNK: u64 = 64 * 1024;

/// Reads the log of one job. Every call is a look at the file as it is now.
#[derive(Debug)]
pub struct Reader {
    file: File,
}

/// What lies at an offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// That, and the next piece comes right behind it.
    Bytes(Vec<u8>),
    /// Nothing: it was dropped up to that offset.
    LeftOut {
        /// Where the next piece begins: at the beginning of a line, if there is one near.
        to: u64,
    },
    /// The end, as of now.
    End,
}

impl Reader {
    /// Opens the log there. A symbolic link is refused.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = rustix::fs::open(
            path,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        Ok(Self {
            file: plain(File::from(file))?,
        })
    }

    /// How long the file is now: the offset behind its last byte.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Where the last `lines` lines begin; an unfinished last line counts as one. A hole counts as no line.
    pub fn tail(&self, lines: u64) -> io::Result<u64> {
        let length = self.length()?;
        if lines == 0 {
            return Ok(length);
        }
        let mut left = lines;
        let mut end = length;
        let mut buffer = vec![0; CHUNK as usize];
        while end > 0 {
            let from = end.saturating_sub(1) / CHUNK * CHUNK;
            // Blocks are dropped whole and a chunk is a block, so that one with a hole in it is one.
            if data_from(&self.file, from, length)? >= end {
                end = from;
                continue;
            }
            let room = &mut buffer[..(end - from) as usize];
            self.file.read_exact_at(room, from)?;
            for (at, _) in room.iter().enumerate().rev().filter(|(_, b)| **b == b'\n') {
                let behind = from + at as u64 + 1;
                if behind == length {
                    continue;
                }
                left -= 1;
                if left == 0 {
                    return Ok(behind);
                }
            }
            end = from;
        }
        Ok(0)
    }

    /// What lies there, at most `most` bytes of it.
    pub fn read(&self, from: u64, most: usize) -> io::Result<Piece> {
        loop {
            let length = self.length()?;
            if from >= length || most == 0 {
                return Ok(Piece::End);
            }
            let data = data_from(&self.file, from, length)?;
            if data > from {
                let to = self.line_after(data, length)?;
                return Ok(Piece::LeftOut { to });
            }
            let end = hole_from(&self.file, from, length)?.min(from.saturating_add(most as u64));
            let mut bytes = vec![0; end.saturating_sub(from) as usize];
            let got = self.file.read_at(&mut bytes, from)?;
            bytes.truncate(got);
            // Had it been dropped while it was read, it would be read as zeros.
            if data_from(&self.file, from, length)? == from
                && hole_from(&self.file, from, length)? >= end
            {
                return Ok(if bytes.is_empty() {
                    Piece::End
                } else {
                    Piece::Bytes(bytes)
                });
            }
        }
    }

    /// Behind a hole: where the first whole line begins, if there is one near; else the hole's end.
    fn line_after(&self, hole_end: u64, length: u64) -> io::Result<u64> {
        let mut near = vec![0; BLOCK.min(length - hole_end) as usize];
        let got = self.file.read_at(&mut near, hole_end)?;
        let line = near[..got].iter().position(|b| *b == b'\n');
        Ok(hole_end + line.map_or(0, |at| at as u64 + 1))
    }
}
