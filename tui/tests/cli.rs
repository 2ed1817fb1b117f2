//! The commands as people and scripts meet them: what they print where, and their exit codes, with a real daemon in a
//! home of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A home in which nothing is but what a test puts there; its daemon, if one was started, ends with it.
struct Home(TempDir);

/// What a command did.
#[derive(Debug)]
struct Did {
    code: i32,
    out: String,
    err: String,
}

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let runtime = home.0.path().join("run");
        std::fs::create_dir(&runtime).unwrap();
        home
    }

    /// A home with a daemon that serves.
    fn with_daemon() -> Self {
        let home = Self::new();
        let did = home.does(&["daemon", "start"]);
        assert_eq!((did.code, did.out.as_str()), (0, ""), "{did:?}");
        home
    }

    fn socket(&self) -> PathBuf {
        self.0.path().join("run/jobtop/jobtopd.sock")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jobtop"));
        let path = |name: &str| self.0.path().join(name);
        command
            .args(args)
            .env("HOME", self.0.path())
            .env("TMPDIR", self.0.path())
            .env("XDG_RUNTIME_DIR", path("run"))
            .env("XDG_STATE_HOME", path("state"))
            .env("XDG_CONFIG_HOME", path("config"))
            .env("XDG_DATA_HOME", path("share"))
            .timeout(std::time::Duration::from_secs(60));
        for name in ["JOBTOP_TARGET", "NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command
    }

    fn does(&self, args: &[&str]) -> Did {
        let output = self.command(args).output().unwrap();
        Did {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What a command prints as JSON.
    fn json(&self, args: &[&str]) -> Value {
        let did = self.does(args);
        serde_json::from_str(&did.out).unwrap_or_else(|error| panic!("{error}: {did:?}"))
    }

    /// One HTTP call to the daemon, as any program may make it; the answer's `job`.
    fn post(&self, path: &str, body: &str) -> Value {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        serde_json::from_str::<Value>(body).unwrap()["job"].clone()
    }

    /// A new job's id.
    fn job(&self, body: &str) -> String {
        self.post("/api/jobs", body)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.socket().exists() {
            self.does(&["daemon", "stop"]);
        }
    }
}

#[test]
fn help_and_version_are_answers() {
    let home = Home::new();
    let help = home.does(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    for command in [
        "attach",
        "run",
        "ls",
        "show",
        "wait",
        "pause",
        "resume",
        "cancel",
        "retry",
        "priority",
        "daemon",
        "demo",
        "completions",
    ] {
        let named = help
            .out
            .lines()
            .any(|line| line.trim_start().starts_with(command));
        assert!(named, "{command} is not in\n{}", help.out);
        assert_eq!(home.does(&[command, "--help"]).code, 0, "{command}");
    }
    let version = home.does(&["--version"]);
    assert_eq!(
        version.out,
        format!("jobtop {}\n", env!("CARGO_PKG_VERSION"))
    );
    let script = home.does(&["completions", "bash"]);
    assert!(
        script.code == 0 && script.out.contains("complete -F"),
        "{script:?}"
    );
}

#[test]
fn a_wrong_command_line_is_2_and_says_what_would_be_right() {
    let home = Home::new();
    for (args, says) in [
        (&["frobnicate"][..], "frobnicate"),
        (&["show"], "ID"),
        (&["ls", "--json", "--jsonl"], "--jsonl"),
        (&["priority", "x", "high"], "high"),
        (&["attach"], "TARGET"),
        (&["attach", "etl1"], "[targets.etl1]"),
        (&["attach", "etl1:"], "unix:PATH"),
        (&["attach", "http://x:"], "from 1 to 65535"),
        (&["attach", "localhost:7411"], "ws:// or wss:// is missing"),
        (&["ls", "--limit", "0"], "1 or more"),
        (&["priority", "ABCD", "x"], "a whole number"),
        (&["ls", "-type:x"], "jobtop ls -- -type:x"),
        (&["attach", "wss://a:1", "--fingerprint", "x"], "sha256:"),
        (&["--target", "ftp://x", "ls"], "unix:PATH"),
        (&["--target", "ws://host:99999", "ls"], "unix:PATH"),
        (&["--color", "purple", "ls"], "purple"),
        (&["demo", "--csv", "/no/such.csv"], "/no/such.csv"),
        (&["demo", "--rows", "1"], "1"),
        (&["daemon", "run", "--no-such-option"], "--no-such-option"),
        (
            &["--target", "ws://127.0.0.1:9", "daemon", "stop"],
            "Unix socket",
        ),
    ] {
        let did = home.does(args);
        assert_eq!((did.code, did.out.as_str()), (2, ""), "{args:?}: {did:?}");
        assert!(did.err.contains(says), "{args:?}: {did:?}");
    }
}

#[test]
fn without_a_daemon_commands_are_6_and_say_how_to_start_one() {
    let home = Home::new();
    for args in [
        &["ls"][..],
        &["show", "job_01JD8ZAAAAAAAAAAAAAAAAAAAA"],
        &["wait", "job_01JD8ZAAAAAAAAAAAAAAAAAAAA"],
        &["cancel", "job_01JD8ZAAAAAAAAAAAAAAAAAAAA"],
        &["daemon", "status"],
        &["daemon", "stop"],
        &["--target", "unix:/no/such.sock", "ls"],
        &["--target", "ws://127.0.0.1:9", "ls"],
        &["--target", "ws://127.0.0.1:9"],
        &["attach", "ws://127.0.0.1:9"],
    ] {
        let did = home.does(args);
        assert_eq!((did.code, did.out.as_str()), (6, ""), "{args:?}: {did:?}");
        assert_eq!(did.err.lines().count(), 2, "{args:?}: {did:?}");
    }
    let told = home.does(&["ls"]);
    assert!(told.err.contains("jobtop daemon start"), "{told:?}");
    let status = home.does(&["daemon", "status", "--json"]);
    assert_eq!(status.code, 6);
    assert!(status.out.starts_with("{\"running\":false,"), "{status:?}");
    assert!(!home.0.path().join("state").exists(), "nothing was started");
}

#[test]
fn jobtop_without_a_terminal_starts_the_daemon_and_prints_the_table() {
    let home = Home::new();
    let empty = home.does(&[]);
    assert_eq!((empty.code, empty.out.as_str()), (0, ""), "{empty:?}");
    assert!(empty.err.starts_with("No jobs."), "{empty:?}");
    let name = "orders \\u001b[2J.csv";
    home.job(&format!(
        r#"{{"type":"csv_processing","name":"{name}","totalItems":10}}"#
    ));
    let table = home.does(&[]);
    assert_eq!((table.code, table.err.as_str()), (0, ""), "{table:?}");
    let lines: Vec<_> = table.out.lines().collect();
    assert!(
        lines[0].starts_with("STATUS") && lines[0].ends_with("ID"),
        "{table:?}"
    );
    assert!(
        lines[1].contains("running  orders \u{fffd}[2J.csv  csv_processing"),
        "{table:?}"
    );
    assert!(!table.out.contains('\u{1b}'));
}

#[test]
fn the_daemon_is_started_seen_and_stopped() {
    let home = Home::with_daemon();
    let again = home.does(&["daemon", "start"]);
    assert!(
        again.code == 0 && again.err.contains("runs already"),
        "{again:?}"
    );
    let status = home.json(&["daemon", "status", "--json"]);
    assert_eq!(status["running"], true);
    assert_eq!(
        status["endpoint"],
        format!("unix:{}", home.socket().display())
    );
    assert_eq!(status["role"], "admin");
    assert_eq!(status["jobs"]["running"], 0);
    assert!(status["pid"].as_i64().unwrap() > 1);
    let page = home.does(&["daemon", "status"]);
    assert!(page.out.contains("\njobs      none\n"), "{page:?}");
    let stopped = home.does(&["daemon", "stop"]);
    assert_eq!((stopped.code, stopped.out.as_str()), (0, ""), "{stopped:?}");
    assert_eq!(home.does(&["daemon", "stop"]).code, 6);
}

#[test]
fn another_program_behind_a_socket_is_not_stopped() {
    let home = Home::new();
    let path = home.0.path().join("other.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    // That program is this test: were it signalled, nobody would be left to say so.
    let did = home.does(&[
        "--target",
        &format!("unix:{}", path.display()),
        "daemon",
        "stop",
    ]);
    assert_eq!(did.code, 6, "{did:?}");
    assert!(did.err.contains(&std::process::id().to_string()), "{did:?}");
}

#[test]
fn of_many_that_start_a_daemon_at_once_all_are_served_by_one() {
    let home = Home::new();
    let pids: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let did = home.does(&["daemon", "start"]);
                    assert_eq!(did.code, 0, "{did:?}");
                    home.json(&["daemon", "status", "--json"])["pid"].clone()
                })
            })
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
}

