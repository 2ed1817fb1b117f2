//! `jobtop daemon run|start|stop|status`, and starting the local daemon when a command needs one.
//!
//! The daemon is this same program, executed again: one file is enough on a machine.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::{self, Global, print};
use crate::exit::Failure;

mod check;
pub(crate) mod peer;
mod start;
mod status;
mod stop;

pub(crate) use start::ensure_local;

/// The command line of `daemon`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Be the daemon, in the foreground; takes the options of jobtopd
    #[command(disable_help_flag = true)]
    Run {
        /// Options of jobtopd
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "OPTIONS"
        )]
        options: Vec<OsString>,
    },
    /// Start the local daemon in the background, if none answers
    Start,
    /// Stop the local daemon and wait until it is gone
    Stop,
    /// Say where the daemon is, how long it runs and what it has
    Status(status::Args),
    /// Verify the store that no daemon uses just now
    Check(check::Args),
}

/// Does what was asked.
pub(crate) fn main(args: Args, global: &Global) -> Result<ExitCode, Failure> {
    match args.command {
        Command::Run { options } => Ok(jobtopd::main(options.into_iter())),
        Command::Start => cli::block_on(async {
            let begun = ensure_local(global).await?;
            print::note(&format!("jobtop: {begun}"));
            Ok(ExitCode::SUCCESS)
        }),
        Command::Stop => cli::block_on(stop::main(global)),
        Command::Status(args) => cli::block_on(status::main(&args, global)),
        Command::Check(args) => check::main(&args),
    }
}
