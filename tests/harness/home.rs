//! A user's home for one test: every path that the programs would look up lies in a temporary folder, so tests share
//! nothing, and whatever still runs when a test ends is found by that folder's name and ended.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::daemon::{Daemon, Setup};
use crate::wait::{self, DEADLINE};
use crate::{bins, process};

/// A home of its own.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
}

impl Home {
    /// An empty home.
    #[expect(
        clippy::new_without_default,
        reason = "it makes a folder: not a value to be defaulted"
    )]
    pub fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("jobtop-e2e-")
            .permissions(private())
            .tempdir()
            .expect("a temporary folder");
        for sub in ["run", "config/jobtop", "state", "data", "work"] {
            std::fs::create_dir_all(dir.path().join(sub)).expect("a folder in it");
        }
        // The runtime directory must be its owner's alone, as the real one is.
        std::fs::set_permissions(dir.path().join("run"), private()).expect("permissions of it");
        Self { dir }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A folder for a test's own files.
    pub fn work(&self) -> PathBuf {
        self.path().join("work")
    }

    /// Where the daemon's socket is by default.
    pub fn socket(&self) -> PathBuf {
        self.path().join("run/jobtop/jobtopd.sock")
    }

    /// The same, as `--target` takes it.
    pub fn target(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// Where the daemon's store is by default.
    pub fn data(&self) -> PathBuf {
        self.path().join("state/jobtop/data")
    }

    /// Writes the daemon's configuration.
    pub fn configure(&self, toml: &str) {
        let path = self.path().join("config/jobtop/jobtopd.toml");
        std::fs::write(path, toml).expect("the configuration can be written");
    }

    /// The environment that makes this the home.
    pub fn env(&self) -> Vec<(&'static str, PathBuf)> {
        let path = |sub: &str| self.path().join(sub);
        vec![
            ("HOME", path("")),
            ("XDG_RUNTIME_DIR", path("run")),
            ("XDG_CONFIG_HOME", path("config")),
            ("XDG_STATE_HOME", path("state")),
            ("XDG_DATA_HOME", path("data")),
        ]
    }

    /// A daemon in this home, which serves.
    pub fn daemon(&self, setup: Setup) -> Daemon {
        Daemon::start(self, setup)
    }

    /// A command of this home's, with nothing of the caller's settings for jobtop.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(self.env()).current_dir(self.work());
        for name in SETTINGS {
            command.env_remove(name);
        }
        command
    }

    /// `jobtop ARGS…`, not yet started.
    pub fn jobtop(&self, args: &[&str]) -> Command {
        let mut command = self.command(bins::jobtop());
        command.args(args);
        command
    }

    /// Runs `jobtop ARGS…` to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        let child = self
            .jobtop(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("jobtop can be started");
        wait::output_within(child, 3 * DEADLINE)
    }

    /// The one process of this home's whose first word ends in that program's name and whose other words include `word`.
    pub fn process(&self, program: &str, word: &str) -> Option<i32> {
        self.running().into_iter().find(|pid| {
            let words = process::command_line(*pid);
            words.first().is_some_and(|first| {
                first
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .starts_with(program)
            }) && words.iter().skip(1).any(|other| other == word)
        })
    }

    /// What this home has running, by the name of its folder in their environment.
    pub fn running(&self) -> Vec<i32> {
        process::with_environment("XDG_RUNTIME_DIR", &self.path().join("run"))
    }
}

/// Variables that would change what the programs do.
pub const SETTINGS: [&str; 14] = [
    "JOBTOP_TARGET",
    "JOBTOP_TOKEN",
    "NO_COLOR",
    "COLORTERM",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "RUST_LOG",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "LISTEN_FDS",
    "LISTEN_PID",
    "STATE_DIRECTORY",
    "RUNTIME_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
];

fn private() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o700)
}

impl Drop for Home {
    fn drop(&mut self) {
        // Twice: a runner that is ended may have started something in between.
        for _ in 0..2 {
            for pid in self.running() {
                process::signal(pid, process::Signal::KILL);
            }
        }
    }
}
