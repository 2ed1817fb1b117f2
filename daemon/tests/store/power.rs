//! Power cuts, as far as they can be had without one: the store lies on a file system of its own in a file. Its writer is
//! stopped, the file is copied until two copies are equal, and the copy is mounted: what was written and not made durable is
//! not in it, and the file system replays its journal as after a cut.
//!
//! `CUTS=200` makes it as many as the project's figures ask for.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::io::ioctl_fionread;
use rustix::process::{Pid, Signal, kill_process};

use crate::kept::{Kept, id, settings};
use crate::kill::VICTIM;

/// So many cuts are made of one store.
const CUTS_EACH: u32 = 20;

/// A file system in a file, mounted beside it.
struct Disk {
    mounted: PathBuf,
}

impl Disk {
    /// Mounts what is in the file; nothing where this machine lets nobody do that.
    fn mount(image: &Path, at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = quietly(
            Command::new("mount")
                .args(["-o", "loop"])
                .arg(image)
                .arg(at),
        );
        mounted.then(|| Self {
            mounted: at.to_owned(),
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = quietly(Command::new("umount").arg("-l").arg(&self.mounted));
    }
}

fn quietly(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The process that writes, and says what is acknowledged.
struct Writer {
    child: Child,
    said: BufReader<ChildStdout>,
    acked: Option<u128>,
}

impl Writer {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::victim", "--nocapture"])
            .env(VICTIM, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            said,
            acked: None,
        }
    }

    /// Lets it go on until so many more are acknowledged.
    fn go_on(&mut self, acks: u32) {
        self.signal(Signal::CONT);
        let mut left = acks;
        while left > 0 {
            left -= u32::from(self.listen());
        }
    }

    /// Reads a line; whether it acknowledges something.
    fn listen(&mut self) -> bool {
        let mut line = String::new();
        assert!(self.said.read_line(&mut line).unwrap() > 0, "it goes on");
        let number = line.trim_end().split("acked ").nth(1);
        self.acked = number.map(|number| number.parse().unwrap()).or(self.acked);
        number.is_some()
    }

    /// What it had said when it was stopped.
    fn listen_to_the_end(&mut self) {
        while !self.said.buffer().is_empty() || ioctl_fionread(self.said.get_ref()).unwrap() > 0 {
            self.listen();
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Stops it, and waits until all of it stands still.
    fn stop(&mut self) {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.child.id());
        let runs = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat"));
            // The state follows the name, which is in brackets.
            stat.is_ok_and(|stat| {
                !stat
                    .rsplit(") ")
                    .next()
                    .is_some_and(|rest| rest.starts_with('T'))
            })
        };
        while std::fs::read_dir(&tasks).unwrap().any(runs) {
            std::thread::yield_now();
        }
        self.listen_to_the_end();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is on the disk at this moment: two copies, one after the other, that are equal.
fn copy(image: &Path, to: &Path) {
    let mut last = Vec::new();
    loop {
        let bytes = std::fs::read(image).unwrap();
        if bytes == last {
            break;
        }
        last = bytes;
    }
    std::fs::write(to, &last).unwrap();
}

#[tokio::test]
async fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let (image, cut) = (home.path().join("disk"), home.path().join("cut"));
    let file = std::fs::File::create(&image).unwrap();
    file.set_len(32 << 20).unwrap();
    drop(file);
    let made = quietly(Command::new("mkfs.ext4").arg("-q").arg("-F").arg(&image));
    let Some(disk) = made
        .then(|| Disk::mount(&image, &home.path().join("mounted")))
        .flatten()
    else {
        println!(
            "SKIPPED: no file system in a file can be mounted here (needs root, mkfs.ext4 and loop devices)"
        );
        return;
    };
    let cuts = std::env::var("CUTS").map_or(12, |cuts| cuts.parse().unwrap());
    let mut writer = None;
    for round in 0..cuts {
        let store = format!("store-{}", round / CUTS_EACH);
        if round % CUTS_EACH == 0 {
            // The disk is small: what the last one wrote makes room first.
            drop(writer.take());
            if let Some(last) = (round / CUTS_EACH).checked_sub(1) {
                std::fs::remove_dir_all(disk.mounted.join(format!("store-{last}"))).unwrap();
            }
            writer = Some(Writer::start(&disk.mounted.join(&store)));
        }
        let writer = writer.as_mut().expect("one was started");
        // As many acknowledgements as make the cut fall into every kind of moment.
        writer.go_on(1 + round * 29 % 67);
        writer.stop();
        copy(&image, &cut);
        let acked = writer.acked.expect("something was acknowledged");

        let disk = Disk::mount(&cut, &home.path().join("after")).expect("the copy is sound");
        let kept = Kept::open(&disk.mounted.join(&store), &settings());
        assert!(
            kept.opened.report.is_empty(),
            "cut {round}: {:?}",
            kept.opened.report
        );
        for number in 0..=acked {
            assert!(
                kept.progress(id(number)).is_some(),
                "cut {round}: job {number} of {acked} is lost"
            );
            let archived = kept.opened.archive.get(id(number)).await.is_some();
            assert_eq!(
                archived,
                number % 3 == 0,
                "cut {round}: job {number} in the archive"
            );
        }
        kept.close().await;
    }
}
