//! What the daemon counts about itself, while it does other things: a counter is one addition, and nothing waits for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use jobtop_core::job::refusal::Code;

/// Why a connection did not come about, or ended before its client wanted that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// As many clients are connected as there is room for.
    Full,
    /// As many are connected from one address as may be.
    AddressFull,
    /// No key was agreed on, or not in time.
    Handshake,
    /// The head of a request did not come in time.
    SlowHead,
    /// An answer was not taken.
    SlowReader,
    /// Nothing was heard for too long.
    Silent,
    /// A message was too large.
    TooLarge,
    /// A message came in too many pieces.
    Fragments,
    /// A frame was none.
    Malformed,
    /// What let the client in holds no more.
    LetInNoMore,
    /// The feed was switched off.
    FeedDisabled,
}

impl Cut {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Full,
        Self::AddressFull,
        Self::Handshake,
        Self::SlowHead,
        Self::SlowReader,
        Self::Silent,
        Self::TooLarge,
        Self::Fragments,
        Self::Malformed,
        Self::LetInNoMore,
        Self::FeedDisabled,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::AddressFull => "address_full",
            Self::Handshake => "handshake",
            Self::SlowHead => "slow_head",
            Self::SlowReader => "slow_reader",
            Self::Silent => "silent",
            Self::TooLarge => "too_large",
            Self::Fragments => "fragments",
            Self::Malformed => "malformed",
            Self::LetInNoMore => "let_in_no_more",
            Self::FeedDisabled => "feed_disabled",
        }
    }
}

/// How a client is connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Over the Unix socket.
    Unix,
    /// Over TCP.
    Tcp,
    /// By a WebSocket, whichever way.
    Feed,
}

/// The counters.
#[derive(Debug, Default)]
pub struct Metrics {
    refused: [AtomicU64; Code::ALL.len()],
    cut: [AtomicU64; Cut::ALL.len()],
    open: [AtomicU64; 3],
}

impl Metrics {
    /// Something that was asked for was refused.
    pub fn refused(&self, code: Code) {
        self.refused[code as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A connection was cut.
    pub fn cut(&self, why: Cut) {
        self.cut[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections have failed since the start: cut for what is neither a limit that was reached on purpose nor the end of a
    /// permission.
    pub fn failed_connections(&self) -> u64 {
        let failures = [
            Cut::Full,
            Cut::AddressFull,
            Cut::Handshake,
            Cut::SlowHead,
            Cut::SlowReader,
            Cut::Silent,
            Cut::Malformed,
        ];
        let count = |why: Cut| self.cut[why as usize].load(Ordering::Relaxed);
        failures.into_iter().map(count).sum()
    }

    /// A client is connected, until what is given back is dropped.
    pub fn opened(&self, kind: Kind) -> Open<'_> {
        let count = &self.open[kind as usize];
        count.fetch_add(1, Ordering::Relaxed);
        Open { count }
    }

    /// How many are connected so.
    pub fn open(&self, kind: Kind) -> u64 {
        self.open[kind as usize].load(Ordering::Relaxed)
    }

    /// What was refused since the start, by the code it was answered with; what never was is left out.
    pub fn all_refused(&self) -> BTreeMap<String, u64> {
        said(Code::ALL.iter().map(|code| code.word()), &self.refused)
    }

    /// How many connections were cut since the start, by the reason; what never was is left out.
    pub fn all_cut(&self) -> BTreeMap<String, u64> {
        said(Cut::ALL.iter().map(|why| why.word()), &self.cut)
    }
}

fn said<'a>(words: impl Iterator<Item = &'a str>, counts: &[AtomicU64]) -> BTreeMap<String, u64> {
    words
        .zip(counts)
        .map(|(word, count)| (word.to_owned(), count.load(Ordering::Relaxed)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// A client that is connected.
#[derive(Debug)]
pub struct Open<'a> {
    count: &'a AtomicU64,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told_by_its_word() {
        let metrics = Metrics::default();
        for (at, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, at, "{code:?}");
        }
        for (at, why) in Cut::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, at, "{why:?}");
        }
        metrics.refused(Code::RateLimited);
        metrics.refused(Code::RateLimited);
        metrics.cut(Cut::Silent);
        assert_eq!(
            metrics.all_refused(),
            BTreeMap::from([("rate_limited".to_owned(), 2)])
        );
        assert_eq!(
            metrics.all_cut(),
            BTreeMap::from([("silent".to_owned(), 1)])
        );
        let open = metrics.opened(Kind::Feed);
        assert_eq!(metrics.open(Kind::Feed), 1);
        drop(open);
        assert_eq!(metrics.open(Kind::Feed), 0);
    }
}
