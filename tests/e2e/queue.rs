//! Submitted commands: in what order and how many at once, after what, how often, and that none is run twice or lost.

use std::fs;
use std::path::{Path, PathBuf};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::wait;
use serde_json::{Value, json};

use crate::said::id;

/// Appends a word to a file in one write.
fn note(word: &str, file: &str) -> String {
    format!("echo {word} >> {file}")
}

/// Waits in a shell until a file is there.
fn until(gate: &str) -> String {
    format!("while [ ! -e {gate} ]; do sleep 0.01; done")
}

/// The body that submits a line of shell, run in that folder.
fn shell(home: &Home, line: &str, more: &Value) -> Value {
    let mut body = json!({
        "type": "command",
        "command": {"argv": ["sh", "-c", line], "cwd": home.work()},
    });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    body
}

fn submit(daemon: &Daemon, home: &Home, line: &str, more: &Value) -> String {
    let job = daemon.create(&shell(home, line, more));
    assert_eq!(job["status"], "pending", "{job}");
    id(&job)
}

fn set(daemon: &Daemon, queue: &str, body: &Value) -> Value {
    let answer = daemon.post(&format!("/api/queues/{queue}"), body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["queue"].clone()
}

fn queue(daemon: &Daemon, name: &str) -> Value {
    let queues = daemon.get("/api/queues").json()["queues"].clone();
    let all = queues.as_array().expect("a list");
    let found = all.iter().find(|queue| queue["name"] == name);
    found
        .unwrap_or_else(|| panic!("no queue {name} in {queues}"))
        .clone()
}

/// Waits for the end of a job.
fn ended(daemon: &Daemon, job: &str) -> Value {
    wait::until(&format!("the end of {job}"), || {
        let job = daemon.job(job);
        job["finishedAt"].is_string().then_some(job)
    })
}

fn status(daemon: &Daemon, job: &str, status: &str) -> Value {
    wait::until(&format!("{job} to be {status}"), || {
        let job = daemon.job(job);
        (job["status"] == status).then_some(job)
    })
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn log(home: &Home, job: &str) -> PathBuf {
    home.data().join(format!("logs/{job}.log"))
}

#[test]
fn higher_priority_goes_first_then_the_oldest() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    set(&daemon, "default", &json!({"slots": 1, "paused": true}));
    let jobs: Vec<_> = [("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", -1)]
        .map(|(word, priority)| {
            submit(
                &daemon,
                &home,
                &note(word, "order"),
                &json!({"priority": priority}),
            )
        })
        .into();
    // One that changes its mind while it waits.
    let answer = daemon.post(
        &format!("/api/jobs/{}/priority", jobs[4]),
        &json!({"priority": 9}),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(queue(&daemon, "default")["pending"], 5);
    set(&daemon, "default", &json!({"paused": false}));
    for job in &jobs {
        assert_eq!(ended(&daemon, job)["status"], "completed");
    }
    assert_eq!(read(&home.work().join("order")), "e\nb\nd\na\nc\n");
}

#[test]
fn no_more_than_the_slots_run_at_once_and_a_free_one_is_used() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let set_to = set(&daemon, "etl", &json!({"slots": 2}));
    assert_eq!(
        (&set_to["slots"], &set_to["slotsSet"]),
        (&json!(2), &json!(true))
    );
    let line = format!("{}; {}", note("begun", "begun"), until("gate"));
    let jobs: Vec<_> = (0..6)
        .map(|_| submit(&daemon, &home, &line, &json!({"queue": "etl"})))
        .collect();
    wait::until("two that run", || {
        (read(&home.work().join("begun")).lines().count() == 2).then_some(())
    });
    let now = queue(&daemon, "etl");
    assert_eq!(
        (&now["running"], &now["pending"]),
        (&json!(2), &json!(4)),
        "{now}"
    );
    // Another queue has slots of its own, and one that is paused starts nothing.
    let other = submit(&daemon, &home, "true", &json!({"queue": "other"}));
    assert_eq!(ended(&daemon, &other)["status"], "completed");
    // A cancelled one gives its slot to the next once its process is gone.
    assert_eq!(daemon.act(&jobs[0], "cancel").status, 200);
    wait::until("a third that runs", || {
        (read(&home.work().join("begun")).lines().count() == 3).then_some(())
    });
    fs::write(home.work().join("gate"), "").expect("the gate");
    for job in &jobs[1..] {
        assert_eq!(ended(&daemon, job)["status"], "completed");
    }
    let now = queue(&daemon, "etl");
    assert_eq!(
        (&now["running"], &now["pending"]),
        (&json!(0), &json!(0)),
        "{now}"
    );
}

#[test]
fn what_is_set_for_a_queue_outlives_the_daemon() {
    let home = Home::new();
    home.configure("[queues.night]\nslots = 7\npaused = true\n");
    let mut daemon = home.daemon(Setup::unix());
    let configured = queue(&daemon, "night");
    assert_eq!(
        (&configured["slots"], &configured["paused"]),
        (&json!(7), &json!(true))
    );
    set(&daemon, "night", &json!({"slots": 3}));
    set(&daemon, "day", &json!({"paused": true}));
    daemon.kill();
    daemon.start_again();
    let night = queue(&daemon, "night");
    assert_eq!(
        (&night["slots"], &night["paused"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(queue(&daemon, "day")["paused"], true);
    // Back to what the configuration says.
    assert_eq!(set(&daemon, "night", &json!({"slots": null}))["slots"], 7);
    for (name, body, status) in [
        ("night", json!({"slots": -1}), 422),
        ("night", json!({"slots": 1_000_000}), 422),
        ("night", json!({"paused": "yes"}), 422),
        ("a%20b", json!({}), 422),
    ] {
        let answer = daemon.post(&format!("/api/queues/{name}"), &body);
        assert_eq!(answer.status, status, "{name} {body}: {}", answer.text());
    }
}

#[test]
fn a_job_comes_after_others_and_never_after_one_that_failed() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let first = submit(
        &daemon,
        &home,
        &format!("{}; {}", until("gate"), note("a", "order")),
        &json!({}),
    );
    let second = submit(
        &daemon,
        &home,
        &note("b", "order"),
        &json!({"after": first}),
    );
    let third = submit(
        &daemon,
        &home,
        &note("c", "order"),
        &json!({"after": [second, first]}),
    );
    status(&daemon, &first, "running");
    assert_eq!(daemon.job(&second)["status"], "pending");
    fs::write(home.work().join("gate"), "").expect("the gate");
    assert_eq!(ended(&daemon, &third)["status"], "completed");
    assert_eq!(read(&home.work().join("order")), "a\nb\nc\n");
    // After one that has completed it begins at once.
    let late = submit(&daemon, &home, "true", &json!({"after": first}));
    assert_eq!(ended(&daemon, &late)["status"], "completed");

    let bad = submit(
        &daemon,
        &home,
        &format!("{}; exit 3", until("bad")),
        &json!({}),
    );
    let never = submit(
        &daemon,
        &home,
        &note("never", "order"),
        &json!({"after": bad}),
    );
    let nor = submit(
        &daemon,
        &home,
        &note("nor", "order"),
        &json!({"after": never}),
    );
    fs::write(home.work().join("bad"), "").expect("the gate");
    let never = ended(&daemon, &never);
    assert_eq!(never["status"], "cancelled");
    let why = never["message"].as_str().unwrap_or_default();
    assert!(why.contains(&bad) && why.contains("failed"), "{why}");
    assert_eq!(ended(&daemon, &nor)["status"], "cancelled");
    assert_eq!(read(&home.work().join("order")), "a\nb\nc\n");
    for (after, says) in [
        (bad.as_str(), "has failed"),
        ("job_01M86DKT66Q95JWDR1F8DH2DK0", "there is no job"),
        ("nonsense", "there is no job nonsense"),
    ] {
        let answer = daemon.post("/api/jobs", &shell(&home, "true", &json!({"after": after})));
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert!(answer.text().contains(says), "{}", answer.text());
    }
}

#[test]
fn a_command_that_fails_is_tried_again_as_often_as_was_asked() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    // It succeeds the third time.
    let line = "echo x >> tries; [ $(wc -l < tries) -ge 3 ]";
    let first = submit(&daemon, &home, line, &json!({"retries": 5}));
    let waits = submit(&daemon, &home, "true", &json!({"after": first}));
    assert_eq!(
        ended(&daemon, &waits)["status"],
        "completed",
        "it comes after the last try"
    );
    let jobs = daemon.get("/api/jobs").json()["jobs"].clone();
    let jobs = jobs.as_array().expect("a list");
    assert_eq!(jobs.len(), 4, "three tries and the one after");
    let mut job = ended(&daemon, &first);
    for _ in 0..2 {
        assert_eq!(job["status"], "failed");
        let next = jobs
            .iter()
            .find(|other| other["retryOf"] == job["id"])
            .expect("a next try");
        assert!(
            job["message"]
                .as_str()
                .unwrap_or_default()
                .contains(&id(next)),
            "{job}"
        );
        job = next.clone();
    }
    assert_eq!(
        (&job["status"], &job["retries"]),
        (&json!("completed"), &json!(3))
    );
    // Cancelled is not failed.
    let cancelled = submit(&daemon, &home, &until("never"), &json!({"retries": 5}));
    status(&daemon, &cancelled, "running");
    daemon.act(&cancelled, "cancel");
    ended(&daemon, &cancelled);
    assert_eq!(
        daemon.get("/api/jobs").json()["jobs"]
            .as_array()
            .map(Vec::len),
        Some(5)
    );
}

#[test]
fn a_full_queue_refuses_the_lowest_first() {
    let home = Home::new();
    home.configure("[limits]\npending_jobs = 3\n");
    let daemon = home.daemon(Setup::unix());
    set(&daemon, "default", &json!({"paused": true}));
    let ask = |priority: i32| {
        daemon.post(
            "/api/jobs",
            &shell(&home, "true", &json!({"priority": priority})),
        )
    };
    for _ in 0..3 {
        assert_eq!(ask(0).status, 201);
    }
    let refused = ask(0);
    assert_eq!(
        refused.problem(),
        (429, "rate_limited".to_owned()),
        "{}",
        refused.text()
    );
    assert!(refused.header("retry-after").is_some());
    for _ in 0..3 {
        assert_eq!(ask(1).status, 201, "a higher one is still taken");
    }
    assert_eq!(ask(9).status, 429, "but not without end");
}

#[test]
fn a_killed_daemon_loses_no_command_and_runs_none_twice() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    set(&daemon, "default", &json!({"slots": 3}));
    let mut jobs = Vec::new();
    for round in 0..4 {
        for number in 0..5 {
            let line = format!(
                "{}; {}",
                note("ran", &format!("ran-{round}-{number}")),
                until("gate")
            );
            jobs.push(submit(&daemon, &home, &line, &json!({})));
        }
        // The first time some have hardly begun, later some run and the rest wait.
        daemon.kill();
        daemon.start_again();
    }
    fs::write(home.work().join("gate"), "").expect("the gate");
    for job in &jobs {
        assert_eq!(ended(&daemon, job)["status"], "completed");
    }
    for round in 0..4 {
        for number in 0..5 {
            let ran = read(&home.work().join(format!("ran-{round}-{number}")));
            assert_eq!(ran, "ran\n", "{round}-{number}");
        }
    }
}

#[test]
fn a_running_command_outlives_the_daemon_and_hears_what_was_asked_meanwhile() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    let line = format!(
        "echo before; {}; echo after; {}",
        until("first"),
        until("second")
    );
    let job = submit(&daemon, &home, &line, &json!({}));
    status(&daemon, &job, "running");
    wait::until("its first words", || {
        (read(&log(&home, &job)) == "before\n").then_some(())
    });
    daemon.kill();
    fs::write(home.work().join("first"), "").expect("the gate");
    wait::until("what it wrote while nobody was there", || {
        (read(&log(&home, &job)) == "before\nafter\n").then_some(())
    });
    daemon.start_again();
    assert_eq!(daemon.act(&job, "cancel").status, 200);
    let gone = wait::until("the end of the process", || {
        let job = daemon.job(&job);
        job["control"].is_null().then_some(job)
    });
    assert_eq!(gone["status"], "cancelled");
}

