//! What is measured: the daemon, or a bare program in its place. Each is a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::process;
use jobtop_e2e::wire::Endpoint;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A running server.
#[derive(Debug)]
pub(crate) struct Subject {
    endpoint: Endpoint,
    server: Server,
}

#[derive(Debug)]
enum Server {
    // The daemon first, so that it ends before its home goes.
    Daemon(Daemon, Home),
    Limit(Child),
}

impl Subject {
    /// The daemon, with its store, on TCP.
    pub(crate) fn daemon() -> Self {
        let home = Home::new();
        let daemon = home.daemon(Setup::tcp());
        Self {
            endpoint: daemon.tcp(),
            server: Server::Daemon(daemon, home),
        }
    }

    /// The daemon with those settings.
    pub(crate) fn daemon_with(settings: &str) -> Self {
        let home = Home::new();
        home.configure(settings);
        let daemon = home.daemon(Setup::tcp());
        Self {
            endpoint: daemon.tcp(),
            server: Server::Daemon(daemon, home),
        }
    }

    /// The daemon on the store in that folder.
    pub(crate) fn daemon_on(store: &Path) -> Self {
        let home = Home::new();
        let setup = Setup::tcp().arg("--data-dir").arg(store.to_string_lossy());
        let daemon = home.daemon(setup);
        Self {
            endpoint: daemon.tcp(),
            server: Server::Daemon(daemon, home),
        }
    }

    /// The bare program that `limit WORDS…` runs.
    pub(crate) fn limit(words: &[&str]) -> Self {
        // Itself, also where the programs were built anew meanwhile and its file is another one.
        let mut child = Command::new("/proc/self/exe")
            .arg("limit")
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let out = child.stdout.take().expect("stdout is a pipe");
        let mut line = String::new();
        BufReader::new(out)
            .read_line(&mut line)
            .expect("it says where it listens");
        let addr = line
            .trim()
            .strip_prefix("ready ")
            .and_then(|addr| addr.parse().ok());
        let addr = addr.unwrap_or_else(|| panic!("a limit said {line:?}"));
        Self {
            endpoint: Endpoint::Tcp(addr),
            server: Server::Limit(child),
        }
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) const fn is_limit(&self) -> bool {
        matches!(self.server, Server::Limit(_))
    }

    /// The daemon's home, where it has one.
    pub(crate) const fn home(&self) -> Option<&Home> {
        match &self.server {
            Server::Daemon(_, home) => Some(home),
            Server::Limit(_) => None,
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        match &self.server {
            Server::Daemon(daemon, _) => daemon.pid(),
            Server::Limit(child) => i32::try_from(child.id()).expect("a pid is small"),
        }
    }

    /// CPU time so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        process::cpu_seconds(self.pid())
    }

    /// Resident memory in MiB.
    pub(crate) fn resident(&self) -> f64 {
        process::resident_kib(self.pid(), false) as f64 / 1024.0
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Server::Limit(child) = &mut self.server {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A thousand viewers need more than a thousand descriptors; children inherit the limit.
pub(crate) fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = Some(maximum.unwrap_or(65_536).min(65_536));
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: wanted,
            maximum,
        },
    );
}
