//! A pseudoterminal between the command and our terminal: what is written on either side passes on untouched, and what the
//! command writes is heard on the way.
//!
//! The command begins a session of its own, whose terminal this is; the terminal's keys are its keys, and its size follows the
//! terminal's. Our terminal is raw as long as it is lent, so that every key goes through. One key is ours: nobody but a shell
//! could continue what Ctrl-Z stops, and the shell knows of us alone (see `supervise::at_terminal`).
//!
//! One thread, which sleeps until something is written, and looks at the size ten times a second.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::Pid;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, Winsize, tcgetattr, tcgetpgrp,
    tcgetwinsize, tcsetattr, tcsetwinsize,
};
use tokio::sync::{mpsc, oneshot};

use crate::exec;
use crate::hear::{Ear, SETTLE};

/// Bytes taken at once.
const TAKEN: usize = 64 * 1024;
/// Keys that wait for a command that takes none.
const KEYS: usize = 64 * 1024;
/// Once the command has ended, the time for which nothing must come to be sure that nothing is on its way. Something that it
/// left running may hold its terminal for good.
const QUIET: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};
/// How long the end of the output may take to reach the terminal: it may have been stopped by Ctrl-S.
const PATIENCE: Duration = Duration::from_secs(5);
/// To the other screen of a terminal, and back.
const ENTER_SCREEN: &[u8] = b"\x1b[?1049h";
const LEAVE_SCREEN: &[u8] = b"\x1b[?1049l";

/// The pseudoterminal of a command that is yet to begin.
#[derive(Debug)]
pub(crate) struct Between {
    /// Our end of it.
    inner: OwnedFd,
    /// The command's, which its session takes for its terminal.
    its: OwnedFd,
}

/// One that is at work.
#[derive(Debug)]
pub(crate) struct Relay {
    outer: File,
    inner: OwnedFd,
    shared: Arc<Shared>,
    /// Wakes the thread with a byte; closed when the command has ended.
    wake: io::PipeWriter,
    done: oneshot::Receiver<()>,
}

/// What both sides know.
#[derive(Debug, Default)]
struct Shared {
    /// The terminal's keys are the command's.
    in_front: AtomicBool,
    /// The command draws on the other screen.
    full_screen: AtomicBool,
}

impl Between {
    /// Puts one in the place of those streams of the command that are a terminal. `None` where none is, or where the machine
    /// gives none: the command has our own streams then.
    pub(crate) fn put(command: &mut Command, outer: BorrowedFd<'_>) -> Option<Self> {
        let (inner, its) = pair(outer).ok()?;
        let copy = || its.try_clone().ok();
        if io::stdin().is_terminal() {
            command.stdin(copy()?);
        }
        if io::stdout().is_terminal() {
            command.stdout(copy()?);
        }
        if io::stderr().is_terminal() {
            command.stderr(copy()?);
        }
        exec::in_session_at(command, its.as_fd());
        Some(Self { inner, its })
    }

    /// Begins to pass on what concerns the command, whose group that is. What it says is heard by `ear`; that somebody pressed Ctrl-Z is told to `stops`.
    pub(crate) fn begin(self, group: Pid, ear: Ear, stops: mpsc::Sender<()>) -> io::Result<Relay> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let outer = File::from(rustix::fs::open("/dev/tty", flags, Mode::empty())?);
        // Opened once more: whether reading waits is a property of the opening, and others have the first.
        let keys = rustix::fs::open("/dev/tty", flags | OFlags::NONBLOCK, Mode::empty())?;
        let (woken, wake) = io::pipe()?;
        let (finished, done) = oneshot::channel();
        let shared = Arc::new(Shared::default());
        fcntl_setfl(&self.inner, fcntl_getfl(&self.inner)? | OFlags::NONBLOCK)?;
        let passing = Passing {
            inner: File::from(self.inner.try_clone()?),
            keys: File::from(keys),
            size: tcgetwinsize(&outer)?,
            outer: outer.try_clone()?,
            woken,
            shared: Arc::clone(&shared),
            waiting: VecDeque::new(),
            group,
            stops,
            ear,
            looked: Instant::now(),
        };
        std::thread::Builder::new()
            .name("relay".to_owned())
            .spawn(move || {
                // The terminal may be somebody else's now and then: that must not stop us.
                exec::without_terminal_signals(|| passing.run());
                // Nobody waits for it any more if the terminal was stopped for long.
                let _ = finished.send(());
            })?;
        drop(self.its);
        Ok(Relay {
            outer,
            inner: self.inner,
            shared,
            wake,
            done,
        })
    }
}

