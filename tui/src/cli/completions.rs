//! `jobtop completions SHELL`: the script that makes a shell complete our commands.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::cli::print;
use crate::exit::Failure;

/// The command line of `completions`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn main(args: &Args, command: &mut clap::Command) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "jobtop", &mut script);
    print::answer(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
