//! What hooks have yet to be told, kept so that it is told after a restart: `hooks.jsonl` in the data directory, a line for each
//! thing that is to be told, and one when it has been.
//!
//! It knows the ends of jobs that were looked at, too: a job whose end is in the store and not here was cut off in between, and is
//! told at the next start. A thread of its own writes; nobody waits for it. When it can't, the whole is written anew later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jobtop_core::{JobId, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::payload::Delivery;
use crate::disk;

const FILE: &str = "hooks.jsonl";
/// The form of the file.
const FORMAT: u32 = 1;
/// So many ends of jobs are known.
const KNOWN: usize = 16_384;
/// So many orders, and so many bytes in them, wait for the disk.
const ORDERS: usize = 1_024;
const ORDERED: usize = 16 << 20;
/// A file of this size, half of which is over, is written anew.
const LARGE: usize = 4 << 20;
/// A file that could not be written is tried again after this time.
const CALM_MS: u64 = 10_000;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    /// The first line.
    Format(u32),
    /// Ends of jobs are known from then on.
    Since(Timestamp),
    /// The end of that job was looked at.
    Ended(JobId, Timestamp),
    /// This is to be told.
    Tell(#[serde(borrow)] std::borrow::Cow<'a, Delivery>),
    /// That has been told, or never will be.
    Over(std::borrow::Cow<'a, str>),
}

/// What the writer is asked to do.
enum Order {
    /// Append it, and see it to the disk if that is asked for.
    Append(String, bool),
    /// Have a file with nothing else.
    Rewrite(String),
}

/// The ends of jobs that were looked at: the newest of them, and from when on they are known.
#[derive(Debug, Default)]
pub(super) struct Ends {
    since: Timestamp,
    known: BTreeSet<JobId>,
    order: VecDeque<(JobId, Timestamp)>,
}

impl Ends {
    /// None is known; earlier ones than `since` are nobody's affair.
    pub(super) fn from(since: Timestamp) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// One more was looked at.
    pub(super) fn add(&mut self, job: JobId, at: Timestamp) {
        if self.known.insert(job) {
            self.order.push_back((job, at));
        }
        while self.order.len() > KNOWN
            && let Some((job, at)) = self.order.pop_front()
        {
            self.known.remove(&job);
            self.since = self.since.max(at);
        }
    }

    /// Whether it was looked at, or is none of ours.
    pub(super) fn knows(&self, job: JobId, at: Timestamp) -> bool {
        at <= self.since || self.known.contains(&job)
    }
}

/// What the file has.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In the order in which it was to be told.
    pub(super) waiting: Vec<Arc<Delivery>>,
    /// None: there was no file that could be read.
    pub(super) ends: Option<Ends>,
}

/// Reads the file. One that can't be read is put aside and said.
pub(super) fn read(dir: &Path) -> Found {
    let path = dir.join(FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(
                    "{} can't be read ({error}): hooks are not told what it has",
                    path.display()
                );
            }
            return Found::default();
        }
    };
    match parse(&text) {
        Ok(found) => found,
        Err(why) => {
            let aside = dir.join("hooks.jsonl.aside");
            let kept = match fs::rename(&path, &aside) {
                Ok(()) => format!("it is kept as {}", aside.display()),
                Err(error) => format!("it can't be kept: {error}"),
            };
            tracing::warn!(
                "{}: {why}: hooks are not told what it has; {kept}",
                path.display()
            );
            Found::default()
        }
    }
}

fn parse(text: &[u8]) -> Result<Found, String> {
    let mut lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    match lines.next().map(serde_json::from_slice) {
        None | Some(Ok(Line::Format(FORMAT))) => {}
        Some(Ok(Line::Format(other))) => {
            return Err(format!("it has the form {other}, of a newer version"));
        }
        Some(_) => return Err("it does not begin as it should".to_owned()),
    }
    let mut waiting = BTreeMap::new();
    let mut ends = Ends::default();
    let mut torn = 0_u32;
    for (number, line) in lines.enumerate() {
        match serde_json::from_slice(line) {
            Ok(Line::Since(at)) => ends.since = at,
            Ok(Line::Ended(job, at)) => ends.add(job, at),
            Ok(Line::Tell(delivery)) => {
                waiting.insert(delivery.id.clone(), (number, delivery.into_owned()));
            }
            Ok(Line::Over(id)) => {
                waiting.remove(&*id);
            }
            Ok(Line::Format(_)) => {}
            // The end of a machine tears a line off, and what was written behind it goes on in it.
            Err(_) => torn += 1,
        }
    }
    if torn > 0 {
        tracing::warn!(torn, "some lines of {FILE} can't be read and are left out");
    }
    let mut waiting: Vec<_> = waiting.into_values().collect();
    waiting.sort_by_key(|(number, _)| *number);
    Ok(Found {
        waiting: waiting.into_iter().map(|(_, one)| Arc::new(one)).collect(),
        ends: Some(ends),
    })
}

