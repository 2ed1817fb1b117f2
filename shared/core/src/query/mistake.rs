//! What is wrong with a filter, where, and what would be right.

use std::fmt;
use std::ops::Range;

use crate::job::refusal::{Code, Refusal};
use crate::text;

/// A filter that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistake {
    /// Which bytes of the filter are meant; empty where something is missing.
    pub span: Range<usize>,
    /// What is wrong, as a sentence without its full stop.
    pub message: String,
    /// What would be right in place of the span, where one can tell.
    pub suggestion: Option<String>,
}

impl Mistake {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            suggestion: None,
        }
    }

    pub(super) fn suggest(mut self, right: impl Into<String>) -> Self {
        self.suggestion = Some(right.into());
        self
    }
}

/// A piece of somebody's filter, fit for a sentence.
pub(super) fn shown(piece: &str) -> String {
    text::clean_within(piece, 40).into_owned()
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(right) => write!(f, "; did you mean {right}?"),
            None => Ok(()),
        }
    }
}

impl From<&Mistake> for Refusal {
    fn from(mistake: &Mistake) -> Self {
        Self::new(
            Code::BadQuery,
            format!(
                "In the filter, at character {}: {mistake}",
                mistake.span.start + 1
            ),
        )
    }
}

impl From<Mistake> for Refusal {
    fn from(mistake: Mistake) -> Self {
        Self::from(&mistake)
    }
}
