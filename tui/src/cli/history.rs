//! `jobtop history`: the jobs that have ended, searched, for people and for programs. What programs get is fetched and written
//! page by page, so that a million jobs need no memory.

use std::io::IsTerminal;
use std::process::ExitCode;

use jiff::tz::TimeZone;
use jobtop_client::rest::Rest;
use jobtop_core::proto::history::{HistoryAnswer, HistoryWanted};
use jobtop_core::proto::view::View;
use jobtop_core::{Timestamp, UserId};

use crate::cli::print::colour::Paint;
use crate::cli::print::table::{self, Cell, Column};
use crate::cli::print::{self, words};
use crate::cli::{Color, Global, mistake, target};
use crate::clock;
use crate::exit::Failure;
use crate::view::format;

/// How many jobs a table has unless asked otherwise.
const USUAL: u64 = 50;
/// How many are fetched at once.
const PAGE: u64 = 1_000;

/// The command line of `history`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// finished, started, duration, name or errors; with - before it the greatest first [default: -finished]
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    sort: Option<String>,
    /// At most this many [default: 50 in a table, else all]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = mistake::whole(1..=u64::MAX, "a whole number, 1 or more"))]
    limit: Option<u64>,
    #[command(flatten)]
    form: Form,
}

/// Which jobs.
#[derive(clap::Args, Debug)]
pub(crate) struct Which {
    /// Which jobs, as in `status:failed since:7d timeout` or `-type:api_upload` (that one after `--`)
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// Only this user's
    #[arg(long, value_name = "USER", value_parser = UserId::new)]
    user: Option<UserId>,
}

impl Which {
    /// As it is asked.
    pub(crate) fn wanted(&self) -> HistoryWanted {
        let filter = self.filter.join(" ");
        HistoryWanted {
            user_id: self.user.clone(),
            q: (!filter.trim().is_empty()).then_some(filter),
            ..HistoryWanted::default()
        }
    }
}

/// In which form they are printed.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct Form {
    /// One JSON document, as the HTTP answer
    #[arg(long)]
    json: bool,
    /// One JSON object a line for each of them
    #[arg(long)]
    jsonl: bool,
    /// Comma-separated values with a header, for a spreadsheet
    #[arg(long)]
    csv: bool,
}

/// Prints the jobs.
pub(crate) async fn main(args: &Args, global: &Global) -> Result<ExitCode, Failure> {
    let rest = target::rest(global)?;
    let wanted = HistoryWanted {
        sort: args.sort.clone(),
        ..args.which.wanted()
    };
    let mut pages = Pages {
        rest,
        wanted,
        left: args.limit,
        is_done: false,
        indexed_from: None,
    };
    if args.form.json {
        document(&mut pages).await?;
    } else if args.form.jsonl {
        while let Some(page) = pages.next().await? {
            page.jobs.iter().try_for_each(print::json)?;
        }
    } else if args.form.csv {
        sheet(&mut pages).await?;
    } else {
        pages.left.get_or_insert(USUAL);
        people(&mut pages, args, global.color).await?;
    }
    if let Some(from) = pages.indexed_from {
        print::note(&unread(from));
    }
    Ok(ExitCode::SUCCESS)
}

/// What is said while the daemon does not know all of its history yet.
pub(crate) fn unread(from: Timestamp) -> String {
    let from = format::moment(from, clock::now().wall, &TimeZone::system());
    format!(
        "The daemon has just started and still reads its history: what ended before {from} is missing here; ask again in a moment."
    )
}

/// The answer, a page at a time.
struct Pages {
    rest: Rest,
    wanted: HistoryWanted,
    /// So many more are wanted, if that is limited.
    left: Option<u64>,
    is_done: bool,
    indexed_from: Option<Timestamp>,
}

impl Pages {
    /// The next page; none after the last one, the first one in any case.
    async fn next(&mut self) -> Result<Option<HistoryAnswer>, Failure> {
        if self.is_done {
            return Ok(None);
        }
        let size = self.left.map_or(PAGE, |left| left.min(PAGE));
        self.wanted.limit = Some(size);
        let page = self.rest.history(&self.wanted).await?;
        self.left = self
            .left
            .map(|left| left.saturating_sub(page.jobs.len() as u64));
        self.indexed_from = self.indexed_from.or(page.indexed_from);
        self.wanted.cursor.clone_from(&page.next_cursor);
        self.is_done = page.next_cursor.is_none() || self.left == Some(0);
        Ok(Some(page))
    }
}

/// One document in pieces, as the HTTP answer would be if it were one page.
async fn document(pages: &mut Pages) -> Result<(), Failure> {
    print::answer("{\"jobs\":[")?;
    let mut between = "";
    let mut next_cursor = None;
    while let Some(page) = pages.next().await? {
        for job in &page.jobs {
            print::answer(between)?;
            print::answer(&print::json_text(job)?)?;
            between = ",";
        }
        next_cursor = page.next_cursor;
    }
    let cursor = print::json_text(&next_cursor)?;
    let indexed = match pages.indexed_from {
        Some(from) => format!(",\"indexedFrom\":{}", print::json_text(&from)?),
        None => String::new(),
    };
    print::answer(&format!("],\"nextCursor\":{cursor}{indexed}}}\n"))
}

