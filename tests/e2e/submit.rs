//! `jobtop submit` and `jobtop queue`: the queue from a person's shell.

use std::fs;
use std::process::Output;

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::wait;
use serde_json::{Value, json};

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs it, which is to go well; gives back what it printed, without the last newline.
fn well(home: &Home, args: &[&str]) -> String {
    let output = home.run(args);
    assert!(output.status.success(), "{args:?}: {}", err(&output));
    assert_eq!(err(&output), "", "{args:?}");
    out(&output).trim_end().to_owned()
}

fn status(daemon: &Daemon, job: &str, status: &str) -> Value {
    wait::until(&format!("{job} to be {status}"), || {
        let job = daemon.job(job);
        (job["status"] == status).then_some(job)
    })
}

#[test]
fn a_submitted_command_runs_here_with_this_environment() {
    let home = Home::new();
    let folder = home.work().join("a place");
    fs::create_dir(&folder).expect("a folder");
    let line =
        "pwd > said; echo \"$COLOUR\" >> said; echo \"${JOBTOP_TOKEN-none}\" >> said; cat >> said";
    // No daemon runs yet: it is started.
    let output = home
        .jobtop(&["submit", "--tag", "nightly", "--", "sh", "-c", line])
        .current_dir(&folder)
        .env("COLOUR", "teal")
        .env("JOBTOP_TOKEN", "s3cr3t")
        .output()
        .expect("jobtop can be started");
    assert!(output.status.success(), "{}", err(&output));
    let id = out(&output);
    let id = id.trim_end();
    assert!(
        id.starts_with("job_") && !id.contains(char::is_whitespace),
        "{id}"
    );
    let waited = home.run(&["wait", id]);
    assert_eq!(waited.status.code(), Some(0), "{}", err(&waited));
    let said = fs::read_to_string(folder.join("said")).expect("it ran there");
    assert_eq!(said, format!("{}\nteal\nnone\n", folder.display()));
    let shown: Value = serde_json::from_str(&well(&home, &["show", "--json", id])).expect("JSON");
    let job = &shown["job"];
    assert_eq!(
        (&job["type"], &job["tags"], &job["queue"], &job["status"]),
        (
            &json!("command"),
            &json!(["nightly"]),
            &json!("default"),
            &json!("completed")
        ),
        "{job}"
    );
    assert!(!shown.to_string().contains("teal"), "{shown}");
    assert!(home.run(&["daemon", "stop"]).status.success());
}

#[test]
fn its_exit_code_is_what_wait_exits_with() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    for (command, code) in [
        (vec!["true"], 0),
        (vec!["sh", "-c", "exit 7"], 7),
        (vec!["sh", "-c", "kill -9 $$"], 137),
        (vec!["no-such-program"], 127),
        (vec!["/"], 126),
    ] {
        let args = [vec!["submit", "--"], command.clone()].concat();
        let job = well(&home, &args);
        let waited = home.run(&["wait", &job]);
        assert_eq!(
            waited.status.code(),
            Some(code),
            "{command:?}: {}",
            err(&waited)
        );
    }
}

#[test]
fn priority_what_comes_before_and_retries_are_as_asked() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    assert!(well(&home, &["queue", "set", "--slots", "1", "default"]).contains("1 slot "));
    let paused = well(&home, &["queue", "pause"]);
    assert!(paused.contains("paused"), "{paused}");
    let note = |word: &str| format!("echo {word} >> order");
    let fails = "echo again >> order; exit 3";
    let late = well(
        &home,
        &[
            "submit",
            "--priority",
            "-1",
            "--",
            "sh",
            "-c",
            &note("late"),
        ],
    );
    let first = well(
        &home,
        &[
            "submit",
            "--priority",
            "5",
            "--retries",
            "1",
            "--",
            "sh",
            "-c",
            fails,
        ],
    );
    let plain = well(&home, &["submit", "--", "sh", "-c", &note("plain")]);
    // An ending of an id is enough.
    let ending = &plain[plain.len() - 8..];
    let after = well(
        &home,
        &[
            "submit",
            "--priority",
            "9",
            "--after",
            ending,
            "--",
            "sh",
            "-c",
            &note("after"),
        ],
    );
    let never = well(
        &home,
        &[
            "submit",
            "--after",
            &first,
            "--after",
            &plain,
            "--",
            "sh",
            "-c",
            &note("never"),
        ],
    );

    let table = well(&home, &["queue", "ls"]);
    let row = table.lines().nth(1).expect("a row");
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words[..5], ["default", "paused", "1", "0", "5"], "{table}");
    assert!(well(&home, &["queue", "resume"]).contains("open"));

    for (job, end) in [
        (&late, "completed"),
        (&after, "completed"),
        (&first, "failed"),
        (&never, "cancelled"),
    ] {
        status(&daemon, job, end);
    }
    let order = fs::read_to_string(home.work().join("order")).expect("what they wrote");
    let order: Vec<&str> = order.lines().collect();
    assert_eq!(order, ["again", "again", "plain", "after", "late"]);
    let why = daemon.job(&never)["message"].clone();
    assert!(
        why.as_str().is_some_and(|why| why.contains("has failed")),
        "{why}"
    );
}