/// Nothing is to be told: no hook is there.
pub(super) fn forget(dir: &Path) {
    let _ = fs::remove_file(dir.join(FILE));
}

/// The writing end.
#[derive(Debug)]
pub(super) struct Spool {
    orders: mpsc::Sender<Order>,
    ordered: Arc<AtomicUsize>,
    /// Something is not in the file that should be.
    torn: Arc<AtomicBool>,
    size: usize,
    /// As large as it is when only what counts is in it.
    least: usize,
    tried_at: u64,
}

/// The end that writes.
pub(super) struct Writer {
    orders: mpsc::Receiver<Order>,
    ordered: Arc<AtomicUsize>,
    torn: Arc<AtomicBool>,
    dir: PathBuf,
    file: Option<File>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

/// Both ends. The file has nothing before it is written anew.
pub(super) fn spool(dir: &Path) -> (Spool, Writer) {
    let (orders, ordered_here) = mpsc::channel(ORDERS);
    let ordered = Arc::<AtomicUsize>::default();
    let torn = Arc::new(AtomicBool::new(true));
    let spool = Spool {
        orders,
        ordered: Arc::clone(&ordered),
        torn: Arc::clone(&torn),
        size: 0,
        least: 0,
        tried_at: 0,
    };
    let writer = Writer {
        orders: ordered_here,
        ordered,
        torn,
        dir: dir.to_owned(),
        file: None,
    };
    (spool, writer)
}

fn put(to: &mut String, line: &Line<'_>) {
    // Our own types always become JSON.
    to.push_str(&serde_json::to_string(line).unwrap_or_default());
    to.push('\n');
}

impl Spool {
    /// Keeps what is to be told, and that the end of a job was looked at.
    pub(super) fn keep(&mut self, ended: Option<(JobId, Timestamp)>, tell: &[Arc<Delivery>]) {
        let mut text = String::new();
        for delivery in tell {
            put(&mut text, &Line::Tell(std::borrow::Cow::Borrowed(delivery)));
        }
        // Behind: a tear in between has it told twice rather than not at all.
        if let Some((job, at)) = ended {
            put(&mut text, &Line::Ended(job, at));
        }
        if !text.is_empty() {
            self.append(text, !tell.is_empty());
        }
    }

    /// Something is over.
    pub(super) fn over(&mut self, id: &str) {
        let mut text = String::new();
        put(&mut text, &Line::Over(id.into()));
        self.append(text, false);
    }

    fn append(&mut self, text: String, sync: bool) {
        // What is not there now comes with the whole.
        if self.torn.load(Ordering::Acquire) {
            return;
        }
        self.size += text.len();
        let length = text.len();
        if self.ordered.load(Ordering::Relaxed) > ORDERED {
            self.torn.store(true, Ordering::Release);
            return;
        }
        self.ordered.fetch_add(length, Ordering::Relaxed);
        if self.orders.try_send(Order::Append(text, sync)).is_err() {
            self.ordered.fetch_sub(length, Ordering::Relaxed);
            self.torn.store(true, Ordering::Release);
        }
    }

    /// When the file is to be written anew because that failed; none if all is well.
    pub(super) fn due(&self) -> Option<u64> {
        let torn = self.torn.load(Ordering::Acquire);
        torn.then_some(self.tried_at + CALM_MS)
    }

    /// Whether it is time to write the file anew.
    pub(super) fn wants_rewrite(&self, now: u64) -> bool {
        match self.due() {
            Some(at) => now >= at || self.tried_at == 0,
            None => self.size > LARGE && self.size > 2 * self.least,
        }
    }

    /// The file is gone: the next one is written whole.
    pub(super) fn tear(&mut self) {
        self.torn.store(true, Ordering::Release);
        self.tried_at = 0;
    }

    /// Writes it anew.
    pub(super) fn rewrite<'a>(
        &mut self,
        ends: &Ends,
        waiting: impl Iterator<Item = &'a Arc<Delivery>>,
        now: u64,
    ) {
        let mut text = String::new();
        put(&mut text, &Line::Format(FORMAT));
        put(&mut text, &Line::Since(ends.since));
        for (job, at) in &ends.order {
            put(&mut text, &Line::Ended(*job, *at));
        }
        for delivery in waiting {
            put(&mut text, &Line::Tell(std::borrow::Cow::Borrowed(delivery)));
        }
        self.size = text.len();
        self.least = text.len();
        self.tried_at = now.max(1);
        // Before: what comes from now on is appended behind it.
        self.torn.store(false, Ordering::Release);
        if self.orders.try_send(Order::Rewrite(text)).is_err() {
            self.torn.store(true, Ordering::Release);
        }
    }
}

