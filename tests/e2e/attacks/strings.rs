//! Text that would steer a terminal or hide what it says, wherever a stranger may put text, and every place that shows it: the
//! screen and the commands write no byte of it raw.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::pty::Pty;
use serde_json::{Value, json};

use crate::said::id;

/// What is to be found out about a person's terminal, or done to it.
fn sequences() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for csi in [
        "2J",
        "3J",
        "H",
        "31m",
        "8m",
        "38;2;1;2;3m",
        "6n",
        "5n",
        "c",
        ">c",
        "=c",
        "?1049h",
        "?1049l",
        "?25l",
        "?1000h",
        "?2004l",
        "?2026h",
        "?5h",
        "20h",
        "4h",
        "5i",
        "4i",
        "21t",
        "8;1;1t",
        "11t",
        "1;1H",
        "999B",
        "1000000000S",
        "!p",
        "s",
        "u",
        "2 q",
        ">4;2m",
        "0;0r",
        "?6h",
        "",
    ] {
        all.push(format!("\u{1b}[{csi}"));
    }
    for osc in [
        "0;pwned",
        "1;pwned",
        "2;pwned",
        "4;1;?",
        "7;file:///etc",
        "8;;http://evil.test/",
        "9;pwned",
        "9;4;1;50",
        "10;?",
        "11;#ff0000",
        "50;?",
        "52;c;cHduZWQ=",
        "52;c;?",
        "104",
        "133;A",
        "777;notify;a;b",
        "1337;File=:AAAA",
    ] {
        all.push(format!("\u{1b}]{osc}\u{7}"));
        all.push(format!("\u{1b}]{osc}\u{1b}\\"));
        all.push(format!("\u{9d}{osc}\u{9c}"));
    }
    for string in [
        "P$q\"p",
        "P+q544e",
        "Pq#0;2;0;0;0#0~~",
        "PGf",
        "_Gf=100;AAAA",
        "^x",
        "Xx",
        "kpwned",
    ] {
        all.push(format!("\u{1b}{string}\u{1b}\\"));
    }
    for other in [
        "c",
        "7",
        "8",
        "D",
        "M",
        "E",
        "=",
        ">",
        "(0",
        ")0",
        "%G",
        "#8",
        "N",
        "O",
        "Z",
        "n",
        "",
        "\u{1b}[2J",
    ] {
        all.push(format!("\u{1b}{other}"));
    }
    let bare = ('\u{0}'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
    all.extend(bare.map(|c| format!("{c}2J")));
    let hides = ('\u{200b}'..='\u{200f}')
        .chain('\u{2028}'..='\u{202e}')
        .chain('\u{2060}'..='\u{206f}')
        .chain("\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{180e}\u{2800}\u{3164}\u{feff}\u{ffa0}\u{fff9}\u{fffb}".chars())
        .chain("\u{e0001}\u{e0020}\u{e0041}\u{e007f}".chars());
    all.extend(hides.map(|c| format!("{c}fdp.exe")));
    all
}

/// The same, each between marks that are found again.
fn hostile() -> Vec<String> {
    let all = sequences().into_iter().enumerate();
    all.map(|(n, sequence)| format!("n{n}{sequence}z{n}z"))
        .collect()
}

/// What the renderer itself writes: the kinds of its sequences, parameters left out.
const RENDERERS: [&str; 4] = ["[H", "[m", "[?h", "[?l"];

/// What of these bytes a terminal would obey, but for the renderer's own, and what of them hides something.
fn dangers(raw: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let Ok(text) = std::str::from_utf8(raw) else {
        return BTreeSet::from(["it is not UTF-8".to_owned()]);
    };
    for (sequence, whole) in sequences().iter().zip(hostile()) {
        let end = whole
            .split_at(whole.len() - whole.rsplit('z').nth(1).map_or(0, str::len) - 2)
            .1;
        // Of a log the ends of lines stay what they are.
        let ends_a_line = sequence.starts_with(['\n', '\r']);
        if !ends_a_line && text.contains(&format!("{sequence}{end}")) {
            found.insert(format!("{sequence:?} as it is"));
        }
    }
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                let kind = kind_of(&mut rest);
                if !RENDERERS.contains(&&*kind) {
                    found.insert(format!("ESC {kind:?}"));
                }
            }
            '\r' | '\n' => {}
            c if steers(c) => {
                found.insert(format!("{c:?}"));
            }
            _ => {}
        }
    }
    found
}

/// The kind of a sequence whose ESC was read: its introducer, what marks it and what ends it.
fn kind_of(rest: &mut std::str::Chars<'_>) -> String {
    let mut kind = String::new();
    match rest.next() {
        Some('[') => {
            kind.push('[');
            for c in rest {
                match c {
                    '0'..='9' | ';' | ':' => {}
                    '@'..='~' => {
                        kind.push(c);
                        break;
                    }
                    c => kind.push(c),
                }
            }
        }
        Some(']') => {
            let body: String = rest.take_while(|c| !"\u{7}\u{1b}".contains(*c)).collect();
            let text = body.strip_prefix("52;c;").unwrap_or("?");
            let is_copy = text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c));
            kind.push_str(if is_copy { "copy" } else { "]" });
        }
        Some(other) => kind.push(other),
        None => kind.push_str("nothing"),
    }
    kind
}

