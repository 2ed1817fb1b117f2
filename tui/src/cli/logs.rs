//! `jobtop logs`: what a job wrote. On a terminal in lines that steer nothing, else byte for byte.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use jobtop_client::rest::{CallError, LogFrom, LogPart, Rest};
use jobtop_core::proto::LOG_PART;
use jobtop_runner::output::Plain;
use serde::Serialize;

use crate::cli::{Global, ids, mistake, print, target};
use crate::exit::Failure;

/// How long one call waits for more.
const WAIT: u64 = 20;
/// The time between two attempts to reach a daemon that went away.
const AGAIN: Duration = Duration::from_millis(500);

/// The command line of `logs`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Which job: an id, or an ending of one that is unique
    #[arg(value_name = "ID")]
    id: String,
    /// Go on as more is written, until the job has ended
    #[arg(long, short)]
    follow: bool,
    /// Begin so many lines before the end [default: at the beginning]
    #[arg(long, short = 'n', value_name = "N", allow_negative_numbers = true,
          value_parser = mistake::whole(0..=u64::MAX, "a whole number, 0 or more"))]
    lines: Option<u64>,
    /// One JSON object a line of the log, with its `text`
    #[arg(long)]
    jsonl: bool,
}

/// Prints it.
pub(crate) async fn main(args: &Args, global: &Global) -> Result<ExitCode, Failure> {
    let rest = target::rest(global)?;
    let job = ids::resolve(&rest, std::slice::from_ref(&args.id)).await?;
    let [job] = job.as_slice() else {
        return Err(Failure::failed("One job was asked for"));
    };
    let job = job.to_string();
    let printed = print_log(&rest, &job, args);
    tokio::select! {
        printed = printed => printed.map(|()| ExitCode::SUCCESS),
        pressed = tokio::signal::ctrl_c() => {
            drop(pressed);
            Err(Failure::Interrupted)
        }
    }
}

async fn print_log(rest: &Rest, job: &str, args: &Args) -> Result<(), Failure> {
    let mut printer = Printer::new(args.jsonl);
    let mut from = args.lines.map_or(LogFrom::Offset(0), LogFrom::Tail);
    let mut wait = 0;
    let mut away = false;
    loop {
        let part = match rest.log(job, from, wait).await {
            Ok(part) => part,
            // It is followed across the daemon's restart: where we are is known here alone.
            Err(CallError::Unreachable { .. }) if args.follow && wait > 0 => {
                if !std::mem::replace(&mut away, true) {
                    print::note("jobtop: the daemon is away; the log goes on when it is back");
                }
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        away = false;
        printer.print(&part)?;
        let is_all = part.ended || !args.follow && part.bytes.len() < LOG_PART;
        if is_all {
            return printer.finish();
        }
        wait = if args.follow { WAIT } else { 0 };
        from = LogFrom::Offset(part.next);
    }
}

/// In which form it is printed.
enum Printer {
    Raw,
    Lines(Plain),
    Json(Plain),
}

#[derive(Serialize)]
struct Line<'a> {
    text: &'a str,
}

impl Printer {
    fn new(jsonl: bool) -> Self {
        match jsonl {
            true => Self::Json(Plain::new()),
            false if std::io::stdout().is_terminal() => Self::Lines(Plain::new()),
            false => Self::Raw,
        }
    }

    fn print(&mut self, part: &LogPart) -> Result<(), Failure> {
        match self {
            Self::Raw => print::raw(&part.bytes),
            Self::Lines(plain) => {
                let lines = plain.feed(&part.bytes);
                print::answer(
                    &lines
                        .into_iter()
                        .map(|line| line + "\n")
                        .collect::<String>(),
                )
            }
            Self::Json(plain) => {
                let lines = plain.feed(&part.bytes);
                lines
                    .iter()
                    .try_for_each(|text| print::json(&Line { text }))
            }
        }
    }

    /// The last line, which may have no end.
    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Lines(plain) if !plain.open().is_empty() => {
                print::answer(&format!("{}\n", plain.open()))
            }
            Self::Json(plain) if !plain.open().is_empty() => {
                print::json(&Line { text: plain.open() })
            }
            _ => Ok(()),
        }
    }
}
