//! SIGKILL at any moment.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use jobtopd::store::Settings;

use crate::kept::{Kept, id, settings, third_ended};

/// Where the child of the kill test writes.
pub(crate) const VICTIM: &str = "JOBTOP_TEST_STORE";

/// Not a test by itself: the process that is killed. Prints the number of each job once that is acknowledged.
#[tokio::test]
async fn victim() {
    let Some(dir) = std::env::var_os(VICTIM) else {
        return;
    };
    let small = Settings {
        segment_bytes: 32 << 10,
        checkpoint_bytes: 64 << 10,
        ..settings()
    };
    let kept = Kept::open(Path::new(&dir), &small);
    let begin = kept.opened.jobs.len() as u128;
    println!("open");
    for number in begin.. {
        let now = kept.clock.now();
        assert!(kept.commit(third_ended(number, now)).await);
        println!("acked {number}");
    }
}

#[tokio::test]
async fn sigkill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acked = None;
    for round in 0..30_u32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::victim", "--nocapture"])
            .env(VICTIM, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // A different number of acknowledgements each round, so that the kill falls into every kind of moment.
        let mut left = 3 + round * 7 % 41;
        // Open until the child is dead, or it would end by itself on a broken pipe.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some(number) = line.split("acked ").nth(1) {
                acked = Some(number.parse::<u128>().unwrap());
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
    }
    let acked = acked.expect("something was acknowledged");
    let kept = Kept::open(dir.path(), &settings());
    assert!(kept.opened.report.is_empty(), "{:?}", kept.opened.report);
    for number in 0..=acked {
        assert!(
            kept.progress(id(number)).is_some(),
            "job {number} of {acked} is lost"
        );
        let archived = kept.opened.archive.get(id(number)).await.is_some();
        assert_eq!(archived, number % 3 == 0, "job {number} in the archive");
    }
}
