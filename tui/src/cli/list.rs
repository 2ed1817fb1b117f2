//! `jobtop ls`: the jobs of the live set, filtered as `q=` filters them; with `--follow` what becomes of them.

use std::io::IsTerminal;
use std::process::ExitCode;

use jobtop_client::rest::Rest;
use jobtop_core::proto::body::JobsAnswer;
use jobtop_core::proto::request::ListJobs;
use jobtop_core::proto::view::View;
use jobtop_core::{Status, Timestamp};

use crate::cli::print::colour::Paint;
use crate::cli::print::table::{self, Cell, Column};
use crate::cli::print::{self, words};
use crate::cli::{Color, Global, follow, mistake, target};
use crate::clock;
use crate::exit::Failure;
use crate::view::format;

/// The command line of `ls`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Which jobs, as in `status:failed`, `user:ann progress>50` or `-type:api_upload` (that one after `--`)
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// At most this many, the newest first
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = mistake::whole(1..=u64::MAX, "a whole number, 1 or more"))]
    limit: Option<u64>,
    /// Go on: a line for every change of state, until Ctrl-C; for screen readers, logs and tee
    #[arg(long, conflicts_with_all = ["json", "limit"])]
    follow: bool,
    #[command(flatten)]
    form: Form,
}

/// In which form a listing is printed.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Form {
    /// One JSON document, as the HTTP answer
    #[arg(long, conflicts_with = "jsonl")]
    json: bool,
    /// One JSON object a line for each of them
    #[arg(long)]
    jsonl: bool,
}

/// The forms that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// For people.
    Table,
    /// One document.
    Json,
    /// One object a line.
    Lines,
}

impl Form {
    /// Which it is.
    pub(crate) const fn shape(&self) -> Shape {
        match (self.json, self.jsonl) {
            (true, _) => Shape::Json,
            (_, true) => Shape::Lines,
            _ => Shape::Table,
        }
    }
}

