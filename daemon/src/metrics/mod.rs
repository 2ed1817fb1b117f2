//! What the daemon counts about itself, while it does other things: a counter is one addition, and nothing waits for it.
//!
//! [`histogram`] and [`names`] hold counts of a kind without a lock, [`jobs`] has what the engine counts, [`process`] what the
//! system does, [`page`] writes the text of `GET /metrics`; what stands in it is put together by `http`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use jobtop_core::job::refusal::Code;
use jobtop_core::proto::channel::Topic;

pub mod histogram;
pub mod jobs;
pub mod names;
pub mod page;
pub mod process;

use histogram::Histogram;

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

/// What a client that was cut off, and is back, got of what it had missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Return {
    /// That, and no more.
    CaughtUp,
    /// Everything anew: it was gone for too long, or the daemon had been started again.
    Reset,
}

/// Words for the channels that can be subscribed, in the order of their counts.
pub const CHANNELS: [&str; 5] = ["jobs", "user", "job", "log", "alerts"];
/// Words for the kinds of answers over HTTP, in the order of their counts.
pub const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

const fn channel(topic: &Topic) -> usize {
    match topic {
        Topic::Jobs => 0,
        Topic::User(_) => 1,
        Topic::Job(_) => 2,
        Topic::Log(_) => 3,
        Topic::Alerts => 4,
    }
}

/// How long something took that the daemon does itself.
#[derive(Debug)]
pub struct Work(pub Histogram);

impl Default for Work {
    fn default() -> Self {
        Self(Histogram::of_work())
    }
}

/// Viewers are many and on several threads: so that they do not take the same few bytes from one another with every update, each
/// counts in the lane of its number.
const LANES: usize = 16;

/// What some of the viewers were sent; alone in its lines of the processor's memory.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane {
    updates: AtomicU64,
    conflated: AtomicU64,
}

/// The counters.
#[derive(Debug, Default)]
pub struct Metrics {
    refused: [AtomicU64; Code::ALL.len()],
    cut: [AtomicU64; Cut::ALL.len()],
    open: [AtomicU64; 3],
    opened: [AtomicU64; 3],
    answered: [AtomicU64; CLASSES.len()],
    subscribed: [AtomicU64; CHANNELS.len()],
    returned: [AtomicU64; 2],
    /// From a message to what was written of it to a viewer.
    written: Work,
    sent: [Lane; LANES],
    /// Queues that are told apart.
    queues: names::Names<()>,
    /// What the engine counts.
    pub jobs: jobs::Jobs,
}

