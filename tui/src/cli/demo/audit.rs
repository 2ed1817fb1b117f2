//! Whether every row is accounted for: what the pipelines say is not believed, the files are counted again, and the sink
//! is asked what it took.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::desk::{self, Stop};
use super::pipelines::{Tally, sheet};

/// What came of counting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Rows in = rows out + rejects.
    Reconciled,
    /// It is not so.
    Off(String),
    /// There was nothing to count: it ended before the first row.
    Nothing,
}

/// What a job read and wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traces {
    /// What it read.
    pub(crate) input: PathBuf,
    /// Where its rows went.
    pub(crate) output: Output,
    /// Those put aside.
    pub(crate) rejects: PathBuf,
    /// Whether it came to its end, so that all of the input must be accounted for.
    pub(crate) whole: bool,
}

/// Where rows went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// Into a file.
    File(PathBuf),
    /// To the sink, which took so many.
    Sink(u64),
}

/// Counts files, each once.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    counted: HashMap<PathBuf, u64>,
}

impl Auditor {
    /// Compares what a job says with what there is.
    pub(crate) fn judge(&mut self, tally: &Tally, traces: &Traces) -> Verdict {
        if *tally == Tally::default() && !traces.whole {
            return Verdict::Nothing;
        }
        match self.compare(tally, traces) {
            Ok(None) => Verdict::Reconciled,
            Ok(Some(off)) => Verdict::Off(off),
            Err(Stop::Failed(trouble)) => Verdict::Off(trouble.message),
            Err(Stop::Cancelled) => Verdict::Off("counting was interrupted".to_owned()),
        }
    }

    fn compare(&mut self, tally: &Tally, traces: &Traces) -> Result<Option<String>, Stop> {
        let rows_in = if traces.whole {
            self.count(&traces.input)?
        } else {
            tally.rows_in
        };
        let rejects = self.count(&traces.rejects)?;
        let (rows_out, extra) = match &traces.output {
            Output::File(path) => (self.count(path)?, 0),
            // A batch whose answer never came may have been taken, if the job did not live to ask again.
            Output::Sink(taken) if !traces.whole => {
                (tally.rows_out, taken.saturating_sub(tally.rows_out))
            }
            Output::Sink(taken) => (*taken, 0),
        };
        let fits = rows_in == rows_out + rejects
            && (tally.rows_in, tally.rows_out, tally.rejects) == (rows_in, rows_out, rejects)
            && (extra == 0 || !traces.whole);
        Ok((!fits).then(|| {
            format!(
                "{rows_in} rows in, {rows_out} out and {rejects} put aside by count; the job says {}, {} and {}",
                tally.rows_in, tally.rows_out, tally.rejects
            )
        }))
    }

    fn count(&mut self, path: &Path) -> Result<u64, Stop> {
        if let Some(rows) = self.counted.get(path) {
            return Ok(*rows);
        }
        let (desk, _watcher) = desk::open();
        let rows = sheet::count(path, &desk)?;
        self.counted.insert(path.to_owned(), rows);
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_too_few_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let input = file("in.csv", "a\n1\n2\n3\n");
        let output = file("out.csv", "a\n1\n2\n");
        let one = file("one.csv", "row,reason\n3,no\n");
        let none = file("none.csv", "row,reason\n");
        let tally = |rows_in, rows_out, rejects| Tally {
            rows_in,
            rows_out,
            rejects,
            retries: 0,
        };
        let whole = |output: Output, rejects: &PathBuf| Traces {
            input: input.clone(),
            output,
            rejects: rejects.clone(),
            whole: true,
        };
        let cut = |traces| Traces {
            whole: false,
            ..traces
        };
        let file = || Output::File(output.clone());
        for (tally, traces, fits) in [
            (tally(3, 2, 1), whole(file(), &one), true),
            (tally(3, 2, 1), whole(file(), &none), false),
            (tally(3, 3, 0), whole(file(), &none), false),
            (tally(2, 2, 0), whole(file(), &none), false),
            (tally(2, 2, 0), cut(whole(file(), &none)), true),
            (tally(3, 2, 1), whole(Output::Sink(2), &one), true),
            (tally(3, 2, 1), whole(Output::Sink(3), &one), false),
            (tally(2, 2, 0), cut(whole(Output::Sink(3), &none)), true),
        ] {
            let verdict = Auditor::default().judge(&tally, &traces);
            assert_eq!(
                verdict == Verdict::Reconciled,
                fits,
                "{tally:?} {traces:?} {verdict:?}"
            );
        }
        let nothing = cut(whole(file(), &none));
        assert_eq!(
            Auditor::default().judge(&Tally::default(), &nothing),
            Verdict::Nothing
        );
    }
}
