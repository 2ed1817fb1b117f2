//! A job's log, as far as it was read: its last lines, and where the eye is in them.

use std::collections::VecDeque;

use jobtop_core::JobId;

use super::rows::scrolled;
use super::{App, Effect, Screen};
use crate::keymap::Action;

/// So many lines are kept.
pub(crate) const KEPT: usize = 5_000;

/// The log on the screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Log {
    /// Whose it is.
    pub(crate) job: JobId,
    /// Its lines, the oldest first.
    pub(crate) lines: VecDeque<String>,
    /// The line that has not ended yet.
    pub(crate) open: String,
    /// How it stands.
    pub(crate) standing: Standing,
    /// The first line that is seen; none: the end is.
    pub(crate) top: Option<usize>,
}

/// How a log stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// Nothing came yet.
    Asked,
    /// It is followed.
    Followed,
    /// Nothing will come any more.
    Ended,
    /// It can't be had just now.
    Away,
    /// There is none, in the daemon's words.
    Refused(String),
}

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// Of which job.
    pub(crate) job: JobId,
    /// Lines that ended.
    pub(crate) lines: Vec<String>,
    /// The line that has not.
    pub(crate) open: String,
    /// How it stands now.
    pub(crate) standing: Standing,
}

impl Log {
    fn of(job: JobId) -> Self {
        Self {
            job,
            lines: VecDeque::new(),
            open: String::new(),
            standing: Standing::Asked,
            top: None,
        }
    }

    /// How many lines there are, the open one included.
    pub(crate) fn length(&self) -> usize {
        self.lines.len() + usize::from(!self.open.is_empty())
    }

    /// The lines that are seen where there is room for so many, and the place of the first.
    pub(crate) fn seen(&self, room: usize) -> (usize, impl Iterator<Item = &str>) {
        let last = self.length().saturating_sub(room);
        let top = self.top.map_or(last, |top| top.min(last));
        let open = (!self.open.is_empty()).then_some(self.open.as_str());
        let lines = self.lines.iter().map(String::as_str).chain(open);
        (top, lines.skip(top).take(room))
    }

    fn take(&mut self, piece: Piece) {
        self.standing = piece.standing;
        self.open = piece.open;
        self.lines.extend(piece.lines);
        let gone = self.lines.len().saturating_sub(KEPT);
        self.lines.drain(..gone);
        // What is looked at stays where it is, until it is gone itself.
        self.top = self.top.map(|top| top.saturating_sub(gone));
    }
}

/// Shows the chosen job whole, and begins to read its log: the end of it is seen there.
pub(super) fn beside(app: &mut App) -> Vec<Effect> {
    app.screen = Screen::Detail(0);
    begin(app)
}

/// Opens the log of the chosen job.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    app.screen = Screen::Log;
    begin(app)
}

fn begin(app: &mut App) -> Vec<Effect> {
    let Some(job) = app.chosen().map(|job| job.id) else {
        app.screen = app.ground.screen();
        return Vec::new();
    };
    if app.log.as_ref().is_some_and(|log| log.job == job) {
        return Vec::new();
    }
    app.log = Some(Log::of(job));
    vec![Effect::ReadLog(job)]
}

/// Closes it; in the job's detail it is still read.
pub(super) fn close(app: &mut App) {
    app.screen = Screen::Detail(0);
}

/// Neither the log nor the detail is seen any more: it is read no further.
pub(super) fn leave(app: &mut App) -> Option<Effect> {
    let is_seen = matches!(app.screen, Screen::Detail(_) | Screen::Log);
    (!is_seen && app.log.take().is_some()).then_some(Effect::LeaveLog)
}

/// Something was read; of a log that was left nothing is wanted any more.
pub(super) fn take(app: &mut App, piece: Piece) {
    if let Some(log) = app.log.as_mut().filter(|log| log.job == piece.job) {
        log.take(piece);
    }
}

/// Moves the eye.
pub(super) fn go(app: &mut App, action: Action) {
    let (_, seen) = app.shown.log;
    let Some(log) = &mut app.log else { return };
    let last = log.length().saturating_sub(seen);
    let top = log.top.map_or(last, |top| top.min(last));
    let to = scrolled(top, (log.length(), seen), action);
    // Who is at the end stays there.
    log.top = (to < last).then_some(to);
}
