//! Why a store does not open: what was tried, on which path, and what a person can do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A store that can't be opened. `Display` says what is wrong, [`OpenError::hint`] what to do next.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another daemon holds the directory.
    #[error("another jobtopd{} already uses {}", pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(), dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// Its process, if it wrote its number down.
        pid: Option<u32>,
    },
    /// The store was written by a newer jobtopd; nothing in it was touched.
    #[error("{} holds a store of format {found}, this jobtopd knows formats up to {known}", dir.display())]
    Newer {
        /// The directory.
        dir: PathBuf,
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The file that names the format says something else; nothing was touched.
    #[error("{} does not name a format of jobtop's store", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The system refused something.
    #[error("could not {operation} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl OpenError {
    /// What a person can do about it, in one sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Locked { pid, .. } => match pid {
                Some(pid) => format!(
                    "Stop it first (jobtop daemon stop, or kill {pid}), or give this one another --data-dir."
                ),
                None => "Stop it first (jobtop daemon stop), or give this one another --data-dir."
                    .to_owned(),
            },
            Self::Newer { .. } => {
                "Start the newer jobtopd that wrote it, or give this one another --data-dir; nothing was changed."
                    .to_owned()
            }
            Self::Foreign { path } => format!(
                "Give another --data-dir, or, if this is a jobtop store, restore {} from a backup.",
                path.display()
            ),
            Self::Io { path, source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => format!(
                    "Make {} writable for the account that runs jobtopd, or give another --data-dir.",
                    path.display()
                ),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "Free some space on that disk, or give another --data-dir.".to_owned()
                }
                _ => "Check that path and its disk, or give another --data-dir.".to_owned(),
            },
        }
    }

    /// For `map_err`: what was tried on which path.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }
}
