//! Which of all that is known of a command's progress is told. Pure: what was heard and seen goes in, reports come out.
//!
//! The rules:
//! - What the program says by itself on the descriptor made for that counts most, then what its output says, then where it
//!   stands in the files it reads, and least what earlier runs of it took. Once a better source has named a percentage the
//!   lesser ones are not told any more, until the program takes its progress away.
//! - Within a step the percentage never falls, unless it was guessed from earlier runs and is now known. A fall in what the program says begins a new step; a small one, as rounding
//!   makes it, is waited out.
//! - It is never 100: that is for the end of the command alone to say.

use std::sync::Arc;

use jobtop_core::job::progress::{CountsReport, MAX_STEPS, Report, StepRef};

use crate::observe::{MOST, Reading};
use crate::output::channel::Told;
use crate::output::{Said, State};

/// What is said of where a percentage comes from that the program says.
pub const SOURCE: &str = "output";
/// What is said of a percentage that earlier runs let expect.
pub const HISTORY: &str = "history";
/// The step of a command that names none.
pub const STEP: &str = "Processing";
/// A fall by more than this is no rounding.
const FALL: f64 = 5.0;

/// How much a source is worth, from little to much.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
enum Worth {
    #[default]
    Nothing,
    Guessed,
    Seen,
    Output,
    Channel,
}

/// The memory between what is heard.
#[derive(Debug)]
pub struct Chooser {
    worth: Worth,
    steps: Vec<Arc<str>>,
    current: usize,
    /// The step has the name that the program gave it.
    named: bool,
    /// The program lists its steps by itself.
    listed: bool,
    /// What was told last within the step.
    told: Option<f64>,
    /// The part of the output that was heard last.
    part: Option<u32>,
}

