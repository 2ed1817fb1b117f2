//! The terminal, lent to the command, so that keys, Ctrl-C and Ctrl-Z reach it as if nobody stood between. What is not ours to
//! lend is left alone.
//!
//! Where the command has a pseudoterminal ([`Relay`]) lending means to pass the keys on; else its process group is the
//! foreground one while it runs.

use std::io::IsTerminal;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::process::{Pid, getpgrp};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp};

use crate::exec;
use crate::relay::Relay;

/// The controlling terminal of this session.
#[derive(Debug)]
pub(crate) struct Terminal {
    fd: OwnedFd,
    /// How it was set before the command could change it.
    before: Option<Termios>,
    lent: bool,
    relay: Option<Relay>,
}

impl Terminal {
    /// The controlling terminal, if there is one.
    pub(crate) fn of_session() -> Option<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = rustix::fs::open("/dev/tty", flags, Mode::empty()).ok()?;
        let before = tcgetattr(&fd).ok();
        Some(Self {
            fd,
            before,
            lent: false,
            relay: None,
        })
    }

    /// Whether our own process group is the foreground one.
    pub(crate) fn is_ours(&self) -> bool {
        tcgetpgrp(&self.fd).is_ok_and(|group| group == getpgrp())
    }

    /// Whether the command is to have the terminal from its first instruction on: it reads from it, we are in front, and
    /// nobody in a pipeline after us may be waiting for it. Otherwise it gets it when it asks (see `supervise`).
    pub(crate) fn is_wanted_at_once(&self) -> bool {
        let piped_on = rustix::fs::fstat(std::io::stdout())
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        std::io::stdin().is_terminal() && !piped_on && self.is_ours()
    }

    /// The descriptor, for the command's own first step.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Remembers that the command has taken it by itself.
    pub(crate) fn mark_lent(&mut self) {
        self.lent = true;
    }

    /// The command has a pseudoterminal, and the keys.
    pub(crate) fn lend_by(&mut self, relay: Relay) {
        relay.enter();
        self.relay = Some(relay);
        self.lent = true;
    }

    /// Whether it is lent.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent
    }

    /// Whether the command has a pseudoterminal.
    pub(crate) fn is_relayed(&self) -> bool {
        self.relay.is_some()
    }

    /// Lends it to a process group.
    pub(crate) fn lend(&mut self, group: Pid) {
        self.lent = match &self.relay {
            Some(relay) => {
                relay.enter();
                true
            }
            None => exec::without_terminal_signals(|| tcsetpgrp(&self.fd, group)).is_ok(),
        };
    }

    /// Takes it back if it is lent.
    pub(crate) fn take_back(&mut self) {
        if !std::mem::take(&mut self.lent) {
            return;
        }
        if let Some(relay) = &self.relay {
            relay.leave();
            self.restore();
        } else {
            // A terminal that is gone needs no owner.
            let _ = exec::without_terminal_signals(|| tcsetpgrp(&self.fd, getpgrp()));
        }
    }

    /// The command has ended: what it wrote last is waited for.
    pub(crate) async fn come_to_rest(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.finish().await;
            self.restore();
        }
    }

    /// Puts its modes back as they were: a command that was killed could not do it.
    pub(crate) fn restore(&self) {
        if let Some(before) = &self.before {
            let set = || tcsetattr(&self.fd, OptionalActions::Drain, before);
            let _ = exec::without_terminal_signals(set);
        }
    }
}
