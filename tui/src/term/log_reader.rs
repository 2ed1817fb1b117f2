//! Reads a job's log for the screen, in a task of its own, until it is told to stop or nothing will come any more.

use std::time::Duration;

use jobtop_client::rest::{CallError, LogFrom, Rest};
use jobtop_core::JobId;
use jobtop_runner::output::Plain;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::app::log::{KEPT, Piece, Standing};

/// How long one call waits for more, in seconds.
const WAIT: u64 = 20;
/// The time between two attempts to reach a daemon that is away.
const AGAIN: Duration = Duration::from_millis(500);

/// A log that is read; no more once this is dropped.
pub(super) struct LogReader(JoinHandle<()>);

impl LogReader {
    /// Begins with the last lines.
    pub(super) fn begin(rest: Rest, job: JobId, pieces: mpsc::Sender<Piece>) -> Self {
        Self(tokio::spawn(read(rest, job, pieces)))
    }
}

impl Drop for LogReader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn read(rest: Rest, job: JobId, pieces: mpsc::Sender<Piece>) {
    let id = job.to_string();
    let mut plain = Plain::new();
    let mut from = LogFrom::Tail(KEPT as u64);
    let mut wait = 0;
    loop {
        let mut lines = Vec::new();
        let standing = match rest.log(&id, from, wait).await {
            Ok(part) => {
                lines = plain.feed(&part.bytes);
                from = LogFrom::Offset(part.next);
                wait = WAIT;
                if part.ended {
                    Standing::Ended
                } else {
                    Standing::Followed
                }
            }
            Err(CallError::Unreachable { .. }) => Standing::Away,
            Err(error) => Standing::Refused(error.to_string()),
        };
        let over = matches!(standing, Standing::Ended | Standing::Refused(_));
        let away = standing == Standing::Away;
        let piece = Piece {
            job,
            lines,
            open: plain.open().to_owned(),
            standing,
        };
        if pieces.send(piece).await.is_err() || over {
            return;
        }
        if away {
            tokio::time::sleep(AGAIN).await;
        }
    }
}
