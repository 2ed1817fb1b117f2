//! Short words for what the tests of the protocol keep taking out of answers.

use serde_json::Value;

/// The id of a job.
pub(crate) fn id(job: &Value) -> String {
    job["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id in {job}"))
        .to_owned()
}