impl Chooser {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            worth: Worth::Nothing,
            steps: vec![STEP.into()],
            current: 0,
            named: false,
            listed: false,
            told: None,
            part: None,
        }
    }

    /// Takes in what the output says.
    pub fn output(&mut self, said: &Said) -> Option<Report> {
        if said.state == State::Gone && self.worth == Worth::Output {
            self.worth = Worth::Nothing;
        }
        let percent = said.progress.or_else(|| share(said.items.or(said.bytes)));
        let counts = CountsReport {
            total_items: Some(said.items.and_then(|(_, total)| total).unwrap_or(0)),
            processed_items: Some(said.items.map_or(0, |(done, _)| done)),
            total_bytes: Some(said.bytes.and_then(|(_, total)| total).unwrap_or(0)),
            processed_bytes: Some(said.bytes.map_or(0, |(done, _)| done)),
            error_count: None,
        };
        let Some(percent) = percent else {
            // Counts of something whose end is not known are better than nothing.
            let counted = said.items.is_some() || said.bytes.is_some();
            return (counted && self.worth <= Worth::Guessed).then(|| Report {
                metrics: Some(counts),
                ..Report::default()
            });
        };
        if self.worth > Worth::Output || said.state == State::Gone {
            return None;
        }
        self.rise_to(Worth::Output);
        let mut report = Report::default();
        if self.part.is_some_and(|part| said.part > part) || self.falls(percent) {
            self.begin(said.step.as_deref(), &mut report);
        } else if let Some(name) = said.step.as_deref().filter(|_| !self.named) {
            self.name(name, &mut report);
        }
        self.part = self.part.max(Some(said.part));
        report.progress = Some(self.tell(percent));
        report.metrics = Some(counts);
        report.progress_source = Some(SOURCE.into());
        Some(report)
    }

    /// Takes in what the program says on the descriptor made for that.
    pub fn told(&mut self, told: Told) -> Report {
        let mut report = Report {
            message: told.message.map(Into::into),
            ..Report::default()
        };
        if let Some(steps) = told.steps.filter(|steps| !steps.is_empty()) {
            self.listed = true;
            self.steps = steps.into_iter().take(MAX_STEPS).map(Into::into).collect();
            self.current = self.current.min(self.steps.len() - 1);
            self.say_steps(&mut report);
        }
        if let Some(step) = told.step {
            self.enter(&step, &mut report);
        }
        let pair = |done: Option<u64>, total| done.map(|done| (done, total));
        let items = pair(told.processed_items, told.total_items);
        let bytes = pair(told.processed_bytes, told.total_bytes);
        let counted = items.is_some() || bytes.is_some() || told.error_count.is_some();
        if counted || told.total_items.is_some() || told.total_bytes.is_some() {
            report.metrics = Some(CountsReport {
                total_items: told.total_items,
                processed_items: told.processed_items,
                error_count: told.error_count,
                total_bytes: told.total_bytes,
                processed_bytes: told.processed_bytes,
            });
        }
        if let Some(percent) = told.progress.or_else(|| share(items.or(bytes))) {
            self.rise_to(Worth::Channel);
            if !self.listed && self.falls(percent) {
                self.begin(None, &mut report);
            }
            report.progress = Some(self.tell(percent));
            report.progress_source = Some(SOURCE.into());
        }
        report
    }

    /// Takes in what was seen from outside.
    pub fn seen(&mut self, reading: &Reading) -> Option<Report> {
        if self.worth > Worth::Seen {
            return None;
        }
        self.rise_to(Worth::Seen);
        Some(Report {
            progress: Some(self.tell(reading.progress)),
            metrics: Some(CountsReport {
                total_bytes: Some(reading.total_bytes),
                processed_bytes: Some(reading.processed_bytes),
                ..CountsReport::default()
            }),
            progress_source: Some(reading.source.word().into()),
            ..Report::default()
        })
    }

    /// Whether a guess from earlier runs would be told.
    #[must_use]
    pub fn takes_guesses(&self) -> bool {
        self.worth <= Worth::Guessed
    }

    /// Takes in what earlier runs let expect.
    pub fn guessed(&mut self, percent: f64) -> Option<Report> {
        if !self.takes_guesses() {
            return None;
        }
        self.worth = Worth::Guessed;
        Some(Report {
            progress: Some(self.tell(percent)),
            progress_source: Some(HISTORY.into()),
            ..Report::default()
        })
    }

    /// A source has named a percentage. What was a guess before binds nobody who knows.
    fn rise_to(&mut self, worth: Worth) {
        if self.worth == Worth::Guessed {
            self.told = None;
        }
        self.worth = worth;
    }

    fn falls(&self, percent: f64) -> bool {
        self.told.is_some_and(|told| percent < told - FALL)
    }

    fn tell(&mut self, percent: f64) -> f64 {
        // A tenth of a percent is what a person can see; finer steps would be reports about nothing.
        let percent = (percent * 10.0).floor() / 10.0;
        let percent = percent.clamp(0.0, MOST).max(self.told.unwrap_or(0.0));
        self.told = Some(percent);
        percent
    }

    /// A new step, under that name or a number.
    fn begin(&mut self, name: Option<&str>, report: &mut Report) {
        let number = || format!("Step {}", self.steps.len() + 1);
        let name = name.map_or_else(number, str::to_owned);
        if self.steps.len() == MAX_STEPS {
            self.steps.remove(0);
        }
        self.named = true;
        self.steps.push(name.into());
        self.current = self.steps.len() - 1;
        self.told = None;
        self.say_steps(report);
    }

    /// The present step turns out to have a name.
    fn name(&mut self, name: &str, report: &mut Report) {
        self.named = true;
        self.steps[self.current] = name.into();
        self.say_steps(report);
    }

    /// The program says in which step it is.
    fn enter(&mut self, step: &str, report: &mut Report) {
        let place = self.steps.iter().position(|name| &**name == step);
        if place == Some(self.current) && (self.named || self.listed) {
            return;
        }
        match place {
            Some(place) => {
                self.current = place;
                self.told = None;
                self.say_steps(report);
            }
            None if self.named || self.listed => self.begin(Some(step), report),
            None => self.name(step, report),
        }
        self.named = true;
        self.listed = true;
    }

    fn say_steps(&self, report: &mut Report) {
        report.steps = Some(self.steps.clone());
        report.step = Some(StepRef::Index(self.current as u64));
    }
}

impl Default for Chooser {
    fn default() -> Self {
        Self::new()
    }
}

/// The percentage that a count says.
fn share(counts: Option<(u64, Option<u64>)>) -> Option<f64> {
    let (done, total) = counts?;
    let total = total.filter(|total| *total > 0)?;
    Some((done as f64 * 100.0 / total as f64).min(100.0))
}

#[cfg(test)]
mod tests;
