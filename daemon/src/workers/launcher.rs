//! Starts a runner for each command whose turn it is, and tells the engine when its process is gone.
//!
//! A runner is this same program again, with a session of its own and none of our descriptors. It knows the job's id alone: what
//! is to be run it gets when it accepts the job, after that is on the disk, so no command is run twice and none is seen in a
//! list of processes before it runs.
//!
//! While one command follows another, some runners are started before they are needed and told their job on stdin: the start of a
//! program is what takes the time. They end when they are not needed for a while, or when the daemon is gone.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jobtop_core::JobId;
use jobtop_runner::detach;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::auth;
use crate::config::Settings;
use crate::engine::command::Command;
use crate::engine::handle::Handle;

/// How many commands may wait for their runner.
pub(crate) const QUEUE: usize = 1_024;
/// What the runners say on their stderr, in the data directory.
const LOG: &str = "runners.log";

/// A command that comes within this time of the one before it follows that one.
const SOON: Duration = Duration::from_secs(2);
/// So many runners are kept ready.
const SPARES: usize = 2;

/// Starts runners.
#[derive(Debug)]
pub(crate) struct Launcher {
    engine: Handle,
    program: Option<PathBuf>,
    /// The words before ours, where this program does other things too.
    prefix: Vec<OsString>,
    socket: PathBuf,
    data: PathBuf,
    grace_ms: u64,
    log_bytes: usize,
}

impl Launcher {
    pub(crate) fn new(engine: Handle, settings: &Settings) -> Self {
        Self {
            engine,
            program: std::env::current_exe().ok(),
            prefix: settings.prefix.clone(),
            grace_ms: settings.cancel_grace_ms,
            log_bytes: settings.limits.log_bytes,
            socket: settings.socket.path.clone(),
            data: settings.data_dir.path.clone(),
        }
    }

    /// Serves until the engine wants no more.
    pub(crate) async fn run(self, mut launches: mpsc::Receiver<JobId>) {
        let mut ends = JoinSet::new();
        let mut spares = VecDeque::new();
        let mut last: Option<Instant> = None;
        loop {
            let bored = last.map_or_else(Instant::now, |last| last + SOON);
            tokio::select! {
                job = launches.recv() => match job {
                    Some(job) => {
                        self.launch(job, &mut spares, &mut ends).await;
                        if last.is_some_and(|last| last.elapsed() < SOON) {
                            self.keep_ready(&mut spares);
                        }
                        last = Some(Instant::now());
                    }
                    None => break,
                },
                Some(_) = ends.join_next() => {}
                // Their stdin is closed with that, so they end.
                () = sleep_until(bored), if !spares.is_empty() => spares.clear(),
            }
        }
    }

    async fn launch(&self, job: JobId, spares: &mut VecDeque<Child>, ends: &mut JoinSet<()>) {
        let engine = self.engine.clone();
        match self.runner(job, spares).await {
            Ok(mut child) => {
                let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
                let process = pid.and_then(auth::process_of);
                ends.spawn(async move {
                    let why = match child.wait().await {
                        Ok(status) => format!("its runner ended ({status})"),
                        Err(error) => format!("its runner is lost: {error}"),
                    };
                    engine.send(Command::RunnerGone { job, process, why }).await;
                });
            }
            Err(why) => {
                tracing::warn!(%job, %why, "no runner");
                let process = None;
                engine.send(Command::RunnerGone { job, process, why }).await;
            }
        }
    }

    /// A runner that knows its job: one that was kept ready, if there is one that lives, else a new one.
    async fn runner(&self, job: JobId, spares: &mut VecDeque<Child>) -> Result<Child, String> {
        while let Some(mut spare) = spares.pop_front() {
            if tell(&mut spare, job).await.is_ok() {
                return Ok(spare);
            }
        }
        let Some(program) = &self.program else {
            return Err("the daemon does not know its own program".to_owned());
        };
        let mut args = self.args();
        args.push(job.to_string().into());
        detach::spawn_alone(program, args, &self.data.join(LOG))
            .map_err(|error| format!("{} can't be started: {error}", program.display()))
    }

    fn keep_ready(&self, spares: &mut VecDeque<Child>) {
        let Some(program) = &self.program else { return };
        while spares.len() < SPARES {
            match detach::spawn_waiting(program, self.args(), &self.data.join(LOG)) {
                Ok(spare) => spares.push_back(spare),
                // Whoever needs one tries again, and says so.
                Err(_) => return,
            }
        }
    }

    fn args(&self) -> Vec<OsString> {
        let grace = (self.grace_ms as f64 / 1000.0).to_string();
        let mut args = self.prefix.clone();
        args.extend([super::RUNNER.into(), "--grace".into(), grace.into()]);
        args.extend(["--log-bytes".into(), self.log_bytes.to_string().into()]);
        args.extend(["--socket".into(), self.socket.clone().into()]);
        args.extend(["--data-dir".into(), self.data.clone().into()]);
        args
    }
}

/// Tells a runner its job, and that there is nothing more to be told.
async fn tell(spare: &mut Child, job: JobId) -> io::Result<()> {
    let mut stdin = spare.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    stdin.write_all(format!("{job}\n").as_bytes()).await
}
