//! What went wrong with the disk while the store is open: a full disk and everything else are told apart, because the
//! first is answered by waiting for room.

use std::fmt;
use std::io;
use std::path::Path;

use jobtop_core::job::refusal::{Code, Refusal};

use crate::engine::outcome::StoreHealth;

/// A failed operation, with a sentence that names it and its path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The disk is full.
    NoRoom(String),
    /// Anything else.
    Broken(String),
}

impl Fault {
    /// For `map_err`: what was tried on which path.
    pub(super) fn io(operation: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| {
            let text = format!("could not {operation} {}: {error}", path.display());
            match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoRoom(text),
                _ => Self::Broken(text),
            }
        }
    }

    /// The same fault, said in a larger context.
    pub(super) fn within(self, context: &str) -> Self {
        match self {
            Self::NoRoom(text) => Self::NoRoom(format!("{context}: {text}")),
            Self::Broken(text) => Self::Broken(format!("{context}: {text}")),
        }
    }

    /// How the store is while this lasts.
    pub(super) fn health(&self) -> StoreHealth {
        match self {
            Self::NoRoom(_) => StoreHealth::NoRoom,
            Self::Broken(text) => StoreHealth::Degraded(text.clone()),
        }
    }

    /// The answer to whoever waited for what could not be written.
    pub(super) fn refusal(&self) -> Refusal {
        match self {
            Self::NoRoom(text) => Refusal::new(
                Code::NoRoom,
                format!(
                    "The disk is full, so this is not safe yet ({text}); free some space, it is written then by itself"
                ),
            ),
            Self::Broken(text) => Refusal::new(
                Code::Unavailable,
                format!("The store can't write just now ({text}); it keeps trying"),
            ),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom(text) | Self::Broken(text) => f.write_str(text),
        }
    }
}
