//! What commands say of their own progress, in their output and on the descriptor made for it, is seen on the job.

use std::fs;
use std::process::{Command, Stdio};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::wait;
use serde_json::{Value, json};

use crate::said::id;

/// Waits in a shell until a file is there.
fn until(gate: &str) -> String {
    format!("while [ ! -e {gate} ]; do sleep 0.01; done")
}

/// The only job there is, once it fits.
fn job(daemon: &Daemon, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, || {
        let jobs = daemon.get("/api/jobs").json();
        jobs["jobs"].get(0).filter(|job| fits(job)).cloned()
    })
}

fn open(home: &Home, gate: &str) {
    fs::write(home.work().join(gate), "").expect("a gate");
}

#[test]
fn a_queued_command_s_bars_are_its_progress_and_its_last_lines_read_as_on_a_screen() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    // As tqdm draws them.
    let bar = |name: &str, counts: &str| {
        format!(
            "for n in {counts}; do printf '\\r{name}: %3d%%|##  | %d/100 [00:01<00:02, 9.00it/s]' $n $n >&2; done"
        )
    };
    let script = [
        bar("Load", "10 20 30 70 100"),
        until("one"),
        "echo >&2".to_owned(),
        bar("Map", "1 2 3 4"),
        until("two"),
        "echo; echo broken; exit 3".to_owned(),
    ]
    .join("; ");
    let created = daemon.create(&json!({
        "type": "command",
        "command": {"argv": ["sh", "-c", script], "cwd": home.work()},
    }));
    let loaded = job(&daemon, "the first bar at its end", |job| {
        job["progress"] == 99.9
    });
    assert_eq!(loaded["progressSource"], "output", "{loaded}");
    assert_eq!(loaded["steps"], json!(["Load"]), "{loaded}");
    assert_eq!(loaded["metrics"]["totalItems"], 100, "{loaded}");
    open(&home, "one");
    let mapped = job(&daemon, "the second bar", |job| job["progress"] == 4.0);
    assert_eq!(
        (&mapped["steps"], &mapped["currentStep"]),
        (&json!(["Load", "Map"]), &json!(1)),
        "{mapped}"
    );
    open(&home, "two");
    let failed = job(&daemon, "the end", |job| job["status"] == "failed");
    assert_eq!(id(&failed), id(&created));
    assert_eq!(
        failed["errorDetail"]["lastLines"],
        json!([
            "Load: 100%|##  | 100/100 [00:01<00:02, 9.00it/s]",
            "Map:   4%|##  | 4/100 [00:01<00:02, 9.00it/s]",
            "broken"
        ]),
        "{failed}"
    );
}

/// The lines of shell that the manual shows.
fn example() -> String {
    let manual = include_str!("../../man/jobtop.1");
    let from = manual.find("[ -n \"$JOBTOP_PROGRESS_FD\" ]");
    let example = &manual[from.expect("the manual has an example")..];
    let end = example.find(".Ed").expect("it has an end");
    assert_eq!(example[..end].lines().count(), 3);
    example[..end].replace("\\e", "\\")
}

#[test]
fn a_shell_script_says_how_far_it_is_as_the_manual_shows_it() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let script = format!(
        "{}{}; say 30%; {}; exit 4",
        example(),
        until("one"),
        until("two")
    );
    // Without jobtop it runs as well.
    let alone = home
        .command("sh")
        .args(["-c", &format!("{}say 42%", example())])
        .output()
        .expect("it runs");
    assert!(alone.status.success() && alone.stdout.is_empty() && alone.stderr.is_empty());

    let mut child = home
        .jobtop(&["run", "--", "sh", "-c", &script])
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    let said = job(&daemon, "the first word", |job| job["progress"] == 25.0);
    assert_eq!(
        (&said["steps"], &said["progressSource"]),
        (&json!(["Sorting"]), &json!("output")),
        "{said}"
    );
    open(&home, "one");
    job(&daemon, "a percentage", |job| job["progress"] == 30.0);
    open(&home, "two");
    assert_eq!(wait::ended(&mut child).code(), Some(4));

    let queued = daemon.create(&json!({
        "type": "command",
        "command": {"argv": ["sh", "-c", script], "cwd": home.work()},
    }));
    let ended = wait::until("the end", || {
        let job = daemon.job(&id(&queued));
        job["finishedAt"].is_string().then_some(job)
    });
    assert_eq!(
        (&ended["progress"], &ended["steps"]),
        (&json!(30), &json!(["Sorting"])),
        "{ended}"
    );
}

