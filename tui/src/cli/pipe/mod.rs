//! `jobtop pipe`: a pass-through in a shell pipeline that counts what passes, as a job.
//!
//! The data has a thread of its own ([`flow`]); how much is to come is found out beside it ([`size`]), and so is all talk
//! with the daemon.

use std::io::{self, stdin, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jobtop_client::Endpoint;
use jobtop_client::reporter::{End, Reporter, report};
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::{CountsReport, Report};
use jobtop_core::proto::body::{FailBody, NewJob};
use jobtop_core::{JobType, UserId};
use jobtop_runner::ending::{self, Exit};
use jobtop_runner::observe::MOST;
use rustix::process::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::cli::run::contact::{self, Contact};
use crate::cli::{Global, interrupts, target};
use crate::exit::Failure;

mod flow;
mod size;

use flow::{Ended, Flow};
use size::Size;

/// The time between two reports.
const REPORTS: Duration = Duration::from_millis(200);
/// What a cancel exits with: 128 and the number of SIGTERM.
const CANCELLED: u8 = 143;

/// The command line of `pipe`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How many bytes will pass, like 1500000, 800K, 12M or 3G [default: found out where it can be]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, value_parser = size::bytes)]
    size: Option<u64>,
    /// What to call the job [default: the file that is read]
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    name: Option<String>,
    /// The job's type
    #[arg(long = "type", value_name = "TYPE", default_value = "pipe", value_parser = JobType::new)]
    job_type: JobType,
    /// A word to filter by; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The queue to show it in
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// Whose job it is [default: your own]
    #[arg(long, value_name = "USER", value_parser = UserId::new)]
    user: Option<UserId>,
}

/// Why we end.
enum Why {
    Data(Ended),
    Cancelled,
    Signal(i32),
}

/// Passes everything on. Brings its own runtime: not to be called within one.
pub(crate) fn main(args: Args, global: &Global) -> Result<ExitCode, Failure> {
    let endpoint = target::endpoint(global)?;
    let flow = Arc::new(Flow::default());
    let (sender, ended) = oneshot::channel();
    let size = Size::new(args.size);
    let moved = Arc::clone(&flow);
    let data = std::thread::Builder::new()
        .name("data".to_owned())
        .spawn(move || {
            // Nobody waits for it any more if it was cancelled.
            let _ = sender.send(moved.run(stdin(), stdout()));
        });
    let machine =
        |error: io::Error| Failure::failed(format!("The machine would not let it begin: {error}"));
    data.map_err(machine)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(machine)?;
    let done = runtime.block_on(beside(args, (endpoint, global), flow, size, ended));
    runtime.shutdown_background();
    done
}

async fn beside(
    args: Args,
    (endpoint, global): (Endpoint, &Global),
    flow: Arc<Flow>,
    size: Size,
    mut ended: oneshot::Receiver<Ended>,
) -> Result<ExitCode, Failure> {
    let mut signals = interrupts::listen();
    let mut size = size.find(&flow);
    let name = match &args.name {
        Some(name) => name.clone(),
        None => size.file_name().await.unwrap_or_else(|| "pipe".to_owned()),
    };
    let (reporter, mut actions) = report(endpoint, new_job(args, name, size.total()));
    let mut contact = Contact::of(&reporter, global, "the data passes");
    let why = {
        let mut along = std::pin::pin!(go_along(&reporter, &mut actions, &flow, &mut size));
        loop {
            tokio::select! {
                // A thread that panicked has read no more.
                data = &mut ended => break Why::Data(data.unwrap_or(Ended::Stopped)),
                () = &mut along => break Why::Cancelled,
                signal = signals.next() => {
                    flow.end();
                    break Why::Signal(signal);
                }
                () = contact.keep() => {}
            }
        }
    };
    let whole = matches!(why, Why::Data(Ended::Whole));
    reporter.update(counted(&flow, &mut size, whole));
    release(&why);
    contact::farewell(reporter, contact, end(&why)).await;
    leave(why)
}

fn new_job(args: Args, name: String, total: Option<u64>) -> NewJob {
    let mut new = NewJob::of(args.job_type);
    new.name = Some(name.into());
    new.user_id = args.user;
    new.queue = args.queue.map(Into::into);
    new.tags = (!args.tags.is_empty()).then(|| args.tags.into_iter().map(Into::into).collect());
    new.host = crate::cli::host();
    new.total_bytes = total;
    // A type's default steps would stand still at the first, which is untrue.
    new.steps = Some(vec!["Processing".into()]);
    new
}