impl Relay {
    /// The keys are the command's from now on.
    pub(crate) fn enter(&self) {
        let Ok(mut raw) = tcgetattr(&self.outer) else {
            return;
        };
        raw.make_raw();
        let set = || tcsetattr(&self.outer, OptionalActions::Now, &raw);
        let _ = exec::without_terminal_signals(set);
        if self.shared.full_screen.load(Ordering::Relaxed) {
            let _ = (&self.outer).write_all(ENTER_SCREEN);
            self.have_it_drawn();
        }
        self.shared.in_front.store(true, Ordering::Relaxed);
        let _ = self
            .wake
            .try_clone()
            .and_then(|mut wake| wake.write_all(b"\0"));
    }

    /// The keys are ours again; the terminal's modes are the caller's to put back.
    pub(crate) fn leave(&self) {
        self.shared.in_front.store(false, Ordering::Relaxed);
        if self.shared.full_screen.load(Ordering::Relaxed) {
            let _ = (&self.outer).write_all(LEAVE_SCREEN);
        }
    }

    /// Whoever draws the whole screen draws it anew after a change of its size, and after nothing else for sure.
    fn have_it_drawn(&self) {
        let Ok(size) = tcgetwinsize(&self.outer) else {
            return;
        };
        let other = Winsize {
            ws_col: size.ws_col.saturating_sub(1).max(1),
            ..size
        };
        let _ = tcsetwinsize(&self.inner, other);
        let _ = tcsetwinsize(&self.inner, size);
    }

    /// The command has ended: waits until all that it wrote is on the terminal.
    pub(crate) async fn finish(self) {
        drop(self.wake);
        let _ = tokio::time::timeout(PATIENCE, self.done).await;
    }
}

/// Our end of a new pseudoterminal, and the command's, which is set as the terminal is.
fn pair(outer: BorrowedFd<'_>) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let inner = openpt(flags)?;
    grantpt(&inner)?;
    unlockpt(&inner)?;
    let its = ioctl_tiocgptpeer(&inner, flags)?;
    tcsetattr(&its, OptionalActions::Now, &tcgetattr(outer)?)?;
    tcsetwinsize(&its, tcgetwinsize(outer)?)?;
    Ok((inner, its))
}

/// What the thread works with.
struct Passing {
    inner: File,
    outer: File,
    /// The terminal once more, for reading without waiting.
    keys: File,
    woken: io::PipeReader,
    shared: Arc<Shared>,
    /// Keys that the command has not taken yet.
    waiting: VecDeque<u8>,
    group: Pid,
    stops: mpsc::Sender<()>,
    ear: Ear,
    size: Winsize,
    looked: Instant,
}

/// Who has something for us.
#[derive(Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each of the four may be, whatever the others are"
)]
struct Woken {
    output: bool,
    keys: bool,
    room: bool,
    wake: bool,
}

