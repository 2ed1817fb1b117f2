//! A kill between any two steps of a compaction, as the disk is found then: each such state is made by hand, opened, and must
//! have everything, without a complaint; and the next start as well.

use std::path::Path;

use jobtopd::store::Settings;

use crate::kept::{Kept, copy_tree, ended_ago, id, settings, third_ended, wait_for, whole};

const BEFORE: u128 = 30;
const AFTER: u128 = 50;

/// Jobs of those numbers, every third of which ends.
async fn work(dir: &Path, numbers: std::ops::Range<u128>) {
    let kept = Kept::open(dir, &settings());
    for number in numbers {
        let now = kept.clock.now();
        assert!(kept.commit(third_ended(number, now)).await);
    }
    kept.close().await;
}

/// What lies in a folder of the one and not in that of the other is put there.
fn keep_as_well(from: &Path, to: &Path, folder: &str) {
    for entry in std::fs::read_dir(from.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(folder).join(entry.file_name());
        if target.exists() {
            continue;
        }
        if entry.metadata().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The numbers of the boards, oldest first.
fn boards(dir: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(dir.join("board")).unwrap();
    let number = |name: std::ffi::OsString| name.to_str().unwrap().parse().unwrap();
    let mut numbers: Vec<u64> = entries
        .map(|entry| number(entry.unwrap().file_name()))
        .collect();
    numbers.sort_unstable();
    numbers
}

fn board(dir: &Path, number: u64) -> std::path::PathBuf {
    dir.join("board").join(number.to_string())
}

fn newest_board(dir: &Path) -> std::path::PathBuf {
    board(dir, *boards(dir).last().unwrap())
}

/// Makes a store what a kill leaves: first the old one, then the one to be changed.
type State = fn(&Path, &Path);

async fn check(dir: &Path, state: &str) {
    for start in ["first", "second"] {
        let kept = Kept::open(dir, &settings());
        assert!(
            kept.opened.report.is_empty(),
            "{state}, {start}: {:?}",
            kept.opened.report
        );
        for number in 0..AFTER {
            assert!(
                kept.progress(id(number)).is_some(),
                "{state}, {start}: job {number}"
            );
            let archived = kept.opened.archive.get(id(number)).await.is_some();
            assert_eq!(
                archived,
                number % 3 == 0,
                "{state}, {start}: job {number} in the archive"
            );
        }
        assert!(
            kept.commit(whole(999, 5.0, kept.clock.now())).await,
            "{state}, {start}"
        );
        kept.close().await;
    }
}

#[tokio::test]
async fn between_any_two_steps_of_a_checkpoint() {
    let home = tempfile::tempdir().unwrap();
    let (old, new) = (home.path().join("old"), home.path().join("new"));
    work(&old, 0..BEFORE).await;
    copy_tree(&old, &new);
    work(&new, BEFORE..AFTER).await;

    let states: [(&str, State); 6] = [
        ("the new board is half built", |old, dir| {
            std::fs::copy(old.join("CURRENT"), dir.join("CURRENT")).unwrap();
            let file = newest_board(dir).join("db");
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("the new board has nothing yet", |old, dir| {
            std::fs::copy(old.join("CURRENT"), dir.join("CURRENT")).unwrap();
            let board = newest_board(dir);
            std::fs::remove_dir_all(&board).unwrap();
            std::fs::create_dir(&board).unwrap();
        }),
        ("the new board is built and not named", |old, dir| {
            std::fs::copy(old.join("CURRENT"), dir.join("CURRENT")).unwrap();
        }),
        ("the new CURRENT is half written", |old, dir| {
            let bytes = std::fs::read(dir.join("CURRENT")).unwrap();
            std::fs::write(dir.join("CURRENT.tmp"), &bytes[..bytes.len() / 2]).unwrap();
            std::fs::copy(old.join("CURRENT"), dir.join("CURRENT")).unwrap();
        }),
        ("named, and nothing old is removed", |_, _| {}),
        ("named, and an old board is half removed", |_, dir| {
            let oldest = board(dir, boards(dir)[0]);
            std::fs::remove_file(oldest.join("db")).unwrap();
        }),
    ];
    for (state, make) in states {
        let dir = home.path().join("killed");
        copy_tree(&new, &dir);
        // Boards and segments of the log go only after the new ones are named.
        keep_as_well(&old, &dir, "board");
        keep_as_well(&old, &dir, "wal");
        make(&old, &dir);
        check(&dir, state).await;
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

#[tokio::test]
async fn between_any_two_steps_of_an_expiry() {
    const HOUR: i64 = 3_600_000;
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("store");
    let kept = Kept::open(&dir, &settings());
    let now = kept.clock.now();
    assert!(kept.commit(ended_ago(1, 40 * 24 * HOUR, now)).await);
    assert!(kept.commit(ended_ago(2, HOUR, now)).await);
    kept.close().await;
    let history = dir.join("history");
    let mut folders: Vec<_> = std::fs::read_dir(&history)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    assert_eq!(folders.len(), 2, "{folders:?}");
    let expired = folders[0].with_extension("expired");
    for half in [false, true] {
        let killed = home
            .path()
            .join(if half { "removed by half" } else { "renamed" });
        copy_tree(&dir, &killed);
        let from = killed.join("history").join(folders[0].file_name().unwrap());
        let to = killed.join("history").join(expired.file_name().unwrap());
        std::fs::rename(from, &to).unwrap();
        if half {
            std::fs::remove_file(to.join("endings")).unwrap();
        }
        let kept = Kept::open(
            &killed,
            &Settings {
                ring: 0,
                ..settings()
            },
        );
        assert!(kept.opened.report.is_empty(), "{:?}", kept.opened.report);
        assert!(kept.opened.archive.get(id(1)).await.is_none());
        assert!(kept.opened.archive.get(id(2)).await.is_some());
        wait_for("what has expired is gone", || !to.exists()).await;
        kept.close().await;
    }
}
