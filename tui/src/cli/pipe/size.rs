//! How much will pass: given, or the rest of the file that is our stdin, or what the program before us copies.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jobtop_runner::observe;
use jobtop_runner::proc::Proc;
use jobtop_runner::upstream::{Told, Upstream};
use rustix::fs::{FileType, fstat};
use tokio::sync::watch;

use super::flow::Flow;

/// The time between two looks at the program before us.
const LOOKS: Duration = Duration::from_millis(200);
/// The same while it is about to be started by the shell.
const FIRST_LOOKS: Duration = Duration::from_millis(10);
/// So many of these.
const FIRST: u32 = 8;
/// A look that took this long is followed by a rest of a hundred times as much.
const REST: u32 = 100;

/// Reads a number of bytes: `1500000`, `800K`, `12M`, `3G`, `1T`; the letters are powers of 1024.
pub(super) fn bytes(given: &str) -> Result<u64, String> {
    let (digits, power) = match given.find(|c: char| !c.is_ascii_digit()) {
        None => (given, 0),
        Some(at) => {
            let power = match &given[at..] {
                "k" | "K" => 1,
                "m" | "M" => 2,
                "g" | "G" => 3,
                "t" | "T" => 4,
                _ => u32::MAX,
            };
            (&given[..at], power)
        }
    };
    let unit = 1024_u64.checked_pow(power);
    let number: Option<u64> = digits.parse().ok();
    number
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit))
        .ok_or_else(|| "a number of bytes, such as 1500000, 800K, 12M or 3G".to_owned())
}

/// What is known at the start, before a byte has moved.
#[derive(Debug)]
pub(super) enum Size {
    /// So it was said.
    Given(u64),
    /// The rest of a file.
    File { rest: u64, name: Option<String> },
    /// There is a program before us.
    Pipe,
    /// A terminal or the like: nobody knows.
    Unknown,
}

impl Size {
    /// What stdin tells, unless something was said.
    pub(super) fn new(given: Option<u64>) -> Self {
        let Ok(stat) = fstat(std::io::stdin()) else {
            return given.map_or(Self::Unknown, Self::Given);
        };
        match (given, FileType::from_raw_mode(stat.st_mode)) {
            (Some(given), _) => Self::Given(given),
            (None, FileType::RegularFile) => {
                let at = rustix::fs::tell(std::io::stdin()).unwrap_or(0);
                let size = u64::try_from(stat.st_size).unwrap_or(0);
                let name = Proc::default().target(ours(), 0).as_deref().and_then(base);
                Self::File {
                    rest: size.saturating_sub(at),
                    name,
                }
            }
            (None, FileType::Fifo) => Self::Pipe,
            (None, _) => Self::Unknown,
        }
    }

    /// Finds out the rest beside the data.
    pub(super) fn find(self, flow: &Arc<Flow>) -> Found {
        let (sender, seen) = watch::channel(Seen::default());
        if matches!(self, Self::Pipe)
            && let Some(upstream) = upstream()
        {
            let flow = Arc::clone(flow);
            // A thread of its own, because a file on a network may hang; the process's end ends it. If the machine has no
            // room for it, the size stays unknown.
            let _ = std::thread::Builder::new()
                .name("upstream".to_owned())
                .spawn(move || watch_upstream(upstream, &flow, &sender));
        }
        Found {
            size: self,
            seen,
            furthest: 0.0,
        }
    }
}

/// What is known by now.
#[derive(Debug)]
pub(super) struct Found {
    size: Size,
    seen: watch::Receiver<Seen>,
    /// The most that was said.
    furthest: f64,
}

/// What was seen of the program before us.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Seen {
    total: Option<u64>,
    name: Option<String>,
    /// Whether the first looks are done.
    looked: bool,
}

impl Found {
    /// How much will pass in all.
    pub(super) fn total(&self) -> Option<u64> {
        match &self.size {
            Size::Given(total) | Size::File { rest: total, .. } => Some(*total),
            Size::Pipe => self.seen.borrow().total,
            Size::Unknown => None,
        }
    }

    /// What was said will pass.
    pub(super) fn given(&self) -> Option<u64> {
        match self.size {
            Size::Given(total) => Some(total),
            Size::File { .. } | Size::Pipe | Size::Unknown => None,
        }
    }

    /// A percentage, but never less than one before: a total may turn out to be larger.
    pub(super) fn never_less(&mut self, percent: f64) -> f64 {
        self.furthest = self.furthest.max(percent);
        self.furthest
    }

    /// What is said of where a percentage comes from.
    pub(super) fn source(&self) -> &'static str {
        match &self.size {
            Size::File { .. } => observe::Source::FileOffset.word(),
            Size::Pipe if self.seen.borrow().total.is_some() => "upstream file",
            Size::Given(_) | Size::Pipe | Size::Unknown => "pipe",
        }
    }

    /// The file that it is about; waits for the first looks, for a tenth of a second at most.
    pub(super) async fn file_name(&mut self) -> Option<String> {
        match &self.size {
            Size::File { name, .. } => name.clone(),
            Size::Pipe => {
                // An error says that the thread has ended: what it saw stays.
                let _ = self.seen.wait_for(|seen| seen.looked).await;
                self.seen.borrow().name.clone()
            }
            Size::Given(_) | Size::Unknown => None,
        }
    }
}

fn ours() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

fn base(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

fn upstream() -> Option<Upstream> {
    let stdin = std::io::stdin();
    let capacity = rustix::pipe::fcntl_getpipe_size(stdin.as_fd()).unwrap_or(65_536);
    Upstream::of(Proc::default(), ours(), 0, capacity as u64)
}

fn watch_upstream(mut upstream: Upstream, flow: &Flow, sender: &watch::Sender<Seen>) {
    let mut looks = 0;
    loop {
        let begun = Instant::now();
        let told = upstream.look(|| flow.got());
        let cost = begun.elapsed();
        looks += 1;
        let seen = Seen {
            total: match told {
                Told::Total(total) => Some(total),
                Told::Nothing | Told::Nobody | Told::Never => None,
            },
            name: upstream.file_name().map(str::to_owned),
            looked: looks >= FIRST || told != Told::Nothing || upstream.file_name().is_some(),
        };
        let last = matches!(told, Told::Never | Told::Nobody);
        let soon = !seen.looked;
        sender.send_if_modified(|before| std::mem::replace(before, seen.clone()) != seen);
        if last {
            return;
        }
        let pause = if soon {
            FIRST_LOOKS
        } else {
            LOOKS.max(cost * REST)
        };
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read() {
        for (given, expected) in [
            ("0", Some(0)),
            ("1500000", Some(1_500_000)),
            ("8k", Some(8_192)),
            ("3G", Some(3 << 30)),
            ("20000000T", None),
            ("G", None),
            ("", None),
            ("-1", None),
            ("1.5M", None),
            ("12MB", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(bytes(given).ok(), expected, "{given}");
        }
    }
}
