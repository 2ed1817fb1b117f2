//! `jobtop report`: a shell script is a producer, and the manual's own example is one.

use std::fs;
use std::process::{Command, Output, Stdio};

use jobtop_e2e::bins::{self, workspace};
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::wait;
use serde_json::{Value, json};

use crate::said::id;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it printed, and nothing on stderr.
fn said(output: &Output) -> String {
    let said = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && said.1.is_empty(), "{said:?}");
    said.0
}

/// A failure with that code: a sentence on stderr, nothing on stdout.
fn failed(output: &Output, code: i32) -> String {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(
        output.stdout.is_empty() && error.starts_with("jobtop: "),
        "{error}"
    );
    error
}

fn created(home: &Home, options: &[&str]) -> String {
    let output = home.run(&[&["report", "create", "--type", "etl"], options].concat());
    let printed = said(&output);
    let job = printed.strip_suffix('\n').expect("a line").to_owned();
    assert!(job.starts_with("job_") && !job.contains(char::is_whitespace));
    job
}

#[test]
fn every_word_of_a_producer_can_be_said() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    #[rustfmt::skip]
    let job = created(&home, &[
        "--name", "-nightly-", "--total-items", "20", "--total-bytes", "2000", "--steps", "Reading,Tidying",
        "--status", "pending", "--heartbeat", "30.5", "--queue", "night", "--tag", "a", "--tag", "b",
        "--priority", "-3", "--idempotency-key", "k1",
    ]);
    let made = daemon.job(&job);
    for (field, wanted) in [
        ("type", json!("etl")),
        ("name", json!("-nightly-")),
        ("status", json!("pending")),
        ("steps", json!(["Reading", "Tidying"])),
        ("queue", json!("night")),
        ("tags", json!(["a", "b"])),
        ("priority", json!(-3)),
    ] {
        assert_eq!(made[field], wanted, "{field}");
    }
    assert!(made["host"].is_string(), "{made}");
    assert_eq!(made["metrics"]["totalBytes"], 2000);

    assert_eq!(said(&home.run(&["report", "start", &job])), "");
    assert_eq!(daemon.job(&job)["status"], "running");
    #[rustfmt::skip]
    let moved = home.run(&[
        "report", "progress", &job, "--items", "5", "--bytes", "500", "--errors", "2", "--step", "Tidying",
        "--message", "part 1", "--total-bytes", "4000",
    ]);
    assert_eq!(said(&moved), "");
    let stands = daemon.job(&job);
    let metrics = &stands["metrics"];
    assert_eq!(
        (&stands["progress"], &stands["currentStep"]),
        (&json!(25), &json!(1)),
        "{stands}"
    );
    assert_eq!(
        (
            &metrics["processedItems"],
            &metrics["errorCount"],
            &metrics["totalBytes"]
        ),
        (&json!(5), &json!(2), &json!(4000))
    );
    assert_eq!(stands["message"], "part 1");
    // The end of an id is enough, a number is a step's place, and the given percentage wins.
    #[rustfmt::skip]
    let moved = home.run(&[
        "report", "progress", &job[job.len() - 8..], "--progress", "40.5", "--step", "0", "--total-items", "50",
        "--json",
    ]);
    let answer: Value = serde_json::from_str(&said(&moved)).expect("one document");
    assert_eq!(answer["job"]["progress"], 40.5, "{answer}");
    assert_eq!(answer["job"]["currentStep"], 0, "{answer}");
    assert_eq!(answer["job"]["metrics"]["totalItems"], 50, "{answer}");

    assert_eq!(said(&home.run(&["report", "complete", &job])), "");
    assert_eq!(daemon.job(&job)["status"], "completed");
    failed(&home.run(&["report", "progress", &job, "--items", "6"]), 5);

    let bad = created(&home, &["--no-control"]);
    failed(&home.run(&["pause", &bad]), 5);
    #[rustfmt::skip]
    let ended = home.run(&[
        "report", "fail", &bad, "--error", "--no such table", "--code", "no_table", "--suggestion", "Make it",
        "--exit-code", "9",
    ]);
    assert_eq!(said(&ended), "");
    let detail = &daemon.job(&bad)["errorDetail"];
    for (field, wanted) in [
        ("message", json!("--no such table")),
        ("code", json!("no_table")),
        ("suggestion", json!("Make it")),
        ("exitCode", json!(9)),
    ] {
        assert_eq!(detail[field], wanted, "{detail}");
    }
}

