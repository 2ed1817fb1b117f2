//! `jobtop run`: any command is a job, and none of them notices.

use std::io::Write;
use std::process::{Child, Output, Stdio};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::pipeline::Pipeline;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::wait;
use serde_json::Value;

use crate::said::id;

/// `jobtop run OPTIONS… -- COMMAND…`, started, with its streams in pipes.
fn start(home: &Home, options: &[&str], command: &[&str]) -> Child {
    let mut args = vec!["run"];
    args.extend_from_slice(options);
    args.push("--");
    args.extend_from_slice(command);
    home.jobtop(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("jobtop can be started")
}

/// The same to its end, with something to read on its stdin.
fn run(home: &Home, options: &[&str], command: &[&str], input: &str) -> Output {
    let mut child = start(home, options, command);
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    wait::output(child)
}

/// The only job there is, once it fits.
fn job(daemon: &Daemon, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, || {
        let jobs = daemon.get("/api/jobs").json();
        jobs["jobs"].get(0).filter(|job| fits(job)).cloned()
    })
}

fn words(command: &[String]) -> Vec<&str> {
    command.iter().map(String::as_str).collect()
}

#[test]
fn output_input_and_exit_code_are_the_command_s_own() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let script = "cat; printf 'no newline'; printf 'oops\\n' >&2; exit 3";
    let output = run(
        &home,
        &["--type", "etl", "--name", "x"],
        &["sh", "-c", script],
        "in\0put\n",
    );
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"in\0put\nno newline");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "oops\n");
    let job = job(&daemon, "the failed job", |job| job["status"] == "failed");
    assert_eq!(
        (&job["type"], &job["name"]),
        (&Value::from("etl"), &Value::from("x"))
    );
    assert_eq!(job["errorDetail"]["exitCode"], 3, "{job}");
    assert!(
        job["errorDetail"]["suggestion"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{job}"
    );
}

#[test]
fn codes_of_signals_and_of_commands_that_are_none() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let plain = home.work().join("plain.txt");
    std::fs::write(&plain, "not a program").expect("a file");
    let plain = plain.to_string_lossy().into_owned();
    for (command, code) in [
        (&["true"][..], 0),
        (&["false"], 1),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["sh", "-c", "kill -KILL $$"], 137),
        (&["no-such-command-anywhere"], 127),
        (&[&plain], 126),
    ] {
        let output = run(&home, &[], command, "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
        assert_eq!(
            said.is_empty(),
            !matches!(code, 126 | 127),
            "{command:?}: {said}"
        );
    }
}

#[test]
fn a_pipeline_that_knows_nothing_is_seen_from_its_offset_in_the_file() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let pipeline = Pipeline::new(&home.work(), 12_000);
    let command = pipeline.command("out.csv", 20, 4);
    let child = start(&home, &["--type", "csv_processing"], &words(&command));
    let first = job(&daemon, "a first bit of progress", |job| {
        job["progress"].as_f64() > Some(0.0)
    });
    assert_eq!(
        (&first["status"], &first["type"]),
        (&Value::from("running"), &Value::from("csv_processing"))
    );
    assert_eq!(first["progressSource"], "file offset", "{first}");
    let later = job(&daemon, "more of it", |job| {
        job["progress"].as_f64() > first["progress"].as_f64()
    });
    assert!(later["progress"].as_f64() < Some(100.0), "{later}");
    assert!(
        later["metrics"]["totalBytes"].as_u64() > Some(100_000),
        "{later}"
    );
    let output = wait::output(child);
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(
        pipeline.output("out.csv"),
        pipeline.expected(),
        "byte for byte as without a watcher"
    );
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("kept "));
    assert_eq!(output.stderr, b"done\n");
}

#[test]
fn pause_stops_the_process_resume_lets_it_go_on() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let pipeline = Pipeline::new(&home.work(), 8_000);
    let command = pipeline.command("out.csv", 20, 0);
    let child = start(&home, &[], &words(&command));
    let seen = job(&daemon, "some progress", |job| {
        job["progress"].as_f64() > Some(0.0)
    });
    let python = wait::until("the script's process", || {
        home.process("python", "clean.py")
    });
    assert_eq!(daemon.act(&id(&seen), "pause").status, 200);
    job(&daemon, "the pause acknowledged", |job| {
        job["status"] == "paused" && job["control"].is_null()
    });
    assert_eq!(process::state(python), Some('T'));
    assert_eq!(daemon.act(&id(&seen), "resume").status, 200);
    job(&daemon, "the resume acknowledged", |job| {
        job["control"].is_null() && job["status"] != "paused"
    });
    let output = wait::output(child);
    assert_eq!(output.status.code(), Some(0));
    let done = job(&daemon, "the end", |job| job["status"] == "completed");
    assert_eq!(done["progress"], 100.0);
    assert!(
        done["metrics"]["pausedSeconds"].as_f64() > Some(0.0),
        "{done}"
    );
    assert_eq!(pipeline.output("out.csv"), pipeline.expected());
}

#[test]
fn cancel_ends_the_whole_group() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let child = start(&home, &[], &["sh", "-c", "sleep 1001 & sleep 1002 & wait"]);
    let job_before = job(&daemon, "the job", |job| job["status"] == "running");
    let both = || {
        home.process("sleep", "1001")
            .zip(home.process("sleep", "1002"))
    };
    let (one, two) = wait::until("both children", both);
    assert_eq!(daemon.act(&id(&job_before), "cancel").status, 200);
    let output = wait::output(child);
    assert_eq!(
        output.status.code(),
        Some(143),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for pid in [one, two] {
        wait::until("the group's end", || (!process::alive(pid)).then_some(()));
    }
    let cancelled = job(&daemon, "the cancel acknowledged", |job| {
        job["control"].is_null()
    });
    assert_eq!(cancelled["status"], "cancelled", "{cancelled}");
}

