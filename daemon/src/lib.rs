//! jobtopd: tracks jobs, keeps them, and feeds them to whoever watches.
//!
//! The flow is one way: front doors (`http`, sessions of the [`feed`]) bring commands to the [`engine`]; it decides;
//! the outcome goes to the [`feed`] at once and to the [`store`], which releases answers and effects once they are
//! durable. `supervise` wires them and is the only one that spawns long tasks.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

mod activation;
pub mod alerts;
mod auth;
pub mod check;
mod cli;
pub mod clock;
mod config;
mod disk;
pub mod engine;
mod exit;
pub mod feed;
mod folder;
mod history;
mod http;
mod logging;
pub mod logs;
pub mod metrics;
mod notify;
mod reload;
mod sdnotify;
pub mod settings;
pub mod store;
mod supervise;
mod watch;
mod workers;

/// Runs the daemon with those arguments (without the program's name) until a signal ends it.
///
/// What is wrong is said on stderr in two lines, what happened and what to do about it; the exit codes are those of
/// `jobtopd(8)`.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    // First of all, because the store's libraries make files with modes of their own.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let args: Vec<OsString> = args.collect();
    if args.first().is_some_and(|word| word == workers::RUNNER) {
        return workers::runner::main(&args[1..]);
    }
    let cli = match cli::Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(help_or_mistake) => {
            let _ = help_or_mistake.print();
            return ExitCode::from(if help_or_mistake.use_stderr() { 2 } else { 0 });
        }
    };
    // Before there are threads.
    let passed = activation::Passed::take();
    logging::begin();
    let prefix = prefix(&args);
    let ended = passed.and_then(|passed| {
        let names = passed.names();
        let read = || config::Settings::new(cli.clone(), prefix.clone(), &names);
        supervise::run(read()?, passed, &read)
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(
                std::io::stderr(),
                "jobtopd: {failure}\n  {}",
                failure.hint()
            );
            failure.code()
        }
    }
}

/// The words of this process's command line before `args`.
fn prefix(args: &[OsString]) -> Vec<OsString> {
    let all: Vec<OsString> = std::env::args_os().skip(1).collect();
    let own = all.len().saturating_sub(args.len());
    all.get(..own).unwrap_or_default().to_vec()
}
