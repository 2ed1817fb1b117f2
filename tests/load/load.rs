//! A load: so many jobs, producers and subscribers, so many updates a second; and what became of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Args;

use crate::lean;
use crate::numbers::Sorted;
use crate::print;
use crate::producer::{Producer, Sample};
use crate::subject::Subject;
use crate::viewers::Viewers;

/// What is to be done.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// Jobs in all.
    #[arg(short, long, default_value_t = 100)]
    pub(crate) jobs: usize,
    /// Updates a second in all.
    #[arg(short, long, default_value_t = 1000)]
    pub(crate) rate: u64,
    /// Producers' connections.
    #[arg(short, long, default_value_t = 1)]
    pub(crate) producers: usize,
    /// Subscribers, each to every job.
    #[arg(short, long, default_value_t = 10)]
    pub(crate) subscribers: usize,
    /// How long.
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u64,
    /// Most updates in one message.
    #[arg(long, default_value_t = 50)]
    pub(crate) batch: usize,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Measured {
    /// From a producer's send to a subscriber's receipt, for each state that arrived.
    pub(crate) latency: Sorted,
    /// How long a newer state than the one it has was withheld from a subscriber, sampled over time, subscribers and jobs.
    pub(crate) behind: Sorted,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu: f64,
    pub(crate) resident: f64,
}

/// What producers, viewers and the sampler share: when each update of each job was sent, and what each viewer has.
#[derive(Debug)]
struct Board {
    start: Instant,
    /// By job and number, nanoseconds after the start; 0 while it was not sent.
    sent: Vec<Vec<AtomicU64>>,
    /// By viewer and job, the newest number.
    seen: Vec<Vec<AtomicU64>>,
    latency: Mutex<Vec<Duration>>,
    received: AtomicU64,
}

impl Board {
    fn nanos(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    fn receive(&self, viewer: usize, job: usize, number: u64) {
        let now = self.nanos();
        self.received.fetch_add(1, Ordering::Relaxed);
        if self.seen[viewer][job].fetch_max(number, Ordering::Relaxed) >= number {
            // Something else of the job changed, as when its producer has gone: nothing that was sent arrives with that.
            return;
        }
        let sent = self.sent[job]
            .get(number as usize)
            .map_or(0, |at| at.load(Ordering::Relaxed));
        if sent > 0 {
            let took = Duration::from_nanos(now.saturating_sub(sent));
            self.latency
                .lock()
                .expect("nobody panics with it")
                .push(took);
        }
    }

    /// For how long a viewer has lacked a newer state of a job than the one it has; zero if it has the newest.
    fn behind(&self, viewer: usize, job: usize) -> Duration {
        let seen = self.seen[viewer][job].load(Ordering::Relaxed) as usize;
        let next = self.sent[job]
            .get(seen + 1)
            .map_or(0, |at| at.load(Ordering::Relaxed));
        if next == 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.nanos().saturating_sub(next))
    }
}

/// Puts the load on the server.
pub(crate) fn put(subject: &Subject, sample: Option<&Sample>, plan: &Plan) -> Measured {
    let share = |all: usize| {
        (0..plan.producers)
            .map(move |at| all / plan.producers + usize::from(at < all % plan.producers))
    };
    let producers: Vec<Producer> = share(plan.jobs)
        .map(|jobs| Producer::new(subject, sample, jobs))
        .collect();
    let ids: HashMap<Vec<u8>, usize> = producers
        .iter()
        .flat_map(|producer| producer.jobs.iter())
        .enumerate()
        .map(|(at, id)| (id.clone().into_bytes(), at))
        .collect();
    let most = (plan.rate * (plan.seconds + 1)) as usize / plan.jobs.max(1) + 2;
    let column = |length: usize| (0..length).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
    let board = Arc::new(Board {
        start: Instant::now(),
        sent: (0..plan.jobs).map(|_| column(most)).collect(),
        seen: (0..plan.subscribers).map(|_| column(plan.jobs)).collect(),
        latency: Mutex::new(Vec::new()),
        received: AtomicU64::new(0),
    });
    let (to, known) = (Arc::clone(&board), Arc::new(ids));
    let viewers = Viewers::start(subject, plan.subscribers, move |viewer, payload| {
        if let Some((id, number)) = lean::update(payload)
            && let Some(job) = known.get(id)
        {
            to.receive(viewer, *job, number);
        }
    });

    let cpu = subject.cpu();
    let begun = Instant::now();
    let end = begun + Duration::from_secs(plan.seconds);
    let (sent, behind) = std::thread::scope(|scope| {
        let mut first = 0;
        let mut sending = Vec::new();
        for mut producer in producers {
            let (jobs, own) = (producer.jobs.len(), first);
            first += jobs;
            let rate = plan.rate as f64 * jobs as f64 / plan.jobs as f64;
            let board = &board;
            sending.push(scope.spawn(move || {
                let sent = send(&mut producer, board, own, rate, plan.batch, end);
                // The connection stays until all is measured: jobs without a producer would be a change of their own.
                (sent, producer)
            }));
        }
        let behind = sample_behind(&board, plan, end);
        let done: Vec<(u64, Producer)> = sending
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect();
        (done.iter().map(|(sent, _)| sent).sum(), behind)
    });
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = subject.cpu() - cpu;
    let resident = subject.resident();
    drop(viewers);
    let latency = std::mem::take(&mut *board.latency.lock().expect("nobody panics with it"));
    Measured {
        latency: Sorted::new(latency),
        behind: Sorted::new(behind),
        sent,
        received: board.received.load(Ordering::Relaxed),
        seconds,
        cpu,
        resident,
    }
}

