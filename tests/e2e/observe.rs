//! How far unmodified readers are, seen from outside, against what they have really consumed.
//!
//! The truth is each reader's own counter, which it writes to a side file as it goes. The readers are slowed by a short rest
//! after each part, as work on the rows would, so that there is something to sample.

use std::fs::{self, File};
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;

/// Size of the input.
const SIZE: usize = 100 * 1024 * 1024;
/// Points between what is reported and what is true that are let pass.
const NEAR: f64 = 10.0;

/// The part of each script that says how far it is.
const TRUTH: &str = "
import os, sys, time
size = os.path.getsize('input.csv')
def truth(done):
    with open('truth.new', 'w') as f: f.write(str(done * 100.0 / size))
    os.rename('truth.new', 'truth')
    time.sleep(0.04)
";

/// Runs a reader as a job and compares.
fn check(script: &str, source: &str) {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let row = "1042,a name of some length,17.25,and a text that goes on for a while\n";
    let rows = row.repeat(16 * 1024);
    let mut file = File::create(home.work().join("input.csv")).expect("an input");
    for _ in 0..SIZE.div_ceil(rows.len()) {
        file.write_all(rows.as_bytes()).expect("room for an input");
    }
    drop(file);
    let script = format!("{TRUTH}{script}");
    let mut child = home
        .jobtop(&["run", "--", "python3", "-c", &script])
        .current_dir(home.work())
        .stdin(Stdio::null())
        .spawn()
        .expect("jobtop can be started");
    let mut samples = Vec::new();
    let mut last = 0.0;
    while child.try_wait().expect("a child").is_none() {
        let truth = fs::read_to_string(home.work().join("truth"));
        let jobs = daemon.get("/api/jobs").json();
        let job = &jobs["jobs"][0];
        if let (Ok(truth), Some(told), "running") = (
            truth,
            job["progress"].as_f64(),
            job["status"].as_str().unwrap_or_default(),
        ) {
            assert!(told >= last && told < 100.0, "{last} and then {told}");
            last = told;
            let truth: f64 = truth.parse().expect("a number");
            samples.push((truth, told, job["progressSource"].clone()));
        }
        std::thread::sleep(Duration::from_millis(40));
    }
    let near = (samples.iter())
        .filter(|(truth, told, _)| (truth - told).abs() <= NEAR)
        .count();
    assert!(samples.len() >= 20, "too few: {samples:?}");
    assert!(near * 5 >= samples.len() * 4, "{near} near of {samples:?}");
    let (_, _, said) = samples.last().expect("a sample");
    assert_eq!(said, source, "{samples:?}");
}

#[test]
fn a_csv_reader_is_told_by_its_offset() {
    check(
        "
import csv
done = 0
for n, row in enumerate(csv.reader(open('input.csv'))):
    done += sum(map(len, row)) + len(row)
    if n % 20000 == 0: truth(done)
",
        "file offset",
    );
}

#[test]
fn a_reader_that_moves_no_offset_is_told_by_its_reads() {
    check(
        "
f = os.open('input.csv', os.O_RDONLY)
for at in range(0, size, 1 << 20):
    os.pread(f, 1 << 20, at)
    truth(min(at + (1 << 20), size))
",
        "reads",
    );
}

#[test]
fn a_reader_of_a_mapped_file_is_told_by_its_memory() {
    check(
        "
import mmap
f = open('input.csv', 'rb')
m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
for at in range(0, size, 1 << 20):
    m[at:at + (1 << 20)].count(b'\\n')
    truth(min(at + (1 << 20), size))
",
        "mapping",
    );
}
