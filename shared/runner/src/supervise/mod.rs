//! The life of one command: starts it, passes signals on, watches it, carries out what the ladder decides, and says how
//! it ended. One task; everything it hears comes in through one `select!`.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jobtop_core::job::control::Action;
use rustix::process::{Signal, getpid, set_child_subreaper};
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::capture::Output;
use crate::census::Census;
use crate::ending::Exit;
use crate::exec;
use crate::hear::{Ear, Last};
use crate::ladder::{Effect, Ladder, Look, Push};
use crate::leader::{Change, Leader, signal_member};
use crate::proc::Proc;
use crate::progress_fd;
use crate::relay::Between;
use crate::signals::Signals;
use crate::terminal::Terminal;
use crate::watch::Watch;

mod at_terminal;
mod tell;

pub use tell::{Cause, Ending, Tell, die_likewise};

/// The time between SIGTERM and SIGKILL, unless another is given.
pub const GRACE: Duration = Duration::from_secs(10);
/// SIGSTOP in a set of signals.
const STOP: u64 = 1 << (libc::SIGSTOP - 1);
/// How often the processes are looked at while a request is under way: soon at first, then less often.
const STEPS_MS: [u64; 5] = [2, 5, 10, 20, 50];

/// What to start and how.
#[derive(Debug)]
pub struct Start {
    /// The command and its arguments.
    pub argv: Vec<OsString>,
    /// Variables of our environment that it must not see.
    pub hidden: Vec<&'static str>,
    /// The time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Where it is run; none: where we are.
    pub cwd: Option<PathBuf>,
    /// All of its environment; none: ours, without what is hidden.
    pub env: Option<Vec<(OsString, OsString)>>,
    /// Whether what it writes comes to us ([`Running::output`]); it has no input then.
    pub captured: bool,
    /// Whether this process stands between a shell and this one command: signals are passed on, the terminal is lent,
    /// orphans are adopted, and our own stdin and stdout are let go of once the command has them.
    pub in_front: bool,
}

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    /// Its process id, and its group's.
    pub pid: u32,
    /// For what is asked of it.
    pub asks: mpsc::Sender<Action>,
    /// What there is to say of it; closed after [`Tell::Ended`] once what it said last is told.
    pub tells: mpsc::Receiver<Tell>,
    /// What it writes to its stdout and stderr, in the order it wrote it, where that is captured.
    pub output: Option<Output>,
    last: Last,
}

impl Running {
    /// The last lines of what it wrote, where that comes through our hands.
    #[must_use]
    pub fn last_lines(&self) -> Option<Vec<Arc<str>>> {
        self.last.lines()
    }
}

/// Starts the command at once. Must be called within a tokio runtime with its time and I/O drivers.
pub fn start(start: &Start) -> io::Result<Running> {
    let proc = Proc::default();
    let changes = signal(SignalKind::child())?;
    let signals = if start.in_front {
        Signals::listen(&proc)?
    } else {
        Signals::none()
    };
    // Before the command begins: what it leaves behind comes to us then, and a cancel finds it.
    let adopter = ((start.in_front || start.captured)
        && set_child_subreaper(Some(getpid())).is_ok())
    .then(|| getpid().as_raw_nonzero().get());
    let mut terminal = start.in_front.then(Terminal::of_session).flatten();
    let mut command = command(start)?;
    let output = if start.captured {
        Some(capture(&mut command)?)
    } else {
        None
    };
    let progress = (start.in_front || start.captured)
        .then(|| progress_fd::give(&mut command, terminal.as_ref().map(Terminal::fd)))
        .flatten();
    let wanted = terminal
        .as_ref()
        .filter(|terminal| terminal.is_wanted_at_once());
    let between = wanted.and_then(|terminal| Between::put(&mut command, terminal.fd()));
    let (tell, tells) = mpsc::channel(32);
    let last = Last::default();
    let ear = || Ear::new(tell.clone(), last.clone());
    let (stop, stops) = mpsc::channel(1);
    let leader = match (between, &mut terminal) {
        (Some(between), Some(terminal)) => {
            let leader = Leader::start_session(&mut command)?;
            // A thread and some descriptors that can't be had: the command goes on with a terminal that nobody reads, so it ends.
            match between.begin(leader.pid(), ear(), stop) {
                Ok(relay) => terminal.lend_by(relay),
                Err(error) => {
                    leader.signal_group(Signal::KILL);
                    leader.reap();
                    return Err(error);
                }
            }
            leader
        }
        (_, terminal) => Leader::start(&mut command, terminal.as_mut())?,
    };
    // It holds the writing ends of its pipe, of which the reading end is to see the end.
    drop(command);
    if start.in_front {
        // It only means that a reader learns of the end a little later.
        let _ = exec::let_go_of_streams();
    }
    let pid = leader.pid().as_raw_nonzero().get();
    let census = || Census::new(proc.clone(), pid).adopting(adopter);
    let (asks, asked) = mpsc::channel(8);
    let (ends, ended) = oneshot::channel();
    if let Some((read, _)) = progress {
        tokio::spawn(progress_fd::listen(read, tell.clone(), ended));
    }
    let output = output.map(|pipe| Output { pipe, ear: ear() });
    let supervisor = Supervisor {
        watch: Watch::new(proc.clone(), census()),
        census: census(),
        proc,
        leader,
        terminal,
        ladder: Ladder::new(start.grace),
        step: 0,
        passed: None,
        exit: None,
        asked: Some(asked),
        stops,
        tell,
        _ends: ends,
    };
    tokio::spawn(supervisor.run(changes, signals));
    Ok(Running {
        pid: pid.unsigned_abs(),
        asks,
        tells,
        output,
        last,
    })
}

