//! The store from outside: what was acknowledged is there after the process was killed, and after files were damaged.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jobtop_core::proto::stored::StoredJob;
use jobtop_core::{Job, JobId, Now, Timestamp};
use jobtopd::clock::Clock;
use jobtopd::engine::command::{Answer, ReplyTo};
use jobtopd::engine::outcome::{Bond, Commit, Record, Release, StoreHealth, Write};
use jobtopd::store::{self, Opened, Settings};
use tokio::sync::oneshot;

/// A store in the hands of a test.
struct Kept {
    opened: Opened,
    clock: Clock,
}

fn settings() -> Settings {
    Settings {
        live_ended: 1_000_000,
        ..Settings::default()
    }
}

impl Kept {
    fn open(dir: &Path, settings: &Settings) -> Self {
        let clock = Clock::new();
        let opened = store::open(dir, settings, clock).expect("the store opens");
        Self { opened, clock }
    }

    /// Commits one write and waits until it is acknowledged.
    async fn commit(&self, write: Write) -> bool {
        let (reply, answer) = oneshot::channel();
        let job = write.record().job.clone();
        let commit = Commit {
            writes: vec![write],
            releases: vec![Release::Answer(ReplyTo::Once(reply), Ok(Answer::Job(job)))],
            now: self.clock.now(),
        };
        self.opened
            .writer
            .sender()
            .send(commit)
            .await
            .expect("the writer lives");
        answer.await.expect("an answer").is_ok()
    }

    async fn close(self) {
        assert!(
            self.opened.writer.finish(Duration::from_secs(30)).await,
            "all is sealed"
        );
    }

    fn progress(&self, id: JobId) -> Option<f64> {
        let found = self.opened.jobs.iter().find(|record| record.job.id() == id);
        found.map(|record| record.job.state.progress)
    }
}

fn job(number: u128, progress: f64, now: Now) -> Job {
    let text = include_str!("../../shared/core/tests/stored/job-1.json");
    let mut job = StoredJob::read(text.as_bytes())
        .expect("the stored sample")
        .revive(now);
    let mut spec = (*job.spec).clone();
    spec.id = JobId::new(Timestamp(1_795_000_000_000), number);
    job.spec = Arc::new(spec);
    job.state.progress = progress;
    job
}

fn record(job: Job) -> Record {
    Record {
        job: Arc::new(job),
        bond: Bond {
            connected: true,
            process: None,
        },
    }
}

fn whole(number: u128, progress: f64, now: Now) -> Write {
    Write::Job(record(job(number, progress, now)))
}

fn ended(number: u128, now: Now) -> Write {
    let mut job = job(number, 50.0, now);
    job.complete(now).expect("it runs");
    Write::Ended(record(job))
}

fn id(number: u128) -> JobId {
    JobId::new(Timestamp(1_795_000_000_000), number)
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_an_orderly_end_and_without_one() {
    let dir = tempfile::tempdir().unwrap();
    let first = Kept::open(dir.path(), &settings());
    let now = first.clock.now();
    assert!(first.commit(whole(1, 10.0, now)).await);
    assert!(first.commit(ended(2, now)).await);
    let epoch = first.opened.epoch;
    first.close().await;

    let second = Kept::open(dir.path(), &settings());
    assert!(
        second.opened.report.is_empty(),
        "{:?}",
        second.opened.report
    );
    assert!(second.opened.epoch > epoch);
    assert_eq!(second.progress(id(1)), Some(10.0));
    assert_eq!(second.progress(id(2)), Some(100.0));
    assert!(
        second
            .opened
            .jobs
            .iter()
            .all(|record| record.bond.connected)
    );
    let archived = second.opened.archive.get(id(2)).await.expect("archived");
    assert!(archived.is_final());
    assert!(second.commit(whole(1, 20.0, now)).await);
    second.close().await;
    let third = Kept::open(dir.path(), &settings());
    assert_eq!(third.progress(id(1)), Some(20.0), "the newest wins");
    assert_eq!(
        third.opened.archive.get(id(1)).await.map(|_| ()),
        None,
        "not ended"
    );
}

#[tokio::test]
async fn a_job_that_ended_and_was_acknowledged_later_is_archived_as_it_was_last() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path(), &settings());
    let now = kept.clock.now();
    let mut cancelled = job(3, 5.0, now);
    cancelled.cancel(now).unwrap();
    assert!(kept.commit(Write::Ended(record(cancelled.clone()))).await);
    cancelled.forget_control(now);
    assert!(kept.commit(Write::Ended(record(cancelled))).await);
    kept.close().await;
    let kept = Kept::open(dir.path(), &settings());
    let archived = kept.opened.archive.get(id(3)).await.expect("archived");
    assert_eq!(archived.state.control, None);
}

