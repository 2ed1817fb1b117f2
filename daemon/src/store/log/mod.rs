//! The write-ahead log: segments of frames, one of them written, the next one reserved so that a full disk does not stop
//! acknowledgements at once. What is in it is read back by [`replay`].

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

use super::fault::Fault;
use crate::disk;

pub(super) mod replay;

/// The reserved segment's name until its first sequence is known.
const SPARE: &str = "next.wal";

/// A segment that is not written any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sealed {
    /// The sequence it begins with.
    pub(super) first: u64,
    /// Where it lies.
    pub(super) path: PathBuf,
    /// Its bytes.
    pub(super) bytes: u64,
}

/// What a former run left of the log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Left {
    /// The segments, oldest first.
    pub(super) segments: Vec<Sealed>,
    /// The last sequence that was given out, as far as is known.
    pub(super) sequence: u64,
    /// Bytes that the newest checkpoint does not cover.
    pub(super) fresh_bytes: u64,
}

#[derive(Debug)]
struct Written {
    first: u64,
    path: PathBuf,
    file: File,
    /// Where the next frame goes.
    end: u64,
    /// What is before this is durable.
    durable: u64,
}

/// The log, open for appending.
#[derive(Debug)]
pub(super) struct Log {
    dir: PathBuf,
    segment_bytes: u64,
    sealed: Vec<Sealed>,
    written: Option<Written>,
    spare: Option<File>,
    sequence: u64,
    /// Bytes appended since the last checkpoint was frozen.
    fresh: u64,
    unsynced: bool,
    /// Sequences may be missing since the last good append.
    gap: bool,
}

impl Log {
    /// A log that goes on after what is there. Writes nothing yet: the first append opens a new segment.
    pub(super) fn new(dir: PathBuf, segment_bytes: u64, left: Left) -> Self {
        let spare = leftover_spare(&dir.join(SPARE), segment_bytes);
        Self {
            dir,
            segment_bytes,
            sealed: left.segments,
            written: None,
            spare,
            sequence: left.sequence,
            fresh: left.fresh_bytes,
            unsynced: false,
            gap: false,
        }
    }

    /// The last sequence that was given out.
    pub(super) const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The next sequence.
    pub(super) fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Whether sequences were given out that may not be in the log: then the next append begins with a turn.
    pub(super) const fn has_gap(&self) -> bool {
        self.gap
    }

    /// Whether something was appended that is not durable yet.
    pub(super) const fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Bytes appended since the last checkpoint was frozen.
    pub(super) const fn fresh_bytes(&self) -> u64 {
        self.fresh
    }

    /// A checkpoint was frozen here.
    pub(super) fn mark_frozen(&mut self) {
        self.fresh = 0;
    }

    /// How many segments there are.
    pub(super) fn segments(&self) -> usize {
        self.sealed.len() + usize::from(self.written.is_some())
    }

    /// Bytes on the disk.
    pub(super) fn bytes(&self) -> u64 {
        let sealed: u64 = self.sealed.iter().map(|segment| segment.bytes).sum();
        let open = u64::from(self.written.is_some()) + u64::from(self.spare.is_some());
        sealed + open * self.segment_bytes
    }

    /// Appends frames whose first sequence is `first`; durable after [`Log::sync`]. After a failure nothing that was
    /// appended since the last sync counts, and the segment is not written again.
    pub(super) fn append(&mut self, first: u64, frames: &[u8]) -> Result<(), Fault> {
        let length = frames.len() as u64;
        let fits = |open: &Written| open.end == 0 || open.end + length <= self.segment_bytes;
        if !self.written.as_ref().is_some_and(fits) {
            self.turn_over(first)?;
        }
        let Some(open) = &mut self.written else {
            return Err(Fault::Broken("the log has no segment".to_owned()));
        };
        if let Err(error) = open.file.write_all_at(frames, open.end) {
            let fault = Fault::io("write to", &open.path)(error);
            self.abandon();
            return Err(fault);
        }
        open.end += length;
        self.fresh += length;
        self.unsynced = true;
        Ok(())
    }