impl Writer {
    /// Writes until nobody orders any more. Waits for the disk.
    pub(super) fn run(mut self) {
        while let Some(order) = self.orders.blocking_recv() {
            let done = match order {
                Order::Append(text, sync) => {
                    self.ordered.fetch_sub(text.len(), Ordering::Relaxed);
                    self.append(text, sync)
                }
                Order::Rewrite(text) => self.rewrite(&text),
            };
            if let Err(error) = done {
                self.file = None;
                if !self.torn.swap(true, Ordering::AcqRel) {
                    tracing::error!(
                        "{} can't be written ({error}): what hooks have yet to be told is lost if the daemon ends now",
                        self.dir.join(FILE).display()
                    );
                }
            }
        }
    }

    /// Appends it, with all that is there already, so that the disk is waited for once.
    fn append(&mut self, mut text: String, mut sync: bool) -> io::Result<()> {
        while text.len() < LARGE {
            match self.orders.try_recv() {
                Ok(Order::Append(more, and)) => {
                    self.ordered.fetch_sub(more.len(), Ordering::Relaxed);
                    text.push_str(&more);
                    sync |= and;
                }
                // It has what was just taken, too.
                Ok(Order::Rewrite(text)) => return self.rewrite(&text),
                Err(_) => break,
            }
        }
        let Some(file) = &mut self.file else {
            return Err(io::ErrorKind::NotFound.into());
        };
        file.write_all(text.as_bytes())?;
        if sync { file.sync_data() } else { Ok(()) }
    }

    fn rewrite(&mut self, text: &str) -> io::Result<()> {
        let path = self.dir.join(FILE);
        self.file = Some(disk::replace(&path, text.as_bytes())?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(id: &str) -> Arc<Delivery> {
        Arc::new(Delivery {
            id: id.into(),
            hook: "a".into(),
            event: "failed".into(),
            about: "job".into(),
            at: Timestamp(5),
            body: "{\"a\":\"\\n\"}".into(),
        })
    }

    fn job(n: u128) -> JobId {
        JobId(n)
    }

    #[test]
    fn what_is_kept_is_found_until_it_is_over() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).ends.is_none());
        let (mut spool, writer) = spool(dir.path());
        assert!(spool.wants_rewrite(0));
        spool.rewrite(&Ends::from(Timestamp(3)), [delivery("0")].iter(), 0);
        spool.keep(
            Some((job(7), Timestamp(5))),
            &[delivery("1"), delivery("2")],
        );
        spool.over("1");
        assert!(!spool.wants_rewrite(0));
        drop(spool);
        writer.run();
        let found = read(dir.path());
        assert_eq!(found.waiting, [delivery("0"), delivery("2")]);
        let ends = found.ends.unwrap();
        assert!(ends.knows(job(7), Timestamp(5)));
        assert!(ends.knows(job(8), Timestamp(3)), "before its time");
        assert!(!ends.knows(job(8), Timestamp(4)));

        // A torn end costs itself.
        let path = dir.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"{\"tell\":{\"id\":\"9"].concat()).unwrap();
        assert_eq!(read(dir.path()).waiting.len(), 2);
        // One of a newer version is put aside.
        fs::write(&path, "{\"format\":2}\n").unwrap();
        assert!(read(dir.path()).ends.is_none());
        assert!(!path.exists() && dir.path().join("hooks.jsonl.aside").exists());
    }

    #[test]
    fn a_disk_that_fails_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, writer) = spool(&dir.path().join("gone"));
        spool.rewrite(&Ends::default(), [].iter(), 100);
        let thread = std::thread::spawn(move || writer.run());
        while spool.due().is_none() {
            std::thread::yield_now();
        }
        assert!(!spool.wants_rewrite(100));
        assert!(spool.wants_rewrite(100 + CALM_MS));
        drop(spool);
        thread.join().unwrap();
    }

    #[test]
    fn only_the_newest_ends_are_known() {
        let mut ends = Ends::from(Timestamp(0));
        for n in 1..=KNOWN + 1 {
            ends.add(job(n as u128), Timestamp(n as i64));
        }
        assert!(ends.knows(job(1), Timestamp(1)), "as too old");
        assert!(ends.knows(job(2), Timestamp(2)));
        assert!(!ends.knows(job(99_999), Timestamp(2)));
    }
}
