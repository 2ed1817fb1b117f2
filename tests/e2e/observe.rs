//! How far unmodified readers are, as the job tells it, against what they have really consumed.
//!
//! The readers are programs as people use them, on a file of 200 MB. Each is stopped again and again: what it has consumed
//! stands still then, and is compared with what is told within a moment. So the comparison does not depend on how fast this
//! machine is.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::wait::{self, DEADLINE};
use serde_json::Value;
use tempfile::TempDir;

use crate::said::id;

/// Size of the input.
const SIZE: u64 = 200 * 1024 * 1024;
/// Points between what is reported and what is true that are let pass.
const NEAR: f64 = 10.0;
/// How far a reader goes between two comparisons, in points.
const STRIDE: f64 = 4.0;
/// How long a word may take to the job.
const SOON: Duration = Duration::from_secs(3);

/// A CSV file, gone with whoever uses it last.
#[derive(Debug)]
struct Input {
    dir: TempDir,
}

impl Input {
    /// One of [`SIZE`] for all tests that run at the same time.
    fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Input>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let made = Arc::new(Self::of(SIZE));
            *shared = Arc::downgrade(&made);
            made
        })
    }

    fn of(size: u64) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut file = File::create(dir.path().join("input.csv")).expect("an input");
        let rows = rows();
        file.write_all(b"id,name,amount,remark\n")
            .expect("room for an input");
        for _ in 0..size.div_ceil(rows.len() as u64) {
            file.write_all(rows.as_bytes()).expect("room for an input");
        }
        Self { dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("input.csv")
    }
}

/// About a megabyte of rows, none like another: a compressor finds little to spare.
fn rows() -> String {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut rows = String::new();
    while rows.len() < 1024 * 1024 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (id, name, cents) = (seed >> 40, seed >> 20 & 0xF_FFFF, seed >> 33 & 0xFFFF);
        rows.extend([
            format!("{id},customer {name:x},{cents}.25,"),
            format!("a remark {seed:x} of some length\n"),
        ]);
    }
    rows
}

/// What a reader has consumed, in percent.
type Truth = fn(&Path, i32) -> Option<f64>;

/// The furthest offset it has in the file, as the kernel tells it.
fn offset(file: &Path, pid: i32) -> Option<f64> {
    let size = fs::metadata(file).ok()?.len();
    let mut furthest = None;
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        if fs::read_link(entry.path()).is_ok_and(|target| target == file) {
            let info = format!("/proc/{pid}/fdinfo/{}", entry.file_name().to_string_lossy());
            let info = fs::read_to_string(info).ok()?;
            let position: u64 = info
                .lines()
                .next()?
                .strip_prefix("pos:")?
                .trim()
                .parse()
                .ok()?;
            furthest = furthest.max(Some(position));
        }
    }
    Some(furthest? as f64 * 100.0 / size as f64)
}

/// All that it has read of anything; its own program is little beside the file.
fn reads(file: &Path, pid: i32) -> Option<f64> {
    let size = fs::metadata(file).ok()?.len();
    let io = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let read: u64 = io
        .lines()
        .next()?
        .strip_prefix("rchar:")?
        .trim()
        .parse()
        .ok()?;
    Some((read as f64 * 100.0 / size as f64).min(100.0))
}

/// What it has in memory of the file that it has mapped.
fn memory(file: &Path, pid: i32) -> Option<f64> {
    let size = fs::metadata(file).ok()?.len();
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps")).ok()?;
    let mut lines = maps
        .lines()
        .skip_while(|line| !line.ends_with(&*file.to_string_lossy()));
    let resident = lines.find_map(|line| line.strip_prefix("Rss:"))?;
    let kib: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib as f64 * 1024.0 * 100.0 / size as f64)
}

/// A command under way, as a job.
struct Reader {
    daemon: Daemon,
    /// `jobtop run`.
    child: Child,
    job: String,
    /// The reader itself, leader of its group.
    pid: i32,
    _home: Home,
}

