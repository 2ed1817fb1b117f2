//! How soon a change of a job is durable, and how many are in a second: `cargo bench -p jobtopd --bench commit`.
//!
//! Row 9 of the project's figures: one at a time beside an append of the same bytes and an `fdatasync`; by tens, and by
//! ten who wait at the same time, beside `SQLite` (WAL, FULL) with transactions of ten. The sides take turns, since the disk is seldom alone.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that fails says where"
)]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jobtop_core::proto::stored::StoredJob;
use jobtop_core::{Job, JobId, Now};
use jobtopd::clock::Clock;
use jobtopd::engine::command::{Answer, Answered, ReplyTo};
use jobtopd::engine::outcome::{Bond, Commit, Record, Release, Write};
use jobtopd::store::{self, Opened, Settings};
use rusqlite::{Connection, params};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Rounds, in each of which every side has its turn.
const ROUNDS: usize = 9;
/// Changes in a turn, one at a time.
const SINGLE: usize = 300;
/// Changes in a turn, some at a time.
const MANY: usize = 3_000;
/// So many wait for their answers at the same time.
const TOGETHER: usize = 10;
/// Jobs that change.
const JOBS: u128 = 100;

fn changed(sample: &Job, number: u128, now: Now) -> Record {
    let mut job = sample.clone();
    let mut spec = (*job.spec).clone();
    spec.id = JobId::new(now.wall, number % JOBS);
    job.spec = Arc::new(spec);
    job.state.progress = (number % 100) as f64;
    Record {
        job: Arc::new(job),
        bond: Bond {
            connected: true,
            process: None,
            environment: None,
        },
    }
}

/// Changes that are acknowledged when they are durable.
fn commit(records: Vec<Record>, now: Now) -> (Commit, oneshot::Receiver<Answered>) {
    let (reply, answer) = oneshot::channel();
    let job = records[0].job.clone();
    let commit = Commit {
        writes: records.into_iter().map(Write::Job).collect(),
        aside: Vec::new(),
        releases: vec![Release::Answer(ReplyTo::Once(reply), Ok(Answer::Job(job)))],
        now,
    };
    (commit, answer)
}

async fn singly(opened: &Opened, sample: &Job, now: Now, times: &mut Vec<Duration>) {
    for number in 0..SINGLE {
        let (commit, answer) = commit(vec![changed(sample, number as u128, now)], now);
        let begun = Instant::now();
        opened.writer.sender().send(commit).await.unwrap();
        answer.await.unwrap().unwrap();
        times.push(begun.elapsed());
    }
}

fn appended(file: &mut File, bytes: &[u8], times: &mut Vec<Duration>) {
    for _ in 0..SINGLE {
        let begun = Instant::now();
        file.write_all(bytes).unwrap();
        file.sync_data().unwrap();
        times.push(begun.elapsed());
    }
}

/// Changes a second, when some wait at the same time.
async fn together(opened: &Opened, sample: &Job, now: Now) -> f64 {
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for one in 0..TOGETHER {
        let (sender, sample) = (opened.writer.sender(), sample.clone());
        all.spawn(async move {
            for number in 0..MANY / TOGETHER {
                let number = (number * TOGETHER + one) as u128;
                let (commit, answer) = commit(vec![changed(&sample, number, now)], now);
                sender.send(commit).await.unwrap();
                answer.await.unwrap().unwrap();
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    MANY as f64 / begun.elapsed().as_secs_f64()
}

/// Changes a second, when the engine hands them over by tens, as it does under load.
async fn batched(opened: &Opened, sample: &Job, now: Now) -> f64 {
    let begun = Instant::now();
    for first in (0..MANY).step_by(TOGETHER) {
        let records = (first..first + TOGETHER).map(|number| changed(sample, number as u128, now));
        let (commit, answer) = commit(records.collect(), now);
        opened.writer.sender().send(commit).await.unwrap();
        answer.await.unwrap().unwrap();
    }
    MANY as f64 / begun.elapsed().as_secs_f64()
}

fn sqlite(path: &Path) -> Connection {
    let db = Connection::open(path).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
         CREATE TABLE jobs (id INTEGER PRIMARY KEY, record TEXT);",
    )
    .unwrap();
    db
}

/// Changes a second, in transactions of ten.
fn transactions(db: &mut Connection, sample: &Job, now: Now) -> f64 {
    let begun = Instant::now();
    for first in (0..MANY).step_by(TOGETHER) {
        let transaction = db.transaction().unwrap();
        for number in first..first + TOGETHER {
            let record = changed(sample, number as u128, now);
            let text = serde_json::to_string(&record.job.view(now.mono)).unwrap();
            transaction
                .prepare_cached("INSERT OR REPLACE INTO jobs VALUES (?, ?)")
                .unwrap()
                .execute(params![(number as u128 % JOBS) as i64, text])
                .unwrap();
        }
        transaction.commit().unwrap();
    }
    MANY as f64 / begun.elapsed().as_secs_f64()
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() * percent).div_ceil(100).max(1) - 1].as_secs_f64() * 1e6
}

fn spread(rates: &mut [f64]) -> (f64, String) {
    rates.sort_by(f64::total_cmp);
    let median = rates[rates.len() / 2];
    let shown = format!(
        "{median:.0}/s ({:.0}–{:.0})",
        rates[0],
        rates[rates.len() - 1]
    );
    (median, shown)
}

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let now = clock.now();
    let text = include_str!("../../shared/core/tests/stored/job-1.json");
    let sample = StoredJob::read(text.as_bytes()).unwrap().revive(now);
    let bytes = serde_json::to_vec(&sample.view(now.mono)).unwrap();
    let ours = dir.path().join("store");
    let opened = store::open(&ours, &Settings::default(), clock).unwrap();
    let mut db = sqlite(&dir.path().join("jobs.sqlite"));
    let mut file = File::create(dir.path().join("appended")).unwrap();
    let (mut single, mut bare) = (Vec::new(), Vec::new());
    let (mut grouped, mut tens, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        singly(&opened, &sample, now, &mut single).await;
        appended(&mut file, &bytes, &mut bare);
        grouped.push(together(&opened, &sample, now).await);
        tens.push(batched(&opened, &sample, now).await);
        theirs.push(transactions(&mut db, &sample, now));
    }
    let (p50, bare_p50) = (percentile(&mut single, 50), percentile(&mut bare, 50));
    let (p99, bare_p99) = (percentile(&mut single, 99), percentile(&mut bare, 99));
    println!(
        "9   a change acknowledged: p50 {p50:.0} µs, p99 {p99:.0} µs; {} bytes appended and fdatasync {bare_p50:.0} / {bare_p99:.0} µs: {:.2} × / {:.2} ×",
        bytes.len(),
        p50 / bare_p50,
        p99 / bare_p99
    );
    let (theirs, theirs_shown) = spread(&mut theirs);
    for (what, rates) in [
        (format!("in batches of {TOGETHER}"), &mut tens),
        (
            format!("by {TOGETHER} who wait at the same time"),
            &mut grouped,
        ),
    ] {
        let (ours, shown) = spread(rates);
        println!(
            "9   {what}: {shown}; SQLite in transactions of {TOGETHER}: {theirs_shown}: {:.2} ×",
            ours / theirs
        );
    }
    opened.writer.finish(Duration::from_secs(30)).await;
}
