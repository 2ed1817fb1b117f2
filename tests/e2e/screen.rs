//! The screen, in a terminal that is read as a person reads it.

use jobtop_e2e::bins;
use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::pipeline::Pipeline;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use serde_json::json;

use crate::said::id;

const SIZE: (u16, u16) = (30, 140);

/// The screen on the local daemon.
fn screen(home: &Home) -> Pty {
    Pty::start(home, SIZE, &[&bins::jobtop().to_string_lossy()])
}

/// `jobtop run` in a terminal of its own.
fn run(home: &Home, name: &str, command: &[String]) -> Pty {
    let jobtop = bins::jobtop().to_string_lossy();
    let mut argv = vec![
        &*jobtop,
        "run",
        "--type",
        "csv_processing",
        "--name",
        name,
        "--",
    ];
    argv.extend(command.iter().map(String::as_str));
    Pty::start(home, SIZE, &argv)
}

/// The row of a job in the list, which may stand beside a panel of details.
fn row(text: &str, name: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split('│').next())
        .find(|line| line.contains(name))
        .map(str::to_owned)
}

/// The per cent in the row of a job.
fn percent(text: &str, name: &str) -> Option<f64> {
    let row = row(text, name)?;
    let before = row
        .split('%')
        .next()
        .filter(|before| before.len() < row.len())?;
    let number = before
        .rsplit(|c: char| !c.is_ascii_digit() && c != '.')
        .next()?;
    number.parse().ok()
}

#[test]
fn empty_it_says_the_three_ways_to_get_a_job() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let mut screen = screen(&home);
    screen.wait_for("the three ways", |text| {
        ["jobtop run", "jobtop demo", "/api/jobs"]
            .iter()
            .all(|way| text.contains(way))
    });
    screen.press("q");
    let left = screen.left();
    assert_eq!(
        (left.code, left.settings_restored, left.modes_restored),
        (0, true, true)
    );
}

#[test]
fn a_real_job_moves_stops_goes_on_and_ends_as_if_nobody_looked() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let pipeline = Pipeline::new(&home.work(), 16_000);
    let mut screen = screen(&home);
    screen.wait_text("jobtop run");
    let job = run(
        &home,
        "orders-2026-11.csv",
        &pipeline.command("out.csv", 25, 5),
    );
    let of = |text: &str| percent(text, "orders-2026-11.csv");
    let first = of(&screen.wait_for("a bar that moves", |text| of(text) > Some(0.0)));
    let text = screen.wait_for("the bar further on", |text| of(text) > first);
    assert!(
        row(&text, "orders-2026-11.csv").is_some_and(|row| row.contains("running")),
        "{text}"
    );

    let python = wait::until("the script's process", || {
        home.process("python", "clean.py")
    });
    screen.press("p");
    screen.wait_for("the job paused", |text| {
        row(text, "orders-2026-11.csv").is_some_and(|row| row.contains("paused"))
    });
    wait::until("the process to stand still", || {
        (process::state(python) == Some('T')).then_some(())
    });
    screen.press("p");
    screen.wait_for("the job running", |text| {
        row(text, "orders-2026-11.csv").is_some_and(|row| row.contains("running"))
    });
    wait::until("the process to go on", || {
        (process::state(python) != Some('T')).then_some(())
    });

    let left = job.left();
    assert_eq!(left.code, 5, "{}", String::from_utf8_lossy(&left.raw));
    let said = String::from_utf8_lossy(&left.raw).into_owned();
    assert!(
        said.starts_with("kept ") && said.ends_with("done\r\n"),
        "{said:?}"
    );
    assert_eq!(
        pipeline.output("out.csv"),
        pipeline.expected(),
        "byte for byte"
    );
    screen.wait_for("the end", |text| {
        row(text, "orders-2026-11.csv").is_some_and(|row| row.contains("failed"))
    });
}

#[test]
fn cancel_asks_and_no_is_the_default_and_yes_ends_the_whole_group() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let mut screen = screen(&home);
    screen.wait_text("jobtop run");
    let script = ["sh", "-c", "sleep 1001 & sleep 1002 & wait"].map(str::to_owned);
    let job = run(&home, "two-sleepers", &script);
    screen.wait_for("the job", |text| {
        row(text, "two-sleepers").is_some_and(|row| row.contains("running"))
    });
    let both = || {
        home.process("sleep", "1001")
            .zip(home.process("sleep", "1002"))
    };
    let (one, two) = wait::until("both children", both);

    screen.press("x");
    screen.wait_text("Cancel this job?");
    // A question is deaf for a moment after it opened, so that no key meant for the list answers it.
    screen.press_until("\r", "the question gone", |text| {
        !text.contains("Cancel this job?")
    });
    assert!(process::alive(one) && process::alive(two), "Enter says no");

    screen.press("x");
    screen.wait_text("Cancel this job?");
    screen.press_until("y", "the question gone", |text| {
        !text.contains("Cancel this job?")
    });
    assert_eq!(job.left().code, 143);
    for pid in [one, two] {
        wait::until("the group's end", || (!process::alive(pid)).then_some(()));
    }
    screen.wait_for("the end", |text| {
        row(text, "two-sleepers").is_some_and(|row| row.contains("cancelled"))
    });
}

