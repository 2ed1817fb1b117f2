//! The state of the screen and how it changes: no I/O, no ratatui, no clock.
//!
//! [`App`] is all there is; [`update()`] is the only way it changes, and what it can't do itself it returns as
//! [`Effect`]s. One mode or screen a file. Reading order: [`event`], [`mod@update`], [`rows`], [`filters`], [`act`],
//! [`hosts`], [`link`], [`arrange`], [`marks`], then the screens ([`browse`], [`log`], [`past`],
//! [`figures`], [`keeper`], [`alarms`]) and modes ([`typing`], [`confirm`], [`columns`], [`palette`], [`help`]).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jobtop_core::proto::view::View;
use jobtop_core::{JobId, JobType, Now, Status, Timestamp};

use crate::keymap::{Context, Keymap};

pub(crate) mod act;
pub(crate) mod alarms;
pub(crate) mod arrange;
mod browse;
pub(crate) mod columns;
mod complete;
pub(crate) mod confirm;
mod copy;
pub(crate) mod event;
mod feed;
pub(crate) mod figures;
pub(crate) mod filters;
mod help;
pub(crate) mod hosts;
pub(crate) mod input;
pub(crate) mod keeper;
pub(crate) mod link;
pub(crate) mod log;
pub(crate) mod marks;
pub(crate) mod pace;
pub(crate) mod palette;
pub(crate) mod past;
mod pointing;
pub(crate) mod rows;
pub(crate) mod toast;
pub(crate) mod typing;
mod update;
mod wake;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use event::{Answer, Effect, Event, Pointed, Shown};
pub(crate) use update::update;

use act::Asked;
use arrange::Arrangement;
use confirm::Question;
use figures::Figures;
use filters::Filters;
use hosts::{HostId, Hosts, Place};
use log::Log;
use marks::Marks;
use pace::Paces;
use palette::Palette;
use past::Past;
use rows::Rows;
use toast::Toast;
use typing::Typing;

/// Everything that the screen shows and remembers.
pub(crate) struct App {
    /// What was decided at the start.
    pub(crate) settings: Settings,
    /// The present, as of the last event.
    pub(crate) now: Now,
    /// The daemons, with their connections and their jobs.
    pub(crate) hosts: Hosts,
    /// The daemon whose history, figures and store are shown.
    pub(crate) focus: HostId,
    /// When each job was last heard of: figures of running jobs go on from there.
    pub(crate) heard: HashMap<JobId, Timestamp>,
    /// How fast they went lately.
    pub(crate) paces: Paces,
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
    /// What fills the screen.
    pub(crate) screen: Screen,
    /// Where the chosen job is chosen.
    pub(crate) ground: Ground,
    /// The jobs that have ended.
    pub(crate) past: Past,
    /// Figures about them.
    pub(crate) figures: Figures,
    /// The row of the chosen alert.
    pub(crate) alarm_at: usize,
    /// The chosen alert, whose row changes with what comes before it.
    alarm: Option<(HostId, Arc<str>)>,
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
    /// Where the daemons are; at least one.
    pub(crate) places: Vec<Place>,
    /// Whether colours may be used.
    pub(crate) color: bool,
    /// Whether only ASCII may be drawn.
    pub(crate) ascii: bool,
    /// Whether nothing may be asked of the daemon.
    pub(crate) read_only: bool,
    /// Which colours mean what.
    pub(crate) colours: Colours,
    /// The keys.
    pub(crate) keys: Keymap,
    /// How the list is arranged at first.
    pub(crate) arrangement: Arrangement,
    /// Where the days and hours of the person looking begin.
    pub(crate) zone: jiff::tz::TimeZone,
}

/// Which colours mean what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Colours {
    /// The terminal's own sixteen: green is well, red is not.
    #[default]
    Terminal,
    /// Blue is well, orange is not: told apart with any kind of colour vision.
    Safe,
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
    /// The jobs that have ended.
    Past,
    /// Figures about them, scrolled by so many lines.
    Figures(usize),
    /// The daemon, scrolled by so many lines.
    Daemon(usize),
    /// The alerts.
    Alerts,
}

