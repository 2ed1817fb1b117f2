//! The runner of one submitted command: a process of its own, which outlives the daemon.
//!
//! It accepts its job, and only when the daemon has that on its disk and says what is to be run does the command start. From then
//! on it is a producer like any other: it reports through every outage and says the end.

use std::ffi::OsString;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use jobtop_client::Endpoint;
use jobtop_client::reporter::{self, Delivered, End, Reporter};
use jobtop_core::job::command::NewCommand;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::Report;
use jobtop_core::proto::body::NewJob;
use jobtop_core::{JobId, JobType, text};
use jobtop_runner::ending::{self, Explained, Unstarted};
use jobtop_runner::log_file::Lost;
use jobtop_runner::{GRACE, Start, attend, capture};
use tokio::sync::mpsc;

use crate::logs::Logs;

/// How long the daemon may be away before the command is accepted; it is started by another runner then.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the end is tried to be told: a machine that is being mended, or a disk that is being cleared.
const FAREWELL: Duration = Duration::from_secs(24 * 3_600);

/// The command line, which the daemon writes.
#[derive(Debug, Parser)]
#[command(name = "runner", no_binary_name = true)]
struct Args {
    #[arg(long)]
    socket: PathBuf,
    #[arg(long)]
    data_dir: PathBuf,
    #[arg(long, default_value_t = GRACE.as_secs_f64())]
    grace: f64,
    #[arg(long)]
    log_bytes: u64,
    /// None: it is told on stdin, one line, when there is one to be run.
    job: Option<JobId>,
}

/// Runs the command of a job to its end.
pub(crate) fn main(args: &[OsString]) -> ExitCode {
    let mut args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(mistake) => {
            let _ = mistake.print();
            return ExitCode::from(2);
        }
    };
    crate::logging::begin();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runner can be started");
            return ExitCode::FAILURE;
        }
    };
    // Whatever takes time at a start is behind us when a spare one hears of its job.
    let Some(job) = args.job.take().or_else(told) else {
        return ExitCode::SUCCESS;
    };
    let done = runtime.block_on(run(&args, job));
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            tracing::warn!(%job, "{why}");
            ExitCode::FAILURE
        }
    }
}

/// The job that a spare runner is told; none, if it is not needed after all.
fn told() -> Option<JobId> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).ok()?;
    line.trim_end().parse().ok()
}

async fn run(args: &Args, job: JobId) -> Result<(), String> {
    let endpoint = Endpoint::Unix(args.socket.clone());
    let kind = JobType::new("command").map_err(|wrong| wrong.to_string())?;
    let (reporter, mut actions, command) = reporter::accept(endpoint, job, NewJob::of(kind));
    let mut refusal = reporter.refusal();
    let command = tokio::select! {
        Ok(command) = command => command,
        Ok(why) = refusal.wait_for(Option::is_some) => {
            return Err(why.clone().unwrap_or_default());
        }
        () = tokio::time::sleep(PATIENCE) => return Err("the daemon did not answer".to_owned()),
    };
    let end = carry_out(args, job, command, &reporter, &mut actions).await;
    match reporter.finish(end, FAREWELL).await {
        Delivered::Yes => Ok(()),
        Delivered::No(why) => Err(format!(
            "the daemon was not told how the command ended: {why}"
        )),
    }
}

/// Runs the command to its end, which it answers with.
async fn carry_out(
    args: &Args,
    job: JobId,
    command: NewCommand,
    reporter: &Reporter,
    actions: &mut mpsc::Receiver<Action>,
) -> End {
    let words: Vec<OsString> = command
        .line
        .argv
        .iter()
        .map(|word| word.as_ref().into())
        .collect();
    let program = command.line.argv.first().map_or("", |word| word);
    let program = text::clean_within(program, text::NAME_CHARS).into_owned();
    let cwd = PathBuf::from(command.line.cwd.as_deref().unwrap_or("/"));
    if let Err(error) = std::fs::read_dir(&cwd) {
        return attend::unstarted(no_place(&cwd, &error));
    }
    let variables = |env: jobtop_core::job::command::Environment| {
        env.0
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    };
    let started = jobtop_runner::start(&Start {
        argv: words,
        hidden: vec![attend::SECRET],
        grace: Duration::try_from_secs_f64(args.grace).unwrap_or(GRACE),
        cwd: Some(cwd),
        env: command.env.map(variables),
        captured: true,
        in_front: false,
    });
    let mut running = match started {
        Ok(running) => running,
        Err(error) => {
            let why = Unstarted::of(&error);
            return attend::unstarted(ending::explain_unstarted(&program, why, &error));
        }
    };
    let logs = Logs::of(&args.data_dir, args.log_bytes);
    let (lost, mut losses) = mpsc::channel(1);
    let log = match logs.writer(job) {
        Ok(log) => Some(log),
        Err(error) => {
            unlogged(reporter, &Lost::Failed(error));
            None
        }
    };
    if let Some(output) = running.output.take() {
        // It goes on while the end is being told: what the command left running may still write.
        tokio::spawn(capture::keep(output, log, lost));
    }
    let ending = {
        let endpoint = Endpoint::Unix(args.socket.clone());
        let along = attend::go_along(endpoint, reporter, &mut running, actions);
        let mut along = std::pin::pin!(along);
        loop {
            tokio::select! {
                ending = &mut along => break ending,
                Some(what) = losses.recv() => unlogged(reporter, &what),
            }
        }
    };
    match ending {
        Some(ending) => attend::end_of(&program, ending, running.last_lines()),
        None => attend::unstarted(ending::explain_unstarted(
            &program,
            Unstarted::Other,
            &io::Error::other("its runner failed"),
        )),
    }
}

fn unlogged(reporter: &Reporter, why: &Lost) {
    reporter.update(Report {
        message: Some(why.to_string().into()),
        ..Report::default()
    });
}

fn no_place(cwd: &Path, error: &io::Error) -> Explained {
    let shown = cwd.to_string_lossy();
    let shown = text::clean_within(&shown, text::NAME_CHARS);
    let why = match error.kind() {
        io::ErrorKind::NotFound => "is not there any more",
        io::ErrorKind::NotADirectory => "is no directory",
        _ => "can't be entered",
    };
    Explained {
        code: "no_directory",
        error: format!("Its working directory {shown} {why}"),
        suggestion: "Make the directory, or submit the command again from another",
        exit_code: Some(Unstarted::Other.shell_code().into()),
        signal: None,
    }
}
