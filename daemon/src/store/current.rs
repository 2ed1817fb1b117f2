//! `CURRENT`: which generations of the board are sealed, what each covers, and how long the archive was then. Replaced as
//! one piece, with a checksum: whoever reads it finds one state of things or knows that it is damaged.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use jobtop_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::archive::period::Period;
use super::sealed::Seal;
use crate::disk;

/// The file's name.
pub(super) const NAME: &str = "CURRENT";

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Current {
    /// The greatest epoch at that time.
    pub(super) epoch: u64,
    /// When it was written.
    pub(super) at: Timestamp,
    /// The sealed generations, newest first; two are kept.
    pub(super) generations: Vec<Generation>,
    /// For how long (milliseconds) periods have been known that lie in the future.
    #[serde(default)]
    pub(super) ages: BTreeMap<Period, u64>,
}

/// A sealed generation of the board.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Generation {
    /// Names its folder.
    pub(super) number: u64,
    /// What is in it.
    pub(super) seal: Seal,
    /// How long each period's endings were, with everything up to the seal's sequence and nothing later.
    pub(super) marks: BTreeMap<Period, Mark>,
}

/// How much of a period's endings is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Bytes.
    pub(super) bytes: u64,
    /// Records.
    pub(super) records: u64,
}

impl Current {
    /// Reads it; `None` where there is none. The error is a sentence.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, String> {
        let path = dir.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("could not read {}: {error}", path.display())),
        };
        parse(&text)
            .map(Some)
            .ok_or_else(|| format!("{} is damaged", path.display()))
    }

    /// Replaces it.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec(self)?;
        let crc = crc32c::crc32c(&text);
        text.extend_from_slice(format!("\n{crc:08x}\n").as_bytes());
        disk::replace(&dir.join(NAME), &text).map(drop)
    }
}

fn parse(text: &[u8]) -> Option<Current> {
    let text = text.strip_suffix(b"\n")?;
    let (body, crc) = text.split_at_checked(text.len().checked_sub(9)?)?;
    let crc = std::str::from_utf8(crc.strip_prefix(b"\n")?).ok()?;
    let crc = u32::from_str_radix(crc, 16).ok()?;
    if crc != crc32c::crc32c(body) {
        return None;
    }
    serde_json::from_slice(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_written_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Current::read(dir.path()), Ok(None));
        let period = Period {
            start: 86_400_000,
            width: 86_400_000,
        };
        let mark = Mark {
            bytes: 7,
            records: 1,
        };
        let current = Current {
            epoch: 5,
            at: Timestamp(9),
            generations: vec![Generation {
                number: 3,
                seal: Seal::default(),
                marks: BTreeMap::from([(period, mark)]),
            }],
            ages: BTreeMap::from([(period, 60_000)]),
        };
        current.write(dir.path()).unwrap();
        assert_eq!(Current::read(dir.path()), Ok(Some(current)));
        let path = dir.path().join(NAME);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(parse(&bad), None, "byte {at}");
            assert_eq!(parse(&good[..at]), None, "cut at {at}");
        }
    }
}
