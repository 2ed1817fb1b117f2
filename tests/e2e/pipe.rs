//! `jobtop pipe`: what goes in comes out, whatever becomes of the daemon, and it is counted on the way.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::wait;
use serde_json::{Value, json};

use crate::said::id;

const MB: usize = 1_000_000;

/// The only job there is, once it fits.
fn job(daemon: &Daemon, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, || {
        let jobs = daemon.get("/api/jobs").json();
        jobs["jobs"].get(0).filter(|job| fits(job)).cloned()
    })
}

/// A file of about that size in lines of 8 bytes, no two blocks of it alike.
fn file(home: &Home, name: &str, size: usize) -> (PathBuf, Vec<u8>) {
    let mut data = Vec::with_capacity(size);
    let mut number = 1_u32;
    while data.len() < size {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        data.extend_from_slice(format!("{:07x}\n", number >> 4).as_bytes());
    }
    let path = home.work().join(name);
    fs::write(&path, &data).expect("a file");
    (path, data)
}

/// `jobtop pipe OPTIONS…` between these, its stdout for the test to read.
fn pipe(home: &Home, options: &[&str], stdin: impl Into<Stdio>) -> (Child, ChildStdout) {
    let mut child = home
        .jobtop(&[&["pipe"], options].concat())
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("jobtop can be started");
    let out = child.stdout.take().expect("it is a pipe");
    (child, out)
}

fn read(out: &mut ChildStdout, size: usize) -> Vec<u8> {
    let mut data = vec![0; size];
    out.read_exact(&mut data).expect("it passes on");
    data
}

/// A line of a shell's, to its end.
fn shell(home: &Home, line: &str) -> Output {
    let bin = bins::jobtop().parent().expect("its folder");
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let child = home
        .command("bash")
        .args(["-c", line])
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    wait::output(child)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_passes_is_exact_and_counted() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let (_, mut data) = file(&home, "x.csv", 3 * MB);
    data.extend_from_slice(b"\0\xff no end");
    fs::write(home.work().join("x.csv"), &data).expect("a file");
    let output = shell(
        &home,
        "cat x.csv | jobtop pipe --type etl --tag a --queue q | gzip | gunzip > y; echo ${PIPESTATUS[*]}",
    );
    assert_eq!(
        text(&output.stdout),
        "0 0 0 0\n",
        "{}",
        text(&output.stderr)
    );
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    assert!(fs::read(home.work().join("y")).expect("it is there") == data);
    let job = job(&daemon, "its end", |job| job["status"] == "completed");
    let metrics = &job["metrics"];
    assert_eq!(metrics["processedBytes"], data.len(), "{job}");
    assert_eq!(metrics["processedItems"], 3 * MB / 8 + 1, "{job}");
    assert_eq!(
        (&job["type"], &job["queue"], &job["tags"]),
        (&json!("etl"), &json!("q"), &json!(["a"]))
    );
    assert_eq!(job["progress"], 100);
}

#[test]
fn the_size_is_that_of_the_file_that_comes_in() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let (path, data) = file(&home, "orders.csv", 8 * MB);
    let (child, mut out) = pipe(&home, &[], File::open(path).expect("the file"));
    let mut seen = read(&mut out, 4 * MB);
    // The piece that is just being written does not count yet.
    let half = job(&daemon, "half of it", |job| {
        job["metrics"]["processedBytes"].as_u64() >= Some(7 * MB as u64 / 2)
    });
    let progress = half["progress"].as_f64().unwrap_or(0.0);
    assert!((43.0..55.0).contains(&progress), "{half}");
    assert_eq!(half["metrics"]["totalBytes"], data.len());
    assert_eq!(
        (&half["name"], &half["progressSource"]),
        (&json!("orders.csv"), &json!("file offset"))
    );
    out.read_to_end(&mut seen).expect("the rest");
    assert!(seen == data);
    assert_eq!(wait::output(child).status.code(), Some(0));
    job(&daemon, "its end", |job| job["status"] == "completed");
}