/// Reports, and does what is asked, until it is cancelled.
async fn go_along(
    reporter: &Reporter,
    actions: &mut mpsc::Receiver<Action>,
    flow: &Flow,
    size: &mut size::Found,
) {
    let mut ticks = tokio::time::interval(REPORTS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = None;
    let mut pausing = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let now = (flow.passed(), size.total());
                if said.replace(now) != Some(now) {
                    reporter.update(counted(flow, size, false));
                }
            }
            Some(action) = actions.recv() => match action {
                Action::Pause => {
                    flow.hold();
                    pausing = true;
                }
                Action::Resume => {
                    flow.release();
                    pausing = false;
                    reporter.acknowledge(action, true, None);
                }
                Action::Cancel => {
                    flow.end();
                    return;
                }
            },
            () = flow.stands(), if pausing => {
                pausing = false;
                reporter.update(counted(flow, size, false));
                reporter.acknowledge(Action::Pause, true, None);
            }
        }
    }
}

/// What passed so far, and how much of it that is, if that is known. Never 100 % before the end.
fn counted(flow: &Flow, size: &mut size::Found, whole: bool) -> Report {
    let (bytes, lines) = flow.passed();
    let total = size.total().filter(|total| *total > 0);
    let percent = |total: u64| (bytes as f64 / total as f64 * 1_000.0).floor() / 10.0;
    let short = size.given().filter(|given| whole && bytes != *given);
    Report {
        progress: total.map(|total| size.never_less(percent(total).min(MOST))),
        metrics: Some(CountsReport {
            processed_items: Some(lines),
            processed_bytes: Some(bytes),
            // A total that turned out to be none is taken back; one that was passed was too small.
            total_bytes: Some(total.map_or(0, |total| total.max(bytes))),
            ..CountsReport::default()
        }),
        message: short.map(|given| format!("{bytes} bytes passed, {given} were expected").into()),
        progress_source: Some(size.source().into()),
        ..Report::default()
    }
}

/// Lets go of the streams at once, so that nobody in the pipeline waits for the daemon.
fn release(why: &Why) {
    let Ok(nothing) = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
    else {
        return;
    };
    let _ = rustix::stdio::dup2_stdin(&nothing);
    // Where it ended early nobody is to take what there is for the whole, until our exit code says so.
    if matches!(why, Why::Data(_)) {
        let _ = rustix::stdio::dup2_stdout(&nothing);
    }
}

fn end(why: &Why) -> End {
    let failed = |error: String, code: &str, suggestion: &str| FailBody {
        error: error.into(),
        code: Some(code.into()),
        suggestion: Some(suggestion.into()),
        exit_code: Some(1),
        ..FailBody::default()
    };
    End::Failed(match why {
        Why::Data(Ended::Whole) => return End::Completed,
        Why::Cancelled => return End::Gone,
        Why::Data(Ended::Unread(error)) => failed(
            format!(
                "What comes through the pipe can't be read: {}",
                reason(error)
            ),
            "unreadable",
            "See what the standard input of jobtop pipe is",
        ),
        Why::Data(Ended::Unwritten(error)) => failed(
            format!("What passes can't be written: {}", reason(error)),
            "unwritable",
            "See whether the disk is full, or write it elsewhere",
        ),
        Why::Data(Ended::Stopped) => failed(
            "The data stopped by a fault of jobtop's own".to_owned(),
            "internal",
            "Report this, with what passed through it",
        ),
        Why::Data(Ended::ReaderGone) => FailBody {
            exit_code: None,
            signal: Some(Signal::PIPE.as_raw()),
            ..failed(
                "The program that reads from the pipe ended before everything had passed"
                    .to_owned(),
                "reader_gone",
                "If it needs no more, as head does, all is well; else see what it said",
            )
        },
        Why::Signal(signal) => match ending::explain("jobtop pipe", Exit::Signal(*signal)) {
            Some(explained) => FailBody {
                exit_code: None,
                signal: explained.signal,
                ..failed(explained.error, explained.code, explained.suggestion)
            },
            None => return End::Completed,
        },
    })
}

fn leave(why: Why) -> Result<ExitCode, Failure> {
    match why {
        Why::Data(Ended::Whole) => Ok(ExitCode::SUCCESS),
        Why::Cancelled => Ok(ExitCode::from(CANCELLED)),
        Why::Data(Ended::ReaderGone) => Ok(die_of(Signal::PIPE.as_raw())),
        Why::Signal(signal) => Ok(die_of(signal)),
        Why::Data(Ended::Unread(error)) => Err(Failure::failed(format!(
            "What comes through the pipe can't be read: {}",
            reason(&error)
        ))
        .hint("See what the standard input of jobtop pipe is")),
        Why::Data(Ended::Unwritten(error)) => Err(Failure::failed(format!(
            "What passes can't be written: {}",
            reason(&error)
        ))
        .hint("See whether the disk is full, or write it elsewhere")),
        Why::Data(Ended::Stopped) => Err(Failure::failed("The data stopped by a fault of our own")),
    }
}

/// Ends as this signal ends a program, so that a shell sees what it would have seen without us.
fn die_of(signal: i32) -> ExitCode {
    if let Some(signal) = Signal::from_named_raw(signal) {
        jobtop_runner::die_of(signal);
    }
    ExitCode::from(Exit::Signal(signal).shell_code())
}

/// The text of an error of the system's, without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}
