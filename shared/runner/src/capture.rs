//! Keeps what a command writes: from its pipe into the job's log, until nobody holds the pipe any more. It is heard on the way.
//!
//! A log that can't be written stops nobody: the command's output is taken all the same, and what is lost is said once.

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::hear::{Ear, SETTLE};
use crate::log_file::{Lost, Writer};

/// Bytes taken at once: as much as a pipe holds.
const TAKEN: usize = 64 * 1024;

/// The output of a command: the reading end of its pipe.
#[derive(Debug)]
pub struct Output {
    pub(crate) pipe: pipe::Receiver,
    pub(crate) ear: Ear,
}

/// Takes the output into the log until its end. What is lost of the log is sent on `lost`, once.
pub async fn keep(output: Output, mut log: Option<Writer>, lost: mpsc::Sender<Lost>) {
    let Output { mut pipe, mut ear } = output;
    let mut taken = vec![0; TAKEN];
    loop {
        // Both are cancel-safe: a read that was not ready has taken nothing.
        let read = tokio::select! {
            biased;
            read = pipe.read(&mut taken) => read,
            () = sleep(SETTLE), if ear.listens() => {
                ear.settle();
                continue;
            }
        };
        let Ok(bytes @ 1..) = read else { break };
        if let Some(writer) = &mut log
            && let Some(what) = writer.append(&taken[..bytes])
        {
            let _ = lost.try_send(what);
        }
        ear.hear(&taken[..bytes]);
    }
    ear.settle();
}
