//! How a command ended, in words: the sentence, the code for programs, what a person can try. Pure.

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// The exit code by which a shell tells it: the code, or 128 and the signal's number.
    #[must_use]
    pub fn shell_code(self) -> u8 {
        match self {
            Self::Code(code) => code as u8,
            Self::Signal(signal) => (128 + signal) as u8,
        }
    }
}

/// Why a command could not even be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unstarted {
    /// There is no such program.
    NotFound,
    /// It may not be executed, or is no program.
    NotExecutable,
    /// The machine would not.
    Other,
}

impl Unstarted {
    /// The reason in the error of `exec`.
    #[must_use]
    pub fn of(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::PermissionDenied
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::ExecutableFileBusy
            | ErrorKind::InvalidInput
            | ErrorKind::ArgumentListTooLong => Self::NotExecutable,
            _ if error.raw_os_error() == Some(libc::ENOEXEC) => Self::NotExecutable,
            _ => Self::Other,
        }
    }

    /// The exit code that shells use for it; 125 where it is not the command's fault.
    #[must_use]
    pub const fn shell_code(self) -> u8 {
        match self {
            Self::NotFound => 127,
            Self::NotExecutable => 126,
            Self::Other => 125,
        }
    }
}

/// What went wrong, for the job's failure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explained {
    /// A stable word for programs.
    pub code: &'static str,
    /// One sentence.
    pub error: String,
    /// What to try.
    pub suggestion: &'static str,
    /// The exit code, where there was one.
    pub exit_code: Option<i32>,
    /// The signal, where one ended it.
    pub signal: Option<i32>,
}

/// Explains an ending; `None` for a success.
#[must_use]
pub fn explain(program: &str, exit: Exit) -> Option<Explained> {
    match exit {
        Exit::Code(0) => None,
        Exit::Code(code) => Some(Explained {
            code: "exit_code",
            error: code_sentence(program, code),
            suggestion: code_suggestion(code),
            exit_code: Some(code),
            signal: None,
        }),
        Exit::Signal(signal) => Some(Explained {
            code: "signal",
            error: format!("{program} was ended by {}", signal_phrase(signal)),
            suggestion: signal_suggestion(signal),
            exit_code: None,
            signal: Some(signal),
        }),
    }
}

/// Explains why a command was not started.
#[must_use]
pub fn explain_unstarted(program: &str, why: Unstarted, error: &std::io::Error) -> Explained {
    let (code, error, suggestion) = match why {
        Unstarted::NotFound => (
            "not_found",
            format!("{program}: no such command"),
            "Check its spelling, or give its path; a script also needs the interpreter of its first line",
        ),
        Unstarted::NotExecutable => (
            "not_executable",
            format!("{program} can't be executed: {}", reason(error)),
            "Make it executable (chmod +x), or start it by its interpreter",
        ),
        Unstarted::Other => (
            "not_started",
            format!("{program} could not be started: {}", reason(error)),
            "The machine may be short of memory or processes; try again, and look at ulimit -a",
        ),
    };
    Explained {
        code,
        error,
        suggestion,
        exit_code: Some(why.shell_code().into()),
        signal: None,
    }
}

/// The text of an error of the system's, without the number that the standard library adds.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

fn code_sentence(program: &str, code: i32) -> String {
    match code {
        126 => format!("{program} ended with exit code 126: something it called can't be executed"),
        127 => format!("{program} ended with exit code 127: something it called was not found"),
        129..=192 => format!(
            "{program} ended with exit code {code}: something it called was ended by {}",
            signal_phrase(code - 128)
        ),
        _ => format!("{program} ended with exit code {code}"),
    }
}

fn code_suggestion(code: i32) -> &'static str {
    match code {
        2 => {
            "Many programs say with 2 that their arguments or options are wrong: look at what it printed"
        }
        126 => "Make what it calls executable (chmod +x), or call it by its interpreter",
        127 => "Install what it calls, or correct its name or PATH",
        129..=192 => signal_suggestion(code - 128),
        _ => "Look at what it printed just before it ended",
    }
}

fn signal_phrase(signal: i32) -> String {
    let name = signal_name(signal);
    let meaning = match signal {
        libc::SIGHUP => "its terminal went away",
        libc::SIGINT => "Ctrl-C",
        libc::SIGQUIT => "Ctrl-\\",
        libc::SIGILL => "an instruction that this processor does not know",
        libc::SIGABRT => "it gave up by itself",
        libc::SIGBUS => "memory or a mapped file that is not there",
        libc::SIGFPE => "an impossible calculation",
        libc::SIGKILL => "killed without a chance to tidy up",
        libc::SIGSEGV => "a crash: it used memory that is not its own",
        libc::SIGPIPE => "nobody reads its output any more",
        libc::SIGTERM => "asked to end",
        libc::SIGXCPU => "over its limit of processor time",
        libc::SIGXFSZ => "over its limit of file size",
        libc::SIGSYS => "a system call that is forbidden to it",
        _ => return name,
    };
    format!("{name} ({meaning})")
}

