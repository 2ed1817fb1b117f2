//! Waiting for a condition, never for a time.

use std::process::{Child, ExitStatus, Output};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::process::{self, Signal};

/// How long anything may take before it counts as broken. It is a bound, not a delay: what is there at once costs nothing.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Asks again and again until there is an answer; panics with `what` when the deadline has passed.
pub fn until<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, probe).unwrap_or_else(|| panic!("waited {DEADLINE:?} in vain for {what}"))
}

/// Asks again and again until there is an answer, or until `time` has passed.
pub fn within<T>(time: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + time;
    loop {
        if let Some(found) = probe() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for a child's end; one that does not end is killed, and the test fails.
pub fn ended(child: &mut Child) -> ExitStatus {
    let status = within(DEADLINE, || child.try_wait().ok().flatten());
    status.unwrap_or_else(|| {
        let _ = child.kill();
        panic!("waited {DEADLINE:?} in vain for the end of a command")
    })
}

/// The same, with what it wrote where its streams are pipes. All that hold these must end, not the child alone.
pub fn output(child: Child) -> Output {
    output_within(child, DEADLINE)
}

/// The same, for what may take longer than a test should.
pub fn output_within(child: Child, time: Duration) -> Output {
    let pid = i32::try_from(child.id()).expect("a pid is small");
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let output = ended.recv_timeout(time).unwrap_or_else(|_| {
        process::signal(pid, Signal::KILL);
        panic!("waited {time:?} in vain for the end of a command and of what it wrote")
    });
    output.expect("its output can be read")
}
