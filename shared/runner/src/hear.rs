//! What comes in on a stream of the command is heard: progress is told as it is recognised, and the last lines are kept.
//!
//! Whoever listens to what is told may be slow: the newest is kept for him, and the stream is read on. Nor does hearing slow the
//! command: of a flood, which is no bar, only what came last is heard.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::Tell;
use crate::output::{LastLines, Recogniser, Said};

/// How often a bar is looked at that may stand as it is.
pub(crate) const SETTLE: Duration = Duration::from_millis(100);

/// Bytes heard at most in such a time, and as many of the end of what came beyond them.
const PORTION: usize = 64 * 1024;
/// What ends an escape sequence that is cut off, and the line.
const CUT: &[u8] = b"\x18\n";

/// The last lines that were heard, shared with whoever tells the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Last(Arc<Mutex<LastLines>>);

impl Last {
    fn feed(&self, bytes: &[u8]) {
        // What was kept by somebody who panicked is as good as before.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.feed(bytes);
    }

    /// The lines; none where there are none.
    pub(crate) fn lines(&self) -> Option<Vec<Arc<str>>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<Arc<str>> = last.lines().into_iter().map(Into::into).collect();
        (!lines.is_empty()).then_some(lines)
    }
}

/// Listens to one stream.
#[derive(Debug)]
pub(crate) struct Ear {
    begun: Instant,
    recogniser: Recogniser,
    last: Last,
    tell: mpsc::Sender<Tell>,
    /// What there was no room to tell.
    waiting: Option<Said>,
    /// When the present portion began, and how much of it is heard.
    portion: Instant,
    heard: usize,
    /// The end of what came beyond the portion, and whether something before it is lost.
    beyond: Vec<u8>,
    lost: bool,
    /// Bytes came since the last look at what stands.
    stirred: bool,
}

impl Ear {
    pub(crate) fn new(tell: mpsc::Sender<Tell>, last: Last) -> Self {
        Self {
            begun: Instant::now(),
            portion: Instant::now(),
            heard: 0,
            beyond: Vec::new(),
            lost: false,
            recogniser: Recogniser::new(),
            last,
            tell,
            waiting: None,
            stirred: false,
        }
    }

    /// Hears what was written.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        self.stirred = true;
        if self.portion.elapsed() >= SETTLE {
            self.catch_up();
        }
        if self.beyond.is_empty() && self.heard + bytes.len() <= PORTION {
            self.heard += bytes.len();
            self.take(bytes);
        } else {
            self.put_off(bytes);
        }
    }

    /// Hears the silence, from time to time and at the end.
    pub(crate) fn settle(&mut self) {
        self.stirred = !self.beyond.is_empty();
        self.catch_up();
        self.feed(&[]);
    }

    /// Hears what was put off, and begins a new portion.
    fn catch_up(&mut self) {
        let beyond = std::mem::take(&mut self.beyond);
        let mut rest = &beyond[beyond.len().saturating_sub(PORTION)..];
        if std::mem::take(&mut self.lost) || rest.len() < beyond.len() {
            // From the first whole line on.
            self.take(CUT);
            rest = memchr::memchr(b'\n', rest).map_or(rest, |end| &rest[end + 1..]);
        }
        self.take(rest);
        self.portion = Instant::now();
        self.heard = 0;
    }

    fn put_off(&mut self, bytes: &[u8]) {
        self.beyond.extend_from_slice(bytes);
        if self.beyond.len() > 4 * PORTION {
            self.beyond.drain(..self.beyond.len() - PORTION);
            self.lost = true;
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.last.feed(bytes);
            self.feed(bytes);
        }
    }

    /// Whether silence is worth hearing.
    pub(crate) fn listens(&self) -> bool {
        self.stirred || self.waiting.is_some()
    }

    fn feed(&mut self, bytes: &[u8]) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let said = self.recogniser.feed(bytes, now);
        if let Some(said) = said.or_else(|| self.waiting.take())
            && let Err(mpsc::error::TrySendError::Full(Tell::Said(said))) =
                self.tell.try_send(Tell::Said(said))
        {
            self.waiting = Some(said);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn of_a_flood_the_end_is_heard_and_no_line_is_two() {
        // So long that a line that is cut is among the last ones.
        let mut numbers = String::new();
        for number in 0..2_000 {
            let _ = writeln!(numbers, "{number:04}{:x<5000}", "");
        }
        for piece in [1_000, 4_096, 65_536] {
            let (tell, _told) = mpsc::channel(1);
            let last = Last::default();
            let mut ear = Ear::new(tell, last.clone());
            for (count, bytes) in numbers.as_bytes().chunks(piece).enumerate() {
                ear.hear(bytes);
                // Pauses in between, as the scheduler makes them.
                if count % 97 == 0 {
                    ear.settle();
                    for line in last.lines().unwrap_or_default() {
                        let begin = &line[..line.len().min(4)];
                        assert!(
                            begin.parse::<u32>().is_ok(),
                            "{line:?} in pieces of {piece}"
                        );
                    }
                }
            }
            ear.settle();
            let lines = last.lines().unwrap_or_default();
            let lines: Vec<_> = lines.iter().map(|line| &line[..4]).collect();
            assert!(
                lines.len() >= 12 && lines.ends_with(&["1998", "1999"]),
                "{lines:?} in pieces of {piece}"
            );
        }
    }
}
