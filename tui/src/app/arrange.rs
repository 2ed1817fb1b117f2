//! How a person wants the list: by what it is sorted and grouped, and which columns it has. Remembered from one screen to the
//! next.

use std::collections::BTreeSet;

use jobtop_core::proto::view::View;
use serde::{Deserialize, Serialize};

use super::App;
use super::filters::{Direction, next, turned};
use super::toast::{Toast, Tone};

/// By what the rows are sorted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SortBy {
    /// What has not ended first, the newest first.
    #[default]
    Newest,
    Name,
    Status,
    Owner,
    Progress,
    Rate,
    Eta,
    Errors,
}

impl SortBy {
    const ALL: [Self; 8] = [
        Self::Newest,
        Self::Name,
        Self::Status,
        Self::Owner,
        Self::Progress,
        Self::Rate,
        Self::Eta,
        Self::Errors,
    ];

    /// As the screen says it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Newest => "newest first",
            Self::Name => "name",
            Self::Status => "status",
            Self::Owner => "owner",
            Self::Progress => "progress",
            Self::Rate => "rate",
            Self::Eta => "ETA",
            Self::Errors => "errors",
        }
    }

    /// Whether the greatest comes first unless it is turned round.
    const fn falls(self) -> bool {
        matches!(self, Self::Progress | Self::Rate | Self::Errors)
    }

    /// Whether rows change their places while jobs merely go on.
    pub(crate) const fn moves(self) -> bool {
        matches!(self, Self::Progress | Self::Rate | Self::Eta | Self::Errors)
    }
}

/// What the rows of a group have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroupBy {
    Queue,
    Owner,
    Type,
    Host,
}

impl GroupBy {
    const ALL: [Self; 4] = [Self::Queue, Self::Owner, Self::Type, Self::Host];

    /// As the screen says it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Owner => "owner",
            Self::Type => "type",
            Self::Host => "host",
        }
    }

    /// What a job has of it.
    pub(super) fn of(self, job: &View) -> &str {
        match self {
            Self::Queue => &job.queue,
            Self::Owner => job.user_id.as_str(),
            Self::Type => job.job_type.as_str(),
            Self::Host => job.host.as_deref().unwrap_or("no host"),
        }
    }
}

/// A column of the list that can be hidden and moved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Column {
    Status,
    Name,
    Owner,
    Queue,
    Host,
    Step,
    Progress,
    Rate,
    Eta,
    Errors,
    Age,
}

impl Column {
    /// All of them, in the order in which they stand unless they are moved.
    pub(crate) const ALL: [Self; 11] = [
        Self::Status,
        Self::Name,
        Self::Owner,
        Self::Queue,
        Self::Host,
        Self::Step,
        Self::Progress,
        Self::Rate,
        Self::Errors,
        Self::Eta,
        Self::Age,
    ];

    /// As the screen says it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Name => "name",
            Self::Owner => "owner",
            Self::Queue => "queue",
            Self::Host => "host",
            Self::Step => "step",
            Self::Progress => "progress",
            Self::Rate => "rate",
            Self::Eta => "ETA",
            Self::Errors => "errors",
            Self::Age => "age",
        }
    }

    /// By what the list is sorted when it is sorted by this column.
    const fn sorts(self) -> Option<SortBy> {
        match self {
            Self::Status => Some(SortBy::Status),
            Self::Name => Some(SortBy::Name),
            Self::Owner => Some(SortBy::Owner),
            Self::Progress => Some(SortBy::Progress),
            Self::Rate => Some(SortBy::Rate),
            Self::Eta => Some(SortBy::Eta),
            Self::Errors => Some(SortBy::Errors),
            Self::Age => Some(SortBy::Newest),
            Self::Queue | Self::Host | Self::Step => None,
        }
    }
}

/// How the list is arranged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Arrangement {
    /// By what it is sorted.
    pub(crate) sort: SortBy,
    /// Whether that order is turned round.
    pub(crate) reversed: bool,
    /// What groups have in common.
    pub(crate) group: Option<GroupBy>,
    /// The columns in their order.
    order: Vec<Column>,
    /// Those that are not shown.
    hidden: BTreeSet<Column>,
}

impl Default for Arrangement {
    fn default() -> Self {
        Self {
            sort: SortBy::Newest,
            reversed: false,
            group: None,
            order: Column::ALL.to_vec(),
            hidden: BTreeSet::from([Column::Queue, Column::Host, Column::Errors]),
        }
    }
}

impl Arrangement {
    /// Every column, in the order in which a person wants them.
    pub(crate) fn columns(&self) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::new();
        for column in self.order.iter().chain(&Column::ALL) {
            // What was remembered may be of another release.
            if !columns.contains(column) {
                columns.push(*column);
            }
        }
        columns
    }

    /// Whether a column is shown, where there is room.
    pub(crate) fn shows(&self, column: Column) -> bool {
        column == Column::Name || !self.hidden.contains(&column)
    }

    /// Whether that column is what it is sorted by.
    pub(crate) fn is_sorted_by(&self, column: Column) -> bool {
        self.sort != SortBy::Newest && column.sorts() == Some(self.sort)
    }

    /// Whether what sorts it puts the greatest first.
    pub(super) fn falls(&self) -> bool {
        self.sort.falls() != self.reversed
    }

    fn toggle(&mut self, column: Column) {
        if !self.hidden.remove(&column) {
            self.hidden.insert(column);
        }
    }

    fn shift(&mut self, at: usize, to: usize) {
        let mut columns = self.columns();
        if at < columns.len() && to < columns.len() {
            columns.swap(at, to);
            self.order = columns;
        }
    }
}

/// What the rows are sorted by next.
pub(super) fn next_sort(app: &mut App) {
    sort(app, next(&SortBy::ALL, app.arrangement.sort));
}

fn sort(app: &mut App, by: SortBy) {
    if app.arrangement.sort == by {
        app.arrangement.reversed = !app.arrangement.reversed;
    } else {
        app.arrangement.sort = by;
        app.arrangement.reversed = false;
    }
    app.make_afresh();
}

/// Turns the order round.
pub(super) fn reverse(app: &mut App) {
    app.arrangement.reversed = !app.arrangement.reversed;
    app.make_afresh();
}

/// What groups have in common next; after the last there are none.
pub(super) fn next_group(app: &mut App) {
    let now = app.arrangement.group;
    app.arrangement.group = turned(&GroupBy::ALL, now.as_ref(), Direction::Forward);
    app.make_afresh();
}

/// What is done with the column under the cursor of the chooser.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    Toggle,
    Earlier,
    Later,
    Sort,
}

/// Does that; returns where the cursor is then.
pub(super) fn choose(app: &mut App, at: usize, choice: Choice) -> usize {
    let columns = app.arrangement.columns();
    let Some(column) = columns.get(at).copied() else {
        return at;
    };
    match choice {
        Choice::Toggle => app.arrangement.toggle(column),
        Choice::Earlier => {
            let to = at.saturating_sub(1);
            app.arrangement.shift(at, to);
            return to;
        }
        Choice::Later => {
            let to = (at + 1).min(columns.len() - 1);
            app.arrangement.shift(at, to);
            return to;
        }
        Choice::Sort => {
            if let Some(by) = column.sorts() {
                sort(app, by);
            } else {
                let text = format!("the list can't be sorted by {}", column.word());
                app.toast = Some(Toast::new(Tone::Hint, text, app.now.mono));
            }
        }
    }
    at
}
