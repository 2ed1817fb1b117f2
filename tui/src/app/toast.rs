//! A short notice that goes away by itself.

/// How long a notice stays, in milliseconds, and how much longer for each of its characters.
const STAYS_MS: u64 = 4_000;
const PER_CHAR_MS: u64 = 40;

/// A notice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Toast {
    /// What it says.
    pub(crate) text: String,
    /// How it is meant.
    pub(crate) tone: Tone,
    /// When it goes, on the monotonic clock.
    pub(crate) until: u64,
}

/// How a notice is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tone {
    /// Something was done.
    Done,
    /// Something can't be done now.
    Hint,
    /// The daemon said no, or something went wrong.
    Refusal,
}

impl Toast {
    /// A notice from the moment `mono` on; longer texts stay longer.
    pub(crate) fn new(tone: Tone, text: impl Into<String>, mono: u64) -> Self {
        let text = text.into();
        let until = mono + STAYS_MS + PER_CHAR_MS * text.chars().count() as u64;
        Self { text, tone, until }
    }
}