/// What the store counts.
#[derive(Debug, Default)]
pub struct Store {
    /// Making what was decided durable.
    pub flushes: Work,
    /// That failed so often.
    pub failures: AtomicU64,
    /// Bytes that were appended to the log.
    pub written: AtomicU64,
    /// Finding finished jobs, with the wait for one's turn.
    pub searches: Work,
    /// Figures about them, the same.
    pub analyses: Work,
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
        self.opened[kind as usize].fetch_add(1, Ordering::Relaxed);
        let count = &self.open[kind as usize];
        count.fetch_add(1, Ordering::Relaxed);
        Open { count }
    }

    /// How many are connected so.
    pub fn open(&self, kind: Kind) -> u64 {
        self.open[kind as usize].load(Ordering::Relaxed)
    }

    /// How many have connected so since the start.
    pub fn ever_opened(&self, kind: Kind) -> u64 {
        self.opened[kind as usize].load(Ordering::Relaxed)
    }

    /// A request over HTTP was answered with that status.
    pub fn answered(&self, status: u16) {
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        self.answered[class].fetch_add(1, Ordering::Relaxed);
    }

    /// A client subscribes to that, or does no more.
    pub fn subscribed(&self, topic: &Topic, does: bool) {
        let count = &self.subscribed[channel(topic)];
        if does {
            count.fetch_add(1, Ordering::Relaxed);
        } else {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A viewer is back.
    pub fn returned(&self, how: Return) {
        self.returned[how as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// So many updates were written to the socket of the viewer of that number; so many of them stand for earlier ones too.
    pub fn sent(&self, viewer: u64, updates: u64, conflated: u64) {
        let lane = &self.sent[viewer as usize % LANES];
        lane.updates.fetch_add(updates, Ordering::Relaxed);
        if conflated > 0 {
            lane.conflated.fetch_add(conflated, Ordering::Relaxed);
        }
    }

    /// Updates were written to a viewer's socket just now; the messages that they tell of came then.
    pub fn measured(&self, came: &[Instant]) {
        let now = Instant::now();
        let took = came.iter().map(|came| now.saturating_duration_since(*came));
        self.written.0.observe_all(took);
    }

    /// How many updates were written to viewers.
    pub fn updates(&self) -> u64 {
        let lanes = self.sent.iter();
        lanes.map(|lane| lane.updates.load(Ordering::Relaxed)).sum()
    }

    /// How long it took from a message to what was written of it to a viewer.
    pub fn latency(&self) -> &Histogram {
        &self.written.0
    }

    /// How many updates stood for others too, which that viewer was not sent.
    pub fn conflated(&self) -> u64 {
        let lanes = self.sent.iter();
        lanes
            .map(|lane| lane.conflated.load(Ordering::Relaxed))
            .sum()
    }

    /// Answers over HTTP, by the class of their status.
    pub fn by_class(&self) -> impl Iterator<Item = (&'static str, u64)> {
        counted(CLASSES.into_iter(), &self.answered)
    }

    /// Subscriptions that there are, by what to.
    pub fn by_channel(&self) -> impl Iterator<Item = (&'static str, u64)> {
        counted(CHANNELS.into_iter(), &self.subscribed)
    }

    /// How many viewers came back so.
    pub fn ever_returned(&self, how: Return) -> u64 {
        self.returned[how as usize].load(Ordering::Relaxed)
    }

    /// Whether that queue is told apart from others: the first ones that are asked about are.
    pub fn is_told_apart(&self, queue: &str) -> bool {
        self.queues.of(queue).1
    }

    /// What was refused since the start, by code.
    pub fn by_code(&self) -> impl Iterator<Item = (&'static str, u64)> {
        counted(Code::ALL.iter().map(|code| code.word()), &self.refused)
    }

    /// How many connections were cut since the start, by the reason.
    pub fn by_cut(&self) -> impl Iterator<Item = (&'static str, u64)> {
        counted(Cut::ALL.iter().map(|why| why.word()), &self.cut)
    }

    /// What was refused since the start, by the code it was answered with; what never was is left out.
    pub fn all_refused(&self) -> BTreeMap<String, u64> {
        said(self.by_code())
    }

    /// How many connections were cut since the start, by the reason; what never was is left out.
    pub fn all_cut(&self) -> BTreeMap<String, u64> {
        said(self.by_cut())
    }
}

fn counted<'a>(
    words: impl Iterator<Item = &'static str> + 'a,
    counts: &'a [AtomicU64],
) -> impl Iterator<Item = (&'static str, u64)> + 'a {
    words.zip(counts.iter().map(|count| count.load(Ordering::Relaxed)))
}

fn said(counts: impl Iterator<Item = (&'static str, u64)>) -> BTreeMap<String, u64> {
    counts
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| (word.to_owned(), count))
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
        assert_eq!(metrics.ever_opened(Kind::Feed), 1);
        for viewer in 0..40 {
            metrics.sent(viewer, 3, viewer % 2);
        }
        assert_eq!((metrics.updates(), metrics.conflated()), (120, 20));
        for status in [101, 200, 201, 404, 503, 999, 0] {
            metrics.answered(status);
        }
        let answered: Vec<_> = metrics.by_class().map(|(_, count)| count).collect();
        assert_eq!(answered, [2, 2, 0, 1, 2]);
    }
}
