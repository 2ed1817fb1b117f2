//! The program that fills the pipe we read: if it copies one file as it is (`cat`, `pv`, `tail -c`), the file's size says
//! how much is to come.
//!
//! Whether it does is told from two offsets: where it stands in its file, and how much we got. What lies between them is
//! under way, in its buffer and in the pipe: the difference moves within those bounds for a copy, and away for anything
//! else (`gzip`, `grep`, `sort`).

use std::path::PathBuf;

use crate::proc::{FileId, Proc};

/// What a program that copies may hold in its own buffer.
const BUFFER: u64 = 512 * 1024;

/// What is known of the program before us.
#[derive(Debug)]
pub struct Upstream {
    proc: Proc,
    /// The kernel's name of the pipe.
    pipe: PathBuf,
    ours: i32,
    /// What may be under way.
    slack: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Not found yet.
    Unknown,
    Found(Box<Found>),
    /// It does something else than to copy one file.
    Other,
}

#[derive(Debug)]
struct Found {
    pid: i32,
    started: u64,
    file: FileId,
    name: Option<String>,
    judge: Judge,
    /// It has closed the file, or ended.
    over: bool,
}

/// What a look told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// Nothing so far; looking again may help.
    Nothing,
    /// Nobody fills the pipe any more.
    Nobody,
    /// So many bytes come in all.
    Total(u64),
    /// How much comes can't be known.
    Never,
}

impl Upstream {
    /// Of the pipe that is our descriptor `fd`, which holds up to `capacity` bytes. `None` if the kernel does not name it.
    #[must_use]
    pub fn of(proc: Proc, ours: i32, fd: i32, capacity: u64) -> Option<Self> {
        let pipe = proc.target(ours, fd)?;
        Some(Self {
            proc,
            pipe,
            ours,
            slack: capacity + BUFFER,
            source: Source::Unknown,
        })
    }

    /// The name of the file that is copied.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        match &self.source {
            Source::Found(found) => found.name.as_deref(),
            Source::Unknown | Source::Other => None,
        }
    }

    /// Looks once; `got` says how many bytes have come to us by now. May read the names of all processes.
    pub fn look(&mut self, got: impl Fn() -> u64) -> Told {
        if matches!(self.source, Source::Unknown) {
            let writers = self.proc.writers(&self.pipe);
            let mut others = writers.into_iter().filter(|pid| *pid != self.ours);
            match (others.next(), others.next()) {
                (None, _) => return Told::Nobody,
                // More than one: a shell that is about to start it, or a list of commands.
                (Some(_), Some(_)) => return Told::Nothing,
                (Some(pid), None) => {
                    if let Some(found) = self.find(pid) {
                        self.source = found;
                    }
                }
            }
        }
        let Source::Found(found) = &mut self.source else {
            return match self.source {
                Source::Other => Told::Never,
                _ => Told::Nothing,
            };
        };
        let told = found.look(&self.proc, got);
        if told == Told::Never {
            self.source = Source::Other;
        }
        told
    }

    fn find(&self, pid: i32) -> Option<Source> {
        let started = self.proc.stat(pid)?.started;
        let files = self.proc.files(pid);
        let file = files.first()?;
        let one = files.iter().all(|other| other.id == file.id);
        if !one || self.proc.files_named(pid).len() > 1 {
            return Some(Source::Other);
        }
        Some(Source::Found(Box::new(Found {
            pid,
            started,
            file: file.id,
            name: self.proc.name_of(pid, file.id),
            judge: Judge::new(self.slack),
            over: false,
        })))
    }
}

impl Found {
    fn look(&mut self, proc: &Proc, got: impl Fn() -> u64) -> Told {
        if !self.over {
            let before = got();
            let same = proc
                .stat(self.pid)
                .is_some_and(|stat| stat.started == self.started && !stat.is_gone());
            let files = if same {
                proc.files(self.pid)
            } else {
                Vec::new()
            };
            let after = got();
            match files.iter().find(|open| open.id == self.file) {
                Some(open) => self
                    .judge
                    .take(open.size, open.info.position, (before, after)),
                None if files.is_empty() => self.over = true,
                None => return Told::Never,
            }
        }
        self.judge.told()
    }
}

