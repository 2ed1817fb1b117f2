//! Rows 18 and 19: the screen beside htop, each in a terminal of its own: how soon it shows something, and what it costs
//! while nothing happens.

use std::path::Path;
use std::time::{Duration, Instant};

use jobtop_e2e::home::Home;
use jobtop_e2e::pty::Pty;
use jobtop_e2e::{bins, process};

use crate::numbers::{Runs, ratio, verdict};
use crate::print;
use crate::producer::finished_job;
use crate::subject::Subject;

const SIZE: (u16, u16) = (40, 120);
const NAME: &str = "orders-2026-11.csv";

/// Row 18.
pub(crate) fn first_frame() {
    print::heading(
        "18  from the start of the program to live data on the screen (ms), target ≤ 0.5 × htop's",
    );
    let Some(pair) = Pair::new() else { return };
    let (mut ours, mut htop) = (Runs::default(), Runs::default());
    for _ in 0..11 {
        htop.push(pair.htop().1.as_secs_f64() * 1e3);
        ours.push(pair.jobtop().1.as_secs_f64() * 1e3);
    }
    let ratio = ratio(&ours, &htop);
    print::table(&[
        ["jobtop", "htop", "ratio", ""].map(str::to_owned).to_vec(),
        vec![
            ours.shown(1),
            htop.shown(1),
            format!("{ratio:.2} ×"),
            verdict(ratio <= 0.5).to_owned(),
        ],
    ]);
}

/// Row 19.
pub(crate) fn idle() {
    print::heading(
        "19  a screen on which nothing changes, 15 s; targets: CPU ≤ htop's, ≤ 1.5 wake-ups/s, 0 bytes",
    );
    let Some(pair) = Pair::new() else { return };
    let mut table = vec![
        ["", "CPU %", "wake-ups/s", "bytes written"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut figures = Vec::new();
    let screens = [("jobtop", pair.jobtop()), ("htop", pair.htop())];
    // In its first minute a job's age counts seconds: that would be a change. From then on it counts minutes.
    std::thread::sleep(Duration::from_secs(63));
    for (name, (pty, _)) in screens {
        let idle = Idle::of(&pty, Duration::from_secs(15));
        table.push(vec![
            name.to_owned(),
            format!("{:.2}", idle.cpu),
            format!("{:.2}", idle.wakeups),
            idle.bytes.to_string(),
        ]);
        figures.push(idle);
    }
    let (ours, htop) = (&figures[0], &figures[1]);
    table.push(
        [
            "",
            verdict(ours.cpu <= htop.cpu),
            verdict(ours.wakeups <= 1.5),
            verdict(ours.bytes == 0),
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    print::table(&table);
}

/// Both programs, and a daemon with a job that has ended.
struct Pair {
    subject: Subject,
    bare: Home,
}

impl Pair {
    fn new() -> Option<Self> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&paths).any(|dir| dir.join("htop").is_file()) {
            print::line(
                "  SKIPPED: htop is not installed, so there is nothing to hold the screen against",
            );
            return None;
        }
        let subject = Subject::daemon();
        finished_job(&subject, NAME);
        Some(Self {
            subject,
            bare: Home::new(),
        })
    }

    fn jobtop(&self) -> (Pty, Duration) {
        let home = self.subject.home().unwrap_or(&self.bare);
        start(home, bins::jobtop(), |screen| screen.contains(NAME))
    }

    fn htop(&self) -> (Pty, Duration) {
        // Its meters and the header of its table, which it draws with the first processes below.
        start(&self.bare, Path::new("htop"), |screen| {
            screen.contains("Tasks") && screen.contains("PID")
        })
    }
}

fn start(home: &Home, program: &Path, shown: impl Fn(&str) -> bool) -> (Pty, Duration) {
    let begun = Instant::now();
    let pty = Pty::start(home, SIZE, &[&program.to_string_lossy()]);
    pty.wait_for("live data", shown);
    (pty, begun.elapsed())
}

/// What a program does while it has nothing to do.
struct Idle {
    /// Per cent of a core.
    cpu: f64,
    wakeups: f64,
    bytes: usize,
}

impl Idle {
    fn of(pty: &Pty, time: Duration) -> Self {
        let figures = || {
            (
                process::cpu_seconds(pty.pid()),
                process::wakeups(pty.pid()),
                pty.written(),
            )
        };
        let begun = Instant::now();
        let before = figures();
        std::thread::sleep(time);
        let after = figures();
        let seconds = begun.elapsed().as_secs_f64();
        Self {
            cpu: 100.0 * (after.0 - before.0) / seconds,
            wakeups: (after.1 - before.1) as f64 / seconds,
            bytes: after.2 - before.2,
        }
    }
}
