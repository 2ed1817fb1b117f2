//! The data: from stdin to stdout, as it comes, counted on the way. Nothing here waits for anything but the two ends and
//! [`Flow::hold`]; the daemon does not exist for it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read, write};
use tokio::sync::Notify;

/// How much is moved at once: what still fits into a core's own cache after it was counted.
const CHUNK: usize = 256 * 1024;

/// How the data ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// All of it was passed on.
    Whole,
    /// Nobody reads it any more.
    ReaderGone,
    /// It was told to stop.
    Stopped,
    /// It can't be read.
    Unread(io::Error),
    /// It can't be written.
    Unwritten(io::Error),
}

/// What the data's thread and the others share.
#[derive(Debug, Default)]
pub(super) struct Flow {
    got: AtomicU64,
    passed: AtomicU64,
    lines: AtomicU64,
    gate: Mutex<Gate>,
    opened: Condvar,
    stands: Notify,
}

#[derive(Debug, Default)]
struct Gate {
    wanted: Wanted,
    writing: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    #[default]
    Flow,
    Stand,
    End,
}

impl Flow {
    /// Bytes that came.
    pub(super) fn got(&self) -> u64 {
        self.got.load(Ordering::Acquire)
    }

    /// Bytes and lines that were passed on.
    pub(super) fn passed(&self) -> (u64, u64) {
        (
            self.passed.load(Ordering::Acquire),
            self.lines.load(Ordering::Acquire),
        )
    }

    /// Passes nothing more on, from the next piece on.
    pub(super) fn hold(&self) {
        self.want(Wanted::Stand);
    }

    /// Goes on.
    pub(super) fn release(&self) {
        self.want(Wanted::Flow);
    }

    /// Passes nothing more on, for good.
    pub(super) fn end(&self) {
        self.want(Wanted::End);
    }

    /// Waits until nothing is being passed on any more, once [`hold`](Self::hold) was said.
    pub(super) async fn stands(&self) {
        while self.gate().writing {
            self.stands.notified().await;
        }
    }

    fn want(&self, wanted: Wanted) {
        self.gate().wanted = wanted;
        self.opened.notify_all();
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        // What a thread that panicked left behind is still true.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for leave to write; `false` if there will be none.
    fn enter(&self) -> bool {
        let mut gate = self.gate();
        while gate.wanted == Wanted::Stand {
            gate = self
                .opened
                .wait(gate)
                .unwrap_or_else(PoisonError::into_inner);
        }
        gate.writing = gate.wanted == Wanted::Flow;
        gate.writing
    }

    fn leave(&self) {
        let mut gate = self.gate();
        gate.writing = false;
        if gate.wanted != Wanted::Flow {
            self.stands.notify_one();
        }
    }

    /// Moves all there is. A last line without an end counts as one.
    pub(super) fn run(&self, input: impl AsFd, output: impl AsFd) -> Ended {
        let mut buffer = vec![0; CHUNK];
        let mut whole_lines = true;
        loop {
            let length = match read(&input, &mut buffer) {
                Ok(0) => {
                    self.lines
                        .fetch_add(u64::from(!whole_lines), Ordering::Release);
                    return Ended::Whole;
                }
                Ok(length) => length,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    ready(input.as_fd(), PollFlags::IN);
                    continue;
                }
                Err(error) => return Ended::Unread(error.into()),
            };
            let data = &buffer[..length];
            self.got.fetch_add(length as u64, Ordering::Release);
            let lines = memchr::memchr_iter(b'\n', data).count() as u64;
            whole_lines = data.ends_with(b"\n");
            if !self.enter() {
                return Ended::Stopped;
            }
            let written = write_all(output.as_fd(), data);
            if written.is_ok() {
                self.passed.fetch_add(length as u64, Ordering::Release);
                self.lines.fetch_add(lines, Ordering::Release);
            }
            self.leave();
            match written {
                Ok(()) => {}
                Err(Errno::PIPE) => return Ended::ReaderGone,
                Err(error) => return Ended::Unwritten(error.into()),
            }
        }
    }
}

fn write_all(output: BorrowedFd<'_>, mut data: &[u8]) -> Result<(), Errno> {
    while !data.is_empty() {
        match write(output, data) {
            Ok(written) => data = &data[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => ready(output, PollFlags::OUT),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits for a stream that somebody made non-blocking; what is wrong with it, the next attempt says.
fn ready(stream: BorrowedFd<'_>, what: PollFlags) {
    let _ = poll(&mut [PollFd::from_borrowed_fd(stream, what)], None);
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write, pipe};
    use std::sync::Arc;

    use super::*;

    fn start(
        flow: &Arc<Flow>,
        input: io::PipeReader,
    ) -> (std::thread::JoinHandle<Ended>, io::PipeReader) {
        let (out, to) = pipe().unwrap();
        let flow = Arc::clone(flow);
        (std::thread::spawn(move || flow.run(input, to)), out)
    }

    #[test]
    fn what_comes_goes_and_is_counted() {
        for (data, lines) in [
            (Vec::new(), 0),
            (b"one\ntwo\n".to_vec(), 2),
            (b"one\ntwo".to_vec(), 2),
            (b"\n\n\0\xff\n".repeat(300_000), 900_000),
        ] {
            let flow = Arc::new(Flow::default());
            let (from, mut input) = pipe().unwrap();
            let (thread, mut out) = start(&flow, from);
            let sent = data.clone();
            let sender = std::thread::spawn(move || input.write_all(&sent));
            let mut seen = Vec::new();
            out.read_to_end(&mut seen).unwrap();
            sender.join().unwrap().unwrap();
            assert!(matches!(thread.join().unwrap(), Ended::Whole));
            assert!(seen == data, "{} bytes", data.len());
            assert_eq!(flow.passed(), (data.len() as u64, lines));
            assert_eq!(flow.got(), data.len() as u64);
        }
    }

    #[tokio::test]
    async fn held_back_nothing_passes_until_it_may() {
        let flow = Arc::new(Flow::default());
        let (from, mut input) = pipe().unwrap();
        let (thread, mut out) = start(&flow, from);
        flow.hold();
        flow.stands().await;
        input.write_all(b"a\n").unwrap();
        while flow.got() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(flow.passed(), (0, 0));
        flow.release();
        let mut seen = [0; 2];
        out.read_exact(&mut seen).unwrap();
        assert_eq!(&seen, b"a\n");
        flow.end();
        input.write_all(b"b\n").unwrap();
        assert!(matches!(thread.join().unwrap(), Ended::Stopped));
        assert_eq!(flow.passed(), (2, 1));
    }

    #[test]
    fn it_ends_with_its_reader() {
        let flow = Arc::new(Flow::default());
        let (from, mut input) = pipe().unwrap();
        let (thread, out) = start(&flow, from);
        drop(out);
        input.write_all(b"a\n").unwrap();
        assert!(matches!(thread.join().unwrap(), Ended::ReaderGone));
    }
}
