//! Every key that the screen's help shows is in the manual, under what it is shown on.

use std::collections::BTreeSet;

use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use serde_json::json;

use crate::manuals::page;
use crate::said::id;

/// The keys that a subsection of the page lists, as they stand before the sentences.
fn keys_of_page(text: &str, title: &str) -> BTreeSet<String> {
    let heading = format!(".Ss {title}");
    text.lines()
        .skip_while(|line| **line != *heading)
        .skip(1)
        .take_while(|line| !line.starts_with(".Ss ") && !line.starts_with(".Sh "))
        .filter_map(|line| line.strip_prefix(".It "))
        .flat_map(|keys| keys.split(", "))
        .map(|key| key.replace("\\&", ""))
        .collect()
}

/// The keys that the help lists, row by row: `│   p      pause the job │`.
fn keys_of_help(text: &str) -> Vec<(Vec<String>, String)> {
    const BEFORE: usize = 3;
    const KEYS: usize = 16;
    text.lines()
        .filter_map(|line| line.split('│').nth(1))
        .filter_map(|row| {
            let chars: Vec<char> = row.chars().collect();
            let keys: String = chars.get(BEFORE..BEFORE + KEYS)?.iter().collect();
            let said: String = chars[BEFORE + KEYS..].iter().collect();
            let is_row = chars[..BEFORE].iter().all(|c| *c == ' ') && !keys.starts_with(' ');
            let keys = keys.trim_end().split(' ').filter(|word| *word != "to");
            is_row.then(|| (keys.map(str::to_owned).collect(), said.trim().to_owned()))
        })
        .collect()
}

/// Opens the help on what is open and gives its text back.
fn help(screen: &mut Pty, title: &str) -> String {
    screen.press_until("?", title, |text| text.contains(title));
    let text = screen.wait_text("Esc closes");
    assert!(
        !text.contains("scroll, Esc closes"),
        "it does not fit:\n{text}"
    );
    screen.press("\u{1b}");
    screen.wait_for("the help to go", |text| !text.contains(title));
    text
}

/// A job with a log, which has ended.
fn a_job(daemon: &Daemon) {
    let job = daemon
        .create(&json!({"type": "command", "name": "said", "command": {"argv": ["echo", "said"]}}));
    wait::until("its end", || {
        daemon.job(&id(&job))["finishedAt"]
            .is_string()
            .then_some(())
    });
}

#[test]
fn every_key_of_the_screen_s_help_is_in_the_manual() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    a_job(&daemon);
    let text = page("jobtop.1");
    let everywhere = keys_of_page(&text, "Everywhere");
    let mut screen = Pty::start(&home, (70, 100), &[&bins::jobtop().to_string_lossy()]);
    screen.wait_text("said");
    for (way, open, title, heading) in [
        ("", "said", "Keys of the list", "The list"),
        ("\r", "STEPS", "Keys of a job's detail", "A job's detail"),
        ("L", "said", "Keys of a log", "Everywhere"),
        ("H", "", "Keys of the history", "The history"),
        ("A", "", "Keys of the figures", "The figures"),
        ("D", "", "Keys of the daemon's page", "Everywhere"),
        ("!", "", "Keys of the alerts", "The alerts"),
    ] {
        screen.press(way);
        screen.wait_text(open);
        let shown = keys_of_help(&help(&mut screen, title));
        let own = keys_of_page(&text, heading);
        assert!(
            shown.len() > 8 && !own.is_empty(),
            "the way of looking finds nothing: {shown:?}"
        );
        for (keys, said) in shown {
            for key in keys {
                assert!(
                    own.contains(&key) || everywhere.contains(&key),
                    "jobtop.1 has no {key} ({said}) under {heading:?}"
                );
            }
        }
    }
    screen.press("\u{3}");
    assert_eq!(screen.left().code, 0);
}

#[test]
fn the_way_of_looking_finds_keys() {
    let page = ".Ss One\n.It j, \\&: , Up\ndown\n.Ss Two\n.It x\nno\n";
    let keys = keys_of_page(&page.replace(" ,", ","), "One");
    assert_eq!(keys, ["j", ":", "Up"].map(str::to_owned).into());
    let help = "│ Act on the job        │\n│   p Space         pause it │\n│                   and more │\n│   1 to 7          all │";
    let rows = keys_of_help(help);
    let keys: Vec<_> = rows.iter().map(|(keys, _)| keys.join(" ")).collect();
    assert_eq!(keys, ["p Space", "1 7"]);
}
