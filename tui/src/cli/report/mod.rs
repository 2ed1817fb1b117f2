//! `jobtop report`: a job from a shell script or a cron line, one call a word of the producer's.
//!
//! Nothing is printed but what was asked for (the id of a new job, a control, `--json`): a cron line that works is silent.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use jobtop_client::rest::{CallError, Rest};
use jobtop_core::job::Reply;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::{CountsReport, Report, StepRef};
use jobtop_core::proto::body::{FailBody, JobAnswer};
use jobtop_core::proto::view::View;

use crate::cli::{Global, ids, mistake, print, target};
use crate::exit::Failure;

mod create;

/// The command line of `report`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    word: Word,
}

#[derive(Subcommand, Debug)]
enum Word {
    /// Make a job and print its id
    Create(create::Args),
    /// Begin a job that waits
    Start(JobArgs),
    /// Say how far it is
    Progress(ProgressArgs),
    /// End it well
    Complete(JobArgs),
    /// End it badly
    Fail(FailArgs),
    /// Answer what was asked of it
    Ack(AckArgs),
}

/// Which job, and how the answer is printed.
#[derive(clap::Args, Debug)]
struct JobArgs {
    /// Which job: an id, or an ending of one that is unique
    #[arg(value_name = "ID")]
    id: String,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

/// The command line of `report progress`.
#[derive(clap::Args, Debug)]
struct ProgressArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Percent; without it they follow from the items, or else the bytes, and their total
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true, value_parser = percent)]
    progress: Option<f64>,
    /// The step it is in: its name, or its number counted from 0
    #[arg(long, value_name = "STEP", allow_hyphen_values = true)]
    step: Option<String>,
    /// What it is doing just now; an empty text takes it away
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
    /// Items done
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count())]
    items: Option<u64>,
    /// Items in all
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count())]
    total_items: Option<u64>,
    /// Bytes done
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count())]
    bytes: Option<u64>,
    /// Bytes in all
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count())]
    total_bytes: Option<u64>,
    /// Items that went wrong
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count())]
    errors: Option<u64>,
    /// Print what was asked of the job and is not answered yet, in one word: pause, resume or cancel
    #[arg(long, conflicts_with = "json")]
    control: bool,
}

/// The command line of `report fail`.
#[derive(clap::Args, Debug)]
struct FailArgs {
    #[command(flatten)]
    job: JobArgs,
    /// What went wrong, in one sentence
    #[arg(long, value_name = "TEXT", required = true, allow_hyphen_values = true)]
    error: String,
    /// The same in a word, for programs
    #[arg(long, value_name = "WORD")]
    code: Option<String>,
    /// What a person can do about it
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    suggestion: Option<String>,
    /// The exit code of the work
    #[arg(long, value_name = "N", value_parser = mistake::whole(0..=255, "an exit code, from 0 to 255"))]
    exit_code: Option<i32>,
}

/// The command line of `report ack`.
#[derive(clap::Args, Debug)]
struct AckArgs {
    #[command(flatten)]
    job: JobArgs,
    /// What was asked
    #[arg(value_enum, value_name = "ACTION")]
    action: Asked,
    /// It is not done
    #[arg(long)]
    refused: bool,
    /// Why not, or how
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
}

/// What can be asked of a producer.
#[derive(ValueEnum, Debug, Clone, Copy)]
enum Asked {
    /// It has stopped working
    Pause,
    /// It works again
    Resume,
    /// It is over
    Cancel,
}

impl From<Asked> for Action {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Pause => Self::Pause,
            Asked::Resume => Self::Resume,
            Asked::Cancel => Self::Cancel,
        }
    }
}

fn count() -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    mistake::whole(0..=u64::MAX, "a whole number that is not negative")
}

fn percent(given: &str) -> Result<f64, String> {
    match given.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("a number from 0 to 100".to_owned()),
    }
}

/// Says it to the daemon.
pub(crate) async fn main(args: Args, global: &Global) -> Result<ExitCode, Failure> {
    match args.word {
        Word::Create(args) => create::main(args, global).await?,
        Word::Start(args) => {
            let (rest, id) = of(&args, global).await?;
            let none = serde_json::Map::new();
            shown(rest.act(&id, "start", &none).await?, args.json)?;
        }
        Word::Progress(args) => progress(args, global).await?,
        Word::Complete(args) => {
            let (rest, id) = of(&args, global).await?;
            shown(rest.complete(&id).await?, args.json)?;
        }
        Word::Fail(args) => {
            let (rest, id) = of(&args.job, global).await?;
            let why = FailBody {
                error: args.error.into(),
                code: args.code.map(Into::into),
                suggestion: args.suggestion.map(Into::into),
                exit_code: args.exit_code,
                ..FailBody::default()
            };
            shown(rest.fail(&id, &why).await?, args.job.json)?;
        }
        Word::Ack(args) => {
            let (rest, id) = of(&args.job, global).await?;
            let reply = Reply {
                action: args.action.into(),
                ok: !args.refused,
                message: args.message.map(Into::into),
            };
            shown(rest.ack(&id, &reply).await?, args.job.json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn progress(args: ProgressArgs, global: &Global) -> Result<(), Failure> {
    let (rest, id) = of(&args.job, global).await?;
    let (json, control) = (args.job.json, args.control);
    let job = match rest.progress(&id, &report(args)).await {
        // A cancelled job takes no report any more, and yet whoever works on it must learn that it is.
        Err(refusal @ CallError::Refused(_)) if control => {
            let job = rest.get(&id).await?;
            if job.control.is_none() {
                return Err(refusal.into());
            }
            job
        }
        answer => answer?,
    };
    match job.control {
        Some(asked) if control => print::answer(&format!("{}\n", asked.action.word())),
        _ => shown(job, json),
    }
}

fn report(args: ProgressArgs) -> Report {
    let counts = CountsReport {
        total_items: args.total_items,
        processed_items: args.items,
        error_count: args.errors,
        total_bytes: args.total_bytes,
        processed_bytes: args.bytes,
    };
    Report {
        progress: args.progress,
        step: args.step.map(step),
        metrics: (counts != CountsReport::default()).then_some(counts),
        message: args.message.map(Into::into),
        ..Report::default()
    }
}

/// A whole number is the step's place, all else its name.
fn step(given: String) -> StepRef {
    match given.parse() {
        Ok(index) => StepRef::Index(index),
        Err(_) => StepRef::Name(given.into()),
    }
}

async fn of(job: &JobArgs, global: &Global) -> Result<(Rest, String), Failure> {
    let rest = target::rest(global)?;
    let found = ids::resolve(&rest, std::slice::from_ref(&job.id)).await?;
    // One was asked for, so there is one.
    let id = found.first().map_or_else(String::new, ToString::to_string);
    Ok((rest, id))
}

fn shown(job: View, json: bool) -> Result<(), Failure> {
    if json {
        print::json(&JobAnswer { job })?;
    }
    Ok(())
}
