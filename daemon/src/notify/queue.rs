//! What one hook has yet to be told, and whose turn it is. Pure: time and chance are arguments.
//!
//! Deliveries about the same job come one after the other; others need not wait for them. A receiver that fails again and again is
//! asked with one delivery at a time, less and less often. What does not fit pushes out the oldest.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jobtop_client::backoff::Backoff;
use jobtop_core::{Now, Timestamp};

use super::payload::Delivery;

/// A hook has so many deliveries waiting …
const LENGTH: usize = 1_000;
/// … with so many bytes.
const BYTES: usize = 4 << 20;
/// So many attempts go on at once.
const AT_ONCE: usize = 4;
/// After so many failures in a row a receiver counts as ailing.
const AILING: u32 = 3;
/// What could not be told in this time is given up.
const GIVEN_UP_MS: u64 = 24 * 3_600_000;

const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    max: Duration::from_secs(300),
    min: Duration::from_millis(500),
    good_after: Duration::ZERO,
};

/// What came of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It has been told.
    Told,
    /// It may be told another time, but not before that.
    Later(String, Option<Duration>),
    /// It won't be told: trying again would not help.
    Never(String),
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Settled {
    /// It is over.
    Over,
    /// It is tried again.
    Again,
    /// It was tried for too long.
    GivenUp,
}

/// The deliveries of a hook.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Entry>,
    bytes: usize,
    /// In a row.
    failures: u32,
    failing: Option<(Timestamp, String)>,
    /// Nothing is begun before.
    rests_until: u64,
    /// How many were pushed out or given up.
    dropped: u64,
}

#[derive(Debug)]
struct Entry {
    delivery: Arc<Delivery>,
    attempts: u32,
    not_before: u64,
    is_running: bool,
}

impl Queue {
    /// One more; gives back those that were pushed out.
    pub(super) fn push(&mut self, delivery: Arc<Delivery>) -> Vec<Arc<Delivery>> {
        self.bytes += delivery.body.len();
        self.waiting.push_back(Entry {
            delivery,
            attempts: 0,
            not_before: 0,
            is_running: false,
        });
        let mut out = Vec::new();
        while self.waiting.len() > LENGTH || self.bytes > BYTES {
            let newest = self.waiting.len() - 1;
            let oldest = self.waiting.iter().position(|entry| !entry.is_running);
            let Some(at) = oldest.filter(|at| *at < newest) else {
                break;
            };
            out.extend(self.take(at));
        }
        self.dropped += out.len() as u64;
        out
    }

    fn take(&mut self, at: usize) -> Option<Arc<Delivery>> {
        let entry = self.waiting.remove(at)?;
        self.bytes -= entry.delivery.body.len();
        Some(entry.delivery)
    }

    /// The next one to be told, if it is time for one.
    pub(super) fn next(&mut self, now: u64) -> Option<Arc<Delivery>> {
        if now < self.rests_until {
            return None;
        }
        let running = self.waiting.iter().filter(|entry| entry.is_running).count();
        if running >= self.at_once() {
            return None;
        }
        let at = self.first(|entry| entry.not_before <= now)?;
        let entry = self.waiting.get_mut(at)?;
        entry.is_running = true;
        Some(Arc::clone(&entry.delivery))
    }

    /// The first of those whose turn it may be that is fit.
    fn first(&self, fits: impl Fn(&Entry) -> bool) -> Option<usize> {
        let mut before = HashSet::new();
        self.waiting.iter().position(|entry| {
            before.insert(&entry.delivery.about) && !entry.is_running && fits(entry)
        })
    }

    fn at_once(&self) -> usize {
        if self.is_ailing() { 1 } else { AT_ONCE }
    }

    fn is_ailing(&self) -> bool {
        self.failures >= AILING
    }

    /// When [`Queue::next`] is to be asked once more, where nothing else happens.
    pub(super) fn due(&self, now: u64) -> Option<u64> {
        let mut before = HashSet::new();
        let turns = self
            .waiting
            .iter()
            .filter(|entry| before.insert(&entry.delivery.about) && !entry.is_running);
        let first = turns.map(|entry| entry.not_before).min()?;
        let at = first.max(self.rests_until);
        // What may begin already waits for an attempt to end.
        (at > now).then_some(at)
    }

    /// An attempt has ended.
    pub(super) fn settle(&mut self, id: &str, verdict: Verdict, now: Now, random: u64) -> Settled {
        let found = self.waiting.iter().position(|e| *e.delivery.id == *id);
        let Some(at) = found else {
            return Settled::Over;
        };
        let (why, later) = match verdict {
            Verdict::Told => {
                self.forgive();
                self.take(at);
                return Settled::Over;
            }
            Verdict::Later(why, pause) => (why, Some(pause)),
            Verdict::Never(why) => (why, None),
        };
        self.failures = self.failures.saturating_add(1);
        let since = self.failing.take().map_or(now.wall, |(since, _)| since);
        self.failing = Some((since, why));
        let Some(pause) = later else {
            self.take(at);
            return Settled::Over;
        };
        let ailing = self.is_ailing();
        let Some(entry) = self.waiting.get_mut(at) else {
            return Settled::Over;
        };
        if now.wall.ms_since(entry.delivery.at) > GIVEN_UP_MS {
            self.dropped += 1;
            self.take(at);
            return Settled::GivenUp;
        }
        entry.is_running = false;
        entry.attempts += 1;
        let wait = BACKOFF.wait(entry.attempts, random);
        let wait = wait.max(pause.unwrap_or_default()).min(BACKOFF.max);
        entry.not_before = now.mono + wait.as_millis() as u64;
        if ailing {
            let rest = BACKOFF.wait(self.failures, random);
            self.rests_until = entry.not_before.max(now.mono + rest.as_millis() as u64);
        }
        Settled::Again
    }

