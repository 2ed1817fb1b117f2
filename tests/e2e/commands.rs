//! The commands as scripts use them: what they print, and their exit codes.

use std::process::{Output, Stdio};

use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::wait;
use serde_json::{Value, json};

use crate::said::id;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The code, with what was said as the reason where it is another.
fn code(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "stdout {}\nstderr {}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

/// A failure: nothing on stdout, a sentence on stderr.
fn failed(output: &Output, with: i32) {
    code(output, with);
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    assert!(
        text(&output.stderr).starts_with("jobtop: "),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn listings_are_tables_for_people_and_documents_for_programs() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let one = id(&daemon.create(&json!({"type": "csv_processing", "name": "orders.csv"})));
    let two = id(&daemon.create(&json!({"type": "etl", "name": "nightly"})));
    daemon.act(&two, "complete");

    let table = home.run(&["ls"]);
    code(&table, 0);
    let said = text(&table.stdout);
    assert!(
        said.contains("orders.csv") && said.contains("nightly") && !said.contains('\u{1b}'),
        "{said}"
    );

    let document = home.run(&["ls", "--json"]);
    code(&document, 0);
    let document: Value = serde_json::from_slice(&document.stdout).expect("one document");
    assert_eq!(
        document["jobs"].as_array().map(Vec::len),
        Some(2),
        "{document}"
    );
    assert!(
        document["epoch"].is_u64() && document["revision"].is_u64(),
        "as the HTTP answer: {document}"
    );

    let lines = home.run(&["ls", "--jsonl"]);
    code(&lines, 0);
    let ids: Vec<String> = text(&lines.stdout)
        .lines()
        .map(|line| id(&serde_json::from_str(line).expect("a document a line")))
        .collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&one) && ids.contains(&two));

    let filtered = home.run(&["ls", "--json", "status:completed"]);
    code(&filtered, 0);
    let filtered: Value = serde_json::from_slice(&filtered.stdout).expect("one document");
    assert_eq!(
        filtered["jobs"]
            .as_array()
            .map(|jobs| jobs.iter().map(id).collect()),
        Some(vec![two])
    );
    failed(&home.run(&["ls", "sttus:completed"]), 2);

    let shown = home.run(&["show", &one, "--json"]);
    code(&shown, 0);
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("one document");
    assert_eq!(id(&shown["job"]), one);
}

#[test]
fn verbs_and_their_exit_codes() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let job = id(&daemon.create(&json!({"type": "etl", "name": "worked-on"})));
    failed(&home.run(&["resume", &job]), 5);
    code(&home.run(&["pause", &job]), 0);
    assert_eq!(daemon.job(&job)["status"], "paused");
    failed(&home.run(&["pause", &job]), 5);
    code(&home.run(&["resume", &job]), 0);
    code(&home.run(&["cancel", &job]), 0);
    assert_eq!(daemon.job(&job)["status"], "cancelled");
    failed(&home.run(&["cancel", &job]), 5);
    failed(&home.run(&["retry", &job]), 5);
    failed(&home.run(&["show", "job_0000000000000000000000000Z"]), 3);
    failed(&home.run(&["pause", "nothing-like-it"]), 3);
    for wrong in [
        &["frobnicate"][..],
        &["ls", "--no-such"],
        &["show"],
        &["--target", "nowhere at all", "ls"],
        &["run"],
    ] {
        let output = home.run(wrong);
        code(&output, 2);
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{wrong:?}"
        );
    }
}

