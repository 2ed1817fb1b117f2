//! What commands cost as jobs: beside the same commands without jobtop, or with the usual tool in its place.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::{bins, process, wait};
use serde_json::json;

use crate::numbers::{Runs, ratio, verdict};
use crate::print;

/// Commands in the queue.
const QUEUED: usize = 500;
/// Bytes through a pipe.
const PIPED: u64 = 4 << 30;
/// How long a command is observed.
const OBSERVED: Duration = Duration::from_secs(10);

/// Measures all of it.
pub(crate) fn run() {
    overhead();
    queue();
    pipe();
    observing();
}

fn seconds(mut command: Command) -> f64 {
    let begun = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("it can be started");
    assert!(status.success(), "{command:?} ended with {status}");
    begun.elapsed().as_secs_f64()
}

fn shell(home: &Home, script: &str) -> f64 {
    let mut command = home.command("sh");
    command.args(["-c", script]);
    seconds(command)
}

fn overhead() {
    print::heading("jobtop run -- true over true (ms), target: under 10 more");
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let (mut bare, mut ours) = (Runs::default(), Runs::default());
    for _ in 0..101 {
        bare.push(seconds(home.command("true")) * 1e3);
        ours.push(seconds(home.jobtop(&["run", "--", "true"])) * 1e3);
    }
    let more = ours.median() - bare.median();
    print::table(&[
        ["jobtop run -- true", "true", "more", ""]
            .map(str::to_owned)
            .to_vec(),
        vec![
            ours.shown(1),
            bare.shown(1),
            format!("{more:.1}"),
            verdict(more < 10.0).to_owned(),
        ],
    ]);
}

fn queue() {
    print::heading(&format!(
        "{QUEUED} queued `true`, two slots, beside xargs -P2 -n1 jobtop run -- true (s), target ≤ 1.2 ×"
    ));
    let (mut xargs, mut ours) = (Runs::default(), Runs::default());
    let program = bins::jobtop().to_string_lossy();
    for _ in 0..5 {
        let home = Home::new();
        let daemon = home.daemon(Setup::unix());
        xargs.push(shell(
            &home,
            &format!("seq {QUEUED} | xargs -P2 -n1 '{program}' run -- true"),
        ));
        drop(daemon);
        let home = Home::new();
        ours.push(queued(&home.daemon(Setup::unix())));
    }
    let ratio = ratio(&ours, &xargs);
    print::table(&[
        ["queue", "xargs", "ratio", ""].map(str::to_owned).to_vec(),
        vec![
            ours.shown(2),
            xargs.shown(2),
            format!("{ratio:.2} ×"),
            verdict(ratio <= 1.2).to_owned(),
        ],
    ]);
}

/// From the moment in which a full queue begins until its last command has ended.
fn queued(daemon: &Daemon) -> f64 {
    let set = |body| assert_eq!(daemon.post("/api/queues/load", &body).status, 200);
    set(json!({"slots": 2, "paused": true}));
    for _ in 0..QUEUED {
        daemon.create(
            &json!({"type": "command", "queue": "load", "command": {"argv": ["true"], "cwd": "/"}}),
        );
    }
    let begun = Instant::now();
    set(json!({"paused": false}));
    let done = wait::within(Duration::from_secs(120), || {
        let queues = daemon.get("/api/queues").json();
        let queue = queues["queues"]
            .as_array()?
            .iter()
            .find(|queue| queue["name"] == "load")?
            .clone();
        (queue["running"] == 0 && queue["pending"] == 0).then_some(())
    });
    assert!(done.is_some(), "the queue does not end");
    begun.elapsed().as_secs_f64()
}

fn pipe() {
    print::heading("throughput of jobtop pipe beside pv (GB/s), target ≥ 0.8 ×");
    let installed = Command::new("pv").arg("-V").stdout(Stdio::null()).status();
    if !installed.is_ok_and(|status| status.success()) {
        print::line("  SKIPPED: pv is not installed, so there is nothing to hold the pipe against");
        return;
    }
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let program = bins::jobtop().to_string_lossy();
    let (mut pv, mut ours) = (Runs::default(), Runs::default());
    let through = |what: &str| {
        let time = shell(
            &home,
            &format!("head -c {PIPED} /dev/zero | {what} | cat >/dev/null"),
        );
        PIPED as f64 / time / 1e9
    };
    for _ in 0..7 {
        pv.push(through("pv -f 2>/dev/null"));
        ours.push(through(&format!("'{program}' pipe")));
    }
    let ratio = ratio(&ours, &pv);
    print::table(&[
        ["jobtop pipe", "pv", "ratio", ""]
            .map(str::to_owned)
            .to_vec(),
        vec![
            ours.shown(2),
            pv.shown(2),
            format!("{ratio:.2} ×"),
            verdict(ratio >= 0.8).to_owned(),
        ],
    ]);
}

/// Reads its file again and again for as long as it is let.
const READER: &str = "
import sys, time
with open(sys.argv[1], 'rb') as f:
    while f.read(1 << 16): time.sleep(0.02)
";

fn observing() {
    print::heading("observing a command, 10 s, five runs (% of a core), target < 1");
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    std::fs::write(home.work().join("input"), vec![b'x'; 200 << 20]).expect("an input");
    let mut cost = Runs::default();
    for _ in 0..5 {
        let mut child = home
            .jobtop(&["run", "--", "python3", "-c", READER, "input"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("jobtop can be started");
        let pid = i32::try_from(child.id()).expect("a pid is small");
        // Not synchronisation: the start is not what is measured.
        std::thread::sleep(Duration::from_secs(1));
        let (before, begun) = (process::cpu_seconds(pid), Instant::now());
        std::thread::sleep(OBSERVED);
        let used = process::cpu_seconds(pid) - before;
        cost.push(100.0 * used / begun.elapsed().as_secs_f64());
        process::signal(pid, process::Signal::TERM);
        wait::ended(&mut child);
    }
    print::table(&[vec![
        "jobtop run".to_owned(),
        cost.shown(2),
        verdict(cost.median() < 1.0).to_owned(),
    ]]);
}
