//! The signals that are sent to us and meant for the command. What our caller had set to be ignored (`nohup`, a shell's
//! `&`) stays so, for us and for the command.

use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::proc::Proc;

/// Those passed on. SIGQUIT makes a core of us otherwise; SIGWINCH tells a command in the background the new size.
const PASSED_ON: [libc::c_int; 9] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
    libc::SIGTSTP,
    libc::SIGCONT,
];

/// Streams of signals.
#[derive(Debug)]
pub(crate) struct Signals {
    streams: Vec<(libc::c_int, Signal)>,
}

impl Signals {
    /// Begins to listen.
    pub(crate) fn listen(proc: &Proc) -> io::Result<Self> {
        let ignored = proc.ignored_signals(rustix::process::getpid().as_raw_nonzero().get());
        let streams = PASSED_ON
            .into_iter()
            .filter(|number| ignored & (1 << (number - 1)) == 0)
            .map(|number| Ok((number, signal(SignalKind::from_raw(number))?)))
            .collect::<io::Result<_>>()?;
        Ok(Self { streams })
    }

    /// None at all, for whoever looks after the signals himself.
    pub(crate) const fn none() -> Self {
        Self {
            streams: Vec::new(),
        }
    }

    /// The number of the next one. Nothing is lost when this is dropped while it waits.
    pub(crate) async fn next(&mut self) -> libc::c_int {
        std::future::poll_fn(|cx| {
            for (number, stream) in &mut self.streams {
                if stream.poll_recv(cx).is_ready() {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        })
        .await
    }
}
