//! The jobs that have ended: asked of the daemon page by page, with the filter language.

use jobtop_core::Timestamp;
use jobtop_core::proto::history::{HistoryAnswer, HistoryWanted, Order, SortBy};
use jobtop_core::proto::view::View;
use jobtop_core::query::{Mistake, Query, Today};

use super::filters::next;
use super::rows::window;
use super::toast::{Toast, Tone};
use super::{App, Effect, Ground, Screen};
use crate::keymap::Action;

/// How many jobs are asked for at once.
const PAGE: u64 = 100;

/// The finished jobs on the screen.
#[derive(Clone, Default, Debug)]
pub(crate) struct Past {
    /// The filter in force.
    pub(crate) text: String,
    /// What is wrong with what is being typed.
    pub(crate) mistake: Option<Mistake>,
    /// What was found, in its order.
    pub(crate) jobs: Vec<View>,
    /// How the question stands.
    pub(crate) standing: Standing,
    /// What ended before this moment is not searched yet.
    pub(crate) indexed_from: Option<Timestamp>,
    order: Order,
    at: usize,
    offset: usize,
    /// Where the next page begins.
    next: Option<String>,
    /// The number of the last question: answers to others are too late.
    asked: u64,
    /// Whether that was for a further page.
    goes_on: bool,
}

/// How a question to the daemon stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Standing {
    /// The answer is under way.
    #[default]
    Asked,
    /// It is there.
    There,
    /// There is none, and why.
    Refused(String),
}

/// A question about finished jobs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Search {
    /// Its number.
    pub(crate) number: u64,
    /// What is asked.
    pub(crate) wanted: HistoryWanted,
}

impl Past {
    /// The job under the cursor.
    pub(crate) fn chosen(&self) -> Option<&View> {
        self.jobs.get(self.at)
    }

    /// The line of the cursor.
    pub(crate) const fn index(&self) -> usize {
        self.at
    }

    /// Whether more were found than are here.
    pub(crate) const fn has_more(&self) -> bool {
        self.next.is_some()
    }

    /// The first line to show in a window of that height.
    pub(crate) fn first(&self, height: usize) -> usize {
        window(self.offset, self.at, height, self.jobs.len())
    }

    /// As the screen says it: `newest first`.
    pub(crate) fn order(&self) -> &'static str {
        match (self.order.by, self.order.descending) {
            (SortBy::Finished, true) => "newest first",
            (SortBy::Finished, false) => "oldest first",
            (SortBy::Started, true) => "begun last first",
            (SortBy::Started, false) => "begun first first",
            (SortBy::Duration, true) => "longest first",
            (SortBy::Duration, false) => "shortest first",
            (SortBy::Name, false) => "by name",
            (SortBy::Name, true) => "by name, backwards",
            (SortBy::Errors, true) => "most errors first",
            (SortBy::Errors, false) => "fewest errors first",
        }
    }

    /// Puts the cursor there, if there is a job.
    pub(super) fn choose(&mut self, at: usize) -> bool {
        let is_there = at < self.jobs.len();
        if is_there {
            self.at = at;
        }
        is_there
    }

    fn ask(&mut self, cursor: Option<String>) -> Vec<Effect> {
        self.asked += 1;
        self.goes_on = cursor.is_some();
        self.standing = Standing::Asked;
        let sort = self.order.to_string();
        vec![Effect::Search(Search {
            number: self.asked,
            wanted: HistoryWanted {
                q: (!self.text.is_empty()).then(|| self.text.clone()),
                sort: Some(sort),
                limit: Some(PAGE),
                cursor,
                ..HistoryWanted::default()
            },
        })]
    }

    /// Asks for the first page.
    pub(super) fn ask_afresh(&mut self) -> Vec<Effect> {
        self.ask(None)
    }

    /// Asks for the next page, when the end comes into sight.
    fn ask_on(&mut self, height: usize) -> Vec<Effect> {
        let is_near = self.at + 2 * height.max(1) >= self.jobs.len();
        match self.next.clone() {
            Some(next) if is_near && self.standing == Standing::There => self.ask(Some(next)),
            _ => Vec::new(),
        }
    }
}

/// Opens the finished jobs, or leaves them.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    if app.ground == Ground::Past && app.screen == Screen::Past {
        leave(app);
        return Vec::new();
    }
    app.turn_to_chosen();
    app.screen = Screen::Past;
    app.ground = Ground::Past;
    // What has ended meanwhile is wanted, too.
    app.past.ask_afresh()
}

/// Back to the list of live jobs.
pub(super) fn leave(app: &mut App) {
    app.screen = Screen::List;
    app.ground = Ground::List;
}

/// Takes an answer over.
pub(super) fn found(app: &mut App, number: u64, result: Result<HistoryAnswer, String>) {
    let past = &mut app.past;
    if number != past.asked {
        return;
    }
    match result {
        Ok(answer) => {
            if past.goes_on {
                past.jobs.extend(answer.jobs);
            } else {
                let id = past.chosen().map(|job| job.id);
                past.jobs = answer.jobs;
                // The cursor is a job, where it is still found.
                let kept = past.jobs.iter().position(|job| Some(job.id) == id);
                past.at = kept.unwrap_or(0);
            }
            past.next = answer.next_cursor;
            past.indexed_from = answer.indexed_from;
            past.standing = Standing::There;
        }
        // What was found before stays in sight, and is asked for anew by the next Enter.
        Err(words) => {
            past.next = None;
            past.standing = Standing::Refused(words.clone());
            if !past.jobs.is_empty() {
                app.toast = Some(Toast::new(Tone::Refusal, words, app.now.mono));
            }
        }
    }
}

/// A filter is being typed: the daemon is asked as soon as it can be read.
pub(super) fn set_text(app: &mut App, text: &str) -> Vec<Effect> {
    let today = Today {
        now: app.present(),
        tz: app.settings.zone.clone(),
    };
    let past = &mut app.past;
    match Query::parse(text, &today) {
        Ok(_) => {
            past.mistake = None;
            if past.text == text.trim() && !matches!(past.standing, Standing::Refused(_)) {
                return Vec::new();
            }
            text.trim().clone_into(&mut past.text);
            past.ask_afresh()
        }
        Err(mistake) => {
            past.mistake = Some(mistake);
            Vec::new()
        }
    }
}

/// Sorts by the next, or turns the order round.
pub(super) fn sort(app: &mut App, action: Action) -> Vec<Effect> {
    let order = &mut app.past.order;
    if action == Action::Reverse {
        order.descending = !order.descending;
    } else {
        order.by = next(&SortBy::ALL, order.by);
        // Names are read from their beginning, the rest from its end.
        order.descending = order.by != SortBy::Name;
    }
    let text = app.past.order();
    app.toast = Some(Toast::new(Tone::Hint, text, app.now.mono));
    app.past.at = 0;
    app.past.ask_afresh()
}

/// Moves the cursor; asks for more where the end comes into sight.
pub(super) fn go(app: &mut App, action: Action) -> Vec<Effect> {
    let height = app.shown.rows.max(1);
    let past = &mut app.past;
    let last = past.jobs.len().saturating_sub(1);
    let to = match action {
        Action::Up => past.at.saturating_sub(1),
        Action::Down => past.at + 1,
        Action::PageUp => past.at.saturating_sub(height),
        Action::PageDown => past.at + height,
        Action::Top => 0,
        _ => last,
    };
    past.at = to.min(last);
    past.offset = past.first(height);
    past.ask_on(height)
}
