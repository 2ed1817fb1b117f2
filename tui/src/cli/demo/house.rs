//! The demo's throw-away state: a directory of its own and a daemon of its own in it. Nothing of the person's is touched;
//! all of it is gone when this is dropped, and also when the demo is killed: the daemon holds the other end of a pipe and
//! clears up when nobody is left at ours.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jobtop_client::Endpoint;
use jobtop_client::endpoint::SECRET;
use jobtop_core::Timestamp;
use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::clock;
use crate::exit::Failure;

/// How long the daemon may take until it serves, and until it is gone.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a demo's directory begins to be called.
const PREFIX: &str = "jobtop-demo-";
/// After that long a directory without a daemon is no demo that is just beginning.
const LEFT_AFTER_MS: u64 = 3_600_000;

/// A directory and a daemon.
#[derive(Debug)]
pub(crate) struct House {
    // Dropped in this order: first the daemon, then its directory.
    daemon: Child,
    /// Held until the daemon is gone, and never written to.
    _lifeline: ChildStdin,
    dir: TempDir,
}

impl House {
    /// Makes the directory and starts the daemon.
    pub(crate) async fn open() -> Result<Self, Failure> {
        sweep(&std::env::temp_dir(), clock::now().wall);
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| {
                Failure::failed(format!("No directory can be made for the demo: {error}"))
                    .hint("Set TMPDIR to a directory with some hundred MB of room")
            })?;
        let (daemon, lifeline) = start(dir.path()).await?;
        Ok(Self {
            daemon,
            _lifeline: lifeline,
            dir,
        })
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

async fn start(dir: &Path) -> Result<(Child, ChildStdin), Failure> {
    let failed = |why: String| {
        Failure::failed(format!(
            "The demo's daemon could not be started: {why}{}",
            last_words(dir)
        ))
    };
    let run = || -> io::Result<Child> {
        std::fs::write(config(dir), "")?;
        let mut command = std::process::Command::new(std::env::current_exe()?);
        command
            .args(["demo", "--house"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(dir.join("jobtopd.log"))?)
            // A Ctrl-C at the terminal is for the demo, which then ends the daemon in order.
            .process_group(0)
            .env_remove(SECRET);
        // What the person has set is for the person's own daemon.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JOBTOPD_") {
                command.env_remove(name);
            }
        }
        Command::from(command).kill_on_drop(true).spawn()
    };
    let mut daemon = run().map_err(|error| failed(error.to_string()))?;
    // Taken out, because waiting for a child closes what is left in it.
    let (Some(lifeline), Some(stdout)) = (daemon.stdin.take(), daemon.stdout.take()) else {
        return Err(failed("it has no stdin and stdout".to_owned()));
    };
    let mut line = String::new();
    let mut stdout = BufReader::new(stdout);
    match tokio::time::timeout(PATIENCE, stdout.read_line(&mut line)).await {
        Ok(Ok(read)) if read > 0 => Ok((daemon, lifeline)),
        Ok(Ok(_)) => Err(failed("it ended before it was ready".to_owned())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("it was not ready in time".to_owned())),
    }
}

/// Removes what demos of the same person left behind when the machine went down with them: directories without a daemon,
/// old enough not to be one that is just being made. What can't be removed stays.
fn sweep(parent: &Path, now: Timestamp) {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let left = entry
            .metadata()
            .is_ok_and(|dir| dir.is_dir() && is_left(&dir, now))
            && is_of_demo(&path)
            && UnixStream::connect(socket(&path)).is_err();
        if left {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

fn is_left(dir: &Metadata, now: Timestamp) -> bool {
    let changed = Timestamp(dir.mtime().saturating_mul(1_000));
    dir.uid() == rustix::process::geteuid().as_raw() && now.ms_since(changed) > LEFT_AFTER_MS
}

fn is_of_demo(dir: &Path) -> bool {
    dir.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
}

/// Is the daemon in that directory until it is told to end. When the demo goes without a word, so does the daemon, and
/// takes the directory with it.
pub(crate) fn keep(dir: &Path) -> Result<ExitCode, Failure> {
    if !is_of_demo(dir) || !config(dir).is_file() {
        return Err(Failure::usage(format!(
            "{} is no directory of a demo's",
            dir.display()
        )));
    }
    let alone = Arc::new(AtomicBool::new(false));
    let seen = alone.clone();
    std::thread::spawn(move || {
        // Nothing is ever said there: reading ends when the demo is gone.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        seen.store(true, Ordering::Release);
        let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::TERM);
    });
    let mut options: Vec<OsString> = Vec::new();
    for (name, value) in [
        ("--data-dir", dir.join("data")),
        ("--socket", socket(dir)),
        ("--config", config(dir)),
    ] {
        options.extend([name.into(), value.into()]);
    }
    let code = jobtopd::main(options.into_iter());
    if alone.load(Ordering::Acquire) {
        std::fs::remove_dir_all(dir).map_err(|error| {
            Failure::failed(format!("{} can't be removed: {error}", dir.display()))
        })?;
    }
    Ok(code)
}

/// An empty file of settings: the person's own are for the person's own daemon.
fn config(dir: &Path) -> PathBuf {
    dir.join("jobtopd.toml")
}

/// What it said last, in brackets.
fn last_words(dir: &Path) -> String {
    let log = std::fs::read_to_string(dir.join("jobtopd.log")).unwrap_or_default();
    log.lines()
        .rfind(|line| !line.trim().is_empty())
        .map(|line| format!(" ({})", jobtop_core::text::clean_within(line, 300)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_old_directories_of_demos_without_a_daemon_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let dir = parent.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join("orders.csv"), "a\n").unwrap();
            dir
        };
        let (left, other) = (make("jobtop-demo-left"), make("jobtop-other"));
        let alive = make("jobtop-demo-alive");
        let _daemon = UnixListener::bind(socket(&alive)).unwrap();
        let dead = make("jobtop-demo-dead");
        drop(UnixListener::bind(socket(&dead)).unwrap());
        std::os::unix::fs::symlink(&other, parent.path().join("jobtop-demo-link")).unwrap();

        let hour = i64::try_from(LEFT_AFTER_MS).unwrap();
        sweep(parent.path(), clock::now().wall.plus_ms(hour / 2));
        assert!(left.exists() && dead.exists(), "too young");
        sweep(parent.path(), clock::now().wall.plus_ms(hour * 2));
        assert!(!left.exists() && !dead.exists());
        assert!(alive.join("orders.csv").exists());
        assert!(other.join("orders.csv").exists());
    }
}