#[test]
fn what_will_not_go_is_made_to_go_after_the_grace() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let script = "trap '' TERM; echo ready; while :; do sleep 1000 & wait; done";
    let child = start(&home, &["--cancel-grace", "0.3"], &["sh", "-c", script]);
    let running = job(&daemon, "the job", |job| job["status"] == "running");
    wait::until("its trap to be set", || home.process("sleep", "1000"));
    daemon.act(&id(&running), "cancel");
    let output = wait::output(child);
    assert_eq!(output.status.code(), Some(137));
}

#[test]
fn ctrl_c_reaches_the_command_and_its_code_is_the_command_s() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let script = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done";
    let child = start(&home, &[], &["sh", "-c", script]);
    job(&daemon, "the job", |job| job["status"] == "running");
    wait::until("its trap to be set", || home.process("sleep", "0.05"));
    process::signal(
        i32::try_from(child.id()).expect("a pid is small"),
        Signal::INT,
    );
    let output = wait::output(child);
    assert_eq!(output.status.code(), Some(9));
    assert_eq!(output.stdout, b"ready\ncaught\n");
}

#[test]
fn without_a_daemon_the_command_runs_all_the_same_and_it_is_said_once() {
    let home = Home::new();
    let nowhere = format!("unix:{}", home.path().join("nowhere.sock").display());
    let output = run(
        &home,
        &["--target", &nowhere],
        &["sh", "-c", "cat; exit 8"],
        "in",
    );
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(8), &b"in"[..])
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("jobtop:").count(), 1, "{said}");
}

#[test]
fn it_starts_the_local_daemon_where_none_answers() {
    let home = Home::new();
    let output = run(&home, &["--name", "first"], &["sh", "-c", "echo out"], "");
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(0), &b"out\n"[..]),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listed = home.run(&["ls", "--json"]);
    assert!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let jobs: Value = serde_json::from_slice(&listed.stdout).expect("one document");
    assert_eq!(jobs["jobs"][0]["name"], "first", "{jobs}");
    assert_eq!(jobs["jobs"][0]["status"], "completed", "{jobs}");
}

#[test]
fn the_child_does_not_learn_our_secrets_and_keeps_everything_else() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let mut command = home.jobtop(&["run", "--", "env"]);
    let output = command
        .env("JOBTOP_TOKEN", "jt_secret")
        .env("KEEP", "me")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        !said.contains("jt_secret") && said.contains("KEEP=me"),
        "{said}"
    );
}

#[test]
fn a_daemon_that_is_killed_and_comes_back_finds_the_job_again() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    let pipeline = Pipeline::new(&home.work(), 16_000);
    let command = pipeline.command("out.csv", 25, 5);
    let child = start(&home, &["--type", "csv_processing"], &words(&command));
    let before = job(&daemon, "some progress", |job| {
        job["progress"].as_f64() > Some(0.0)
    });
    let python = wait::until("the script's process", || {
        home.process("python", "clean.py")
    });
    daemon.kill();
    daemon.start_again();
    let after = job(&daemon, "its producer back", |job| {
        job["stalledSince"].is_null() && job["progress"].as_f64() > before["progress"].as_f64()
    });
    assert_eq!(
        (id(&after), &after["status"]),
        (id(&before), &Value::from("running"))
    );
    assert_eq!(
        home.process("python", "clean.py"),
        Some(python),
        "the same process, never touched"
    );
    assert_eq!(daemon.act(&id(&after), "pause").status, 200);
    job(&daemon, "control to work as before", |job| {
        job["status"] == "paused" && job["control"].is_null()
    });
    assert_eq!(process::state(python), Some('T'));
    daemon.act(&id(&after), "resume");
    assert_eq!(wait::output(child).status.code(), Some(5));
    let failed = job(&daemon, "its end", |job| job["status"] == "failed");
    assert_eq!(failed["errorDetail"]["exitCode"], 5);
    assert_eq!(pipeline.output("out.csv"), pipeline.expected());
}

#[test]
fn a_job_that_ends_while_the_daemon_is_away_is_reported_when_it_is_back() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    let gate = home.work().join("gate");
    let script = format!(
        "while [ ! -e {} ]; do sleep 0.02; done; exit 6",
        gate.display()
    );
    // Named, so that the runner starts no daemon of its own where ours is killed before it was answered.
    let target = home.target();
    let mut child = start(&home, &["--target", &target], &["sh", "-c", &script]);
    let running = job(&daemon, "the job", |job| job["status"] == "running");
    // Once it obeys, the runner knows its job: it is shown before that, and killed then it would not come back.
    for (verb, status) in [("pause", "paused"), ("resume", "running")] {
        assert_eq!(daemon.act(&id(&running), verb).status, 200);
        job(&daemon, verb, |job| {
            job["status"] == status && job["control"].is_null()
        });
    }
    daemon.kill();
    std::fs::write(&gate, "").expect("a file");
    daemon.start_again();
    let failed = job(&daemon, "its end", |job| job["status"] == "failed");
    assert_eq!(
        (id(&failed), &failed["errorDetail"]["exitCode"]),
        (id(&running), &Value::from(6))
    );
    assert_eq!(wait::ended(&mut child).code(), Some(6));
}
