//! The writing end of a log: appends, and punches out the middle when the file would take more than its limit.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, Mode, OFlags};

use super::{BLOCK, LEAST, data_from, hole_from, plain};

/// Appends to the log of one job.
#[derive(Debug)]
pub struct Writer {
    file: File,
    size: u64,
    /// The beginning that is kept for good ends here …
    head: u64,
    /// … and the newest that is kept begins here; between them lies the hole.
    newest: u64,
    limit: u64,
    stopped: bool,
}

/// Why nothing more of a job's output is kept. The command goes on; this is told once.
#[derive(Debug)]
pub enum Lost {
    /// This file system can't drop the middle of a file, and the log has reached its limit.
    Full {
        /// The limit, in bytes.
        limit: u64,
    },
    /// Writing failed: the disk is full, or broken.
    Failed(io::Error),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { limit } => write!(
                f,
                "the log is full at {} KiB and this file system can't drop its middle: no more of the output is kept",
                limit / 1024
            ),
            Self::Failed(error) => {
                write!(
                    f,
                    "the log can't be written ({error}): no more of the output is kept"
                )
            }
        }
    }
}

impl Writer {
    /// Opens the log there, or makes it, readable by its owner alone; its folder too, if that is not there. It will take
    /// at most `limit` bytes of the disk ([`LEAST`] or more). A symbolic link is refused.
    pub fn open(path: &Path, limit: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let file = rustix::fs::open(
            path,
            OFlags::WRONLY
                | OFlags::APPEND
                | OFlags::CREATE
                | OFlags::NOFOLLOW
                | OFlags::NONBLOCK
                | OFlags::CLOEXEC,
            Mode::RUSR | Mode::WUSR,
        )?;
        let file = plain(File::from(file))?;
        let limit = limit.max(LEAST);
        let head = (limit / 4).next_multiple_of(BLOCK);
        let size = file.metadata()?.len();
        // A log that is gone on with has perhaps a hole already.
        let newest = if size > head && hole_from(&file, 0, size)? <= head {
            data_from(&file, head, size)?
        } else {
            head
        };
        Ok(Self {
            file,
            size,
            head,
            newest,
            limit,
            stopped: false,
        })
    }

    /// Appends. What can't be kept any more is told once; from then on everything is dropped in silence.
    pub fn append(&mut self, bytes: &[u8]) -> Option<Lost> {
        // In pieces, so that the file is over its limit at no time.
        for piece in bytes.chunks(BLOCK as usize) {
            if self.stopped {
                return None;
            }
            if let Err(lost) = self.write(piece) {
                self.stopped = true;
                return Some(lost);
            }
        }
        None
    }

    /// The length of the file: the offset of the next byte.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// On a file that is no log, for tests of what can go wrong.
    #[cfg(test)]
    pub(super) fn on(file: File) -> Self {
        Self {
            file,
            size: 0,
            head: LEAST / 4,
            newest: LEAST / 4,
            limit: LEAST,
            stopped: false,
        }
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Lost> {
        self.make_room(piece.len() as u64)?;
        self.file.write_all(piece).map_err(Lost::Failed)?;
        self.size += piece.len() as u64;
        Ok(())
    }

    /// Drops as much of the middle as is needed before `more` bytes come, and an eighth of the limit beyond that, so that
    /// it is done seldom.
    fn make_room(&mut self, more: u64) -> Result<(), Lost> {
        let kept = self.head + self.size.saturating_sub(self.newest);
        // A block less than allowed: the file system's own notes about the file count as well.
        let room = self.limit - BLOCK;
        if kept + more <= room {
            return Ok(());
        }
        let spare = (self.limit / 8).max(more);
        let keep = room.saturating_sub(self.head + spare);
        let upto = self.size.saturating_sub(keep) / BLOCK * BLOCK;
        if upto <= self.newest {
            return Ok(());
        }
        let punched = rustix::fs::fallocate(
            &self.file,
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            self.newest,
            upto - self.newest,
        );
        match punched {
            Ok(()) => {
                self.newest = upto;
                Ok(())
            }
            Err(error) => Err(self.no_more(error)),
        }
    }

    /// Ends the log with a line that says so.
    fn no_more(&mut self, error: rustix::io::Errno) -> Lost {
        let lost = if matches!(
            error,
            rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS
        ) {
            Lost::Full { limit: self.limit }
        } else {
            Lost::Failed(error.into())
        };
        // Tried: where it does not fit either, the job's message says it.
        let _ = self
            .file
            .write_all(format!("\n[jobtop: {lost}]\n").as_bytes());
        lost
    }
}