    /// Makes everything that was appended durable.
    pub(super) fn sync(&mut self) -> Result<(), Fault> {
        if !self.unsynced {
            return Ok(());
        }
        if let Some(open) = &mut self.written {
            if let Err(error) = open.file.sync_data() {
                // The kernel has dropped the pages it could not write and will call the next sync a success, so nothing
                // that is appended here could be trusted.
                let fault = Fault::io("make durable", &open.path)(error);
                self.abandon();
                return Err(fault);
            }
            open.durable = open.end;
        }
        self.unsynced = false;
        self.gap = false;
        Ok(())
    }

    /// Reserves the next segment if that is not done yet. Failing costs nothing yet.
    pub(super) fn reserve(&mut self) -> Result<(), Fault> {
        if self.spare.is_some() {
            return Ok(());
        }
        let path = self.dir.join(SPARE);
        let _ = fs::remove_file(&path);
        let made = disk::create(&path).and_then(|file| {
            reserve_bytes(&file, self.segment_bytes)?;
            file.sync_all()?;
            disk::sync_dir(&self.dir)?;
            Ok(file)
        });
        match made {
            Ok(file) => {
                self.spare = Some(file);
                Ok(())
            }
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(Fault::io("reserve", &path)(error))
            }
        }
    }

    /// Deletes the segments that hold nothing after `sequence`.
    pub(super) fn forget(&mut self, sequence: u64) -> Result<(), Fault> {
        let mut result = Ok(());
        let open = self.written.as_ref().map(|open| open.first);
        loop {
            let next = self.sealed.get(1).map(|segment| segment.first).or(open);
            let (Some(oldest), Some(next)) = (self.sealed.first(), next) else {
                break;
            };
            if next > sequence + 1 {
                break;
            }
            if let Err(error) = fs::remove_file(&oldest.path)
                && error.kind() != io::ErrorKind::NotFound
            {
                result = Err(Fault::io("remove", &oldest.path)(error));
                break;
            }
            self.sealed.remove(0);
        }
        result
    }

    /// Closes the written segment and opens the reserved one.
    fn turn_over(&mut self, first: u64) -> Result<(), Fault> {
        // What the closed segment holds must not become durable later than what follows it.
        self.sync()?;
        if let Err(fault) = self.reserve() {
            self.gap = true;
            return Err(fault);
        }
        let path = self.dir.join(name(first));
        let renamed =
            fs::rename(self.dir.join(SPARE), &path).and_then(|()| disk::sync_dir(&self.dir));
        if let Err(error) = renamed {
            self.gap = true;
            self.spare = None;
            let _ = fs::remove_file(&path);
            return Err(Fault::io("rename the reserved segment to", &path)(error));
        }
        let Some(file) = self.spare.take() else {
            return Err(Fault::Broken("the log has no reserved segment".to_owned()));
        };
        self.seal();
        self.written = Some(Written {
            first,
            path,
            file,
            end: 0,
            durable: 0,
        });
        Ok(())
    }

    fn seal(&mut self) {
        if let Some(open) = self.written.take() {
            if open.end == 0 {
                // Nothing in it counts; on a disk that keeps failing these would pile up.
                let _ = fs::remove_file(&open.path);
                return;
            }
            // Gives back what was reserved and not used. If it fails the zeros stay, which a reader passes over.
            let _ = open.file.set_len(open.end);
            self.sealed.push(Sealed {
                first: open.first,
                path: open.path,
                bytes: open.end,
            });
        }
    }

    fn abandon(&mut self) {
        if let Some(open) = &mut self.written {
            // What is behind the last sync is either lost or written again: it must not be read as if it were the newest.
            open.end = open.durable;
        }
        self.seal();
        self.unsynced = false;
        self.gap = true;
    }
}

/// The file name of the segment that begins with that sequence.
fn name(first: u64) -> String {
    format!("{first:020}.wal")
}

/// The sequence that a file name says its segment begins with.
pub(super) fn first_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".wal")?;
    (name.len() == 20).then(|| name.parse().ok()).flatten()
}

/// A reserved segment that a former run left. Nothing was ever written to it under that name.
fn leftover_spare(path: &Path, segment_bytes: u64) -> Option<File> {
    let file = disk::open_existing(path).ok()?;
    let sound = file
        .metadata()
        .is_ok_and(|meta| meta.len() == segment_bytes)
        && reserve_bytes(&file, segment_bytes).is_ok();
    sound.then_some(file)
}

/// Reserves blocks on the disk. Where the file system can't, the length alone is set.
fn reserve_bytes(file: &File, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(bytes),
        other => Ok(other?),
    }
}
