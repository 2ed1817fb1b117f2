//! What is kept in files of its own beside the log, because it is secret, or grows by itself, or is small and apart:
//!
//! ```text
//! environments/<number>.json   what commands that have not ended are run with (0600)
//! audit.jsonl                  who had which command run, a line each; audit.jsonl.1 is the one before
//! queues.json                  what was set for the queues by hand
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jobtop_core::job::command::Environment;

use super::fault::Fault;
use crate::disk;
use crate::engine::outcome::{Aside, Audit, ByHand, EnvironmentId};

const ENVIRONMENTS: &str = "environments";
const AUDIT: &str = "audit.jsonl";
const QUEUES: &str = "queues.json";
/// An audit of this size makes room for a new one.
const AUDIT_BYTES: u64 = 16 << 20;

/// What was kept.
#[derive(Debug, Default)]
pub struct Kept {
    /// Environments of commands.
    pub environments: BTreeMap<EnvironmentId, Environment>,
    /// What was set by hand.
    pub by_hand: BTreeMap<Arc<str>, ByHand>,
}

/// The files.
#[derive(Debug)]
pub(super) struct Files {
    dir: PathBuf,
    /// The audit, once it was written to, and its size.
    audit: Option<(File, u64)>,
    /// What is to be written, and after that what is to be removed.
    owed: Vec<Aside>,
    gone: Vec<EnvironmentId>,
}

impl Files {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            audit: None,
            owed: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// Reads what is there. What can't be read is said and left as it is.
    pub(super) fn read(&self, report: &mut Vec<String>) -> io::Result<Kept> {
        let folder = self.dir.join(ENVIRONMENTS);
        disk::make_dir(&folder)?;
        let mut kept = Kept::default();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let Some(id) = number(&path) else { continue };
            match parse(&path) {
                Ok(env) => {
                    kept.environments.insert(id, env);
                }
                Err(error) => report.push(format!(
                    "{} can't be read ({error}): commands that were to run with it run with the daemon's environment",
                    path.display()
                )),
            }
        }
        let path = self.dir.join(QUEUES);
        match parse(&path) {
            Ok(by_hand) => kept.by_hand = by_hand,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => report.push(format!(
                "{} can't be read ({error}): the queues are as the configuration says",
                path.display()
            )),
        }
        Ok(kept)
    }

    /// Takes what is to be written.
    pub(super) fn owe(&mut self, all: Vec<Aside>) {
        for aside in all {
            match aside {
                Aside::Forget(id) => self.gone.push(id),
                aside => self.owed.push(aside),
            }
        }
    }

    /// Whether something is to be written or removed.
    pub(super) fn is_owing(&self) -> bool {
        !self.owed.is_empty() || !self.gone.is_empty()
    }

    /// Writes all that is owed and makes it durable. What fails stays owed.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        let owed = std::mem::take(&mut self.owed);
        let kept = self
            .keep(&owed)
            .map_err(Fault::io("write beside the log in", &self.dir));
        if kept.is_err() {
            self.owed = owed;
        }
        kept
    }

    fn keep(&mut self, all: &[Aside]) -> io::Result<()> {
        let mut lines = Vec::new();
        let mut has_new = false;
        for aside in all {
            match aside {
                Aside::Environment(id, env) => {
                    has_new = true;
                    let mut file =
                        create(&self.environment(*id), OpenOptions::new().truncate(true))?;
                    file.write_all(&serde_json::to_vec(env)?)?;
                    file.sync_all()?;
                }
                Aside::Forget(_) => {}
                Aside::Audit(audit) => line(&mut lines, audit)?,
                Aside::Queues(by_hand) => self.queues(by_hand)?,
            }
        }
        if has_new {
            disk::sync_dir(&self.dir.join(ENVIRONMENTS))?;
        }
        if !lines.is_empty() {
            self.audit(&lines)?;
        }
        Ok(())
    }

    /// Removes what nobody needs any more. A file that stays is removed by the next start.
    pub(super) fn forget(&mut self) {
        for id in std::mem::take(&mut self.gone) {
            if let Err(error) = fs::remove_file(self.environment(id))
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, "an environment can't be removed");
            }
        }
    }

    fn environment(&self, id: EnvironmentId) -> PathBuf {
        self.dir
            .join(ENVIRONMENTS)
            .join(format!("{:016x}.json", id.0))
    }

    fn audit(&mut self, lines: &[u8]) -> io::Result<()> {
        let path = self.dir.join(AUDIT);
        if self
            .audit
            .as_ref()
            .is_some_and(|(_, bytes)| *bytes >= AUDIT_BYTES)
        {
            self.audit = None;
            fs::rename(&path, self.dir.join(format!("{AUDIT}.1")))?;
        }
        let (mut file, bytes) = if let Some(open) = self.audit.take() {
            open
        } else {
            let file = create(&path, OpenOptions::new().append(true))?;
            disk::sync_dir(&self.dir)?;
            let bytes = file.metadata()?.len();
            (file, bytes)
        };
        // A file that failed is opened anew the next time: a line may stand there twice then, but none is missing.
        file.write_all(lines)?;
        file.sync_data()?;
        self.audit = Some((file, bytes + lines.len() as u64));
        Ok(())
    }

    fn queues(&self, by_hand: &BTreeMap<Arc<str>, ByHand>) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(by_hand)?;
        disk::replace(&self.dir.join(QUEUES), &text).map(drop)
    }
}

fn create(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    how.write(true).create(true).mode(0o600).open(path)
}

fn line(lines: &mut Vec<u8>, audit: &Audit) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, audit)?;
    lines.push(b'\n');
    Ok(())
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn number(path: &Path) -> Option<EnvironmentId> {
    let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
    u64::from_str_radix(name, 16).ok().map(EnvironmentId)
}
