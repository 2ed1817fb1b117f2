//! What is kept of a log, what it takes of the disk, and how it is read again.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::*;

const LIMIT: u64 = LEAST;

fn read_all(path: &Path, from: u64) -> String {
    let reader = Reader::open(path).unwrap();
    let (mut at, mut text) = (from, String::new());
    loop {
        match reader.read(at, 1000).unwrap() {
            Piece::Bytes(bytes) => {
                at += bytes.len() as u64;
                text.push_str(std::str::from_utf8(&bytes).unwrap());
            }
            Piece::LeftOut { to } => {
                text.push_str("<hole>\n");
                at = to;
            }
            Piece::End => return text,
        }
    }
}

fn lines(from: u32, to: u32) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for n in from..to {
        let _ = writeln!(text, "line {n:08}");
    }
    text
}

#[test]
fn a_log_is_private_and_plain() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("logs/job.log");
    let mut log = Writer::open(&path, LIMIT).unwrap();
    assert!(log.append(b"one\ntwo\n").is_none());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(read_all(&path, 0), "one\ntwo\n");
    assert_eq!(read_all(&path, 4), "two\n");
    // Moved away, it is still the same log to those who have it open.
    let reader = Reader::open(&path).unwrap();
    fs::rename(&path, dir.path().join("moved")).unwrap();
    assert!(log.append(b"three\n").is_none());
    assert_eq!(
        reader.read(8, 99).unwrap(),
        Piece::Bytes(b"three\n".to_vec())
    );
    assert_eq!(reader.read(14, 99).unwrap(), Piece::End);

    symlink(dir.path().join("moved"), &path).unwrap();
    assert!(Writer::open(&path, LIMIT).is_err());
    assert!(Reader::open(&path).is_err());
    assert!(Writer::open(dir.path(), LIMIT).is_err());
    assert!(Reader::open(dir.path()).is_err());
}

#[test]
fn the_last_lines() {
    let dir = tempfile::tempdir().unwrap();
    for (text, wanted, from) in [
        ("", 5, 0),
        ("a\nb\nc\n", 0, 6),
        ("a\nb\nc\n", 1, 4),
        ("a\nb\nc\n", 2, 2),
        ("a\nb\nc\n", 3, 0),
        ("a\nb\nc\n", 9, 0),
        ("a\nb\nc", 1, 4),
        ("a\nb\nc", 2, 2),
        ("\n\n\n", 2, 1),
    ] {
        let path = dir.path().join("log");
        fs::write(&path, text).unwrap();
        let got = Reader::open(&path).unwrap().tail(wanted).unwrap();
        assert_eq!(got, from, "{text:?}, {wanted} lines");
    }
}

#[test]
fn a_flood_stays_within_its_limit_with_both_ends_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = Writer::open(&path, LIMIT).unwrap();
    let blocks = || fs::metadata(&path).unwrap().blocks() * 512;
    let count = 400_000;
    for from in (0..count).step_by(1000) {
        assert!(log.append(lines(from, from + 1000).as_bytes()).is_none());
        assert!(blocks() <= LIMIT, "{} bytes of the disk", blocks());
    }
    assert_eq!(log.size(), u64::from(count) * 14);
    let all = read_all(&path, 0);
    let (head, tail) = all.split_once("<hole>\n").expect("a hole");
    assert!(!tail.contains("hole"), "one hole");
    assert!(!all.contains('\0'));
    assert!(head.len() as u64 >= LIMIT / 4, "{}", head.len());
    assert!(tail.len() as u64 >= LIMIT / 2, "{}", tail.len());
    assert!(lines(0, count).starts_with(head));
    assert!(tail.starts_with("line ") && lines(0, count).ends_with(tail));

    // Gone on with by another writer, as after a restart.
    drop(log);
    let mut log = Writer::open(&path, LIMIT).unwrap();
    for from in (count..count + 50_000).step_by(1000) {
        assert!(log.append(lines(from, from + 1000).as_bytes()).is_none());
        assert!(blocks() <= LIMIT, "{} bytes of the disk", blocks());
    }
    let again = read_all(&path, 0);
    assert_eq!(again.matches("<hole>").count(), 1);
    assert!(again.starts_with(head) && again.ends_with("line 00449999\n"));
    // From an offset that is gone by now, and more last lines than there are behind the hole.
    assert!(read_all(&path, LIMIT).starts_with("<hole>\nline "));
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.tail(1).unwrap(), log.size() - 14);
    assert!(reader.tail(u64::from(count)).unwrap() == 0);
    let above = again.split_once("<hole>\n").unwrap().1.lines().count() as u64;
    let before = reader.tail(above + 3).unwrap();
    assert!(before < LIMIT / 4 + BLOCK, "{before}");
}

#[test]
fn one_piece_larger_than_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = Writer::open(&path, LIMIT).unwrap();
    let text = lines(0, 200_000);
    assert!(log.append(text.as_bytes()).is_none());
    assert!(fs::metadata(&path).unwrap().blocks() * 512 <= LIMIT);
    let all = read_all(&path, 0);
    assert!(all.starts_with("line 00000000\n") && all.ends_with("line 00199999\n"));
}

#[test]
fn a_full_disk_is_told_once() {
    // Every write to it fails with ENOSPC; no plain file, so it is opened past the check.
    let mut log = Writer::on(
        fs::OpenOptions::new()
            .append(true)
            .open("/dev/full")
            .unwrap(),
    );
    let lost = log.append(b"text").expect("it says so");
    assert!(
        lost.to_string().contains("No space left on device"),
        "{lost}"
    );
    assert!(log.append(b"more").is_none());
    // Neither can its middle be dropped.
    let mut log = Writer::on(
        fs::OpenOptions::new()
            .append(true)
            .open("/dev/null")
            .unwrap(),
    );
    let lost = log
        .append(&vec![0; 2 * LIMIT as usize])
        .expect("it says so");
    assert!(!lost.to_string().is_empty());
    assert!(log.append(b"more").is_none());
}

#[test]
fn what_was_left_out_in_words() {
    for (bytes, says) in [
        (1, "[jobtop: 1 KiB left out here]"),
        (65_536, "[jobtop: 64 KiB left out here]"),
        (25_165_824, "[jobtop: 24.0 MiB left out here]"),
    ] {
        assert_eq!(left_out(bytes), says);
    }
}