#[test]
fn nonsense_on_the_descriptor_is_said_once_and_nobody_who_holds_it_delays_the_end() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    // A megabyte that nobody asked for goes through without holding the command up; what is left running holds it open.
    let script = format!(
        "exec >&$JOBTOP_PROGRESS_FD; head -c 1000000 /dev/zero; echo; echo hello; echo 12; {}; sleep 1011 & exit 0",
        until("gate")
    );
    let mut child = home
        .jobtop(&["run", "--", "sh", "-c", &script])
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    let said = job(&daemon, "what could be read", |job| job["progress"] == 12.0);
    let message = said["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("JOBTOP_PROGRESS_FD") && message.contains("longer than 64 KiB"),
        "{said}"
    );
    open(&home, "gate");
    assert_eq!(wait::ended(&mut child).code(), Some(0));
    let left = wait::until("who was left running", || home.process("sleep", "1011"));
    job(&daemon, "the end", |job| job["status"] == "completed");
    process::signal(left, Signal::KILL);
}

#[test]
fn pv_in_the_queue_is_seen_by_its_own_bar() {
    let home = Home::new();
    if home.command("pv").arg("--version").output().is_err() {
        eprintln!("skipped: there is no pv here");
        return;
    }
    let daemon = home.daemon(Setup::unix());
    fs::write(home.work().join("in"), vec![b'x'; 3_000_000]).expect("a file");
    daemon.create(&json!({
        "type": "command",
        "command": {"argv": ["sh", "-c", "pv -f -i 0.1 -L 1500k in > out"], "cwd": home.work()},
    }));
    let mut before = 0.0;
    for least in [20.0, 50.0, 80.0] {
        let seen = job(&daemon, "its bar", |job| {
            let progress = job["progress"].as_f64().unwrap_or_default();
            job["progressSource"] == "output" && progress >= least
        });
        let progress = seen["progress"].as_f64().unwrap_or_default();
        assert!(progress >= before && progress < 100.0, "{seen}");
        before = progress;
    }
    let done = job(&daemon, "the end", |job| job["status"] == "completed");
    assert_eq!(done["progress"], 100.0, "{done}");
}

/// A job of that name that has completed, after it was active for that many seconds.
fn earlier(daemon: &Daemon, name: &str, kind: &str, seconds: i64) {
    let date = ["-u", "-d", &format!("-{seconds} seconds"), "+%FT%TZ"];
    let date = Command::new("date").args(date).output().expect("date");
    let began = String::from_utf8_lossy(&date.stdout).trim().to_owned();
    let job = daemon.create(&json!({"type": kind, "name": name, "startedAt": began}));
    assert_eq!(daemon.act(&id(&job), "complete").status, 200);
}

#[test]
fn a_command_that_says_nothing_is_told_by_what_its_earlier_runs_took() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let name = r#"nightly "load" of C:\x"#;
    for seconds in [380, 400, 9_000] {
        earlier(&daemon, name, "command", seconds);
    }
    // None of these is the same command.
    for _ in 0..9 {
        earlier(&daemon, &format!("{name} again"), "command", 2);
        earlier(&daemon, name, "csv_processing", 2);
    }
    let mut child = home
        .jobtop(&["run", "--name", name, "--", "sh", "-c"])
        .arg(until("end"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("jobtop can be started");
    let ours = |job: &Value| job["name"] == name && job["status"] == "running";
    let find = |what: &str, fits: &dyn Fn(&Value) -> bool| {
        wait::until(what, || {
            let jobs = daemon.get("/api/jobs?status=running").json();
            jobs["jobs"].get(0).filter(|job| fits(job)).cloned()
        })
    };
    let guessed = find("a guess", &|job| {
        ours(job) && job["progressSource"] == "history"
    });
    // 400 seconds are the median, so a second is a quarter of a per cent; the command began a moment before its job was made.
    let percent = guessed["progress"].as_f64().expect("a percentage");
    let active = guessed["metrics"]["activeSeconds"]
        .as_f64()
        .expect("seconds");
    assert!(percent > 0.0 && percent <= active / 4.0 + 1.0, "{guessed}");
    find("it moves", &|job| job["progress"].as_f64() > Some(percent));
    let listed = home.run(&["ls", "status:running"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains('≈'), "{listed}");
    open(&home, "end");
    assert!(wait::ended(&mut child).success());
    let done = find_done(&daemon, name);
    assert_eq!(done["progress"], 100, "{done}");
}

fn find_done(daemon: &Daemon, name: &str) -> Value {
    wait::until("the end", || {
        let jobs = daemon.get("/api/jobs?status=completed&type=command").json();
        jobs["jobs"]
            .get(0)
            .filter(|job| job["name"] == name)
            .cloned()
    })
}
