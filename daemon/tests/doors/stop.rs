//! How it ends.

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, client};

use crate::daemon::{Daemon, Home, until};
use crate::wire::{JSON, read_reply, request};

const OPEN: [&str; 4] = ["--listen", "127.0.0.1:0", "--auth", "none"];

#[test]
fn a_signal_ends_it_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let daemon = Daemon::open();
        daemon.job("ann");
        let url = format!("ws://{}/progress", daemon.addr());
        let (mut viewer, _) = client(url, daemon.tcp()).unwrap();
        let (mut local, _) = client("ws://localhost/progress", daemon.unix()).unwrap();
        // An idle connection is no reason to wait.
        let _idle = daemon.tcp();
        let start = Instant::now();
        daemon.signal(signal);
        for socket_end in [farewell(|| viewer.read()), farewell(|| local.read())] {
            assert_eq!(socket_end, CloseCode::Away);
        }
        drop((viewer, local));
        let (status, printed, home) = daemon.wait();
        assert_eq!(status.code(), Some(0), "{}", home.stderr());
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(printed, "", "nothing but the one line on stdout");
        assert!(!home.socket().exists());
    }
}

fn farewell(
    mut read: impl FnMut() -> Result<Message, tokio_tungstenite::tungstenite::Error>,
) -> CloseCode {
    loop {
        if let Message::Close(frame) = read().unwrap() {
            return frame.unwrap().code;
        }
    }
}

#[test]
fn a_request_under_way_is_answered() {
    let daemon = Daemon::open();
    let body = b"{\"type\":\"csv_processing\"}";
    let whole = request("POST", "/api/jobs", &[JSON], body);
    let mut stream = daemon.tcp();
    let (first, rest) = whole.split_at(whole.len() - 5);
    stream.write_all(first).unwrap();
    // The next request is answered after that one was taken in.
    assert_eq!(daemon.get("/healthz").status, 200);
    daemon.signal(Signal::TERM);
    daemon.said("going down");
    stream.write_all(rest).unwrap();
    assert_eq!(read_reply(&mut stream).status, 201);
    assert!(daemon.wait().0.success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let daemon = Daemon::open();
    let mut stream = daemon.tcp();
    let head = request("POST", "/api/jobs", &[JSON, ("Content-Length", "9")], b"");
    stream.write_all(&head).unwrap();
    assert_eq!(daemon.get("/healthz").status, 200);
    let start = Instant::now();
    daemon.signal(Signal::TERM);
    daemon.said("going down");
    daemon.signal(Signal::TERM);
    let (status, _, home) = daemon.wait();
    assert_eq!(status.code(), Some(1));
    assert!(home.stderr().contains("ending at once"));
    assert!(start.elapsed() < Duration::from_millis(1_500));
}

#[test]
fn a_client_that_hangs_does_not_hold_it() {
    let daemon = Daemon::open();
    let mut stream = daemon.tcp();
    let head = request("POST", "/api/jobs", &[JSON, ("Content-Length", "9")], b"");
    stream.write_all(&head).unwrap();
    assert_eq!(daemon.get("/healthz").status, 200);
    let start = Instant::now();
    daemon.signal(Signal::TERM);
    let (status, _, home) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{}", home.stderr());
    assert!(start.elapsed() < Duration::from_secs(5));
    until("the socket is gone", || !home.socket().exists());
}

#[test]
fn a_hangup_without_a_terminal_has_the_settings_read_anew_and_ends_nothing() {
    let home = Home::new();
    // A session of its own has no terminal, whatever the tests are run at.
    let command = home.started_by(Command::new("setsid"), &OPEN);
    let daemon = home.launch(command);
    daemon.signal(Signal::HUP);
    daemon.said("SIGHUP: the settings were read anew");
    assert_eq!(daemon.get("/healthz").status, 200);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().0.code(), Some(0));
}

#[test]
fn a_hangup_that_was_ignored_stays_ignored() {
    let home = Home::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
    let command = home.started_by(shell, &OPEN);
    let daemon = home.launch(command);
    daemon.signal(Signal::HUP);
    assert_eq!(daemon.get("/healthz").status, 200);
    daemon.signal(Signal::TERM);
    let (status, _, home) = daemon.wait();
    assert_eq!(status.code(), Some(0));
    assert!(!home.stderr().contains("SIGHUP"), "{}", home.stderr());
}