fn command(start: &Start) -> io::Result<Command> {
    let (program, args) = start
        .argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no command"))?;
    let mut command = Command::new(program);
    command.args(args);
    if let Some(cwd) = &start.cwd {
        command.current_dir(cwd);
    }
    if let Some(env) = &start.env {
        command.env_clear().envs(env.iter().cloned());
    }
    for name in &start.hidden {
        command.env_remove(name);
    }
    Ok(command)
}

/// One pipe for both streams, so that their order is kept; no input.
fn capture(command: &mut Command) -> io::Result<pipe::Receiver> {
    let (read, write) = io::pipe()?;
    command
        .stdin(Stdio::null())
        .stdout(write.try_clone()?)
        .stderr(write);
    pipe::Receiver::from_owned_fd(read.into())
}

#[derive(Debug)]
struct Supervisor {
    proc: Proc,
    census: Census,
    watch: Watch,
    leader: Leader,
    terminal: Option<Terminal>,
    ladder: Ladder,
    /// How many looks the present request has had.
    step: usize,
    /// The last signal that was passed on.
    passed: Option<Signal>,
    exit: Option<Exit>,
    asked: Option<mpsc::Receiver<Action>>,
    /// Somebody pressed Ctrl-Z.
    stops: mpsc::Receiver<()>,
    tell: mpsc::Sender<Tell>,
    /// Dropped at the end, which whoever listens beside us learns so.
    _ends: oneshot::Sender<Infallible>,
}

impl Supervisor {
    async fn run(mut self, mut changes: tokio::signal::unix::Signal, mut signals: Signals) {
        loop {
            // Every branch is cancel-safe: streams, a sleep, and a watch that keeps its state.
            let heard = tokio::select! {
                biased;
                _ = changes.recv() => None,
                number = signals.next() => { self.pass_on(number).await; None }
                action = ask(&mut self.asked) => { self.ask(action).await; None }
                Some(()) = self.stops.recv() => { self.stop_by_key().await; None }
                () = pause(self.ladder.is_busy(), self.step) => { self.look().await; None }
                reading = self.watch.next(), if !self.ladder.holds() => Some(reading),
            };
            self.follow().await;
            if let Some(exit) = self.exit
                && !self.ladder.is_cancelling()
            {
                return self.end(exit).await;
            }
            // A reading of the moment in which the command was ending would be a reading of closed files.
            if let Some(reading) = heard
                && self.exit.is_none()
            {
                let _ = self.tell.try_send(Tell::Progress(reading));
            }
        }
    }

    /// Takes in what became of the command.
    async fn follow(&mut self) {
        while self.exit.is_none() {
            match self.leader.change() {
                Some(Change::Ended(exit)) => self.exit = Some(exit),
                Some(Change::Stopped(signal)) => self.stopped(signal).await,
                Some(Change::Continued) => {}
                None => return,
            }
        }
    }

    /// A signal came for us that is the command's.
    async fn pass_on(&mut self, number: libc::c_int) {
        match number {
            libc::SIGCONT => self.woken().await,
            libc::SIGTSTP if self.ladder.holds() => self.stop_ourselves(number),
            libc::SIGTSTP => self.leader.signal_group(Signal::TSTP),
            number => {
                let Some(signal) = Signal::from_named_raw(number) else {
                    return;
                };
                self.passed = Some(signal);
                self.leader.signal_group(signal);
                // Who presses Ctrl-C on a command that was paused from afar means its end, not its end one day.
                let ends = [Signal::INT, Signal::QUIT, Signal::TERM, Signal::HUP];
                if self.ladder.holds() && ends.contains(&signal) {
                    self.leader.signal_group(Signal::CONT);
                }
            }
        }
    }

