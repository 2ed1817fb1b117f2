//! Looks at what the command reads, again and again, and never for more than one hundredth of a processor.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::census::Census;
use crate::leader::bury;
use crate::observe::{Observer, Reading};
use crate::proc::Proc;

/// The time between two looks.
const INTERVAL: Duration = Duration::from_millis(200);
/// A look that took this long is followed by a rest of a hundred times as much.
const REST: u32 = 100;
/// How long a look that somebody waits for may take: a file on a network may hang.
const SOON: Duration = Duration::from_millis(100);
/// Every so many looks all processes are counted, to find who lost its parent.
const FULL_COUNT: u32 = 10;

/// What goes along from look to look.
#[derive(Debug)]
struct Looker {
    proc: Proc,
    census: Census,
    observer: Observer,
    looks: u32,
    /// The orphans that the last look found ended. They are buried at the next: whoever started one of them as a process
    /// of its own has taken notice by then.
    ended: Vec<i32>,
}

/// The alternation of looking and resting.
#[derive(Debug)]
pub(crate) struct Watch {
    state: State,
}

#[derive(Debug)]
enum State {
    Resting(Box<Looker>, Instant),
    /// In a thread of its own: a file on a network that hangs must not keep us from obeying.
    Looking(JoinHandle<(Box<Looker>, Option<Reading>, Duration)>),
    /// A look panicked: without it the command runs on unobserved.
    Over,
}

impl Watch {
    /// Watches the family that the census counts.
    pub(crate) fn new(proc: Proc, census: Census) -> Self {
        let looker = Looker {
            census,
            proc,
            observer: Observer::default(),
            looks: 0,
            ended: Vec::new(),
        };
        Self {
            state: State::Resting(Box::new(looker), Instant::now() + INTERVAL / 4),
        }
    }

    /// The next reading that says something new. Nothing is lost when this is dropped while it waits.
    pub(crate) async fn next(&mut self) -> Reading {
        loop {
            if let Some(reading) = self.look().await {
                return reading;
            }
        }
    }

    /// One look, begun now; `None` if there is nothing new, or none can be had within [`SOON`].
    pub(crate) async fn now(&mut self) -> Option<Reading> {
        let looked = async {
            if matches!(self.state, State::Looking(_)) {
                self.look().await;
            }
            if let State::Resting(_, until) = &mut self.state {
                *until = Instant::now();
            }
            self.look().await
        };
        timeout(SOON, looked).await.ok().flatten()
    }

    /// Rests as long as it has to, and looks.
    async fn look(&mut self) -> Option<Reading> {
        if let State::Resting(_, until) = &self.state {
            tokio::time::sleep_until(*until).await;
            if let State::Resting(mut looker, _) = std::mem::replace(&mut self.state, State::Over) {
                self.state = State::Looking(tokio::task::spawn_blocking(move || {
                    let before = processor_time();
                    let reading = looker.look();
                    let cost = processor_time().saturating_sub(before);
                    (looker, reading, cost)
                }));
            }
        }
        let State::Looking(looking) = &mut self.state else {
            return std::future::pending().await;
        };
        let Ok((looker, reading, cost)) = looking.await else {
            self.state = State::Over;
            return None;
        };
        let rest = INTERVAL.max(cost * REST);
        self.state = State::Resting(looker, Instant::now() + rest);
        reading
    }
}

impl Looker {
    fn look(&mut self) -> Option<Reading> {
        let family = if self.looks % FULL_COUNT == FULL_COUNT - 1 {
            self.census.everybody()
        } else {
            self.census.family()
        };
        self.looks = self.looks.wrapping_add(1);
        let ended = self.census.to_bury(&family);
        for pid in ended.iter().filter(|pid| self.ended.contains(pid)) {
            bury(*pid);
        }
        self.ended = ended;
        let files: Vec<_> = family
            .iter()
            .filter(|member| !member.stat.is_gone())
            .flat_map(|member| self.proc.files(member.pid))
            .collect();
        let read = family
            .iter()
            .filter_map(|member| self.proc.bytes_read(member.pid))
            .reduce(u64::saturating_add);
        let proc = &self.proc;
        self.observer.look(&files, read, || {
            let lives = family.iter().filter(|member| !member.stat.is_gone());
            lives.flat_map(|member| proc.mapped(member.pid)).collect()
        })
    }
}

/// The processor time that this thread has used.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
