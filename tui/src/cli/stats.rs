//! `jobtop stats`: how many jobs, how they end, how long they take, what goes wrong, and how that was day by day.
//!
//! ```text
//! TYPE            JOBS  SUCCESS            FAILED  MEDIAN     P90     P99  RATE    SLOWEST STEP
//! csv_processing    90  97.8% ███████████▊      2     40s  1m 10s  2m 05s  4.0k/s  Processing data 32s
//!
//! Day by day, from 2026-11-01 to 2026-11-27
//! jobs    ▂▃▁▅▇█▂  at most 12 a day
//! failed  ▁  ▁ █   at most 2 a day
//!
//! What went wrong
//!    2  row # of <path>: timeout
//!       last 2h 03m ago: row 1,204 of /data/orders-7.csv: timeout
//! ```

use std::fmt::Write;
use std::process::ExitCode;

use jobtop_core::Timestamp;
use jobtop_core::proto::history::{AnalyticsAnswer, ErrorPattern, Group, GroupBy, HistoryWanted};

use super::history::{Which, unread};
use crate::cli::print::colour::Paint;
use crate::cli::print::table::{self, Cell, Column};
use crate::cli::print::{self, words};
use crate::cli::{Global, mistake, target};
use crate::clock;
use crate::exit::Failure;
use crate::view::{format, plot};

/// The command line of `stats`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// What the jobs are grouped by: type, user, name or day
    #[arg(long, value_name = "WHAT", default_value = "type")]
    by: String,
    /// At most this many groups
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = mistake::whole(1..=u64::MAX, "a whole number, 1 or more"))]
    limit: Option<u64>,
    /// One JSON document, as the HTTP answer
    #[arg(long)]
    json: bool,
}

/// As many days as are drawn at most.
const DAYS: u64 = 60;
/// As many kinds of errors as people are told.
const ERRORS: usize = 5;

/// Prints the figures.
pub(crate) async fn main(args: &Args, global: &Global) -> Result<ExitCode, Failure> {
    let rest = target::rest(global)?;
    let wanted = HistoryWanted {
        group_by: Some(args.by.clone()),
        limit: args.limit,
        ..args.which.wanted()
    };
    let answer = rest.analytics(&wanted).await?;
    if args.json {
        print::json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    if answer.groups.is_empty() {
        print::note("No finished job to tell of. `jobtop history` shows the newest of all.");
        return Ok(ExitCode::SUCCESS);
    }
    let by_day = rest
        .analytics(&HistoryWanted {
            group_by: Some(GroupBy::Day.word().to_owned()),
            limit: Some(DAYS),
            ..args.which.wanted()
        })
        .await?;
    print::answer(&page(
        &answer,
        &by_day.groups,
        &args.by,
        Paint::of_stdout(global.color),
    ))?;
    if let Some(from) = answer.indexed_from {
        print::note(&unread(from));
    }
    Ok(ExitCode::SUCCESS)
}

fn page(answer: &AnalyticsAnswer, days: &[Group], by: &str, paint: Paint) -> String {
    let title = match by {
        "user" => "USER",
        "name" => "NAME",
        "day" => "DAY",
        _ => "TYPE",
    };
    let columns: [Column; 9] = [
        table::shrinking(title, 12),
        table::figures("JOBS"),
        table::words("SUCCESS"),
        table::figures("FAILED"),
        table::figures("MEDIAN"),
        table::figures("P90").spared(2),
        table::figures("P99").spared(3),
        table::figures("RATE").spared(4),
        table::shrinking("SLOWEST STEP", 12).spared(1),
    ];
    let rows: Vec<_> = answer.groups.iter().map(row).collect();
    let mut page = table::render(&columns, &rows, print::width(), paint);
    trend(days, &mut page, paint);
    errors(&answer.errors, &mut page, paint);
    page
}

fn row(group: &Group) -> Vec<Cell> {
    let seconds = |s: Option<f64>| s.map(|s| plot::took(s * 1000.0)).unwrap_or_default();
    let success = group.success_rate.map(|rate| {
        let percent = format::percent(rate * 100.0);
        format!("{percent:>5} {}", plot::bar(rate))
    });
    let failed = match group.failed {
        0 => String::new(),
        n => format::count(n),
    };
    let slowest = group
        .steps
        .first()
        .filter(|_| group.steps.len() > 1)
        .map(|step| {
            format!(
                "{} {}",
                words::clean(&step.name),
                plot::took(step.p50 * 1000.0)
            )
        });
    vec![
        words::clean(&group.key).into(),
        format::count(group.total).into(),
        success.unwrap_or_default().into(),
        failed.into(),
        seconds(group.active_seconds.p50).into(),
        seconds(group.active_seconds.p90).into(),
        seconds(group.active_seconds.p99).into(),
        group
            .items_per_second
            .map(format::rate)
            .unwrap_or_default()
            .into(),
        slowest.unwrap_or_default().into(),
    ]
}

/// The days without a gap, one sign a day.
fn trend(days: &[Group], page: &mut String, paint: Paint) {
    let Some((all, first, last)) = plot::without_gaps(days) else {
        return;
    };
    if all.len() < 2 {
        return;
    }
    let heading = paint.heading(&format!("Day by day, from {first} to {last}"));
    let _ = writeln!(page, "\n{heading}");
    for (name, count) in [
        ("jobs", (|group| group.total) as fn(&Group) -> u64),
        ("failed", |group| group.failed),
    ] {
        let counts: Vec<u64> = all.iter().map(|group| group.map_or(0, count)).collect();
        let most = counts.iter().max().copied().unwrap_or(0);
        if most > 0 {
            let most_said = format::count(most);
            let _ = writeln!(
                page,
                "{name:<7} {}  at most {most_said} a day",
                plot::spark(&counts, most, &plot::BLOCKS)
            );
        }
    }
}

fn errors(errors: &[ErrorPattern], page: &mut String, paint: Paint) {
    if errors.is_empty() {
        return;
    }
    let now: Timestamp = clock::now().wall;
    let _ = writeln!(page, "\n{}", paint.heading("What went wrong"));
    let most = errors
        .iter()
        .map(|error| format::count(error.count).len())
        .max();
    let width = most.unwrap_or(0).max(4);
    let room = print::width().map(|columns| columns.saturating_sub(width + 2).max(20));
    let fit = |text: String| match room {
        Some(room) => table::cut(&text, room),
        None => text,
    };
    for error in errors.iter().take(ERRORS) {
        let count = format::count(error.count);
        let pattern = fit(words::clean(&error.pattern));
        let _ = writeln!(page, "{count:>width$}  {pattern}");
        let ago = format::age(now.ms_since(error.last_seen));
        let example = fit(format!("last {ago} ago: {}", words::clean(&error.example)));
        let _ = writeln!(page, "{:>width$}  {example}", "");
    }
    let left = errors.len().saturating_sub(ERRORS);
    if left > 0 {
        let _ = writeln!(
            page,
            "{:>width$}  and {left} other kinds; --json tells of them",
            ""
        );
    }
}
