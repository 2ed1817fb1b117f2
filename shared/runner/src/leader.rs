//! The command's own process, leader of its group: started, waited for, signalled.
//!
//! It is not reaped before all is done: as long as it waits as a zombie neither its id nor its group's can be given to
//! anybody else, so no signal of ours goes astray.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};

use crate::census::Member;
use crate::ending::Exit;
use crate::exec;
use crate::proc::Proc;
use crate::terminal::Terminal;

/// A command that was started.
#[derive(Debug)]
pub(crate) struct Leader {
    child: Child,
    pid: Pid,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// It was stopped by this signal.
    Stopped(i32),
    /// It goes on.
    Continued,
    /// It ended; it still waits to be reaped.
    Ended(Exit),
}

impl Leader {
    /// Starts a command that begins a session of its own, and with it a process group.
    pub(crate) fn start_session(command: &mut Command) -> io::Result<Self> {
        Ok(Self::of(command.spawn()?))
    }

    /// Starts the command in a process group of its own.
    pub(crate) fn start(
        command: &mut Command,
        terminal: Option<&mut Terminal>,
    ) -> io::Result<Self> {
        command.process_group(0);
        let terminal = terminal.filter(|terminal| terminal.is_wanted_at_once());
        if let Some(terminal) = &terminal {
            exec::in_foreground(command, terminal.fd());
        }
        let started = command.spawn();
        if let Some(terminal) = terminal {
            terminal.mark_lent();
            if started.is_err() {
                terminal.take_back();
            }
        }
        Ok(Self::of(started?))
    }

    fn of(child: Child) -> Self {
        let pid = Pid::from_child(&child);
        Self { child, pid }
    }

    /// Its process id, and its group's.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// The next thing that became of it, if there is one.
    pub(crate) fn change(&self) -> Option<Change> {
        let id = || WaitId::Pid(self.pid);
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if let Ok(Some(status)) = waitid(id(), ended) {
            let exit = match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, signal) => Exit::Signal(signal.unwrap_or(libc::SIGKILL)),
            };
            return Some(Change::Ended(exit));
        }
        let moved = WaitIdOptions::STOPPED | WaitIdOptions::CONTINUED | WaitIdOptions::NOHANG;
        let status = waitid(id(), moved).ok()??;
        match status.stopping_signal() {
            Some(signal) => Some(Change::Stopped(signal)),
            None => Some(Change::Continued),
        }
    }

    /// Sends a signal to its whole group. To be called only before [`reap`](Self::reap), which takes `self`.
    pub(crate) fn signal_group(&self, signal: Signal) {
        // An empty group needs no signal; one that we may not signal shows itself by not obeying.
        let _ = kill_process_group(self.pid, signal);
    }

    /// Lets go of it for good.
    pub(crate) fn reap(mut self) {
        let _ = self.child.wait();
    }
}

/// Takes notice of an orphan that came to us and has ended, so that it does not stay as a zombie.
pub(crate) fn bury(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOHANG,
        );
    }
}

/// Sends a signal to one process, and to no other that may have got its id since it was counted.
pub(crate) fn signal_member(proc: &Proc, member: &Member, signal: Signal) {
    let Some(pid) = Pid::from_raw(member.pid) else {
        return;
    };
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    // The handle names whoever has the id now: it is the one we counted if it started at the same time.
    if proc
        .stat(member.pid)
        .is_some_and(|stat| stat.started == member.stat.started)
    {
        let _ = pidfd_send_signal(handle, signal);
    }
}
