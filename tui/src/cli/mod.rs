//! The commands: one a file. Here is what the command line may say ([`Cli`]) and who does it.
//!
//! stdout carries the answer alone; everything else is said on stderr.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::exit::Failure;

mod completions;
mod demo;
mod print;
mod run;

/// See every job live in a terminal: how far, which step, how fast, when done, what went wrong.
#[derive(Parser, Debug)]
#[command(
    name = "jobtop",
    version,
    about,
    disable_help_subcommand = true,
    after_help = "Without a command: the screen, on the local daemon (started if none answers).\nExit codes: 0 done, 1 failed, 2 wrong command line, 3 no such job, 4 not allowed, 5 not possible now, 6 daemon not reached, 130 Ctrl-C."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Global {
    /// The daemon to speak to: unix:PATH or ws://HOST:PORT [default: the local daemon's socket]
    #[arg(long, global = true, env = "JOBTOP_TARGET", value_name = "TARGET")]
    pub(crate) target: Option<String>,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a command now, here, as a job; its output, exit code and input are untouched
    Run(run::Args),
    /// Print the completion script of a shell
    Completions(completions::Args),
}

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(code) => code,
        Err(failure) => {
            if let Some(text) = failure.text() {
                print::note(&text);
            }
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    let global = cli.global;
    let Some(command) = cli.command else {
        return Err(Failure::failed("This build has no screen"));
    };
    match command {
        Command::Run(args) => run::main(args, &global),
        Command::Completions(args) => completions::main(&args, &mut Cli::command()),
    }
}
