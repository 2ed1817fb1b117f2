//! A history of a million finished jobs beside the same jobs in `SQLite`: `cargo bench -p jobtopd --bench history`.
//!
//! Says, for the rows 10 to 15 of the project's figures: pages and words found, records read, jobs archived, bytes on the disk,
//! what expiry gives back, how soon a start answers, and what memory it takes. `JOBS=100000` makes it a smaller one, and
//! `KEEP=FOLDER` leaves the store there, as it is before nine tenths of it expire.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that fails says where"
)]

use std::io::{BufRead, BufReader, Read, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jobtop_core::job::config::Config;
use jobtop_core::job::failure::Failure;
use jobtop_core::job::progress::{CountsReport, Report};
use jobtop_core::proto::history::{GroupBy, Order};
use jobtop_core::proto::stored::StoredJob;
use jobtop_core::query::{Query, Today};
use jobtop_core::{Job, JobId, JobType, Now, Timestamp, UserId};
use jobtopd::clock::Clock;
use jobtopd::engine::command::{Answer, ReplyTo};
use jobtopd::engine::outcome::{Bond, Commit, Record, Release, Write};
use jobtopd::store::{self, Archive, Asked, Opened, Settings, Wanted};
use rusqlite::{Connection, params, params_from_iter};
use tokio::sync::oneshot;

const DAY: i64 = 86_400_000;
const TYPES: [&str; 12] = [
    "csv_processing",
    "field_mapping",
    "api_upload",
    "etl",
    "export",
    "dedupe",
    "geocode",
    "join",
    "report",
    "backup",
    "import",
    "score",
];
/// So many jobs go into one commit.
const GROUP: usize = 500;
/// So often each question is asked.
const ASKED: usize = 400;

fn random(state: &mut u64) -> u64 {
    // splitmix64, by Sebastiano Vigna (https://prng.di.unimi.it/splitmix64.c, public domain).
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The jobs, in the order in which they ended over thirty days.
fn job(number: usize, of: usize, sample: &Job, now: Now) -> Job {
    let mut seed = number as u64;
    let mut pick = |n: u64| random(&mut seed) % n;
    let mut job = sample.clone();
    let age = (29 * DAY) as f64 * (1.0 - number as f64 / of as f64);
    let finished = now.wall.plus_ms(-(age as i64) - 1_000);
    let mut spec = (*job.spec).clone();
    spec.id = JobId::new(
        finished.plus_ms(-60_000),
        u128::from(pick(u64::MAX)) << 16 | number as u128 & 0xffff,
    );
    spec.job_type = JobType::new(TYPES[pick(12) as usize]).unwrap();
    spec.user = UserId::new(&format!("analyst{}", pick(40))).unwrap();
    spec.name = format!("orders-{}-{}.csv", pick(400), pick(30)).into();
    spec.tags = Arc::new([]);
    spec.idempotency = None;
    spec.config = Config::default();
    spec.created_at = finished.plus_ms(-60_000);
    job.spec = Arc::new(spec);
    let report = Report {
        metrics: Some(CountsReport {
            processed_items: Some(pick(200_000)),
            error_count: Some(pick(5)),
            ..CountsReport::default()
        }),
        message: Some(format!("part {} of 12", pick(12)).into()),
        ..Report::default()
    };
    job.resume(now).unwrap();
    job.report(&report, now).unwrap();
    if pick(100) < 3 {
        let (row, file) = (pick(100_000), pick(400));
        let message = match pick(4) {
            0 => format!("row {row} of /data/orders-{file}.csv: expected 7 columns, found 6"),
            1 => format!(
                "HTTP 503 from https://api.example.com/v1/batches/{row}: timeout after 30 s"
            ),
            2 => format!("no space left on device while writing /tmp/out-{file}.csv"),
            _ => format!("KeyError: 'customer_{row}'"),
        };
        let failure = Failure {
            code: "failed".into(),
            message: message.into(),
            step: None,
            exit_code: Some(1),
            signal: None,
            suggestion: None,
            last_lines: None,
        };
        job.fail(failure, now).unwrap();
    } else {
        job.complete(now).unwrap();
    }
    job.state.finished_at = Some(finished);
    job.state.start_time = Some(finished.plus_ms(-(pick(600_000) as i64)));
    job.state.updated_at = finished;
    job
}

fn record(job: Job) -> Record {
    Record {
        job: Arc::new(job),
        bond: Bond {
            connected: false,
            process: None,
            environment: None,
        },
    }
}

async fn commit(opened: &Opened, writes: Vec<Write>, now: Now) {
    let (reply, answer) = oneshot::channel();
    let job = writes[0].record().job.clone();
    let commit = Commit {
        writes,
        aside: Vec::new(),
        releases: vec![Release::Answer(ReplyTo::Once(reply), Ok(Answer::Job(job)))],
        now,
    };
    opened.writer.sender().send(commit).await.unwrap();
    answer.await.unwrap().unwrap();
}

fn sqlite(path: &Path) -> Connection {
    let db = Connection::open(path).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
         CREATE TABLE jobs (id TEXT PRIMARY KEY, finished INTEGER, status TEXT, type TEXT, user TEXT, name TEXT, message TEXT,
             error TEXT, active_ms INTEGER, errors INTEGER, record TEXT);
         CREATE INDEX by_finished ON jobs (finished);
         CREATE INDEX by_status ON jobs (status, finished);
         CREATE INDEX by_type ON jobs (type, finished);
         CREATE INDEX by_user ON jobs (user, finished);
         CREATE VIRTUAL TABLE words USING fts5 (name, message, error, content='');",
    )
    .unwrap();
    db
}

fn load(db: &mut Connection, jobs: &[Job]) {
    let transaction = db.transaction().unwrap();
    {
        let mut insert = transaction
            .prepare_cached("INSERT INTO jobs VALUES (?,?,?,?,?,?,?,?,?,?,?)")
            .unwrap();
        let mut words = transaction
            .prepare_cached("INSERT INTO words (rowid, name, message, error) VALUES (?,?,?,?)")
            .unwrap();
        for job in jobs {
            let view = job.view(0);
            let text = serde_json::to_string(&view).unwrap();
            let row = params![
                view.id.to_string(),
                view.finished_at.unwrap().0,
                view.status.word(),
                view.job_type.as_str(),
                view.user_id.as_str(),
                &*view.name,
                view.message.as_deref(),
                view.error.as_deref(),
                (view.metrics.active_seconds * 1000.0) as i64,
                view.metrics.error_count as i64,
                text,
            ];
            insert.execute(row).unwrap();
            let rowid = transaction.last_insert_rowid();
            words
                .execute(params![
                    rowid,
                    &*view.name,
                    view.message.as_deref(),
                    view.error.as_deref()
                ])
                .unwrap();
        }
    }
    transaction.commit().unwrap();
}

struct Times(Vec<Duration>);

impl Times {
    fn of(mut action: impl FnMut(usize), times: usize) -> Self {
        let mut all: Vec<Duration> = (0..times)
            .map(|number| {
                let begun = Instant::now();
                action(number);
                begun.elapsed()
            })
            .collect();
        all.sort_unstable();
        Self(all)
    }

    fn at(&self, percent: usize) -> f64 {
        self.0[(self.0.len() * percent).div_ceil(100).max(1) - 1].as_secs_f64() * 1e6
    }
}

fn beside(what: &str, ours: &Times, theirs: &Times) {
    println!(
        "{what:<46} p50 {:>9.1} µs  p99 {:>9.1} µs   SQLite {:>10.1} / {:>10.1} µs   {:.2} × / {:.2} ×",
        ours.at(50),
        ours.at(99),
        theirs.at(50),
        theirs.at(99),
        ours.at(50) / theirs.at(50),
        ours.at(99) / theirs.at(99)
    );
}

fn wanted(filter: &str, now: Timestamp) -> Wanted {
    let today = Today {
        now,
        tz: jiff::tz::TimeZone::UTC,
    };
    Wanted {
        query: Query::parse(filter, &today).unwrap(),
        owner: None,
        order: Order::default(),
        limit: 50,
        after: None,
        now,
    }
}

/// A question in both languages.
type Question = (String, &'static str, Vec<String>);

fn questions() -> Vec<Question> {
    let mut seed = 7;
    let mut pick = |n: u64| random(&mut seed) % n;
    (0..ASKED)
        .map(|_| {
            let kind = TYPES[pick(12) as usize].to_owned();
            let user = format!("analyst{}", pick(40));
            match pick(4) {
                0 => (format!("type:{kind}"), "type = ?", vec![kind]),
                1 => (format!("user:{user}"), "user = ?", vec![user]),
                2 => (
                    "status:failed".to_owned(),
                    "status = ?",
                    vec!["failed".to_owned()],
                ),
                _ => (
                    format!("type:{kind} status:failed"),
                    "type = ? AND status = ?",
                    vec![kind, "failed".to_owned()],
                ),
            }
        })
        .collect()
}

fn pages(archive: &Archive, db: &Connection, now: Timestamp) {
    let questions = questions();
    let asked: Vec<Wanted> = questions
        .iter()
        .map(|(filter, _, _)| wanted(filter, now))
        .collect();
    let ours = Times::of(|n| assert!(!archive.ids(&asked[n]).is_empty()), ASKED);
    let select = |columns: &str, condition: &str| {
        format!("SELECT {columns} FROM jobs WHERE {condition} ORDER BY finished DESC LIMIT 50")
    };
    let ask = |columns: &str, n: usize| {
        let (_, condition, values) = &questions[n];
        let mut statement = db.prepare_cached(&select(columns, condition)).unwrap();
        let rows = statement
            .query_map(params_from_iter(values), |row| row.get::<_, String>(0))
            .unwrap();
        let rows: Vec<String> = rows.map(Result::unwrap).collect();
        assert!(!rows.is_empty());
    };
    beside(
        "10  a filtered page of 50, its ids",
        &ours,
        &Times::of(|n| ask("id", n), ASKED),
    );
    let ours = Times::of(
        |n| assert!(!archive.search_now(&asked[n]).jobs.is_empty()),
        ASKED,
    );
    beside(
        "10  the same, whole records",
        &ours,
        &Times::of(|n| ask("record", n), ASKED),
    );
}

fn words(archive: &Archive, db: &Connection, now: Timestamp) {
    let rare: Vec<String> = (0..40)
        .map(|n| format!("orders-{}-{}.csv", n * 9 % 400, n % 30))
        .collect();
    for (what, texts) in [
        ("a rare name", &rare),
        ("a word of errors", &vec!["timeout".to_owned()]),
        ("a text nobody has", &vec!["nobody wrote this!".to_owned()]),
    ] {
        let asked: Vec<Wanted> = texts
            .iter()
            .map(|text| wanted(&format!("{text:?}"), now))
            .collect();
        let ours = Times::of(|n| drop(archive.ids(&asked[n % asked.len()])), 40);
        let like = Times::of(
            |n| {
                let text = format!("%{}%", texts[n % texts.len()]);
                let mut statement = db
                    .prepare_cached("SELECT id FROM jobs WHERE name LIKE ?1 OR message LIKE ?1 OR error LIKE ?1 ORDER BY finished DESC LIMIT 50")
                    .unwrap();
                let rows = statement
                    .query_map([text], |row| row.get::<_, String>(0))
                    .unwrap();
                drop(rows.map(Result::unwrap).collect::<Vec<_>>());
            },
            5,
        );
        beside(&format!("11  {what}, beside LIKE"), &ours, &like);
        let fts = Times::of(
            |n| {
                let text = format!("\"{}\"", texts[n % texts.len()]);
                let mut statement = db
                    .prepare_cached(
                        "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT 50",
                    )
                    .unwrap();
                let rows = statement
                    .query_map([text], |row| row.get::<_, i64>(0))
                    .unwrap();
                drop(rows.map(Result::unwrap).collect::<Vec<_>>());
            },
            40,
        );
        beside(&format!("11  {what}, beside FTS5"), &ours, &fts);
    }
}

fn bytes(path: &Path) -> u64 {
    let Ok(meta) = std::fs::metadata(path) else {
        return 0;
    };
    if meta.is_dir() {
        // It may be going just now.
        let entries = std::fs::read_dir(path).into_iter().flatten();
        return entries.flatten().map(|entry| bytes(&entry.path())).sum();
    }
    meta.len()
}

fn get(socket: &Path, path: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// A start of the real daemon on that store: how soon it answers, how soon it has searched all, what memory it takes.
fn start(dir: &Path) {
    let socket = dir.with_extension("sock");
    let begun = Instant::now();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_jobtopd"))
        .arg("--data-dir")
        .arg(dir)
        .arg("--socket")
        .arg(&socket)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(daemon.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready = begun.elapsed();
    let first = get(&socket, "/api/history").unwrap();
    let answered = begun.elapsed();
    assert!(first.contains("\"jobs\""), "{first}");
    while get(&socket, "/api/history?limit=1")
        .unwrap()
        .contains("indexedFrom")
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    let all = begun.elapsed();
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next())
        .map_or(f64::NAN, |kib| kib.parse::<f64>().unwrap() / 1024.0);
    println!(
        "15  a start: ready {:.0} ms, history answers {:.0} ms, all is searched {:.2} s",
        ready.as_secs_f64() * 1e3,
        answered.as_secs_f64() * 1e3,
        all.as_secs_f64()
    );
    println!("14  memory: {resident:.1} MiB");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(daemon.id() as i32).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    daemon.wait().unwrap();
}

/// Nine tenths of it expire: what the disk has a second later, beside what stays.
fn expire(dir: &Path, clock: Clock) {
    let before = bytes(&dir.join("history"));
    let settings = Settings {
        retention_ms: 3 * DAY as u64,
        look_ms: 200,
        ..Settings::default()
    };
    let opened = store::open(dir, &settings, clock).unwrap();
    let begun = Instant::now();
    let mut steps = vec![before];
    while begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
        let left = bytes(&dir.join("history"));
        if steps.last() != Some(&left) {
            steps.push(left);
        }
        if left * 5 < before {
            break;
        }
    }
    println!(
        "13  nine tenths expire: {:.1} MB → {:.1} MB {:.2} s after the start, of which the looks at the clock are 0.20 s; {} sizes seen",
        before as f64 / 1e6,
        *steps.last().unwrap() as f64 / 1e6,
        begun.elapsed().as_secs_f64(),
        steps.len()
    );
    drop(opened);
}

#[tokio::main]
async fn main() {
    let jobs: usize = std::env::var("JOBS").map_or(1_000_000, |text| text.parse().unwrap());
    let dir = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .unwrap();
    let (ours, theirs) = (dir.path().join("store"), dir.path().join("jobs.sqlite"));
    let clock = Clock::new();
    let now = clock.now();
    let text = include_str!("../../shared/core/tests/stored/job-1.json");
    let sample = StoredJob::read(text.as_bytes()).unwrap().revive(now);
    std::fs::create_dir(&ours).unwrap();
    let opened = store::open(&ours, &Settings::default(), clock).unwrap();
    let mut db = sqlite(&theirs);
    let (mut took, mut took_theirs, mut json) = (Duration::ZERO, Duration::ZERO, 0_usize);
    for from in (0..jobs).step_by(GROUP) {
        let group: Vec<Job> = (from..(from + GROUP).min(jobs))
            .map(|number| job(number, jobs, &sample, now))
            .collect();
        json += group
            .iter()
            .map(|job| serde_json::to_vec(&job.view(now.mono)).unwrap().len())
            .sum::<usize>();
        let begun = Instant::now();
        load(&mut db, &group);
        took_theirs += begun.elapsed();
        let writes: Vec<Write> = group
            .into_iter()
            .map(|job| Write::Ended(record(job)))
            .collect();
        let begun = Instant::now();
        commit(&opened, writes, now).await;
        took += begun.elapsed();
    }
    let rate = |took: Duration| jobs as f64 / took.as_secs_f64();
    println!(
        "{jobs} jobs of {:.0} bytes of JSON each, in commits of {GROUP}",
        json as f64 / jobs as f64
    );
    println!(
        "12  archiving {:.0}/s, durable, findable; SQLite with its indexes and FTS5 {:.0}/s: {:.2} ×",
        rate(took),
        rate(took_theirs),
        rate(took) / rate(took_theirs)
    );
    let asked = clock.now().wall;
    pages(&opened.archive, &db, asked);
    words(&opened.archive, &db, asked);
    for by in GroupBy::ALL {
        let asked = Asked {
            query: Query::default(),
            owner: None,
            group_by: by,
            limit: 100,
            now: asked,
            tz: jiff::tz::TimeZone::UTC,
        };
        let times = Times::of(
            |_| assert!(!opened.archive.analyse_now(&asked).groups.is_empty()),
            7,
        );
        println!(
            "    analytics of all, by {:<5} {:>8.1} ms (worst of 7: {:.1})",
            by.word(),
            times.at(50) / 1e3,
            times.at(100) / 1e3
        );
    }
    assert!(opened.writer.finish(Duration::from_secs(60)).await);
    let disk = bytes(&ours);
    println!(
        "12  disk {:.1} MB, {:.2} × the JSON; SQLite {:.2} ×",
        disk as f64 / 1e6,
        disk as f64 / json as f64,
        bytes(&theirs) as f64 / json as f64
    );
    start(&ours);
    start(&ours);
    if let Some(kept) = std::env::var_os("KEEP") {
        let copied = Command::new("cp").arg("-a").arg(&ours).arg(kept).status();
        assert!(copied.unwrap().success());
    }
    expire(&ours, clock);
}
