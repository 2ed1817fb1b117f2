//! Text from strangers made safe to show: nothing in a name, a message or a line of output may steer a terminal.
//!
//! Used where text comes in (names, messages, errors) and again where it is drawn.

use std::borrow::Cow;
use std::fmt;

/// Longest text kept of a name, in characters.
pub const NAME_CHARS: usize = 200;
/// Longest text kept of a message or an error, in characters.
pub const MESSAGE_CHARS: usize = 1_000;

/// Replaces what could steer a terminal or hide text (C0, DEL, C1, bidi controls, zero width, filler and tag
/// characters, line and paragraph separators) with `U+FFFD`; tab, newline and carriage return become a blank.
///
/// Borrowed when nothing had to change.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let plain = |b: u8| (b' '..=b'~').contains(&b);
    if text.bytes().all(plain) || text.chars().all(|c| replacement(c).is_none()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| replacement(c).unwrap_or(c)).collect())
}

/// [`clean`], cut to at most `limit` characters; a cut text ends in `…`.
#[must_use]
pub fn clean_within(text: &str, limit: usize) -> Cow<'_, str> {
    let cleaned = clean(text);
    if cleaned.len() <= limit || cleaned.chars().count() <= limit {
        return cleaned;
    }
    let mut cut: String = cleaned.chars().take(limit.saturating_sub(1)).collect();
    cut.push('…');
    Cow::Owned(cut)
}

/// A short text that lives on the stack. What does not fit is left out whole.
pub(crate) struct Inline<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Inline<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    pub(crate) fn push(&mut self, text: &str) {
        let end = self.length + text.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(text.as_bytes());
            self.length = end;
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only whole texts are ever pushed, so this is UTF-8.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Write for Inline<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

fn replacement(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' => Some(' '),
        '\u{0}'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{13430}'..='\u{1345f}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Some('\u{fffd}'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_survives() {
        for (raw, shown) in [
            ("orders.csv", "orders.csv"),
            ("naïve – 表 ✓", "naïve – 表 ✓"),
            ("a\tb\nc\rd", "a b c d"),
            ("\x1b[31mred\x1b[0m", "\u{fffd}[31mred\u{fffd}[0m"),
            ("\u{9b}2J", "\u{fffd}2J"),
            ("\x1b]0;title\x07", "\u{fffd}]0;title\u{fffd}"),
            ("gnp.\u{202e}vsc", "gnp.\u{fffd}vsc"),
            ("zero\u{200b}width", "zero\u{fffd}width"),
        ] {
            assert_eq!(clean(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn long_text_is_cut_at_characters() {
        assert_eq!(clean_within("äöüß", 4), "äöüß");
        assert_eq!(clean_within("äöüßx", 4), "äöü…");
    }
}