    /// The receiver is back, or another one: nobody waits for it any longer.
    pub(super) fn forgive(&mut self) {
        self.failures = 0;
        self.failing = None;
        self.rests_until = 0;
        for entry in &mut self.waiting {
            entry.not_before = 0;
        }
    }

    /// Since when it fails again and again, and why.
    pub(super) fn ails(&self) -> Option<(Timestamp, &str)> {
        let failing = self.failing.as_ref().filter(|_| self.is_ailing());
        failing.map(|(since, why)| (*since, why.as_str()))
    }

    /// How many failures there were in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// What has yet to be told, in order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Arc<Delivery>> {
        self.waiting.iter().map(|entry| &entry.delivery)
    }

    /// How many were pushed out or given up.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(id: &str, about: &str, size: usize) -> Arc<Delivery> {
        Arc::new(Delivery {
            id: id.into(),
            hook: "a".into(),
            event: "failed".into(),
            about: about.into(),
            at: Timestamp(0),
            body: "x".repeat(size).into(),
        })
    }

    fn at(ms: u64) -> Now {
        Now {
            wall: Timestamp(ms as i64),
            mono: ms,
        }
    }

    fn later() -> Verdict {
        Verdict::Later("no".to_owned(), None)
    }

    fn next(queue: &mut Queue, ms: u64) -> Option<String> {
        queue.next(ms).map(|delivery| delivery.id.to_string())
    }

    #[test]
    fn what_is_about_the_same_comes_in_order_and_others_do_not_wait() {
        let mut queue = Queue::default();
        for (id, about) in [("1", "x"), ("2", "x"), ("3", "y")] {
            assert!(queue.push(delivery(id, about, 1)).is_empty());
        }
        assert_eq!(next(&mut queue, 0).as_deref(), Some("1"));
        assert_eq!(next(&mut queue, 0).as_deref(), Some("3"));
        assert_eq!(next(&mut queue, 0), None);
        // It failed: the second still waits for the first.
        assert_eq!(queue.settle("1", later(), at(0), u64::MAX), Settled::Again);
        assert_eq!(next(&mut queue, 0), None);
        assert_eq!(queue.due(0), Some(1_000));
        assert_eq!(next(&mut queue, 1_000).as_deref(), Some("1"));
        assert_eq!(
            queue.settle("1", Verdict::Told, at(1_000), 0),
            Settled::Over
        );
        assert_eq!(next(&mut queue, 1_000).as_deref(), Some("2"));
    }

    #[test]
    fn a_dead_receiver_is_asked_less_and_less_and_with_one_at_a_time() {
        let mut queue = Queue::default();
        for about in 0..9 {
            queue.push(delivery(&about.to_string(), &about.to_string(), 1));
        }
        let began: Vec<_> = std::iter::from_fn(|| next(&mut queue, 0)).collect();
        assert_eq!(began.len(), AT_ONCE);
        for id in &began {
            queue.settle(id, later(), at(0), u64::MAX);
        }
        assert_eq!(queue.ails(), Some((Timestamp(0), "no")));
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..9 {
            let due = queue.due(now).unwrap();
            waits.push(due - now);
            now = due;
            let id = next(&mut queue, now).unwrap();
            assert_eq!(next(&mut queue, now), None, "one at a time");
            queue.settle(&id, later(), at(now), u64::MAX);
        }
        assert!(waits.is_sorted(), "{waits:?}");
        assert_eq!(waits.last(), Some(&300_000));
        let due = queue.due(now).unwrap();
        let id = next(&mut queue, due).unwrap();
        queue.settle(&id, Verdict::Told, at(due), 0);
        assert_eq!(queue.ails(), None);
        assert!(next(&mut queue, due).is_some(), "nobody waits any longer");
    }

    #[test]
    fn the_newest_are_kept() {
        let mut queue = Queue::default();
        for n in 0..LENGTH {
            assert!(queue.push(delivery(&n.to_string(), "x", 1)).is_empty());
        }
        assert_eq!(next(&mut queue, 0).as_deref(), Some("0"));
        let out = queue.push(delivery("new", "x", 1));
        assert_eq!(out.len(), 1);
        assert_eq!(&*out[0].id, "1", "the one that is being told stays");
        let out = queue.push(delivery("large", "x", BYTES));
        assert_eq!(out.len(), LENGTH - 1);
        assert_eq!(queue.waiting().count(), 2);
        assert_eq!(queue.dropped(), LENGTH as u64);
    }

    #[test]
    fn what_can_never_be_told_is_over_and_old_ones_are_given_up() {
        let mut queue = Queue::default();
        queue.push(delivery("1", "x", 1));
        assert_eq!(next(&mut queue, 0).as_deref(), Some("1"));
        let never = Verdict::Never("404".to_owned());
        assert_eq!(queue.settle("1", never, at(0), 0), Settled::Over);
        assert_eq!((queue.failures(), queue.due(0)), (1, None));
        queue.push(delivery("2", "x", 1));
        let late = GIVEN_UP_MS + 1;
        assert_eq!(next(&mut queue, late).as_deref(), Some("2"));
        assert_eq!(queue.settle("2", later(), at(late), 0), Settled::GivenUp);
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time() {
        let mut queue = Queue::default();
        queue.push(delivery("1", "x", 1));
        next(&mut queue, 0);
        let asks = Verdict::Later("429".to_owned(), Some(Duration::from_secs(60)));
        queue.settle("1", asks, at(0), 0);
        assert_eq!(queue.due(0), Some(60_000));
    }
}