#[test]
fn it_starts_the_daemon_where_none_answers() {
    let home = Home::new();
    let mut screen = screen(&home);
    screen.wait_text("jobtop demo");
    screen.press("q");
    assert_eq!(screen.left().code, 0);
    let status = home.run(&["daemon", "status"]);
    assert_eq!(
        status.status.code(),
        Some(0),
        "the daemon lives on: {}",
        String::from_utf8_lossy(&status.stderr)
    );
    assert_eq!(home.run(&["daemon", "stop"]).status.code(), Some(0));
}

#[test]
fn the_terminal_is_as_it_was_after_every_way_out() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    for (way, code) in [
        ("q", 0),
        ("\u{3}", 0),
        ("TERM", 143),
        ("HUP", 129),
        ("INT", 130),
    ] {
        let mut screen = screen(&home);
        screen.wait_text("jobtop run");
        match way {
            "TERM" => screen.signal(Signal::TERM),
            "HUP" => screen.signal(Signal::HUP),
            "INT" => screen.signal(Signal::INT),
            keys => screen.press(keys),
        }
        let left = screen.left();
        assert!(
            left.settings_restored && left.modes_restored,
            "{way:?}: {left:?}"
        );
        assert!(
            left.code == 0 || left.code == code,
            "{way:?}: {}",
            left.code
        );
    }
}

#[cfg(debug_assertions)] // What provokes it is in no other build.
#[test]
fn a_panic_gives_the_terminal_back_and_is_told() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    for (place, words) in [
        ("screen", "provoked on the screen"),
        ("thread", "provoked on a thread"),
    ] {
        let wanted = format!("JOBTOP_PANIC={place}");
        let jobtop = bins::jobtop().to_string_lossy();
        let mut screen = Pty::start(&home, SIZE, &["env", &wanted, &jobtop]);
        screen.wait_text("jobtop run");
        screen.press("j");
        let left = screen.left();
        assert!(
            left.settings_restored && left.modes_restored,
            "{place}: {left:?}"
        );
        assert_eq!(left.code, 1, "{place}");
        let raw = String::from_utf8_lossy(&left.raw);
        let said = raw.rsplit("\u{1b}[?1049l").next().unwrap_or_default();
        assert!(
            said.contains("a mistake in jobtop ended the screen") && said.contains(words),
            "it is said on the person's own screen: {said:?}"
        );
    }
}

#[test]
fn sizes_that_come_and_go_do_it_no_harm() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    for number in 0..5 {
        daemon.create(&json!({"type": "etl", "name": format!("resized-{number}")}));
    }
    let mut screen = screen(&home);
    screen.wait_text("resized-4");
    for (rows, columns) in [(1, 1), (3, 10), (200, 500), (2, 300), (60, 5), (24, 80)].repeat(5) {
        screen.resize(rows, columns);
    }
    screen.resize(20, 100);
    screen.wait_for("the last size drawn", |text| {
        text.contains("resized-0") && text.contains("resized-4")
    });
    screen.press("q");
    assert_eq!(screen.left().code, 0);
}

#[test]
fn a_key_that_comes_with_a_change_of_size_is_heard() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    daemon.create(&json!({"type": "etl", "name": "waits"}));
    let mut screen = screen(&home);
    screen.wait_text("waits");
    // Both reach the screen within one look at what there is, sooner or later.
    for round in 0..60 {
        screen.resize(28 + round % 3, 120);
        screen.press("?");
        screen.wait_text("Keys");
        screen.resize(28 + round % 2, 130);
        screen.press("?");
        screen.wait_for("the help gone", |text| !text.contains("Keys"));
    }
    screen.press("q");
    assert_eq!(screen.left().code, 0);
}