/// Prints the jobs.
pub(crate) async fn main(args: &Args, global: &Global) -> Result<ExitCode, Failure> {
    let filter = args.filter.join(" ");
    if args.follow {
        let rest = target::rest(global)?;
        let paint = Paint::of_stdout(global.color);
        follow::main(&rest, &filter, args.form.shape(), paint).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let filtered = !filter.trim().is_empty();
    let wanted = ListJobs {
        q: filtered.then_some(filter),
        ..ListJobs::default()
    };
    let rest = target::rest(global)?;
    let jobs = all(&rest, wanted, args.limit).await?;
    print(&jobs, &args.form, global.color)?;
    if jobs.jobs.is_empty() && args.form.shape() == Shape::Table {
        // Whether there is nothing at all or nothing like that are two things.
        let others = if filtered {
            all(&rest, ListJobs::default(), None).await?.jobs.len()
        } else {
            0
        };
        print::note(&nothing(others));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the whole live set as a table: what `jobtop` does where it has no terminal.
pub(crate) async fn plain(rest: &Rest, color: Color) -> Result<ExitCode, Failure> {
    let jobs = all(rest, ListJobs::default(), None).await?;
    if jobs.jobs.is_empty() {
        print::note(&nothing(0));
    }
    print(&jobs, &Form::default(), color)?;
    Ok(ExitCode::SUCCESS)
}

/// Every page of a listing, as one answer.
pub(crate) async fn all(
    rest: &Rest,
    mut wanted: ListJobs,
    limit: Option<u64>,
) -> Result<JobsAnswer, Failure> {
    wanted.limit = limit;
    let mut answer = rest.list(&wanted).await?;
    let enough = |jobs: usize| limit.is_some_and(|limit| jobs as u64 >= limit);
    while let Some(cursor) = answer.next_cursor.take_if(|_| !enough(answer.jobs.len())) {
        wanted.cursor = Some(cursor);
        let page = rest.list(&wanted).await?;
        answer.jobs.extend(page.jobs);
        answer.next_cursor = page.next_cursor;
    }
    if let Some(limit) = limit {
        answer
            .jobs
            .truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(answer)
}

/// What is said instead of an empty table, where a filter hides so many jobs.
fn nothing(hidden: usize) -> String {
    match hidden {
        0 => "No jobs. `jobtop run -- CMD…` makes one, `jobtop demo` shows some.".to_owned(),
        1 => "The one job that there is does not pass the filter. `jobtop ls` shows it.".to_owned(),
        n => format!(
            "None of the {} jobs passes the filter. `jobtop ls` shows them all.",
            format::count(n as u64)
        ),
    }
}

/// Prints the jobs; of no jobs there is no table.
fn print(jobs: &JobsAnswer, form: &Form, color: Color) -> Result<(), Failure> {
    match form.shape() {
        Shape::Json => print::json(jobs),
        Shape::Lines => jobs.jobs.iter().try_for_each(print::json),
        Shape::Table if jobs.jobs.is_empty() => Ok(()),
        Shape::Table => {
            let ids = if std::io::stdout().is_terminal() {
                Ids::Short
            } else {
                Ids::Whole
            };
            let rows: Vec<_> = jobs
                .jobs
                .iter()
                .map(|job| row(job, ids, clock::now().wall))
                .collect();
            let paint = Paint::of_stdout(color);
            print::answer(&table::render(&COLUMNS, &rows, print::width(), paint))
        }
    }
}

const COLUMNS: [Column; 10] = [
    table::words("STATUS"),
    table::shrinking("NAME", 16),
    table::words("TYPE").spared(5),
    table::shrinking("OWNER", 8).spared(3),
    table::shrinking("STEP", 12).spared(4),
    table::figures("DONE"),
    table::figures("RATE").spared(2),
    table::figures("LEFT"),
    table::figures("AGE").spared(1),
    table::words("ID"),
];

/// How an id is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    /// Its last eight characters, which commands take as well.
    Short,
    /// Whole, for programs.
    Whole,
}

fn row(job: &View, ids: Ids, now: Timestamp) -> Vec<Cell> {
    // A rate of what stands still would say that it moves, and so would an end of it.
    let metrics = Some(&job.metrics).filter(|_| !stands_still(job));
    let left = metrics
        .and_then(|metrics| metrics.estimated_completion)
        .map(|at| format::duration(at.ms_since(now)));
    let rate = metrics
        .and_then(|metrics| metrics.items_per_second)
        .map(format::rate);
    let id = job.id.to_string();
    let status = format!("{} {}", format::glyph(job.status), words::standing(job));
    vec![
        Cell::of_status(job.status, status),
        words::clean(&job.name).into(),
        job.job_type.as_str().into(),
        job.user_id.as_str().into(),
        words::clean(job.step_name()).into(),
        format::marked_percent(job.progress, job.progress_source.as_deref()).into(),
        rate.unwrap_or_default().into(),
        left.unwrap_or_default().into(),
        format::duration(now.ms_since(job.created_at)).into(),
        match ids {
            Ids::Short => id[id.len() - 8..].into(),
            Ids::Whole => id.into(),
        },
    ]
}

/// Whether nothing happens to it at present, although it has not ended.
fn stands_still(job: &View) -> bool {
    let is_stalled = job.stalled_since.is_some() && !job.status.is_final();
    job.status == Status::Paused || is_stalled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_still_has_no_rate_and_no_end() {
        let mut job: View = serde_json::from_str(include_str!("show_sample.json")).unwrap();
        job.status = Status::Running;
        job.stalled_since = None;
        job.metrics.items_per_second = Some(12.0);
        job.metrics.estimated_completion = Some(job.created_at);
        let now = job.created_at;
        let said = |job: &View| row(job, Ids::Short, now)[6..8].to_vec();
        let nothing = vec![Cell::from(""), Cell::from("")];
        assert!(!said(&job).contains(&nothing[0]));
        job.stalled_since = Some(now);
        assert_eq!(said(&job), nothing);
        job.stalled_since = None;
        job.status = Status::Paused;
        assert_eq!(said(&job), nothing);
    }
}
