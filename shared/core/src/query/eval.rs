//! A filter held against a job. What a job does not have (a rate, an error, a host) satisfies no condition.

use std::sync::Arc;

use super::ast::{Condition, Needle, Operator, Place, Property, Quantity, Term};
use crate::calc::health::Health;
use crate::id::JobId;
use crate::job::status::Status;
use crate::proto::view::View;
use crate::time::Timestamp;

/// What a filter can ask about a job.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of View")]
pub struct Facts<'a> {
    pub id: JobId,
    pub status: Status,
    pub job_type: &'a str,
    pub user: &'a str,
    pub queue: &'a str,
    pub host: Option<&'a str>,
    pub tags: &'a [Arc<str>],
    pub name: &'a str,
    pub message: Option<&'a str>,
    pub error: Option<&'a str>,
    pub health: Option<Health>,
    pub progress: f64,
    pub items_per_second: Option<f64>,
    pub error_count: u64,
    /// Milliseconds of work.
    pub active_ms: f64,
    /// When it ended, else when it was made.
    pub at: Timestamp,
}

impl<'a> Facts<'a> {
    /// What that view says.
    #[must_use]
    pub fn of_view(view: &'a View) -> Self {
        Self {
            id: view.id,
            status: view.status,
            job_type: view.job_type.as_str(),
            user: view.user_id.as_str(),
            queue: &view.queue,
            host: view.host.as_deref(),
            tags: &view.tags,
            name: &view.name,
            message: view.message.as_deref(),
            error: view.error.as_deref(),
            health: view.health,
            progress: view.progress,
            items_per_second: view.metrics.items_per_second,
            error_count: view.metrics.error_count,
            active_ms: view.metrics.active_seconds * 1000.0,
            at: view.finished_at.unwrap_or(view.created_at),
        }
    }
}

impl Term {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, facts: &Facts<'_>, now: Timestamp) -> bool {
        self.condition.holds(facts, now) != self.negated
    }
}

impl Condition {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, facts: &Facts<'_>, now: Timestamp) -> bool {
        match self {
            Self::Status(list) => list.contains(&facts.status),
            Self::Health(list) => facts.health.is_some_and(|health| list.contains(&health)),
            Self::Id(list) => list.contains(&facts.id),
            Self::Exact(property, list) => list.iter().any(|wanted| has(*property, wanted, facts)),
            Self::Contains(place, list) => list.iter().any(|needle| found(*place, needle, facts)),
            Self::Compare(quantity, operator, amount) => {
                compare(*quantity, *operator, *amount, facts)
            }
            Self::Since(moment) => facts.at >= moment.resolve(now),
            Self::Until(moment) => facts.at <= moment.resolve(now),
        }
    }
}

fn has(property: Property, wanted: &str, facts: &Facts<'_>) -> bool {
    match property {
        Property::Type => facts.job_type == wanted,
        Property::User => facts.user == wanted,
        Property::Queue => facts.queue == wanted,
        Property::Host => facts.host == Some(wanted),
        Property::Tag => facts.tags.iter().any(|tag| **tag == *wanted),
    }
}

fn found(place: Place, needle: &Needle, facts: &Facts<'_>) -> bool {
    let within = |text: Option<&str>| text.is_some_and(|text| contains(text, needle));
    match place {
        Place::Name => contains(facts.name, needle),
        Place::Error => within(facts.error),
        Place::Anywhere => {
            contains(facts.name, needle)
                || within(facts.message)
                || within(facts.error)
                || contains(facts.id.said().as_str(), needle)
        }
    }
}

/// Whether the needle is in the text, in any case, compared character by character.
fn contains(text: &str, needle: &Needle) -> bool {
    let wanted = needle.folded();
    if text.is_ascii() {
        // No allocation for nearly every name there is.
        let wanted = wanted.as_bytes();
        return text
            .as_bytes()
            .windows(wanted.len().max(1))
            .any(|window| window.eq_ignore_ascii_case(wanted));
    }
    let folded: String = text.chars().flat_map(char::to_lowercase).collect();
    folded.contains(wanted)
}

fn compare(quantity: Quantity, operator: Operator, amount: f64, facts: &Facts<'_>) -> bool {
    let value = match quantity {
        Quantity::Progress => facts.progress,
        Quantity::Errors => facts.error_count as f64,
        Quantity::Rate => match facts.items_per_second {
            Some(rate) => rate,
            None => return false,
        },
        Quantity::Duration => {
            let ms = facts.active_ms;
            if operator == Operator::Equal {
                // Durations are shown in whole seconds; nobody can hit a millisecond.
                return (ms / 1000.0) as u64 == (amount / 1000.0) as u64;
            }
            ms
        }
    };
    match operator {
        Operator::Greater => value > amount,
        Operator::AtLeast => value >= amount,
        Operator::Less => value < amount,
        Operator::AtMost => value <= amount,
        Operator::Equal => {
            #[expect(clippy::float_cmp, reason = "both were written by people in decimal")]
            {
                value == amount
            }
        }
    }
}
