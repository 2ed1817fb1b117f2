//! Reads the log back: last wins, a torn tail is cut, a bad frame before good ones costs itself and is reported.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jobtop_core::{JobId, Timestamp};

use super::super::error::OpenError;
use super::super::frame::{self, Frame, Kind, Step};
use super::super::payload;
use super::{Left, Sealed, first_of};
use crate::disk;

/// The newest that is kept of a job, still encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Newest {
    /// The whole job.
    pub(in super::super) whole: Vec<u8>,
    /// Its mutable part, if that was written later.
    pub(in super::super) tick: Option<Vec<u8>>,
    /// Whether it has ended: nothing changes it any more but another whole record.
    pub(in super::super) is_final: bool,
    /// The sequence of the newest of these.
    pub(in super::super) sequence: u64,
}

/// An ending in the log, as it must also stand in the archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Ending {
    /// Its sequence.
    pub(in super::super) sequence: u64,
    /// Which job.
    pub(in super::super) id: JobId,
    /// When it ended.
    pub(in super::super) at: Timestamp,
    /// The whole frame.
    pub(in super::super) bytes: Vec<u8>,
}

/// What the log says.
#[derive(Debug, Default)]
pub(in super::super) struct Replayed {
    /// The newest of each job.
    pub(in super::super) jobs: HashMap<JobId, Newest>,
    /// Every ending, in order; also those that the checkpoint covers.
    pub(in super::super) endings: Vec<Ending>,
    /// The greatest epoch.
    pub(in super::super) epoch: u64,
    /// The latest time that any frame names.
    pub(in super::super) at: Timestamp,
    /// The first sequence there is.
    pub(in super::super) first: Option<u64>,
    /// Where to go on.
    pub(in super::super) left: Left,
}

impl Replayed {
    /// Begins with the jobs of a checkpoint that covers everything up to `sequence`.
    pub(in super::super) fn on(jobs: HashMap<JobId, Newest>, sequence: u64) -> Self {
        Self {
            jobs,
            left: Left {
                sequence,
                ..Left::default()
            },
            ..Self::default()
        }
    }
}

/// Reads every segment in `dir`; frames up to `covered` are in the checkpoint and change no job.
pub(in super::super) fn replay(
    dir: &Path,
    covered: u64,
    mut to: Replayed,
    report: &mut Vec<String>,
) -> Result<Replayed, OpenError> {
    let segments = list(dir).map_err(OpenError::io("read", dir))?;
    let mut reader = Reader {
        due: Due::After(covered),
        last: 0,
        covered,
        doubt: None,
        damage: Vec::new(),
        report,
    };
    let mut tail = None;
    for (first, path) in segments {
        tail = None;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(OpenError::io("read", &path)(error));
            }
            Err(error) => {
                let sentence = format!(
                    "could not read {}: {error}; it was passed over",
                    path.display()
                );
                reader.report.push(sentence);
                let bytes = fs::metadata(&path).map_or(0, |meta| meta.len());
                to.left.segments.push(Sealed { first, path, bytes });
                continue;
            }
        };
        let end = reader.segment(&path, &bytes, &mut to);
        if end == 0 {
            // Nothing readable: either nothing was ever written or it is damage, which was reported or will be.
            if reader.doubt.is_none() {
                fs::remove_file(&path).map_err(OpenError::io("remove", &path))?;
                continue;
            }
        }
        if first > covered {
            to.left.fresh_bytes += end as u64;
        }
        tail = Some((path.clone(), end as u64));
        to.left.segments.push(Sealed {
            first,
            path,
            bytes: end as u64,
        });
    }
    // What is torn at the very end was being written when the daemon died: it was never acknowledged.
    if let Some((path, end)) = tail {
        cut(&path, end)?;
    }
    to.left.sequence = to.left.sequence.max(covered);
    Ok(to)
}

/// Cuts a segment behind its last sound frame, so that what is appended later is not taken for damage.
fn cut(path: &Path, end: u64) -> Result<(), OpenError> {
    let io = || OpenError::io("cut", path);
    let file = disk::open_existing(path).map_err(io())?;
    if file.metadata().map_err(io())?.len() > end {
        file.set_len(end).map_err(io())?;
        file.sync_all().map_err(io())?;
    }
    Ok(())
}

