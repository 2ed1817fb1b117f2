//! Rows 17 and 20, and what the screen is to bear: listing ten thousand jobs; a screen on a thousand and on ten thousand jobs
//! that change ten thousand times a second.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jobtop_e2e::pty::Pty;
use jobtop_e2e::{bins, process};

use crate::numbers::{Runs, Sorted, verdict};
use crate::print;
use crate::producer::Producer;
use crate::subject::Subject;

/// What `pueue status` took for as many, measured before on two cores (milliseconds, MiB).
const PUEUE: (f64, f64) = (524.0, 171.0);
const MANY: usize = 10_000;
/// Updates a second.
const RATE: f64 = 10_000.0;
/// How long a screen is measured.
const TIME: Duration = Duration::from_secs(10);

/// Row 17.
pub(crate) fn listing() {
    print::heading(&format!(
        "17  ls of {MANY} jobs (ms, MiB), targets ≤ 0.05 × pueue's status ({} ms before), ≤ 26 MiB",
        PUEUE.0
    ));
    let subject = Subject::daemon();
    let _jobs = Producer::new(&subject, None, MANY);
    let Some(home) = subject.home() else { return };
    let (mut times, mut memory) = (Runs::default(), Runs::default());
    for _ in 0..11 {
        let begun = Instant::now();
        let mut child = home
            .jobtop(&["ls"])
            .stdout(Stdio::null())
            .spawn()
            .expect("it can be started");
        let pid = i32::try_from(child.id()).expect("a pid is small");
        let mut most = 0;
        while child.try_wait().expect("a child").is_none() {
            most = most.max(process::resident_kib(pid, true));
            std::thread::sleep(Duration::from_micros(500));
        }
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        memory.push(most as f64 / 1024.0);
    }
    let ratio = times.median() / PUEUE.0;
    print::table(&[
        ["jobtop ls", "of pueue's", "memory", ""]
            .map(str::to_owned)
            .to_vec(),
        vec![
            times.shown(1),
            format!("{ratio:.2} ×"),
            memory.shown(1),
            verdict(ratio <= 0.05 && memory.median() <= 26.0).to_owned(),
        ],
    ]);
}

/// Row 20, and the same with ten thousand jobs.
pub(crate) fn screen() {
    print::heading(
        "20  a screen on jobs that change 10,000 times a second; targets with 1,000: ≤ 5 % of a core, ≤ 60 KB/s; with 10,000: \
         a key within a frame (33 ms), ≤ 60 MB",
    );
    let head = [
        "jobs",
        "size",
        "CPU %",
        "KB/s",
        "frames/s",
        "ms of CPU a frame",
        "MiB",
        "key ms",
        "filter ms",
    ];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for (jobs, (rows, columns)) in [(1_000, (40, 120)), (MANY, (60, 200))] {
        let subject = Subject::daemon();
        let Some(home) = subject.home() else { return };
        let mut producer = Producer::new(&subject, None, jobs);
        let mut pty = Pty::start(home, (rows, columns), &[&bins::jobtop().to_string_lossy()]);
        pty.wait_for("all jobs", |screen| {
            screen.contains(&format!("{jobs} jobs"))
        });
        let over = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            scope.spawn(|| send(&mut producer, &over));
            let seen = Seen::of(&mut pty, jobs);
            over.store(true, Ordering::Relaxed);
            seen
        });
        table.push(vec![
            jobs.to_string(),
            format!("{columns}×{rows}"),
            format!("{:.1}", seen.cpu),
            format!("{:.1}", seen.kilobytes),
            format!("{:.1}", seen.frames),
            format!("{:.2}", 10.0 * seen.cpu / seen.frames),
            format!("{:.1}", seen.resident),
            seen.key,
            seen.filter,
        ]);
    }
    print::table(&table);
}

/// Changes the jobs one after the other at that rate until it is over.
fn send(producer: &mut Producer, over: &AtomicBool) {
    const BATCH: u64 = 50;
    let jobs = producer.jobs.len() as u64;
    let begun = Instant::now();
    let mut sent = 0_u64;
    while !over.load(Ordering::Relaxed) {
        let due = (begun.elapsed().as_secs_f64() * RATE) as u64;
        while sent < due {
            let batch: Vec<(usize, u64)> = (sent..(sent + BATCH).min(due))
                .map(|n| ((n % jobs) as usize, n / jobs + 1))
                .collect();
            sent += batch.len() as u64;
            producer.report(&batch);
            producer.flush();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What a screen does and how soon it answers.
struct Seen {
    cpu: f64,
    kilobytes: f64,
    frames: f64,
    resident: f64,
    key: String,
    filter: String,
}

impl Seen {
    fn of(pty: &mut Pty, jobs: usize) -> Self {
        std::thread::sleep(Duration::from_secs(2));
        let figures = |pty: &Pty| (process::cpu_seconds(pty.pid()), pty.written(), pty.frames());
        let (begun, before) = (Instant::now(), figures(pty));
        std::thread::sleep(TIME);
        let (seconds, after) = (begun.elapsed().as_secs_f64(), figures(pty));
        let resident = process::resident_kib(pty.pid(), false) as f64 / 1024.0;
        let mut keys = Vec::new();
        for _ in 0..20 {
            for (key, shown) in [("?", true), ("q", false)] {
                keys.push(answered(pty, key, |text| {
                    text.contains("Keys of the list") == shown
                }));
            }
        }
        let mut filters = Vec::new();
        pty.press("/");
        pty.wait_text("Enter keep");
        let of_all = format!(" of {jobs}");
        for _ in 0..10 {
            for (key, typed) in [("7", "/7"), ("5", "/75"), ("\x7f", "/7"), ("\x7f", "/")] {
                filters.push(answered(pty, key, |text| {
                    let line = text.lines().rev().find(|line| line.starts_with('/'));
                    line.is_some_and(|line| {
                        line.split_whitespace().next() == Some(typed)
                            && (typed == "/" || line.contains(&of_all))
                    })
                }));
            }
        }
        let shown = |times: Vec<Duration>| {
            let times = Sorted::new(times);
            format!(
                "{:.1} / {:.1}",
                times.micros(0.5) / 1e3,
                times.micros(0.95) / 1e3
            )
        };
        Self {
            cpu: 100.0 * (after.0 - before.0) / seconds,
            kilobytes: (after.1 - before.1) as f64 / 1e3 / seconds,
            frames: (after.2 - before.2) as f64 / seconds,
            resident,
            key: shown(keys),
            filter: shown(filters),
        }
    }
}

/// From a key to what it brings about, as the terminal has it.
fn answered(pty: &mut Pty, key: &str, fits: impl Fn(&str) -> bool) -> Duration {
    let begun = Instant::now();
    pty.press(key);
    pty.wait_for("the key's doing", fits);
    let took = begun.elapsed();
    // The next one falls into another moment between two frames.
    std::thread::sleep(Duration::from_millis(37));
    took
}
