//! The state of the screen and how it changes: no I/O, no ratatui, no clock.
//!
//! [`App`] is all there is; [`update()`] is the only way it changes, and what it can't do itself it returns as
//! [`Effect`]s. One mode or screen a file. Reading order: [`event`], [`mod@update`], [`rows`], [`filters`], [`act`],
//! [`link`], [`arrange`], [`marks`], then the modes ([`browse`], [`log`], [`typing`], [`confirm`], [`columns`], [`help`]).

use std::collections::{BTreeMap, HashMap};

use jobtop_core::mirror::Mirror;
use jobtop_core::proto::view::View;
use jobtop_core::{JobId, JobType, Now, Status, Timestamp};

use crate::keymap::Context;

pub(crate) mod act;
pub(crate) mod arrange;
mod browse;
pub(crate) mod columns;
pub(crate) mod confirm;
mod copy;
pub(crate) mod event;
mod feed;
pub(crate) mod filters;
mod help;
pub(crate) mod input;
pub(crate) mod link;
pub(crate) mod log;
pub(crate) mod marks;
pub(crate) mod rows;
pub(crate) mod toast;
mod typing;
mod update;
mod wake;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use event::{Answer, Effect, Event, Shown};
pub(crate) use update::update;

use act::Asked;
use arrange::Arrangement;
use confirm::Question;
use filters::Filters;
use link::Link;
use log::Log;
use marks::Marks;
use rows::Rows;
use toast::Toast;
use typing::Typing;

/// Everything that the screen shows and remembers.
pub(crate) struct App {
    /// What was decided at the start.
    pub(crate) settings: Settings,
    /// The present, as of the last event.
    pub(crate) now: Now,
    /// How we stand with the daemon.
    pub(crate) link: Link,
    /// The daemon's jobs, as far as heard.
    pub(crate) mirror: Mirror,
    /// When each job was last heard of: figures of running jobs go on from there.
    pub(crate) heard: HashMap<JobId, Timestamp>,
    /// Which jobs are listed, in which order, and where the cursor is.
    pub(crate) rows: Rows,
    /// What is let through to the list.
    pub(crate) filters: Filters,
    /// How the list is arranged.
    pub(crate) arrangement: Arrangement,
    /// Jobs that were pointed out.
    pub(crate) marks: Marks,
    /// Since when nothing in the list moves, if it was frozen.
    pub(crate) frozen: Option<Timestamp>,
    /// Whether the list or one job fills the screen.
    pub(crate) screen: Screen,
    /// Who gets the keys.
    pub(crate) mode: Mode,
    /// The log on the screen.
    pub(crate) log: Option<Log>,
    /// What was asked of the daemon and has not come back yet.
    pub(crate) asked: HashMap<JobId, Asked>,
    /// A short notice.
    pub(crate) toast: Option<Toast>,
    /// How many jobs there are of each kind.
    pub(crate) counts: Counts,
    /// What the last frame had room for.
    pub(crate) shown: Shown,
}

/// What is decided once, at the start.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The daemon's address, as a person would write it.
    pub(crate) endpoint: String,
    /// The way to the daemon as `curl` wants it (`--unix-socket PATH http://localhost`, or a URL).
    pub(crate) curl: String,
    /// Whether colours may be used.
    pub(crate) color: bool,
    /// Whether only ASCII may be drawn.
    pub(crate) ascii: bool,
    /// Whether nothing may be asked of the daemon.
    pub(crate) read_only: bool,
    /// How the list is arranged at first.
    pub(crate) arrangement: Arrangement,
    /// Where the days and hours of the person looking begin.
    pub(crate) zone: jiff::tz::TimeZone,
}

/// What fills the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Screen {
    /// The list of jobs (with the chosen job beside it, where there is room).
    List,
    /// The chosen job alone, scrolled by so many lines.
    Detail(usize),
    /// A job's log.
    Log,
}

/// Who gets the keys.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Mode {
    /// The screen itself.
    Browse,
    /// The filter's input.
    Typing(Typing),
    /// A question that waits for an answer.
    Confirm(Question),
    /// The help, scrolled by so many lines.
    Help(usize),
    /// Columns are chosen; the cursor is on that one.
    Columns(usize),
}

/// How many jobs there are of each kind, whatever the filters say.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    /// In the order of [`Status::ALL`].
    pub(crate) by_status: [usize; 6],
    /// The types that occur.
    pub(crate) by_type: BTreeMap<JobType, usize>,
}

impl App {
    /// A screen that has heard nothing yet.
    pub(crate) fn new(settings: Settings, now: Now) -> Self {
        Self {
            now,
            link: Link::new(),
            mirror: Mirror::new(),
            heard: HashMap::new(),
            rows: Rows::default(),
            filters: Filters::default(),
            arrangement: settings.arrangement.clone(),
            marks: Marks::default(),
            frozen: None,
            settings,
            screen: Screen::List,
            mode: Mode::Browse,
            log: None,
            asked: HashMap::new(),
            toast: None,
            counts: Counts::default(),
            shown: Shown::default(),
        }
    }

    /// A job that is known.
    pub(crate) fn job(&self, id: JobId) -> Option<&View> {
        self.mirror.get(id)
    }

    /// The job under the cursor.
    pub(crate) fn chosen(&self) -> Option<&View> {
        self.rows.cursor().and_then(|id| self.mirror.get(id))
    }

    /// The moment that the picture is of, by the daemon's clock, which is that of the jobs' times: the present, or when the
    /// connection was lost.
    pub(crate) fn clock(&self) -> Timestamp {
        self.link.by_daemon(self.seen_at())
    }

    /// The present by the daemon's clock.
    pub(crate) fn present(&self) -> Timestamp {
        self.link.by_daemon(self.now.wall)
    }

    /// The moment that the picture is of, by our own clock.
    fn seen_at(&self) -> Timestamp {
        self.link.lost_at().unwrap_or(self.now.wall)
    }

    /// Milliseconds of work of a job, going on while it runs and is heard of.
    pub(crate) fn active_ms(&self, job: &View) -> u64 {
        let said = (job.metrics.active_seconds * 1000.0).max(0.0) as u64;
        let goes_on = job.status == Status::Running && job.stalled_since.is_none();
        let since = self.heard.get(&job.id).copied().filter(|_| goes_on);
        said + since.map_or(0, |heard| self.seen_at().ms_since(heard))
    }

    /// Whose keys count now.
    pub(crate) fn context(&self) -> Context {
        match (&self.mode, self.screen) {
            (Mode::Browse, Screen::List) => Context::List,
            (Mode::Browse, Screen::Detail(_)) => Context::Detail,
            (Mode::Browse, Screen::Log) => Context::Log,
            (Mode::Typing(_), _) => Context::Typing,
            (Mode::Confirm(_), _) => Context::Confirm,
            (Mode::Help(_), _) => Context::Help,
            (Mode::Columns(_), _) => Context::Columns,
        }
    }

    /// How many jobs have not ended.
    pub(crate) fn live(&self) -> usize {
        Status::ALL
            .iter()
            .zip(self.counts.by_status)
            .filter(|(status, _)| !status.is_final())
            .map(|(_, count)| count)
            .sum()
    }
}
