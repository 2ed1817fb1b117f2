//! `jobtop pause|resume|cancel|retry|priority`: one more command at the daemon's front door.

use std::process::ExitCode;

use jobtop_core::proto::body::{ActBody, JobAnswer, PriorityBody};
use jobtop_core::proto::view::View;

use crate::cli::print::{self, words};
use crate::cli::{Global, ids, mistake, target};
use crate::exit::Failure;

/// The command line of each.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Which jobs: ids, or endings of ids that are unique
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Print the daemon's answers, one JSON document a line
    #[arg(long)]
    json: bool,
}

/// The command line of `priority`.
#[derive(clap::Args, Debug)]
pub(crate) struct PriorityArgs {
    /// Which job: an id, or an ending of one that is unique
    #[arg(value_name = "ID")]
    id: String,
    /// The priority: higher goes first
    #[arg(value_name = "N", allow_negative_numbers = true,
          value_parser = mistake::whole(i32::MIN..=i32::MAX, "a whole number, from -2147483648 to 2147483647"))]
    priority: i32,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

/// What is asked of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Suspend the work.
    Pause,
    /// Go on.
    Resume,
    /// End it.
    Cancel,
    /// Do it again, as a new job.
    Retry,
}

impl Verb {
    const fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        }
    }
}

/// Asks it for every job. Each is asked, also after one was refused; the last refusal is the command's, those before are said.
pub(crate) async fn main(verb: Verb, args: &Args, global: &Global) -> Result<ExitCode, Failure> {
    let mut refused = None;
    let rest = target::rest(global)?;
    for id in ids::resolve(&rest, &args.ids).await? {
        match rest
            .act(&id.to_string(), verb.word(), &ActBody::default())
            .await
        {
            Ok(job) => print(job, args.json)?,
            Err(error) => {
                let failure = Failure::from(error);
                if let Some(earlier) = refused.replace(failure) {
                    // Only one can be returned, and none may be lost.
                    print::note(&earlier.text().unwrap_or_default());
                }
            }
        }
    }
    refused.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// Changes a pending job's priority.
pub(crate) async fn priority(args: &PriorityArgs, global: &Global) -> Result<ExitCode, Failure> {
    let rest = target::rest(global)?;
    for id in ids::resolve(&rest, std::slice::from_ref(&args.id)).await? {
        let body = PriorityBody {
            priority: args.priority,
        };
        print(
            rest.act(&id.to_string(), "priority", &body).await?,
            args.json,
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(job: View, json: bool) -> Result<(), Failure> {
    if json {
        return print::json(&JobAnswer { job });
    }
    print::answer(&line(&job))
}

/// `job_…  pausing…  NAME`: the id first, for scripts that cut it out.
pub(crate) fn line(job: &View) -> String {
    format!(
        "{}  {}  {}\n",
        job.id,
        words::standing(job),
        words::clean(&job.name)
    )
}
