//! The file of daemons whose certificates are known: `HOST:PORT sha256:DIGITS`, a line each, as a person would write it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::tls::Fingerprint;

/// A file of known daemons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    path: PathBuf,
}

/// A file that can't be used; the text says why, and where.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It can't be read or written.
    #[error("the known daemons in {path} can't be used: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line makes no sense.
    #[error("{path}, line {line}: a daemon is written as HOST:PORT sha256:DIGITS", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which.
        line: usize,
    },
}

/// What is known of a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its certificate.
    pub fingerprint: Fingerprint,
    /// The line that says so.
    pub line: usize,
}

impl Known {
    /// The person's own file; `None` where no home is known.
    #[must_use]
    pub fn own() -> Option<Self> {
        let project = directories::ProjectDirs::from("", "", "jobtop")?;
        Some(Self::at(&project.config_dir().join("known_hosts")))
    }

    /// That file.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is known of the daemon at `HOST:PORT`; the last line that names it counts.
    pub fn find(&self, authority: &str) -> Result<Option<Entry>, Unusable> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.io(source)),
        };
        let mut found = None;
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let (Some(host), Some(fingerprint), None) = (words.next(), words.next(), words.next())
            else {
                return Err(self.line(at));
            };
            let fingerprint = fingerprint.parse().map_err(|_| self.line(at))?;
            if host.eq_ignore_ascii_case(authority) {
                found = Some(Entry {
                    fingerprint,
                    line: at + 1,
                });
            }
        }
        Ok(found)
    }

    /// Adds a daemon.
    pub fn add(&self, authority: &str, fingerprint: Fingerprint) -> Result<(), Unusable> {
        let append = || {
            if let Some(folder) = self.path.parent() {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(folder)?;
            }
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&self.path)?;
            // One write, so that lines of two programs don't mix; a last line without its end gets one.
            let begun = fs::read(&self.path)?;
            let end = if begun.last().is_some_and(|last| *last != b'\n') {
                "\n"
            } else {
                ""
            };
            file.write_all(format!("{end}{authority} {fingerprint}\n").as_bytes())
        };
        append().map_err(|source| self.io(source))
    }

    fn io(&self, source: io::Error) -> Unusable {
        Unusable::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn line(&self, at: usize) -> Unusable {
        Unusable::Line {
            path: self.path.clone(),
            line: at + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn what_was_added_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let known = Known::at(&dir.path().join("a/known_hosts"));
        let (one, two) = (Fingerprint::of(b"1"), Fingerprint::of(b"2"));
        assert_eq!(known.find("etl1:7411").unwrap(), None);
        known.add("etl1:7411", one).unwrap();
        known.add("[::1]:7411", two).unwrap();
        assert_eq!(known.find("ETL1:7411").unwrap().unwrap().fingerprint, one);
        let entry = known.find("[::1]:7411").unwrap().unwrap();
        assert_eq!((entry.fingerprint, entry.line), (two, 2));
        assert_eq!(known.find("etl1:7412").unwrap(), None);
        assert_eq!(fs::metadata(known.path()).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_person_may_have_written_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known_hosts");
        let known = Known::at(&path);
        let one = Fingerprint::of(b"1");
        fs::write(&path, format!("# ours\n\n  etl1:1   {one}")).unwrap();
        assert_eq!(known.find("etl1:1").unwrap().unwrap().line, 3);
        known.add("etl2:1", one).unwrap();
        assert!(known.find("etl2:1").unwrap().is_some());
        for wrong in ["etl1:1", "etl1:1 sha256:00", "a b c"] {
            fs::write(&path, format!("\n{wrong}\n")).unwrap();
            let said = known.find("etl1:1").unwrap_err().to_string();
            assert!(said.contains("line 2"), "{said}");
        }
    }
}
