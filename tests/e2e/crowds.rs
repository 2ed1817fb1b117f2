//! Connections that come in crowds, say nothing, or use up what the daemon has: those who behave are served all the same.

use std::io::{Read, Write};
use std::time::Duration;

use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::wait;
use jobtop_e2e::wire::Wire;
use jobtop_e2e::{http, process};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

#[test]
fn half_said_requests_hold_nobody_up() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let silent: Vec<Wire> = (0..200)
        .map(|number| {
            let mut wire = daemon.tcp().connect().expect("the daemon listens");
            let said = &b"GET /api/jobs HTTP/1.1\r\nHost: loc"[..number % 34];
            wire.write_all(said).expect("it takes bytes");
            wire
        })
        .collect();
    for _ in 0..10 {
        assert_eq!(daemon.get("/api/jobs").status, 200);
    }
    let mut ws = daemon.ws();
    ws.settle();
    drop(silent);
}

#[test]
fn with_no_descriptor_left_it_waits_for_one_and_does_not_spin() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut ws = daemon.ws();
    let pid = Pid::from_raw(daemon.pid());
    let open = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
        .expect("its descriptors")
        .count() as u64;
    let limit = |current: u64| Rlimit {
        current: Some(current),
        maximum: Some(20_000),
    };
    prlimit(pid, Resource::Nofile, limit(open + 8)).expect("its limit can be set");
    let crowd: Vec<Wire> = (0..60)
        .filter_map(|_| daemon.tcp().connect().ok())
        .collect();
    ws.settle();
    let before = process::cpu_seconds(daemon.pid());
    // A second in which it can only wait: spinning would take all of it.
    std::thread::sleep(Duration::from_secs(1));
    let used = process::cpu_seconds(daemon.pid()) - before;
    assert!(used < 0.3, "it took {used} s of a second to wait");
    ws.settle();
    drop(crowd);
    assert_eq!(
        daemon.get("/healthz").status,
        200,
        "served as soon as there is room"
    );
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let count = || {
        std::fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
            .expect("its descriptors")
            .count()
    };
    daemon.ws().settle();
    wait::until("the first to be gone", || {
        (daemon.get("/healthz").status == 200).then_some(())
    });
    let before = count();
    for number in 0..150 {
        let mut ws = daemon.ws();
        ws.send(&json!({"type": "subscribe", "channel": "jobs", "snapshot": true}));
        match number % 3 {
            0 => ws.cut(),
            1 => drop(ws),
            _ => {
                ws.send_frame(jobtop_e2e::ws::close(1000));
                ws.end();
            }
        }
    }
    wait::until("their descriptors to be given back", || {
        (count() <= before + 1).then_some(())
    });
}

#[test]
fn a_request_a_byte_at_a_time_is_a_request() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut wire = daemon.tcp().connect().expect("the daemon listens");
    wire.set_read_timeout(Some(wait::DEADLINE))
        .expect("a timeout can be set");
    let request = format!(
        "GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        daemon.tcp().host()
    );
    for byte in request.bytes() {
        wire.write_all(&[byte]).expect("it takes a byte");
    }
    let mut answer = String::new();
    wire.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(
        http::request(&daemon.tcp(), "GET", "/healthz", &[], b"").status,
        200
    );
}