#[test]
fn a_command_is_paused_resumed_and_cancelled_with_all_it_started() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    // A child that leaves the group and the session, and writes a line each moment.
    let line = "setsid sh -c 'echo $$ > pid; while :; do echo x >> beats; sleep 0.01; done' & wait";
    let job = submit(&daemon, &home, line, &json!({}));
    let beats = || fs::metadata(home.work().join("beats")).map_or(0, |file| file.len());
    wait::until("a beat", || (beats() > 0).then_some(()));
    let pid: i32 = read(&home.work().join("pid"))
        .trim()
        .parse()
        .expect("a pid");
    let settled = |verb: &str| {
        assert_eq!(daemon.act(&job, verb).status, 200);
        wait::until(&format!("{verb} to be done"), || {
            daemon.job(&job)["control"].is_null().then_some(())
        });
    };
    settled("pause");
    assert_eq!(process::state(pid), Some('T'));
    settled("resume");
    let before = beats();
    wait::until("a beat after the pause", || {
        (beats() > before).then_some(())
    });
    settled("cancel");
    assert!(!process::alive(pid), "somebody was left behind");
}

#[test]
fn a_runner_that_is_killed_leaves_no_job_running_for_ever() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let job = submit(&daemon, &home, &until("never"), &json!({}));
    status(&daemon, &job, "running");
    let runner = wait::until("its runner", || home.process("jobtopd", &job));
    process::signal(runner, Signal::KILL);
    let lost = ended(&daemon, &job);
    assert_eq!(
        (&lost["status"], &lost["errorDetail"]["code"]),
        (&json!("failed"), &json!("producer_lost"))
    );
    let now = queue(&daemon, "default");
    assert_eq!(now["running"], 0, "its slot is free");
}

