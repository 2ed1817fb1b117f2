//! What damaged files cost: nothing, or themselves, and they are named.

use std::fs;
use std::path::{Path, PathBuf};

use jobtopd::store::Settings;

use crate::kept::{Kept, copy_tree, ended, id, settings, wait_for, whole};

/// Every file below, in a fixed order.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// One way of damaging a file, by number.
fn damage(path: &Path, way: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() * (way * 7 % 13) / 13;
    match way % 4 {
        0 if at < bytes.len() => bytes[at] ^= 1 << (way % 8),
        1 => bytes.truncate(at),
        2 => {
            let end = bytes.len().min(at + 4096);
            bytes[at..end].fill(0);
        }
        _ => {
            let name = path.with_file_name("snap.0000000000000001.generating");
            fs::write(name, "").unwrap();
            return;
        }
    }
    fs::write(path, bytes).unwrap();
}

/// A store with two generations of the board: jobs that never changed again, jobs that did, and endings.
async fn seasoned(dir: &Path, settings: &Settings) {
    for round in 0..3_u8 {
        let kept = Kept::open(dir, settings);
        let now = kept.clock.now();
        for number in 0..20 {
            if round == 0 || number >= 10 {
                assert!(kept.commit(whole(number, f64::from(round), now)).await);
            }
        }
        let number = 100 + u128::from(round);
        assert!(kept.commit(ended(number, now)).await);
        kept.close().await;
    }
}

fn check_seasoned(kept: &Kept, what: &str) {
    for number in 0..20 {
        let expected = if number < 10 { 0.0 } else { 2.0 };
        assert_eq!(kept.progress(id(number)), Some(expected), "{number} {what}");
    }
}

/// However the newest generation is damaged, sled's errors, panics and misleading words cost nothing.
#[tokio::test]
async fn any_damage_to_the_newest_board_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    seasoned(dir.path(), &settings()).await;
    let mut reported = 0;
    for way in 0..40 {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(dir.path(), copy.path());
        let newest = copy.path().join("board/3");
        let all = files(&newest);
        let victim = &all[way % all.len()];
        damage(victim, way);
        let kept = Kept::open(copy.path(), &settings());
        check_seasoned(&kept, &format!("way {way}, {}", victim.display()));
        assert!(
            kept.opened
                .report
                .iter()
                .all(|said| said.contains("board/3"))
        );
        reported += usize::from(!kept.opened.report.is_empty());
    }
    assert!(reported > 5, "the damage did something: {reported}");
}

#[tokio::test]
async fn a_board_that_is_gone_is_made_anew_and_the_bad_one_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    seasoned(dir.path(), &settings()).await;
    fs::write(dir.path().join("board/3/db"), "nothing of the kind").unwrap();
    let kept = Kept::open(dir.path(), &settings());
    check_seasoned(&kept, "first");
    kept.close().await;
    let kept = Kept::open(dir.path(), &settings());
    check_seasoned(&kept, "second");
    assert!(kept.opened.report.is_empty(), "{:?}", kept.opened.report);
    let aside = fs::read_dir(dir.path())
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with("board.bad-")
        })
        .count();
    assert_eq!(aside, 1);
}

#[tokio::test]
async fn without_current_the_boards_speak_for_themselves() {
    let dir = tempfile::tempdir().unwrap();
    seasoned(dir.path(), &settings()).await;
    let current = dir.path().join("CURRENT");
    let mut text = fs::read(&current).unwrap();
    text[10] ^= 1;
    fs::write(&current, text).unwrap();
    let kept = Kept::open(dir.path(), &settings());
    check_seasoned(&kept, "CURRENT is damaged");
    assert!(kept.opened.report[0].contains("CURRENT"));
    for number in 100..103 {
        assert!(kept.opened.archive.get(id(number)).await.is_some());
    }
    assert_eq!(kept.opened.archive.figures().records, 3, "nothing twice");
}

/// What only both boards knew is lost with them, and that is said; what the log knows is not.
#[tokio::test]
async fn both_boards_damaged_leave_what_the_log_knows() {
    let dir = tempfile::tempdir().unwrap();
    seasoned(dir.path(), &settings()).await;
    for generation in ["2", "3"] {
        let db = dir.path().join("board").join(generation).join("db");
        fs::write(db, "").unwrap();
    }
    let kept = Kept::open(dir.path(), &settings());
    for number in 10..20 {
        assert_eq!(kept.progress(id(number)), Some(2.0), "{number}");
    }
    for generation in ["board/2", "board/3"] {
        let says = |said: &String| said.contains(generation) && said.contains("jobs");
        assert!(
            kept.opened.report.iter().any(says),
            "{:?}",
            kept.opened.report
        );
    }
    for number in 100..103 {
        assert!(kept.opened.archive.get(id(number)).await.is_some());
    }
}

/// A power cut can take what was appended to the archive since the last checkpoint: the log has it.
#[tokio::test]
async fn endings_that_the_archive_lost_come_from_the_log() {
    let dir = tempfile::tempdir().unwrap();
    seasoned(dir.path(), &settings()).await;
    let endings = |dir: &Path| files(&dir.join("history")).pop().unwrap();
    let checkpointed = fs::read(endings(dir.path())).unwrap().len();
    let kept = Kept::open(dir.path(), &settings());
    let now = kept.clock.now();
    for number in 200..230 {
        assert!(kept.commit(ended(number, now)).await);
    }
    // A copy of what moves is no image of a moment: everything must be where it belongs.
    wait_for("the archive has them all", || {
        kept.opened.archive.figures().records == 33
    })
    .await;
    let image = tempfile::tempdir().unwrap();
    copy_tree(dir.path(), image.path());
    kept.close().await;
    let whole_file = fs::read(endings(image.path())).unwrap();
    for left in [
        checkpointed,
        checkpointed + 1,
        whole_file.len() / 2,
        whole_file.len() - 1,
        whole_file.len(),
    ] {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(image.path(), copy.path());
        fs::write(endings(copy.path()), &whole_file[..left]).unwrap();
        let kept = Kept::open(copy.path(), &settings());
        assert!(kept.opened.report.is_empty(), "{:?}", kept.opened.report);
        for number in (100..103).chain(200..230) {
            assert!(
                kept.opened.archive.get(id(number)).await.is_some(),
                "{number} with {left} bytes"
            );
        }
        assert_eq!(kept.opened.archive.figures().records, 33, "nothing twice");
        let file = fs::metadata(endings(copy.path())).unwrap();
        assert_eq!(file.len(), whole_file.len() as u64, "nothing twice");
    }
}

/// Damage in what a checkpoint had made durable is named; the log still has the youngest of it.
#[tokio::test]
async fn a_shortened_archive_is_named_and_the_rest_is_found() {
    let dir = tempfile::tempdir().unwrap();
    seasoned(dir.path(), &settings()).await;
    let endings = files(&dir.path().join("history")).pop().unwrap();
    let length = fs::metadata(&endings).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&endings).unwrap();
    file.set_len(length / 2).unwrap();
    let kept = Kept::open(dir.path(), &settings());
    let says = |said: &String| said.contains("endings") && said.contains("bytes long");
    assert!(
        kept.opened.report.iter().any(says),
        "{:?}",
        kept.opened.report
    );
    // The second was cut in two, and the log that had it is gone with the older checkpoint; it is on the board still.
    for (number, expected) in [(100, true), (101, false), (102, true)] {
        let found = kept.opened.archive.get(id(number)).await.is_some();
        assert_eq!(found, expected, "{number}");
    }
    assert!(kept.progress(id(101)).is_some());
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
