//! An output as lines that can be shown anywhere: what is redrawn in place once, as it read when its line ended, and nothing
//! that steers a terminal.

use jobtop_core::text;

use super::decoder::{Control, Decoder, Screen};
use super::osc;

/// A longer line goes on in the next.
const LINE_BYTES: usize = 16 * 1024;

/// Turns bytes, however they are cut, into lines.
#[derive(Debug)]
pub struct Plain {
    decoder: Decoder,
    lines: Lines,
}

#[derive(Debug, Default)]
struct Lines {
    whole: Vec<String>,
    open: String,
    /// The cursor stands at the beginning of the open line: what comes is written over it.
    returned: bool,
}

impl Plain {
    /// Nothing came yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            lines: Lines::default(),
        }
    }

    /// Takes bytes, and gives back the lines that they end.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        self.decoder.feed(bytes, &mut self.lines);
        std::mem::take(&mut self.lines.whole)
    }

    /// The line that has not ended yet; empty if there is none.
    #[must_use]
    pub fn open(&self) -> &str {
        &self.lines.open
    }
}

impl Default for Plain {
    fn default() -> Self {
        Self::new()
    }
}

impl Lines {
    fn end(&mut self) {
        self.returned = false;
        self.whole.push(std::mem::take(&mut self.open));
    }
}

impl Screen for Lines {
    fn at_fresh_line(&self) -> bool {
        self.open.is_empty()
    }

    fn lines(&mut self, block: &[u8]) {
        let block = String::from_utf8_lossy(block);
        for line in block.lines() {
            self.text(&line.replace('\t', "        "));
            self.end();
        }
    }

    fn text(&mut self, text: &str) {
        if std::mem::take(&mut self.returned) {
            self.open.clear();
        }
        for c in text::clean(text).chars() {
            self.open.push(c);
            if self.open.len() >= LINE_BYTES {
                self.end();
            }
        }
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Newline => self.end(),
            Control::Return | Control::Column(0) => self.returned = true,
            Control::EraseLine | Control::EraseScreen => self.open.clear(),
            _ => {}
        }
    }

    fn progress(&mut self, _: osc::Progress) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_reads_as_it_did_on_a_screen_however_it_is_cut() {
        for (output, lines, open) in [
            ("one\ntwo\r\nthree", vec!["one", "two"], "three"),
            ("\r 10%\r 55%\r100%\ndone\n", vec!["100%", "done"], ""),
            (
                "\u{1b}[1;31mred\u{1b}[0m\n\u{1b}]0;title\u{7}x\n",
                vec!["red", "x"],
                "",
            ),
            ("half\u{1b}[2Kgone\n", vec!["gone"], ""),
            ("ä€😀\n\n", vec!["ä€😀", ""], ""),
            ("a\u{202e}b\n", vec!["a\u{fffd}b"], ""),
            ("", vec![], ""),
        ] {
            for cut in [1, 3, 4096] {
                let mut plain = Plain::new();
                let mut got = Vec::new();
                for piece in output.as_bytes().chunks(cut) {
                    got.extend(plain.feed(piece));
                }
                assert_eq!(
                    (got, plain.open()),
                    (lines.iter().map(ToString::to_string).collect(), open),
                    "{output:?} in {cut}"
                );
            }
        }
        let mut plain = Plain::new();
        let long = plain.feed("x".repeat(40_000).as_bytes());
        assert!(long.iter().all(|line| line.len() < 40_000), "bounded");
        assert_eq!(
            long.iter().map(String::len).sum::<usize>() + plain.open().len(),
            40_000
        );
    }
}