/// Written anew here, so that a hole in the one is not a hole in the other.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{180e}' | '\u{2800}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[test]
fn the_scan_finds_what_it_is_for() {
    for (raw, finds) in [
        ("\u{1b}[1;31mred\u{1b}[0m\r\n\u{1b}[?25l", 0),
        ("\u{1b}[5n", 1),
        ("\u{1b}]0;pwned\u{7}", 1),
        ("\u{9b}2J", 1),
        ("gnp.\u{202e}vsc", 1),
    ] {
        assert_eq!(dangers(raw.as_bytes()).len(), finds, "{raw:?}");
    }
    for whole in hostile() {
        let found = dangers(whole.as_bytes());
        assert!(
            !found.is_empty() || whole.contains(['\n', '\r']),
            "{whole:?}"
        );
    }
    assert!(hostile().len() >= 200, "{}", hostile().len());
}

/// A job for each string, which is its name, its message, its tag, step, host and source and, of every second one, its error; and one
/// that has them all in its steps, its last lines and its log. Gives back the last and one of the others.
fn fill(daemon: &Daemon) -> [String; 2] {
    let all = hostile();
    let at = |n: usize| &all[n % all.len()];
    let mut ws = daemon.ws();
    let mut one = String::new();
    for n in 0..all.len() {
        let job = id(&ws.ok(json!({
            "type": "create_job", "jobType": "etl", "name": at(n), "steps": [at(n + 1), at(n + 2)], "tags": [at(n + 3)],
            "host": at(n + 4), "queue": "default", "config": {"raw": at(n)},
        }))["job"]);
        ws.ok(json!({
            "type": "update_progress", "jobId": job, "message": at(n + 5), "progressSource": at(n + 6), "progress": 50, "step": 1,
        }));
        if n % 2 == 0 {
            ws.ok(json!({
                "type": "fail_job", "jobId": job, "error": at(n), "suggestion": at(n + 7), "code": "x",
                "lastLines": [at(n + 8), at(n + 9)],
            }));
        }
        one = job;
    }
    let digest = json!({
        "type": "create_job", "jobType": "etl", "name": "digest", "steps": all[..200], "tags": all[..32],
    });
    let digest = id(&ws.ok(digest)["job"]);
    for text in &all {
        ws.ok(json!({"type": "log", "jobId": digest, "text": format!("{text}\n")}));
    }
    // A sequence whose halves come one after the other.
    for (text, message) in [
        ("split \u{1b}", "split \u{1b}"),
        ("]0;pwned\u{7} halves\n", "]0;pwned\u{7} halves"),
    ] {
        ws.ok(json!({"type": "log", "jobId": digest, "text": text}));
        ws.ok(json!({"type": "update_progress", "jobId": digest, "message": message}));
    }
    ws.ok(json!({"type": "log", "jobId": digest, "text": "the last line\n"}));
    ws.ok(json!({
        "type": "fail_job", "jobId": digest, "error": all.concat(), "suggestion": all[7], "lastLines": all[100..150],
    }));
    [digest, one]
}

