//! The only place that writes to stdout and stderr. What comes from strangers is cleaned before it gets here.
//!
//! [`table`] and [`words`] make text; [`colour`] decides about colour.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::exit::Failure;

pub(crate) mod colour;
pub(crate) mod table;
pub(crate) mod words;

/// The answer of a command, to stdout.
pub(crate) fn answer(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| unwritten(&error))
}

/// The answer of a command for programs: one JSON document on one line. JSON escapes what could steer a terminal,
/// but for what [`safe`] sees to.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string(value)
        .map_err(|error| Failure::failed(format!("The answer can't be said in JSON: {error}")))?;
    if text.chars().any(|c| matches!(c, '\u{7f}'..='\u{9f}')) {
        text = safe(&text);
    }
    text.push('\n');
    answer(&text)
}

/// JSON leaves DEL and C1 control characters as they are, and some terminals obey those: they become escapes.
fn safe(json: &str) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text
}

/// A line of talk, to stderr. A terminal that has gone is no reason to stop.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// How many columns a table may have: those of the terminal; without one there is no limit.
pub(crate) fn width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stdout).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

fn unwritten(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::ReaderGone
    } else {
        Failure::failed(format!("The answer could not be written: {error}"))
            .hint("See whether the disk is full, or write it elsewhere")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_carries_no_raw_control_character() {
        let raw = serde_json::to_string("a\u{1b}[2J\u{9b}2J\u{7f}").unwrap();
        let said = safe(&raw);
        assert!(!said.chars().any(char::is_control), "{said:?}");
        assert_eq!(
            serde_json::from_str::<String>(&said).unwrap(),
            "a\u{1b}[2J\u{9b}2J\u{7f}"
        );
    }
}
