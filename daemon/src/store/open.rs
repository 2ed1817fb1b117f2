//! Opens the store: takes the directory, recovers what is there, starts the threads.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jobtop_core::{Now, Timestamp};

use super::archive::keeper::{self, Keeper};
use super::archive::period;
use super::archive::restore::{Known, restore};
use super::archive::sweep::Looks;
use super::archive::{Archive, Shared, index};
use super::aside::Files;
use super::board::{Board, Live, left};
use super::checkpoint::BOARD;
use super::current::Current;
use super::error::OpenError;
use super::guard;
use super::log::Log;
use super::recover::{Recovered, WAL, recover};
use super::writer::{self, Faults, Held, Keep, Progress};
use super::{HISTORY, Opened, Settings};
use crate::clock::Clock;
use crate::disk;
use crate::engine::outcome::Record;

/// Opens the store in that directory, makes it if it is not there, and repairs what a crash left.
///
/// The caller sets the umask; sled makes files by it. Blocks: a start reads the log and the newest checkpoint.
pub fn open(dir: &Path, settings: &Settings, clock: Clock) -> Result<Opened, OpenError> {
    disk::make_durable_dir(dir).map_err(OpenError::io("create", dir))?;
    let lock = guard::take(dir)?;
    for folder in [WAL, BOARD, HISTORY] {
        let folder = dir.join(folder);
        disk::make_dir(&folder).map_err(OpenError::io("create", &folder))?;
    }
    disk::sync_dir(dir).map_err(OpenError::io("make durable", dir))?;
    let history = dir.join(HISTORY);
    keeper::remove_later(keeper::expired(&history));

    let now = clock.now();
    let limit = Duration::from_millis(settings.sled_limit_ms);
    let mut report = Vec::new();
    let files = Files::new(dir);
    let aside = files
        .read(&mut report)
        .map_err(OpenError::io("read", dir))?;
    let mut recovered = recover(dir, now, limit, &mut report)?;

    let width = period::width(settings.retention_ms);
    let shared = Arc::new(Shared::new(settings.ring));
    let none = BTreeMap::new();
    let base = recovered.base.as_ref();
    let known = Known {
        marks: base.map_or(&none, |base| &base.marks),
        covered: base.map_or(0, |base| base.seal.sequence),
        width,
        horizon: Timestamp(now.wall.0.saturating_sub_unsigned(settings.retention_ms)),
    };
    let endings = std::mem::take(&mut recovered.replayed.endings);
    let restored = restore(&history, &known, endings, &mut report)?;
    let mut keeper = Keeper::new(history, width, shared.clone(), restored);
    // What the last run did not get to: from the first look on, whatever ended is found. Failing here is not the end of
    // it, the writer goes on trying.
    let faults = Faults {
        archive: keeper.settle().err(),
        ..Faults::default()
    };
    for sentence in &report {
        shared.note(sentence.clone());
    }
    index::start(&shared).map_err(OpenError::io("start the index of", dir))?;

    let live = Live {
        ms: settings.live_ms,
        ended: settings.live_ended,
    };
    keep_live(&mut recovered.records, live, now);
    let jobs = recovered
        .records
        .iter()
        .map(|(record, _)| record.clone())
        .collect();
    let looks = Looks::new(
        settings.retention_ms,
        settings.look_ms,
        recovered.current.ages.clone(),
        last_known(&recovered),
        now,
    );
    // Greater than every epoch that was ever given out, also one that no log or checkpoint tells of any more.
    let given = recovered.current.epoch.max(recovered.replayed.epoch);
    let epoch = u64::try_from(now.wall.0).unwrap_or(0).max(given + 1);
    let Recovered {
        records,
        replayed,
        base,
        bad,
        number,
        current,
        is_hurt,
    } = recovered;
    let board_bytes = base.as_ref().map_or(0, |base| base.seal.bytes);
    let mut checkpoints = Progress::new(number, board_bytes, bad, keeper.period_of(now.wall));
    if is_hurt {
        checkpoints.want();
    }
    if replayed.left.fresh_bytes > 0 {
        checkpoints.note_change();
    }
    let keep = Keep {
        dir: dir.to_owned(),
        settings: settings.clone(),
        clock,
        log: Log::new(dir.join(WAL), settings.segment_bytes, replayed.left),
        board: Board::of(records),
        keeper,
        aside: files,
        looks,
        shared: shared.clone(),
        current: Current {
            generations: base.into_iter().collect(),
            ..current
        },
        epoch,
        is_start_due: true,
        checkpoints,
        faults,
        held: Held::default(),
        ticks_due: None,
        retry_due: None,
        failed_at: 0,
        frames: Vec::new(),
        lock,
    };
    let writer = writer::start(keep).map_err(OpenError::io("start the writer of", dir))?;
    Ok(Opened {
        jobs,
        epoch,
        aside,
        report,
        writer,
        archive: Archive::new(settings.retention_ms, clock, shared),
    })
}

/// Lets go of what has left the live set; it is in the archive.
fn keep_live(records: &mut Vec<(Record, u64)>, live: Live, now: Now) {
    let all = records.iter().map(|(record, _)| record);
    let gone: HashSet<_> = left(all, live, now).into_iter().collect();
    records.retain(|(record, _)| !gone.contains(&record.job.id()));
}

/// The latest time that anything in the store names.
fn last_known(recovered: &Recovered) -> Option<Timestamp> {
    let at = recovered.current.at.max(recovered.replayed.at);
    (at > Timestamp::default()).then_some(at)
}
