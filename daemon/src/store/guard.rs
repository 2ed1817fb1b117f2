//! Who may touch a directory: one daemon at a time, and none that is older than what wrote it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::error::OpenError;
use crate::disk;

const LOCK: &str = "lock";
const FORMAT: &str = "FORMAT";
/// The format that is written.
const KNOWN: u32 = 1;
const WORDS: &str = "jobtop store, format ";

/// Takes the directory, which must be there. It is ours as long as the returned file is open.
pub(super) fn take(dir: &Path) -> Result<File, OpenError> {
    // First of all, and before anything is written: is it ours to touch?
    let is_new = check(dir)?;
    let path = dir.join(LOCK);
    let mut file = disk::open_or_create(&path).map_err(OpenError::io("open", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            return Err(OpenError::Locked {
                dir: dir.to_owned(),
                pid: text.trim().parse().ok(),
            });
        }
        Err(error) => return Err(OpenError::io("lock", &path)(error.into())),
    }
    // Only a courtesy to whoever comes too late, so a full disk may stop it.
    let _ = file
        .set_len(0)
        .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
    if is_new {
        let path = dir.join(FORMAT);
        let text = format!("{WORDS}{KNOWN}\n");
        disk::replace(&path, text.as_bytes()).map_err(OpenError::io("write", &path))?;
    }
    Ok(file)
}

/// Whether the directory names no format yet; an error if it names one that is not ours.
fn check(dir: &Path) -> Result<bool, OpenError> {
    let path = dir.join(FORMAT);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(OpenError::io("read", &path)(error)),
    };
    let found = std::str::from_utf8(&text)
        .ok()
        .and_then(|text| text.trim_end().strip_prefix(WORDS)?.parse::<u32>().ok());
    match found {
        Some(found) if found <= KNOWN => Ok(false),
        Some(found) => Err(OpenError::Newer {
            dir: dir.to_owned(),
            found,
            known: KNOWN,
        }),
        None => Err(OpenError::Foreign { path }),
    }
}
