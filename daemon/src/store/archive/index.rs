//! Builds the index at the start, in the background and newest period first: only the heads of the records are looked
//! at, and those with an idempotency key are read.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use jobtop_core::JobId;

use super::super::frame::{self, Step};
use super::period::Period;
use super::shelf::{Shelf, Sorted};
use super::{Shared, keys};

/// So much is read at once.
const WINDOW: usize = 1 << 20;

/// Starts to index what is on the shelves now; what is appended meanwhile is indexed by whoever appends it.
pub(in super::super) fn start(shared: Arc<Shared>) -> io::Result<()> {
    let todo: Vec<(Period, Arc<File>, u64, u64)> = shared
        .read()
        .shelves
        .iter()
        .rev()
        .map(|(period, shelf)| {
            (
                *period,
                shelf.file().clone(),
                shelf.bytes(),
                shelf.records(),
            )
        })
        .collect();
    shared.unindexed.send_replace(todo.len());
    if todo.is_empty() {
        return Ok(());
    }
    let indexed = shared.clone();
    let spawned = std::thread::Builder::new()
        .name("store-index".to_owned())
        .spawn(move || {
            for (period, file, bytes, records) in todo {
                let mut rows = Rows {
                    places: Vec::with_capacity(usize::try_from(records).unwrap_or(0)),
                    keys: HashMap::new(),
                };
                if let Err(error) = read_heads(&file, bytes, &mut rows) {
                    tracing::warn!(%period, %error, "a period of the archive can't be read to its end");
                }
                let sorted = Sorted::of(rows.places);
                if let Some(shelf) = shared.write().shelves.get_mut(&period) {
                    Shelf::index(shelf, sorted, rows.keys);
                }
                shared.unindexed.send_modify(|left| *left -= 1);
            }
        });
    if spawned.is_err() {
        // Nobody may wait for what will not come.
        indexed.unindexed.send_replace(0);
    }
    spawned.map(drop)
}

/// What is found in a file.
#[derive(Debug, Default)]
struct Rows {
    places: Vec<(JobId, u64)>,
    keys: HashMap<u64, u64>,
}

impl Rows {
    fn push(&mut self, id: JobId, at: u64, frame: &[u8]) {
        self.places.push((id, at));
        self.keys.extend(keys::of_frame(frame).map(|key| (key, at)));
    }
}

/// Where each record begins in the first `bytes` of a file; damage is passed over.
fn read_heads(file: &File, bytes: u64, rows: &mut Rows) -> io::Result<()> {
    let mut window = vec![0; WINDOW];
    let (mut start, mut filled, mut at) = (0, 0, 0_u64);
    while at < bytes {
        if at < start || at + frame::HEADER as u64 > start + filled {
            start = at;
            let wanted = usize::try_from(bytes - at).map_or(WINDOW, |left| left.min(WINDOW));
            file.read_exact_at(&mut window[..wanted], start)?;
            filled = wanted as u64;
        }
        let within = usize::try_from(at - start).unwrap_or(usize::MAX);
        let rest = &window[within..usize::try_from(filled).unwrap_or(0)];
        match frame::peek(rest) {
            Some((head, length)) if at + length as u64 <= bytes => {
                if length > rest.len() && at > start {
                    // It goes on behind the window: the next one begins with it.
                    (start, filled) = (at, 0);
                    continue;
                }
                rows.push(head.id, at, rest.get(..length).unwrap_or_default());
                at += length as u64;
            }
            _ => return walk(file, at, bytes, rows),
        }
    }
    Ok(())
}

/// The careful way, from where the heads do not follow one another any more.
fn walk(file: &File, from: u64, bytes: u64, rows: &mut Rows) -> io::Result<()> {
    let mut rest = vec![0; usize::try_from(bytes - from).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut rest, from)?;
    let (mut at, mut damaged) = (from, 0);
    for step in frame::scan(&rest) {
        match step {
            Step::Frame(frame) => {
                rows.push(frame.head.id, at, frame.bytes);
                at += frame.bytes.len() as u64;
            }
            Step::Damage(skipped) => {
                damaged += skipped;
                at += skipped as u64;
            }
            Step::End { left, .. } => damaged += left,
        }
    }
    tracing::warn!(
        damaged,
        from,
        "the archive has damaged bytes; the records in them are lost"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use jobtop_core::Timestamp;

    use super::super::super::frame::{Head, Kind};
    use super::*;

    #[test]
    fn every_sound_record_is_found_with_and_without_damage() {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for n in 0..3_000_u32 {
            expected.push((JobId(n.into()), bytes.len() as u64));
            let head = Head {
                sequence: n.into(),
                at: Timestamp(0),
                id: JobId(n.into()),
                kind: Kind::Ended,
            };
            frame::write(&mut bytes, head, |to| {
                to.extend_from_slice(&vec![b'x'; n as usize]);
                Ok::<_, Infallible>(())
            })
            .unwrap();
        }
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        let mut rows = Rows::default();
        read_heads(&file, bytes.len() as u64, &mut rows).unwrap();
        assert_eq!(rows.places, expected);
        file.write_all_at(&[7; 100], expected[2_000].1).unwrap();
        rows.places.clear();
        read_heads(&file, bytes.len() as u64, &mut rows).unwrap();
        expected.remove(2_000);
        assert_eq!(rows.places, expected);
    }
}
