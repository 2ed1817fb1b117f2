//! Row 7: taking progress in, many reports a message and one, beside a program that only parses and marks.

use std::time::{Duration, Instant};

use crate::numbers::{Runs, ratio, verdict};
use crate::print;
use crate::producer::Producer;
use crate::subject::Subject;

const RUN: Duration = Duration::from_secs(3);
const JOBS: usize = 100;
/// Updates in the messages that are made beforehand and sent again and again.
const ROUND: usize = 10_000;

pub(crate) fn run() {
    print::heading("7  ingest: CPU per update (µs), target ≥ 0.5 × the limit's rate");
    let mut table = vec![
        ["", "jobtopd", "limit", "ratio", ""]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (name, batch) in [("100 updates a message", 100), ("one update a message", 1)] {
        let (mut ours, mut limit) = (Runs::default(), Runs::default());
        for _ in 0..3 {
            limit.push(cost(&Subject::limit(&["ingest"]), batch));
            ours.push(cost(&Subject::daemon(), batch));
        }
        let speed = 1.0 / ratio(&ours, &limit);
        table.push(vec![
            name.to_owned(),
            ours.shown(2),
            limit.shown(2),
            format!("{speed:.2} ×"),
            verdict(speed >= 0.5).to_owned(),
        ]);
    }
    print::table(&table);
}

/// CPU microseconds of the server per update taken in.
fn cost(subject: &Subject, batch: usize) -> f64 {
    let mut producer = Producer::new(subject, None, JOBS);
    // Each message is sent by itself, as a producer does that has one to send.
    let messages: Vec<Vec<u8>> = (0..ROUND)
        .step_by(batch)
        .map(|from| {
            let reports: Vec<(usize, u64)> = (from..from + batch)
                .map(|n| (n % JOBS, (n / JOBS) as u64 + 1))
                .collect();
            producer.report(&reports);
            producer.take_queued()
        })
        .collect();
    let send_all = |producer: &mut Producer| {
        for message in &messages {
            producer.send(message);
        }
    };
    send_all(&mut producer);
    producer.settle();
    let (cpu, begun) = (subject.cpu(), Instant::now());
    let mut updates = 0;
    while begun.elapsed() < RUN {
        send_all(&mut producer);
        updates += ROUND;
    }
    producer.settle();
    (subject.cpu() - cpu) * 1e6 / updates as f64
}