/// Tells a copy from anything else. Pure.
#[derive(Debug)]
struct Judge {
    slack: i128,
    size: u64,
    /// The first look: the file's offset, and between which bounds it was ahead of what we got.
    first: Option<(u64, i128, i128)>,
    /// The least that the offset was ahead: where the copy began.
    least: i128,
    proven: bool,
    refuted: bool,
}

impl Judge {
    fn new(slack: u64) -> Self {
        Self {
            slack: slack.into(),
            size: 0,
            first: None,
            least: i128::MAX,
            proven: false,
            refuted: false,
        }
    }

    /// Takes in that the program stood at `position` while what we got grew from `before` to `after`.
    fn take(&mut self, size: u64, position: u64, (before, after): (u64, u64)) {
        self.size = size;
        let low = i128::from(position) - i128::from(after);
        let high = i128::from(position) - i128::from(before);
        if high - low > self.slack {
            // Too much came while we looked.
            return;
        }
        self.least = self.least.min(high);
        let (from, first_low, first_high) = *self.first.get_or_insert((position, low, high));
        let moved = i128::from(position.saturating_sub(from));
        // A fiftieth is what a percentage may be wrong by: a filter that lets nearly all pass is as good as a copy.
        let allowed = |moved: i128| self.slack + moved / 50;
        self.refuted |= low > first_high + allowed(moved)
            || high + allowed(moved) < first_low
            || position < from;
        let whole = i128::from(position);
        let from_the_start = low <= allowed(whole) && high >= 0;
        self.proven |= moved >= 2 * self.slack || (from_the_start && whole >= 2 * self.slack);
    }

    fn told(&self) -> Told {
        if self.refuted {
            return Told::Never;
        }
        if !self.proven {
            return Told::Nothing;
        }
        // What is under way hides a beginning that is nearer than that to the file's own.
        let began = if self.least <= self.slack {
            0
        } else {
            self.least
        };
        Told::Total(self.size.saturating_sub(u64::try_from(began).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// Looks at a program that stands at these offsets of a file of 100 MB when we got so much.
    fn judged(looks: &[(u64, u64)]) -> Vec<Told> {
        let mut judge = Judge::new(MB);
        looks
            .iter()
            .map(|(position, got)| {
                judge.take(100 * MB, position * MB / 10, (got * MB / 10, got * MB / 10));
                judge.told()
            })
            .collect()
    }

    #[test]
    fn a_copy_is_told_from_all_else() {
        use Told::{Never, Nothing, Total};
        for (what, looks, told) in [
            (
                "cat",
                &[(3, 0), (15, 8), (500, 497), (1000, 995)][..],
                &[Nothing, Nothing, Total(100 * MB), Total(100 * MB)][..],
            ),
            ("cat, seen late", &[(400, 395)], &[Total(100 * MB)]),
            (
                "tail -c 50M",
                &[(505, 0), (520, 15), (600, 99)],
                &[Nothing, Nothing, Total(499 * MB / 10)],
            ),
            (
                "gzip",
                &[(3, 0), (30, 10), (90, 30), (120, 40)],
                &[Nothing, Never, Never, Never],
            ),
            (
                "sort, which reads all before it says a thing",
                &[(3, 0), (500, 0), (1000, 0)],
                &[Nothing, Never, Never],
            ),
            (
                "gunzip, which says more than it reads",
                &[(3, 0), (10, 40)],
                &[Nothing, Never],
            ),
            (
                "a filter that takes every hundredth byte",
                &[(3, 0), (500, 490), (1000, 985)],
                &[Nothing, Total(100 * MB), Total(100 * MB)],
            ),
            (
                "one that goes back",
                &[(300, 295), (100, 300)],
                &[Total(100 * MB), Never],
            ),
        ] {
            assert_eq!(judged(looks), told, "{what}");
        }
    }

    #[test]
    fn a_look_that_took_long_proves_nothing() {
        let mut judge = Judge::new(MB);
        judge.take(100 * MB, MB, (0, MB));
        judge.take(100 * MB, 2 * MB, (MB, 40 * MB));
        assert_eq!(judge.told(), Told::Nothing);
    }
}
