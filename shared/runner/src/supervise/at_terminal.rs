//! Job control: what Ctrl-Z, `fg` and the shell's other means do to a command, and to us who stand between.

use std::time::Duration;

use jobtop_core::job::control::Action;
use rustix::process::{Signal, getpgrp, getpid, getppid, getsid, kill_process};

use super::{Supervisor, Tell};
use crate::census::Member;
use crate::ladder::Answer;
use crate::leader::signal_member;
use crate::proc::Proc;
use crate::terminal::Terminal;

/// What is said while the command is stopped from its terminal.
const STOPPED: &str = "stopped at its terminal: fg or bg continues it";

impl Supervisor {
    /// While the command is paused from afar the keys are ours, so that Ctrl-C and Ctrl-Z still do something.
    pub(super) fn settle_terminal(&mut self, answer: &Answer) {
        let Some(terminal) = &mut self.terminal else {
            return;
        };
        match (answer.action, answer.ok) {
            (Action::Pause, true) => terminal.take_back(),
            (Action::Resume, true) if terminal.is_ours() => terminal.lend(self.leader.pid()),
            _ => {}
        }
    }

    /// Ctrl-Z, where the command has a terminal of its own. It is told, so that it can leave the screen in order; but nobody in
    /// its session could continue it, so the kernel stops it only if it is made to.
    pub(super) async fn stop_by_key(&mut self) {
        let its = self
            .proc
            .ignored_signals(self.leader.pid().as_raw_nonzero().get());
        let takes_it = its & (1 << (libc::SIGTSTP - 1)) == 0;
        if self.ladder.holds() || !takes_it || nobody_could_continue_us(&self.proc) {
            return;
        }
        self.leader.signal_group(Signal::TSTP);
        tokio::time::sleep(Duration::from_millis(60)).await;
        self.leader.signal_group(Signal::STOP);
    }

    /// The command was stopped, and not by the ladder: as a shell's job would be, from its terminal.
    pub(super) async fn stopped(&mut self, signal: i32) {
        if self.ladder.holds() || self.ladder.is_cancelling() {
            return;
        }
        let Some(terminal) = &mut self.terminal else {
            return;
        };
        let wants_terminal = signal == libc::SIGTTIN || signal == libc::SIGTTOU;
        if wants_terminal && terminal.is_ours() && !terminal.is_relayed() {
            terminal.lend(self.leader.pid());
            self.leader.signal_group(Signal::CONT);
            return;
        }
        if nobody_could_continue_us(&self.proc) {
            // The kernel lets no Ctrl-Z stop a group like ours, so it must not stop the command's either. Who asks for a
            // terminal that it can't have would only ask again.
            if signal == libc::SIGTSTP {
                self.leader.signal_group(Signal::CONT);
            }
            return;
        }
        terminal.take_back();
        self.say(Tell::Message(STOPPED.to_owned())).await;
        // Once we are stopped nothing leaves us any more: the moment is for the words above, which a reporter says within
        // a twentieth of a second. If they come too late nothing is lost but the words.
        tokio::time::sleep(Duration::from_millis(80)).await;
        self.stop_ourselves(signal);
    }

    /// Stops us as the command was stopped, so that the shell takes notice; whoever shares our group, too.
    pub(super) fn stop_ourselves(&self, signal: i32) {
        if nobody_could_continue_us(&self.proc) {
            return;
        }
        if signal == libc::SIGTSTP {
            self.signal_our_group(Signal::TSTP);
        }
        let _ = kill_process(getpid(), Signal::STOP);
    }

    /// Whether this ending is the work of the keyboard: the command had the terminal, or the terminal said it to us.
    pub(super) fn was_at_keyboard(&self, signal: i32, lent: bool) -> bool {
        let passed = self.passed.is_some_and(|passed| passed.as_raw() == signal);
        let ours = self.terminal.as_ref().is_some_and(Terminal::is_ours);
        matches!(signal, libc::SIGINT | libc::SIGQUIT) && (lent || (passed && ours))
    }

    /// Sends a signal to those who share our own group: a pipeline's others, the script that we are a line of.
    pub(super) fn signal_our_group(&self, signal: Signal) {
        let ours = getpgrp().as_raw_nonzero().get();
        for pid in self.proc.all() {
            if let Some(stat) = self.proc.stat(pid)
                && stat.group == ours
                && pid != getpid().as_raw_nonzero().get()
            {
                signal_member(&self.proc, &Member { pid, stat }, signal);
            }
        }
    }

    /// We were continued, by `fg`, `bg` or a hand.
    pub(super) async fn woken(&mut self) {
        if self.ladder.holds() {
            return;
        }
        if let Some(terminal) = &mut self.terminal
            && !terminal.is_lent()
            && terminal.is_ours()
        {
            terminal.lend(self.leader.pid());
        }
        self.leader.signal_group(Signal::CONT);
        self.say(Tell::Message(String::new())).await;
    }
}

/// Whether no shell above us could continue us: then our group is an orphan, in the kernel's words.
fn nobody_could_continue_us(proc: &Proc) -> bool {
    let ours = getpgrp().as_raw_nonzero().get();
    let mut parent = getppid();
    while let Some(pid) = parent {
        let Some(stat) = proc.stat(pid.as_raw_nonzero().get()) else {
            return true;
        };
        if stat.group != ours {
            return getsid(Some(pid)).ok() != getsid(None).ok();
        }
        parent = rustix::process::Pid::from_raw(stat.parent);
    }
    true
}