    async fn ask(&mut self, action: Option<Action>) {
        let Some(action) = action else {
            // Nobody will ask any more.
            self.asked = None;
            return;
        };
        self.step = 0;
        let effects = self.ladder.asked(action, Instant::now());
        self.carry_out(effects).await;
    }

    /// One look at the processes for the request that is under way.
    async fn look(&mut self) {
        self.step += 1;
        let members = self.census.everybody();
        // After the count: whoever was counted as gone can be followed to its end.
        self.follow().await;
        let mut look = Look {
            exit: self.exit,
            ..Look::default()
        };
        for member in members.iter().filter(|member| !member.stat.is_gone()) {
            look.alive += 1;
            if member.stat.is_stopped() {
                look.stopped += 1;
            } else if member.stat.is_held() && self.proc.waiting_signals(member.pid) & STOP != 0 {
                look.held += 1;
            } else if look.moving.is_none() {
                let name = jobtop_core::text::clean(&member.stat.name);
                look.moving = Some(format!("process {} ({name})", member.pid));
            }
        }
        let effects = self.ladder.looked(&look, Instant::now());
        self.carry_out(effects).await;
    }

    async fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Push(push) => self.push(push),
                Effect::Answer(answer) => {
                    self.settle_terminal(&answer);
                    // Where it stands now is where it will stand for as long as it is paused.
                    if (answer.action, answer.ok) == (Action::Pause, true)
                        && let Some(reading) = self.watch.now().await
                    {
                        self.say(Tell::Progress(reading)).await;
                    }
                    self.say(Tell::Answer(answer)).await;
                }
            }
        }
    }

    /// Sends a signal to everybody: to the group at once, to those who left it one by one.
    fn push(&mut self, push: Push) {
        let signal = match push {
            Push::Stop => Signal::STOP,
            Push::Continue => Signal::CONT,
            Push::Terminate => Signal::TERM,
            Push::Kill => Signal::KILL,
        };
        let group = self.leader.pid().as_raw_nonzero().get();
        let members = self.census.everybody();
        self.leader.signal_group(signal);
        for member in members {
            if member.stat.group != group && !member.stat.is_gone() {
                signal_member(&self.proc, &member, signal);
            }
        }
    }

    async fn end(mut self, exit: Exit) {
        if let Some(answer) = self.ladder.ended() {
            self.say(Tell::Answer(answer)).await;
        }
        let lent = self.terminal.as_ref().is_some_and(Terminal::is_lent);
        if let Some(terminal) = &mut self.terminal {
            terminal.come_to_rest().await;
            terminal.take_back();
            if lent && matches!(exit, Exit::Signal(_)) {
                terminal.restore();
            }
        }
        let cause = match exit {
            _ if self.ladder.was_cancelled() => Cause::Cancel,
            Exit::Signal(signal) if self.was_at_keyboard(signal, lent) => Cause::Keyboard,
            Exit::Code(_) | Exit::Signal(_) => Cause::Itself,
        };
        if lent && cause == Cause::Keyboard {
            // The terminal said it to the command's group alone.
            let quit = exit == Exit::Signal(libc::SIGQUIT);
            self.signal_our_group(if quit { Signal::QUIT } else { Signal::INT });
        }
        self.leader.reap();
        let _ = self.tell.send(Tell::Ended(Ending { exit, cause })).await;
    }

    /// Waits for room: an answer must not be lost. Nobody there to hear is no reason to stop.
    async fn say(&self, tell: Tell) {
        let _ = self.tell.send(tell).await;
    }
}

/// The next request; never, once there can be none.
async fn ask(asked: &mut Option<mpsc::Receiver<Action>>) -> Option<Action> {
    match asked {
        Some(asked) => asked.recv().await,
        None => std::future::pending().await,
    }
}

/// The time until the next look that the ladder wants; for ever, if it wants none.
async fn pause(busy: bool, step: usize) {
    if busy {
        let ms = STEPS_MS[step.min(STEPS_MS.len() - 1)];
        tokio::time::sleep(Duration::from_millis(ms)).await;
    } else {
        std::future::pending::<()>().await;
    }
}
