//! A running daemon in a folder of its own; killed when dropped.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Longer than anything here should take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Daemon {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The line it printed when it served.
    pub(crate) ready: String,
    pub(crate) home: Home,
}

/// The folder of a daemon: its socket, its data, what it said on stderr.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("run/jobtopd.sock")
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    /// The command, with an environment in which nobody's own settings are found.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.complete(Command::new(env!("CARGO_BIN_EXE_jobtopd")), args)
    }

    /// The same, started by that command, which replaces itself by what its further arguments say.
    pub(crate) fn started_by(&self, mut starter: Command, args: &[&str]) -> Command {
        starter.arg(env!("CARGO_BIN_EXE_jobtopd"));
        self.complete(starter, args)
    }

    fn complete(&self, mut command: Command, args: &[&str]) -> Command {
        command
            .arg("--socket")
            .arg(self.socket())
            .arg("--data-dir")
            .arg(self.path("data"))
            .args(args)
            .env_clear()
            .env("HOME", self.path("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(
                File::options()
                    .create(true)
                    .append(true)
                    .open(self.path("stderr"))
                    .unwrap(),
            );
        command
    }

    /// Starts a daemon and waits until it serves.
    pub(crate) fn start(self, args: &[&str]) -> Daemon {
        let command = self.command(args);
        self.launch(command)
    }

    pub(crate) fn launch(self, mut command: Command) -> Daemon {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        // Ends with a line, or with the daemon.
        stdout.read_line(&mut ready).unwrap();
        assert!(ready.ends_with('\n'), "it did not start: {}", self.stderr());
        Daemon {
            child,
            stdout,
            ready: ready.trim_end().to_owned(),
            home: self,
        }
    }

    /// Runs a daemon that is expected to refuse; says its exit code and stderr. It must not have printed anything.
    pub(crate) fn refusal(&self, args: &[&str]) -> (i32, String) {
        let before = self.stderr().len();
        let mut child = self.command(args).spawn().unwrap();
        let status = wait(&mut child);
        let mut printed = String::new();
        child.stdout.unwrap().read_to_string(&mut printed).unwrap();
        assert_eq!(printed, "", "{args:?}");
        (status.code().unwrap(), self.stderr()[before..].to_owned())
    }
}

impl Daemon {
    /// One that listens on a free port and trusts everybody.
    pub(crate) fn open() -> Self {
        Home::new().start(&["--listen", "127.0.0.1:0", "--auth", "none"])
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        let (_, addr) = self.ready.split_once(" http://").unwrap();
        addr.parse().unwrap()
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    pub(crate) fn unix(&self) -> UnixStream {
        let stream = UnixStream::connect(self.home.socket()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for its end; says how it ended and what it printed after the first line.
    pub(crate) fn wait(mut self) -> (ExitStatus, String, Home) {
        let status = wait(&mut self.child);
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).unwrap();
        let home = std::mem::replace(&mut self.home, Home::new());
        (status, printed, home)
    }

    /// Waits until that was said on stderr.
    pub(crate) fn said(&self, words: &str) {
        until(words, || self.home.stderr().contains(words));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a condition, within the deadline.
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("it did not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every path below a folder, and the folder.
pub(crate) fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.extend(tree(&entry.path()));
        } else {
            all.push(entry.path());
        }
    }
    all
}
