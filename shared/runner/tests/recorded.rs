//! Recorded outputs of real programs, replayed: what is recognised in them, however they are cut.
//!
//! Each file in `recorded/` is what a program wrote, to a terminal (`.tty`) or to a pipe (`.pipe`); beside it, in
//! `recorded/said.txt`, stands what is to be recognised: one line for each step, from the first to the last percentage.

use std::fmt::Write;
use std::path::PathBuf;

use jobtop_runner::output::{LastLines, Recogniser, Said, State};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")
}

fn recordings() -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(folder())
        .expect("the folder of the recordings")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|ext| ext == "tty" || ext == "pipe")
        })
        .map(|path| {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (name, std::fs::read(path).expect("a recording"))
        })
        .collect();
    found.sort();
    assert!(found.len() > 30, "the recordings lie elsewhere");
    found
}

/// Everything that is said while a recording is replayed in pieces of that size. `pv -n` writes a line now and then, and
/// only that makes its numbers a progress; of the others the time does not matter.
fn replay(name: &str, recording: &[u8], cut: usize) -> Vec<Said> {
    let pause = if name.starts_with("pv-n") { 200 } else { 0 };
    let mut recogniser = Recogniser::new();
    let mut now = 1000;
    let mut said = Vec::new();
    for line in recording.split_inclusive(|&byte| byte == b'\n') {
        for piece in line.chunks(cut) {
            said.extend(recogniser.feed(piece, now));
        }
        now += pause;
    }
    said.extend(recogniser.feed(&[], now + 1000));
    said
}

/// One line for each step: its number, its first and last percentage, and what is known at its end.
fn summary(said: &[Said]) -> String {
    let mut text = String::new();
    for part in said.chunk_by(|a, b| a.part == b.part) {
        let percent = |said: Option<&Said>| {
            said.and_then(|said| said.progress)
                .map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1}"))
        };
        let Some(last) = part.last() else { continue };
        let first = percent(part.iter().find(|said| said.progress.is_some()));
        let end = percent(part.iter().rfind(|said| said.progress.is_some()));
        let _ = write!(text, "  {}: {first} to {end}", last.part);
        for (counts, unit) in [(last.items, "items"), (last.bytes, "bytes")] {
            match counts {
                Some((done, Some(total))) => {
                    let _ = write!(text, ", {done} of {total} {unit}");
                }
                Some((done, None)) => {
                    let _ = write!(text, ", {done} {unit}");
                }
                None => {}
            }
        }
        if let Some(step) = &last.step {
            let _ = write!(text, ", {step}");
        }
        if last.state != State::Normal {
            let _ = write!(text, ", {:?}", last.state);
        }
        text.push('\n');
    }
    text
}

#[test]
fn recordings_are_recognised() {
    let mut found = String::new();
    for (name, recording) in recordings() {
        let said = replay(&name, &recording, 1);
        let _ = write!(found, "{name}\n{}", summary(&said));
    }
    let expected = std::fs::read_to_string(folder().join("said.txt")).unwrap();
    if found != expected {
        let place = std::env::temp_dir().join("jobtop-said.txt");
        std::fs::write(&place, &found).unwrap();
        panic!("compare said.txt with {}", place.display());
    }
}

/// Logs, tables and listings with percentages, counts and dates in them, none of which is a progress.
#[test]
fn ordinary_output_says_nothing() {
    let text = std::fs::read_to_string(folder().join("ordinary.txt")).expect("a text");
    for output in text.split("\n----\n") {
        for ending in ["\n", "\r\n"] {
            let output = output.replace('\n', ending);
            for cut in [1, 4096] {
                let said = replay("", output.as_bytes(), cut);
                assert!(said.is_empty(), "{said:?} in\n{output}");
            }
        }
    }
}

#[test]
fn within_a_step_no_percentage_falls() {
    for (name, recording) in recordings() {
        for pair in replay(&name, &recording, 1).windows(2) {
            if let [a, b] = pair
                && a.part == b.part
                && let (Some(before), Some(after)) = (a.progress, b.progress)
            {
                assert!(before <= after, "{name}: {a:?}, then {b:?}");
            }
        }
    }
}

#[test]
fn however_a_recording_is_cut_it_says_the_same() {
    for (name, recording) in recordings() {
        let fine = replay(&name, &recording, 1);
        let mut whole = LastLines::new();
        whole.feed(&recording);
        for cut in [7, 4096] {
            let coarse = replay(&name, &recording, cut);
            assert_eq!(fine.last(), coarse.last(), "{name} in pieces of {cut}");
            let mut from = fine.iter();
            for said in coarse {
                assert!(from.any(|known| *known == said), "{name}: {said:?}");
            }
            let mut lines = LastLines::new();
            recording.chunks(cut).for_each(|piece| lines.feed(piece));
            assert_eq!(lines.lines(), whole.lines(), "{name}");
        }
    }
}
