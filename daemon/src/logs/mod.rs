//! The captured output of jobs: where each log lies, what is to be read of it ([`part`]), and when it goes ([`sweep`]).
//!
//! A log is a file of `jobtop_runner::log_file`: whoever runs a command writes it without asking the daemon, so what is read
//! here is what lies there now.

pub mod part;
pub(crate) mod sweep;

use std::path::{Path, PathBuf};

use jobtop_core::JobId;
use jobtop_runner::log_file::{Lost, Writer};

/// The folder of the logs.
#[derive(Clone, Debug)]
pub struct Logs {
    folder: PathBuf,
    most: u64,
}

impl Logs {
    /// Those of the daemon with that data directory; each takes at most so many bytes of the disk.
    #[must_use]
    pub fn of(data: &Path, most: u64) -> Self {
        Self {
            folder: data.join("logs"),
            most,
        }
    }

    /// Opens the log of a job for writing.
    pub fn writer(&self, job: JobId) -> std::io::Result<Writer> {
        Writer::open(&self.path(job), self.most)
    }

    /// Where the log of a job lies, if it has one.
    #[must_use]
    pub fn path(&self, job: JobId) -> PathBuf {
        self.folder.join(format!("{job}.log"))
    }

    /// Appends what a producer says of its output. Writes a file: not for a thread that must not wait.
    pub fn append(&self, job: JobId, text: &str) -> Result<(), Lost> {
        let mut log = self.writer(job).map_err(Lost::Failed)?;
        log.append(text.as_bytes()).map_or(Ok(()), Err)
    }

    /// What lies in the folder: the files that are a job's log.
    fn list(&self) -> Vec<(JobId, PathBuf)> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let id = name.to_str()?.strip_suffix(".log")?.parse().ok()?;
                Some((id, entry.path()))
            })
            .collect()
    }
}
