//! The demo's throw-away state: a directory of its own and a daemon of its own in it. Nothing of the person's is touched;
//! all of it is gone when this is dropped.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jobtop_client::Endpoint;
use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::exit::Failure;

/// How long the daemon may take until it serves, and until it is gone.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory and a daemon.
#[derive(Debug)]
pub(crate) struct House {
    // Dropped in this order: first the daemon, then its directory.
    daemon: Child,
    dir: TempDir,
}

impl House {
    /// Makes the directory and starts the daemon.
    pub(crate) async fn open() -> Result<Self, Failure> {
        let dir = tempfile::Builder::new()
            .prefix("jobtop-demo-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| {
                Failure::failed(format!("No directory can be made for the demo: {error}"))
                    .hint("Set TMPDIR to a directory with some hundred MB of room")
            })?;
        let daemon = start(dir.path()).await?;
        Ok(Self { daemon, dir })
    }

    /// Where files go.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the daemon is.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(socket(self.dir.path()))
    }

    /// Waits until the daemon ends by itself, which it should not.
    pub(crate) async fn collapse(&mut self) -> Failure {
        let ended = match self.daemon.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        Failure::failed(format!(
            "The demo's daemon ended: {ended}{}",
            last_words(self.dir.path())
        ))
    }

    /// Ends the daemon in order and removes the directory.
    pub(crate) async fn close(mut self) {
        if let Some(pid) = self
            .daemon
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
        {
            // Not waited for yet, so the id is still its own.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        // What does not end in time is killed when it is dropped.
        let _ = tokio::time::timeout(PATIENCE, self.daemon.wait()).await;
    }
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("jobtopd.sock")
}

async fn start(dir: &Path) -> Result<Child, Failure> {
    let failed = |why: String| {
        Failure::failed(format!(
            "The demo's daemon could not be started: {why}{}",
            last_words(dir)
        ))
    };
    let run = || -> io::Result<Child> {
        let config = dir.join("jobtopd.toml");
        std::fs::write(&config, "")?;
        let mut command = std::process::Command::new(std::env::current_exe()?);
        command
            .args(["daemon", "run", "--data-dir"])
            .arg(dir.join("data"))
            .arg("--socket")
            .arg(socket(dir))
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(dir.join("jobtopd.log"))?)
            // A Ctrl-C at the terminal is for the demo, which then ends the daemon in order.
            .process_group(0);
        // What the person has set is for the person's own daemon.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JOBTOPD_") {
                command.env_remove(name);
            }
        }
        Command::from(command).kill_on_drop(true).spawn()
    };
    let mut daemon = run().map_err(|error| failed(error.to_string()))?;
    let stdout = daemon
        .stdout
        .take()
        .ok_or_else(|| failed("it has no stdout".to_owned()))?;
    let mut line = String::new();
    let mut stdout = BufReader::new(stdout);
    match tokio::time::timeout(PATIENCE, stdout.read_line(&mut line)).await {
        Ok(Ok(read)) if read > 0 => Ok(daemon),
        Ok(Ok(_)) => Err(failed("it ended before it was ready".to_owned())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("it was not ready in time".to_owned())),
    }
}

/// What it said last, in brackets.
fn last_words(dir: &Path) -> String {
    let log = std::fs::read_to_string(dir.join("jobtopd.log")).unwrap_or_default();
    log.lines()
        .rfind(|line| !line.trim().is_empty())
        .map(|line| format!(" ({})", jobtop_core::text::clean_within(line, 300)))
        .unwrap_or_default()
}
