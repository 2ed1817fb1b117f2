//! A command that was submitted: what is run, where, and with which environment. Checked once, when it is asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::refusal::{Code, Refusal};

/// Most words of a command, and most bytes of all of them.
const MAX_WORDS: usize = 4_096;
const MAX_WORD_BYTES: usize = 128 * 1024;
/// Longest working directory, in bytes: as the kernel has it.
const MAX_PATH: usize = 4_096;
/// Most bytes of an environment, names and values together.
const MAX_ENVIRONMENT: usize = 128 * 1024;

/// What is run and where: an argument vector, never a shell's line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CommandLine {
    /// The program and its arguments.
    pub argv: Vec<Arc<str>>,
    /// The working directory, absolute; none is `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Arc<str>>,
}

/// The variables that a command is run with. They may hold secrets: they are in no job and no answer but the one to the
/// runner, and printing them for debugging says how many there are.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Environment(pub BTreeMap<String, String>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} variables", self.0.len())
    }
}

/// A command as it is asked for, and as its runner gets it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewCommand {
    /// What is run and where.
    #[serde(flatten)]
    pub line: CommandLine,
    /// What with; without one the daemon's own environment is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Environment>,
}

impl NewCommand {
    /// Whether it can be run at all, as far as one sees without trying.
    pub fn check(&self) -> Result<(), Refusal> {
        let invalid = |detail: &'static str| Err(Refusal::new(Code::Invalid, detail));
        let argv = &self.line.argv;
        if argv.first().is_none_or(|program| program.is_empty()) {
            return invalid("command.argv: a program and its arguments are needed");
        }
        if argv.len() > MAX_WORDS
            || argv.iter().map(|word| word.len()).sum::<usize>() > MAX_WORD_BYTES
        {
            return invalid("command.argv: at most 4096 words with 128 KiB together");
        }
        if argv.iter().any(|word| word.contains('\0')) {
            return invalid("command.argv: no word may contain a NUL");
        }
        if let Some(cwd) = &self.line.cwd
            && (!cwd.starts_with('/') || cwd.len() > MAX_PATH || cwd.contains('\0'))
        {
            return invalid("command.cwd: an absolute path is needed");
        }
        let Some(Environment(env)) = &self.env else {
            return Ok(());
        };
        let bytes: usize = env
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2)
            .sum();
        if bytes > MAX_ENVIRONMENT {
            return invalid("command.env: at most 128 KiB");
        }
        if env.iter().any(|(name, value)| {
            name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
        }) {
            return invalid(
                "command.env: names are not empty and have no = in them; there is no NUL",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> NewCommand {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_can_be_run() {
        for (text, expected) in [
            (r#"{"argv":["true"]}"#, None),
            (
                r#"{"argv":["sh","-c",""],"cwd":"/tmp","env":{"A":"","B":"=x"}}"#,
                None,
            ),
            (r#"{"argv":[]}"#, Some("command.argv: a program")),
            (r#"{"argv":["","x"]}"#, Some("command.argv: a program")),
            (r#"{"argv":["a\u0000b"]}"#, Some("command.argv: no word")),
            (r#"{"argv":["a"],"cwd":"tmp"}"#, Some("command.cwd")),
            (r#"{"argv":["a"],"env":{"":"x"}}"#, Some("command.env")),
            (r#"{"argv":["a"],"env":{"A=B":"x"}}"#, Some("command.env")),
            (
                r#"{"argv":["a"],"env":{"A":"x\u0000"}}"#,
                Some("command.env"),
            ),
        ] {
            let got = read(text)
                .check()
                .err()
                .map(|refusal| refusal.detail.to_string());
            match (got, expected) {
                (None, None) => {}
                (Some(got), Some(expected)) => assert!(got.starts_with(expected), "{got}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
        let long = NewCommand {
            line: CommandLine {
                argv: vec!["x".repeat(200_000).into()],
                cwd: None,
            },
            env: None,
        };
        assert!(long.check().is_err());
    }

    #[test]
    fn an_environment_is_not_printed() {
        let command = read(r#"{"argv":["a"],"env":{"PASSWORD":"secret"}}"#);
        let said = format!("{command:?}");
        assert!(
            !said.contains("secret") && !said.contains("PASSWORD"),
            "{said}"
        );
    }
}
