//! What went wrong with a job, for a person: one sentence, the step, and what to try next.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The code of a failure that a producer did not name.
pub const CODE_FAILED: &str = "failed";
/// The code of a job whose producer went away and did not come back.
pub const CODE_PRODUCER_LOST: &str = "producer_lost";

/// The whole of a failure; the job's `error` is its `message`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// A stable word for programs.
    pub code: Arc<str>,
    /// One sentence.
    pub message: Arc<str>,
    /// The name of the step it failed in.
    pub step: Option<Arc<str>>,
    /// The exit code of the process, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the process, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// What a person can do about it.
    pub suggestion: Option<Arc<str>>,
    /// The last lines of its output, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_lines: Option<Vec<Arc<str>>>,
}
