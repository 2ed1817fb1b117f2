//! The filter language: one for the screen, the commands and the `q=` of the HTTP calls; see `jobtop-query(7)`.
//!
//! Text goes through `lexer` (pieces with spans) and `parser` (checked terms, or a [`Mistake`] that says what is
//! wrong, where, and what would be right) into a [`Query`]; [`eval`] holds that against a job. Reading order: [`ast`],
//! [`mistake`], `lexer`, `parser`, [`eval`], `distance`.

use jiff::tz::TimeZone;

use crate::proto::view::View;
use crate::time::Timestamp;

pub mod ast;
mod distance;
pub mod eval;
mod lexer;
pub mod mistake;
mod parser;

#[cfg(test)]
mod tests;

pub use ast::{Condition, Field, Moment, Operator, Quantity, Term};
pub use distance::nearest;
pub use eval::Facts;
pub use mistake::Mistake;

/// Longest text of a filter, in bytes.
pub const MAX_BYTES: usize = 4_096;

/// What is needed to read dates: the present and the time zone of whoever asks.
#[derive(Clone, Debug)]
pub struct Today {
    /// The present.
    pub now: Timestamp,
    /// Where a day begins and ends.
    pub tz: TimeZone,
}

/// A filter: terms that must all hold. The empty one lets everything through.
///
/// ```
/// use jobtop_core::query::{Query, Today};
/// use jobtop_core::Timestamp;
///
/// let today = Today { now: Timestamp(1_795_489_457_120), tz: jiff::tz::TimeZone::UTC };
/// let query = Query::parse("status:failed,cancelled -type:api_upload duration>10m", &today)?;
/// assert_eq!(query.to_string(), "status:failed,cancelled -type:api_upload duration>10m");
///
/// let mistake = Query::parse("stauts:failed", &today).unwrap_err();
/// assert_eq!((mistake.span, mistake.suggestion.as_deref()), (0..6, Some("status")));
/// # Ok::<(), jobtop_core::query::Mistake>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    terms: Vec<Term>,
}

impl Query {
    /// Reads a filter.
    pub fn parse(text: &str, today: &Today) -> Result<Self, Mistake> {
        parser::parse(text, today).map(|terms| Self { terms })
    }

    /// Adds the term `field:list` from its two parts, as the HTTP parameters `status=`, `type=`, `userId=`, `since=`
    /// and `until=` bring it: alternatives stand between commas, nothing is quoted. Spans count within `list`.
    pub fn require(&mut self, field: Field, list: &str, today: &Today) -> Result<(), Mistake> {
        let condition = parser::list(field, list, today)?;
        self.terms.push(Term {
            negated: false,
            condition,
        });
        Ok(())
    }

    /// The terms, in the order in which they were written.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether it lets everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether every term holds for that job.
    #[must_use]
    pub fn matches(&self, view: &View, now: Timestamp) -> bool {
        self.is_empty() || self.holds(&Facts::of_view(view), now)
    }

    /// [`Query::matches`], for whoever has the facts in another form than a [`View`].
    #[must_use]
    pub fn holds(&self, facts: &Facts<'_>, now: Timestamp) -> bool {
        self.terms.iter().all(|term| term.holds(facts, now))
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, term) in self.terms.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{term}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Field {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|field| field.word().eq_ignore_ascii_case(word))
            .ok_or(())
    }
}
