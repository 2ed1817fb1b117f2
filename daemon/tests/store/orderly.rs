//! Ends, starts, and who may touch a directory.

use std::path::Path;
use std::sync::Arc;

use jobtop_core::UserId;
use jobtop_core::job::Idempotency;
use jobtopd::clock::Clock;
use jobtopd::engine::outcome::{StoreHealth, Write};
use jobtopd::store::{self, Settings};

use crate::kept::{Kept, copy_tree, ended, ended_ago, id, job, record, settings, wait_for, whole};

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

#[test]
fn the_epoch_is_on_the_disk_before_anybody_knows_it() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path(), &settings());
    let wanted = format!("{{\"epoch\":{}}}", kept.opened.epoch);
    let log: Vec<u8> = std::fs::read_dir(dir.path().join("wal"))
        .unwrap()
        .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(
        log.windows(wanted.len())
            .any(|bytes| bytes == wanted.as_bytes())
    );
}

#[tokio::test]
async fn progress_reaches_the_log_by_itself_and_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path(), &settings());
    let now = kept.clock.now();
    assert!(kept.commit(whole(1, 1.0, now)).await);
    kept.tick(1, 30.0).await;
    kept.tick(1, 31.0).await;
    // As after SIGKILL, a second later at the latest.
    wait_for("progress in the log", || {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(dir.path(), copy.path());
        Kept::open(copy.path(), &settings()).progress(id(1)) == Some(31.0)
    })
    .await;
    kept.tick(1, 32.0).await;
    kept.close().await;
    assert_eq!(
        Kept::open(dir.path(), &settings()).progress(id(1)),
        Some(32.0)
    );
}

#[tokio::test]
async fn late_progress_changes_nothing_of_a_job_that_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path(), &settings());
    let now = kept.clock.now();
    assert!(kept.commit(ended(1, now)).await);
    kept.tick(1, 3.0).await;
    kept.close().await;
    let kept = Kept::open(dir.path(), &settings());
    assert_eq!(kept.progress(id(1)), Some(100.0));
}

#[tokio::test]
async fn a_job_with_a_large_config_is_sealed_and_archived_whole() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path(), &settings());
    let now = kept.clock.now();
    let large = |number| {
        let mut job = job(number, 1.0, now);
        let text = format!("\"{}\"", "x".repeat(64 << 10));
        let config = serde_json::value::RawValue::from_string(text).unwrap();
        let spec = std::sync::Arc::make_mut(&mut job.spec);
        spec.config = jobtop_core::job::config::Config(config.into());
        job
    };
    let mut done = large(2);
    done.complete(now).unwrap();
    assert!(kept.commit(Write::Job(record(large(1)))).await);
    assert!(kept.commit(Write::Ended(record(done))).await);
    kept.close().await;
    std::fs::remove_dir_all(dir.path().join("wal")).unwrap();
    let kept = Kept::open(dir.path(), &settings());
    assert_eq!(kept.opened.jobs.len(), 2);
    for record in &kept.opened.jobs {
        assert_eq!(record.job.spec.config.0.get().len(), (64 << 10) + 2);
    }
    let archived = kept.opened.archive.get(id(2)).await.unwrap();
    assert_eq!(archived.spec.config.0.get().len(), (64 << 10) + 2);
}

#[tokio::test]
async fn what_left_the_live_set_is_in_the_archive_alone() {
    let dir = tempfile::tempdir().unwrap();
    let small = Settings {
        live_ended: 3,
        live_ms: 60_000,
        ..Settings::default()
    };
    let kept = Kept::open(dir.path(), &small);
    let now = kept.clock.now();
    for number in 0..6 {
        assert!(
            kept.commit(ended_ago(number, 1_000 - number as i64, now))
                .await
        );
    }
    assert!(kept.commit(ended_ago(6, 120_000, now)).await);
    assert!(kept.commit(whole(7, 1.0, now)).await);
    kept.close().await;
    let kept = Kept::open(dir.path(), &small);
    let mut live: Vec<_> = kept.opened.jobs.iter().map(|r| r.job.id()).collect();
    live.sort_unstable();
    assert_eq!(live, [id(3), id(4), id(5), id(7)]);
    for number in 0..7 {
        assert!(kept.opened.archive.get(id(number)).await.is_some());
    }
    let figures = kept.opened.archive.figures();
    assert_eq!((figures.records, figures.indexed), (7, true));
    assert!(figures.last_checkpoint.is_some() && figures.disk_bytes > 10_000);
}

#[tokio::test]
async fn a_key_finds_its_archived_job_after_a_restart_too() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path(), &settings());
    let now = kept.clock.now();
    let keyed = |number: u128, user: &str, key: Option<&str>| {
        let Write::Ended(mut record) = ended_ago(number, 1_000, now) else {
            panic!("an ending")
        };
        let mut job = (*record.job).clone();
        let mut spec = (*job.spec).clone();
        spec.user = UserId::new(user).unwrap();
        spec.idempotency = key.map(|key| Idempotency {
            key: key.into(),
            digest: 1,
        });
        job.spec = Arc::new(spec);
        record.job = Arc::new(job);
        Write::Ended(record)
    };
    for write in [
        keyed(1, "ann", Some("nightly \"7\"")),
        keyed(2, "bob", Some("nightly \"7\"")),
        keyed(3, "ann", None),
        keyed(4, "ann", Some("other")),
    ] {
        assert!(kept.commit(write).await);
    }
    kept.close().await;
    let kept = Kept::open(dir.path(), &settings());
    for (user, key, found) in [
        ("ann", "nightly \"7\"", Some(id(1))),
        ("bob", "nightly \"7\"", Some(id(2))),
        ("ann", "other", Some(id(4))),
        ("bob", "other", None),
        ("ann", "", None),
    ] {
        let user = UserId::new(user).unwrap();
        let job = kept.opened.archive.keyed(&user, key).await;
        assert_eq!(job.map(|job| job.id()), found, "{user} {key}");
    }
}

#[test]
fn what_can_not_be_opened_is_named_with_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = store::open(&file.join("data"), &settings(), Clock::new()).unwrap_err();
    let said = refused.to_string();
    assert!(
        said.starts_with("could not create ") && said.contains("file/data"),
        "{said}"
    );
    assert!(refused.hint().contains("--data-dir"), "{}", refused.hint());

    let foreign = dir.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("FORMAT"), "something else\n").unwrap();
    let refused = store::open(&foreign, &settings(), Clock::new()).unwrap_err();
    assert!(refused.to_string().contains("foreign/FORMAT"), "{refused}");
    assert_eq!(std::fs::read_dir(&foreign).unwrap().count(), 1);
}
