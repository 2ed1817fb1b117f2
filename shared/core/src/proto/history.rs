//! What is asked of the jobs that have ended, and the answers: `GET /api/history` and `GET /api/analytics`, and the
//! WebSocket's `history` and `analytics`.

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::proto::view::View;
use crate::time::Timestamp;

/// The query parameters of both calls. What one of them does not know it ignores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HistoryWanted {
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// One status, or several with commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// One type, or several with commas.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub job_type: Option<String>,
    /// A filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Ended at this moment or later, as in the filter language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Ended at this moment or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The order of `history`: see [`Order`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// The groups of `analytics`: see [`GroupBy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// At most this many jobs, or groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Where the last page ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What finished jobs are sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SortBy {
    /// When they ended.
    Finished,
    /// When work on them began; those on which none did come first.
    Started,
    /// Active time.
    Duration,
    /// Their names, in any case.
    Name,
    /// Number of errors.
    Errors,
}

impl SortBy {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Finished,
        Self::Started,
        Self::Duration,
        Self::Name,
        Self::Errors,
    ];

    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Started => "started",
            Self::Duration => "duration",
            Self::Name => "name",
            Self::Errors => "errors",
        }
    }
}

/// An order of finished jobs: ascending, or descending with a `-` before the word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Order {
    /// What counts.
    pub by: SortBy,
    /// Whether the greatest comes first.
    pub descending: bool,
}

impl Default for Order {
    /// Newest first.
    fn default() -> Self {
        Self {
            by: SortBy::Finished,
            descending: true,
        }
    }
}

impl std::str::FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (descending, word) = match text.strip_prefix('-') {
            Some(word) => (true, word),
            None => (false, text),
        };
        let by = SortBy::ALL.into_iter().find(|by| by.word() == word);
        by.map(|by| Self { by, descending }).ok_or(())
    }
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.descending { "-" } else { "" })?;
        f.write_str(self.by.word())
    }
}

/// What the jobs of an analysis are grouped by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum GroupBy {
    /// Their type.
    #[default]
    Type,
    /// Their owner.
    User,
    /// Their name; names that differ only in case are one.
    Name,
    /// The day on which they ended, in the daemon's time zone.
    Day,
}

impl GroupBy {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Type, Self::User, Self::Name, Self::Day];

    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::User => "user",
            Self::Name => "name",
            Self::Day => "day",
        }
    }
}

impl std::str::FromStr for GroupBy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|by| by.word() == text).ok_or(())
    }
}

/// `GET /api/history`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryAnswer<J = View> {
    /// One page of the jobs; the daemon says them as it kept them.
    pub jobs: Vec<J>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
    /// Jobs that ended before this moment are not searched yet: the daemon has just started and still reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexed_from: Option<Timestamp>,
}

/// `GET /api/store`: what the store of finished jobs has, and what it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreAnswer {
    /// Finished jobs; an estimate until `indexed`.
    pub records: u64,
    /// Periods of ending, each a folder that expires as a whole.
    pub periods: u64,
    /// Bytes of what counts: the finished jobs and the newest sealed board.
    pub live_bytes: u64,
    /// Bytes of the finished jobs, the sealed boards and the log, captured output apart.
    pub disk_bytes: u64,
    /// When the live set was last sealed without what had left it, and the log before it went.
    pub last_compaction: Option<Timestamp>,
    /// Whether every finished job is searched.
    pub indexed: bool,
    /// `good`, `no_room` or `degraded`, as `/readyz` says it.
    #[serde(default = "good")]
    pub state: String,
    /// What is wrong, if it is not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What this daemon found damaged: which file, what was kept and what was lost, a sentence each.
    #[serde(default)]
    pub damage: Vec<String>,
}

fn good() -> String {
    "good".to_owned()
}

/// `GET /api/analytics`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnalyticsAnswer {
    /// The groups, the largest first; days in their order.
    pub groups: Vec<Group>,
    /// What went wrong, the most frequent first.
    pub errors: Vec<ErrorPattern>,
    /// As in [`HistoryAnswer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexed_from: Option<Timestamp>,
}

/// Jobs that have something in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The type, user, name or day (`2026-11-24`) that they have in common.
    pub key: String,
    /// How many there are.
    pub total: u64,
    /// How many completed.
    pub completed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were cancelled.
    pub cancelled: u64,
    /// Completed of those that completed or failed, 0 to 1.
    pub success_rate: Option<f64>,
    /// Active time of those that completed.
    pub active_seconds: Percentiles,
    /// Items per second of active time, over all that counted items.
    pub items_per_second: Option<f64>,
    /// The steps and how long each took those that completed, the slowest first, twenty at most.
    pub steps: Vec<StepTime>,
}

/// Percentiles by the nearest rank; none of nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "half, 90 and 99 of 100 lie at or below it")]
pub struct Percentiles {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
}

/// How long a step takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// Its name.
    pub name: String,
    /// Seconds of active time, the median.
    pub p50: f64,
}

/// Errors that differ in numbers, ids and paths alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorPattern {
    /// What they have in common: see [`crate::calc::pattern`].
    pub pattern: String,
    /// How many jobs failed so.
    pub count: u64,
    /// The error of the last of them.
    pub example: String,
    /// When it ended.
    pub last_seen: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_groups_are_read_as_they_are_written() {
        for by in SortBy::ALL {
            for descending in [false, true] {
                let order = Order { by, descending };
                assert_eq!(order.to_string().parse(), Ok(order));
            }
        }
        for wrong in ["", "-", "--name", "Name", "finished "] {
            assert_eq!(wrong.parse::<Order>(), Err(()), "{wrong}");
        }
        for by in GroupBy::ALL {
            assert_eq!(by.word().parse(), Ok(by));
        }
        assert_eq!(Order::default().to_string(), "-finished");
    }
}
