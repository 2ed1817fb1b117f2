//! Real commands under the runner: how they end, that a pause stops every process, that a cancel leaves nobody behind,
//! and that the offset in a file tells the truth.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use jobtop_core::job::control::Action;
use jobtop_runner::ending::Exit;
use jobtop_runner::ladder::Answer;
use jobtop_runner::proc::Proc;
use jobtop_runner::proc::parse::Stat;
use jobtop_runner::{Cause, Running, Start, Tell, start};

/// Nothing here takes so long unless it is broken.
const DEADLINE: Duration = Duration::from_secs(30);

/// A command that does not outlive its test, however that ends.
struct Kept(Running);

impl std::ops::Deref for Kept {
    type Target = Running;
    fn deref(&self) -> &Running {
        &self.0
    }
}

impl std::ops::DerefMut for Kept {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.0
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(group) = rustix::process::Pid::from_raw(self.0.pid as i32)
            && !self.0.asks.is_closed()
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

fn run(argv: &[&str], grace: Duration) -> Kept {
    let running = start(&Start {
        argv: argv.iter().map(OsString::from).collect(),
        hidden: vec![],
        grace,
        cwd: None,
        env: None,
        captured: false,
        in_front: false,
    })
    .expect("the command starts");
    Kept(running)
}

fn shell(script: &str) -> Kept {
    run(&["sh", "-c", script], DEADLINE)
}

async fn tell(running: &mut Kept) -> Tell {
    tokio::time::timeout(DEADLINE, running.tells.recv())
        .await
        .expect("a word in time")
        .expect("a word before the end")
}

async fn ending(running: &mut Kept) -> (Exit, Cause) {
    loop {
        if let Tell::Ended(ending) = tell(running).await {
            return (ending.exit, ending.cause);
        }
    }
}

async fn ask(running: &mut Kept, action: Action) -> Answer {
    running.asks.send(action).await.expect("somebody listens");
    loop {
        if let Tell::Answer(answer) = tell(running).await {
            assert_eq!(answer.action, action);
            return answer;
        }
    }
}

/// Everybody alive in the session of this test who is of the command's group, or named in `also`.
fn group(running: &Kept, also: &[i32]) -> Vec<Stat> {
    let proc = Proc::default();
    let pids = proc.all();
    pids.into_iter()
        .filter_map(|pid| Some((pid, proc.stat(pid)?)))
        .filter(|(pid, stat)| {
            !stat.is_gone() && (stat.group == running.pid as i32 || also.contains(pid))
        })
        .map(|(_, stat)| stat)
        .collect()
}

/// Stopped, or a parent in `vfork` whose child is: it can't take a step either.
fn stands(stat: &Stat) -> bool {
    stat.is_stopped() || stat.is_held()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The process id that a script wrote into a file.
async fn pid_in(file: &Path) -> i32 {
    let mut pid = 0;
    until("a process id in a file", || {
        let text = fs::read_to_string(file).unwrap_or_default();
        let read = text.strip_suffix('\n').and_then(|text| text.parse().ok());
        pid = read.unwrap_or(0);
        pid != 0
    })
    .await;
    pid
}

#[tokio::test]
async fn an_ending_is_told_as_it_was() {
    for (script, expected) in [
        ("exit 0", Exit::Code(0)),
        ("exit 3", Exit::Code(3)),
        ("kill -TERM $$", Exit::Signal(15)),
        ("kill -KILL $$", Exit::Signal(9)),
        ("no-such-command-anywhere 2>/dev/null", Exit::Code(127)),
    ] {
        let ended = ending(&mut shell(script)).await;
        assert_eq!(ended, (expected, Cause::Itself), "{script}");
    }
}

#[tokio::test]
async fn what_can_not_be_started_is_an_error() {
    let nothing = start(&Start {
        argv: vec!["/no/such/program".into()],
        hidden: vec![],
        grace: DEADLINE,
        cwd: None,
        env: None,
        captured: false,
        in_front: false,
    });
    assert_eq!(nothing.unwrap_err().kind(), std::io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_cancel_ends_the_whole_tree() {
    let mut running = shell("sleep 1000 & sh -c 'sleep 1000 & wait' & wait");
    until("four processes", || group(&running, &[]).len() == 4).await;
    let answer = ask(&mut running, Action::Cancel).await;
    assert!(answer.ok);
    assert!(
        answer.message.starts_with("ended by SIGTERM after "),
        "{}",
        answer.message
    );
    assert_eq!(group(&running, &[]), []);
    assert_eq!(
        ending(&mut running).await,
        (Exit::Signal(15), Cause::Cancel)
    );
}

#[tokio::test]
async fn who_ignores_the_request_is_killed_after_the_grace() {
    let script = "trap '' TERM; sleep 1000 & wait; sleep 1000";
    let mut running = run(&["sh", "-c", script], Duration::from_millis(200));
    until("both processes", || group(&running, &[]).len() == 2).await;
    let asked = Instant::now();
    let answer = ask(&mut running, Action::Cancel).await;
    assert!(asked.elapsed() >= Duration::from_millis(200));
    assert!(answer.ok);
    assert!(
        answer.message.starts_with("ended by SIGKILL after "),
        "{}",
        answer.message
    );
    assert_eq!(group(&running, &[]), []);
    assert_eq!(ending(&mut running).await, (Exit::Signal(9), Cause::Cancel));
}

#[tokio::test]
async fn a_cancel_waits_for_a_grandchild_that_outlives_the_command() {
    // The command itself obeys at once; what it started does not.
    let script = "sh -c 'trap \"\" TERM; sleep 1000; sleep 1000' & wait";
    let mut running = run(&["sh", "-c", script], Duration::from_millis(200));
    until("three processes", || group(&running, &[]).len() == 3).await;
    let answer = ask(&mut running, Action::Cancel).await;
    assert!(answer.ok, "{}", answer.message);
    assert_eq!(group(&running, &[]), []);
    assert_eq!(
        ending(&mut running).await,
        (Exit::Signal(15), Cause::Cancel)
    );
}

#[tokio::test]
async fn who_left_the_group_is_stopped_and_ended_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let script = format!(
        "setsid sh -c 'echo $$ > {}; exec sleep 1000' & wait",
        file.display()
    );
    let mut running = shell(&script);
    let stray = pid_in(&file).await;
    assert_ne!(
        Proc::default().stat(stray).unwrap().group,
        running.pid as i32
    );

    assert!(ask(&mut running, Action::Pause).await.ok);
    let all = group(&running, &[stray]);
    assert!(all.len() >= 2 && all.iter().all(stands), "{all:?}");
    assert!(ask(&mut running, Action::Cancel).await.ok);
    assert_eq!(group(&running, &[stray]), []);
    assert_eq!(ending(&mut running).await.1, Cause::Cancel);
}

#[tokio::test]
async fn a_pause_stops_all_and_a_resume_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let count = dir.path().join("count");
    let script = format!(
        "sleep 1000 & i=0; while :; do i=$((i+1)); echo $i > {}; sleep 0.01; done",
        count.display()
    );
    let mut running = shell(&script);
    let counted = || fs::read_to_string(&count).unwrap_or_default();
    until("work", || !counted().is_empty()).await;

    for _ in 0..3 {
        let answer = ask(&mut running, Action::Pause).await;
        assert!(answer.ok, "{}", answer.message);
        let all = group(&running, &[]);
        assert!(all.len() >= 2 && all.iter().all(stands), "{all:?}");
        let before = counted();
        assert!(ask(&mut running, Action::Resume).await.ok);
        until("more work", || counted() != before && !counted().is_empty()).await;
        assert!(!group(&running, &[]).iter().any(Stat::is_stopped));
    }

    assert!(ask(&mut running, Action::Pause).await.ok);
    let answer = ask(&mut running, Action::Cancel).await;
    assert!(answer.ok, "{}", answer.message);
    assert_eq!(group(&running, &[]), []);
}

#[tokio::test]
async fn requests_after_the_end_find_nobody() {
    let mut running = shell("exit 0");
    ending(&mut running).await;
    until("the runner's end", || running.asks.is_closed()).await;
    assert_eq!(running.tells.recv().await, None);
}

#[tokio::test]
async fn the_offset_in_a_file_tells_the_truth() {
    let python = std::process::Command::new("python3").arg("-V").output();
    if python.is_err() {
        eprintln!("skipped: there is no python3 here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("big.csv");
    let mut file = std::io::BufWriter::new(fs::File::create(&data).unwrap());
    let rows = 400_000;
    for row in 0..rows {
        writeln!(
            file,
            "{row},order-{row:08},analyst{},{}.50,2026-11-24",
            row % 7,
            row % 991
        )
        .unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
    let script = format!(
        r"
import csv, os, sys, time
truth = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT)
with open(sys.argv[1], newline='') as f:
    for n, row in enumerate(csv.reader(f)):
        if n % 2000 == 0:
            os.pwrite(truth, b'%10.6f' % (n * 100 / {rows}), 0)
            time.sleep(0.01)
"
    );
    let truth = dir.path().join("truth");
    let mut running = run(
        &[
            "python3",
            "-c",
            &script,
            data.to_str().unwrap(),
            truth.to_str().unwrap(),
        ],
        DEADLINE,
    );
    let mut before = 0.0;
    let mut said = 0;
    let mut near = 0;
    loop {
        match tell(&mut running).await {
            Tell::Progress(reading) => {
                let text = fs::read_to_string(&truth).unwrap();
                let true_one: f64 = text.trim().parse().unwrap();
                assert!(
                    reading.progress >= before,
                    "{} after {before}",
                    reading.progress
                );
                assert!(reading.progress < 100.0);
                assert_eq!(reading.total_bytes, fs::metadata(&data).unwrap().len());
                assert!(reading.processed_bytes <= reading.total_bytes);
                before = reading.progress;
                said += 1;
                near += usize::from((reading.progress - true_one).abs() <= 10.0);
            }
            Tell::Ended(ending) => {
                assert_eq!(ending.exit, Exit::Code(0));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(said >= 4, "only {said} readings");
    assert!(
        near * 10 >= said * 9,
        "only {near} of {said} near the truth"
    );
}
