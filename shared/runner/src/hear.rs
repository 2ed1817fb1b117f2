//! What comes in on a stream of the command is heard: progress is told as it is recognised, and the last lines are kept.
//!
//! Whoever listens to what is told may be slow: the newest is kept for him, and the stream is read on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::Tell;
use crate::output::{LastLines, Recogniser, Said};

/// How often a bar is looked at that may stand as it is.
pub(crate) const SETTLE: Duration = Duration::from_millis(100);

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
    /// Bytes came since the last look at what stands.
    stirred: bool,
}

impl Ear {
    pub(crate) fn new(tell: mpsc::Sender<Tell>, last: Last) -> Self {
        Self {
            begun: Instant::now(),
            recogniser: Recogniser::new(),
            last,
            tell,
            waiting: None,
            stirred: false,
        }
    }

    /// Hears what was written.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        self.last.feed(bytes);
        self.stirred = true;
        self.feed(bytes);
    }

    /// Hears the silence, from time to time.
    pub(crate) fn settle(&mut self) {
        self.stirred = false;
        self.feed(&[]);
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