#[test]
fn the_size_is_that_of_the_file_that_is_copied_into_the_pipe() {
    for (program, known) in [
        (&["cat"][..], true),
        (&["pv", "-q"], true),
        (&["gzip", "-1", "-c"], false),
    ] {
        let home = Home::new();
        if Command::new(program[0]).arg("--version").output().is_err() {
            continue;
        }
        let daemon = home.daemon(Setup::unix());
        let (_, data) = file(&home, "orders.csv", 40 * MB);
        let mut upstream = home
            .command(program[0])
            .args(&program[1..])
            .arg("orders.csv")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let filled = upstream.stdout.take().expect("a pipe");
        let (child, mut out) = pipe(&home, &[], filled);
        let mut seen = read(&mut out, 10 * MB);
        let job = job(&daemon, "a quarter of it", |job| {
            let passed = job["metrics"]["processedBytes"].as_u64() >= Some(10 * MB as u64);
            passed && (!known || job["metrics"]["totalBytes"] != 0)
        });
        let progress = job["progress"].as_f64().unwrap_or(-1.0);
        if known {
            assert_eq!(
                job["metrics"]["totalBytes"],
                data.len(),
                "{program:?}: {job}"
            );
            assert_eq!(job["progressSource"], "upstream file");
            assert!((25.0..30.0).contains(&progress), "{program:?}: {job}");
        } else {
            assert_eq!(job["metrics"]["totalBytes"], 0, "{program:?}: {job}");
            assert!(progress.abs() < 0.1, "{program:?}: {job}");
            assert_eq!(job["progressSource"], "pipe");
        }
        out.read_to_end(&mut seen).expect("the rest");
        assert_eq!(seen == data, known);
        assert!(wait::ended(&mut upstream).success());
        assert_eq!(wait::output(child).status.code(), Some(0));
    }
}

#[test]
fn a_pause_holds_the_data_back_and_a_cancel_ends_it() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let (from, mut to) = std::io::pipe().expect("a pipe");
    let (child, mut out) = pipe(&home, &["--size", "2M", "--name", "held"], from);
    to.write_all(b"one\n").expect("it reads");
    assert_eq!(read(&mut out, 4), b"one\n");
    let made = job(&daemon, "the first line", |job| {
        job["metrics"]["processedItems"] == 1
    });
    assert_eq!(
        (&made["metrics"]["totalBytes"], &made["progressSource"]),
        (&json!(2 << 20), &json!("pipe"))
    );
    let id = id(&made);
    daemon.act(&id, "pause");
    job(&daemon, "the pause", |job| {
        job["status"] == "paused" && job["control"].is_null()
    });
    // Nobody takes it out of the pipe any more, but for the one piece that is held: whoever fills it has to wait.
    rustix::fs::fcntl_setfl(&to, rustix::fs::OFlags::NONBLOCK).expect("it can be set");
    let mut filled = 0;
    let full = wait::until("a full pipe", || {
        let state = process::state(i32::try_from(child.id()).expect("a pid is small"));
        match to.write(&[b'x'; 4096]) {
            Ok(written) => {
                filled += written;
                assert!(filled < 4 * MB, "it flows on");
                None
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                (state == Some('S')).then_some(filled)
            }
            Err(error) => panic!("{error}"),
        }
    });
    assert_eq!(daemon.job(&id)["metrics"]["processedBytes"], 4);
    daemon.act(&id, "resume");
    assert!(read(&mut out, full).iter().all(|byte| *byte == b'x'));
    job(&daemon, "it flows", |job| {
        job["control"].is_null() && job["metrics"]["processedBytes"] == full + 4
    });
    daemon.act(&id, "cancel");
    let mut child = child;
    assert_eq!(wait::ended(&mut child).code(), Some(143));
    job(&daemon, "the cancel", |job| {
        job["status"] == "cancelled" && job["control"].is_null()
    });
}

