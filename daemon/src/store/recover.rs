//! The start: finds the newest sound checkpoint, climbs down a ladder where one is damaged, and replays the log on it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use jobtop_core::{JobId, Now};

use super::checkpoint::{BOARD, numbers};
use super::current::{Current, Generation};
use super::error::OpenError;
use super::frame::{self, Kind};
use super::log::replay::{self, Newest, Replayed};
use super::payload;
use super::sealed;
use crate::engine::outcome::Record;

/// The folder of the log.
pub(super) const WAL: &str = "wal";

/// What the directory holds.
#[derive(Debug)]
pub(super) struct Recovered {
    /// Every job of the checkpoint and the log, with the sequence of its newest frame.
    pub(super) records: Vec<(Record, u64)>,
    /// What the log says besides.
    pub(super) replayed: Replayed,
    /// The checkpoint that was used.
    pub(super) base: Option<Generation>,
    /// Generations that were found damaged.
    pub(super) bad: Vec<u64>,
    /// The greatest number that any generation has or had.
    pub(super) number: u64,
    /// What `CURRENT` said, its generations apart.
    pub(super) current: Current,
    /// Something was damaged: a checkpoint should be made soon.
    pub(super) is_hurt: bool,
}

/// Reads the directory. Changes nothing but torn tails and what sled left half made.
pub(super) fn recover(
    dir: &Path,
    now: Now,
    limit: Duration,
    report: &mut Vec<String>,
) -> Result<Recovered, OpenError> {
    let said = report.len();
    let boards = dir.join(BOARD);
    let mut current = match Current::read(dir) {
        Ok(current) => current.unwrap_or_default(),
        Err(sentence) => {
            report.push(format!(
                "{sentence}; the boards are taken by their own seals"
            ));
            Current {
                generations: unnamed(&boards),
                ..Current::default()
            }
        }
    };
    let mut ladder = Ladder {
        boards: &boards,
        limit,
        bad: Vec::new(),
        report,
    };
    let generations = std::mem::take(&mut current.generations);
    let (base, jobs) = ladder.climb(&generations);
    let bad = ladder.bad;
    let covered = base.as_ref().map_or(0, |base| base.seal.sequence);
    let wal = dir.join(WAL);
    let mut replayed = replay::replay(&wal, covered, Replayed::on(jobs, covered), report)?;
    let named = generations.iter().map(|generation| generation.number);
    let number = named.chain(numbers(&boards)).max().unwrap_or(0);
    if base.is_none() {
        // What no checkpoint was found for may have been given out all the same.
        let given = generations
            .iter()
            .map(|generation| generation.seal.sequence);
        let last = given.max().unwrap_or(0);
        replayed.left.sequence = replayed.left.sequence.max(last);
    }
    let mut records = Vec::with_capacity(replayed.jobs.len());
    for (id, newest) in replayed.jobs.drain() {
        if let Some(record) = decode(id, &newest, now, report) {
            records.push((record, newest.sequence));
        }
    }
    Ok(Recovered {
        records,
        replayed,
        base,
        bad,
        number,
        current,
        is_hurt: report.len() > said,
    })
}

/// What lies there when nothing says what counts: every generation, to be judged by its own seal.
pub(super) fn unnamed(boards: &Path) -> Vec<Generation> {
    numbers(boards)
        .into_iter()
        .map(|number| Generation {
            number,
            seal: sealed::Seal::default(),
            marks: BTreeMap::new(),
        })
        .collect()
}

struct Ladder<'a> {
    boards: &'a Path,
    limit: Duration,
    bad: Vec<u64>,
    report: &'a mut Vec<String>,
}

impl Ladder<'_> {
    /// The newest generation that holds what was sealed; failing all, whatever can still be read of them.
    fn climb(
        &mut self,
        generations: &[Generation],
    ) -> (Option<Generation>, HashMap<JobId, Newest>) {
        for generation in generations {
            match self.load(generation) {
                Ok(found) => return found,
                Err(sentence) => {
                    self.report.push(sentence);
                    self.bad.push(generation.number);
                }
            }
        }
        let mut jobs = HashMap::new();
        for generation in generations {
            self.salvage(generation, &mut jobs);
        }
        (None, jobs)
    }

    fn load(
        &self,
        generation: &Generation,
    ) -> Result<(Option<Generation>, HashMap<JobId, Newest>), String> {
        let folder = self.boards.join(generation.number.to_string());
        sealed::remove_half_made(&folder);
        // A default seal stands for "unknown".
        let known = (generation.seal != sealed::Seal::default()).then_some(generation.seal);
        let target = folder.clone();
        let loaded = sealed::guarded("opening a checkpoint", self.limit, move || {
            let mut jobs = HashMap::new();
            let seal = sealed::load(&target, known, |frame| put(&mut jobs, &frame))?;
            Ok((seal, jobs))
        });
        match loaded {
            Ok((seal, jobs)) => {
                let sound = Generation {
                    seal,
                    ..generation.clone()
                };
                Ok((Some(sound), jobs))
            }
            Err(fault) => Err(format!(
                "{}: {fault}; the checkpoint before it and the log are used instead",
                folder.display()
            )),
        }
    }

    fn salvage(&mut self, generation: &Generation, jobs: &mut HashMap<JobId, Newest>) {
        let folder = self.boards.join(generation.number.to_string());
        let target = folder.clone();
        let salvaged = sealed::guarded("salvaging a checkpoint", self.limit, move || {
            sealed::salvage(&target)
        });
        let sentence = match salvaged {
            Ok(frames) => {
                for frame in &frames {
                    put(jobs, frame);
                }
                format!(
                    "{}: {} of {} jobs could still be read and were taken over",
                    folder.display(),
                    frames.len(),
                    generation.seal.count
                )
            }
            Err(_) => format!(
                "{}: none of its {} jobs could be read; those that the log does not name are lost",
                folder.display(),
                generation.seal.count
            ),
        };
        self.report.push(sentence);
    }
}

/// Takes a frame of a board over, if it is sound and newer than what is known of the job.
fn put(jobs: &mut HashMap<JobId, Newest>, frame: &[u8]) {
    let Some(frame) = frame::read(frame) else {
        return;
    };
    let head = frame.head;
    if jobs
        .get(&head.id)
        .is_some_and(|known| known.sequence >= head.sequence)
    {
        return;
    }
    let newest = Newest {
        whole: frame.payload.to_vec(),
        tick: None,
        is_final: head.kind == Kind::Ended,
        sequence: head.sequence,
    };
    jobs.insert(head.id, newest);
}

fn decode(id: JobId, newest: &Newest, now: Now, report: &mut Vec<String>) -> Option<Record> {
    let mut record = match payload::read_job(&newest.whole, now) {
        Ok(record) => record,
        Err(error) => {
            report.push(format!("{id} can't be read and is left out: {error}"));
            return None;
        }
    };
    if let Some(tick) = &newest.tick
        && let Err(error) = payload::apply_tick(&mut record, tick, now)
    {
        report.push(format!(
            "the latest progress of {id} can't be read: {error}"
        ));
    }
    Some(record)
}
