//! Bad networks between the screen, or a runner, and the daemon; `faults` has what a person notices of them, and how soon.

use std::time::Duration;

use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::proxy::{Proxy, Weather};
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use serde_json::{Value, json};

use crate::said::id;

/// A daemon behind a bad network, and the screen before it.
fn far(home: &Home) -> (Daemon, Proxy, Pty) {
    let daemon = home.daemon(Setup::tcp());
    let proxy = Proxy::tcp(daemon.tcp());
    let target = format!("ws://{}", proxy.endpoint().host());
    let screen = Pty::start(
        home,
        (30, 140),
        &[&bins::jobtop().to_string_lossy(), "--target", &target],
    );
    (daemon, proxy, screen)
}

fn progress(daemon: &Daemon, job: &str, progress: f64) {
    let answer = daemon.post(
        &format!("/api/jobs/{job}/progress"),
        &json!({"progress": progress}),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn connected(text: &str) -> bool {
    text.contains("connected") && !text.contains("reconnecting") && !text.contains("not connected")
}

#[test]
fn cut_refused_and_let_in_again() {
    let home = Home::new();
    let (daemon, proxy, screen) = far(&home);
    let job = id(&daemon.create(&json!({"type": "etl", "name": "far-away"})));
    screen.wait_text("far-away");
    progress(&daemon, &job, 10.0);
    screen.wait_text("10.0%");

    proxy.refuse(true);
    proxy.cut();
    screen.wait_for("the loss to be said", |text| {
        text.contains("next attempt in") || text.contains("retry in")
    });
    progress(&daemon, &job, 20.0);
    let gone = id(&daemon.create(&json!({"type": "etl", "name": "made-meanwhile"})));
    daemon.act(&gone, "cancel");
    proxy.refuse(false);
    let text = screen.wait_for("all that was missed", |text| {
        text.contains("20.0%") && text.contains("made-meanwhile")
    });
    assert!(connected(&text), "{text}");

    for _ in 0..3 {
        let before = proxy.accepted();
        proxy.cut();
        wait::until("the screen to come back", || {
            (proxy.accepted() > before).then_some(())
        });
    }
    progress(&daemon, &job, 30.0);
    screen.wait_text("30.0%");
}

#[test]
fn slow_and_byte_by_byte() {
    let home = Home::new();
    let (daemon, proxy, mut screen) = far(&home);
    let job = id(&daemon.create(&json!({"type": "etl", "name": "slowly"})));
    screen.wait_text("slowly");
    proxy.weather(Weather::Slow(Duration::from_millis(300)));
    progress(&daemon, &job, 50.0);
    screen.wait_text("50.0%");
    screen.press("p");
    screen.wait_for("the pause to arrive", |text| text.contains("paus"));
    wait::until("the daemon to hear of it", || {
        (daemon.job(&job)["status"] == "paused").then_some(())
    });
    proxy.weather(Weather::Trickle(Duration::from_micros(500)));
    progress_refused_or_done(&daemon, &job);
    screen.wait_text("60.0%");
}

/// A paused job may still report what it had done.
fn progress_refused_or_done(daemon: &Daemon, job: &str) {
    daemon.act(job, "resume");
    progress(daemon, job, 60.0);
}

#[test]
fn the_wrong_thing_answers() {
    let home = Home::new();
    // A port that nobody listens on, and one where something listens that never answers.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = closed.local_addr().expect("its address");
    drop(closed);
    let target = format!("ws://{addr}");
    let output = home.run(&["--target", &target, "ls"]);
    assert_eq!(
        output.status.code(),
        Some(6),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.stdout.is_empty());

    let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let target = format!("ws://{}", mute.local_addr().expect("its address"));
    let mut screen = Pty::start(
        &home,
        (30, 140),
        &[&bins::jobtop().to_string_lossy(), "--target", &target],
    );
    screen.wait_text("connecting");
    screen.press("q");
    assert_eq!(screen.left().code, 0, "no key waits for the network");
}

#[test]
fn a_runner_on_a_bad_network_loses_nothing() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let proxy = Proxy::tcp(daemon.tcp());
    let target = format!("ws://{}", proxy.endpoint().host());
    let gate = home.work().join("gate");
    let script = format!(
        "while [ ! -e {} ]; do sleep 0.02; done; exit 4",
        gate.display()
    );
    let mut run = home
        .jobtop(&[
            "run", "--target", &target, "--name", "held", "--", "sh", "-c", &script,
        ])
        .spawn()
        .expect("jobtop can be started");
    let job = |what: &str, fits: &dyn Fn(&Value) -> bool| {
        wait::until(what, || {
            let jobs = daemon.get("/api/jobs").json();
            jobs["jobs"].get(0).filter(|job| fits(job)).cloned()
        })
    };
    job("the job", &|job| job["status"] == "running");
    for _ in 0..2 {
        proxy.cut();
        job("it stalled", &|job| !job["stalledSince"].is_null());
        job("it adopted", &|job| job["stalledSince"].is_null());
    }
    proxy.refuse(true);
    proxy.cut();
    job("it stalled", &|job| !job["stalledSince"].is_null());
    std::fs::write(&gate, "").expect("a file");
    proxy.refuse(false);
    let ended = job("its end", &|job| job["status"] == "failed");
    assert_eq!(ended["errorDetail"]["exitCode"], 4, "{ended}");
    assert_eq!(
        daemon.get("/api/jobs").json()["jobs"]
            .as_array()
            .map(Vec::len),
        Some(1),
        "never made twice"
    );
    assert_eq!(wait::ended(&mut run).code(), Some(4));
}
