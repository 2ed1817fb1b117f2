//! Every way a command can fail: message, hint, exit code. Nothing else decides an exit code but `run` and `wait`,
//! whose codes are those of the work.

use std::fmt;
use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It was tried and did not work (1).
    Failed(Said),
    /// The command line asks for something that makes no sense (2).
    Usage(Said),
    /// No such job, alert or hook (3).
    NoSuchJob(Said),
    /// Not this identity's to see or do (4).
    NotAllowed(Said),
    /// Not possible in the present state (5).
    WrongState(Said),
    /// The daemon can't be reached (6).
    Unreachable(Said),
    /// Ctrl-C (130).
    Interrupted,
    /// Whoever read our answer has gone: no failure of ours, and nothing to say (0).
    ReaderGone,
}

/// What is said of a failure: one sentence, and one what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// What went wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Said {
    /// A sentence without a hint.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    /// The same with what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Failure {
    /// A failure of the work itself (1).
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(Said::new(message))
    }

    /// A mistake on the command line (2).
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(Said::new(message))
    }

    /// The same failure with what to do next; a failure that says nothing stays silent.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        match &mut self {
            Self::Failed(said)
            | Self::Usage(said)
            | Self::NoSuchJob(said)
            | Self::NotAllowed(said)
            | Self::WrongState(said)
            | Self::Unreachable(said) => said.hint = Some(hint.into()),
            Self::Interrupted | Self::ReaderGone => {}
        }
        self
    }

    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::ReaderGone => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NoSuchJob(_) => 3,
            Self::NotAllowed(_) => 4,
            Self::WrongState(_) => 5,
            Self::Unreachable(_) => 6,
            Self::Interrupted => 130,
        }
    }

    /// The exit code as `main` returns it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// What is said of it; `None` where silence is right.
    pub(crate) fn said(&self) -> Option<&Said> {
        match self {
            Self::Failed(said)
            | Self::Usage(said)
            | Self::NoSuchJob(said)
            | Self::NotAllowed(said)
            | Self::WrongState(said)
            | Self::Unreachable(said) => Some(said),
            Self::Interrupted | Self::ReaderGone => None,
        }
    }

    /// What goes to stderr, without the last newline; `None` where silence is right.
    pub(crate) fn text(&self) -> Option<String> {
        self.said().map(|said| {
            let message = jobtop_core::text::clean(&said.message);
            match &said.hint {
                Some(hint) => format!(
                    "jobtop: {message}\n        {}",
                    jobtop_core::text::clean(hint)
                ),
                None => format!("jobtop: {message}"),
            }
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.said() {
            Some(said) => f.write_str(&said.message),
            None => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_code_and_its_words() {
        let said = || Said::new("No").hint("Do \x1b[2J");
        for (failure, code, text) in [
            (Failure::failed("No"), 1, Some("jobtop: No")),
            (Failure::usage("No"), 2, Some("jobtop: No")),
            (
                Failure::NoSuchJob(said()),
                3,
                Some("jobtop: No\n        Do \u{fffd}[2J"),
            ),
            (Failure::NotAllowed(Said::new("No")), 4, Some("jobtop: No")),
            (Failure::WrongState(Said::new("No")), 5, Some("jobtop: No")),
            (Failure::Unreachable(Said::new("No")), 6, Some("jobtop: No")),
            (Failure::Interrupted, 130, None),
            (Failure::ReaderGone, 0, None),
        ] {
            assert_eq!(failure.code(), code);
            assert_eq!(failure.text().as_deref(), text);
        }
    }
}
