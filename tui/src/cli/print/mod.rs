//! The only place that writes to stdout and stderr. What comes from strangers is cleaned before it gets here.
//!
//! [`table`] and [`words`] make text; [`colour`] decides about colour.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use jobtop_core::text;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::exit::Failure;
use crate::term::notice::Notices;

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

/// Bytes of a stranger as they are: for a file or a pipe, never for a terminal.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| unwritten(&error))
}

/// The answer of a command for programs: one JSON document on one line. JSON escapes what could steer a terminal,
/// but for what [`safe`] sees to.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = json_text(value)?;
    text.push('\n');
    answer(&text)
}

/// The same as a text, without the end of its line.
pub(crate) fn json_text(value: &impl Serialize) -> Result<String, Failure> {
    let mut json = serde_json::to_string(value)
        .map_err(|error| Failure::failed(format!("The answer can't be said in JSON: {error}")))?;
    if let Cow::Owned(_) = text::clean(&json) {
        json = safe(&json);
    }
    Ok(json)
}

/// JSON leaves DEL, C1 control characters and those that hide or turn round text as they are, and some terminals obey
/// them: they become escapes, which mean the same.
fn safe(json: &str) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match text::clean(c.encode_utf8(&mut [0; 4])) {
            Cow::Borrowed(_) => text.push(c),
            Cow::Owned(_) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text
}

/// A line of talk, to stderr. A terminal that has gone is no reason to stop.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A question, to stderr: its answer is typed behind it.
pub(crate) fn ask(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Rings the bell of the terminal that stderr is, with a notice where it shows such; nothing where stderr is none.
pub(crate) fn ring(notice: &str) {
    let mut out = io::stderr().lock();
    if out.is_terminal() {
        let said = Notices::here().said(notice);
        let _ = out.write_all(said.as_bytes()).and_then(|()| out.flush());
    }
}

/// How many columns a table may have: those of the terminal; without one there is no limit.
pub(crate) fn width() -> Option<usize> {
    columns(io::stdout())
}

/// The same for what is said on stderr.
pub(crate) fn note_width() -> Option<usize> {
    columns(io::stderr())
}

fn columns(stream: impl IsTerminal + AsFd) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// A sentence in lines of at most `width` columns, broken between words, those after the first moved in; without a width
/// one line. Ends with a newline.
pub(crate) fn paragraph(text: &str, width: Option<usize>, moved_in: usize) -> String {
    let mut lines = String::with_capacity(text.len() + 16);
    let mut taken = 0;
    for word in text.split_inclusive(' ') {
        let wide = word.trim_end().width();
        if taken > moved_in && width.is_some_and(|width| taken + wide > width) {
            lines.truncate(lines.trim_end().len());
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', moved_in));
            taken = moved_in;
        }
        lines.push_str(word);
        taken += word.width();
    }
    lines.push('\n');
    lines
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
    fn a_long_sentence_breaks_between_words() {
        let text = "orders: a column that is not there (correct the mapping)";
        for (width, lines) in [
            (None, vec![text]),
            (Some(80), vec![text]),
            (
                Some(30),
                vec![
                    "orders: a column that is not",
                    "  there (correct the mapping)",
                ],
            ),
        ] {
            let said = paragraph(text, width, 2);
            assert_eq!(said.lines().collect::<Vec<_>>(), lines);
        }
    }

    #[test]
    fn json_carries_no_character_that_steers_or_hides() {
        let raw =
            "a\u{1b}[2J\u{9b}2J\u{7f}\tgnp.\u{202e}vsc \u{e0041} \u{1f468}\u{200d}\u{1f469} 表";
        let said = json_text(&raw).unwrap();
        assert_eq!(text::clean(&said), said);
        assert!(
            said.contains("表") && said.contains("\u{1f468}"),
            "{said:?}"
        );
        assert_eq!(serde_json::from_str::<String>(&said).unwrap(), raw);
    }
}
