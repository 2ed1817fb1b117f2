//! The descriptor on which a command may say how far it is: a pipe, whose number it finds in `JOBTOP_PROGRESS_FD`.
//!
//! It is read to its end, or until the command has ended: what it left running may hold it for ever. Whoever listens to what
//! is told may be slow: what was said meanwhile is folded into one, and the command never waits.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

use crate::output::channel::{Recogniser, Told};
use crate::{Tell, exec};

/// The variable with the descriptor's number.
pub(crate) const VARIABLE: &str = "JOBTOP_PROGRESS_FD";
/// The lowest number it may have.
const FIRST: i32 = 3;
/// Bytes taken at once.
const TAKEN: usize = 16 * 1024;
/// More than a pipe can hold, in such pieces: who writes on and on after the end is not listened to.
const PIECES: usize = (1 << 20) / TAKEN + 1;

/// Makes the pipe and has the command inherit its other end, which must be held until it has begun. None where the machine has
/// no pipe to give: the command runs as well without. `kept` is needed until the command has begun.
pub(crate) fn give(
    command: &mut Command,
    kept: Option<BorrowedFd<'_>>,
) -> Option<(pipe::Receiver, OwnedFd)> {
    let Ok((read, write)) = make() else {
        // One that we were given ourselves says nothing of this job.
        command.env_remove(VARIABLE);
        return None;
    };
    let number = exec::hand_on(command, write.as_fd(), kept);
    command.env(VARIABLE, number.to_string());
    Some((read, write))
}

fn make() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (read, write) = io::pipe()?;
    let write = rustix::io::fcntl_dupfd_cloexec(write, FIRST)?;
    Ok((pipe::Receiver::from_owned_fd(read.into())?, write))
}

/// What was said and not told yet.
#[derive(Debug, Default)]
struct Waiting {
    told: Option<Told>,
    complaint: Option<String>,
}

/// Listens until the pipe's end, or until the other end of `ended` is dropped.
pub(crate) async fn listen(
    mut read: pipe::Receiver,
    tell: mpsc::Sender<Tell>,
    mut ended: oneshot::Receiver<Infallible>,
) {
    let mut recogniser = Recogniser::new();
    let mut waiting = Waiting::default();
    let mut taken = vec![0; TAKEN];
    loop {
        // Every branch is cancel-safe: a read that was not ready has taken nothing.
        tokio::select! {
            biased;
            _ = &mut ended => break,
            room = tell.reserve(), if waiting.is_some() => match (room, waiting.next()) {
                (Ok(room), Some(next)) => room.send(next),
                _ => waiting = Waiting::default(),
            },
            read = read.read(&mut taken) => match read {
                Ok(bytes @ 1..) => waiting.hear(&mut recogniser, &taken[..bytes]),
                _ => break,
            },
        }
    }
    for _ in 0..PIECES {
        match read.try_read(&mut taken) {
            Ok(bytes @ 1..) => waiting.hear(&mut recogniser, &taken[..bytes]),
            _ => break,
        }
    }
    let last = recogniser.end();
    waiting.fold(last, recogniser.complaint());
    while let Some(next) = waiting.next() {
        if tell.send(next).await.is_err() {
            return;
        }
    }
}

impl Waiting {
    fn is_some(&self) -> bool {
        self.told.is_some() || self.complaint.is_some()
    }

    fn next(&mut self) -> Option<Tell> {
        let complaint = self.complaint.take().map(Tell::Message);
        complaint.or_else(|| self.told.take().map(Tell::Told))
    }

    fn hear(&mut self, recogniser: &mut Recogniser, bytes: &[u8]) {
        let told = recogniser.feed(bytes);
        self.fold(told, recogniser.complaint());
    }

    fn fold(&mut self, told: Option<Told>, complaint: Option<String>) {
        if let Some(told) = told {
            let old = self.told.take().unwrap_or_default();
            self.told = Some(Told {
                progress: told.progress.or(old.progress),
                step: told.step.or(old.step),
                steps: told.steps.or(old.steps),
                message: told.message.or(old.message),
                processed_items: told.processed_items.or(old.processed_items),
                total_items: told.total_items.or(old.total_items),
                processed_bytes: told.processed_bytes.or(old.processed_bytes),
                total_bytes: told.total_bytes.or(old.total_bytes),
                error_count: told.error_count.or(old.error_count),
            });
        }
        self.complaint = complaint.or(self.complaint.take());
    }
}
