//! A command of `jobtop run` at a terminal: it has one of its own in between, and neither it nor its user can tell.

use std::fs;

use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use serde_json::{Value, json};

/// Runs a line of shell at a terminal, as a job or bare.
fn at_terminal(home: &Home, line: &str, as_job: bool) -> Pty {
    let jobtop = bins::jobtop().to_string_lossy().into_owned();
    let bare = ["sh", "-c", line];
    let argv = if as_job {
        [&[jobtop.as_str(), "run", "--"], &bare[..]].concat()
    } else {
        bare.to_vec()
    };
    Pty::start(home, (30, 90), &argv)
}

fn job(daemon: &Daemon, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, || {
        let job = daemon.get("/api/jobs").json()["jobs"].get(0)?.clone();
        fits(&job).then_some(job)
    })
}

#[test]
fn each_stream_is_a_terminal_where_it_was_one() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let asks = home.work().join("asks");
    fs::write(
        &asks,
        "for i in 0 1 2; do if [ -t $i ]; then echo $i yes; else echo $i no; fi; done > said; stty size < /dev/tty >> said",
    )
    .expect("a script");
    let run = format!("{} run --", bins::jobtop().display());
    for redirected in 0..8 {
        let to = |bit: u32, text| if redirected >> bit & 1 == 1 { text } else { "" };
        let streams = [
            to(0, "< /dev/null"),
            to(1, "> /dev/null"),
            to(2, "2> /dev/null"),
        ]
        .join(" ");
        let said = |before: &str| {
            // A shell above it, which is not the one that is asked.
            let line = format!("{before} sh {} {streams}; true", asks.display());
            let left = at_terminal(&home, &line, false).left();
            assert!(left.settings_restored, "{line}");
            fs::read_to_string(home.work().join("said")).expect("its answers")
        };
        assert_eq!(said(&run), said(""), "{streams}");
    }
}

#[test]
fn what_is_written_arrives_byte_for_byte() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let all: Vec<u8> = (0..=255).cycle().take(50_000).collect();
    fs::write(home.work().join("all"), all).expect("a file");
    // With what a terminal does to lines, and without.
    for line in [
        "seq 20000; printf 'no end'",
        "stty raw -echo; cat all; stty sane",
    ] {
        let as_job = at_terminal(&home, line, true).left();
        let bare = at_terminal(&home, line, false).left();
        assert_eq!(as_job.code, bare.code);
        assert!(
            as_job.raw == bare.raw,
            "{line}: {} and {} bytes",
            as_job.raw.len(),
            bare.raw.len()
        );
    }
}

#[test]
fn its_size_follows_and_its_keys_come_through() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let line = "trap 'stty size' WINCH; stty size; while ! read line; do :; done; echo got $line
        stty -echo < /dev/tty; printf 'secret? '; read secret < /dev/tty; stty echo < /dev/tty; echo; echo kept ${#secret}; cat";
    let mut pty = at_terminal(&home, line, true);
    pty.wait_text("30 90");
    pty.resize(33, 77);
    pty.wait_text("33 77");
    pty.press("ann\r");
    pty.wait_text("got ann");
    pty.wait_text("secret? ");
    pty.press("s3cr3t\r");
    let seen = pty.wait_text("kept 6");
    assert!(!seen.contains("s3cr3t"), "{seen}");
    pty.press("more\r");
    pty.wait_for("what cat says", |text| text.matches("more").count() == 2);
    // The end of the input.
    pty.press("\u{4}");
    let left = pty.left();
    assert_eq!(left.code, 0);
    assert!(left.settings_restored && left.modes_restored, "{left:?}");
}

#[test]
fn a_bar_that_is_drawn_at_terminals_alone_is_its_progress_and_its_last_words_are_kept() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let line = "[ -t 2 ] && for i in 10 35 60; do printf '\\r%s%% [###   ]' $i >&2; sleep 0.15; done; read line
        printf '\\n\\033[31mno such column: amount\\033[0m\\n' >&2; exit 4";
    let mut pty = at_terminal(&home, line, true);
    let seen = job(&daemon, "its progress", |job| {
        job["progress"].as_f64() >= Some(60.0)
    });
    assert_eq!(seen["progressSource"], "output", "{seen}");
    pty.press("\r");
    let left = pty.left();
    assert_eq!(left.code, 4);
    let ended = job(&daemon, "its end", |job| job["finishedAt"].is_string());
    let lines = ended["errorDetail"]["lastLines"]
        .as_array()
        .expect("its last lines");
    assert_eq!(
        lines.last(),
        Some(&json!("no such column: amount")),
        "{ended}"
    );
}

#[test]
fn the_terminal_is_as_it_was_however_it_ends() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    for (line, code) in [
        ("exit 3", 3),
        ("stty raw -echo; exit 0", 0),
        ("stty raw -echo; kill -9 $$", 137),
        // Something that it leaves behind holds its terminal.
        ("trap '' HUP; sleep 1001 & echo left", 0),
    ] {
        let left = at_terminal(&home, line, true).left();
        assert_eq!(left.code, code, "{line}");
        assert!(left.settings_restored && left.modes_restored, "{line}");
    }
    let pty = at_terminal(&home, "echo be''gun; sleep 1002", true);
    pty.wait_text("begun");
    let running = job(&daemon, "the job", |job| job["status"] == "running");
    let id = running["id"].as_str().expect("an id");
    assert_eq!(daemon.act(id, "cancel").status, 200);
    let left = pty.left();
    assert_eq!(left.code, 143);
    assert!(left.settings_restored && left.modes_restored);
}

#[test]
fn ctrl_c_is_the_command_s_to_take_or_to_die_of() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut pty = at_terminal(
        &home,
        "trap 'echo no''t yet' INT; echo be''gun; read line; echo go''ne",
        true,
    );
    pty.wait_text("begun");
    pty.press("\u{3}");
    pty.wait_text("not yet");
    pty.press("\r");
    assert_eq!(pty.left().code, 0);
    let mut pty = at_terminal(&home, "echo be''gun; exec sleep 1004", true);
    pty.wait_text("begun");
    wait::until("the sleep", || home.process("sleep", "1004"));
    pty.press("\u{3}");
    assert!(pty.left().code > 128, "it ended by the signal");
    let ended = job(&daemon, "its end", |job| job["finishedAt"].is_string());
    assert_eq!(ended["errorDetail"]["signal"], 2, "{ended}");
}
