//! `jobtop submit`: a command for the queue. It is run by the daemon when its turn comes, from here and with our environment.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jobtop_client::rest::Rest;
use jobtop_core::job::command::{CommandLine, Environment, NewCommand};
use jobtop_core::proto::body::{JobAnswer, NewJob};
use jobtop_core::{JobType, text};
use jobtop_runner::{attend, title};

use crate::cli::{Global, daemon, ids, mistake, print};
use crate::exit::Failure;

/// The command line of `submit`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The queue to wait in
    #[arg(long, value_name = "QUEUE", default_value = "default")]
    queue: String,
    /// Its priority: higher goes first, then the oldest
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0,
          value_parser = mistake::whole(i32::MIN..=i32::MAX, "a whole number, from -2147483648 to 2147483647"))]
    priority: i32,
    /// Begin only once that job has completed: an id, or an ending of one that is unique; may be given several times
    #[arg(long, value_name = "ID")]
    after: Vec<String>,
    /// How many times it is tried again if it fails
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0,
          value_parser = mistake::whole(0..=100_u32, "a whole number, from 0 to 100"))]
    retries: u32,
    /// Where to run it [default: here]
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// The job's type
    #[arg(long = "type", value_name = "TYPE", default_value = "command", value_parser = JobType::new)]
    job_type: JobType,
    /// What to call the job [default: the program and the first file it is about]
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    name: Option<String>,
    /// A word to filter by; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The same key again is the same job, not a second one
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Print the daemon's answer as JSON, in place of the id
    #[arg(long)]
    json: bool,
    /// The command and its arguments: words, not a line for a shell
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Queues it, at a daemon that is started if none answers, and prints the job's id.
pub(crate) async fn main(args: Args, global: &Global) -> Result<(), Failure> {
    let command = command(&args)?;
    let rest = Rest::new(daemon::ensure_local(global).await?.endpoint());
    let after = ids::resolve(&rest, &args.after).await?;
    let json = args.json;
    let mut new = new_job(args, command);
    new.after = after.iter().map(ToString::to_string).collect();
    let job = rest.create(&new).await?;
    if json {
        return print::json(&JobAnswer { job });
    }
    print::answer(&format!("{}\n", job.id))
}

fn new_job(args: Args, command: NewCommand) -> NewJob {
    let mut new = NewJob::of(args.job_type);
    new.name = Some(args.name.unwrap_or_else(|| title::of(&args.command)).into());
    new.queue = Some(args.queue.into());
    new.priority = Some(args.priority);
    new.retries = Some(args.retries);
    new.tags = (!args.tags.is_empty()).then(|| args.tags.into_iter().map(Into::into).collect());
    new.idempotency_key = args.idempotency_key.map(Into::into);
    new.host = crate::cli::host();
    // A command says nothing of its steps, so a type's default steps would stand still at the first, which is untrue.
    new.steps = Some(vec!["Processing".into()]);
    new.command = Some(command);
    new
}

/// What is run, where and with what: checked here as far as here is where one sees it.
fn command(args: &Args) -> Result<NewCommand, Failure> {
    let words = args.command.iter();
    let words = words.map(|word| utf8(word, "A word of the command"));
    Ok(NewCommand {
        line: CommandLine {
            argv: words.collect::<Result<_, _>>()?,
            cwd: Some(folder(args.cwd.as_deref())?),
        },
        env: Some(environment(std::env::vars_os())),
    })
}

fn folder(given: Option<&Path>) -> Result<Arc<str>, Failure> {
    let given = given.unwrap_or(Path::new("."));
    let shown = text::clean_within(&given.to_string_lossy(), text::NAME_CHARS).into_owned();
    // Links are kept as they were typed; that there is such a folder is seen now rather than in the middle of the night.
    let folder = std::env::current_dir().map(|here| match given.strip_prefix(".") {
        Ok(rest) if rest.as_os_str().is_empty() => here,
        _ => here.join(given),
    });
    match folder {
        Ok(folder) if folder.is_dir() => utf8(folder.as_os_str(), "The name of the directory"),
        Ok(_) => Err(Failure::usage(format!("There is no directory {shown}"))),
        Err(error) => Err(
            Failure::usage(format!("The present directory can't be named: {error}"))
                .hint("Name another with --cwd"),
        ),
    }
}

fn utf8(given: &OsStr, what: &str) -> Result<Arc<str>, Failure> {
    given.to_str().map(Arc::from).ok_or_else(|| {
        Failure::usage(format!(
            "{what} is not UTF-8: {}",
            text::clean_within(&given.to_string_lossy(), text::NAME_CHARS)
        ))
        .hint("Put it into a script, and submit the script")
    })
}

/// Our own environment, but for what is a secret of ours and what can't be said in JSON.
fn environment(ours: impl Iterator<Item = (OsString, OsString)>) -> Environment {
    let said = ours
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Environment(said.filter(|(name, _)| name != attend::SECRET).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn the_environment_goes_along_without_our_secret() {
        let pair = |name: &str, value: &[u8]| (name.into(), OsStr::from_bytes(value).to_owned());
        let given = [
            pair("PATH", b"/bin"),
            pair("JOBTOP_TOKEN", b"secret"),
            pair("ODD", b"\xff"),
        ];
        let Environment(kept) = environment(given.into_iter());
        assert_eq!(
            kept.into_iter().collect::<Vec<_>>(),
            [("PATH".to_owned(), "/bin".to_owned())]
        );
    }

    #[test]
    fn where_it_is_run() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(&*folder(None).unwrap(), here.to_str().unwrap());
        assert_eq!(&*folder(Some(Path::new("/tmp"))).unwrap(), "/tmp");
        assert_eq!(
            Path::new(&*folder(Some(Path::new("src"))).unwrap()),
            here.join("src")
        );
        let none = folder(Some(Path::new("/no/such"))).unwrap_err();
        assert_eq!(
            (none.code(), none.to_string()),
            (2, "There is no directory /no/such".to_owned())
        );
    }
}
