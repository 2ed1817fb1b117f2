//! The commands: one a file.

use std::process::ExitCode;

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    ExitCode::SUCCESS
}
