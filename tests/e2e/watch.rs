//! `jobtop watch`: processes that run already, whoever started them.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::wait;
use serde_json::{Value, json};

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Reads 40 MB: half of it at its ease, the rest when its gate is there.
const READER: &str = "
import os, sys, time
f = open(sys.argv[1], 'rb')
for _ in range(20):
    f.read(1 << 20)
    time.sleep(0.1)
for gate in ('second', 'end'):
    while not os.path.exists(gate): time.sleep(0.01)
    for _ in range(20): f.read(1 << 20)
";

fn open(home: &Home, gate: &str) {
    fs::write(home.work().join(gate), "").expect("a gate");
}

fn reader(home: &Home) -> Child {
    fs::write(home.work().join("big.csv"), vec![b'x'; 40 << 20]).expect("an input");
    home.command("python3")
        .args(["-u", "-c", READER, "big.csv"])
        .stdin(Stdio::null())
        .spawn()
        .expect("python3 can be started")
}

fn watch(home: &Home, pid: u32, more: &[&str]) -> Child {
    home.jobtop(&["watch", &pid.to_string()])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("jobtop can be started")
}

fn job(daemon: &Daemon, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, || {
        let jobs = daemon.get("/api/jobs").json()["jobs"].clone();
        let job = jobs.get(0)?.clone();
        fits(&job).then_some(job)
    })
}

#[test]
fn a_process_that_runs_already_is_seen_to_its_end_and_not_touched() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    let mut child = reader(&home);
    let watching = watch(&home, child.id(), &["--tag", "nightly", "--name", "orders"]);
    let seen = job(&daemon, "the job", |job| job["status"] == "running");
    assert_eq!(
        (&seen["name"], &seen["tags"], &seen["capabilities"]),
        (
            &json!("orders"),
            &json!(["nightly"]),
            &json!({"pause": false, "cancel": false, "retry": false})
        ),
        "{seen}"
    );
    let id = seen["id"].as_str().expect("an id").to_owned();
    let refused = daemon.act(&id, "cancel");
    assert_eq!(refused.problem(), (409, "not_supported".to_owned()));
    job(&daemon, "half of it", |job| {
        job["progress"].as_f64() >= Some(50.0)
    });
    // Across the daemon's death, too.
    daemon.kill();
    daemon.start_again();
    open(&home, "second");
    let done = job(&daemon, "its progress", |job| {
        job["progress"].as_f64() > Some(99.0)
    });
    assert_eq!(done["progressSource"], "file offset");
    assert!(child.try_wait().expect("a child").is_none(), "it goes on");
    open(&home, "end");
    // Nobody has taken notice of its end: so it is known.
    let ended = wait::output(watching);
    assert_eq!((ended.status.code(), err(&ended)), (Some(0), String::new()));
    let over = daemon.job(&id);
    assert_eq!(
        (&over["status"], &over["progress"]),
        (&json!("completed"), &json!(100)),
        "{over}"
    );
    assert!(wait::ended(&mut child).success());
}

#[test]
fn it_counts_the_time_from_the_beginning_of_the_process() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut child = home.command("sleep").arg("1000").spawn().expect("sleep");
    let begun = std::time::Instant::now();
    wait::until("its first second", || {
        (begun.elapsed().as_secs_f64() > 1.2).then_some(())
    });
    let watching = watch(&home, child.id(), &[]);
    let seen = job(&daemon, "the job", |job| job["status"] == "running");
    assert_eq!(seen["name"], "sleep");
    let active = seen["metrics"]["activeSeconds"].as_f64().expect("seconds");
    let lived = begun.elapsed().as_secs_f64();
    assert!((1.0..=lived + 0.1).contains(&active), "{active} of {lived}");
    child.kill().expect("it can be killed");
    let ended = wait::output(watching);
    assert_eq!(ended.status.code(), Some(0), "{}", err(&ended));
    let over = job(&daemon, "the end", |job| job["finishedAt"].is_string());
    assert_eq!(
        (&over["status"], &over["errorDetail"]["signal"]),
        (&json!("failed"), &json!(9)),
        "{over}"
    );
    let _ = child.wait();
}

