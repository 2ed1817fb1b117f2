//! `jobtop run`: a command becomes a job; its output, its exit code and its input stay its own.
//!
//! The command is started first and reported beside: no daemon, a slow one or one that dies holds it up.
//! What a runner does is in `jobtop-runner`; here its words are put into reports.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jobtop_client::Endpoint;
use jobtop_client::reporter::{End, Reporter, report};
use jobtop_core::job::control::Action;
use jobtop_core::proto::body::NewJob;
use jobtop_core::{JobType, UserId, text};
use jobtop_runner::ending::{self, Unstarted};
use jobtop_runner::{Running, Start, attend, title};
use tokio::sync::mpsc;

use crate::cli::{Global, print, target};
use crate::exit::Failure;

pub(crate) mod contact;

use contact::Contact;

/// Our own failure, as `env` and `timeout` say it.
const OUR_FAILURE: u8 = 125;

/// The command line of `run`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The job's type
    #[arg(long = "type", value_name = "TYPE", default_value = "command", value_parser = JobType::new)]
    job_type: JobType,
    /// What to call the job [default: the program and the first file it is about]
    #[arg(long, value_name = "NAME")]
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
    /// Seconds between SIGTERM and SIGKILL when the job is cancelled
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, env = "JOBTOP_CANCEL_GRACE", value_parser = seconds)]
    cancel_grace: f64,
    /// Ring the bell when it has ended, with a notice where the terminal shows such
    #[arg(long)]
    notify: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

fn seconds(given: &str) -> Result<f64, String> {
    match given.parse() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds, 0 to 86400".to_owned()),
    }
}

/// Runs the command and returns its exit code. Brings its own runtime: not to be called within one.
pub(crate) fn main(args: Args, global: &Global) -> Result<ExitCode, Failure> {
    let endpoint = target::endpoint(global)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            print::note(&format!(
                "jobtop: the machine would not let it begin: {error}"
            ));
            return Ok(ExitCode::from(OUR_FAILURE));
        }
    };
    let code = runtime.block_on(run(args, endpoint, global));
    // A look at a file that hangs must not keep the shell waiting.
    runtime.shutdown_background();
    Ok(ExitCode::from(code))
}

async fn run(args: Args, endpoint: Endpoint, global: &Global) -> u8 {
    let program = args
        .command
        .first()
        .map_or_else(String::new, |word| word.to_string_lossy().into_owned());
    let program = text::clean_within(&program, text::NAME_CHARS).into_owned();
    let started = jobtop_runner::start(&Start {
        argv: args.command.clone(),
        hidden: vec![attend::SECRET],
        grace: Duration::from_secs_f64(args.cancel_grace),
        cwd: None,
        env: None,
        captured: false,
        in_front: true,
    });
    let notify = args.notify;
    let new = new_job(args);
    let bell = notify.then(|| new.name.clone().unwrap_or_default());
    let (reporter, actions) = report(endpoint.clone(), new);
    let contact = Contact::of(&reporter, global, "the command runs");
    let beside = Beside {
        reporter,
        contact,
        bell,
    };
    match started {
        Ok(running) => beside.go_along(endpoint, running, actions, &program).await,
        Err(error) => {
            let why = Unstarted::of(&error);
            let explained = ending::explain_unstarted(&program, why, &error);
            print::note(&format!("jobtop: {}", explained.error));
            let end = attend::unstarted(explained);
            beside.ring(&end);
            contact::farewell(beside.reporter, beside.contact, end).await;
            why.shell_code()
        }
    }
}

fn new_job(args: Args) -> NewJob {
    let name = args.name.unwrap_or_else(|| title::of(&args.command));
    let mut new = NewJob::of(args.job_type);
    new.name = Some(name.into());
    new.user_id = args.user;
    new.queue = args.queue.map(Into::into);
    new.tags = (!args.tags.is_empty()).then(|| args.tags.into_iter().map(Into::into).collect());
    new.host = crate::cli::host();
    // A command says nothing of its steps, so a type's default steps would stand still at the first, which is untrue.
    new.steps = Some(vec!["Processing".into()]);
    new
}

/// What goes along with a command that runs.
struct Beside {
    reporter: Reporter,
    contact: Contact,
    /// What the job is called, where its end is to be rung.
    bell: Option<Arc<str>>,
}

impl Beside {
    /// Rings the bell, if that is asked for. At once: the work is done, whatever becomes of the daemon.
    fn ring(&self, end: &End) {
        if let Some(name) = &self.bell {
            let how = match end {
                End::Completed => "completed",
                End::Failed(_) => "failed",
                End::Gone => "cancelled",
            };
            print::ring(&format!("jobtop: {name} {how}"));
        }
    }

    /// Reports until the command has ended; answers with its exit code.
    async fn go_along(
        mut self,
        endpoint: Endpoint,
        mut running: Running,
        mut actions: mpsc::Receiver<Action>,
        program: &str,
    ) -> u8 {
        let ending = {
            let along = attend::go_along(endpoint, &self.reporter, &mut running, &mut actions);
            let mut along = std::pin::pin!(along);
            loop {
                tokio::select! {
                    ending = &mut along => break ending,
                    () = self.contact.keep() => {}
                }
            }
        };
        let Some(ending) = ending else {
            return OUR_FAILURE;
        };
        let end = attend::end_of(program, ending, running.last_lines());
        self.ring(&end);
        contact::farewell(self.reporter, self.contact, end).await;
        jobtop_runner::die_likewise(ending);
        ending.exit.shell_code()
    }
}