#[test]
fn what_can_not_be_run_says_why_on_the_job() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    fs::write(home.work().join("plain"), "no program").expect("a file");
    let plain = home.work().join("plain").to_string_lossy().into_owned();
    for (argv, cwd, code, exit, says) in [
        (
            vec!["no-such-program"],
            "/",
            "not_found",
            127,
            "no such command",
        ),
        (
            vec![plain.as_str()],
            "/",
            "not_executable",
            126,
            "can't be executed",
        ),
        (
            vec!["true"],
            "/no/such/place",
            "no_directory",
            125,
            "/no/such/place",
        ),
        (
            vec!["sh", "-c", "echo one; echo two >&2; exit 9"],
            "/",
            "exit_code",
            9,
            "exit code 9",
        ),
    ] {
        let job = daemon.create(&json!({"type": "command", "command": {"argv": argv, "cwd": cwd}}));
        let job = ended(&daemon, &id(&job));
        let detail = &job["errorDetail"];
        assert_eq!(
            (&detail["code"], &detail["exitCode"]),
            (&json!(code), &json!(exit)),
            "{job}"
        );
        assert!(
            job["error"].as_str().unwrap_or_default().contains(says),
            "{job}"
        );
        assert!(detail["suggestion"].is_string(), "{job}");
        if code == "exit_code" {
            assert_eq!(detail["lastLines"], json!(["one", "two"]));
        }
    }
    for body in [
        json!({"type": "command", "command": {"argv": []}}),
        json!({"type": "command", "command": {"argv": ["true"], "cwd": "here"}}),
        json!({"type": "command", "command": {"argv": "true"}}),
        json!({"type": "command", "command": {"argv": ["true"]}, "status": "running"}),
        json!({"type": "command", "command": {"argv": ["true"]}, "retries": 1000}),
        json!({"type": "csv_processing", "retries": 1}),
    ] {
        let answer = daemon.post("/api/jobs", &body);
        assert_eq!(answer.status, 422, "{body}: {}", answer.text());
    }
}

