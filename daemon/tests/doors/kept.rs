//! What is kept over an end and over a crash, and who may open it.

use rustix::process::Signal;

use crate::daemon::{Daemon, Home};

#[test]
fn what_was_acknowledged_is_there_again() {
    for signal in [Signal::TERM, Signal::KILL] {
        let daemon = Daemon::open();
        let ids = [daemon.job("ann"), daemon.job("bob")];
        daemon.post(&format!("/api/jobs/{}/complete", ids[0]), "");
        daemon.signal(signal);
        let (_, _, home) = daemon.wait();
        let again = home.start(&["--listen", "127.0.0.1:0", "--auth", "none"]);
        for (id, status) in ids.iter().zip(["completed", "running"]) {
            let job = again.get(&format!("/api/jobs/{id}")).job();
            assert_eq!(job["status"], status, "{signal:?}");
        }
    }
}

#[test]
fn a_second_daemon_is_told_who_was_first() {
    let first = Daemon::open();
    let (code, said) = first.home.refusal(&[]);
    assert_eq!(code, 1);
    assert!(said.contains("already uses"), "{said}");
    assert_eq!(first.get("/healthz").status, 200);
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    let home = Home::new();
    let daemon = home.start(&[]);
    daemon.signal(Signal::TERM);
    let (_, _, home) = daemon.wait();
    let format = home.path("data/FORMAT");
    let known = std::fs::read_to_string(&format).unwrap();
    let newer = known.replace(|c: char| c.is_ascii_digit(), "9");
    std::fs::write(&format, &newer).unwrap();
    let (code, said) = home.refusal(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("format"), "{said}");
    assert_eq!(std::fs::read_to_string(&format).unwrap(), newer);
}