/// Where the chosen job is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Ground {
    /// In the list of the live set.
    #[default]
    List,
    /// Among the jobs that have ended.
    Past,
}

impl Ground {
    /// The screen on which it is chosen.
    pub(crate) const fn screen(self) -> Screen {
        match self {
            Self::List => Screen::List,
            Self::Past => Screen::Past,
        }
    }
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
    /// An action is looked for by its name.
    Palette(Palette),
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
            hosts: Hosts::new(&settings.places),
            focus: 0,
            heard: HashMap::new(),
            paces: Paces::default(),
            rows: Rows::default(),
            filters: Filters::default(),
            arrangement: settings.arrangement.clone(),
            marks: Marks::default(),
            frozen: None,
            settings,
            screen: Screen::List,
            ground: Ground::List,
            past: Past::default(),
            figures: Figures::default(),
            alarm_at: 0,
            alarm: None,
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
        let ended = || self.past.jobs.iter().find(|job| job.id == id);
        self.hosts.get(id).or_else(ended)
    }

    /// The job under the cursor.
    pub(crate) fn chosen(&self) -> Option<&View> {
        match self.ground {
            Ground::List => self.rows.cursor().and_then(|id| self.hosts.get(id)),
            Ground::Past => self.past.chosen(),
        }
    }

    /// The moment that the picture is of, by the clock of the daemon in focus: the present, or when the connection was lost.
    pub(crate) fn clock(&self) -> Timestamp {
        self.clock_at(self.focus)
    }

    /// The same by the clock of the daemon that a job lives on, which is that of the job's times.
    pub(crate) fn clock_of(&self, job: &View) -> Timestamp {
        self.clock_at(self.host_of(job.id))
    }

    fn clock_at(&self, host: HostId) -> Timestamp {
        let link = &self.hosts.at(host).link;
        link.by_daemon(link.lost_at().unwrap_or(self.now.wall))
    }

    /// The present by the clock of the daemon in focus.
    pub(crate) fn present(&self) -> Timestamp {
        self.hosts.at(self.focus).link.by_daemon(self.now.wall)
    }

    /// The daemon that a job lives on; one that is history lives on the daemon in focus.
    pub(crate) fn host_of(&self, job: JobId) -> HostId {
        self.hosts.of(job).unwrap_or(self.focus)
    }

    /// From now on the daemon of the chosen job is in focus.
    fn turn_to_chosen(&mut self) {
        if let (Ground::List, Some(job)) = (self.ground, self.chosen()) {
            self.focus = self.host_of(job.id);
        }
    }

    /// Milliseconds of work of a job, going on while it runs and is heard of.
    pub(crate) fn active_ms(&self, job: &View) -> u64 {
        let said = (job.metrics.active_seconds * 1000.0).max(0.0) as u64;
        let goes_on = job.status == Status::Running && job.stalled_since.is_none();
        let since = self.heard.get(&job.id).copied().filter(|_| goes_on);
        let lost = self.hosts.at(self.host_of(job.id)).link.lost_at();
        let seen_at = lost.unwrap_or(self.now.wall);
        said + since.map_or(0, |heard| seen_at.ms_since(heard))
    }

    /// Whose keys count now.
    pub(crate) fn context(&self) -> Context {
        match &self.mode {
            Mode::Browse => self.ground_context(),
            Mode::Typing(_) => Context::Typing,
            Mode::Confirm(_) => Context::Confirm,
            Mode::Help(_) => Context::Help,
            Mode::Columns(_) => Context::Columns,
            Mode::Palette(_) => Context::Palette,
        }
    }

    /// Whose keys count when nothing is open above the screen.
    pub(crate) const fn ground_context(&self) -> Context {
        match self.screen {
            Screen::List => Context::List,
            Screen::Detail(_) => Context::Detail,
            Screen::Log => Context::Log,
            Screen::Past => Context::Past,
            Screen::Figures(_) => Context::Figures,
            Screen::Daemon(_) => Context::Daemon,
            Screen::Alerts => Context::Alerts,
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
