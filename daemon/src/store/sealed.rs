//! The board in sled, sealed: built as a whole, closed, made durable, opened again and compared. The only file that names
//! sled.
//!
//! sled survives being killed but not power cuts, and can hang or panic on a damaged file: so it counts only while it is
//! closed, nothing waits for it without a limit, and what it holds is checked frame by frame.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::frame;
use crate::disk;

/// Larger values would go to files of their own, on which sled hangs when the disk is full.
const LARGEST_VALUE: usize = 3 << 10;
/// Larger batches keep gigabytes.
const LARGEST_BATCH: usize = 30;
/// The key of the [`Seal`] in the database; every other key has 18 bytes.
const SEAL_KEY: &[u8] = b"seal";
/// How often and how far apart a lock that is in the way is tried again.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// Small: everything is read once, in order.
const CACHE_BYTES: u64 = 8 << 20;

/// What a generation must hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Seal {
    /// It covers the log up to here.
    pub(super) sequence: u64,
    /// Jobs.
    pub(super) count: u64,
    /// Over all keys and values, in order.
    pub(super) crc: u32,
    /// Bytes of all frames.
    pub(super) bytes: u64,
}

/// Builds a generation from `frames`, one per job in the order of their ids, and closes it. Then all is made durable.
pub(super) fn build<I>(dir: &Path, sequence: u64, frames: I) -> Result<Seal, Fault>
where
    I: Iterator<Item = Result<Vec<u8>, Fault>>,
{
    disk::make_dir(dir).map_err(Fault::io("create", dir))?;
    let db = open(dir)?;
    let mut seal = Seal {
        sequence,
        ..Seal::default()
    };
    let mut batch = sled::Batch::default();
    let mut queued = 0;
    for frame in frames {
        let frame = frame?;
        let Some((head, _)) = frame::peek(&frame) else {
            return Err(Fault::Broken("a job was encoded as no frame".to_owned()));
        };
        seal.count += 1;
        seal.bytes += frame.len() as u64;
        for (part, value) in frame.chunks(LARGEST_VALUE).enumerate() {
            let key = key(head.id.0, part);
            seal.crc = fold(seal.crc, &key, value);
            batch.insert(&key, value);
            queued += 1;
            if queued == LARGEST_BATCH {
                db.apply_batch(std::mem::take(&mut batch))
                    .map_err(fault("write to", dir))?;
                queued = 0;
            }
        }
    }
    let text = serde_json::to_vec(&seal).map_err(|error| Fault::Broken(error.to_string()))?;
    batch.insert(SEAL_KEY, text);
    db.apply_batch(batch).map_err(fault("write to", dir))?;
    db.flush().map_err(fault("flush", dir))?;
    drop(db);
    Ok(seal)
}

/// Reads a generation and compares it with its seal, and with the one it is `expected` to have. Every job is one frame,
/// given to `take`, which must forget them all if this fails.
pub(super) fn load(
    dir: &Path,
    expected: Option<Seal>,
    take: impl FnMut(Vec<u8>),
) -> Result<Seal, Fault> {
    let contents = read(dir, take)?;
    if let Some(error) = contents.error {
        return Err(error);
    }
    let broken = |what: String| Fault::Broken(format!("{} {what}", dir.display()));
    let seal = contents
        .seal
        .ok_or_else(|| broken("has no seal".to_owned()))?;
    let found = Seal {
        sequence: seal.sequence,
        ..contents.found
    };
    if found != seal || expected.is_some_and(|expected| expected != seal) {
        return Err(broken(format!(
            "does not hold what was sealed ({} jobs of {})",
            found.count,
            expected.unwrap_or(seal).count
        )));
    }
    Ok(seal)
}

/// What can still be read of a damaged generation: sound frames only.
pub(super) fn salvage(dir: &Path) -> Result<Vec<Vec<u8>>, Fault> {
    let mut frames = Vec::new();
    read(dir, |frame| {
        if frame::read(&frame).is_some_and(|sound| sound.bytes.len() == frame.len()) {
            frames.push(frame);
        }
    })?;
    Ok(frames)
}

/// Removes what a killed sled leaves half made and then stumbles over at every later open.
pub(super) fn remove_half_made(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Does something with sled on a thread of its own: a panic is caught, and whoever waits goes on after the limit. A thread
/// that hangs is left behind.
pub(super) fn guarded<T: Send + 'static>(
    what: &str,
    limit: Duration,
    action: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let spawned = thread::Builder::new()
        .name("store-sled".to_owned())
        .spawn(move || {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(action));
            let _ = sender.send(caught);
        });
    if let Err(error) = spawned {
        return Err(Fault::Broken(format!("{what}: no thread: {error}")));
    }
    match receiver.recv_timeout(limit) {
        Ok(Ok(result)) => result.map_err(|fault| fault.within(what)),
        Ok(Err(_)) => Err(Fault::Broken(format!("{what}: sled panicked"))),
        Err(_) => Err(Fault::Broken(format!(
            "{what}: sled did not answer within {} s",
            limit.as_secs_f32()
        ))),
    }
}

