//! The ladder of control: what follows from a request to pause, resume or cancel, step by step. Pure: requests and
//! looks at the processes go in, signals and answers come out.
//!
//! Nothing is said to be done before a look has shown it: a pause when every process is stopped, a cancel when every
//! process is gone. A cancel asks with SIGTERM, waits for the grace, then ends with SIGKILL.

use std::time::{Duration, Instant};

use jobtop_core::job::control::Action;

use crate::ending::Exit;

/// How long a stop or a continuation may take to show.
const PATIENCE: Duration = Duration::from_secs(2);
/// After this a process that can't take one more step, because the kernel holds it and SIGSTOP waits for it, counts as
/// stopped: a parent in `vfork` whose child was stopped before its `exec` stays so until both go on.
const HELD: Duration = Duration::from_millis(200);
/// How long after SIGKILL those who are still there are waited for, once the command itself is gone.
const LET_GO: Duration = Duration::from_secs(30);

/// A signal to everybody who belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Push {
    /// SIGSTOP.
    Stop,
    /// SIGCONT.
    Continue,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// What came of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// What was asked.
    pub action: Action,
    /// Whether it is so now.
    pub ok: bool,
    /// What happened, for a person.
    pub message: String,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Send a signal.
    Push(Push),
    /// Give an answer.
    Answer(Answer),
}

/// A look at those who belong; those who are gone are not counted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// How many live.
    pub alive: usize,
    /// How many of them are stopped.
    pub stopped: usize,
    /// How many more are held by the kernel with SIGSTOP waiting for them.
    pub held: usize,
    /// One that lives and is not stopped, for a sentence about it: `PID (NAME)`.
    pub moving: Option<String>,
    /// How the command itself ended, if it did.
    pub exit: Option<Exit>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rung {
    Free,
    Pausing { since: Instant },
    Paused,
    Resuming { since: Instant },
    Cancelling { since: Instant, killed: bool },
    Cancelled,
}

/// Where a command stands on the ladder.
#[derive(Debug)]
pub struct Ladder {
    rung: Rung,
    grace: Duration,
}

impl Ladder {
    /// At the foot; `grace` is the time between SIGTERM and SIGKILL.
    #[must_use]
    pub fn new(grace: Duration) -> Self {
        Self {
            rung: Rung::Free,
            grace,
        }
    }