#[test]
fn a_directory_has_one_daemon_and_a_newer_store_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let held = store::open(dir.path(), &settings(), clock).unwrap();
    let refused = store::open(dir.path(), &settings(), clock).expect_err("it is locked");
    assert!(
        refused
            .to_string()
            .contains(&format!("pid {}", std::process::id())),
        "{refused}"
    );
    drop(held);

    let newer = tempfile::tempdir().unwrap();
    std::fs::write(newer.path().join("FORMAT"), "jobtop store, format 99\n").unwrap();
    let refused = store::open(newer.path(), &settings(), clock).expect_err("it is newer");
    assert!(refused.to_string().contains("format 99"), "{refused}");
    let names: Vec<_> = std::fs::read_dir(newer.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["FORMAT"], "nothing was touched");
}

#[tokio::test]
async fn nothing_is_readable_by_others() {
    use std::os::unix::fs::PermissionsExt;
    fn walk(path: &Path, found: &mut Vec<String>) {
        let meta = std::fs::metadata(path).unwrap();
        // What sled makes lies below folders that nobody else can enter.
        let is_sled = path.components().any(|c| c.as_os_str() == "board");
        if meta.permissions().mode() & 0o077 != 0 && !is_sled {
            found.push(path.display().to_string());
        }
        if meta.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                walk(&entry.unwrap().path(), found);
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let kept = Kept::open(&data, &settings());
    let now = kept.clock.now();
    kept.commit(ended(1, now)).await;
    kept.close().await;
    let mut found = Vec::new();
    walk(&data, &mut found);
    assert_eq!(found, Vec::<String>::new());
}

/// Damages the newest board, then also the older one: what was acknowledged is still there, and the report names files.
#[tokio::test]
async fn a_damaged_board_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3_u8 {
        let kept = Kept::open(dir.path(), &settings());
        let now = kept.clock.now();
        for number in 0..20 {
            assert!(kept.commit(whole(number, f64::from(round), now)).await);
        }
        kept.close().await;
    }
    let boards = dir.path().join("board");
    let mut generations: Vec<_> = std::fs::read_dir(&boards)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    generations.sort();
    assert_eq!(
        generations.len(),
        2,
        "two generations are kept: {generations:?}"
    );
    for generation in generations.iter().rev() {
        let db = generation.join("db");
        std::fs::OpenOptions::new()
            .write(true)
            .open(&db)
            .unwrap()
            .set_len(64)
            .unwrap();
    }
    let kept = Kept::open(dir.path(), &settings());
    assert!(
        kept.opened.report.iter().any(|said| said.contains("board")),
        "{:?}",
        kept.opened.report
    );
    for number in 0..20 {
        assert_eq!(kept.progress(id(number)), Some(2.0), "job {number}");
    }
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_a_bad_frame_costs_itself() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path(), &settings());
    let now = kept.clock.now();
    for number in 0..10 {
        assert!(kept.commit(whole(number, 1.0, now)).await);
    }
    // As after SIGKILL: the log is all there is, with no last checkpoint.
    let copy = tempfile::tempdir().unwrap();
    copy_tree(dir.path(), copy.path());
    let wal = copy.path().join("wal");
    let segment = std::fs::read_dir(&wal)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|path| path.file_name().is_some_and(|name| name != "next.wal"))
        .expect("a segment");
    let mut bytes = std::fs::read(&segment).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let middle = used / 2;
    bytes[middle] ^= 0xff;
    bytes.truncate(used - 7);
    std::fs::write(&segment, bytes).unwrap();
    let again = Kept::open(copy.path(), &settings());
    assert_eq!(
        again.opened.jobs.len(),
        8,
        "one is damaged, one is torn: {:?}",
        again.opened.report
    );
    assert!(
        again
            .opened
            .report
            .iter()
            .any(|said| said.contains("damaged") && said.contains(".wal")),
        "{:?}",
        again.opened.report
    );
    let third = {
        again.close().await;
        Kept::open(copy.path(), &settings())
    };
    assert!(
        third.opened.report.is_empty(),
        "it was sealed: {:?}",
        third.opened.report
    );
}