#[test]
fn nothing_of_it_reaches_a_terminal_through_the_screen() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    fill(&daemon);
    let jobtop = bins::jobtop().to_string_lossy().into_owned();
    // So high that all rows are drawn.
    let mut screen = Pty::start(&home, (320, 250), &[&jobtop]);
    screen.wait_for("the list", |text| {
        text.contains("z0z") && text.contains("z150z")
    });
    screen.press("/name:digest\r");
    screen.wait_text("1 of ");
    screen.press("\r");
    screen.wait_for("its detail", |text| {
        text.contains("z199z") && text.contains("z149z")
    });
    screen.press("L");
    screen.wait_for("its log", |text| {
        text.contains("the last line") && text.contains("z9z")
    });
    screen.press("\u{1b}");
    screen.wait_for("its detail", |text| text.contains("z199z"));
    // What somebody else does while one looks on is said, too.
    let mut ws = daemon.ws();
    for (n, text) in hostile().into_iter().enumerate() {
        if n % 10 == 0 {
            let job =
                id(&ws.ok(json!({"type": "create_job", "jobType": "etl", "name": text}))["job"]);
            ws.ok(json!({"type": "cancel_job", "jobId": job}));
        }
    }
    screen.press("H");
    screen.wait_text("jobs that have ended");
    screen.wait_text("z0z");
    screen.press("\r");
    screen.wait_text("l log");
    screen.press("A");
    screen.wait_text("WHAT WENT WRONG");
    screen.press("q");
    screen.press_until("q", "the list", |text| {
        text.contains("digest") && text.contains("NAME")
    });
    // What was copied is said, with its job's name.
    screen.press("Y");
    screen.wait_text("copied");
    screen.press("\u{1b}");
    screen.wait_for("all of them", |text| !text.contains("clear filter"));
    screen.press("\u{3}");
    let left = screen.left();
    let mut found = dangers(&left.raw);
    // What the person has copied goes to the clipboard, in letters and digits.
    found.remove("ESC \"copy\"");
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn nothing_of_it_reaches_a_terminal_through_the_commands() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let [digest, one] = fill(&daemon);
    let jobtop = bins::jobtop().to_string_lossy().into_owned();
    let mut wrong = String::new();
    for (args, says) in [
        (&["ls"][..], "z0z"),
        (&["ls", "--color", "always"], "z0z"),
        (&["ls", "--jsonl"], "z0z"),
        (&["ls", "--json"], "z0z"),
        (&["show", &digest], "z149z"),
        (&["show", &one], "z0z"),
        (&["show", "--json", &one], "z0z"),
        (&["logs", &digest], "the last line"),
        (&["logs", "--jsonl", &digest], "the last line"),
        (&["logs", "-f", &digest], "the last line"),
        (&["history"], "z0z"),
        (&["history", "--json", "--limit", "100"], "z0z"),
        (&["stats"], "z"),
        (&["stats", "--by", "name"], "z0z"),
        (&["stats", "--json"], "z"),
        (&["queue", "ls"], "default"),
        (&["wait", &digest], ""),
        (&["cancel", &digest], ""),
        (&["retry", &digest], ""),
        (&["pause", "n0\u{1b}[2Jz"], ""),
        (&["ls", "nosuch:\u{1b}]0;pwned\u{7}"], ""),
    ] {
        let argv: Vec<&str> = std::iter::once(&*jobtop)
            .chain(args.iter().copied())
            .collect();
        let left = Pty::start(&home, (50, 250), &argv).left();
        let found = dangers(&left.raw);
        let text = String::from_utf8_lossy(&left.raw);
        if !found.is_empty() || !text.contains(says) {
            let _ = writeln!(
                wrong,
                "{args:?}: {found:?}; says {says:?}: {}",
                text.contains(says)
            );
        }
        if args.contains(&"--json") {
            let read: Result<Value, _> = serde_json::from_str(text.trim_end());
            if let Err(error) = read {
                let _ = writeln!(wrong, "{args:?}: {error}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn nothing_of_it_reaches_a_terminal_that_follows_the_list() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let jobtop = bins::jobtop().to_string_lossy().into_owned();
    let mut following = Pty::start(&home, (50, 250), &[&jobtop, "ls", "--follow"]);
    let begins = daemon.create(&json!({"type": "etl", "name": "begins"}));
    following.wait_text("begins");
    fill(&daemon);
    daemon.act(&id(&begins), "complete");
    following.wait_for("the last of all", |text| {
        text.lines()
            .any(|line| line.contains("completed") && line.contains("begins"))
    });
    following.press("\u{3}");
    let found = dangers(&following.left().raw);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn half_a_surrogate_is_refused_and_shown_nowhere() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut ws = daemon.ws();
    let job = id(&daemon.create(&json!({"type": "etl", "name": "whole"})));
    for half in [
        "\\ud800",
        "\\udfff",
        "\\ude00\\ud83d",
        "a\\ud83dz",
        "\\ud83d\\u0041",
        "\\uD800\\n",
    ] {
        for message in [
            format!(r#"{{"type":"create_job","jobType":"etl","name":"{half}"}}"#),
            format!(r#"{{"type":"update_progress","jobId":"{job}","message":"{half}"}}"#),
            format!(r#"{{"type":"log","jobId":"{job}","text":"{half}"}}"#),
            format!(r#"{{"type":"create_job","jobType":"etl","tags":["{half}"]}}"#),
            format!(r#"{{"type":"{half}"}}"#),
        ] {
            ws.send_text(&message);
            let said = ws.find("a refusal", |said| said["type"] == "error");
            assert!(
                ["bad_json", "invalid"].contains(&said["code"].as_str().unwrap_or_default()),
                "{said}"
            );
        }
    }
    // Half now and half later are two halves.
    for half in ["\\ud83d", "\\ude00"] {
        ws.send_text(&format!(
            r#"{{"type":"update_progress","jobId":"{job}","message":"{half}"}}"#
        ));
        ws.find("a refusal", |said| said["type"] == "error");
    }
    let jobs = daemon.get("/api/jobs").json()["jobs"].clone();
    assert_eq!(jobs.as_array().map(Vec::len), Some(1), "{jobs}");
    assert_eq!(jobs[0]["message"], Value::Null);
}