#[test]
fn secrets_of_a_command_are_nowhere_and_its_audit_is_there_before_it_runs() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let audit = home.data().join("audit.jsonl");
    let environments = home.data().join("environments");
    let kept = || fs::read_dir(&environments).map_or(0, Iterator::count);
    let line = format!(
        "[ ${{#PASSWORD}} = 12 ] && grep -c MARK {} > {}/audited; {}",
        audit.display(),
        home.work().display(),
        until(&home.work().join("gate").to_string_lossy())
    );
    let body = json!({
        "type": "command", "name": "secretive",
        "command": {"argv": ["sh", "-c", line, "MARK"], "env": {"PASSWORD": "s3cr3t-value", "PATH": "/usr/bin:/bin"}},
    });
    let job = id(&daemon.create(&body));
    wait::until("its look at the audit", || {
        (read(&home.work().join("audited")) == "1\n").then_some(())
    });
    assert_eq!(kept(), 1);
    let said = daemon.get("/api/jobs").text() + &daemon.get(&format!("/api/jobs/{job}")).text();
    assert!(!said.contains("s3cr3t"), "{said}");
    let runner = wait::until("its runner", || home.process("jobtopd", &job));
    let shown = process::command_line(runner).join(" ");
    assert!(
        !shown.contains("MARK") && !shown.contains("s3cr3t"),
        "{shown}"
    );
    fs::write(home.work().join("gate"), "").expect("the gate");
    assert_eq!(ended(&daemon, &job)["status"], "completed");
    wait::until("its environment to be gone", || (kept() == 0).then_some(()));
    assert!(!daemon.stderr().contains("s3cr3t"));
    for file in ["audit.jsonl", "runners.log"] {
        let path = home.data().join(file);
        assert!(!read(&path).contains("s3cr3t"), "{file}");
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(&path).expect("it is there").permissions(),
        );
        assert_eq!(mode & 0o077, 0, "{file} is its owner's alone");
    }
}