#[tokio::test]
async fn a_large_log_is_sealed_while_writing_goes_on_and_shrinks() {
    let dir = tempfile::tempdir().unwrap();
    let small = Settings {
        segment_bytes: 64 << 10,
        checkpoint_bytes: 128 << 10,
        ..settings()
    };
    let kept = Kept::open(dir.path(), &small);
    let now = kept.clock.now();
    for step in 0..1_500_u32 {
        assert!(
            kept.commit(whole(u128::from(step % 5), f64::from(step) / 20.0, now))
                .await
        );
    }
    assert_eq!(*kept.opened.writer.health().borrow(), StoreHealth::Good);
    kept.close().await;
    let wal: u64 = std::fs::read_dir(dir.path().join("wal"))
        .unwrap()
        .map(|e| e.unwrap().metadata().unwrap().len())
        .sum();
    assert!(wal < 1 << 20, "the log was let go: {wal} bytes");
    let kept = Kept::open(dir.path(), &small);
    assert_eq!(kept.opened.jobs.len(), 5);
    assert_eq!(kept.progress(id(4)), Some(1_499.0 / 20.0));
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.metadata().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Where the child of the kill test writes.
const VICTIM: &str = "JOBTOP_TEST_STORE";

/// Not a test by itself: the process that is killed. Prints the number of each job once that is acknowledged.
#[tokio::test]
async fn victim() {
    let Some(dir) = std::env::var_os(VICTIM) else {
        return;
    };
    let small = Settings {
        segment_bytes: 32 << 10,
        checkpoint_bytes: 64 << 10,
        ..settings()
    };
    let kept = Kept::open(Path::new(&dir), &small);
    let begin = kept.opened.jobs.len() as u128;
    println!("open");
    for number in begin.. {
        let now = kept.clock.now();
        let write = if number % 3 == 0 {
            ended(number, now)
        } else {
            whole(number, 1.0, now)
        };
        assert!(kept.commit(write).await);
        println!("acked {number}");
    }
}

#[tokio::test]
async fn sigkill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acked = None;
    for round in 0..30_u32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim", "--nocapture"])
            .env(VICTIM, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // A different number of acknowledgements each round, so that the kill falls into every kind of moment.
        let mut left = 3 + round * 7 % 41;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(number) = line.split("acked ").nth(1) {
                acked = Some(number.parse::<u128>().unwrap());
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let acked = acked.expect("something was acknowledged");
    let kept = Kept::open(dir.path(), &settings());
    assert!(kept.opened.report.is_empty(), "{:?}", kept.opened.report);
    for number in 0..=acked {
        assert!(
            kept.progress(id(number)).is_some(),
            "job {number} of {acked} is lost"
        );
        let archived = kept.opened.archive.get(id(number)).await.is_some();
        assert_eq!(archived, number % 3 == 0, "job {number} in the archive");
    }
}

/// A file system of that size for the duration of a test, where this machine lets us make one.
struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={size},mode=0700"),
                "tmpfs",
            ])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self { dir })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.dir.path())
            .status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_loses_nothing_and_recovers_by_itself() {
    let Some(disk) = SmallDisk::new("8m") else {
        println!("SKIPPED: no small file system can be mounted here (needs root)");
        return;
    };
    let small = Settings {
        segment_bytes: 64 << 10,
        checkpoint_bytes: 1 << 30,
        ..settings()
    };
    let kept = Kept::open(&disk.dir.path().join("data"), &small);
    let now = kept.clock.now();
    assert!(kept.commit(whole(0, 1.0, now)).await);
    let filler = disk.dir.path().join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
    let mut acked = vec![0];
    let mut refused = 0;
    for number in 1..400 {
        if kept.commit(whole(number, 1.0, now)).await {
            acked.push(number);
        } else {
            refused += 1;
        }
        if refused == 3 {
            break;
        }
    }
    assert!(
        acked.len() > 20,
        "the reserved segment kept going: {}",
        acked.len()
    );
    assert_eq!(refused, 3);
    assert_eq!(*kept.opened.writer.health().borrow(), StoreHealth::NoRoom);
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    let mut health = kept.opened.writer.health();
    let good = health.wait_for(|health| *health == StoreHealth::Good);
    tokio::time::timeout(Duration::from_secs(10), good)
        .await
        .expect("it recovers by itself")
        .unwrap();
    assert!(kept.commit(whole(1_000, 1.0, now)).await);
    kept.close().await;
    let kept = Kept::open(&disk.dir.path().join("data"), &small);
    for number in acked.into_iter().chain([1_000]) {
        assert!(kept.progress(id(number)).is_some(), "job {number} is lost");
    }
    assert!(kept.opened.report.is_empty(), "{:?}", kept.opened.report);
}
