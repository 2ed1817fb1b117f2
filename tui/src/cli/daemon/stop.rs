//! `jobtop daemon stop`: asks the process behind the socket to end, and waits until it is gone.

use std::process::ExitCode;

use jobtop_client::Endpoint;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::peer;
use crate::cli::{Global, print, target};
use crate::exit::{Failure, Said};

/// How long a daemon may take to write down what it has.
const PATIENCE_SECONDS: i64 = 60;

/// Stops it.
pub(crate) async fn main(global: &Global) -> Result<ExitCode, Failure> {
    let endpoint = target::endpoint(global)?;
    let Some(pid) = peer::pid(&endpoint)? else {
        return Err(Failure::usage(format!(
            "{endpoint} can't be stopped from here: only a daemon on a Unix socket can"
        ))
        .hint("Stop it on its own machine"));
    };
    // Other programs listen on sockets too, and must not be ended from here.
    peer::welcome(&endpoint).await.map_err(|failure| {
        let pid = pid.as_raw_nonzero();
        failure.hint(format!(
            "Process {pid} listens there; end it with kill if it is a jobtopd that hangs"
        ))
    })?;
    // A socket that systemd passed on was still systemd's when we connected; it is the daemon's own once that serves.
    let pid = peer::pid(&endpoint)?.unwrap_or(pid);
    // Held before the signal is sent, so that the process waited for is the one that was signalled.
    let process = rustix::process::pidfd_open(pid, PidfdFlags::empty())
        .map_err(|error| unstoppable(&endpoint, pid, error))?;
    rustix::process::pidfd_send_signal(&process, Signal::TERM)
        .map_err(|error| unstoppable(&endpoint, pid, error))?;
    let pid = pid.as_raw_nonzero();
    let deadline = Timespec {
        tv_sec: PATIENCE_SECONDS,
        tv_nsec: 0,
    };
    // The file of a process becomes readable when it is gone. Nothing else is done meanwhile.
    let gone = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&deadline))
        .map_err(|error| Failure::failed(format!("The daemon can't be waited for: {error}")))?;
    if gone == 0 {
        return Err(Failure::failed(format!(
            "The daemon (pid {pid}) was asked to stop and still runs after {PATIENCE_SECONDS} s"
        ))
        .hint("It may have a lot to write; look at its log"));
    }
    print::note(&format!(
        "jobtop: the daemon at {endpoint} (pid {pid}) has stopped"
    ));
    Ok(ExitCode::SUCCESS)
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