impl Passing {
    fn run(mut self) {
        let mut taken = vec![0; TAKEN];
        let mut over = false;
        while let Ok(woken) = self.wait(over) {
            if woken.wake {
                let mut some = [0; 64];
                over = !matches!(self.woken.read(&mut some), Ok(1..));
            }
            if self.looked.elapsed() >= SETTLE {
                self.follow_size();
            }
            if woken.keys {
                self.take_keys();
            }
            if woken.room || woken.keys {
                self.pass_keys();
            }
            if woken.output {
                match self.inner.read(&mut taken) {
                    Ok(bytes @ 1..) if self.outer.write_all(&taken[..bytes]).is_ok() => {
                        self.hear(&taken[..bytes]);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    // Nobody holds the command's end any more, or the terminal is gone.
                    _ => break,
                }
            } else if over {
                break;
            } else if self.ear.listens() && !woken.keys {
                self.ear.settle();
            }
        }
        self.ear.settle();
    }

    fn wait(&self, over: bool) -> Result<Woken, Errno> {
        let settle = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(SETTLE.subsec_nanos()),
        };
        let in_front = self.shared.in_front.load(Ordering::Relaxed);
        let mut inner = PollFlags::IN;
        inner.set(PollFlags::OUT, !self.waiting.is_empty());
        let mut wanted = vec![PollFd::new(&self.inner, inner)];
        if !over {
            wanted.push(PollFd::new(&self.woken, PollFlags::IN));
        }
        if !over && in_front && self.waiting.len() < KEYS {
            wanted.push(PollFd::new(&self.keys, PollFlags::IN));
        }
        match poll(&mut wanted, Some(if over { &QUIET } else { &settle })) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let came = |at: usize, flags: PollFlags| {
            wanted
                .get(at)
                .is_some_and(|fd| fd.revents().intersects(flags))
        };
        let read = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        Ok(Woken {
            output: came(0, read),
            room: came(0, PollFlags::OUT),
            wake: came(1, read),
            keys: came(2, read),
        })
    }

    /// Takes what was typed; all but the key that stops.
    fn take_keys(&mut self) {
        let mut typed = [0; 4096];
        let Ok(bytes @ 1..) = self.keys.read(&mut typed) else {
            // Not ours just now, or gone: who is gone is told by a signal.
            self.shared.in_front.store(false, Ordering::Relaxed);
            return;
        };
        let stop = self.stopping_key();
        for key in &typed[..bytes] {
            if Some(*key) == stop {
                // What was typed before is of no use to who is stopped; one stop is as good as two.
                self.waiting.clear();
                let _ = self.stops.try_send(());
            } else {
                self.waiting.push_back(*key);
            }
        }
    }

    /// The key that stops the command, if it has not taken that for itself, and is no shell that stops its own jobs.
    fn stopping_key(&self) -> Option<u8> {
        let modes: Termios = tcgetattr(&self.inner).ok()?;
        if tcgetpgrp(&self.inner) != Ok(self.group) {
            return None;
        }
        let key = modes.special_codes[SpecialCodeIndex::VSUSP];
        (modes.local_modes.contains(LocalModes::ISIG) && key != 0).then_some(key)
    }

    fn pass_keys(&mut self) {
        while !self.waiting.is_empty() {
            match self.inner.write(self.waiting.make_contiguous()) {
                Ok(written) => {
                    self.waiting.drain(..written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn follow_size(&mut self) {
        self.looked = Instant::now();
        if let Ok(size) = tcgetwinsize(&self.outer)
            && size != self.size
        {
            self.size = size;
            // The kernel tells the command.
            let _ = tcsetwinsize(&self.inner, size);
        }
    }

    /// What is drawn on the other screen is no bar.
    fn hear(&mut self, bytes: &[u8]) {
        let last = |what| memchr::memmem::rfind(bytes, what);
        let was = self.shared.full_screen.load(Ordering::Relaxed);
        let is = match (last(ENTER_SCREEN), last(LEAVE_SCREEN)) {
            (None, None) => was,
            (entered, left) => entered > left,
        };
        self.shared.full_screen.store(is, Ordering::Relaxed);
        if !was && !is {
            self.ear.hear(bytes);
        }
    }
}
