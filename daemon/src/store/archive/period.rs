//! Periods: spans of ending times, each a folder of the archive, so that what is too old goes with its folder. Pure.

use std::fmt;
use std::str::FromStr;

use jobtop_core::Timestamp;
use serde::{Deserialize, Serialize};

const MINUTE: u64 = 60_000;
const DAY: u64 = 86_400_000;

/// A span of ending times: `width` milliseconds from `start`. Its folder is named `start-width`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(in super::super) struct Period {
    /// Milliseconds since 1970; never before.
    pub(in super::super) start: i64,
    /// Milliseconds.
    pub(in super::super) width: u64,
}

/// The width of new periods: a day where the retention is two days or more, else an eighth of it, at least a minute. So
/// what has expired is on the disk for an eighth of the retention too long at most, and there are never many folders.
pub(in super::super) fn width(retention_ms: u64) -> u64 {
    if retention_ms >= 2 * DAY {
        DAY
    } else {
        (retention_ms / 8).max(MINUTE)
    }
}

impl Period {
    /// The period of that width in which `at` lies. Times before 1970 count as 1970.
    pub(in super::super) fn of(at: Timestamp, width: u64) -> Self {
        let at = u64::try_from(at.0).unwrap_or(0);
        let start = at - at % width.max(1);
        Self {
            start: i64::try_from(start).unwrap_or(i64::MAX),
            width,
        }
    }

    /// The first moment after it.
    pub(in super::super) fn end(self) -> Timestamp {
        Timestamp(self.start.saturating_add_unsigned(self.width))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.width)
    }
}

/// A text that names no period.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a period")]
pub(in super::super) struct NoPeriod;

impl FromStr for Period {
    type Err = NoPeriod;

    fn from_str(text: &str) -> Result<Self, NoPeriod> {
        let (start, width) = text.split_once('-').ok_or(NoPeriod)?;
        let period = Self {
            start: start.parse().map_err(|_| NoPeriod)?,
            width: width.parse().map_err(|_| NoPeriod)?,
        };
        // One period, one spelling.
        (period.to_string() == text && period.width > 0)
            .then_some(period)
            .ok_or(NoPeriod)
    }
}

impl TryFrom<String> for Period {
    type Error = NoPeriod;

    fn try_from(text: String) -> Result<Self, NoPeriod> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_follows_the_retention() {
        for (retention, expected) in [
            (30 * DAY, DAY),
            (2 * DAY, DAY),
            (DAY, 3 * 60 * MINUTE),
            (MINUTE, MINUTE),
            (0, MINUTE),
        ] {
            assert_eq!(width(retention), expected, "{retention}");
        }
    }

    #[test]
    fn a_period_holds_its_times_and_reads_back_from_its_name() {
        for (at, start) in [(-5, 0), (0, 0), (59_999, 0), (60_000, 60_000)] {
            let period = Period::of(Timestamp(at), MINUTE);
            assert_eq!((period.start, period.end().0), (start, start + 60_000));
            assert_eq!(period.to_string().parse(), Ok(period));
        }
        for bad in ["", "1", "01-1", "1-0", "1--1", "x-1", "1-1.expired"] {
            assert_eq!(bad.parse::<Period>(), Err(NoPeriod), "{bad}");
        }
    }
}