#[test]
fn what_strangers_write_never_reaches_the_terminal_raw() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let evil = "zz\u{1b}]0;pwned\u{7}\u{1b}[31m\u{9b}5n\u{202e}yy";
    let job =
        id(&daemon.create(&json!({"type": "etl", "name": evil, "steps": [evil], "tags": [evil]})));
    daemon.post(
        &format!("/api/jobs/{job}/progress"),
        &json!({"message": evil}),
    );
    let mut screen = screen(&home);
    screen.wait_text("zz");
    screen.press("\r");
    screen.wait_for("the detail", |text| {
        text.contains("Processing") || text.matches("zz").count() > 1
    });
    screen.press("qq");
    let left = screen.left();
    let raw = String::from_utf8_lossy(&left.raw);
    for piece in ["\u{1b}]0;pwned", "\u{9b}", "\u{202e}", "\u{7}"] {
        assert!(!raw.contains(piece), "{piece:?} reached the terminal");
    }
    let listed = home.run(&["ls"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        listed.contains("zz") && !listed.contains('\u{1b}') && !listed.contains('\u{202e}'),
        "{listed:?}"
    );
}

#[test]
fn filters_find_and_esc_brings_all_back() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut jobs = Vec::new();
    for name in ["alpha.csv", "beta.csv", "gamma.csv"] {
        jobs.push(id(
            &daemon.create(&json!({"type": "csv_processing", "name": name}))
        ));
    }
    daemon.post(
        &format!("/api/jobs/{}/fail", jobs[1]),
        &json!({"error": "disk on fire"}),
    );
    let mut screen = screen(&home);
    screen.wait_text("gamma.csv");
    screen.press("/status:failed\r");
    screen.wait_for("only the failed one", |text| {
        text.contains("beta.csv") && !text.contains("alpha.csv")
    });
    screen.press("\u{1b}");
    screen.wait_for("all of them", |text| {
        text.contains("alpha.csv") && text.contains("gamma.csv")
    });
    screen.press("/fire\r");
    screen.wait_for("the one whose error says so", |text| {
        text.contains("beta.csv") && !text.contains("gamma.csv")
    });
    screen.press("\r");
    screen.wait_text("disk on fire");
    screen.press("?");
    screen.wait_text("Keys of a job's detail");
}

#[test]
fn without_a_terminal_it_prints_the_table() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    daemon.create(&json!({"type": "etl", "name": "in-the-table"}));
    let output = home.run(&[]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("in-the-table") && !text.contains('\u{1b}'),
        "{text:?}"
    );
}

#[test]
fn a_daemon_that_dies_is_said_counted_down_to_and_found_again() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    let pipeline = Pipeline::new(&home.work(), 30_000);
    let mut screen = screen(&home);
    screen.wait_text("connected");
    let job = run(&home, "survivor.csv", &pipeline.command("out.csv", 30, 0));
    let of = |text: &str| percent(text, "survivor.csv");
    let before = of(&screen.wait_for("some progress", |text| of(text) > Some(0.0)));
    let kept = id(&daemon.create(&json!({"type": "etl", "name": "kept-row"})));

    daemon.kill();
    let text = screen.wait_for("the count-down", |text| {
        text.contains("reconnecting") && text.contains("next attempt in")
            || text.contains("retry in")
    });
    assert!(
        of(&text).is_some(),
        "what was known stays to be seen: {text}"
    );
    assert!(
        text.contains("ago") || text.contains("offline"),
        "and how old it is: {text}"
    );
    screen.press("p");
    screen.wait_for("a key to be answered", |text| {
        text.contains("not connected")
    });

    daemon.start_again();
    screen.wait_for("the connection back by itself", |text| {
        text.contains("connected")
            && !text.contains("reconnecting")
            && !text.contains("not connected:")
    });
    screen.wait_for("progress to go on", |text| of(text) > before);
    let text = screen.wait_text("kept-row");
    assert!(
        row(&text, "survivor.csv").is_some_and(|row| row.contains("running")),
        "{text}"
    );
    assert_eq!(daemon.job(&kept)["status"], "running");
    drop(job);
}

/// The screen in a home that a test looks at afterwards: its list is full of jobs that have ended, one of them failed.
fn with_history(home: &Home) -> jobtop_e2e::daemon::Daemon {
    let daemon = home.daemon(Setup::unix());
    for n in 0..4 {
        let job = daemon.create(
            &json!({"type": "etl", "name": format!("orders-{n}"), "queue": format!("q{}", n % 2)}),
        );
        let job = id(&job);
        if n == 2 {
            let body = json!({"error": "row 7: timeout", "suggestion": "Ask for fewer rows"});
            assert_eq!(
                daemon.post(&format!("/api/jobs/{job}/fail"), &body).status,
                200
            );
        } else {
            assert_eq!(
                daemon
                    .post(&format!("/api/jobs/{job}/complete"), &json!({}))
                    .status,
                200
            );
        }
    }
    daemon
}

