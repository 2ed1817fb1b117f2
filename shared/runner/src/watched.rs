//! A process that somebody else started, looked at to its end: it is not touched, and it is not ours.
//!
//! A handle on it is opened first, so that what is read afterwards is read of that process and no other; whether it still
//! has that id is asked last.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, geteuid, getpid, pidfd_open};
use tokio::sync::oneshot;

use crate::census::Census;
use crate::ending::Exit;
use crate::observe::Reading;
use crate::proc::Proc;
use crate::proc::parse::Stat;
use crate::watch::Watch;

/// A process that is looked at.
#[derive(Debug)]
pub struct Watched {
    ended: oneshot::Receiver<Infallible>,
    proc: Proc,
    pid: i32,
    stat: Stat,
    argv: Vec<OsString>,
    watch: Watch,
}

/// Why a process can't be looked at; a sentence without a capital.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unwatchable {
    /// No process has that id.
    None,
    /// It is somebody else's.
    Others,
    /// It belongs to the kernel.
    Kernel,
    /// It has ended, and waits for its parent to take notice.
    Ended,
    /// It is this one.
    Ourselves,
    /// It may not be looked at, or the system would not have it.
    Hidden(Errno),
}

impl fmt::Display for Unwatchable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("there is no such process"),
            Self::Others => f.write_str("it is another user's process"),
            Self::Kernel => {
                f.write_str("it is a part of the kernel, which reads no files of yours")
            }
            Self::Ended => f.write_str("it has ended already"),
            Self::Ourselves => f.write_str("that is this very command"),
            Self::Hidden(error) => write!(f, "it can't be looked at: {error}"),
        }
    }
}

/// What was seen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Sight {
    /// How far it is.
    Progress(Reading),
    /// It has ended; how, where the kernel still knows it.
    Ended(Option<Exit>),
}

impl Watched {
    /// Begins to look at the process with that id, and at all that it starts. Within a runtime.
    pub fn begin(pid: i32) -> Result<Self, Unwatchable> {
        let proc = Proc::default();
        let id = Pid::from_raw(pid)
            .filter(|_| pid > 0)
            .ok_or(Unwatchable::None)?;
        if id == getpid() {
            return Err(Unwatchable::Ourselves);
        }
        let handle = match pidfd_open(id, PidfdFlags::empty()) {
            Ok(handle) => handle,
            // A thread's id is no process's.
            Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => return Err(Unwatchable::None),
            Err(error) => return Err(Unwatchable::Hidden(error)),
        };
        let stat = proc.stat(pid).ok_or(Unwatchable::None)?;
        let argv = proc.command_line(pid);
        if argv.is_empty() && stat.threads == 1 && is_of_the_kernel(&stat, pid) {
            return Err(Unwatchable::Kernel);
        }
        let ours = geteuid();
        match proc.owner(pid) {
            Some(owner) if owner == ours.as_raw() || ours.is_root() => {}
            Some(_) => return Err(Unwatchable::Others),
            None => return Err(Unwatchable::None),
        }
        if stat.is_gone() {
            return Err(Unwatchable::Ended);
        }
        if let Err(error) = proc.may_look(pid) {
            return Err(Unwatchable::Hidden(error));
        }
        let ended = end_of(handle).map_err(|error| Unwatchable::Hidden(errno(&error)))?;
        let census = Census::new(proc.clone(), pid);
        Ok(Self {
            watch: Watch::new(proc.clone(), census),
            ended,
            proc,
            pid,
            stat,
            argv,
        })
    }

    /// Its command line; its name alone where it has hidden that.
    #[must_use]
    pub fn command_line(&self) -> Vec<OsString> {
        if self.argv.is_empty() {
            return vec![self.stat.name.clone().into()];
        }
        self.argv.clone()
    }

    /// For how long it had been running when it was first looked at.
    #[must_use]
    pub fn age(&self) -> Duration {
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        let up = self.proc.uptime().unwrap_or_default();
        let started = Duration::from_secs_f64(self.stat.started as f64 / ticks as f64);
        up.saturating_sub(started)
    }

    /// The next sight. Nothing is lost when this is dropped while it waits; after the end there is none.
    pub async fn next(&mut self) -> Sight {
        tokio::select! {
            biased;
            _ = &mut self.ended => Sight::Ended(self.exit()),
            reading = self.watch.next() => Sight::Progress(reading),
        }
    }

    /// How it ended: known as long as its parent has taken no notice.
    fn exit(&self) -> Option<Exit> {
        let (started, code) = self.proc.ending(self.pid)?;
        (started == self.stat.started).then_some(match code & 0x7f {
            0 => Exit::Code(code >> 8 & 0xff),
            signal => Exit::Signal(signal),
        })
    }
}

/// What is dropped when the process of that handle has ended. A thread waits for it: a runtime may be told to watch a
/// descriptor only by unsafe code, and one thread that sleeps costs next to nothing.
fn end_of(handle: OwnedFd) -> io::Result<oneshot::Receiver<Infallible>> {
    let (alive, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("end".to_owned())
        .spawn(move || {
            let mut wanted = [PollFd::new(&handle, PollFlags::IN)];
            while matches!(poll(&mut wanted, None), Ok(0) | Err(Errno::INTR)) {}
            drop(alive);
        })?;
    Ok(ended)
}

/// Kernel threads are children of `kthreadd`, which has the id 2.
fn is_of_the_kernel(stat: &Stat, pid: i32) -> bool {
    !stat.is_gone() && (stat.parent == 2 || pid == 2)
}

fn errno(error: &io::Error) -> Errno {
    error
        .raw_os_error()
        .map_or(Errno::IO, Errno::from_raw_os_error)
}