fn signal_suggestion(signal: i32) -> &'static str {
    match signal {
        libc::SIGKILL => {
            "If nobody did this, the machine ran out of memory: look at `journalctl -k` or `dmesg`"
        }
        libc::SIGTERM => {
            "Somebody, a shutdown or a time limit ended it; run it again when that is clear"
        }
        libc::SIGINT | libc::SIGQUIT => "It was interrupted at the keyboard; run it again",
        libc::SIGHUP => "Run it so that it outlives its terminal (nohup, tmux, or a queue)",
        libc::SIGPIPE => "Look at the command that reads its output: it ended first",
        libc::SIGXCPU | libc::SIGXFSZ => "Look at `ulimit -a`, or give it less to do",
        libc::SIGSEGV
        | libc::SIGBUS
        | libc::SIGILL
        | libc::SIGFPE
        | libc::SIGABRT
        | libc::SIGSYS => {
            "A fault of the program or of a library: try other input or another version, and report it"
        }
        _ => "Find out who sends this signal",
    }
}

/// A signal's name, `SIGTERM`.
#[must_use]
pub fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGHUP => "HUP",
        libc::SIGINT => "INT",
        libc::SIGQUIT => "QUIT",
        libc::SIGILL => "ILL",
        libc::SIGTRAP => "TRAP",
        libc::SIGABRT => "ABRT",
        libc::SIGBUS => "BUS",
        libc::SIGFPE => "FPE",
        libc::SIGKILL => "KILL",
        libc::SIGUSR1 => "USR1",
        libc::SIGSEGV => "SEGV",
        libc::SIGUSR2 => "USR2",
        libc::SIGPIPE => "PIPE",
        libc::SIGALRM => "ALRM",
        libc::SIGTERM => "TERM",
        libc::SIGSTOP => "STOP",
        libc::SIGTSTP => "TSTP",
        libc::SIGTTIN => "TTIN",
        libc::SIGTTOU => "TTOU",
        libc::SIGXCPU => "XCPU",
        libc::SIGXFSZ => "XFSZ",
        libc::SIGVTALRM => "VTALRM",
        libc::SIGPROF => "PROF",
        libc::SIGIO => "IO",
        libc::SIGPWR => "PWR",
        libc::SIGSYS => "SYS",
        other => return format!("signal {other}"),
    };
    format!("SIG{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_words() {
        for (exit, shell, expected) in [
            (Exit::Code(0), 0, None),
            (Exit::Code(3), 3, Some("x ended with exit code 3")),
            (
                Exit::Code(127),
                127,
                Some("x ended with exit code 127: something it called was not found"),
            ),
            (
                Exit::Code(137),
                137,
                Some(
                    "x ended with exit code 137: something it called was ended by SIGKILL (killed without a chance to tidy up)",
                ),
            ),
            (Exit::Code(255), 255, Some("x ended with exit code 255")),
            (
                Exit::Signal(15),
                143,
                Some("x was ended by SIGTERM (asked to end)"),
            ),
            (Exit::Signal(40), 168, Some("x was ended by signal 40")),
        ] {
            assert_eq!(exit.shell_code(), shell);
            let explained = explain("x", exit);
            assert_eq!(explained.as_ref().map(|e| e.error.as_str()), expected);
            if let Some(explained) = explained {
                assert!(!explained.suggestion.is_empty());
                assert_ne!(explained.exit_code.is_some(), explained.signal.is_some());
            }
        }
    }

    #[test]
    fn what_can_not_be_started_says_why() {
        for (errno, why, code, expected) in [
            (libc::ENOENT, Unstarted::NotFound, 127, "x: no such command"),
            (
                libc::EACCES,
                Unstarted::NotExecutable,
                126,
                "x can't be executed: Permission denied",
            ),
            (
                libc::ENOEXEC,
                Unstarted::NotExecutable,
                126,
                "x can't be executed: Exec format error",
            ),
            (
                libc::EAGAIN,
                Unstarted::Other,
                125,
                "x could not be started: Resource temporarily unavailable",
            ),
        ] {
            let error = std::io::Error::from_raw_os_error(errno);
            assert_eq!(Unstarted::of(&error), why);
            assert_eq!(why.shell_code(), code);
            assert_eq!(explain_unstarted("x", why, &error).error, expected);
        }
    }
}
