//! The commands: one a file. Here is what the command line may say ([`Cli`]) and who does it.
//!
//! stdout carries the answer alone; everything else is said on stderr.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use act::Verb;

use crate::exit::Failure;

mod act;
mod alerts;
mod completions;
mod config;
pub(crate) mod daemon;
mod demo;
mod dial_stdio;
mod doctor;
mod follow;
mod history;
mod hooks;
mod ids;
pub(crate) mod interrupts;
mod list;
mod logs;
mod mistake;
mod pipe;
pub(crate) mod print;
mod queue;
mod report;
mod run;
mod screen;
mod show;
mod stats;
mod submit;
pub(crate) mod target;
mod token;
mod wait;
mod watch;

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
    #[command(flatten)]
    look: screen::Look,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Global {
    /// The daemon to speak to.
    #[arg(
        long,
        global = true,
        env = "JOBTOP_TARGET",
        value_name = "TARGET",
        help = "The daemon to speak to: a name of config.toml, unix:PATH, ssh://[USER@]HOST, wss://HOST[:PORT] or ws://HOST[:PORT] [default: the local daemon's socket]"
    )]
    pub(crate) target: Option<String>,
    /// The file of the token for it; without one $`JOBTOP_TOKEN` is the token
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "The file of the token for a ws:// or wss:// target [default: $JOBTOP_TOKEN is the token]"
    )]
    pub(crate) token_file: Option<std::path::PathBuf>,
    /// The certificate that a `wss://` target has to show
    #[arg(
        long,
        global = true,
        env = "JOBTOP_FINGERPRINT",
        value_name = "SHA256",
        help = "The fingerprint of the certificate that a wss:// target has to show [default: as in known_hosts, or an authority vouches for it]"
    )]
    pub(crate) fingerprint: Option<String>,
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
    /// The screen on another daemon
    Attach(screen::Args),
    /// Run a command now, here, as a job; its output, exit code and input are untouched
    Run(run::Args),
    /// Queue a command, to be run by the daemon when its turn comes; prints the job's id
    Submit(submit::Args),
    /// Watch a process that runs already, without touching it, as a job to its end
    Watch(watch::Args),
    /// Pass stdin on to stdout, counted, as a job: for the middle of a shell pipeline
    Pipe(pipe::Args),
    /// Report a job from a shell script
    Report(report::Args),
    /// List the jobs that run, and those that ended in the last 24 hours
    Ls(list::Args),
    /// Search the jobs that have ended, back to the daemon's retention
    History(history::Args),
    /// Tell how jobs end, how long they take, and what goes wrong
    Stats(stats::Args),
    /// Show everything that is known of a job
    Show(show::Args),
    /// Print what a job wrote, where the daemon has it
    Logs(logs::Args),
    /// Wait until jobs have ended; exits as they did
    Wait(wait::Args),
    /// Suspend jobs
    Pause(act::Args),
    /// Let suspended jobs go on
    Resume(act::Args),
    /// End jobs
    Cancel(act::Args),
    /// Do jobs again, as new ones
    Retry(act::Args),
    /// Change the priority of a job that waits
    Priority(act::PriorityArgs),
    /// List the queues; say how many of their jobs run at once
    Queue(queue::Args),
    /// Tell what is wrong: jobs that fail, stall or pile up, a daemon that is unwell
    Alerts(alerts::Args),
    /// Make, list and revoke the tokens that let people and programs in over TCP
    Token(token::Args),
    /// List whom the daemon tells what becomes of jobs, and try whether that works
    Hooks(hooks::Args),
    /// Start, stop and look at the daemon
    Daemon(daemon::Args),
    /// Show what is set, and where each setting comes from
    Config(config::Args),
    /// Look for what is not well here, and say what to do about it
    Doctor(doctor::Args),
    /// Join stdin and stdout to the local daemon, for `attach ssh://HOST`
    DialStdio,
    /// See it at work: real pipelines on generated CSV files, on a daemon of its own that is gone afterwards
    Demo(demo::Args),
    /// Print the completion script of a shell
    Completions(completions::Args),
}

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    let typed: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let mut command = Cli::command();
    let read = command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|matches| {
            let cli =
                Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
            Ok((cli, matches))
        });
    let done = match read {
        Ok((cli, matches)) => dispatch(cli, &matches),
        Err(error) => match mistake::explained(&error, &typed) {
            Some(failure) => Err(failure),
            None => error.exit(),
        },
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            if let Some(text) = failure.text() {
                print::note(&text);
            }
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let global = &cli.global;
    let Some(command) = cli.command else {
        return screen::main(cli.look, global);
    };
    match command {
        Command::Attach(args) => screen::attach(&args, global),
        Command::Run(args) => run::main(args, global),
        Command::Submit(args) => block_on(done(submit::main(args, global))),
        Command::Watch(args) => block_on(watch::main(args, global)),
        Command::Pipe(args) => pipe::main(args, global),
        Command::Report(args) => block_on(report::main(args, global)),
        Command::Ls(args) => block_on(list::main(&args, global)),
        Command::History(args) => block_on(history::main(&args, global)),
        Command::Stats(args) => block_on(stats::main(&args, global)),
        Command::Show(args) => block_on(show::main(&args, global)),
        Command::Logs(args) => block_on(logs::main(&args, global)),
        Command::Wait(args) => block_on(wait::main(&args, global)),
        Command::Pause(args) => block_on(act::main(Verb::Pause, &args, global)),
        Command::Resume(args) => block_on(act::main(Verb::Resume, &args, global)),
        Command::Cancel(args) => block_on(act::main(Verb::Cancel, &args, global)),
        Command::Retry(args) => block_on(act::main(Verb::Retry, &args, global)),
        Command::Priority(args) => block_on(act::priority(&args, global)),
        Command::Queue(args) => block_on(done(queue::main(args, global))),
        Command::Alerts(args) => block_on(done(alerts::main(args, global))),
        Command::Token(args) => block_on(done(token::main(args, global))),
        Command::Hooks(args) => block_on(hooks::main(args, global)),
        Command::Daemon(args) => daemon::main(args, global),
        Command::Config(args) => config::main(&args, global, matches),
        Command::Doctor(args) => block_on(doctor::main(&args, global)),
        Command::DialStdio => dial_stdio::main(global),
        Command::Demo(args) => demo::main(args, global),
        Command::Completions(args) => completions::main(&args, &mut Cli::command()),
    }
}

/// What ends well ends with 0.
async fn done(command: impl Future<Output = Result<(), Failure>>) -> Result<ExitCode, Failure> {
    command.await.map(|()| ExitCode::SUCCESS)
}

/// Runs a command's future on a runtime of one thread.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("No runtime could be made: {error}")))?;
    runtime.block_on(command)
}

/// The name of this machine, as jobs say where they are worked on.
pub(crate) fn host() -> Option<Arc<str>> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    (!name.is_empty()).then(|| name.into())
}
