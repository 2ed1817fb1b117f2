//! Starting a program in the background so that it outlives its caller and holds nothing of it.
//!
//! It gets a session of its own, `/` as its directory, no input, its stderr in a log that its owner alone can read,
//! and a pipe as stdout on which it says that it is ready. None of the caller's other descriptors reach it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use jobtop_client::endpoint::SECRET;
use rustix::fs::{Mode, OFlags};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;

use crate::exec;

/// Longest readiness line read.
const MAX_LINE: u64 = 4096;

/// A program that runs in the background.
#[derive(Debug)]
pub struct Detached {
    child: Child,
    stdout: Option<OwnedFd>,
}

/// Why a background program did not say that it is ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It ended, or closed its stdout, before it said anything.
    #[error("it ended before it was ready ({})", how(.0.as_ref()))]
    Ended(Option<ExitStatus>),
    /// It said nothing for that long; it may still be at work.
    #[error("it was not ready after {} s", .0.as_secs())]
    TooLong(Duration),
    /// Its stdout could not be read.
    #[error("its readiness could not be read: {0}")]
    Read(#[from] io::Error),
}

fn how(status: Option<&ExitStatus>) -> String {
    status.map_or_else(|| "its stdout was closed".to_owned(), ExitStatus::to_string)
}

/// Starts `program` in the background; what it says on stderr is appended to the file `log` (made with mode 0600,
/// its directory must exist; a symbolic link is refused).
///
/// `program` is best an absolute path: the new process begins in `/`.
pub fn spawn_detached<I, S>(program: &Path, args: I, log: &Path) -> io::Result<Detached>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = background(program, args, log)?;
    command.stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().map(OwnedFd::from);
    Ok(Detached { child, stdout })
}

fn background<I, S>(program: &Path, args: I, log: &Path) -> io::Result<Command>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let log = rustix::fs::open(
        log,
        OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    )?;
    // The file may be older than this rule.
    rustix::fs::fchmod(&log, Mode::RUSR | Mode::WUSR)?;
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::from(log));
    // The token of whoever starts it is none of its business.
    command.env_remove(SECRET);
    exec::in_new_session(&mut command);
    Ok(command)
}

/// The same for a program that says nothing on stdout; the caller may wait for its end, or not.
///
/// Must be called within a tokio runtime with its I/O driver.
pub fn spawn_alone<I, S>(program: &Path, args: I, log: &Path) -> io::Result<tokio::process::Child>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = background(program, args, log)?;
    command.stdout(Stdio::null());
    tokio::process::Command::from(command).spawn()
}

/// The same for a program that waits on its stdin, which is a pipe, until it is told what to do.
///
/// Must be called within a tokio runtime with its I/O driver.
pub fn spawn_waiting<I, S>(program: &Path, args: I, log: &Path) -> io::Result<tokio::process::Child>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = background(program, args, log)?;
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    tokio::process::Command::from(command).spawn()
}

impl Detached {
    /// Its process id, which is also its session's.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the one line by which it says that it is ready, and gives it without its end. To be asked once;
    /// must be called within a tokio runtime.
    pub async fn ready_line(&mut self, patience: Duration) -> Result<String, NotReady> {
        let Some(stdout) = self.stdout.take() else {
            return Err(NotReady::Ended(None));
        };
        let stdout = BufReader::new(pipe::Receiver::from_owned_fd(stdout)?);
        let mut line = String::new();
        let mut limited = stdout.take(MAX_LINE);
        tokio::time::timeout(patience, limited.read_line(&mut line))
            .await
            .map_err(|_| NotReady::TooLong(patience))??;
        if line.ends_with('\n') {
            line.truncate(line.trim_end().len());
            Ok(line)
        } else {
            Err(NotReady::Ended(self.ending().await))
        }
    }

    /// How it ended, if it does so within the moment between closing its stdout and being gone.
    async fn ending(&mut self) -> Option<ExitStatus> {
        for _ in 0..20 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn shell(script: &str, log: &Path) -> Detached {
        spawn_detached(Path::new("/bin/sh"), ["-c", script], log).unwrap()
    }

    fn end(mut detached: Detached) {
        detached.child.kill().unwrap();
        detached.child.wait().unwrap();
    }

    #[tokio::test]
    async fn it_holds_nothing_of_its_caller() {
        let dir = tempfile::tempdir().unwrap();
        // One descriptor that the caller lets its children inherit, as a careless parent of ours might.
        let held = File::create(dir.path().join("held")).unwrap();
        rustix::io::fcntl_setfd(&held, rustix::io::FdFlags::empty()).unwrap();
        assert!(held.as_raw_fd() > 2);

        let mut detached = shell("echo ready here; exec sleep 1000", &dir.path().join("log"));
        assert_eq!(detached.ready_line(PATIENCE).await.unwrap(), "ready here");

        let proc = format!("/proc/{}", detached.pid());
        let mut fds: Vec<_> = fs::read_dir(format!("{proc}/fd"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        fds.sort();
        assert_eq!(fds, ["0", "1", "2"]);
        let link = |name: &str| fs::read_link(format!("{proc}/{name}")).unwrap();
        assert_eq!(link("fd/0"), Path::new("/dev/null"));
        assert_eq!(link("fd/2"), dir.path().join("log"));
        assert_eq!(link("cwd"), Path::new("/"));
        let pid = rustix::process::Pid::from_raw(detached.pid() as i32);
        assert_eq!(rustix::process::getsid(pid).unwrap(), pid.unwrap());
        end(detached);
    }

    #[tokio::test]
    async fn its_log_is_appended_to_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        fs::write(&log, "before\n").unwrap();
        fs::set_permissions(&log, fs::Permissions::from_mode(0o644)).unwrap();
        let mut detached = shell("echo after >&2; echo ready; exec sleep 1000", &log);
        detached.ready_line(PATIENCE).await.unwrap();
        assert_eq!(fs::read_to_string(&log).unwrap(), "before\nafter\n");
        let mode = fs::metadata(&log).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        end(detached);
    }

    #[tokio::test]
    async fn not_ready_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut ended = shell("exit 3", &log);
        let why = ended.ready_line(PATIENCE).await.unwrap_err();
        assert_eq!(
            why.to_string(),
            "it ended before it was ready (exit status: 3)"
        );
        let mut silent = shell("exec sleep 1000", &log);
        let why = silent.ready_line(Duration::from_millis(50)).await;
        assert!(matches!(why, Err(NotReady::TooLong(_))), "{why:?}");
        end(silent);
        let nothing = spawn_detached(Path::new("/no/such/program"), [""; 0], &log);
        assert_eq!(nothing.unwrap_err().kind(), io::ErrorKind::NotFound);
        std::os::unix::fs::symlink(&log, dir.path().join("link")).unwrap();
        let planted = spawn_detached(Path::new("/bin/true"), [""; 0], &dir.path().join("link"));
        assert!(planted.is_err());
    }
}
