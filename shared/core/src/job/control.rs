//! What a person asked of a producer, and whether it has obeyed yet.

use serde::{Deserialize, Serialize};

use super::status::Status;
use crate::time::Timestamp;

/// What can be asked of a producer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Suspend the work.
    Pause,
    /// Go on.
    Resume,
    /// End it.
    Cancel,
}

impl Action {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }

    /// The past participle, for sentences.
    #[must_use]
    pub const fn done(self) -> &'static str {
        match self {
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Cancel => "cancelled",
        }
    }
}

/// A request that the producer has not acknowledged yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// What was asked.
    pub action: Action,
    /// When.
    pub requested_at: Timestamp,
    /// The status to go back to when the producer says no; not on the wire.
    #[serde(skip)]
    pub before: Option<Status>,
}

/// What a producer is able to do with its job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Capabilities {
    /// It can suspend and go on.
    pub pause: bool,
    /// It can end early.
    pub cancel: bool,
    /// Somebody will do a copy of it.
    pub retry: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            pause: true,
            cancel: true,
            retry: false,
        }
    }
}
