//! The demo's pipelines: three kinds of work on CSV files, each written as if jobtop were not there but for the
//! [`Desk`](super::desk::Desk) it reports to.
//!
//! Reading order: [`sheet`] (opening a CSV file), [`values`], then one file a pipeline.

pub(crate) mod api_upload;
pub(crate) mod csv_processing;
pub(crate) mod field_mapping;
pub(crate) mod sheet;
pub(crate) mod values;

/// What a pipeline did with the rows it was given, counted as it worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Rows read.
    pub(crate) rows_in: u64,
    /// Rows that came out at the other end.
    pub(crate) rows_out: u64,
    /// Rows put aside with a reason.
    pub(crate) rejects: u64,
    /// Requests that had to be made again.
    pub(crate) retries: u64,
}
