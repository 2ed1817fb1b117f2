//! What a command says of its own progress: bytes of its output in, how far it is out.
//!
//! Pure, and bounded: nothing here reads, writes or knows a clock, and no output makes it keep more than some hundred
//! kilobytes. [`Recogniser`] finds bars in what a terminal or a pipe gets, [`LastLines`] keeps how the output read at last,
//! [`channel`] reads what a program writes to the descriptor that is made for it.

pub mod channel;
mod decoder;
mod forms;
mod last_lines;
mod osc;
mod plain;
mod rows;
mod track;

#[cfg(test)]
mod tests;

use decoder::Decoder;
use rows::{Drawn, LINE_CHARS, Rows};
use track::Track;

pub use last_lines::LastLines;
pub use plain::Plain;

/// How the program means what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It goes on.
    #[default]
    Normal,
    /// It says that something went wrong.
    Error,
    /// It says that it waits.
    Paused,
    /// It goes on, and does not know how far it is.
    Indeterminate,
    /// It has taken its progress away.
    Gone,
}

/// What an output says of progress.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// Per cent of the step, 0 to 100. It does not fall as long as [`Said::part`] is the same.
    pub progress: Option<f64>,
    /// So many things of so many, where there are so many.
    pub items: Option<(u64, Option<u64>)>,
    /// So many bytes of so many, where that is known; read from rounded figures, so about.
    pub bytes: Option<(u64, Option<u64>)>,
    /// The name that stands at the bar.
    pub step: Option<String>,
    /// Counts up with each step that begins: at a bar that starts over, at another bar, at another name.
    pub part: u32,
    /// What the program says besides.
    pub state: State,
}

/// How long the last thing drawn must stand before it counts although nothing follows it.
const SETTLED_MS: u64 = 50;
/// How far up a program may go to redraw a bar.
const WINDOW: usize = 64;

/// Finds progress in the output of a program it knows nothing of.
#[derive(Debug)]
pub struct Recogniser {
    decoder: Decoder,
    rows: Rows<Track>,
    last_ms: u64,
    /// What stands unfinished was looked at.
    looked: bool,
    said: Option<Said>,
}

impl Recogniser {
    /// For one stream: a terminal, or a pipe.
    #[must_use]
    pub fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            rows: Rows::new(Track::default(), WINDOW, LINE_CHARS),
            last_ms: 0,
            looked: true,
            said: None,
        }
    }

    /// Takes bytes as they come, and answers with what they say if that is something new.
    ///
    /// A bar is complete when the next thing is drawn, which for a slow program is a while away: call this from time to time
    /// (a few times a second is enough) with no bytes, and a bar that has stood for 50 ms counts as it stands.
    pub fn feed(&mut self, bytes: &[u8], now_ms: u64) -> Option<Said> {
        if bytes.is_empty() {
            return self.settle(now_ms);
        }
        self.rows.watcher.now_ms = now_ms;
        self.last_ms = now_ms;
        self.looked = false;
        self.decoder.feed(bytes, &mut self.rows);
        let said = self.rows.watcher.said();
        self.answer(said)
    }

    fn settle(&mut self, now_ms: u64) -> Option<Said> {
        if self.looked || now_ms.saturating_sub(self.last_ms) < SETTLED_MS {
            return None;
        }
        self.looked = true;
        let (row, text, redrawn, ups) = self.rows.open()?;
        // Only tried: what it will be when it is complete is judged then, as if this had not been.
        let mut tried = self.rows.watcher.clone();
        tried.open(Drawn {
            row,
            text: &text,
            redrawn,
            ups,
        });
        self.answer(tried.said())
    }

    fn answer(&mut self, said: Option<Said>) -> Option<Said> {
        if said.is_none() || said == self.said {
            return None;
        }
        self.said.clone_from(&said);
        said
    }
}

impl Default for Recogniser {
    fn default() -> Self {
        Self::new()
    }
}
