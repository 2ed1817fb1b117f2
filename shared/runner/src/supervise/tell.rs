//! What there is to say of a command while it runs, and at its end.

use rustix::process::Signal;

use crate::ending::Exit;
use crate::exec;
use crate::ladder::Answer;
use crate::observe::Reading;
use crate::output::Said;
use crate::output::channel::Told;

/// Something to say of a command.
#[derive(Clone, PartialEq, Debug)]
pub enum Tell {
    /// How far it is, seen from outside.
    Progress(Reading),
    /// How far it is by what its output says.
    Said(Said),
    /// What it says on the descriptor made for that.
    Told(Told),
    /// What it does just now; empty when there is nothing to say any more.
    Message(String),
    /// What came of a request.
    Answer(Answer),
    /// How it ended.
    Ended(Ending),
}

/// The end of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// How its process ended.
    pub exit: Exit,
    /// Why.
    pub cause: Cause,
}

/// Why a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// By itself, or nobody knows.
    Itself,
    /// Somebody had asked for a cancel.
    Cancel,
    /// Ctrl-C or Ctrl-\ at the terminal that was lent to it, and it did not object. Everybody at that terminal means
    /// to end then: see [`die_likewise`].
    Keyboard,
}

/// Ends this process as the command ended at the keyboard, so that a shell script around us ends as it would have without
/// us. Returns only if it did not end by such a signal.
pub fn die_likewise(ending: Ending) {
    if let (Cause::Keyboard, Exit::Signal(signal)) = (ending.cause, ending.exit)
        && let Some(signal) = Signal::from_named_raw(signal)
    {
        exec::die_of(signal);
    }
}