#[test]
fn it_ends_with_its_reader_as_cat_does() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let output = shell(
        &home,
        "yes | jobtop pipe | head -n 1; echo ${PIPESTATUS[*]}",
    );
    assert_eq!(
        text(&output.stdout),
        "y\n141 141 0\n",
        "{}",
        text(&output.stderr)
    );
    let failed = job(&daemon, "its end", |job| job["status"] == "failed");
    assert_eq!(failed["errorDetail"]["code"], "reader_gone", "{failed}");
    assert_eq!(failed["errorDetail"]["signal"], 13, "{failed}");
}

#[test]
fn ctrl_c_ends_the_job_too() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let (from, _to) = std::io::pipe().expect("a pipe");
    let (mut child, _out) = pipe(&home, &[], from);
    job(&daemon, "the job", |job| job["status"] == "running");
    process::signal(
        i32::try_from(child.id()).expect("a pid is small"),
        Signal::INT,
    );
    assert_eq!(wait::ended(&mut child).signal(), Some(2));
    let failed = job(&daemon, "its end", |job| job["status"] == "failed");
    assert_eq!(failed["errorDetail"]["signal"], 2, "{failed}");
}

#[test]
fn no_daemon_and_a_dumb_one_keep_nothing_back() {
    let home = Home::new();
    let (path, data) = file(&home, "x.csv", 3 * MB);
    let dumb = home.path().join("dumb.sock");
    let _dumb = UnixListener::bind(&dumb).expect("a socket");
    for (socket, said) in [
        ("none.sock", "the data passes"),
        ("dumb.sock", "was not told how it ended"),
    ] {
        let target = format!("unix:{}", home.path().join(socket).display());
        let (child, mut out) = pipe(
            &home,
            &["--target", &target],
            File::open(&path).expect("the file"),
        );
        let mut seen = Vec::new();
        out.read_to_end(&mut seen).expect("it passes");
        assert!(seen == data);
        // Its stdout is closed by now, its exit may still wait for the daemon.
        let output = wait::output(child);
        assert_eq!(output.status.code(), Some(0));
        let error = text(&output.stderr);
        assert!(
            error.contains(said) && error.lines().count() == 1,
            "{error}"
        );
    }
    // Without a target the local one is started beside the data.
    let (child, mut out) = pipe(
        &home,
        &["--name", "started"],
        File::open(&path).expect("the file"),
    );
    let mut seen = Vec::new();
    out.read_to_end(&mut seen).expect("it passes");
    assert!(seen == data);
    assert!(wait::output(child).status.success());
    let listed = wait::until("the daemon", || {
        let output = home.run(&["ls", "--jsonl"]);
        output.status.success().then(|| text(&output.stdout))
    });
    assert!(listed.contains("started"), "{listed}");
}

#[test]
fn what_can_t_be_read_or_written_is_said() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let (child, _out) = pipe(&home, &[], File::open(home.work()).expect("a folder"));
    let output = wait::output(child);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr)
            .starts_with("jobtop: What comes through the pipe can't be read: Is a directory")
    );
    let failed = job(&daemon, "its end", |job| job["status"] == "failed");
    assert_eq!(failed["errorDetail"]["code"], "unreadable", "{failed}");

    let output = shell(
        &home,
        "echo x | jobtop pipe > /dev/full; echo ${PIPESTATUS[*]}",
    );
    assert_eq!(text(&output.stdout), "0 1\n");
    assert!(
        text(&output.stderr).contains("can't be written: No space left"),
        "{}",
        text(&output.stderr)
    );

    let output = shell(&home, "echo short | jobtop pipe --size 10 --name short");
    assert!(output.status.success());
    let ended = wait::until("its end", || {
        let jobs = daemon.get("/api/jobs?q=name:short").json();
        jobs["jobs"]
            .get(0)
            .filter(|job| job["status"] == "completed")
            .cloned()
    });
    assert_eq!(ended["message"], "6 bytes passed, 10 were expected");
    for wrong in [
        &["pipe", "--size", "lots"][..],
        &["pipe", "--size", "-1"],
        &["pipe", "--type", "N o"],
    ] {
        let output = home.run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(
            text(&output.stderr).contains("it takes"),
            "{}",
            text(&output.stderr)
        );
    }
}
