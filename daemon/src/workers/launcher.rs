//! Starts a runner for each command whose turn it is, and tells the engine when its process is gone.
//!
//! A runner is this same program again, with a session of its own and none of our descriptors. It knows the job's id alone: what
//! is to be run it gets when it accepts the job, after that is on the disk, so no command is run twice and none is seen in a
//! list of processes before it runs.

use std::ffi::OsString;
use std::path::PathBuf;

use jobtop_core::JobId;
use jobtop_runner::detach;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::auth;
use crate::config::Settings;
use crate::engine::command::Command;
use crate::engine::handle::Handle;

/// How many commands may wait for their runner.
pub(crate) const QUEUE: usize = 1_024;
/// What the runners say on their stderr, in the data directory.
const LOG: &str = "runners.log";

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
}

impl Launcher {
    pub(crate) fn new(engine: Handle, settings: &Settings) -> Self {
        Self {
            engine,
            program: std::env::current_exe().ok(),
            prefix: settings.prefix.clone(),
            grace_ms: settings.cancel_grace_ms,
            socket: settings.socket.path.clone(),
            data: settings.data_dir.path.clone(),
        }
    }

    /// Serves until the engine wants no more.
    pub(crate) async fn run(self, mut launches: mpsc::Receiver<JobId>) {
        let mut ends = JoinSet::new();
        loop {
            tokio::select! {
                job = launches.recv() => match job {
                    Some(job) => self.launch(job, &mut ends).await,
                    None => break,
                },
                Some(_) = ends.join_next() => {}
            }
        }
    }

    async fn launch(&self, job: JobId, ends: &mut JoinSet<()>) {
        let started = match &self.program {
            Some(program) => detach::spawn_alone(program, self.args(job), &self.data.join(LOG))
                .map_err(|error| format!("{} can't be started: {error}", program.display())),
            None => Err("the daemon does not know its own program".to_owned()),
        };
        let engine = self.engine.clone();
        match started {
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

    fn args(&self, job: JobId) -> Vec<OsString> {
        let grace = (self.grace_ms as f64 / 1000.0).to_string();
        let mut args = self.prefix.clone();
        args.extend([super::RUNNER.into(), "--grace".into(), grace.into()]);
        args.extend(["--socket".into(), self.socket.clone().into()]);
        args.extend(["--data-dir".into(), self.data.clone().into()]);
        args.push(job.to_string().into());
        args
    }
}