/// Which sequence may come next without a word.
enum Due {
    /// Up to the one after this.
    After(u64),
    /// Any: what is missing was reported as damage.
    Any,
}

struct Reader<'a> {
    covered: u64,
    due: Due,
    /// The last sequence that was read.
    last: u64,
    /// Damage at the end of a segment: real only if what follows is not a turn, which says that it never counted.
    doubt: Option<String>,
    /// Damage in front of the frame that comes next.
    damage: Vec<String>,
    report: &'a mut Vec<String>,
}

impl Reader<'_> {
    /// Takes over what a segment says. Returns where its last sound frame ends.
    fn segment(&mut self, path: &Path, bytes: &[u8], to: &mut Replayed) -> usize {
        let (mut at, mut end) = (0, 0);
        for step in frame::scan(bytes) {
            match step {
                Step::Frame(frame) => {
                    at += frame.bytes.len();
                    end = at;
                    self.frame(path, &frame, to);
                }
                Step::Damage(skipped) => {
                    let sentence = format!(
                        "{}: {skipped} bytes at {at} are damaged; what was recorded in them is lost, the rest was read",
                        path.display()
                    );
                    // A sound frame follows; whether the checkpoint covers that one decides whether anything is lost.
                    self.damage.push(sentence);
                    at += skipped;
                    self.due = Due::Any;
                }
                Step::End { left, torn } => {
                    if torn {
                        self.doubt = Some(format!(
                            "{}: the last {left} bytes are damaged; what was recorded in them is lost",
                            path.display()
                        ));
                    }
                }
            }
        }
        end
    }

    fn frame(&mut self, path: &Path, frame: &Frame<'_>, to: &mut Replayed) {
        let head = frame.head;
        let damage = std::mem::take(&mut self.damage);
        if head.sequence > self.covered {
            self.report.extend(damage);
        }
        let doubt = self.doubt.take();
        if head.sequence <= self.last {
            // An older state behind a newer one: left over from before something was written again.
            return;
        }
        if head.kind != Kind::Turn {
            if let Some(sentence) = doubt {
                self.report.push(sentence);
            } else if let Some(missing) = self.missing(head.sequence) {
                self.report.push(format!(
                    "{}: {missing} records of the log are missing before sequence {}",
                    path.display(),
                    head.sequence
                ));
            }
        }
        self.last = head.sequence;
        self.due = Due::After(head.sequence.max(self.covered));
        to.first.get_or_insert(head.sequence);
        to.left.sequence = to.left.sequence.max(head.sequence);
        to.at = to.at.max(head.at);
        take(frame, self.covered, to);
    }

    fn missing(&self, sequence: u64) -> Option<u64> {
        match self.due {
            // What the checkpoint covers is not missed.
            Due::After(before) => sequence.checked_sub(before + 1),
            Due::Any => None,
        }
        .filter(|missing| *missing > 0)
    }
}

fn take(frame: &Frame<'_>, covered: u64, to: &mut Replayed) {
    let head = frame.head;
    match head.kind {
        Kind::Start => {
            let epoch = payload::read_start(frame.payload).unwrap_or(0);
            to.epoch = to.epoch.max(epoch);
        }
        Kind::Turn => {}
        Kind::Job | Kind::Ended => {
            let is_final = head.kind == Kind::Ended;
            if is_final {
                to.endings.push(Ending {
                    sequence: head.sequence,
                    id: head.id,
                    at: head.at,
                    bytes: frame.bytes.to_vec(),
                });
            }
            let is_newer = to
                .jobs
                .get(&head.id)
                .is_none_or(|known| known.sequence < head.sequence);
            if head.sequence > covered && is_newer {
                let newest = Newest {
                    whole: frame.payload.to_vec(),
                    tick: None,
                    is_final,
                    sequence: head.sequence,
                };
                to.jobs.insert(head.id, newest);
            }
        }
        Kind::Tick => {
            if head.sequence > covered
                && let Some(known) = to.jobs.get_mut(&head.id)
                && known.sequence < head.sequence
                && !known.is_final
            {
                known.tick = Some(frame.payload.to_vec());
                known.sequence = head.sequence;
            }
        }
    }
}

/// The segments in a folder, oldest first.
fn list(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if let Some(first) = first_of(&path) {
            segments.push((first, path));
        }
    }
    segments.sort_unstable();
    Ok(segments)
}
