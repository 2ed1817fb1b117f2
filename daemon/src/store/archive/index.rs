//! Builds the index at the start, in the background and newest period first.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::HISTORY;
use super::super::frame::{self, Frame, Step};
use super::Shared;
use super::keeper::ENDINGS;
use super::period::Period;
use super::row::Row;
use super::shelf::{Rows, Shelf};

/// So many periods are read at once, where there are cores for it.
const WORKERS: usize = 2;
/// So much is read at once.
const WINDOW: usize = 1 << 20;

/// Starts to index what is on the shelves now; what is appended meanwhile is indexed by whoever appends it.
pub(in super::super) fn start(shared: &Arc<Shared>) -> io::Result<()> {
    let todo: Vec<(Period, Arc<File>, u64)> = shared
        .read()
        .shelves
        .iter()
        .rev()
        .map(|(period, shelf)| (*period, shelf.file().clone(), shelf.bytes()))
        .filter(|(_, _, bytes)| *bytes > 0)
        .collect();
    shared.unindexed.send_replace(todo.len());
    if todo.is_empty() {
        return Ok(());
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let todo = Arc::new(Mutex::new(todo.into_iter()));
    let mut started = Ok(());
    for worker in 0..WORKERS.min(cores) {
        let (shared, todo) = (Arc::clone(shared), Arc::clone(&todo));
        let spawned = std::thread::Builder::new()
            .name("store-index".to_owned())
            .spawn(move || work(&shared, &todo));
        if worker == 0 && spawned.is_err() {
            started = spawned.map(drop);
            break;
        }
    }
    if started.is_err() {
        // Nobody may wait for what will not come.
        shared.unindexed.send_replace(0);
    }
    started
}

/// Indexes one period after the other until none is left.
fn work(shared: &Shared, todo: &Mutex<impl Iterator<Item = (Period, Arc<File>, u64)>>) {
    loop {
        let next = todo.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((period, file, bytes)) = next else {
            return;
        };
        let mut found = Found::of(shared);
        if let Err(error) = read(&file, bytes, &mut found) {
            found.lost(&format!("can't be read to its end: {error}"));
        }
        found.tell(period);
        found.rows.settle();
        if let Some(shelf) = shared.write().shelves.get_mut(&period) {
            Shelf::index(shelf, found.rows, found.keys);
        }
        shared.unindexed.send_modify(|left| *left -= 1);
    }
}

/// What is found in a file.
struct Found<'a> {
    shared: &'a Shared,
    rows: Rows,
    keys: HashMap<u64, u64>,
    /// Records that are sound and can't be read.
    unread: u64,
    /// What is wrong with the file.
    damage: Vec<String>,
}

impl<'a> Found<'a> {
    fn of(shared: &'a Shared) -> Self {
        Self {
            shared,
            rows: Rows::default(),
            keys: HashMap::new(),
            unread: 0,
            damage: Vec::new(),
        }
    }

    fn lost(&mut self, what: &str) {
        self.damage.push(what.to_owned());
    }

    /// Says what can't be found any more.
    fn tell(&mut self, period: Period) {
        if self.unread > 0 {
            let records = self.unread;
            self.lost(&format!(
                "{records} records can't be read and are not found; what else it has is"
            ));
        }
        for what in self.damage.drain(..) {
            let sentence = format!("{HISTORY}/{period}/{ENDINGS}: {what}");
            tracing::warn!("{sentence}");
            self.shared.note(sentence);
        }
    }

    fn push(&mut self, at: u64, frame: &Frame<'_>) {
        match Row::read(frame.payload) {
            Some(row) => {
                let profile = self.shared.profiles().number(&row);
                self.rows.push(at, &row, profile);
                self.keys.extend(row.key.map(|key| (key, at)));
            }
            None => self.unread += 1,
        }
    }
}

/// Indexes the first `bytes` of a file; damage is passed over.
fn read(file: &File, bytes: u64, found: &mut Found<'_>) -> io::Result<()> {
    let mut window = vec![0; WINDOW];
    let (mut start, mut filled, mut at) = (0, 0, 0_u64);
    while at < bytes {
        let within = usize::try_from(at - start).unwrap_or(usize::MAX);
        let rest = window.get(within..filled).unwrap_or_default();
        if let Some(frame) = frame::read(rest) {
            found.push(at, &frame);
            at += frame.bytes.len() as u64;
            continue;
        }
        let is_cut = match frame::peek(rest) {
            Some((_, length)) => length > rest.len() && at + length as u64 <= bytes,
            None => rest.len() < frame::HEADER && at + (frame::HEADER as u64) <= bytes,
        };
        if !is_cut {
            return walk(file, at, bytes, found);
        }
        // The next window begins with it, and holds all of it.
        let wanted = frame::peek(rest).map_or(WINDOW, |(_, length)| length.max(WINDOW));
        let left = usize::try_from(bytes - at).unwrap_or(usize::MAX);
        filled = wanted.min(left);
        start = at;
        window.resize(window.len().max(filled), 0);
        file.read_exact_at(&mut window[..filled], start)?;
    }
    Ok(())
}

/// The careful way, from where the heads do not follow one another any more.
fn walk(file: &File, from: u64, bytes: u64, found: &mut Found<'_>) -> io::Result<()> {
    let mut rest = vec![0; usize::try_from(bytes - from).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut rest, from)?;
    let (mut at, mut damaged) = (from, 0);
    for step in frame::scan(&rest) {
        match step {
            Step::Frame(frame) => {
                found.push(at, &frame);
                at += frame.bytes.len() as u64;
            }
            Step::Damage(skipped) => {
                damaged += skipped;
                at += skipped as u64;
            }
            Step::End { left, .. } => damaged += left,
        }
    }
    found.lost(&format!(
        "{damaged} bytes from {from} on are damaged, and the jobs in them are lost; what lies before and behind them is kept"
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use jobtop_core::{JobId, Timestamp};

    use super::super::super::frame::{Head, Kind};
    use super::*;

    #[test]
    fn every_sound_record_is_found_with_and_without_damage() {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for n in 0..3_000_u32 {
            let id = JobId(n.into());
            expected.push((id, bytes.len() as u64));
            let head = Head {
                sequence: n.into(),
                at: Timestamp(0),
                id,
                kind: Kind::Ended,
            };
            let name = "x".repeat(n as usize);
            let at = "2026-11-24T03:00:00.000Z";
            let payload = format!(
                r#"{{"job":{{"v":1,"view":{{"id":"{id}","type":"etl","name":"{name}","status":"failed","progress":7,
                "userId":"ann","queue":"default","host":null,"updatedAt":"{at}","finishedAt":"{at}","steps":["A"],"message":null,
                "error":"no","metrics":{{"processedItems":0,"errorCount":0,"startTime":null,"activeSeconds":1.5}}}}}}}}"#
            );
            frame::write(&mut bytes, head, |to| {
                to.extend_from_slice(payload.as_bytes());
                Ok::<_, Infallible>(())
            })
            .unwrap();
        }
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        let check = |expected: &[(JobId, u64)]| {
            let shared = Shared::new(1);
            let mut found = Found::of(&shared);
            read(&file, bytes.len() as u64, &mut found).unwrap();
            let listed: Vec<_> = found.rows.listed().collect();
            assert_eq!(listed, expected);
        };
        check(&expected);
        // A flipped byte in the middle of a record costs that record, a whole head costs it as well.
        for lost in [2_500, 2_000] {
            let at = expected[lost].1 + if lost == 2_500 { 300 } else { 0 };
            file.write_all_at(&[7; 100], at).unwrap();
            expected.remove(lost);
            check(&expected);
        }
    }
}