#[test]
fn the_same_key_is_the_same_job_and_json_is_the_answer() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let args = [
        "submit",
        "--json",
        "--idempotency-key",
        "night-7",
        "--",
        "true",
    ];
    let answers: Vec<Value> = (0..2)
        .map(|_| serde_json::from_str(&well(&home, &args)).expect("JSON"))
        .collect();
    assert!(answers[0]["job"]["id"].is_string(), "{}", answers[0]);
    assert_eq!(answers[0]["job"]["id"], answers[1]["job"]["id"]);
    let queues: Value =
        serde_json::from_str(&well(&home, &["queue", "ls", "--json"])).expect("JSON");
    assert!(queues["queues"].is_array(), "{queues}");
    let set: Value = serde_json::from_str(&well(
        &home,
        &["queue", "set", "--json", "--slots", "3", "nights"],
    ))
    .expect("JSON");
    assert_eq!(
        (&set["queue"]["name"], &set["queue"]["slots"]),
        (&json!("nights"), &json!(3))
    );
    let line = well(&home, &["queue", "ls", "--jsonl"]);
    assert!(
        line.lines()
            .all(|line| serde_json::from_str::<Value>(line)
                .is_ok_and(|queue| queue["name"].is_string())),
        "{line}"
    );
}

#[test]
fn what_can_not_be_submitted_is_refused_in_a_sentence() {
    let home = Home::new();
    home.configure("[limits]\npending_jobs = 1\n");
    let daemon = home.daemon(Setup::tcp());
    let nonsense = home.run(&["submit", "--queue", "no queue/at all", "--", "true"]);
    assert_eq!(nonsense.status.code(), Some(2), "{}", err(&nonsense));
    assert!(
        err(&nonsense).contains("letters, digits"),
        "{}",
        err(&nonsense)
    );
    well(&home, &["queue", "pause"]);
    well(&home, &["submit", "--", "true"]);
    let over_tcp = daemon.tcp().to_string();
    for (args, code, says) in [
        (vec!["submit"], 2, "CMD"),
        (
            vec!["submit", "--priority", "high", "--", "true"],
            2,
            "a whole number",
        ),
        (
            vec!["submit", "--retries", "-1", "--", "true"],
            2,
            "from 0 to 100",
        ),
        (
            vec!["submit", "--cwd", "/no/such", "--", "true"],
            2,
            "There is no directory /no/such",
        ),
        (
            vec!["submit", "--after", "job_ZZZZ9999", "--", "true"],
            3,
            "Job not found",
        ),
        // The one place that there is, is taken.
        (vec!["submit", "--", "true"], 1, "try again"),
        (
            vec!["--target", &over_tcp, "submit", "--", "true"],
            4,
            "socket",
        ),
        (
            vec!["queue", "set", "--slots", "many", "default"],
            2,
            "0 to 10000",
        ),
        (vec!["queue", "set", "default"], 2, "--slots"),
        (
            vec!["queue", "pause", "no queue/at all"],
            2,
            "letters, digits",
        ),
        (
            vec!["--target", "unix:/no/such/socket", "submit", "--", "true"],
            6,
            "daemon",
        ),
    ] {
        let output = home.run(&args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}: {}",
            err(&output)
        );
        assert_eq!(out(&output), "", "{args:?}");
        assert!(err(&output).contains(says), "{args:?}: {}", err(&output));
    }
    // Higher ones are still taken.
    well(&home, &["submit", "--priority", "1", "--", "true"]);
}
