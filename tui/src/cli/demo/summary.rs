//! What the demo says at its end: a line for each job, and whether every row is accounted for.

use std::time::Duration;

use jobtop_core::Status;

use super::audit::Verdict;
use super::pipelines::Tally;
use super::plan::Expected;
use crate::cli::print;
use crate::cli::print::colour::Paint;
use crate::cli::print::table::{self, Cell, Column};
use crate::view::format;

/// A job that was attended to, at its end.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// What people call it.
    pub(crate) name: String,
    /// What was done.
    pub(crate) job_type: &'static str,
    /// Whose it was.
    pub(crate) user: &'static str,
    /// How it ended.
    pub(crate) status: Status,
    /// How it should have.
    pub(crate) expected: Expected,
    /// What went wrong, if something did.
    pub(crate) trouble: Option<String>,
    /// What it counted.
    pub(crate) tally: Tally,
    /// What counting again gave.
    pub(crate) verdict: Verdict,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Line {
    /// Whether it is as it should be: every row accounted for, and no failure but the one that is to be seen.
    fn is_well(&self) -> bool {
        let ended_well = match self.status {
            Status::Failed => self.expected == Expected::Failed,
            Status::Completed => self.expected == Expected::Completed,
            // A person may cancel whatever they like.
            Status::Cancelled => true,
            Status::Pending | Status::Running | Status::Paused => false,
        };
        ended_well && !matches!(self.verdict, Verdict::Off(_))
    }
}

/// Whether all of it is as it should be.
pub(crate) fn all_well(lines: &[Line]) -> bool {
    lines.iter().all(Line::is_well)
}

const COLUMNS: [Column; 10] = [
    table::words("STATUS"),
    table::shrinking("JOB", 16),
    table::words("TYPE").spared(3),
    table::shrinking("OWNER", 8).spared(2),
    table::figures("ROWS IN"),
    table::figures("ROWS OUT"),
    table::figures("REJECTS"),
    table::figures("RETRIES"),
    table::words("RECONCILED"),
    table::figures("TIME").spared(1),
];

/// The whole of it.
pub(crate) fn render(lines: &[Line], width: Option<usize>, paint: Paint) -> String {
    let rows: Vec<_> = lines.iter().map(row).collect();
    let mut text = table::render(&COLUMNS, &rows, width, paint);
    text.push('\n');
    for line in lines {
        if let Some(trouble) = &line.trouble {
            let note = match line.expected {
                Expected::Failed if line.is_well() => " (meant to fail, to show it)",
                Expected::Failed | Expected::Completed => "",
            };
            let said = format!("{}: {trouble}{note}", line.name);
            text.push_str(&print::paragraph(&said, width, 2));
        }
        if let Verdict::Off(off) = &line.verdict {
            let said = format!("{}: {off}", line.name);
            text.push_str(&print::paragraph(&said, width, 2));
        }
    }
    text.push_str(&print::paragraph(&verdict(lines), width, 2));
    text
}

fn row(line: &Line) -> Vec<Cell> {
    let count = format::count;
    let status = format!("{} {}", format::glyph(line.status), line.status);
    vec![
        Cell::of_status(line.status, status),
        line.name.as_str().into(),
        line.job_type.into(),
        line.user.into(),
        count(line.tally.rows_in).into(),
        count(line.tally.rows_out).into(),
        count(line.tally.rejects).into(),
        count(line.tally.retries).into(),
        match line.verdict {
            Verdict::Reconciled => "yes",
            Verdict::Off(_) => "NO",
            Verdict::Nothing => "–",
        }
        .into(),
        format!("{:.1} s", line.took.as_secs_f64()).into(),
    ]
}

fn verdict(lines: &[Line]) -> String {
    let sum = |of: fn(&Tally) -> u64| lines.iter().map(|line| of(&line.tally)).sum::<u64>();
    let off = lines
        .iter()
        .filter(|line| matches!(line.verdict, Verdict::Off(_)))
        .count();
    if off > 0 {
        return format!(
            "Not every row is accounted for: {off} of {} jobs are off.",
            lines.len()
        );
    }
    let unwell = lines.iter().filter(|line| !line.is_well()).count();
    let ending = match unwell {
        0 => String::new(),
        1 => " But a job did not end as it should.".to_owned(),
        n => format!(" But {n} jobs did not end as they should."),
    };
    format!(
        "Every row is accounted for: {} rows in = {} out + {} rejected.{ending}",
        format::count(sum(|t| t.rows_in)),
        format::count(sum(|t| t.rows_out)),
        format::count(sum(|t| t.rejects)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(status: Status, expected: Expected, verdict: Verdict) -> Line {
        Line {
            name: "orders.csv".to_owned(),
            job_type: "csv_processing",
            user: "analyst1",
            status,
            expected,
            trouble: None,
            tally: Tally {
                rows_in: 1_000,
                rows_out: 990,
                rejects: 10,
                retries: 0,
            },
            verdict,
            took: Duration::from_millis(1_240),
        }
    }

    #[test]
    fn only_what_is_reconciled_and_as_expected_is_well() {
        use Expected::{Completed, Failed};
        for (status, expected, verdict, well) in [
            (Status::Completed, Completed, Verdict::Reconciled, true),
            (
                Status::Completed,
                Completed,
                Verdict::Off(String::new()),
                false,
            ),
            (Status::Completed, Failed, Verdict::Reconciled, false),
            (Status::Failed, Failed, Verdict::Nothing, true),
            (Status::Failed, Completed, Verdict::Nothing, false),
            (Status::Cancelled, Completed, Verdict::Reconciled, true),
            (Status::Running, Completed, Verdict::Reconciled, false),
        ] {
            assert_eq!(
                all_well(&[line(status, expected, verdict)]),
                well,
                "{status}"
            );
        }
    }

    #[test]
    fn the_table_says_it_all() {
        let text = render(
            &[line(
                Status::Completed,
                Expected::Completed,
                Verdict::Reconciled,
            )],
            None,
            Paint::Plain,
        );
        assert_eq!(
            text,
            "\
STATUS       JOB         TYPE            OWNER     ROWS IN  ROWS OUT  REJECTS  RETRIES  RECONCILED   TIME
✓ completed  orders.csv  csv_processing  analyst1    1,000       990       10        0  yes         1.2 s

Every row is accounted for: 1,000 rows in = 990 out + 10 rejected.
"
        );
    }
}