#[test]
fn the_same_key_is_the_same_job() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let key = ["--idempotency-key", "2026-11-24"];
    assert_eq!(created(&home, &key), created(&home, &key));
    assert_eq!(
        daemon.get("/api/jobs").json()["jobs"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn a_script_is_told_what_was_asked_and_answers() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let job = created(&home, &["--total-items", "9"]);
    let asked = || said(&home.run(&["report", "progress", &job, "--items", "1", "--control"]));
    assert_eq!(asked(), "");
    daemon.act(&job, "pause");
    assert_eq!(asked(), "pause\n");
    assert_eq!(
        said(&home.run(&["report", "progress", &job, "--items", "2"])),
        "",
        "only with --control"
    );
    assert_eq!(said(&home.run(&["report", "ack", &job, "pause"])), "");
    assert_eq!(
        (asked(), &daemon.job(&job)["status"]),
        (String::new(), &json!("paused"))
    );
    daemon.act(&job, "resume");
    assert_eq!(asked(), "resume\n");
    said(&home.run(&[
        "report",
        "ack",
        &job,
        "resume",
        "--refused",
        "--message",
        "the disk is full",
    ]));
    let job_now = daemon.job(&job);
    assert_eq!(
        (&job_now["status"], &job_now["message"]),
        (&json!("paused"), &json!("the disk is full"))
    );
    failed(&home.run(&["report", "ack", &job, "resume"]), 5);
    daemon.act(&job, "cancel");
    // A cancelled job takes no report any more, but the script must learn why.
    assert_eq!(asked(), "cancel\n");
    said(&home.run(&["report", "ack", &job, "cancel"]));
    assert!(daemon.job(&job)["control"].is_null());
    failed(&home.run(&["report", "progress", &job, "--control"]), 5);
}

#[test]
fn create_starts_the_daemon_and_nothing_else_does() {
    let home = Home::new();
    let unknown = "job_0000000000000000000000000Z";
    for wrong in [
        &["start", unknown][..],
        &["progress", unknown, "--items", "1"],
        &["progress", unknown, "--control"],
        &["complete", unknown],
        &["fail", unknown, "--error", "x"],
        &["ack", unknown, "pause"],
    ] {
        failed(&home.run(&[&["report"], wrong].concat()), 6);
    }
    let elsewhere = format!("unix:{}/none.sock", home.path().display());
    let target = ["--target", &elsewhere];
    let with_target = [&target[..], &["report", "create", "--type", "etl"]].concat();
    failed(&home.run(&with_target), 6);
    let job = created(&home, &[]);
    said(&home.run(&["report", "complete", &job]));
    assert_eq!(
        said(&home.run(&["report", "create", "--type", "etl", "--json"]))
            .lines()
            .count(),
        1
    );
    let stopped = home.run(&["daemon", "stop"]);
    assert!(stopped.status.success(), "{}", text(&stopped.stderr));
}

#[test]
fn mistakes_are_said_with_what_to_write() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let job = created(&home, &[]);
    for (wrong, code, words) in [
        (&["progress", &job, "--items", "-1"][..], 2, "not negative"),
        (&["progress", &job, "--items", "many"], 2, "not negative"),
        (&["progress", &job, "--progress", "NaN"], 2, "0 to 100"),
        (&["progress", &job, "--progress", "101"], 2, "0 to 100"),
        (&["progress", &job, "--step", "Dreaming"], 2, "step names"),
        (
            &["progress", &job, "--step", "7"],
            2,
            "an index from 0 to 0",
        ),
        (&["create", "--type", "No Good"], 2, "--type"),
        (
            &["create", "--type", "etl", "--heartbeat", "0"],
            2,
            "above 0",
        ),
        (
            &["create", "--type", "etl", "--status", "done"],
            2,
            "running or pending",
        ),
        (
            &["fail", &job, "--error", "x", "--exit-code", "256"],
            2,
            "0 to 255",
        ),
        (&["ack", &job, "stop"], 2, "pause, resume or cancel"),
        (&["ack", &job, "pause"], 5, "no pause was asked"),
        (
            &["progress", "job_0000000000000000000000000Z"],
            3,
            "not found",
        ),
        (&["complete", "nothing-like-it"], 3, "not found"),
    ] {
        let error = failed(&home.run(&[&["report"], wrong].concat()), code).to_lowercase();
        assert!(error.contains(words), "{wrong:?}: {error}");
    }
    for wrong in [
        &["report"][..],
        &["report", "create"],
        &["report", "fail", &job],
        &["report", "progress", &job, "--json", "--control"],
    ] {
        assert_eq!(home.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

/// The script in the manual, word for word.
fn script() -> String {
    let page = fs::read_to_string(workspace().join("man/jobtop.1")).expect("the manual");
    let (_, after) = page
        .split_once("The work of a shell script as a job")
        .expect("the example");
    let (_, script) = after
        .split_once(".Bd -literal -offset indent\n")
        .expect("its text");
    let (script, _) = script.split_once(".Ed").expect("its end");
    script.replace("\\e", "\\")
}

/// It runs in that home, each of its ten pieces of work done once the test lets it.
struct Script {
    child: std::process::Child,
    gate: fs::File,
}

impl Script {
    fn start(home: &Home) -> Self {
        // Stands for the work: reads a byte of what the test writes.
        let work = home.path().join("bin");
        let gate = home.path().join("gate");
        fs::create_dir_all(&work).expect("a folder");
        let made = Command::new("mkfifo").arg(&gate).status().expect("mkfifo");
        assert!(made.success());
        let body = format!("#!/bin/sh\nread -r _ <\"{}\"\n", gate.display());
        fs::write(work.join("tidy"), body).expect("a program");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(work.join("tidy"), executable).expect("it can be executed");
        for number in 0..10 {
            fs::write(home.work().join(format!("{number}.csv")), "a,b\n").expect("a file");
        }
        let bin = bins::jobtop().parent().expect("its folder");
        let path = format!(
            "{}:{}:{}",
            work.display(),
            bin.display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let child = home
            .command("sh")
            .args(["-c", &script()])
            .env("PATH", path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        // Opened for both, so that neither side waits for the other.
        let gate = fs::File::options()
            .read(true)
            .write(true)
            .open(gate)
            .expect("the gate");
        Self { child, gate }
    }

    fn work(&mut self) {
        std::io::Write::write_all(&mut self.gate, b"\n").expect("the gate takes it");
    }
}

fn job(daemon: &Daemon, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, || {
        let jobs = daemon.get("/api/jobs").json();
        jobs["jobs"].get(0).filter(|job| fits(job)).cloned()
    })
}

#[test]
fn the_manual_s_script_reports_pauses_and_completes() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut script = Script::start(&home);
    script.work();
    let first = job(&daemon, "its first report", |job| {
        job["metrics"]["processedItems"] == 1
    });
    assert_eq!(first["progress"], 10, "{first}");
    let id = id(&first);
    daemon.act(&id, "pause");
    script.work();
    job(&daemon, "the pause", |job| {
        job["status"] == "paused" && job["control"].is_null()
    });
    daemon.act(&id, "resume");
    for _ in 2..10 {
        script.work();
    }
    let output = wait::output(script.child);
    assert_eq!(said(&output), "");
    let done = daemon.job(&id);
    assert_eq!(
        (&done["status"], &done["metrics"]["processedItems"]),
        (&json!("completed"), &json!(10))
    );
}

#[test]
fn the_manual_s_script_obeys_a_cancel_while_it_is_paused() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut script = Script::start(&home);
    let id = id(&job(&daemon, "the job", |_| true));
    daemon.act(&id, "pause");
    script.work();
    job(&daemon, "the pause", |job| {
        job["status"] == "paused" && job["control"].is_null()
    });
    daemon.act(&id, "cancel");
    let output = wait::output(script.child);
    assert_eq!(output.status.code(), Some(143), "{}", text(&output.stderr));
    let done = daemon.job(&id);
    assert_eq!(done["status"], "cancelled");
    assert!(done["control"].is_null(), "{done}");
}
