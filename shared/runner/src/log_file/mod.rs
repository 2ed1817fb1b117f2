//! The captured output of a job, as a file: one a job, private from its first instant, raw bytes in the order they came.
//!
//! It never takes more of the disk than its limit: the beginning and the newest are kept, and what lies between is
//! punched out of the file, so that every byte keeps its offset. [`Writer`] appends and punches, [`Reader`] finds the
//! holes again and says them as one line. There is one writer at a time; readers need no agreement with it, and one that
//! has the file open goes on reading when it is moved into its period's folder.

mod reader;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;

pub use reader::{Piece, Reader};
pub use writer::{Lost, Writer};

/// Holes begin and end at multiples of this, because a file system drops whole blocks only: no block is larger.
const BLOCK: u64 = 64 * 1024;

/// The smallest limit of a log.
pub const LEAST: u64 = 8 * BLOCK;

/// What a reader is told in the place of what is no longer there; without a line's end.
#[must_use]
pub fn left_out(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = KIB * KIB;
    if bytes < MIB {
        format!("[jobtop: {} KiB left out here]", bytes.div_ceil(KIB))
    } else {
        format!(
            "[jobtop: {:.1} MiB left out here]",
            bytes as f64 / MIB as f64
        )
    }
}

/// The next data at or after that place; the file's length where there is none.
fn data_from(file: &File, at: u64, length: u64) -> io::Result<u64> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        Ok(data) => Ok(data.min(length)),
        // Nothing but a hole up to the end, or already beyond it.
        Err(rustix::io::Errno::NXIO) => Ok(length),
        // A file system without holes.
        Err(rustix::io::Errno::INVAL) => Ok(at),
        Err(error) => Err(error.into()),
    }
}

/// The next hole at or after that place; the file's length where there is none.
fn hole_from(file: &File, at: u64, length: u64) -> io::Result<u64> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Hole(at)) {
        Ok(hole) => Ok(hole.min(length)),
        Err(rustix::io::Errno::NXIO | rustix::io::Errno::INVAL) => Ok(length),
        Err(error) => Err(error.into()),
    }
}

/// Only a plain file is a log: a pipe that lies in its place would hold us up for ever.
fn plain(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is not a plain file",
    ))
}
