//! `jobtop show ID`: everything that is known of a job, on a page that can be read.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use jobtop_core::job::failure::Failure as JobFailure;
use jobtop_core::proto::body::JobAnswer;
use jobtop_core::proto::view::View;
use jobtop_core::{Status, Timestamp};

use crate::cli::print::colour::Paint;
use crate::cli::print::{self, words};
use crate::cli::{Global, ids, target};
use crate::clock;
use crate::exit::Failure;
use crate::view::format;

/// The command line of `show`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Which job: an id, or an ending of one that is unique
    #[arg(value_name = "ID")]
    id: String,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the job.
pub(crate) async fn main(args: &Args, global: &Global) -> Result<ExitCode, Failure> {
    let rest = target::rest(global)?;
    for id in ids::resolve(&rest, std::slice::from_ref(&args.id)).await? {
        let job = rest.get(&id.to_string()).await?;
        if args.json {
            print::json(&JobAnswer { job })?;
        } else {
            let paint = Paint::of_stdout(global.color);
            print::answer(&page(&job, clock::now().wall, paint))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The page.
fn page(job: &View, now: Timestamp, paint: Paint) -> String {
    let mut page = String::new();
    head(&mut page, job, paint);
    facts(&mut page, job, now);
    steps(&mut page, job);
    if let Some(failure) = &job.error_detail {
        what_went_wrong(&mut page, failure, paint);
    }
    page
}

fn head(page: &mut String, job: &View, paint: Paint) {
    let status = format!("{} {}", format::glyph(job.status), words::standing(job));
    let _ = writeln!(
        page,
        "{}  {}",
        paint.heading(&words::clean(&job.name)),
        paint.status(job.status, &status)
    );
    let _ = writeln!(page, "{} of {}, {}", job.job_type, job.user_id, job.id);
    if let Some(message) = &job.message {
        let _ = writeln!(page, "{}", words::clean(message));
    }
}

fn facts(page: &mut String, job: &View, now: Timestamp) {
    let metrics = &job.metrics;
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(page, "  {name:<10} {value}");
    };
    let of = |done: String, total: u64, shown: String| match total {
        0 => done,
        _ => format!("{done} of {shown}"),
    };
    let source = job
        .progress_source
        .as_deref()
        .map(|s| format!(" by {}", words::clean(s)));
    fact(
        "done",
        format!(
            "{}{}",
            format::marked_percent(job.progress, job.progress_source.as_deref()),
            source.unwrap_or_default()
        ),
    );
    if metrics.processed_items > 0 || metrics.total_items > 0 {
        let total = format::count(metrics.total_items);
        fact(
            "items",
            of(
                format::count(metrics.processed_items),
                metrics.total_items,
                total,
            ),
        );
    }
    if metrics.processed_bytes > 0 || metrics.total_bytes > 0 {
        let total = format::bytes(metrics.total_bytes);
        fact(
            "bytes",
            of(
                format::bytes(metrics.processed_bytes),
                metrics.total_bytes,
                total,
            ),
        );
    }
    if let Some(rate) = metrics.items_per_second {
        fact("rate", format::rate(rate));
    }
    if metrics.error_count > 0 || metrics.error_rate.is_some() {
        let share = metrics
            .error_rate
            .map(|rate| format!(" ({:.2}%)", rate * 100.0));
        let health = job
            .health
            .map(|health| format!(", health {}", health.word()));
        fact(
            "errors",
            format!(
                "{}{}{}",
                format::count(metrics.error_count),
                share.unwrap_or_default(),
                health.unwrap_or_default()
            ),
        );
    }
    let seconds = |seconds: f64| format::duration((seconds * 1_000.0) as u64);
    fact("active", seconds(metrics.active_seconds));
    if metrics.paused_seconds > 0.0 {
        fact("paused", seconds(metrics.paused_seconds));
    }
    if let Some(at) = metrics.estimated_completion {
        fact(
            "left",
            format!(
                "{}, until {}",
                format::duration(at.ms_since(now)),
                moment(at, now)
            ),
        );
    }
    fact("created", moment(job.created_at, now));
    if let Some(at) = metrics.start_time {
        fact("started", moment(at, now));
    }
    if let Some(at) = job.finished_at {
        fact("finished", moment(at, now));
    }
    if let Some(at) = job.stalled_since {
        fact(
            "stalled",
            format!(
                "nothing heard of its producer for {}",
                format::duration(now.ms_since(at))
            ),
        );
    }
    if let Some(command) = &job.command {
        fact("command", command_line(&command.argv));
        if let Some(cwd) = &command.cwd {
            fact("in", words::clean(cwd));
        }
    }
    if !job.after.is_empty() {
        let ids: Vec<_> = job.after.iter().map(ToString::to_string).collect();
        fact("after", ids.join(", "));
    }
    if job.retries > 0 {
        fact("retries", format!("{} if it fails", job.retries));
    }
    if let Some(of) = job.retry_of {
        fact("retry of", of.to_string());
    }
    if let Some(host) = &job.host {
        fact("host", words::clean(host));
    }
    if job.priority != 0 {
        fact("priority", job.priority.to_string());
    }
    if *job.queue != *"default" {
        fact("queue", words::clean(&job.queue));
    }
    if !job.tags.is_empty() {
        let tags: Vec<_> = job.tags.iter().map(|tag| words::clean(tag)).collect();
        fact("tags", tags.join(", "));
    }
}

/// The words of a command, told apart where that needs to be.
fn command_line(argv: &[Arc<str>]) -> String {
    let word = |word: &Arc<str>| {
        let word = words::clean(word);
        if word.is_empty() || word.contains([' ', '\'', '"']) {
            format!("'{}'", word.replace('\'', "'\\''"))
        } else {
            word
        }
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The time of day here, with the date when it is not today's.
fn moment(at: Timestamp, now: Timestamp) -> String {
    format::moment(at, now, &jiff::tz::TimeZone::system())
}

fn steps(page: &mut String, job: &View) {
    page.push('\n');
    for (at, step) in job.steps.iter().enumerate() {
        let current = job.current_step as usize;
        let sign = match job.status {
            Status::Pending => "·",
            Status::Completed => "✓",
            _ if at < current => "✓",
            _ if at > current => "·",
            status => format::glyph(status),
        };
        let _ = writeln!(page, "  {sign} {}", words::clean(step));
    }
}

fn what_went_wrong(page: &mut String, failure: &JobFailure, paint: Paint) {
    let message = words::clean(&failure.message);
    let _ = writeln!(page, "\n{}", paint.status(Status::Failed, &message));
    let mut ended = vec![format!("code {}", words::clean(&failure.code))];
    if let Some(step) = &failure.step {
        ended.push(format!("in step {}", words::clean(step)));
    }
    if let Some(code) = failure.exit_code {
        ended.push(format!("exit code {code}"));
    }
    if let Some(signal) = failure.signal {
        ended.push(format!("signal {signal}"));
    }
    let _ = writeln!(page, "  {}", ended.join(", "));
    if let Some(suggestion) = &failure.suggestion {
        let _ = writeln!(page, "  {}", words::clean(suggestion));
    }
    if let Some(lines) = failure
        .last_lines
        .as_ref()
        .filter(|lines| !lines.is_empty())
    {
        page.push('\n');
        for line in lines {
            let _ = writeln!(page, "  | {}", words::clean(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use jobtop_core::job::command::CommandLine;

    use super::*;

    fn job() -> View {
        serde_json::from_str(include_str!("show_sample.json")).unwrap()
    }

    #[test]
    fn a_failed_job_says_what_went_wrong_and_what_to_do() {
        let text = page(&job(), Timestamp(1_795_489_500_000), Paint::Plain);
        for part in [
            "orders-2026-11.csv  ✗ failed\n",
            "csv_processing of analyst1, job_01JD8ZAAAAAAAAAAAAAAAAAAAA\n",
            "  done       41.7%\n",
            "  items      50,040 of 120,000\n",
            "  errors     3 (0.01%), health excellent\n",
            "  ✓ Validating file\n  ✗ Processing data\n  · Completing\n",
            "\nThe mapping names \u{fffd}[2J a column that is not there\n  code missing_column, in step Processing data\n  Correct the mapping\n",
        ] {
            assert!(text.contains(part), "{part}\nis not in\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_submitted_command_says_what_is_run_and_what_it_waits_for() {
        let mut job = job();
        let argv = ["sh", "-c", "echo 'a b' \u{1b}[2J", ""]
            .map(Arc::from)
            .to_vec();
        let cwd = Some("/srv/orders".into());
        job.command = Some(Arc::new(CommandLine { argv, cwd }));
        job.after = Arc::new([job.id]);
        job.retries = 2;
        let text = page(&job, Timestamp(1_795_489_500_000), Paint::Plain);
        for part in [
            "  command    sh -c 'echo '\\''a b'\\'' \u{fffd}[2J' ''\n",
            "  in         /srv/orders\n",
            "  after      job_01JD8ZAAAAAAAAAAAAAAAAAAAA\n",
            "  retries    2 if it fails\n",
        ] {
            assert!(text.contains(part), "{part}\nis not in\n{text}");
        }
    }
}
