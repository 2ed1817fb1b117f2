//! `jobtop watch PID`: a process that runs already, as a job, to its end. It is looked at and not touched.

use std::process::ExitCode;
use std::time::Duration;

use jobtop_client::Endpoint;
use jobtop_client::reporter::{End, Reporter, report};
use jobtop_core::job::progress::Report;
use jobtop_core::proto::body::{CapabilitiesGiven, FailBody, NewJob};
use jobtop_core::{JobType, UserId, text};
use jobtop_runner::attend;
use jobtop_runner::choose::Chooser;
use jobtop_runner::ending::Exit;
use jobtop_runner::title;
use jobtop_runner::watched::{Sight, Unwatchable, Watched};
use jobtop_runner::{Cause, Ending};
use rustix::process::Signal;

use crate::cli::run::contact::{self, Contact};
use crate::cli::{Global, interrupts, mistake, print, target};
use crate::clock;
use crate::exit::{Failure, Said};

/// The command line of `watch`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Which process: its id
    #[arg(value_name = "PID", allow_negative_numbers = true, value_parser = mistake::whole(1..=i32::MAX, "a process id: a whole number, 1 or more"))]
    pid: i32,
    /// The job's type
    #[arg(long = "type", value_name = "TYPE", default_value = "command", value_parser = JobType::new)]
    job_type: JobType,
    /// What to call the job [default: the program and the first file it is about]
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    name: Option<String>,
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

/// Watches it to its end.
pub(crate) async fn main(args: Args, global: &Global) -> Result<ExitCode, Failure> {
    let endpoint = target::endpoint(global)?;
    let pid = args.pid;
    let watched = Watched::begin(pid).map_err(|why| unwatchable(pid, why))?;
    watch(args, watched, endpoint, global).await
}

fn unwatchable(pid: i32, why: Unwatchable) -> Failure {
    let said = Said::new(format!("Process {pid} can't be watched: {why}"));
    match why {
        Unwatchable::None | Unwatchable::Ended => {
            Failure::Failed(said.hint("`pgrep -af NAME` finds the id of what runs"))
        }
        Unwatchable::Others => {
            Failure::NotAllowed(said.hint("Its owner can watch it, and so can root"))
        }
        Unwatchable::Kernel | Unwatchable::Ourselves => {
            Failure::Usage(said.hint("Name a program that works on something"))
        }
        Unwatchable::Hidden(_) => {
            Failure::NotAllowed(said.hint("It may have more rights than you: root can watch it"))
        }
    }
}

async fn watch(
    args: Args,
    mut watched: Watched,
    endpoint: Endpoint,
    global: &Global,
) -> Result<ExitCode, Failure> {
    let pid = args.pid;
    let line = watched.command_line();
    let program = line
        .first()
        .map_or_else(String::new, |word| word.to_string_lossy().into_owned());
    let program = text::clean_within(&program, text::NAME_CHARS).into_owned();
    let default = title::of(&line);
    let mut signals = interrupts::listen();
    let (reporter, _actions) = report(endpoint, new_job(args, default, watched.age()));
    let mut contact = Contact::of(&reporter, global, "the process runs");
    let mut chooser = Chooser::new();
    let ended = loop {
        tokio::select! {
            sight = watched.next() => match sight {
                Sight::Progress(reading) => {
                    if let Some(report) = chooser.seen(&reading) {
                        reporter.update(report);
                    }
                }
                Sight::Ended(exit) => break Ok(exit),
            },
            signal = signals.next() => break Err(signal),
            () = contact.keep() => {}
        }
    };
    match ended {
        Ok(exit) => {
            let end = end(&reporter, &program, exit);
            contact::farewell(reporter, contact, end).await;
            Ok(ExitCode::SUCCESS)
        }
        Err(signal) => {
            contact::farewell(reporter, contact, let_go()).await;
            print::note(&format!(
                "jobtop: process {pid} is not watched any more; it goes on"
            ));
            if signal == Signal::INT.as_raw() {
                return Err(Failure::Interrupted);
            }
            Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(1)))
        }
    }
}

fn new_job(args: Args, default: String, age: Duration) -> NewJob {
    let mut new = NewJob::of(args.job_type);
    new.name = Some(args.name.unwrap_or(default).into());
    new.user_id = args.user;
    new.queue = args.queue.map(Into::into);
    new.tags = (!args.tags.is_empty()).then(|| args.tags.into_iter().map(Into::into).collect());
    new.host = crate::cli::host();
    new.steps = Some(vec!["Processing".into()]);
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    new.started_at = Some(clock::now().wall.plus_ms(-age));
    // It is not touched, so nobody may ask for that.
    new.capabilities = Some(CapabilitiesGiven {
        pause: Some(false),
        cancel: Some(false),
        retry: Some(false),
    });
    new
}

/// The job's end. How somebody else's child ended is known only as long as its parent has not asked.
fn end(reporter: &Reporter, program: &str, exit: Option<Exit>) -> End {
    let Some(exit) = exit else {
        reporter.update(Report {
            message: Some("It has ended; with what exit code, only who started it knows".into()),
            ..Report::default()
        });
        return End::Completed;
    };
    let ending = Ending {
        exit,
        cause: Cause::Itself,
    };
    attend::end_of(program, ending, None)
}

fn let_go() -> End {
    End::Failed(FailBody {
        error: "It is not watched any more; the process went on".into(),
        code: Some("unwatched".into()),
        suggestion: Some(
            "See whether it still runs, and watch it again with jobtop watch PID".into(),
        ),
        exit_code: None,
        signal: None,
        last_lines: None,
    })
}
