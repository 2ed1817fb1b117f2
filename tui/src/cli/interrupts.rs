//! The signals that end us by way of a farewell: Ctrl-C and its like. What our caller had set to be ignored stays so.

use std::task::Poll;

use jobtop_runner::proc::Proc;
use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Those that ask for an end.
const ENDING: [Number; 3] = [Number::INT, Number::TERM, Number::HUP];

/// Streams of signals.
#[derive(Debug)]
pub(crate) struct Interrupts {
    streams: Vec<(i32, Signal)>,
}

/// Begins to listen. One that can't be listened to ends us as it always did.
pub(crate) fn listen() -> Interrupts {
    let ignored = Proc::default().ignored_signals(rustix::process::getpid().as_raw_nonzero().get());
    let streams = ENDING
        .into_iter()
        .map(Number::as_raw)
        .filter(|number| ignored & (1 << (number - 1)) == 0)
        .filter_map(|number| Some((number, signal(SignalKind::from_raw(number)).ok()?)))
        .collect();
    Interrupts { streams }
}

impl Interrupts {
    /// The number of the next one. Nothing is lost when this is dropped while it waits.
    pub(crate) async fn next(&mut self) -> i32 {
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
