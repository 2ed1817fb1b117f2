//! The daemon's own beginning and end: what it says when it can't start, what survives when it is killed, how it leaves.

use std::process::{Output, Stdio};

use jobtop_e2e::bins;
use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use jobtop_e2e::ws::Next;
use serde_json::{Value, json};

use crate::said::id;

/// Runs `jobtopd ARGS…` to an end that must come by itself.
fn start_in_vain(home: &Home, args: &[&str]) -> Output {
    let mut child = home
        .command(bins::jobtopd())
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("jobtopd can be started");
    wait::until("jobtopd to give up", || child.try_wait().ok().flatten());
    wait::output(child)
}

/// One sentence what, one what to do, nothing on stdout, an exit code that is no panic's.
fn refused(output: &Output, code: i32, mentions: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(output.stdout.is_empty(), "nothing but ready goes to stdout");
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert!((1..=4).contains(&lines.len()), "{said}");
    for mention in mentions {
        assert!(
            said.to_lowercase().contains(&mention.to_lowercase()),
            "{mention:?} is not in {said}"
        );
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_socket_that_another_daemon_serves() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let data = home.path().join("other-data");
    let output = start_in_vain(&home, &["--data-dir", &data.to_string_lossy()]);
    refused(&output, 1, &[&home.socket().to_string_lossy()]);
    assert_eq!(daemon.get("/healthz").status, 200);
}

#[test]
fn a_port_that_is_in_use() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("its address").to_string();
    let output = start_in_vain(&home, &["--listen", &addr, "--auth", "none"]);
    refused(&output, 1, &[&addr]);
}

#[test]
fn a_data_directory_that_can_t_be_one() {
    let home = Home::new();
    let file = home.path().join("file");
    std::fs::write(&file, "x").expect("a file");
    for path in [file.clone(), file.join("below")] {
        let output = start_in_vain(&home, &["--data-dir", &path.to_string_lossy()]);
        refused(&output, 1, &[&path.to_string_lossy()]);
    }
    assert_eq!(
        std::fs::read(&file).ok().as_deref(),
        Some(&b"x"[..]),
        "what is there is not touched"
    );
}

fn walk(dir: &std::path::Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let meta = entry.metadata().expect("its size");
        if meta.is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push((entry.path(), meta.len()));
        }
    }
    found
}

#[test]
fn command_lines_that_make_no_sense() {
    let home = Home::new();
    for args in [
        &["--no-such-flag"][..],
        &["--listen", "nowhere", "--auth", "none"],
        &["--listen", "0.0.0.0:0", "--auth", "none"],
        &["--auth", "nobody"],
        &["--retention", "soon"],
        &[
            "--allow-origin",
            "not a url",
            "--listen",
            "127.0.0.1:0",
            "--auth",
            "none",
        ],
    ] {
        let output = start_in_vain(&home, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(
            !said.trim().is_empty() && !said.contains("panicked"),
            "{args:?}: {said}"
        );
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn nothing_is_spoken_in_the_clear_beyond_loopback() {
    let home = Home::new();
    let output = start_in_vain(&home, &["--listen", "http://0.0.0.0:0"]);
    refused(&output, 2, &["read along", "https://"]);
}

#[test]
fn a_configuration_with_a_mistake() {
    let home = Home::new();
    home.configure("retentoin = \"30d\"\n");
    let output = start_in_vain(&home, &[]);
    refused(&output, 2, &["jobtopd.toml", "retentoin"]);
}

#[test]
fn what_is_kept_is_its_owner_s_alone() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    daemon.create(&json!({"type": "etl"}));
    let mode = |path: &std::path::Path| {
        std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(path).expect("it is there").permissions(),
        ) & 0o777
    };
    assert_eq!(mode(&home.socket()) & 0o077, 0, "the socket");
    assert_eq!(mode(&home.data()) & 0o077, 0, "the store");
    for (path, _) in walk(&home.data()) {
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn interrupted_it_leaves_as_when_terminated() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    daemon.signal(Signal::INT);
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.stderr());
}

#[test]
fn a_socket_left_over_from_a_kill_is_no_hindrance() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    daemon.kill();
    assert!(home.socket().exists());
    daemon.start_again();
    assert_eq!(daemon.get("/readyz").status, 200);
    assert_eq!(
        daemon.get("/api/jobs").json()["jobs"],
        Value::Array(Vec::new())
    );
}

#[test]
fn over_the_unix_socket_everybody_is_who_they_are() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut ws = jobtop_e2e::ws::Ws::connect(&daemon.unix());
    let welcome = ws.welcome();
    assert_eq!(
        welcome["role"], "admin",
        "the daemon's own account: {welcome}"
    );
    assert_eq!(welcome["protocol"], 1, "{welcome}");
    let name = welcome["userId"].as_str().expect("a name").to_owned();
    assert_eq!(
        daemon.create(&json!({"type": "etl"}))["userId"],
        name.as_str()
    );
}

