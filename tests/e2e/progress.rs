//! What commands say of their own progress, in their output and on the descriptor made for it, is seen on the job.

use std::fs;

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
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
