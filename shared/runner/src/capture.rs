//! Keeps what a command writes: from its pipe into the job's log, until nobody holds the pipe any more.
//!
//! A log that can't be written stops nobody: the command's output is taken all the same, and what is lost is said once.

use std::path::Path;
use std::sync::Arc;

use jobtop_core::text;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use crate::log_file::{Lost, Piece, Reader, Writer};

/// Bytes taken at once: as much as a pipe holds.
const TAKEN: usize = 64 * 1024;
/// How many lines of the end are kept with a failure, and how many characters of each.
const LAST_LINES: u64 = 20;
const LINE_CHARS: usize = 400;

/// Takes the output into the log until its end. What is lost of the log is sent on `lost`, once.
pub async fn keep(mut output: pipe::Receiver, mut log: Option<Writer>, lost: mpsc::Sender<Lost>) {
    let mut taken = vec![0; TAKEN];
    while let Ok(bytes @ 1..) = output.read(&mut taken).await {
        if let Some(writer) = &mut log
            && let Some(what) = writer.append(&taken[..bytes])
        {
            let _ = lost.try_send(what);
        }
    }
}

/// The last lines of a log, as a person would read them; none where there is nothing.
#[must_use]
pub fn last_lines(log: &Path) -> Option<Vec<Arc<str>>> {
    let reader = Reader::open(log).ok()?;
    let from = reader.tail(LAST_LINES).ok()?;
    let Piece::Bytes(bytes) = reader.read(from, TAKEN).ok()? else {
        return None;
    };
    let said = String::from_utf8_lossy(&bytes);
    let lines: Vec<Arc<str>> = said
        .lines()
        // A line that was redrawn in place is read as it was at last.
        .filter_map(|line| line.rsplit('\r').find(|part| !part.trim().is_empty()))
        .map(|line| {
            text::clean_within(line.trim_end(), LINE_CHARS)
                .as_ref()
                .into()
        })
        .collect();
    (!lines.is_empty()).then_some(lines)
}
