//! Percentiles of a run, medians of several runs and how far they lie apart.

use std::time::Duration;

/// Durations of one run, sorted.
#[derive(Debug, Default)]
pub(crate) struct Sorted(Vec<Duration>);

impl Sorted {
    pub(crate) fn new(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        Self(samples)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value that `part` (0 to 1) of the samples do not exceed, in microseconds; NaN if there are none.
    pub(crate) fn micros(&self, part: f64) -> f64 {
        let at = (self.0.len() as f64 * part).ceil() as usize;
        let found = self
            .0
            .get(at.saturating_sub(1).min(self.0.len().saturating_sub(1)));
        found.map_or(f64::NAN, |found| found.as_secs_f64() * 1e6)
    }
}

/// The same figure from several runs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Runs(Vec<f64>);

impl Runs {
    pub(crate) fn push(&mut self, figure: f64) {
        self.0.push(figure);
        self.0.sort_by(f64::total_cmp);
    }

    pub(crate) fn median(&self) -> f64 {
        let n = self.0.len();
        match n {
            0 => f64::NAN,
            _ if n % 2 == 1 => self.0[n / 2],
            _ => f64::midpoint(self.0[n / 2 - 1], self.0[n / 2]),
        }
    }

    /// `median (lowest–highest)`.
    pub(crate) fn shown(&self, digits: usize) -> String {
        let (Some(low), Some(high)) = (self.0.first(), self.0.last()) else {
            return "–".to_owned();
        };
        format!(
            "{:.digits$} ({low:.digits$}–{high:.digits$})",
            self.median()
        )
    }
}

/// `ours / theirs` of two medians, as the tables show it.
pub(crate) fn ratio(ours: &Runs, theirs: &Runs) -> f64 {
    ours.median() / theirs.median()
}

/// Whether a figure keeps its target, in a word.
pub(crate) fn verdict(kept: bool) -> &'static str {
    if kept { "kept" } else { "MISSED" }
}
