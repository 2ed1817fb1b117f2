//! A full disk, before, during and after.

use std::process::{Command, Stdio};
use std::time::Duration;

use jobtopd::engine::outcome::StoreHealth;
use jobtopd::store::Settings;

use crate::kept::{Kept, copy_tree, ended, id, settings, wait_for, whole};

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

impl SmallDisk {
    /// Takes all that is left; given back with the file.
    fn fill(&self) -> Filler {
        self.fill_but(0)
    }

    /// Takes all but so many bytes.
    fn fill_but(&self, left: u64) -> Filler {
        let path = self.dir.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
        let taken = file.metadata().unwrap().len();
        file.set_len(taken - left).unwrap();
        Filler(path)
    }
}

struct Filler(std::path::PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
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

#[tokio::test]
async fn a_start_on_a_full_disk_shows_everything_and_recovers_by_itself() {
    let Some(disk) = SmallDisk::new("8m") else {
        println!("SKIPPED: no small file system can be mounted here (needs root)");
        return;
    };
    let data = disk.dir.path().join("data");
    let small = Settings {
        segment_bytes: 64 << 10,
        ..settings()
    };
    let kept = Kept::open(&data, &small);
    let now = kept.clock.now();
    for number in 0..30 {
        assert!(kept.commit(ended(number, now)).await);
        assert!(kept.commit(whole(100 + number, 1.0, now)).await);
    }
    kept.close().await;
    std::fs::remove_file(data.join("wal/next.wal")).unwrap();
    let filler = disk.fill();
    let kept = Kept::open(&data, &small);
    assert_eq!(kept.opened.jobs.len(), 60);
    assert!(kept.opened.archive.get(id(7)).await.is_some());
    assert_eq!(*kept.opened.writer.health().borrow(), StoreHealth::NoRoom);
    assert!(!kept.commit(ended(130, now)).await, "nothing is promised");
    drop(filler);
    let mut health = kept.opened.writer.health();
    let good = health.wait_for(|health| *health == StoreHealth::Good);
    tokio::time::timeout(Duration::from_secs(10), good)
        .await
        .expect("it recovers by itself")
        .unwrap();
    let found = kept.opened.archive.get(id(130)).await;
    assert!(found.is_some(), "what was refused is kept all the same");
    assert!(kept.commit(ended(131, now)).await);
    kept.close().await;
    let kept = Kept::open(&data, &small);
    assert!(kept.opened.report.is_empty(), "{:?}", kept.opened.report);
    assert_eq!(kept.progress(id(130)), Some(100.0));
    assert_eq!(kept.progress(id(131)), Some(100.0));
}

/// The log has room where the archive has none: endings are acknowledged, found, and appended when there is room.
#[tokio::test]
async fn endings_on_a_full_disk_are_owed_to_the_archive() {
    let Some(disk) = SmallDisk::new("8m") else {
        println!("SKIPPED: no small file system can be mounted here (needs root)");
        return;
    };
    let data = disk.dir.path().join("data");
    let small = Settings {
        segment_bytes: 256 << 10,
        ..settings()
    };
    let kept = Kept::open(&data, &small);
    let now = kept.clock.now();
    assert!(kept.commit(ended(0, now)).await);
    let filler = disk.fill();
    for number in 1..50 {
        assert!(kept.commit(ended(number, now)).await);
    }
    let mut health = kept.opened.writer.health();
    let full = health.wait_for(|health| *health == StoreHealth::NoRoom);
    tokio::time::timeout(Duration::from_secs(10), full)
        .await
        .expect("it is told")
        .unwrap();
    for number in 0..50 {
        assert!(kept.opened.archive.get(id(number)).await.is_some());
    }
    drop(filler);
    let good = health.wait_for(|health| *health == StoreHealth::Good);
    tokio::time::timeout(Duration::from_secs(10), good)
        .await
        .expect("it recovers by itself")
        .unwrap();
    kept.close().await;
    let kept = Kept::open(&data, &small);
    assert!(kept.opened.report.is_empty(), "{:?}", kept.opened.report);
    for number in 0..50 {
        assert!(kept.opened.archive.get(id(number)).await.is_some());
    }
    assert_eq!(kept.opened.archive.figures().records, 50);
}

#[tokio::test]
async fn a_disk_that_fills_while_a_checkpoint_is_made_stops_nobody_and_loses_nothing() {
    const JOBS: u128 = 3_000;
    let Some(disk) = SmallDisk::new("32m") else {
        println!("SKIPPED: no small file system can be mounted here (needs root)");
        return;
    };
    let data = disk.dir.path().join("data");
    let patient = Settings {
        segment_bytes: 256 << 10,
        checkpoint_bytes: 1 << 30,
        ..settings()
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let kept = Kept::open(elsewhere.path(), &patient);
    let now = kept.clock.now();
    for from in (0..JOBS).step_by(200) {
        let group = (from..from + 200).map(|number| whole(number, 1.0, now));
        assert!(kept.commit_all(group.collect()).await);
    }
    // As after a kill: all of it is in the log, and no checkpoint was ever made.
    copy_tree(elsewhere.path(), &data);
    kept.close().await;

    // Room for a part of a board.
    let filler = disk.fill_but(5 << 19);
    let eager = Settings {
        checkpoint_bytes: 1 << 10,
        ..patient.clone()
    };
    let kept = Kept::open(&data, &eager);
    let mut health = kept.opened.writer.health();
    let full = async {
        // What is asked for while it is made, and fails, is done all the same.
        for number in JOBS.. {
            let now = kept.clock.now();
            assert!(kept.commit(ended(number, now)).await, "job {number}");
            assert!(kept.opened.archive.get(id(number)).await.is_some());
            if *health.borrow_and_update() == StoreHealth::NoRoom {
                return number;
            }
            tokio::task::yield_now().await;
        }
        unreachable!("numbers do not end");
    };
    let last = tokio::time::timeout(Duration::from_secs(60), full)
        .await
        .expect("the checkpoint fails, and that is told");
    let sealed = || kept.opened.archive.figures().last_checkpoint;
    assert_eq!(sealed(), None);

    drop(filler);
    let good = health.wait_for(|health| *health == StoreHealth::Good);
    tokio::time::timeout(Duration::from_secs(30), good)
        .await
        .expect("it recovers by itself")
        .unwrap();
    wait_for("a checkpoint", || sealed().is_some()).await;
    kept.close().await;
    let kept = Kept::open(&data, &patient);
    assert!(kept.opened.report.is_empty(), "{:?}", kept.opened.report);
    for number in 0..=last {
        assert!(kept.progress(id(number)).is_some(), "job {number} is lost");
    }
}
