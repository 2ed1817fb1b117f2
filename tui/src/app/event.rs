//! What can happen to the screen, and what it asks of the world.

use std::sync::Arc;

use jobtop_core::JobId;
use jobtop_core::proto::history::{AnalyticsAnswer, Group, HistoryAnswer, StoreAnswer};
use jobtop_core::proto::message::Message;

use super::act::Verb;
use super::figures::Analyse;
use super::hosts::HostId;
use super::link::State;
use super::log::Piece;
use super::past::Search;
use crate::keymap::Chord;

/// Something happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A key was pressed.
    Key(Chord),
    /// The mouse was used.
    Mouse(Pointed),
    /// Text was pasted.
    Paste(String),
    /// A daemon said something.
    Message(HostId, Message),
    /// The connection to one stands differently.
    Link(HostId, State),
    /// The daemon answered a request.
    Answer(Answer),
    /// Something of a log was read.
    Log(Piece),
    /// Finished jobs were found, or why not; the number is the question's.
    Found(u64, Result<HistoryAnswer, String>),
    /// Figures about them, all in all and day by day.
    Analysed(u64, Result<(AnalyticsAnswer, Vec<Group>), String>),
    /// What a daemon's store has.
    Store(HostId, Result<StoreAnswer, String>),
    /// The daemon refused something that no key asked for.
    Refused(String),
    /// A frame is about to be drawn.
    Tick,
    /// A frame was drawn, and had room for so much.
    Shown(Shown),
}

/// What the mouse did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pointed {
    /// The wheel was turned up.
    Up,
    /// The wheel was turned down.
    Down,
    /// It was pressed in that column and line of the screen.
    At(u16, u16),
}

/// The daemon's answer to a request about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The job.
    pub(crate) id: JobId,
    /// What was asked.
    pub(crate) verb: Verb,
    /// The job's revision after it, or the daemon's refusal in its own words.
    pub(crate) result: Result<Option<u64>, String>,
}

/// What a frame had room for, so that pages and scrolling fit what is seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Shown {
    /// Rows of the list.
    pub(crate) rows: usize,
    /// The line of the screen in which the first row is, and how many columns the list has.
    pub(crate) list: (u16, u16),
    /// Lines that a job's detail has, and how many were seen.
    pub(crate) detail: (usize, usize),
    /// Lines that the help has, and how many were seen.
    pub(crate) help: (usize, usize),
    /// Lines that the log has, and how many were seen.
    pub(crate) log: (usize, usize),
    /// Lines that the page about figures or the daemon has, and how many were seen.
    pub(crate) page: (usize, usize),
}

/// Something for the world to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Ask the daemon.
    Ask(JobId, Verb),
    /// Read a job's log, and go on as it is written.
    ReadLog(JobId),
    /// Read it no more.
    LeaveLog,
    /// Look for finished jobs.
    Search(Search),
    /// Ask for figures about them.
    Analyse(Analyse),
    /// Ask what a daemon's store has.
    AskStore(HostId),
    /// Tell a daemon that somebody knows of an alert.
    KnowAlert(HostId, Arc<str>),
    /// Tell a daemon that the cause of an alert is not to disturb for an hour.
    MuteAlert(HostId, Arc<str>),
    /// Put that into the clipboard.
    Copy(String),
    /// Ring the bell, and tell that where the terminal can.
    Notify(String),
    /// Keep how the list is arranged for the next screen.
    Remember,
    /// Try to connect at once.
    Reconnect,
    /// Draw everything afresh.
    Redraw,
    /// Give the terminal back to the shell for a while.
    Suspend,
    /// Leave.
    Quit,
}