/// The columns of a sheet, named as in the JSON of a job.
const SHEET: [&str; 24] = [
    "id",
    "type",
    "name",
    "status",
    "progress",
    "userId",
    "queue",
    "host",
    "tags",
    "createdAt",
    "startTime",
    "finishedAt",
    "activeSeconds",
    "pausedSeconds",
    "totalItems",
    "processedItems",
    "errorCount",
    "totalBytes",
    "processedBytes",
    "itemsPerSecond",
    "errorRate",
    "health",
    "message",
    "error",
];

async fn sheet(pages: &mut Pages) -> Result<(), Failure> {
    let unsaid =
        |error: csv::Error| Failure::failed(format!("The jobs can't be written as CSV: {error}"));
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.write_record(SHEET).map_err(unsaid)?;
    while let Some(page) = pages.next().await? {
        for job in &page.jobs {
            lines.write_record(record(job)).map_err(unsaid)?;
        }
        let bytes = lines
            .into_inner()
            .map_err(|error| Failure::failed(error.to_string()))?;
        print::raw(&bytes)?;
        lines = csv::Writer::from_writer(Vec::new());
    }
    Ok(())
}

fn record(job: &View) -> [String; SHEET.len()] {
    let metrics = &job.metrics;
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or_default().to_owned();
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let number = |n: Option<f64>| n.map(|n| n.to_string()).unwrap_or_default();
    [
        job.id.to_string(),
        job.job_type.to_string(),
        job.name.to_string(),
        job.status.word().to_owned(),
        job.progress.to_string(),
        job.user_id.to_string(),
        job.queue.to_string(),
        text(&job.host),
        job.tags.join(" "),
        job.created_at.to_string(),
        moment(metrics.start_time),
        moment(job.finished_at),
        metrics.active_seconds.to_string(),
        metrics.paused_seconds.to_string(),
        metrics.total_items.to_string(),
        metrics.processed_items.to_string(),
        metrics.error_count.to_string(),
        metrics.total_bytes.to_string(),
        metrics.processed_bytes.to_string(),
        number(metrics.items_per_second),
        number(metrics.error_rate),
        job.health
            .map(jobtop_core::calc::health::Health::word)
            .unwrap_or_default()
            .to_owned(),
        text(&job.message),
        text(&job.error),
    ]
}

async fn people(pages: &mut Pages, args: &Args, color: Color) -> Result<(), Failure> {
    let mut jobs = Vec::new();
    let mut is_more = false;
    while let Some(page) = pages.next().await? {
        jobs.extend(page.jobs);
        is_more = page.next_cursor.is_some();
    }
    if jobs.is_empty() {
        print::note(
            if pages.wanted.q.is_some() || pages.wanted.user_id.is_some() {
                "No finished job passes the filter. `jobtop history` shows the newest of all."
            } else {
                "No job has finished yet. `jobtop ls` shows those that run."
            },
        );
        return Ok(());
    }
    let is_terminal = std::io::stdout().is_terminal();
    let now = clock::now().wall;
    let zone = TimeZone::system();
    let rows: Vec<_> = jobs
        .iter()
        .map(|job| row(job, is_terminal, now, &zone))
        .collect();
    let paint = Paint::of_stdout(color);
    print::answer(&table::render(&COLUMNS, &rows, print::width(), paint))?;
    if is_more && args.limit.is_none() {
        print::note(&format!(
            "The first {USUAL}, and there are more: --limit N shows as many as you like, a filter the right ones."
        ));
    }
    Ok(())
}

const COLUMNS: [Column; 9] = [
    table::words("STATUS"),
    table::shrinking("NAME", 16),
    table::words("TYPE").spared(4),
    table::shrinking("OWNER", 8).spared(2),
    table::words("ENDED"),
    table::figures("TOOK"),
    table::figures("ERRORS").spared(3),
    table::shrinking("ERROR", 16).spared(1),
    table::words("ID"),
];

fn row(job: &View, is_terminal: bool, now: Timestamp, zone: &TimeZone) -> Vec<Cell> {
    let id = job.id.to_string();
    let took = (job.metrics.active_seconds * 1000.0) as u64;
    let errors = job.metrics.error_count;
    vec![
        Cell::of_status(
            job.status,
            format!("{} {}", format::glyph(job.status), job.status.word()),
        ),
        words::clean(&job.name).into(),
        job.job_type.as_str().into(),
        job.user_id.as_str().into(),
        job.finished_at
            .map(|at| format::moment(at, now, zone))
            .unwrap_or_default()
            .into(),
        format::duration(took).into(),
        if errors > 0 {
            format::count(errors)
        } else {
            String::new()
        }
        .into(),
        words::clean(job.error.as_deref().unwrap_or_default()).into(),
        if is_terminal {
            id[id.len() - 8..].into()
        } else {
            id.into()
        },
    ]
}