    /// Whether something was asked and is not done, so that looks are wanted.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        match self.rung {
            Rung::Pausing { .. } | Rung::Resuming { .. } | Rung::Cancelling { .. } => true,
            Rung::Free | Rung::Paused | Rung::Cancelled => false,
        }
    }

    /// Whether the command is stopped, or about to be, because somebody asked for it here.
    #[must_use]
    pub fn holds(&self) -> bool {
        matches!(self.rung, Rung::Pausing { .. } | Rung::Paused)
    }

    /// Whether a cancel is under way: then the end of the command is not yet the end of the work.
    #[must_use]
    pub fn is_cancelling(&self) -> bool {
        matches!(self.rung, Rung::Cancelling { .. })
    }

    /// Whether a cancel was asked for, done or not.
    #[must_use]
    pub fn was_cancelled(&self) -> bool {
        matches!(self.rung, Rung::Cancelling { .. } | Rung::Cancelled)
    }

    /// Somebody asks.
    pub fn asked(&mut self, action: Action, now: Instant) -> Vec<Effect> {
        match (self.rung, action) {
            (Rung::Cancelling { .. }, Action::Cancel)
            | (Rung::Pausing { .. }, Action::Pause)
            | (Rung::Resuming { .. }, Action::Resume) => vec![],
            (Rung::Cancelled, Action::Cancel) => vec![answer(action, true, "it has ended")],
            (Rung::Cancelling { .. } | Rung::Cancelled, Action::Pause | Action::Resume) => {
                vec![answer(action, false, "it is being cancelled")]
            }
            // Also if it was paused before: somebody may have continued it by hand since.
            (Rung::Free | Rung::Paused | Rung::Resuming { .. }, Action::Pause) => {
                self.rung = Rung::Pausing { since: now };
                vec![Effect::Push(Push::Stop)]
            }
            (Rung::Free | Rung::Pausing { .. } | Rung::Paused, Action::Resume) => {
                self.rung = Rung::Resuming { since: now };
                vec![Effect::Push(Push::Continue)]
            }
            (
                Rung::Free | Rung::Pausing { .. } | Rung::Paused | Rung::Resuming { .. },
                Action::Cancel,
            ) => {
                let held = self.holds();
                self.rung = Rung::Cancelling {
                    since: now,
                    killed: false,
                };
                // SIGTERM first: it waits until the process goes on, and is then the first thing it meets.
                let mut effects = vec![Effect::Push(Push::Terminate)];
                if held {
                    effects.push(Effect::Push(Push::Continue));
                }
                effects
            }
        }
    }

    /// A look at the processes while something is under way.
    pub fn looked(&mut self, look: &Look, now: Instant) -> Vec<Effect> {
        match self.rung {
            Rung::Free | Rung::Paused | Rung::Cancelled => vec![],
            Rung::Pausing { since } => self.look_for_stop(since, look, now),
            Rung::Resuming { since } => self.look_for_motion(since, look, now),
            Rung::Cancelling { since, killed } => self.look_for_end(since, killed, look, now),
        }
    }

    /// The command ended by itself: what was asked and not done can't be done any more.
    pub fn ended(&mut self) -> Option<Answer> {
        let action = match self.rung {
            Rung::Pausing { .. } => Action::Pause,
            Rung::Resuming { .. } => Action::Resume,
            Rung::Free | Rung::Paused | Rung::Cancelling { .. } | Rung::Cancelled => return None,
        };
        self.rung = Rung::Free;
        Some(Answer {
            action,
            ok: false,
            message: "the command had ended".to_owned(),
        })
    }

    fn look_for_stop(&mut self, since: Instant, look: &Look, now: Instant) -> Vec<Effect> {
        let waited = now.duration_since(since);
        let held = if waited < HELD { 0 } else { look.held };
        if look.alive > 0 && look.stopped + held == look.alive {
            self.rung = Rung::Paused;
            return vec![answer(Action::Pause, true, &stopped(look.alive))];
        }
        if waited < PATIENCE {
            // Again, for those who were born since and have left the group.
            return vec![Effect::Push(Push::Stop)];
        }
        self.rung = Rung::Free;
        let who = look.moving.as_deref().unwrap_or("a process");
        vec![
            Effect::Push(Push::Continue),
            answer(Action::Pause, false, &format!("{who} did not stop")),
        ]
    }

    fn look_for_motion(&mut self, since: Instant, look: &Look, now: Instant) -> Vec<Effect> {
        if look.stopped == 0 {
            self.rung = Rung::Free;
            return vec![answer(Action::Resume, true, "it goes on")];
        }
        if now.duration_since(since) < PATIENCE {
            return vec![Effect::Push(Push::Continue)];
        }
        self.rung = Rung::Paused;
        let message = "it stays stopped: a debugger may hold it";
        vec![answer(Action::Resume, false, message)]
    }

    fn look_for_end(
        &mut self,
        since: Instant,
        killed: bool,
        look: &Look,
        now: Instant,
    ) -> Vec<Effect> {
        let after = now.duration_since(since);
        if look.alive == 0 {
            self.rung = Rung::Cancelled;
            let message = ended(look.exit, killed, after);
            return vec![answer(Action::Cancel, true, &message)];
        }
        if after >= self.grace {
            if look.exit.is_some() && after >= self.grace + LET_GO {
                self.rung = Rung::Cancelled;
                let who = look.moving.as_deref().unwrap_or("a process");
                let message = format!("the command has ended, but {who} can't be ended");
                return vec![answer(Action::Cancel, false, &message)];
            }
            self.rung = Rung::Cancelling {
                since,
                killed: true,
            };
            return vec![Effect::Push(Push::Kill)];
        }
        if look.stopped > 0 {
            return vec![Effect::Push(Push::Continue)];
        }
        vec![]
    }
}

fn answer(action: Action, ok: bool, message: &str) -> Effect {
    Effect::Answer(Answer {
        action,
        ok,
        message: message.to_owned(),
    })
}

fn stopped(count: usize) -> String {
    match count {
        1 => "its process is stopped".to_owned(),
        n => format!("its {n} processes are stopped"),
    }
}

fn ended(exit: Option<Exit>, killed: bool, after: Duration) -> String {
    let seconds = after.as_secs_f64();
    match exit {
        _ if killed => {
            format!("ended by SIGKILL after {seconds:.1} s: it did not obey SIGTERM")
        }
        Some(Exit::Code(code)) => {
            format!("ended with exit code {code} {seconds:.1} s after SIGTERM")
        }
        Some(Exit::Signal(signal)) => format!(
            "ended by {} after {seconds:.1} s",
            crate::ending::signal_name(signal)
        ),
        None => format!("ended after {seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests;
