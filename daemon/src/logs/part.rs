//! A part of a log: from a place on, as much as one takes at once.

use std::io;

use jobtop_core::JobId;
use jobtop_runner::log_file::{Piece, Reader, left_out};

use super::Logs;

/// Where a part begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begin {
    /// At that byte of the file.
    Offset(u64),
    /// So many lines before the end.
    Tail(u64),
}

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// The bytes as they were captured; what was dropped is said in its place, on a line of its own.
    pub bytes: Vec<u8>,
    /// Where the next part begins.
    pub next: u64,
    /// Whether that is the end, as of now.
    pub end: bool,
}

impl Logs {
    /// Reads a part of about `most` bytes. `None` if the job has no log. Reads a file: not for a thread that must not wait.
    pub fn read(&self, job: JobId, from: Begin, most: usize) -> io::Result<Option<Part>> {
        let log = match Reader::open(&self.path(job)) {
            Ok(log) => log,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let next = match from {
            Begin::Offset(offset) => offset,
            Begin::Tail(lines) => log.tail(lines)?,
        };
        let mut part = Part {
            next,
            ..Part::default()
        };
        while part.bytes.len() < most {
            match log.read(part.next, most - part.bytes.len())? {
                Piece::Bytes(bytes) => {
                    part.next += bytes.len() as u64;
                    part.bytes.extend_from_slice(&bytes);
                }
                Piece::LeftOut { to } => {
                    if part.bytes.last().is_some_and(|last| *last != b'\n') {
                        part.bytes.push(b'\n');
                    }
                    let words = left_out(to - part.next);
                    part.bytes.extend_from_slice(words.as_bytes());
                    part.bytes.push(b'\n');
                    part.next = to;
                }
                Piece::End => {
                    part.end = true;
                    break;
                }
            }
        }
        part.end |= part.next >= log.length()?;
        Ok(Some(part))
    }

    /// How long the log is now; 0 where there is none.
    #[must_use]
    pub fn length(&self, job: JobId) -> u64 {
        std::fs::symlink_metadata(self.path(job)).map_or(0, |meta| meta.len())
    }
}

#[cfg(test)]
mod tests {
    use jobtop_runner::log_file::Writer;

    use super::*;

    #[test]
    fn a_log_is_read_in_parts_of_any_size() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::of(dir.path(), 16 << 20);
        let job = JobId(7);
        assert_eq!(logs.read(job, Begin::Offset(0), 9).unwrap(), None);
        assert_eq!(logs.length(job), 0);
        let mut writer = Writer::open(&logs.path(job), 0).unwrap();
        assert!(writer.append(b"one\ntwo\nthree").is_none());
        for (from, most, bytes, next, end) in [
            (Begin::Offset(0), 100, "one\ntwo\nthree", 13, true),
            (Begin::Offset(0), 5, "one\nt", 5, false),
            (Begin::Offset(5), 8, "wo\nthree", 13, true),
            (Begin::Offset(13), 100, "", 13, true),
            (Begin::Offset(99), 100, "", 99, true),
            (Begin::Tail(1), 100, "three", 13, true),
            (Begin::Tail(2), 100, "two\nthree", 13, true),
            (Begin::Tail(0), 100, "", 13, true),
        ] {
            let part = logs.read(job, from, most).unwrap().unwrap();
            assert_eq!(
                (
                    String::from_utf8_lossy(&part.bytes).as_ref(),
                    part.next,
                    part.end
                ),
                (bytes, next, end),
                "{from:?} {most}"
            );
        }
        assert_eq!(logs.list(), [(job, logs.path(job))]);
    }
}
