//! Rows 1 and 2: what it costs to tell a viewer.
//!
//! The load is closed: the next update goes out when every viewer has the one before, so nothing can be merged that the
//! row does not mean to be merged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::numbers::{Runs, ratio, verdict};
use crate::print;
use crate::producer::{Producer, Sample};
use crate::subject::Subject;
use crate::viewers::Viewers;

/// How long one run takes; three of each side make a row.
const RUN: Duration = Duration::from_millis(2500);

/// Row 1: every update is its own write.
pub(crate) fn single(sample: &Sample) {
    print::heading(
        "1  fan-out, every update its own write: CPU per delivery (µs), target ≤ 1.25 × the limit",
    );
    let mut table = vec![head()];
    for viewers in [10, 100, 1000] {
        let (ours, limit) = compare(sample, viewers, 1);
        let ratio = ratio(&ours, &limit);
        table.push(vec![
            format!("{viewers} viewers"),
            ours.shown(2),
            limit.shown(2),
            format!("{ratio:.2} ×"),
            verdict(ratio <= 1.25).to_owned(),
        ]);
    }
    print::table(&table);
}

/// Row 2: sixteen updates go out in one flush.
pub(crate) fn merged(sample: &Sample) {
    print::heading(
        "2  fan-out under pressure, 16 updates a flush, 100 viewers: CPU per message (µs), target ≥ 0.55 × the limit's rate",
    );
    let (ours, limit) = compare(sample, 100, 16);
    let speed = 1.0 / ratio(&ours, &limit);
    print::table(&[
        head(),
        vec![
            "messages per CPU second".to_owned(),
            ours.shown(3),
            limit.shown(3),
            format!("{speed:.2} ×"),
            verdict(speed >= 0.55).to_owned(),
        ],
    ]);
}

fn head() -> Vec<String> {
    ["", "jobtopd", "limit", "ratio", ""]
        .map(str::to_owned)
        .to_vec()
}

fn compare(sample: &Sample, viewers: usize, batch: usize) -> (Runs, Runs) {
    let (mut ours, mut limit) = (Runs::default(), Runs::default());
    let words = ["relay", "--batch", &batch.to_string()].map(str::to_owned);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for _ in 0..3 {
        limit.push(cost(&Subject::limit(&words), sample, viewers, batch));
        ours.push(cost(&Subject::daemon(), sample, viewers, batch));
    }
    (ours, limit)
}

/// Deliveries so far, and who waits for how many.
struct Arrivals {
    count: AtomicU64,
    wanted: AtomicU64,
    waiting: Thread,
}

/// CPU microseconds of the server per message delivered.
fn cost(subject: &Subject, sample: &Sample, viewers: usize, batch: usize) -> f64 {
    let mut producer = Producer::new(subject, Some(sample), batch);
    let arrivals = Arc::new(Arrivals {
        count: AtomicU64::new(0),
        wanted: AtomicU64::new(u64::MAX),
        waiting: std::thread::current(),
    });
    let to = Arc::clone(&arrivals);
    let _viewers = Viewers::start(subject, viewers, move |_, payload| {
        if payload.starts_with(b"{\"type\":\"job_update\"") {
            let count = to.count.fetch_add(1, Ordering::AcqRel) + 1;
            if count >= to.wanted.load(Ordering::Acquire) {
                to.waiting.unpark();
            }
        }
    });
    let mut round = |number: u64| {
        let all = number * (viewers * batch) as u64;
        arrivals.wanted.store(all, Ordering::Release);
        let reports: Vec<(usize, u64)> = (0..batch).map(|job| (job, number)).collect();
        producer.report(&reports);
        producer.flush();
        let sent = Instant::now();
        while arrivals.count.load(Ordering::Acquire) < all {
            std::thread::park_timeout(Duration::from_millis(100));
            assert!(
                sent.elapsed() < Duration::from_secs(20),
                "{} of {all} messages arrived after {number} rounds",
                arrivals.count.load(Ordering::Acquire)
            );
        }
    };
    // The first rounds fill caches and buffers.
    let mut number = 0;
    while number < 20 {
        number += 1;
        round(number);
    }
    let (cpu, begun, from) = (subject.cpu(), Instant::now(), number);
    while begun.elapsed() < RUN {
        number += 1;
        round(number);
    }
    let deliveries = (number - from) as usize * viewers * batch;
    (subject.cpu() - cpu) * 1e6 / deliveries as f64
}