#[test]
fn the_history_the_figures_and_the_daemon_are_a_key_away() {
    let home = Home::new();
    let _daemon = with_history(&home);
    let mut screen = screen(&home);
    screen.wait_text("4 jobs");
    screen.press("H");
    screen.wait_for("what has ended", |text| {
        text.contains("jobs that have ended") && text.contains("1 of 4")
    });
    screen.press("/");
    screen.wait_text("Enter keep");
    // Tab writes the rest, and the daemon is asked as it is typed.
    screen.press("status:f\t");
    screen.wait_text("/status:failed");
    let text = screen.wait_text("1 of 1");
    assert!(row(&text, "orders-2").is_some(), "{text}");
    screen.press("\r");
    screen.wait_text("/ filter");
    screen.press("\r");
    screen.wait_text("Ask for fewer rows");
    screen.press("A");
    let text = screen.wait_text("WHAT WENT WRONG");
    assert!(text.contains("row #: timeout"), "{text}");
    screen.press("D");
    screen.wait_text("4 finished jobs in 1 period");
    // `q` is back to where one was, and only in the list it quits.
    screen.press("q");
    screen.wait_text("jobs that have ended");
    screen.press("q");
    screen.wait_text("4 jobs");
    screen.press("q");
    assert_eq!(screen.left().code, 0);
}

#[test]
fn how_the_list_is_arranged_outlives_the_screen() {
    let home = Home::new();
    let _daemon = with_history(&home);
    let mut first = screen(&home);
    first.wait_text("4 jobs");
    first.press("b");
    first.wait_text("▾ q1 · 2 jobs");
    first.press("q");
    assert_eq!(first.left().code, 0);
    let mut second = screen(&home);
    second.wait_text("▾ q1 · 2 jobs");
    second.press("q");
    assert_eq!(second.left().code, 0);
}

#[test]
fn ids_go_to_the_clipboard_and_an_end_rings_the_bell() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let job = id(&daemon.create(&json!({"type": "etl", "name": "orders"})));
    let program = jobtop_e2e::bins::jobtop();
    let mut screen = Pty::start(
        &home,
        (24, 80),
        &["env", "KITTY_WINDOW_ID=1", &program.to_string_lossy()],
    );
    screen.wait_text("orders");
    screen.press("y");
    screen.wait_text(&format!("copied {job}"));
    screen.press("n");
    screen.wait_text("the bell rings when orders ends");
    assert_eq!(
        daemon
            .post(&format!("/api/jobs/{job}/complete"), &json!({}))
            .status,
        200
    );
    screen.wait_text("orders completed");
    screen.press("q");
    let left = screen.left();
    let written = String::from_utf8_lossy(&left.raw).into_owned();
    let copied = format!("\x1b]52;c;{}", base64(job.as_bytes()));
    assert!(written.contains(&copied), "{written:?}");
    assert!(
        written.contains("\x1b]9;jobtop: orders completed\x07\x07"),
        "{written:?}"
    );
}

/// As RFC 4648 says, section 4.
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = (0..3).fold(0_usize, |number, at| {
            number << 8 | usize::from(three.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            text.push(if at <= three.len() {
                SIGNS[number >> (18 - 6 * at) & 63] as char
            } else {
                '='
            });
        }
    }
    text
}

#[test]
fn the_configuration_says_which_keys_do_what_and_mistakes_are_named() {
    let home = Home::new();
    let _daemon = with_history(&home);
    let file = home.path().join("config/jobtop/config.toml");
    std::fs::write(
        &file,
        "[keys]\nhistory = [\"F2\"]\n[screen]\nmouse = true\n",
    )
    .expect("a file");
    let mut screen = screen(&home);
    screen.wait_text("4 jobs");
    // F2, as xterm says it.
    screen.press("\x1bOQ");
    screen.wait_for("what has ended", |text| {
        text.contains("jobs that have ended")
            && text.contains("1 of 4")
            && text.contains("A figures")
    });
    // A press of the mouse on the second row, and on it again.
    for _ in 0..2 {
        screen.press("\x1b[<0;5;5M\x1b[<0;5;5m");
    }
    // It fills the screen, and is the second one's.
    screen.wait_for("the job", |text| {
        text.contains("orders-2") && !text.contains("orders-3") && !text.contains("A figures")
    });
    screen.press("qqq");
    let left = screen.left();
    assert_eq!((left.code, left.modes_restored), (0, true));

    std::fs::write(&file, "[keys]\nhistry = [\"F2\"]\n").expect("a file");
    let screen = Pty::start(&home, SIZE, &[&bins::jobtop().to_string_lossy()]);
    let left = screen.left();
    assert_eq!(left.code, 2);
    let said = String::from_utf8_lossy(&left.raw).into_owned();
    assert!(
        said.contains("line 2") && said.contains("Did you mean history?"),
        "{said}"
    );
}
