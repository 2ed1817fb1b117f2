//! The job types that the story knows, and their default steps.

use std::sync::Arc;

/// The default steps of a job type: the story's for its three types, `Processing` for any other.
#[must_use]
pub fn default_steps(job_type: &str) -> Vec<Arc<str>> {
    let names: &[&str] = match job_type {
        "csv_processing" => &[
            "Validating file",
            "Processing headers",
            "Processing data",
            "Validating results",
            "Completing",
        ],
        "field_mapping" => &[
            "Loading configuration",
            "Applying mappings",
            "Transforming data",
            "Validating output",
            "Completing",
        ],
        "api_upload" => &[
            "Preparing data",
            "Uploading to API",
            "Processing responses",
            "Handling errors",
            "Completing",
        ],
        _ => &["Processing"],
    };
    names.iter().map(|name| Arc::from(*name)).collect()
}