/// Sends at an even rate until the end: what is due goes out, in messages of at most `batch` updates.
fn send(
    producer: &mut Producer,
    board: &Board,
    first: usize,
    rate: f64,
    batch: usize,
    end: Instant,
) -> u64 {
    let jobs = producer.jobs.len();
    let begun = Instant::now();
    let mut sent = 0_u64;
    while Instant::now() < end {
        let due = (begun.elapsed().as_secs_f64() * rate) as u64 + 1;
        while sent < due {
            let reports: Vec<(usize, u64)> = (sent..due.min(sent + batch as u64))
                .map(|n| ((n as usize) % jobs, n / jobs as u64 + 1))
                .collect();
            producer.report(&reports);
            for (job, number) in &reports {
                if let Some(at) = board.sent[first + job].get(*number as usize) {
                    at.store(board.nanos(), Ordering::Relaxed);
                }
            }
            producer.flush();
            sent += reports.len() as u64;
        }
        let next = Duration::from_secs_f64(sent as f64 / rate);
        // At high rates a wake-up for every single update would be the client's load, not the server's.
        let pause = next
            .saturating_sub(begun.elapsed())
            .max(Duration::from_micros(200));
        std::thread::sleep(pause);
    }
    sent
}

/// Looks every 20 ms at up to 50 viewers in turn.
fn sample_behind(board: &Board, plan: &Plan, end: Instant) -> Vec<Duration> {
    let mut samples = Vec::new();
    let mut from = 0;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
        for viewer in (0..plan.subscribers.min(50)).map(|n| (from + n) % plan.subscribers) {
            samples.extend((0..plan.jobs).map(|job| board.behind(viewer, job)));
        }
        from += 50;
    }
    samples
}

/// Puts a load on a daemon and prints what became of it.
pub(crate) fn report(plan: &Plan) {
    let subject = Subject::daemon();
    let measured = put(&subject, None, plan);
    print::heading(&format!(
        "{} jobs, {} updates/s by {} producers, {} subscribers, {} s",
        plan.jobs, plan.rate, plan.producers, plan.subscribers, plan.seconds
    ));
    let ms = |sorted: &Sorted, part| format!("{:.3} ms", sorted.micros(part) / 1000.0);
    let row = |name: &str, sorted: &Sorted| {
        vec![
            name.to_owned(),
            ms(sorted, 0.5),
            ms(sorted, 0.99),
            ms(sorted, 1.0),
            sorted.len().to_string(),
        ]
    };
    print::table(&[
        ["", "p50", "p99", "max", "samples"]
            .map(str::to_owned)
            .to_vec(),
        row("send to receipt", &measured.latency),
        row("newer state withheld", &measured.behind),
    ]);
    let per_second = |count: u64| count as f64 / measured.seconds;
    print::line(&format!(
        "  {:.0} updates/s sent, {:.0} messages/s received; daemon: {:.1} % of a core, {:.1} MiB",
        per_second(measured.sent),
        per_second(measured.received),
        100.0 * measured.cpu / measured.seconds,
        measured.resident
    ));
}
