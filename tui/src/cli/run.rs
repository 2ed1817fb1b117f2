//! `jobtop run`: a command becomes a job; its output, its exit code and its input stay its own.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::Global;
use crate::exit::Failure;

/// The command line of `run`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Runs the command and returns its exit code.
pub(crate) fn main(args: Args, _global: &Global) -> Result<ExitCode, Failure> {
    let name = args
        .command
        .first()
        .map_or_else(String::new, |c| c.to_string_lossy().into_owned());
    Err(Failure::failed(format!(
        "This build can't run {name}: the runner is missing"
    )))
}