#[test]
fn listings_are_tables_documents_or_lines() {
    let home = Home::with_daemon();
    let one = home.job(r#"{"type":"csv_processing","name":"one","userId":"ann"}"#);
    let two = home.job(r#"{"type":"api_upload","name":"two","userId":"ben"}"#);
    let all = home.json(&["ls", "--json"]);
    assert_eq!(all["jobs"].as_array().unwrap().len(), 2);
    assert!(all["revision"].is_u64() && all["epoch"].is_u64());
    let lines = home.does(&["ls", "--jsonl", "--limit", "1"]);
    let newest: Value = serde_json::from_str(&lines.out).unwrap();
    assert_eq!(newest["id"], two.as_str());
    let filtered = home.does(&["ls", "user:ann", "status:running"]);
    assert!(
        filtered.out.contains(&one) && !filtered.out.contains(&two),
        "{filtered:?}"
    );
    let none = home.does(&["ls", "status:failed"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""), "{none:?}");
    assert!(
        none.err.starts_with("None of the 2 jobs passes the filter"),
        "{none:?}"
    );
    let negated = home.does(&["ls", "--", "-type:api_upload"]);
    assert!(
        negated.out.contains(&one) && !negated.out.contains(&two),
        "{negated:?}"
    );
    let mistaken = home.does(&["ls", "statsu:failed"]);
    assert_eq!((mistaken.code, mistaken.out.as_str()), (2, ""));
    assert!(
        mistaken.err.contains("did you mean status?"),
        "{mistaken:?}"
    );
    let painted = home.does(&["--color", "always", "ls"]);
    assert!(painted.out.contains("\u{1b}["), "{painted:?}");
}

#[test]
fn a_job_is_shown_controlled_and_waited_for() {
    let home = Home::with_daemon();
    let job = home.job(r#"{"type":"csv_processing","name":"orders.csv","totalItems":200}"#);
    let ending = &job[job.len() - 6..].to_lowercase();
    home.post(
        &format!("/api/jobs/{job}/progress"),
        r#"{"step":2,"metrics":{"processedItems":50},"message":"part 1"}"#,
    );
    let page = home.does(&["show", ending]);
    for part in [
        "orders.csv  ▶ running\n",
        "50 of 200",
        "▶ Processing data",
        "part 1",
    ] {
        assert!(page.out.contains(part), "{part}: {page:?}");
    }
    assert_eq!(
        home.json(&["show", "--json", &job])["job"]["progress"],
        25.0
    );

    let paused = home.does(&["pause", &job]);
    assert_eq!(
        (paused.code, paused.out),
        (0, format!("{job}  pausing…  orders.csv\n"))
    );
    assert_eq!(home.does(&["pause", &job]).code, 5);
    assert_eq!(
        home.json(&["resume", "--json", &job])["job"]["status"],
        "running"
    );
    assert_eq!(home.does(&["retry", &job]).code, 5);

    home.post(
        &format!("/api/jobs/{job}/fail"),
        r#"{"error":"no room","code":"disk","suggestion":"make room","exitCode":7}"#,
    );
    let waited = home.does(&["wait", &job]);
    assert_eq!(
        (waited.code, waited.out),
        (7, format!("{job}  failed  orders.csv\n"))
    );
    let page = home.does(&["show", &job]);
    assert!(
        page.out.contains(
            "\nno room\n  code disk, in step Processing data, exit code 7\n  make room\n"
        ),
        "{page:?}"
    );
    assert_eq!(home.does(&["cancel", &job]).code, 5);
}

#[test]
fn a_job_that_nobody_knows_is_3() {
    let home = Home::with_daemon();
    for args in [
        &["show", "job_01JD8ZAAAAAAAAAAAAAAAAAAAA"][..],
        &["wait", "nothing"],
        &["cancel", "../../etc/passwd"],
        &["pause", "\u{1b}[2J"],
        &["priority", "job_01JD8ZAAAAAAAAAAAAAAAAAAAA", "-1"],
    ] {
        let did = home.does(args);
        assert_eq!((did.code, did.out.as_str()), (3, ""), "{args:?}: {did:?}");
        assert!(did.err.starts_with("jobtop: Job not found: "), "{did:?}");
        assert!(!did.err.contains('\u{1b}'), "{did:?}");
    }
}

#[test]
fn a_pending_job_takes_a_priority_and_a_cancel() {
    let home = Home::with_daemon();
    let job = home.job(r#"{"type":"nightly","status":"pending"}"#);
    assert_eq!(
        home.json(&["priority", "--json", &job, "-3"])["job"]["priority"],
        -3
    );
    let cancelled = home.does(&["cancel", &job]);
    assert_eq!(
        (cancelled.code, cancelled.out),
        (0, format!("{job}  cancelled  nightly\n"))
    );
    assert_eq!(home.does(&["wait", &job]).code, 143);
    assert_eq!(home.does(&["priority", &job, "1"]).code, 5);
    let again = home.json(&["retry", "--json", &job]);
    assert_eq!(again["job"]["retryOf"], job.as_str());
}

#[test]
fn wait_follows_the_feed_until_the_process_of_a_cancelled_job_is_gone() {
    let home = Home::with_daemon();
    let done = home.job(r#"{"type":"nightly","name":"done"}"#);
    let gone = home.job(r#"{"type":"nightly","name":"gone"}"#);
    let mut waiting = std::process::Command::new(env!("CARGO_BIN_EXE_jobtop"))
        .args([
            "--target",
            &format!("unix:{}", home.socket().display()),
            "wait",
            &done,
            &gone,
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(waiting.stdout.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut lines, &mut line).unwrap();
        line
    };
    home.post(&format!("/api/jobs/{gone}/cancel"), "");
    home.post(&format!("/api/jobs/{done}/complete"), "");
    // The cancelled one came first, but its producer has not said that it is gone.
    assert_eq!(line(), format!("{done}  completed  done\n"));
    home.post(
        &format!("/api/jobs/{gone}/ack"),
        r#"{"action":"cancel","ok":true}"#,
    );
    assert_eq!(line(), format!("{gone}  cancelled  gone\n"));
    assert_eq!(waiting.wait().unwrap().code(), Some(143));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let home = Home::with_daemon();
    for _ in 0..3 {
        home.job(r#"{"type":"nightly"}"#);
    }
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_jobtop"))
        .args([
            "--target",
            &format!("unix:{}", home.socket().display()),
            "ls",
        ])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn the_demo_accounts_for_every_row_and_leaves_nothing_behind() {
    let home = Home::new();
    let demo = home.does(&["demo", "--rows", "300"]);
    assert_eq!(demo.code, 0, "{demo:?}");
    assert!(
        demo.out.contains("Every row is accounted for: "),
        "{demo:?}"
    );
    assert_eq!(demo.out.matches("✓ completed").count(), 9, "{demo:?}");
    assert_eq!(demo.out.matches("✗ failed").count(), 1, "{demo:?}");
    assert!(demo.out.contains("Customer Number"), "{demo:?}");
    let mut left: Vec<_> = std::fs::read_dir(home.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.retain(|name| name != "run");
    assert!(left.is_empty(), "{left:?}");
    assert!(
        !home.socket().exists(),
        "the person's own daemon is not touched"
    );
}

#[test]
fn the_demo_takes_a_file_of_ones_own() {
    let home = Home::new();
    let mut text = "Tag;Betrag;Notiz\n".to_owned();
    for day in 1..=28 {
        text.push_str(&day.to_string());
        text.push_str(".11.2026;1.234,50;x\n");
    }
    text.push_str("gestern;1,00;y\n");
    let path = home.0.path().join("ausgaben.csv");
    std::fs::write(&path, text).unwrap();
    let demo = home.does(&["demo", "--csv", path.to_str().unwrap()]);
    assert_eq!(demo.code, 0, "{demo:?}");
    assert!(
        demo.out.contains("85 rows in = 84 out + 1 rejected"),
        "{demo:?}"
    );
}

#[test]
fn a_demo_that_is_killed_leaves_neither_its_daemon_nor_its_files() {
    let home = Home::new();
    let mut demo = std::process::Command::new(env!("CARGO_BIN_EXE_jobtop"))
        .args(["demo", "--rows", "5000"])
        .env("TMPDIR", home.0.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(demo.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("completed") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0);
    }
    let house = || {
        std::fs::read_dir(home.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().contains("jobtop-demo-"))
    };
    let socket = house().unwrap().join("jobtopd.sock");
    assert!(UnixStream::connect(&socket).is_ok());
    demo.kill().unwrap();
    demo.wait().unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while let Some(left) = house() {
        assert!(std::time::Instant::now() < end, "{left:?} is still there");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(UnixStream::connect(&socket).is_err());
}

#[test]
fn a_signal_ends_the_demo_and_it_cleans_up() {
    use rustix::process::Signal;
    for (signal, code) in [(Signal::INT, 130), (Signal::HUP, 129), (Signal::TERM, 143)] {
        let home = Home::new();
        let mut demo = std::process::Command::new(env!("CARGO_BIN_EXE_jobtop"))
            .args(["demo", "--rows", "5000"])
            .env("TMPDIR", home.0.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = std::io::BufReader::new(demo.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("completed") {
            line.clear();
            assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0);
        }
        let pid = rustix::process::Pid::from_child(&demo);
        rustix::process::kill_process(pid, signal).unwrap();
        assert_eq!(demo.wait().unwrap().code(), Some(code));
        let left = std::fs::read_dir(home.0.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name() != "run")
            .count();
        assert_eq!(left, 0);
    }
}