struct Contents {
    seal: Option<Seal>,
    /// What a seal of what was read would say, but for its sequence.
    found: Seal,
    error: Option<Fault>,
}

fn read(dir: &Path, mut take: impl FnMut(Vec<u8>)) -> Result<Contents, Fault> {
    if !dir.is_dir() {
        return Err(Fault::Broken(format!("{} is missing", dir.display())));
    }
    let db = open(dir)?;
    let mut contents = Contents {
        seal: None,
        found: Seal::default(),
        error: None,
    };
    let mut joined: Option<(Vec<u8>, Vec<u8>)> = None;
    for pair in db.iter() {
        // An iterator of sled's never gets past an error, so the first one ends the reading.
        let (key, value) = match pair {
            Ok(pair) => pair,
            Err(error) => {
                contents.error = Some(fault("read", dir)(error));
                break;
            }
        };
        if key == SEAL_KEY {
            contents.seal = serde_json::from_slice(&value).ok();
            continue;
        }
        let found = &mut contents.found;
        found.crc = fold(found.crc, &key, &value);
        found.bytes += value.len() as u64;
        let id = &key[..key.len().min(16)];
        match &mut joined {
            Some((last, frame)) if last == id => frame.extend_from_slice(&value),
            _ => {
                found.count += 1;
                if let Some((_, frame)) = joined.replace((id.to_vec(), value.to_vec())) {
                    take(frame);
                }
            }
        }
    }
    if let Some((_, frame)) = joined {
        take(frame);
    }
    Ok(contents)
}

fn open(dir: &Path) -> Result<sled::Db, Fault> {
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None)
        .mode(sled::Mode::LowSpace);
    let mut left = LOCK_TRIES;
    loop {
        match config.open() {
            // sled's lock goes with its last descriptor, and a child that was forked a moment ago has one until it
            // executes its program. Nobody else opens this folder.
            Err(sled::Error::Io(error))
                if left > 0 && error.to_string().contains("could not acquire lock") =>
            {
                left -= 1;
                thread::sleep(LOCK_PAUSE);
            }
            other => return other.map_err(fault("open", dir)),
        }
    }
}

fn key(id: u128, part: usize) -> [u8; 18] {
    let mut key = [0; 18];
    key[..16].copy_from_slice(&id.to_be_bytes());
    key[16..].copy_from_slice(&(part as u16).to_be_bytes());
    key
}

fn fold(crc: u32, key: &[u8], value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc, key), value)
}

fn fault(operation: &'static str, dir: &Path) -> impl FnOnce(sled::Error) -> Fault {
    move |error| match error {
        sled::Error::Io(error) => Fault::io(operation, dir)(error),
        // sled names no file, so this does.
        other => Fault::Broken(format!("could not {operation} {}: {other}", dir.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use jobtop_core::{JobId, Timestamp};

    use super::super::frame::{Head, Kind};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn frames() -> Vec<Vec<u8>> {
        (1..=50_u32)
            .map(|n| {
                let mut bytes = Vec::new();
                let head = Head {
                    sequence: n.into(),
                    at: Timestamp(0),
                    id: JobId(n.into()),
                    kind: Kind::Job,
                };
                let payload = vec![b'x'; n as usize * 200];
                let fill = |to: &mut Vec<u8>| {
                    to.extend_from_slice(&payload);
                    Ok::<_, Infallible>(())
                };
                frame::write(&mut bytes, head, fill).unwrap();
                bytes
            })
            .collect()
    }

    fn built(dir: &Path) -> Seal {
        build(dir, 77, frames().into_iter().map(Ok)).unwrap()
    }

    #[test]
    fn holds_what_was_sealed_and_says_so_if_not() {
        let dir = tempfile::tempdir().unwrap();
        let seal = built(dir.path());
        assert_eq!((seal.sequence, seal.count), (77, 50));
        let mut found = Vec::new();
        assert_eq!(load(dir.path(), None, |frame| found.push(frame)), Ok(seal));
        assert_eq!(found, frames());
        let other = Seal { crc: 1, ..seal };
        assert!(load(dir.path(), Some(other), drop).is_err());

        // One job less, one part changed: neither is taken, the rest can be salvaged.
        let db = open(dir.path()).unwrap();
        db.remove(key(7, 0)).unwrap();
        db.insert(key(50, 2), b"y").unwrap();
        drop(db);
        assert!(load(dir.path(), None, drop).is_err());
        assert_eq!(salvage(dir.path()).unwrap().len(), 48);
    }

    #[test]
    fn a_panic_and_a_hang_are_only_faults() {
        let panicked = guarded::<()>("trying", SECOND, || panic!("as sled does"));
        assert!(matches!(panicked, Err(Fault::Broken(text)) if text.contains("panicked")));
        let (_hold, never) = mpsc::sync_channel::<()>(0);
        let hung = guarded("trying", Duration::from_millis(20), move || {
            let _ = never.recv();
            Ok(())
        });
        assert!(matches!(hung, Err(Fault::Broken(text)) if text.contains("did not answer")));
    }
}