#[test]
fn a_data_directory_that_another_daemon_holds() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let socket = home.path().join("other.sock");
    let output = start_in_vain(&home, &["--socket", &socket.to_string_lossy()]);
    refused(&output, 1, &[&home.data().to_string_lossy(), "another"]);
    assert_eq!(daemon.get("/healthz").status, 200);
}

#[test]
fn a_store_of_a_newer_daemon() {
    let home = Home::new();
    drop(home.daemon(Setup::unix()));
    let format = home.data().join("FORMAT");
    let old = std::fs::read_to_string(&format).expect("the store says its format");
    let newer = old.replace(|c: char| c.is_ascii_digit(), "9");
    assert_ne!(old, newer, "a format has a number: {old:?}");
    std::fs::write(&format, &newer).expect("it can be changed");
    let files = || {
        let mut names: Vec<_> = walk(&home.data());
        names.sort();
        names
    };
    let before = files();
    let output = start_in_vain(&home, &[]);
    refused(&output, 1, &["newer"]);
    assert_eq!(files(), before, "a newer store is not touched");
    std::fs::write(&format, old).expect("it can be changed back");
    drop(home.daemon(Setup::unix()));
}

#[test]
fn killed_under_load_it_has_lost_nothing_that_it_acknowledged() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::tcp());
    let mut acknowledged: Vec<(String, &str)> = Vec::new();
    let mut epochs = Vec::new();
    for round in 0..3 {
        let mut load = daemon.ws();
        let busy = id(&load.ok(json!({"type": "create_job", "jobType": "etl"}))["job"]);
        let mut ws = daemon.ws();
        epochs.push(ws.subscribe("jobs", &json!({}))["epoch"].clone());
        let target = process::Signal::KILL;
        for number in 0..20 {
            load.send(&json!({"type": "update_progress", "jobId": busy, "metrics": {"processedItems": number}}));
            let job = id(&ws.ok(
                json!({"type": "create_job", "jobType": "etl", "capabilities": {"cancel": true}}),
            )["job"]);
            let last = match number % 4 {
                0 => "running",
                1 => {
                    ws.ok(json!({"type": "pause_job", "jobId": job}));
                    "paused"
                }
                2 => {
                    ws.ok(json!({"type": "fail_job", "jobId": job, "error": "x"}));
                    "failed"
                }
                _ => {
                    ws.ok(json!({"type": "complete_job", "jobId": job}));
                    "completed"
                }
            };
            acknowledged.push((job, last));
        }
        // Killed with requests under way: what was not acknowledged may or may not be there, but whole.
        for _ in 0..50 {
            ws.send(&json!({"type": "create_job", "jobType": "etl", "requestId": round}));
        }
        daemon.signal(target);
        while let Next::Message(message) = ws.next_within(wait::DEADLINE) {
            if message["type"] == "ok" {
                acknowledged.push((id(&message["job"]), "running"));
            }
        }
        daemon.ended();
        daemon.start_again();
        let mut seen = std::collections::HashMap::new();
        for job in daemon.get("/api/jobs?limit=1000").json()["jobs"]
            .as_array()
            .expect("jobs")
        {
            assert!(
                seen.insert(id(job), job["status"].clone()).is_none(),
                "a job is there twice"
            );
        }
        for (job, status) in &acknowledged {
            assert_eq!(
                seen.get(job),
                Some(&json!(status)),
                "{job} after kill {round}"
            );
        }
    }
    epochs.push(daemon.ws().subscribe("jobs", &json!({}))["epoch"].clone());
    epochs.dedup();
    assert_eq!(epochs.len(), 4, "every start is a new epoch: {epochs:?}");
}

#[test]
fn terminated_it_says_goodbye_keeps_all_and_exits_0() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::tcp());
    let job = id(&daemon.create(&json!({"type": "etl", "name": "kept"})));
    let mut ws = daemon.ws();
    daemon.post(
        &format!("/api/jobs/{job}/progress"),
        &json!({"progress": 77}),
    );
    assert_eq!(daemon.terminate().code(), Some(0), "{}", daemon.stderr());
    assert_eq!(ws.end(), Some(1001), "going away");
    assert!(!home.socket().exists(), "the socket is gone with it");
    daemon.start_again();
    let kept = daemon.job(&job);
    assert_eq!(
        (&kept["name"], &kept["progress"]),
        (&json!("kept"), &json!(77)),
        "a drain loses not even progress"
    );
}

#[test]
fn a_daemon_at_a_terminal_that_hangs_up_ends_in_order() {
    let home = Home::new();
    let daemon = bins::jobtopd().display().to_string();
    let terminal = Pty::start(&home, (24, 200), &[&daemon]);
    terminal.wait_text("ready unix:");
    terminal.signal(Signal::HUP);
    terminal.wait_text("SIGHUP: going down");
    assert_eq!(terminal.left().code, 0);
}
