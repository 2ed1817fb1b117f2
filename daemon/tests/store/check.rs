//! A store is verified while no daemon uses it: what is damaged is named, and a rebuilt one has all the rest.

use std::path::{Path, PathBuf};

use jobtopd::clock::Clock;
use jobtopd::store::{self, OpenError};

use crate::kept::{Kept, copy_tree, ended, id, settings, whole};

const ENDED: u128 = 40;

/// A store with finished jobs and two that run, closed; its log has records as well.
async fn made(dir: &Path) {
    let kept = Kept::open(dir, &settings());
    let now = kept.clock.now();
    for number in 0..ENDED {
        assert!(kept.commit(ended(number, now)).await);
    }
    assert!(kept.commit(whole(100, 10.0, now)).await);
    kept.close().await;
    let kept = Kept::open(dir, &settings());
    assert!(kept.commit(whole(101, 20.0, kept.clock.now())).await);
    kept.close().await;
}

fn only(folder: &Path, ends: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ends))
        .collect();
    found.sort();
    found.pop().unwrap()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x55;
    std::fs::write(path, bytes).unwrap();
}

/// Damages a store, and says where.
type Damage = fn(&Path) -> PathBuf;

fn endings(dir: &Path) -> PathBuf {
    only(&dir.join("history"), "").join("endings")
}

#[tokio::test]
async fn what_is_damaged_is_named_and_nothing_is_changed() {
    let home = tempfile::tempdir().unwrap();
    let sound = home.path().join("sound");
    made(&sound).await;
    let checked = store::check(&sound, &settings()).unwrap();
    assert_eq!(checked.findings, [""; 0], "{checked:?}");
    assert_eq!(
        (checked.finished, checked.sealed),
        (ENDED as u64, ENDED as u64 + 2)
    );

    let kept = Kept::open(&sound, &settings());
    let refused = store::check(&sound, &settings());
    assert!(
        matches!(refused, Err(OpenError::Locked { .. })),
        "{refused:?}"
    );
    kept.close().await;
    let nothing = store::check(&home.path().join("nothing"), &settings());
    assert!(matches!(nothing, Err(OpenError::Io { .. })), "{nothing:?}");
    assert!(!home.path().join("nothing").exists());

    let damages: [(&str, Damage); 5] = [
        ("current", |dir| {
            let path = dir.join("CURRENT");
            flip(&path, 20);
            path
        }),
        ("endings", |dir| {
            let path = endings(dir);
            flip(&path, 3_000);
            path
        }),
        ("endings cut", |dir| {
            let path = endings(dir);
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
            path
        }),
        ("log", |dir| {
            // The first one, which has others behind it.
            let mut segments: Vec<PathBuf> = std::fs::read_dir(dir.join("wal"))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| !path.ends_with("next.wal"))
                .collect();
            segments.sort();
            flip(&segments[0], 60);
            segments.swap_remove(0)
        }),
        ("board", |dir| {
            let board = only(&dir.join("board"), "");
            let path = board.join("db");
            let length = std::fs::metadata(&path).unwrap().len() as usize;
            std::fs::write(&path, vec![7; length]).unwrap();
            board
        }),
    ];
    for (what, damage) in damages {
        let dir = home.path().join(what.replace(' ', "-"));
        copy_tree(&sound, &dir);
        let path = damage(&dir);
        let before = std::fs::read(endings(&dir)).unwrap();
        let checked = store::check(&dir, &settings()).unwrap();
        let name = path.display().to_string();
        assert!(
            checked
                .findings
                .iter()
                .any(|finding| finding.contains(&name)),
            "{what}: {checked:?}"
        );
        assert_eq!(std::fs::read(endings(&dir)).unwrap(), before, "{what}");
    }
}

/// Not `tokio::test`: rebuilding waits for a runtime of its own.
#[test]
fn a_rebuilt_store_has_all_that_can_be_read_and_the_old_one_stays() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(made(&dir));
    std::fs::create_dir_all(dir.join("logs")).unwrap();
    std::fs::write(dir.join("logs/kept.log"), "said").unwrap();
    // One record in the middle, and nothing of the log tells of it any more.
    for entry in std::fs::read_dir(dir.join("wal")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    flip(&endings(&dir), 3_000);
    let damaged = std::fs::read(endings(&dir)).unwrap();

    let rebuilt = store::rebuild(&dir, &settings(), Clock::new()).unwrap();
    assert_eq!(rebuilt.before.findings.len(), 1, "{rebuilt:?}");
    assert_eq!(rebuilt.now.findings, [""; 0], "{rebuilt:?}");
    assert_eq!(rebuilt.now.finished, ENDED as u64 - 1);
    assert_eq!(std::fs::read(endings(&rebuilt.aside)).unwrap(), damaged);
    assert_eq!(
        std::fs::read_to_string(dir.join("logs/kept.log")).unwrap(),
        "said"
    );
    let names: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");

    runtime.block_on(async {
        let kept = Kept::open(&dir, &settings());
        assert!(kept.opened.report.is_empty(), "{:?}", kept.opened.report);
        assert_eq!(kept.progress(id(100)), Some(10.0));
        assert_eq!(kept.progress(id(101)), Some(20.0));
        let mut found = 0;
        for number in 0..ENDED {
            found += usize::from(kept.opened.archive.get(id(number)).await.is_some());
        }
        assert_eq!(found as u128, ENDED - 1);
        kept.close().await;
    });
    // Once more: it is sound, and a rebuilt one has the same.
    let again = store::rebuild(&dir, &settings(), Clock::new()).unwrap();
    assert_eq!(again.before.findings, [""; 0]);
    assert_eq!(
        (again.now.finished, again.now.sealed),
        (rebuilt.now.finished, rebuilt.now.sealed)
    );
}
