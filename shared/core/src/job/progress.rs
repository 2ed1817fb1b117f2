//! A producer's report, and the rules of progress: clamping, counters, steps.

use std::sync::Arc;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::refusal::{Code, Refusal};
use super::{Counts, State};
use crate::serial;
use crate::text;

/// Most steps a job may have.
pub const MAX_STEPS: usize = 200;

/// What a producer says: all optional, what is absent stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// Percent; clamped to 0..=100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// A step by its index or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<StepRef>,
    /// Replaces the list of steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Arc<str>>>,
    /// Counters; those absent stay.
    #[serde(
        deserialize_with = "serial::object",
        skip_serializing_if = "Option::is_none"
    )]
    pub metrics: Option<CountsReport>,
    /// What it is doing just now; an empty text clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<str>>,
    /// Where the progress comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_source: Option<Arc<str>>,
}

/// A step by its 0-based index or its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum StepRef {
    /// 0-based.
    Index(u64),
    /// One of the job's step names.
    Name(Arc<str>),
    /// Anything else that JSON can say: refused with `bad_step`.
    Other(serde_json::Value),
}

impl<'de> Deserialize<'de> for StepRef {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Step;
        impl<'de> Visitor<'de> for Step {
            type Value = StepRef;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an index or a step's name")
            }
            fn visit_u64<E>(self, v: u64) -> Result<StepRef, E> {
                Ok(StepRef::Index(v))
            }
            fn visit_i64<E>(self, v: i64) -> Result<StepRef, E> {
                Ok(u64::try_from(v).map_or(StepRef::Other(v.into()), StepRef::Index))
            }
            fn visit_f64<E>(self, v: f64) -> Result<StepRef, E> {
                Ok(whole(v).map_or(StepRef::Other(v.into()), StepRef::Index))
            }
            fn visit_str<E>(self, v: &str) -> Result<StepRef, E> {
                Ok(StepRef::Name(v.into()))
            }
            fn visit_bool<E>(self, v: bool) -> Result<StepRef, E> {
                Ok(StepRef::Other(v.into()))
            }
            fn visit_unit<E>(self) -> Result<StepRef, E> {
                Ok(StepRef::Other(Value::Null))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<StepRef, A::Error> {
                Value::deserialize(SeqAccessDeserializer::new(seq)).map(StepRef::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StepRef, A::Error> {
                Value::deserialize(MapAccessDeserializer::new(map)).map(StepRef::Other)
            }
        }
        d.deserialize_any(Step)
    }
}

/// Counters in a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CountsReport {
    /// Items in all.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub total_items: Option<u64>,
    /// Items done.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub processed_items: Option<u64>,
    /// Items that went wrong.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub error_count: Option<u64>,
    /// Bytes in all.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
    /// Bytes done.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub processed_bytes: Option<u64>,
}

/// A count: a whole number, not negative; `null` is "not given". `10.0` is 10, as JavaScript may say it.
pub fn count<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    struct Count;
    impl serde::de::Visitor<'_> for Count {
        type Value = Option<u64>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a whole number that is not negative")
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
            Ok(Some(v))
        }
        fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<Self::Value, E> {
            u64::try_from(v)
                .map(Some)
                .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(v), &self))
        }
        fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Self::Value, E> {
            whole(v)
                .map(Some)
                .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Float(v), &self))
        }
    }
    d.deserialize_any(Count)
}

/// `10.0` as 10: some languages know only one kind of number.
fn whole(v: f64) -> Option<u64> {
    (v >= 0.0 && v.fract() == 0.0 && v < 18_446_744_073_709_551_616.0).then_some(v as u64)
}

/// Makes step names fit to keep: cleaned, cut, at least one, at most [`MAX_STEPS`].
pub fn check_steps(steps: Vec<Arc<str>>) -> Result<Arc<[Arc<str>]>, Refusal> {
    if steps.is_empty() || steps.len() > MAX_STEPS {
        return Err(Refusal::new(
            Code::Invalid,
            format!("steps must be a list of 1 to {MAX_STEPS} names"),
        ));
    }
    Ok(steps
        .into_iter()
        .map(|name| kept(name, text::NAME_CHARS))
        .collect())
}

