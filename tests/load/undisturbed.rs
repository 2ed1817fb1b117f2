//! Whether those who watch, report and ask feel what else the daemon does with a long history: searches and analyses of all of
//! it, checkpoints, and the index that a start builds.
//!
//! Needs a store with a history, such as the one that `KEEP=FOLDER cargo bench -p jobtopd --bench history` leaves; works on a
//! copy.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use jobtop_e2e::http;
use jobtop_e2e::wire::Endpoint;
use serde_json::{Value, json};

use crate::load::{self, Measured, Plan};
use crate::numbers::{Runs, Sorted};
use crate::print;
use crate::subject::Subject;

/// Which history.
#[derive(Debug, Clone, Args)]
pub(crate) struct History {
    /// A store's folder.
    store: PathBuf,
}

const PLAN: Plan = Plan {
    jobs: 100,
    rate: 1000,
    producers: 1,
    subscribers: 10,
    seconds: 4,
    batch: 50,
};
const RUNS: usize = 3;
/// Bytes of the configs that make the log grow, so that checkpoints come.
const LARGE: usize = 60_000;

/// What goes on beside the load.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    Searches,
    Checkpoints,
    Index,
}

/// One figure of each part, over the runs.
#[derive(Default)]
struct Parts {
    feed: [Runs; 3],
    acks: [Runs; 3],
    reads: [Runs; 3],
    times: Runs,
}

pub(crate) fn run(History { store }: &History) {
    print::heading(
        "the feed (100 jobs, 1,000 updates/s, 10 viewers), acknowledgements and look-ups of finished jobs, in ms: p50, p99, max",
    );
    let copy = tempfile::tempdir().expect("a temporary folder");
    let dir = copy.path().join("store");
    let copied = Command::new("cp").arg("-a").arg(store).arg(&dir).status();
    assert!(
        copied.is_ok_and(|status| status.success()),
        "a copy of the store"
    );
    let all = [
        (Beside::Nothing, "nothing beside"),
        (Beside::Searches, "searches and analyses of all"),
        (Beside::Checkpoints, "checkpoints"),
        (Beside::Index, "a start builds the index"),
    ];
    let mut parts = all.map(|_| Parts::default());
    for _ in 0..RUNS {
        let subject = ready(&dir);
        let finished = finished(&subject);
        for ((beside, _), parts) in all.iter().zip(&mut parts) {
            if *beside != Beside::Index {
                measure(&subject, *beside, &finished, parts);
            }
        }
        drop(subject);
        let subject = Subject::daemon_on(&dir);
        measure(&subject, Beside::Index, &finished, &mut parts[3]);
    }
    let mut table = vec![
        [
            "",
            "feed",
            "",
            "",
            "acknowledged",
            "",
            "",
            "looked up",
            "",
            "",
            "done beside",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for ((_, name), parts) in all.iter().zip(&parts) {
        let mut row = vec![(*name).to_owned()];
        for runs in [&parts.feed, &parts.acks, &parts.reads] {
            row.extend(runs.iter().map(|runs| runs.shown(1)));
        }
        row.push(parts.times.shown(0));
        table.push(row);
    }
    print::table(&table);
}

/// A daemon that has read all of it.
fn ready(dir: &Path) -> Subject {
    let subject = Subject::daemon_on(dir);
    while get(subject.endpoint(), "/api/history?limit=1")
        .get("indexedFrom")
        .is_some()
    {
        thread::sleep(Duration::from_millis(20));
    }
    subject
}

fn get(to: &Endpoint, path: &str) -> Value {
    let answer = http::request(to, "GET", path, &[], b"");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// The ids of some finished jobs.
fn finished(subject: &Subject) -> Vec<String> {
    let page = get(subject.endpoint(), "/api/history?limit=50");
    let jobs = page["jobs"].as_array().expect("a page");
    assert!(!jobs.is_empty(), "the store has no history");
    jobs.iter()
        .filter_map(|job| job["id"].as_str().map(str::to_owned))
        .collect()
}

fn measure(subject: &Subject, beside: Beside, finished: &[String], parts: &mut Parts) {
    let to = subject.endpoint();
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let goes_on = || !stop.load(Ordering::Relaxed);
    let (measured, acks, reads) = thread::scope(|scope| {
        if beside == Beside::Searches {
            for path in [
                "/api/history?q=progress%3C50%20nobody",
                "/api/history?q=errors%3E1000000",
                "/api/analytics?groupBy=name",
            ] {
                let done = &done;
                scope.spawn(move || {
                    while goes_on() {
                        get(to, path);
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        }
        if beside == Beside::Checkpoints {
            scope.spawn(|| make_checkpoints(to, goes_on, &done));
        }
        let acks = scope.spawn(|| {
            each_moment(goes_on, |number| {
                let body =
                    json!({"type": "etl", "name": format!("moment {number}"), "status": "pending"});
                let answer = http::post(to, "/api/jobs", &body);
                assert_eq!(answer.status, 201, "{}", answer.text());
            })
        });
        let reads = scope.spawn(|| {
            each_moment(goes_on, |number| {
                get(
                    to,
                    &format!("/api/jobs/{}", finished[number % finished.len()]),
                );
            })
        });
        let measured = load::put(subject, None, &PLAN);
        stop.store(true, Ordering::Relaxed);
        let times = |thread: thread::ScopedJoinHandle<'_, Sorted>| thread.join().expect("it ends");
        (measured, times(acks), times(reads))
    });
    let Measured { latency, .. } = &measured;
    for (runs, sorted) in [
        (&mut parts.feed, latency),
        (&mut parts.acks, &acks),
        (&mut parts.reads, &reads),
    ] {
        for (runs, part) in runs.iter_mut().zip([0.5, 0.99, 1.0]) {
            runs.push(sorted.micros(part) / 1e3);
        }
    }
    parts.times.push(done.load(Ordering::Relaxed) as f64);
}

/// Does something every ten milliseconds, and says how long it took each time.
fn each_moment(goes_on: impl Fn() -> bool, mut action: impl FnMut(usize)) -> Sorted {
    let mut times = Vec::new();
    while goes_on() {
        let begun = Instant::now();
        action(times.len());
        times.push(begun.elapsed());
        thread::sleep(Duration::from_millis(10));
    }
    Sorted::new(times)
}

/// Makes the log grow, and counts the checkpoints that follow.
fn make_checkpoints(to: &Endpoint, goes_on: impl Fn() -> bool, done: &AtomicUsize) {
    let sealed = || get(to, "/api/store")["lastCompaction"].clone();
    let mut last = sealed();
    while goes_on() {
        let body =
            json!({"type": "etl", "config": {"large": "x".repeat(LARGE)}, "status": "pending"});
        let job = http::post(to, "/api/jobs", &body).json()["job"]["id"].clone();
        let job = job.as_str().expect("an id");
        http::post(to, &format!("/api/jobs/{job}/cancel"), &json!({}));
        let now = sealed();
        if now != last {
            done.fetch_add(1, Ordering::Relaxed);
            last = now;
        }
    }
}
