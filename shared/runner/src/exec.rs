//! What a new process does between `fork` and `exec`. The only file of the project with `unsafe` in it.
//!
//! Why it must be: the standard library has no safe way to begin a session, to close inherited descriptors or to take
//! the terminal in the child, and between `fork` and `exec` of a process with threads only system calls may be made
//! (no allocation, no lock). Every closure here keeps to that.
#![expect(
    unsafe_code,
    reason = "pre_exec, close_range and the signals' masks and actions have no safe form"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, Signal};

/// The first descriptor that is not one of the three standard streams.
const FIRST_OTHER: libc::c_uint = 3;

/// Lets the command begin a session of its own, with none of the caller's descriptors but the three standard streams.
pub(crate) fn in_new_session(command: &mut Command) {
    let prepare = || {
        rustix::process::setsid()?;
        close_others_at_exec()
    };
    // SAFETY: `prepare` makes system calls only.
    unsafe { command.pre_exec(prepare) };
}

/// Lets the command begin a session of its own, whose terminal that descriptor is. It must be open until the command has begun.
pub(crate) fn in_session_at(command: &mut Command, terminal: BorrowedFd<'_>) {
    let terminal = terminal.as_raw_fd();
    let prepare = move || {
        rustix::process::setsid()?;
        // SAFETY: the caller's descriptor, copied by fork and open until exec.
        let terminal = unsafe { BorrowedFd::borrow_raw(terminal) };
        rustix::process::ioctl_tiocsctty(terminal)?;
        Ok(())
    };
    // SAFETY: `prepare` makes system calls only.
    unsafe { command.pre_exec(prepare) };
}

/// Marks every descriptor from 3 on to be closed by `exec`. They stay open until then: the standard library tells the
/// parent of a failed `exec` through one of them.
fn close_others_at_exec() -> io::Result<()> {
    // SAFETY: a system call on numbers; it changes a flag of this process's own descriptors.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST_OTHER,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if done == 0 {
        return Ok(());
    }
    // A kernel before 5.11. Descriptors above the limit can exist only if it was lowered after they were opened.
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` outlives the call that fills it.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let end = libc::c_int::try_from(limit.rlim_max).unwrap_or(libc::c_int::MAX);
    for fd in FIRST_OTHER as libc::c_int..end {
        // SAFETY: a flag of a descriptor; an unused number answers EBADF, which is as good.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// Lets the command inherit that descriptor, and answers with the number under which it finds it. The descriptor must be open
/// until the command has begun; a process that is started beside it does not get it.
///
/// The number has one digit if that can be: a POSIX shell takes no other. `kept` is needed until `exec`.
pub(crate) fn hand_on(
    command: &mut Command,
    fd: BorrowedFd<'_>,
    kept: Option<BorrowedFd<'_>>,
) -> libc::c_int {
    let fd = fd.as_raw_fd();
    let kept = kept.map(|kept| kept.as_raw_fd());
    // SAFETY: a flag of a number; one that is not open answers with an error.
    let is_ours = |number: &libc::c_int| unsafe {
        let flags = libc::fcntl(*number, libc::F_GETFD);
        flags >= 0 && flags & libc::FD_CLOEXEC != 0
    };
    // A descriptor of ours that is closed at exec can give its number away in the child. One that is free can't: the standard
    // library may be about to take it.
    let number = (FIRST_OTHER as libc::c_int..=9)
        .find(|number| is_ours(number) && Some(*number) != kept)
        .unwrap_or(fd);
    let prepare = move || {
        // SAFETY: system calls on numbers, in the child alone; `fd` is open there as it is here.
        let done = unsafe {
            if number == fd {
                libc::fcntl(fd, libc::F_SETFD, 0)
            } else {
                libc::dup2(fd, number)
            }
        };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    };
    // SAFETY: `prepare` makes system calls only.
    unsafe { command.pre_exec(prepare) };
    number
}

/// Lets the command's own new process group be the terminal's foreground one before the command's first instruction:
/// a program that asks early whether it is in the foreground must find that it is.
pub(crate) fn in_foreground(command: &mut Command, terminal: BorrowedFd<'_>) {
    let terminal = terminal.as_raw_fd();
    let prepare = move || {
        // SAFETY: the caller's descriptor, copied by fork and open until exec.
        let terminal = unsafe { BorrowedFd::borrow_raw(terminal) };
        let group = rustix::process::getpgrp();
        // Without the terminal the command still runs, in the background.
        let _ = without_terminal_signals(|| rustix::termios::tcsetpgrp(terminal, group));
        Ok(())
    };
    // SAFETY: `prepare` makes system calls only.
    unsafe { command.pre_exec(prepare) };
}

/// Runs `act` with SIGTTOU and SIGTTIN blocked in this thread: who changes a terminal from the background, or reads from it, is
/// stopped otherwise.
pub(crate) fn without_terminal_signals<T>(act: impl FnOnce() -> T) -> T {
    // SAFETY: both sets are initialised by the calls before they are read, and outlive them; only this thread's mask
    // changes, and it is put back.
    unsafe {
        let mut both = std::mem::zeroed();
        let mut before = std::mem::zeroed();
        libc::sigemptyset(&raw mut both);
        libc::sigaddset(&raw mut both, libc::SIGTTOU);
        libc::sigaddset(&raw mut both, libc::SIGTTIN);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const both, &raw mut before);
        let done = act();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        done
    }
}

/// Lets go of this process's own stdin and stdout: both become `/dev/null`. Who stands between must not hold a pipe open
/// that the command has closed, or its reader would wait for an end that came long ago.
pub(crate) fn let_go_of_streams() -> io::Result<()> {
    let null = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO] {
        // SAFETY: both numbers stay open descriptors; whoever writes to stdout from now on writes to nobody.
        if unsafe { libc::dup2(null.as_raw_fd(), stream) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Ends this process by that signal, whatever was arranged for it before: whoever waits for us learns how we ended from
/// the kernel itself. Does nothing for a signal that ends nobody.
pub fn die_of(signal: Signal) {
    // A core of ours would say nothing about the command.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    // SAFETY: the default action is no function of ours; nothing is run in a handler any more.
    unsafe { libc::signal(signal.as_raw(), libc::SIG_DFL) };
    let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
}
