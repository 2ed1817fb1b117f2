//! `jobtop daemon stop`: asks the process behind the socket to end, and waits until it is gone.

use std::process::ExitCode;
use std::time::Duration;

use jobtop_client::Endpoint;
use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::peer;
use crate::cli::{Global, print, target};
use crate::exit::{Failure, Said};

/// How long a daemon may take to write down what it has.
const PATIENCE: Duration = Duration::from_secs(60);

/// Stops it.
pub(crate) async fn main(global: &Global) -> Result<ExitCode, Failure> {
    let endpoint = target::endpoint(global)?;
    let Some(pid) = peer::pid(&endpoint)? else {
        return Err(Failure::usage(format!(
            "{endpoint} can't be stopped from here: only a daemon on a Unix socket can"
        ))
        .hint("Stop it on its own machine"));
    };
    // Held before the signal is sent, so that the process waited for is the one that was signalled.
    let process = rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK)
        .map_err(|error| unstoppable(&endpoint, pid, error))?;
    rustix::process::pidfd_send_signal(&process, Signal::TERM)
        .map_err(|error| unstoppable(&endpoint, pid, error))?;
    let gone = AsyncFd::with_interest(process, Interest::READABLE)
        .map_err(|error| Failure::failed(format!("The daemon can't be waited for: {error}")))?;
    let pid = pid.as_raw_nonzero();
    match tokio::time::timeout(PATIENCE, gone.readable()).await {
        Ok(_) => {
            print::note(&format!(
                "jobtop: the daemon at {endpoint} (pid {pid}) has stopped"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(_) => Err(Failure::failed(format!(
            "The daemon (pid {pid}) was asked to stop and still runs after {} s",
            PATIENCE.as_secs()
        ))
        .hint("It may have a lot to write; look at its log")),
    }
}

fn unstoppable(endpoint: &Endpoint, pid: Pid, error: rustix::io::Errno) -> Failure {
    let said = Said::new(format!(
        "The daemon at {endpoint} (pid {}) can't be stopped: {error}",
        pid.as_raw_nonzero()
    ));
    if error == rustix::io::Errno::PERM {
        Failure::NotAllowed(said.hint("It runs under another account"))
    } else {
        Failure::Failed(said)
    }
}