impl Reader {
    fn start(command: &[&str], file: &Path) -> Self {
        let home = Home::new();
        let daemon = home.daemon(Setup::unix());
        // Away from any terminal, so that nobody but this test takes a stop for Ctrl-Z.
        let child = (home.command("setsid").arg("--wait").arg(bins::jobtop()))
            .args(["run", "--"])
            .args(command)
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("jobtop can be started");
        let name = Path::new(command[0]).file_name().expect("a program");
        let (name, last_word) = (name.to_string_lossy(), file.to_string_lossy());
        let pid = wait::until("the reader", || home.process(&name, &last_word));
        let job = wait::until("the job", || {
            Some(id(daemon.get("/api/jobs").json()["jobs"].get(0)?))
        });
        Self {
            daemon,
            child,
            job,
            pid,
            _home: home,
        }
    }

    fn job(&self) -> Value {
        self.daemon.job(&self.job)
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Lets it go on until it has consumed so much, and stops it there. What it has consumed is given back; `None` once it
    /// has let go of the file, and then it runs.
    fn stop_at(&mut self, file: &Path, truth: Truth, mark: f64) -> Option<f64> {
        let end = Instant::now() + DEADLINE;
        while truth(file, self.pid).is_none_or(|now| now < mark) {
            if self.has_ended() {
                return None;
            }
            assert!(Instant::now() < end, "it does not read on to {mark} %");
            // No waiting longer than this: the swiftest reader takes a tenth of a second for all of it.
            std::thread::yield_now();
        }
        process::signal_group(self.pid, Signal::STOP);
        wait::until("it to stand still", || {
            process::stands_still(self.pid).then_some(())
        });
        let stood = truth(file, self.pid);
        if stood.is_none() {
            // It had let go of the file just before the stop: there is nothing to compare, and it is to end.
            process::signal_group(self.pid, Signal::CONT);
        }
        stood
    }
}

/// Runs a reader as a job, with the file as its last argument, and compares.
fn check(command: &[&str], file: &Path, truth: Truth, source: &str) {
    let mut reader = Reader::start(command, file);
    let mut samples: Vec<(f64, f64, Value)> = Vec::new();
    let mut told = 0.0;
    let mut mark = STRIDE;
    while let Some(consumed) = reader.stop_at(file, truth, mark) {
        let mut job = reader.job();
        wait::within(SOON, || {
            job = reader.job();
            let now = job["progress"].as_f64()?;
            assert!(
                now >= told && now < 100.0,
                "{told} and then {now}: {samples:?}"
            );
            told = now;
            ((told - consumed).abs() <= NEAR).then_some(())
        });
        samples.push((consumed, told, job["progressSource"].clone()));
        mark = consumed + STRIDE;
        process::signal_group(reader.pid, Signal::CONT);
        if mark >= 100.0 {
            break;
        }
    }
    let ended = wait::ended(&mut reader.child);
    assert!(ended.success(), "{ended}");
    let end = reader.job();
    assert_eq!(
        (&end["status"], end["progress"].as_f64()),
        (&"completed".into(), Some(100.0)),
        "{end}"
    );
    let near = (samples.iter())
        .filter(|(truth, told, _)| (truth - told).abs() <= NEAR)
        .count();
    assert!(samples.len() >= 4, "too few to say anything: {samples:?}");
    assert!(near * 5 >= samples.len() * 4, "{near} near of {samples:?}");
    let (_, _, said) = samples.last().expect("a sample");
    assert_eq!(said, source, "{samples:?}");
}

#[test]
fn a_csv_reader_is_told_by_its_offset() {
    let input = Input::shared();
    let script = "
import csv, sys
print(sum(len(row) for row in csv.reader(open(sys.argv[1], newline=''))))
";
    check(
        &["python3", "-c", script],
        &input.path(),
        offset,
        "file offset",
    );
}

#[test]
fn a_paused_job_says_where_it_stands() {
    let input = Input::shared();
    let script = "import csv, sys
print(sum(len(row) for row in csv.reader(open(sys.argv[1], newline=''))))";
    let mut reader = Reader::start(&["python3", "-c", script], &input.path());
    wait::until("progress", || {
        (reader.job()["progress"].as_f64()? > 5.0).then_some(())
    });
    assert_eq!(reader.daemon.act(&reader.job, "pause").status, 200);
    let paused = wait::until("the pause", || {
        let job = reader.job();
        job["control"].is_null().then_some(job)
    });
    let truth = offset(&input.path(), reader.pid).expect("it has the file open");
    let told = paused["progress"].as_f64().expect("progress");
    assert!((truth - told).abs() <= 0.1, "{truth} is told as {told}");
    assert_eq!(reader.daemon.act(&reader.job, "cancel").status, 200);
    assert!(!wait::ended(&mut reader.child).success());
}

#[test]
fn awk_is_told_by_its_offset() {
    let input = Input::shared();
    let script = "-F, {sum += $3} END {print sum}";
    let (flag, program) = script.split_once(' ').expect("two");
    check(
        &["awk", flag, program],
        &input.path(),
        offset,
        "file offset",
    );
}

#[test]
fn a_compressor_is_told_by_its_offset_and_a_decompressor_by_that_of_what_is_compressed() {
    let input = Input::shared();
    check(&["gzip", "-1", "-c"], &input.path(), offset, "file offset");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let packed = dir.path().join("input.csv.gz");
    let gzip = Command::new("gzip")
        .args(["-1", "-c"])
        .arg(input.path())
        .stdout(File::create(&packed).expect("a file"))
        .status();
    assert!(gzip.is_ok_and(|status| status.success()), "gzip");
    check(&["gzip", "-d", "-c"], &packed, offset, "file offset");
}

#[test]
fn a_stream_of_node_s_is_told_by_its_offset() {
    let script = "
const rows = require('readline').createInterface({input: require('fs').createReadStream(process.argv[1])});
let cells = 0;
rows.on('line', (row) => (cells += row.split(',').length));
rows.on('close', () => console.log(cells));
";
    if !is_here("node", &["--version"]) {
        return;
    }
    let input = Input::shared();
    check(
        &["node", "-e", script],
        &input.path(),
        offset,
        "file offset",
    );
}

#[test]
fn a_reader_that_moves_no_offset_is_told_by_its_reads() {
    let input = Input::shared();
    let script = "
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
at = rows = 0
while part := os.pread(f, 1 << 20, at):
    at += len(part)
    rows += len(part.splitlines())
print(rows)
";
    check(&["python3", "-c", script], &input.path(), reads, "reads");
}

#[test]
fn a_reader_of_a_mapped_file_is_told_by_its_memory() {
    let input = Input::shared();
    let script = "
import mmap, sys
m = mmap.mmap((f := open(sys.argv[1], 'rb')).fileno(), 0, access=mmap.ACCESS_READ)
print(sum(len(m[at:at + (1 << 20)].splitlines()) for at in range(0, len(m), 1 << 20)))
";
    check(&["python3", "-c", script], &input.path(), memory, "mapping");
}

#[test]
fn pandas_is_told_by_its_memory() {
    let script = "import sys, pandas; print(len(pandas.read_csv(sys.argv[1])))";
    with_package("pandas", script, Input::shared, memory, "mapping");
}

#[test]
fn polars_is_told_by_its_reads() {
    // It asks the kernel for 128 MiB at once, which counts when it is there.
    let input = || Arc::new(Input::of(4 * SIZE));
    let script = "import sys, polars; print(polars.read_csv(sys.argv[1]).height)";
    with_package("polars", script, input, reads, "reads");
}

#[test]
fn duckdb_is_told_by_its_reads() {
    let script = "import sys, duckdb
print(duckdb.sql(f\"select count(*), sum(amount) from read_csv('{sys.argv[1]}')\"))";
    with_package("duckdb", script, Input::shared, reads, "reads");
}

/// Runs a script that needs a package, where there is one.
fn with_package(
    package: &str,
    script: &str,
    input: impl FnOnce() -> Arc<Input>,
    truth: Truth,
    source: &str,
) {
    let python = python();
    if is_here(&python, &["-c", &format!("import {package}")]) {
        check(&[&python, "-c", script], &input().path(), truth, source);
    }
}

/// The Python that has the packages: that of the environment which `.ci/run` makes, else the system's.
fn python() -> String {
    static PYTHON: OnceLock<String> = OnceLock::new();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("readers/venv/bin/python3");
    PYTHON
        .get_or_init(|| {
            if own.exists() {
                own.to_string_lossy().into_owned()
            } else {
                "python3".to_owned()
            }
        })
        .clone()
}

/// Whether a program is there and does that; where not, the reason is shown.
pub(crate) fn is_here(program: &str, args: &[&str]) -> bool {
    let why = match Command::new(program).args(args).output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    // Not through `eprintln!`, which is only shown of tests that fail.
    let _ = writeln!(
        std::io::stderr(),
        "skipped: {program} {}: {why}",
        args.join(" ")
    );
    false
}