#[test]
fn an_end_that_only_its_parent_knows_is_said_to_be_so() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let line = "sh -c 'while [ ! -e end ]; do sleep 0.01; done; exit 3' & echo $! > pid; wait; while [ ! -e over ]; do sleep 0.01; done";
    let mut parent = home.command("sh").args(["-c", line]).spawn().expect("sh");
    let pid = wait::until("its child", || {
        fs::read_to_string(home.work().join("pid"))
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
    });
    let watching = watch(&home, pid, &[]);
    job(&daemon, "the job", |job| job["status"] == "running");
    open(&home, "end");
    let ended = wait::output(watching);
    assert_eq!((ended.status.code(), err(&ended)), (Some(0), String::new()));
    let over = job(&daemon, "the end", |job| job["finishedAt"].is_string());
    // The shell may not yet have asked when we look.
    let known = over["status"] == "failed" && over["errorDetail"]["exitCode"] == 3;
    let unknown = over["status"] == "completed"
        && over["message"]
            .as_str()
            .is_some_and(|text| text.contains("exit code"));
    assert!(known || unknown, "{over}");
    open(&home, "over");
    assert!(wait::ended(&mut parent).success());
}

#[test]
fn who_stops_watching_lets_the_process_go_on() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut child = home.command("sleep").arg("1000").spawn().expect("sleep");
    let watching = watch(&home, child.id(), &[]);
    job(&daemon, "the job", |job| job["status"] == "running");
    process::signal(i32::try_from(watching.id()).expect("small"), Signal::INT);
    let ended = wait::output(watching);
    assert_eq!(ended.status.code(), Some(130));
    assert!(err(&ended).contains("it goes on"), "{}", err(&ended));
    let over = job(&daemon, "the end", |job| job["finishedAt"].is_string());
    assert_eq!(
        (&over["status"], &over["errorDetail"]["code"]),
        (&json!("failed"), &json!("unwatched"))
    );
    assert!(child.try_wait().expect("a child").is_none());
    child.kill().expect("it can be killed");
    let _ = child.wait();
}

#[test]
fn what_can_not_be_watched_is_said_in_a_sentence() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut gone = home.command("true").spawn().expect("true");
    wait::until("its end", || {
        (process::state(i32::try_from(gone.id()).ok()?) == Some('Z')).then_some(())
    });
    let zombie = gone.id().to_string();
    for (pid, code, says) in [
        ("0", 2, "a process id"),
        ("-7", 2, "a process id"),
        ("mine", 2, "a process id"),
        ("4194304", 1, "no such process"),
        (zombie.as_str(), 1, "ended already"),
        ("2", 2, "part of the kernel"),
    ] {
        if pid == "2" && fs::read_link("/proc/2/exe").is_ok() {
            // In a container that has ids of its own there is no kernel thread.
            continue;
        }
        let output = home.run(&["watch", pid]);
        assert_eq!(output.status.code(), Some(code), "{pid}: {}", err(&output));
        assert!(err(&output).contains(says), "{pid}: {}", err(&output));
    }
    let _ = gone.wait();
    others_process(&home);
    assert_eq!(
        daemon.get("/api/jobs").json()["jobs"],
        json!([]),
        "none became a job"
    );
}

/// Another user's process, where two users can be had.
fn others_process(home: &Home) {
    const NOBODY: u32 = 65_534;
    let mut root = Command::new("sleep");
    root.arg("1000");
    let Ok(mut theirs) = root.spawn() else { return };
    let mut watcher = home.jobtop(&["watch", &theirs.id().to_string()]);
    if rustix::process::geteuid().is_root() {
        watcher.uid(NOBODY).gid(NOBODY).current_dir("/");
    } else {
        let _ = theirs.kill();
        let _ = theirs.wait();
        return;
    }
    match watcher.output() {
        Ok(output) => {
            assert_eq!(output.status.code(), Some(4), "{}", err(&output));
            assert!(err(&output).contains("another user"), "{}", err(&output));
        }
        // The program lies where nobody may go: then this can't be seen here.
        Err(error) => eprintln!("skipped for another user's process: {error}"),
    }
    let _ = theirs.kill();
    let _ = theirs.wait();
}