/// A text as it is kept: cleaned and cut; the same allocation when nothing changed.
#[must_use]
pub fn kept(raw: Arc<str>, limit: usize) -> Arc<str> {
    match text::clean_within(&raw, limit) {
        std::borrow::Cow::Borrowed(_) => raw,
        std::borrow::Cow::Owned(cleaned) => cleaned.into(),
    }
}

/// Whether a number of percent can be taken at all.
pub fn check_percent(progress: f64) -> Result<f64, Refusal> {
    if progress.is_finite() {
        // Plus zero, because -0.0 is a number too and would be shown as such.
        Ok(progress.clamp(0.0, 100.0) + 0.0)
    } else {
        Err(Refusal::new(
            Code::Invalid,
            "progress must be a number from 0 to 100",
        ))
    }
}

impl State {
    /// Takes a report over, or refuses it whole: nothing is half applied.
    pub(crate) fn take(&mut self, report: &Report) -> Result<(), Refusal> {
        let steps = match &report.steps {
            Some(names) => Some(check_steps(names.clone())?),
            None => None,
        };
        let names = steps.as_ref().unwrap_or(&self.steps);
        let step = match &report.step {
            Some(wanted) => find_step(names, wanted)?,
            None => self.current_step.min(last(names)),
        };
        let given = report.progress.map(check_percent).transpose()?;

        if let Some(counts) = report.metrics {
            self.counts.take(counts);
        }
        if let Some(steps) = steps {
            self.steps = steps;
        }
        self.current_step = step;
        if let Some(progress) = given.or_else(|| self.counts.derived(report.metrics)) {
            self.progress = progress;
        }
        if let Some(message) = &report.message {
            self.message = nonempty(message, text::MESSAGE_CHARS);
        }
        if let Some(source) = &report.progress_source {
            self.progress_source = nonempty(source, 64);
        }
        Ok(())
    }
}

fn nonempty(raw: &Arc<str>, limit: usize) -> Option<Arc<str>> {
    (!raw.is_empty()).then(|| kept(raw.clone(), limit))
}

/// The index of the last step.
pub(super) fn last(names: &[Arc<str>]) -> u32 {
    names.len().saturating_sub(1) as u32
}

fn find_step(names: &[Arc<str>], wanted: &StepRef) -> Result<u32, Refusal> {
    let found = match wanted {
        StepRef::Index(index) => usize::try_from(*index).ok().filter(|i| *i < names.len()),
        // Names are compared as they are kept, or one that had to be cleaned could never be named again.
        StepRef::Name(name) => {
            let name = kept(name.clone(), text::NAME_CHARS);
            names.iter().position(|n| *n == name)
        }
        StepRef::Other(_) => None,
    };
    found.map(|i| i as u32).ok_or_else(|| {
        Refusal::new(
            Code::BadStep,
            format!(
                "step must be an index from 0 to {} or one of the job's step names",
                last(names)
            ),
        )
    })
}

impl Counts {
    fn take(&mut self, report: CountsReport) {
        let put = |slot: &mut u64, given: Option<u64>| {
            if let Some(value) = given {
                *slot = value;
            }
        };
        put(&mut self.total_items, report.total_items);
        put(&mut self.processed_items, report.processed_items);
        put(&mut self.error_count, report.error_count);
        put(&mut self.total_bytes, report.total_bytes);
        put(&mut self.processed_bytes, report.processed_bytes);
    }

    /// The percentage that the counters say, if the report was about counters and there is a total.
    fn derived(&self, report: Option<CountsReport>) -> Option<f64> {
        report?;
        let (done, total) = if self.total_items > 0 {
            (self.processed_items, self.total_items)
        } else if self.total_bytes > 0 {
            (self.processed_bytes, self.total_bytes)
        } else {
            return None;
        };
        let percent = (done as f64 / total as f64 * 100.0).min(100.0);
        let rounded = (percent * 100.0).round() / 100.0;
        // Rounding must not say "done" of what is not.
        Some(if done < total {
            rounded.min(99.99)
        } else {
            rounded
        })
    }
}
