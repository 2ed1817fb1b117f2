//! A store in the hands of a test, and jobs to put into it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jobtop_core::proto::stored::StoredJob;
use jobtop_core::{Job, JobId, Now, Timestamp};
use jobtopd::clock::Clock;
use jobtopd::engine::command::{Answer, ReplyTo};
use jobtopd::engine::outcome::{Bond, Commit, Record, Release, Write};
use jobtopd::store::{self, OpenError, Opened, Settings};
use tokio::sync::oneshot;

/// A store in the hands of a test.
pub(crate) struct Kept {
    pub(crate) opened: Opened,
    pub(crate) clock: Clock,
}

pub(crate) fn settings() -> Settings {
    Settings {
        live_ended: 1_000_000,
        ..Settings::default()
    }
}

impl Kept {
    pub(crate) fn open(dir: &Path, settings: &Settings) -> Self {
        let clock = Clock::new();
        let begun = Instant::now();
        let opened = loop {
            match store::open(dir, settings, clock) {
                // Tests beside this one start processes, and a child has our descriptors until it executes its program.
                Err(OpenError::Locked { .. }) if begun.elapsed() < Duration::from_secs(10) => {
                    std::thread::yield_now();
                }
                other => break other.expect("the store opens"),
            }
        };
        Self { opened, clock }
    }

    /// Commits one write and waits until it is acknowledged.
    pub(crate) async fn commit(&self, write: Write) -> bool {
        self.commit_all(vec![write]).await
    }

    /// Commits some writes as one and waits until they are acknowledged.
    pub(crate) async fn commit_all(&self, writes: Vec<Write>) -> bool {
        let (reply, answer) = oneshot::channel();
        let job = writes[0].record().job.clone();
        let commit = Commit {
            writes,
            aside: Vec::new(),
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

    /// Takes progress as it comes, without waiting for the log.
    pub(crate) async fn tick(&self, number: u128, progress: f64) {
        let write = Write::Tick(record(job(number, progress, self.clock.now())));
        assert!(self.commit(write).await);
    }

    pub(crate) async fn close(self) {
        assert!(
            self.opened.writer.finish(Duration::from_secs(30)).await,
            "all is sealed"
        );
    }

    pub(crate) fn progress(&self, id: JobId) -> Option<f64> {
        let found = self.opened.jobs.iter().find(|record| record.job.id() == id);
        found.map(|record| record.job.state.progress)
    }
}

pub(crate) fn job(number: u128, progress: f64, now: Now) -> Job {
    let text = include_str!("../../../shared/core/tests/stored/job-1.json");
    let mut job = StoredJob::read(text.as_bytes())
        .expect("the stored sample")
        .revive(now);
    let mut spec = (*job.spec).clone();
    spec.id = JobId::new(Timestamp(1_795_000_000_000), number);
    job.spec = Arc::new(spec);
    job.state.progress = progress;
    job
}

pub(crate) fn record(job: Job) -> Record {
    Record {
        job: Arc::new(job),
        bond: Bond {
            connected: true,
            process: None,
            environment: None,
        },
    }
}

pub(crate) fn whole(number: u128, progress: f64, now: Now) -> Write {
    Write::Job(record(job(number, progress, now)))
}

pub(crate) fn ended(number: u128, now: Now) -> Write {
    let mut job = job(number, 50.0, now);
    job.complete(now).expect("it runs");
    Write::Ended(record(job))
}

/// A job that runs, but every third number's has ended.
pub(crate) fn third_ended(number: u128, now: Now) -> Write {
    if number.is_multiple_of(3) {
        ended(number, now)
    } else {
        whole(number, 1.0, now)
    }
}

/// A job that ended so many milliseconds ago.
pub(crate) fn ended_ago(number: u128, ms: i64, now: Now) -> Write {
    let mut job = job(number, 50.0, now);
    job.complete(now).expect("it runs");
    job.state.finished_at = Some(now.wall.plus_ms(-ms));
    Write::Ended(record(job))
}

pub(crate) fn id(number: u128) -> JobId {
    JobId::new(Timestamp(1_795_000_000_000), number)
}

/// As the disk would be found if the process died at this moment.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
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

/// Waits for something on the disk, looked at anew each time; there is nothing that would tell.
pub(crate) async fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let look = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look)
        .await
        .unwrap_or_else(|_| panic!("in vain: {what}"));
}
