//! The bodies about hooks: what there is, how it is, and what came of a test.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A hook, as it is told to whoever manages them: nothing of it that is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookView {
    /// What it is called.
    pub name: String,
    /// What it is told of.
    pub on: Vec<String>,
    /// Of which jobs, as a filter; empty for all.
    pub filter: String,
    /// The program, or the scheme, host and port of the address.
    pub to: String,
    /// How much it has yet to be told.
    pub waiting: u64,
    /// What it was not told, since the daemon started, because there was too much of it or it was too old.
    pub dropped: u64,
    /// Since when it fails again and again.
    pub failing_since: Option<Timestamp>,
    /// What went wrong last, while it fails.
    pub failure: Option<String>,
}

/// `GET /api/hooks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HooksAnswer {
    /// All of them, by name.
    pub hooks: Vec<HookView>,
}

/// `POST /api/hooks/NAME/test`: what came of telling it a sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookTested {
    /// Whether it was told.
    pub ok: bool,
    /// What was wrong, as a sentence without its full stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How a command ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What a webhook answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The beginning of what it said.
    pub output: String,
    /// How long it took.
    pub milliseconds: u64,
}