#[test]
fn commands_are_the_owners_alone_on_the_socket_alone() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    // Over TCP everybody is an admin under --auth none, and still may not have anything run.
    let refused = daemon.post("/api/jobs", &shell(&home, &note("ran", "ran"), &json!({})));
    assert_eq!(
        refused.problem(),
        (403, "forbidden".to_owned()),
        "{}",
        refused.text()
    );
    let own = jobtop_e2e::http::post(
        &daemon.unix(),
        "/api/jobs",
        &shell(&home, "exit 1", &json!({})),
    );
    assert_eq!(own.status, 201, "{}", own.text());
    let job = id(&own.json()["job"]);
    ended(&daemon, &job);
    assert_eq!(
        daemon.act(&job, "retry").status,
        403,
        "a retry runs it, too"
    );
    assert!(!home.work().join("ran").exists());

    let home = Home::new();
    home.configure("commands = \"off\"\n");
    let daemon = home.daemon(Setup::unix());
    let refused = daemon.post("/api/jobs", &shell(&home, "true", &json!({})));
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(
        refused.text().contains("runs no commands"),
        "{}",
        refused.text()
    );
}

#[test]
fn runners_that_were_kept_ready_end_when_nothing_is_to_be_run() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    for killed in [false, true] {
        let jobs: Vec<_> = (0..8)
            .map(|_| {
                id(&daemon.create(&json!({
                    "type": "command", "command": {"argv": ["true"], "cwd": "/"},
                })))
            })
            .collect();
        wait::until("the end of all", || {
            let ended = |job: &String| daemon.job(job)["finishedAt"].is_string();
            jobs.iter().all(ended).then_some(())
        });
        // A runner whose end is shown and not yet acknowledged would go on telling it: only the spares are left.
        wait::until("the ends to be told", || {
            (home.running().len() <= 1 + 2).then_some(())
        });
        let mut left = vec![daemon.pid()];
        if killed {
            daemon.kill();
            left.clear();
        }
        wait::until("the end of the runners", || {
            (home.running() == left).then_some(())
        });
    }
}
