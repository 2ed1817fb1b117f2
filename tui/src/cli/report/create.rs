//! `jobtop report create`: the job, made at a daemon that is started if none answers.

use std::sync::Arc;

use clap::ValueEnum;
use jobtop_client::rest::Rest;
use jobtop_core::proto::body::{CapabilitiesGiven, JobAnswer, NewJob};
use jobtop_core::{JobType, Status, UserId};

use super::count;
use crate::cli::{Global, daemon, mistake, print};
use crate::exit::Failure;

/// The command line of `report create`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The job's type
    #[arg(long = "type", value_name = "TYPE", required = true, value_parser = JobType::new)]
    job_type: JobType,
    /// What to call the job [default: its type]
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    name: Option<String>,
    /// Items in all
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count())]
    total_items: Option<u64>,
    /// Bytes in all
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count())]
    total_bytes: Option<u64>,
    /// Its steps, between commas [default: those of its type]
    #[arg(long, value_name = "STEP,…", value_delimiter = ',')]
    steps: Vec<String>,
    /// Whether it runs already, or waits to be begun
    #[arg(long, value_enum, value_name = "STATUS", default_value_t = Begins::Running)]
    status: Begins,
    /// A report is due at least this often; after three times as long without one it is shown as stalled
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = heartbeat)]
    heartbeat: Option<f64>,
    /// It obeys nobody: a pause or a cancel is refused at once
    #[arg(long)]
    no_control: bool,
    /// The same key again is the same job, not a second one
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// A word to filter by; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The queue to show it in
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// Its priority: higher goes first
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = mistake::whole(i32::MIN..=i32::MAX, "a whole number, from -2147483648 to 2147483647"))]
    priority: Option<i32>,
    /// Whose job it is [default: your own]
    #[arg(long, value_name = "USER", value_parser = UserId::new)]
    user: Option<UserId>,
    /// Print the daemon's answer as JSON, in place of the id
    #[arg(long)]
    json: bool,
}

/// How a job begins.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// Somebody works on it
    Running,
    /// It waits
    Pending,
}

fn heartbeat(given: &str) -> Result<f64, String> {
    match given.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(seconds),
        _ => Err("a number of seconds, above 0 and at most 86400".to_owned()),
    }
}

/// Makes it.
pub(super) async fn main(args: Args, global: &Global) -> Result<(), Failure> {
    let json = args.json;
    let endpoint = daemon::ensure_local(global).await?.endpoint();
    let job = Rest::new(endpoint).create(&new_job(args)).await?;
    if json {
        return print::json(&JobAnswer { job });
    }
    print::answer(&format!("{}\n", job.id))
}

fn new_job(args: Args) -> NewJob {
    let texts = |given: Vec<String>| {
        (!given.is_empty()).then(|| given.into_iter().map(Arc::from).collect())
    };
    let mut new = NewJob::of(args.job_type);
    new.name = args.name.map(Into::into);
    new.total_items = args.total_items;
    new.total_bytes = args.total_bytes;
    new.steps = texts(args.steps);
    new.status = (args.status == Begins::Pending).then_some(Status::Pending);
    new.heartbeat_seconds = args.heartbeat;
    new.capabilities = args.no_control.then_some(CapabilitiesGiven {
        pause: Some(false),
        cancel: Some(false),
        retry: None,
    });
    new.idempotency_key = args.idempotency_key.map(Into::into);
    new.tags = texts(args.tags);
    new.queue = args.queue.map(Into::into);
    new.priority = args.priority;
    new.user_id = args.user;
    new.host = crate::cli::host();
    new
}
