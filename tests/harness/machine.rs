//! A machine of its own, booted by a real systemd: a container whose tree is this machine's distribution at its smallest.
//! What is written in it is gone with it.
//!
//! It takes root, `debootstrap`, `systemd-nspawn` and, for the tree, a minute and the network once; so it runs only where
//! `JOBTOP_NSPAWN=1` asks for it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::fs::FlockOperation;

use crate::process::{self, Signal};
use crate::{bins, wait};

/// How long a boot may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A booted machine.
#[derive(Debug)]
pub struct Machine {
    nspawn: Child,
    /// Its first process.
    init: i32,
    log: PathBuf,
    /// One at a time uses the tree.
    _turn: File,
    _dir: tempfile::TempDir,
}

impl Machine {
    /// Boots one, with these files of ours in it: where they lie here, and there. Otherwise says why that can't be.
    pub fn boot(files: &[(PathBuf, &str)]) -> Result<Self, String> {
        if std::env::var_os("JOBTOP_NSPAWN").is_none_or(|wish| wish != "1") {
            return Err("JOBTOP_NSPAWN=1 is not set".to_owned());
        }
        let (tree, turn) = tree()?;
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let log = dir.path().join("console");
        let console = File::create(&log).map_err(|error| error.to_string())?;
        let mut command = Command::new("systemd-nspawn");
        command
            .args(["--quiet", "--register=no", "--keep-unit", "--boot"])
            .args(["--volatile=overlay", "--console=pipe"])
            .arg(format!("--directory={}", tree.display()));
        for (here, there) in files {
            command.arg(format!("--bind-ro={}:{there}", here.display()));
        }
        let nspawn = command
            .stdin(Stdio::null())
            .stdout(console.try_clone().map_err(|error| error.to_string())?)
            .stderr(console)
            .spawn()
            .map_err(|error| format!("systemd-nspawn: {error}"))?;
        let mut machine = Self {
            nspawn,
            init: 0,
            log,
            _turn: turn,
            _dir: dir,
        };
        let booted = wait::within(PATIENCE, || machine.is_up());
        match booted {
            Some(true) => Ok(machine),
            Some(false) => Err(format!("it does not boot:\n{}", machine.console())),
            None => panic!("the machine does not come up:\n{}", machine.console()),
        }
    }

    /// Whether it is up, or down; nothing while it boots.
    fn is_up(&mut self) -> Option<bool> {
        if self.nspawn.try_wait().ok().flatten().is_some() {
            return Some(false);
        }
        // The first child is another one in the beginning, which only prepares it.
        let nspawn = self.nspawn.id();
        let children = format!("/proc/{nspawn}/task/{nspawn}/children");
        let children = fs::read_to_string(children).ok()?;
        self.init = children.split_whitespace().next()?.parse().ok()?;
        let state = self.try_run("systemctl is-system-running").ok()?;
        let state = String::from_utf8_lossy(&state.stdout).into_owned();
        ["running", "degraded"]
            .contains(&state.trim())
            .then_some(true)
    }

    fn console(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Runs a line of shell in it, as root.
    pub fn try_run(&self, line: &str) -> std::io::Result<Output> {
        Command::new("nsenter")
            .args(["--target", &self.init.to_string(), "--all", "--"])
            .args([
                "/usr/bin/env",
                "-i",
                "PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin",
            ])
            .args(["/bin/sh", "-c", line])
            .stdin(Stdio::null())
            .output()
    }

    /// The same, for a line that must succeed; gives what it printed.
    pub fn run(&self, line: &str) -> String {
        let output = self.try_run(line).expect("nsenter can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{line}: {}\n{said}\n{}",
            output.status,
            self.journal()
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A property of a unit.
    pub fn show(&self, unit: &str, property: &str) -> String {
        self.run(&format!("systemctl show --value -p {property} {unit}"))
    }

    /// The last lines of its journal.
    pub fn journal(&self) -> String {
        self.try_run("journalctl --no-pager -n 60")
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // At last its first process is killed, and all others with it.
        let _ = self.try_run("systemctl poweroff");
        if wait::within(Duration::from_secs(30), || self.nspawn.try_wait().ok()?).is_none() {
            if self.init != 0 {
                process::signal(self.init, Signal::KILL);
            }
            let _ = self.nspawn.kill();
            let _ = self.nspawn.wait();
        }
    }
}

/// The tree, made once and kept among what was built, and the right to use it.
fn tree() -> Result<(PathBuf, File), String> {
    let target = bins::jobtopd()
        .ancestors()
        .nth(2)
        .ok_or("there is no folder for the tree")?;
    let tree = target.join("nspawn");
    let lock = File::create(target.join("nspawn.lock")).map_err(|error| error.to_string())?;
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(|error| error.to_string())?;
    if tree.exists() {
        return Ok((tree, lock));
    }
    let half = target.join("nspawn.half");
    let _ = fs::remove_dir_all(&half);
    let made = Command::new("debootstrap")
        // systemctl reload runs kill, which procps has; a user's own systemd needs the last two.
        .args([
            "--variant=minbase",
            "--include=systemd,procps,dbus,libpam-systemd,dbus-user-session",
        ])
        .arg(suite().ok_or("this is no Debian, nor of its family")?)
        .arg(&half)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("debootstrap: {error}"))?;
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        return Err(format!(
            "debootstrap: {}",
            said.lines().last().unwrap_or_default()
        ));
    }
    fs::rename(&half, &tree).map_err(|error| error.to_string())?;
    Ok((tree, lock))
}

/// This distribution's release, so that programs that were built here run there.
fn suite() -> Option<String> {
    let release = fs::read_to_string(Path::new("/etc/os-release")).ok()?;
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(name.trim_matches('"').to_owned())
}
