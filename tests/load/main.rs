//! How fast, how frugal: the project's figures, each beside the limit it is held against, measured in one run.
//!
//! `jobtop-load 1 3` measures rows 1 and 3 of the figures, `jobtop-load run` a load of your own, `jobtop-load commands` what
//! commands cost as jobs, `jobtop-load rules` what the alert rules cost, `jobtop-load undisturbed STORE` whether anybody feels what is done with a long history. Build it with `--release`. The limits are bare programs in [`limit`], started as processes of
//! their own, as the daemon is, so that CPU time is told apart.

mod commands;
mod lean;
mod limit;
mod load;
mod numbers;
mod print;
mod producer;
mod rows;
mod rules;
mod subject;
mod undisturbed;
mod viewers;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures jobtop against bare programs that do nothing else.
#[derive(Debug, Parser)]
#[command(name = "jobtop-load", args_conflicts_with_subcommands = true)]
struct Args {
    /// Which figures: 1 2 3 4 7 14 17 18 19 20; all of them if none is named.
    rows: Vec<u8>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One load on a daemon: from a producer's send to a subscriber's receipt.
    Run(load::Plan),
    /// What commands cost as jobs, in the queue, in a pipe and observed.
    Commands,
    /// What the alert rules cost.
    Rules,
    /// Whether anybody feels searches, checkpoints and starts beside a long history.
    Undisturbed(undisturbed::History),
    /// A bare program to be held against; started by the measurements.
    #[command(hide = true, subcommand)]
    Limit(limit::Limit),
}

fn main() -> ExitCode {
    let args = Args::parse();
    subject::raise_open_files();
    match args.command {
        Some(Command::Limit(limit)) => limit::run(limit),
        Some(Command::Commands) => commands::run(),
        Some(Command::Rules) => rules::run(),
        Some(Command::Undisturbed(history)) => undisturbed::run(&history),
        Some(Command::Run(plan)) => load::report(&plan),
        None => return rows::run(&args.rows),
    }
    ExitCode::SUCCESS
}
