//! A thousand who say nothing, two hundred who do not read and one who sends rubbish as fast as it can: ten who behave are told
//! what happens as soon as before, the daemon's memory has a bound, and all is let go afterwards.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::process;
use jobtop_e2e::wait;
use jobtop_e2e::ws::Ws;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::attacks::status;
use crate::said::id;

const IDLE: usize = 1_000;
const DEAF: usize = 200;
const VIEWERS: usize = 10;
const JOBS: usize = 20;
/// One update in this time: 200 a second.
const EVERY: Duration = Duration::from_millis(5);
const QUIET: Duration = Duration::from_secs(2);
const FLOOD: Duration = Duration::from_secs(5);
/// What the slowest one in a hundred may wait …
const SOON: Duration = Duration::from_millis(100);
/// … and how many times longer than without the flood, on a machine that is slower than that by itself.
const TIMES: u32 = 5;

#[test]
fn who_behaves_is_served_in_a_flood_as_before_it() {
    raise_open_files();
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut producer = daemon.ws();
    let jobs: Vec<String> = (0..JOBS)
        .map(|_| id(&producer.ok(json!({"type": "create_job", "jobType": "etl"}))["job"]))
        .collect();
    let mut viewers: Vec<Ws> = (0..VIEWERS).map(|_| subscribed(daemon.ws())).collect();
    let (feeds, descriptors) = (feeds(&daemon), descriptors(&daemon));

    let before = latencies(&mut producer, &mut viewers, &jobs, QUIET);
    let memory = process::resident_kib(daemon.pid(), false);

    let idle: Vec<Ws> = (0..IDLE).map(|_| daemon.ws()).collect();
    let with_idle = process::resident_kib(daemon.pid(), false);
    // On the Unix socket, where less is under way before nothing more is taken.
    let deaf: Vec<Ws> = (0..DEAF)
        .map(|_| {
            let mut ws = Ws::connect(&daemon.unix());
            ws.send(&json!({"type": "subscribe", "channel": "jobs", "snapshot": true}));
            ws
        })
        .collect();
    let over = AtomicBool::new(false);
    let (during, peak, rubbish) = std::thread::scope(|scope| {
        let rubbish = scope.spawn(|| send_rubbish(&daemon, &over));
        let during = latencies(&mut producer, &mut viewers, &jobs, FLOOD);
        let peak = process::resident_kib(daemon.pid(), false);
        over.store(true, Ordering::Relaxed);
        (during, peak, rubbish.join().expect("no panic"))
    });
    let grown = peak.saturating_sub(with_idle);
    let said = format!(
        "p50 and p99 {:?} before, {:?} during {rubbish} pieces of rubbish; memory {memory} KiB, {with_idle} KiB with {IDLE} idle, {grown} KiB for {DEAF} deaf",
        figures(&before),
        figures(&during)
    );
    // Not through `eprintln!`, which is only shown of tests that fail.
    let _ = writeln!(std::io::stderr(), "flood: {said}");
    let (quiet, slow) = (figures(&before).1, figures(&during).1);
    if quiet < SOON / 2 {
        assert!(slow < SOON, "{said}");
    } else {
        let _ = writeln!(std::io::stderr(), "flood: a slow machine, by itself");
        assert!(slow < quiet * TIMES, "{said}");
    }
    assert!(rubbish > 1_000, "{said}");
    assert!(grown < DEAF as u64 * 1024, "{said}");
    assert!(
        with_idle.saturating_sub(memory) < IDLE as u64 * 64,
        "{said}"
    );

    drop((idle, deaf));
    wait::until("all of them gone", || {
        (feeds == self::feeds(&daemon)).then_some(())
    });
    wait::until("their descriptors to be given back", || {
        (self::descriptors(&daemon) <= descriptors + 2).then_some(())
    });
    for viewer in &mut viewers {
        viewer.settle();
    }
}

/// A test may need more descriptors than a shell gives.
fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(8_192, |most| most.min(8_192));
    if current.is_some_and(|now| now < wanted) {
        let limit = Rlimit {
            current: Some(wanted),
            maximum,
        };
        setrlimit(Resource::Nofile, limit).expect("the limit can be raised to what is allowed");
    }
}

fn subscribed(mut ws: Ws) -> Ws {
    ws.subscribe("jobs", &json!({}));
    ws
}

fn feeds(daemon: &Daemon) -> Value {
    status(daemon)["connections"]["feeds"].clone()
}

fn descriptors(daemon: &Daemon) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
        .expect("its descriptors")
        .count()
}

/// Reports at its pace for that long, and gives back after what time each viewer was told of each.
fn latencies(
    producer: &mut Ws,
    viewers: &mut [Ws],
    jobs: &[String],
    time: Duration,
) -> Vec<Duration> {
    let begun = Instant::now();
    let count = (time.as_micros() / EVERY.as_micros()) as usize;
    std::thread::scope(|scope| {
        let watching: Vec<_> = viewers
            .iter_mut()
            .map(|viewer| scope.spawn(move || seen(viewer, begun)))
            .collect();
        for n in 0..count {
            let due = EVERY * n as u32;
            // At its pace: nothing is waited for.
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            let sent = begun.elapsed().as_micros().to_string();
            let job = &jobs[n % jobs.len()];
            producer.send(&json!({"type": "update_progress", "jobId": job, "message": sent}));
        }
        producer.send(&json!({"type": "update_progress", "jobId": jobs[0], "message": "over"}));
        let all = watching.into_iter();
        all.flat_map(|viewer| viewer.join().expect("no panic"))
            .collect()
    })
}

/// Until it is over.
fn seen(viewer: &mut Ws, begun: Instant) -> Vec<Duration> {
    let mut all = Vec::new();
    loop {
        let update = viewer.expect("job_update");
        let message = update["message"].as_str().unwrap_or_default();
        if message == "over" {
            return all;
        }
        let sent = Duration::from_micros(message.parse().expect("a time"));
        all.push(begun.elapsed().saturating_sub(sent));
    }
}

/// The one in the middle, and the slowest but one in a hundred.
fn figures(all: &[Duration]) -> (Duration, Duration) {
    let mut sorted = all.to_vec();
    sorted.sort();
    assert!(sorted.len() > 1_000, "only {} updates seen", sorted.len());
    (sorted[sorted.len() / 2], sorted[sorted.len() * 99 / 100])
}

/// Frames that are no JSON, as fast as they are taken, and now and then bytes that are no frame; how many there were.
fn send_rubbish(daemon: &Daemon, over: &AtomicBool) -> usize {
    let mut count = 0;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while !over.load(Ordering::Relaxed) {
        let mut ws = daemon.ws();
        for _ in 0..10 {
            for _ in 0..50 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                ws.send_text(&format!("{state:x}{{[\"").repeat(1 + state as usize % 20));
            }
            // Its answers are read, else nothing more of it would be.
            for _ in 0..50 {
                ws.find("a refusal", |said| said["type"] == "error");
            }
            count += 50;
        }
        ws.send_bytes(&[0xff; 14]);
        ws.end();
    }
    count
}
