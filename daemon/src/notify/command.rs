//! A hook that is a command: one run of it. No shell is in between; it and what it starts are one group, ended whole when its time
//! is over.

use std::io::PipeReader;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::payload::{Delivery, VARIABLES, variables};
use super::queue::Verdict;

/// So much of what it says is kept.
pub(super) const KEPT: usize = 16 * 1024;
/// How long its last words may take once it has ended: what it left running may hold its output open.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The exit code by which a command asks to be run again later (`EX_TEMPFAIL`).
const TEMPFAIL: i32 = 75;
/// What is the daemon's alone.
const HIDDEN: [&str; 8] = [
    "JOBTOP_TOKEN",
    "JOBTOP_TARGET",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];

/// What came of it.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) verdict: Verdict,
    pub(super) exit_code: Option<i32>,
    /// What it said, at most [`KEPT`] bytes.
    pub(super) said: Vec<u8>,
    /// How many bytes it said beyond that.
    pub(super) beyond: u64,
}

/// Ends the whole group unless it is let go.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs it to its end, or to the end of its time.
pub(super) async fn run(words: &[String], delivery: &Delivery, limit: Duration) -> Ran {
    let mut ran = Ran {
        verdict: Verdict::Told,
        exit_code: None,
        said: Vec::new(),
        beyond: 0,
    };
    let (mut child, output) = match start(words, delivery) {
        Ok(started) => started,
        Err(error) => {
            let program = words.first().map_or("", String::as_str);
            ran.verdict = Verdict::Later(format!("{program} can't be started: {error}"), None);
            return ran;
        }
    };
    // Declared after the child, so ended before it is let go and its number may be another's.
    let mut group = Group(child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())));
    let stdin = child.stdin.take();
    let ended = {
        let (said, beyond) = (&mut ran.said, &mut ran.beyond);
        let along = async {
            let tell = async {
                if let Some(mut stdin) = stdin {
                    // One that reads nothing is no mistake.
                    let _ = stdin.write_all(delivery.body.as_bytes()).await;
                    let _ = stdin.write_all(b"\n").await;
                }
            };
            tokio::join!(tell, keep(output, said, beyond));
        };
        let mut along = std::pin::pin!(along);
        let mut is_over = false;
        let to_its_end = async {
            loop {
                tokio::select! {
                    ended = child.wait() => return ended,
                    () = &mut along, if !is_over => is_over = true,
                }
            }
        };
        let ended = timeout(limit, to_its_end).await;
        match &ended {
            Ok(_) => group.0 = None,
            // Before anybody waits for it, so that the number is still its own.
            Err(_) => drop(std::mem::replace(&mut group, Group(None))),
        }
        if !is_over {
            let _ = timeout(LAST_WORDS, &mut along).await;
        }
        ended
    };
    (ran.verdict, ran.exit_code) = match ended {
        Ok(Ok(status)) => (judge(status), status.code()),
        Ok(Err(error)) => (Verdict::Later(format!("it is lost: {error}"), None), None),
        Err(_) => {
            let _ = child.wait().await;
            let why = format!(
                "it had not ended after {} s and was killed",
                limit.as_secs_f64()
            );
            (Verdict::Never(why), None)
        }
    };
    ran
}

fn start(words: &[String], delivery: &Delivery) -> std::io::Result<(Child, PipeReader)> {
    let (program, rest) = words
        .split_first()
        .ok_or(std::io::ErrorKind::InvalidInput)?;
    let (output, its) = std::io::pipe()?;
    let mut command = Command::new(program);
    // Those of its own, if somebody else's hook has started the daemon, say something else.
    for name in HIDDEN.into_iter().chain(VARIABLES) {
        command.env_remove(name);
    }
    let child = command
        .args(rest)
        .envs(variables(delivery))
        .current_dir("/")
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::from(its.try_clone()?))
        .stderr(Stdio::from(its))
        .spawn()?;
    // Our own ends of it go with the command, or nobody would see its end.
    drop(command);
    Ok((child, output))
}

/// Reads to the end, and keeps the beginning.
async fn keep(output: PipeReader, said: &mut Vec<u8>, beyond: &mut u64) {
    let Ok(mut output) = pipe::Receiver::from_owned_fd(OwnedFd::from(output)) else {
        return;
    };
    let mut part = [0_u8; 8 * 1024];
    while let Ok(n @ 1..) = output.read(&mut part).await {
        let room = KEPT.saturating_sub(said.len()).min(n);
        said.extend_from_slice(&part[..room]);
        *beyond += (n - room) as u64;
    }
}

fn judge(status: ExitStatus) -> Verdict {
    match (status.code(), status.signal()) {
        (Some(0), _) => Verdict::Told,
        (Some(TEMPFAIL), _) => Verdict::Later(format!("it ended with {TEMPFAIL}"), None),
        (Some(code), _) => Verdict::Never(format!("it ended with {code}")),
        (None, Some(signal)) => Verdict::Never(format!("it was ended by signal {signal}")),
        (None, None) => Verdict::Never("nobody knows how it ended".to_owned()),
    }
}
