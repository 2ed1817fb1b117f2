//! The last lines of an output, as somebody would have read them on a screen.

use jobtop_core::text;

use super::decoder::Decoder;
use super::osc;
use super::rows::{Drawn, Rows, Watcher};

/// How many lines are told.
const LINES: usize = 20;
/// How long each of them is at most, in characters.
const LINE_CHARS: usize = 400;
/// More than are told, because empty ones are left out.
const WINDOW: usize = 48;

/// Keeps the last lines: what is redrawn in place once, in its last form, without anything that steers a terminal.
#[derive(Debug)]
pub struct LastLines {
    decoder: Decoder,
    rows: Rows<Nobody>,
}

impl LastLines {
    /// Nothing was said yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            rows: Rows::new(Nobody, WINDOW, LINE_CHARS + 1),
        }
    }

    /// Takes bytes as they come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes, &mut self.rows);
    }

    /// The lines, the oldest first, without empty ones.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .rows
            .texts()
            .map(|line| text::clean_within(line.trim_end(), LINE_CHARS).into_owned())
            .filter(|line| !line.is_empty())
            .collect();
        lines.split_off(lines.len().saturating_sub(LINES))
    }
}

impl Default for LastLines {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
struct Nobody;

impl Watcher for Nobody {
    const KEEPS_TEXT: bool = true;
    fn drawn(&mut self, _: Drawn<'_>) {}
    fn lines(&mut self, _: u64, _: u64, _: &[u8]) {}
    fn erased(&mut self, _: u64) {}
    fn progress(&mut self, _: osc::Progress) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, expected: &[&str]) {
        for cut in [1, 7, 4096] {
            let mut last = LastLines::new();
            for piece in output.as_bytes().chunks(cut) {
                last.feed(piece);
            }
            assert_eq!(last.lines(), expected, "{output:?} in pieces of {cut}");
        }
    }

    #[test]
    fn lines_read_as_on_a_screen() {
        check("", &[]);
        check("one\ntwo\n", &["one", "two"]);
        check("one\r\n\r\n  two  \r\nno end", &["one", "  two", "no end"]);
        check("\r 1%\r 50%\r100%\ndone\n", &["100%", "done"]);
        check("a long line\rshort\n", &["shortg line"]);
        check("a long line\r\x1b[Kshort\n", &["short"]);
        check("working\r\x1b[2K", &[]);
        check("\x1b[31mred\x1b[0m \x1b]0;title\x07text\n", &["red text"]);
        check(
            "a: 10%\nb: 20%\n\x1b[2A\ra: 30%\n\rb: 40%\n",
            &["a: 30%", "b: 40%"],
        );
        check("42%\x08\x08\x0843%\n", &["43%"]);
        check(
            "Grüße \u{1F600} \u{202e}x\n",
            &["Grüße \u{1F600} \u{fffd}x"],
        );
        check("old\n\x1b[H\x1b[2Jnew\n", &["new"]);
    }

    #[test]
    fn only_the_last_twenty_lines_are_told_and_none_is_longer_than_it_may_be() {
        let many: String = (0..1000)
            .flat_map(|n| ["line ".to_owned(), n.to_string(), "\n".to_owned()])
            .collect();
        let mut last = LastLines::new();
        last.feed(many.as_bytes());
        assert_eq!(last.lines().len(), LINES);
        assert_eq!(last.lines()[0], "line 980");
        last.feed(&vec![b'x'; 5_000_000]);
        let line = last.lines().pop().unwrap();
        assert_eq!(line.chars().count(), LINE_CHARS);
        assert!(line.ends_with("x…"), "{line}");
    }
}