#[test]
fn wait_ends_as_the_work_did() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let ended = |verb: &str, body: Value| {
        let job = id(&daemon.create(&json!({"type": "etl"})));
        assert_eq!(
            daemon
                .post(&format!("/api/jobs/{job}/{verb}"), &body)
                .status,
            200
        );
        job
    };
    let completed = ended("complete", json!({}));
    let exited = ended("fail", json!({"error": "x", "exitCode": 7}));
    let signalled = ended("fail", json!({"error": "x", "signal": 9}));
    let failed_plain = ended("fail", json!({"error": "x"}));
    for (jobs, expected) in [
        (vec![&completed], 0),
        (vec![&exited], 7),
        (vec![&signalled], 137),
        (vec![&failed_plain], 1),
        (vec![&completed, &exited, &failed_plain], 7),
    ] {
        let mut args = vec!["wait"];
        args.extend(jobs.iter().map(|job| job.as_str()));
        code(&home.run(&args), expected);
    }

    let mut producer = daemon.ws();
    let made = producer.ok(json!({"type": "create_job", "jobType": "etl", "userId": null}));
    let job = id(&made["job"]);
    let mut waiting = home
        .jobtop(&["wait", &job])
        .spawn()
        .expect("jobtop can be started");
    assert_eq!(daemon.act(&job, "cancel").status, 200);
    producer.expect("job_control");
    assert!(
        waiting.try_wait().expect("it can be asked").is_none(),
        "the process is not gone yet"
    );
    producer.ok(json!({"type": "control_ack", "jobId": job, "action": "cancel", "ok": true}));
    assert_eq!(wait::ended(&mut waiting).code(), Some(143));
}

#[test]
fn a_daemon_that_is_not_there_is_6_and_nothing_is_started() {
    let home = Home::new();
    for args in [
        &["ls"][..],
        &["show", "job_x"],
        &["wait", "job_x"],
        &["pause", "job_x"],
        &["daemon", "status"],
    ] {
        let output = home.run(args);
        code(&output, 6);
    }
    assert_eq!(
        home.running(),
        Vec::<i32>::new(),
        "none of these starts a daemon"
    );
}

#[test]
fn the_daemon_is_started_told_of_and_stopped() {
    let home = Home::new();
    code(&home.run(&["daemon", "start"]), 0);
    let running = home.running();
    assert_eq!(running.len(), 1, "{running:?}");
    code(&home.run(&["daemon", "start"]), 0);
    assert_eq!(home.running(), running, "one is enough");
    code(&home.run(&["daemon", "status"]), 0);
    code(&home.run(&["ls"]), 0);
    code(&home.run(&["daemon", "stop"]), 0);
    assert_eq!(home.running(), Vec::<i32>::new());
    code(&home.run(&["daemon", "status"]), 6);
}

#[test]
fn started_by_many_at_once_there_is_one_daemon() {
    let home = Home::new();
    let mut starting: Vec<_> = (0..6)
        .map(|number| {
            let name = format!("n{number}");
            home.jobtop(&["run", "--name", &name, "--", "true"])
                .spawn()
                .expect("jobtop can be started")
        })
        .collect();
    for child in &mut starting {
        assert_eq!(wait::ended(child).code(), Some(0));
    }
    let listed = home.run(&["ls", "--json"]);
    code(&listed, 0);
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("one document");
    assert_eq!(listed["jobs"].as_array().map(Vec::len), Some(6), "{listed}");
    let daemons = home.running();
    assert_eq!(daemons.len(), 1, "{daemons:?}");
}

#[test]
fn the_demo_ends_by_itself_and_its_rows_add_up() {
    let home = Home::new();
    let output = home.run(&["demo", "--rows", "20000"]);
    code(&output, 0);
    let said = text(&output.stdout).to_lowercase();
    assert!(said.contains("rows"), "{said}");
    assert_eq!(home.running(), Vec::<i32>::new(), "nothing of it is left");
}

#[test]
fn a_crowd_is_waited_for_to_the_last() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let jobs: Vec<String> = (0..300)
        .map(|_| id(&daemon.create(&json!({"type": "etl"}))))
        .collect();
    let args: Vec<&str> = std::iter::once("wait")
        .chain(jobs.iter().map(String::as_str))
        .collect();
    let child = home
        .jobtop(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("jobtop can be started");
    for job in &jobs[1..] {
        assert_eq!(daemon.act(job, "complete").status, 200);
    }
    let failed = daemon.post(
        &format!("/api/jobs/{}/fail", jobs[0]),
        &json!({"error": "no", "exitCode": 9}),
    );
    assert_eq!(failed.status, 200);
    let output = wait::output(child);
    assert_eq!(output.status.code(), Some(9), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).lines().count();
    assert_eq!(said, jobs.len());
}
