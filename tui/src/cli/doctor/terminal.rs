//! The terminal: what it can show, whether a copy gets out of it, and what tmux lets through. Judged by the environment, which
//! is an argument; only tmux and the size are asked for.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use super::{Finding, output_of};
use crate::cli::{Color, Global};
use crate::term::{self, When};

const CHECK: &str = "terminal";
/// Of less a row can't be read.
const LEAST: (u16, u16) = (40, 8);

/// Looks at it.
pub(super) async fn look(global: &Global) -> Vec<Finding> {
    let variable = |name: &str| std::env::var(name).ok();
    let Some(size) = size() else {
        return vec![Finding::note(
            CHECK,
            "this is no terminal, so what it can show is not known",
        )];
    };
    let when = match global.color {
        Color::Auto => When::Auto,
        Color::Always => When::Always,
        Color::Never => When::Never,
    };
    let mut findings = judge(when, size, &variable);
    if given(variable, "TMUX").is_some() {
        findings.extend(tmux().await);
    } else {
        findings.push(copying(&variable));
    }
    findings
}

/// Columns and rows of the first of our streams that is a terminal.
fn size() -> Option<(u16, u16)> {
    fn of(stream: impl IsTerminal + AsFd) -> Option<(u16, u16)> {
        if !stream.is_terminal() {
            return None;
        }
        let size = rustix::termios::tcgetwinsize(stream).ok()?;
        Some((size.ws_col, size.ws_row))
    }
    of(std::io::stdout())
        .or_else(|| of(std::io::stderr()))
        .or_else(|| of(std::io::stdin()))
}

fn given(variable: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).filter(|value| !value.is_empty())
}

fn judge(
    when: When,
    (columns, rows): (u16, u16),
    variable: &impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let given = |name: &str| given(variable, name);
    let look = term::decide(when, false, variable);
    let term = given("TERM").unwrap_or_default();
    match term.as_str() {
        "" => findings.push(Finding::wrong(
            CHECK,
            "TERM is not set, so nobody knows what this terminal can do",
            "Set TERM to what it is, like xterm-256color",
        )),
        "dumb" => findings.push(Finding::wrong(
            CHECK,
            "TERM is dumb: this terminal can't move its cursor, and has no colours",
            "Use another terminal, or `jobtop ls --follow`, which needs nothing of it",
        )),
        _ if look.color => {
            let colours = match given("COLORTERM").as_deref() {
                Some("truecolor" | "24bit") => "16 million colours",
                _ if term.contains("256color") => "256 colours",
                _ => "the sixteen colours that every terminal has",
            };
            findings.push(Finding::well(CHECK, format!("{term}, with {colours}")));
        }
        _ => {
            let why = match when {
                When::Never => "--color says so",
                _ if given("NO_COLOR").is_some() => "NO_COLOR is set",
                _ => "TERM says that it has none",
            };
            findings.push(Finding::note(
                CHECK,
                format!("{term}, without colours, since {why}: signs and words say the same"),
            ));
        }
    }
    if term == "linux" {
        findings.push(Finding::note(
            CHECK,
            "the console's font has few of our signs, so the screen is drawn with ASCII alone",
        ));
    } else if look.ascii && term != "dumb" {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| Some((name, given(name)?)));
        let message = match &locale {
            Some((name, value)) => {
                format!("{name}={value} is no UTF-8, so the screen is drawn with ASCII alone")
            }
            None => "no locale is set, so the screen is drawn with ASCII alone".to_owned(),
        };
        let name = locale.map_or("LANG", |(name, _)| name);
        findings.push(Finding::wrong(
            CHECK,
            message,
            format!("Set {name}=C.UTF-8"),
        ));
    }
    if columns < LEAST.0 || rows < LEAST.1 {
        findings.push(Finding::wrong(
            CHECK,
            format!("{columns} columns and {rows} rows are too few to read a job in"),
            format!("Make it at least {} by {}", LEAST.0, LEAST.1),
        ));
    } else {
        findings.push(Finding::well(
            CHECK,
            format!("{columns} columns and {rows} rows"),
        ));
    }
    findings
}

/// Whether a terminal is known to put into the clipboard what it is sent (OSC 52). It can't be asked.
fn copying(variable: &impl Fn(&str) -> Option<String>) -> Finding {
    const CHECK: &str = "clipboard";
    let given = |name: &str| given(variable, name);
    let term = given("TERM").unwrap_or_default();
    let program = given("TERM_PROGRAM").unwrap_or_default();
    let inside = "`y` copies nothing here: select the text with the mouse, with Shift held";
    if given("STY").is_some() {
        return Finding::note(
            CHECK,
            format!("GNU screen keeps OSC 52 to itself; {inside}"),
        );
    }
    if ["linux", "dumb", ""].contains(&term.as_str()) || program == "Apple_Terminal" {
        return Finding::note(
            CHECK,
            format!("this terminal does not know OSC 52; {inside}"),
        );
    }
    let known = ["kitty", "alacritty", "foot", "ghostty", "wezterm"]
        .iter()
        .any(|name| term.contains(name) || program.to_lowercase().contains(name));
    if known || given("WT_SESSION").is_some() || given("KITTY_WINDOW_ID").is_some() {
        return Finding::well(CHECK, "`y` copies by OSC 52, which this terminal takes");
    }
    Finding::note(
        CHECK,
        "`y` copies by OSC 52; whether this terminal takes it can't be asked (xterm wants allowWindowOps, iTerm2 a setting)",
    )
}

/// What tmux lets through.
async fn tmux() -> Vec<Finding> {
    let clipboard = output_of("tmux", &["show-options", "-sv", "set-clipboard"]).await;
    let Some(clipboard) = clipboard else {
        return vec![Finding::wrong(
            "tmux",
            "TMUX is set, and no tmux answers there",
            "Unset TMUX if this is no tmux any more",
        )];
    };
    let passes = output_of("tmux", &["show-options", "-gwv", "allow-passthrough"]).await;
    of_tmux(clipboard.trim(), passes.as_deref().map(str::trim))
}

fn of_tmux(clipboard: &str, passes: Option<&str>) -> Vec<Finding> {
    const CHECK: &str = "tmux";
    let copy = if clipboard == "on" {
        Finding::well(CHECK, "it takes copies (set-clipboard is on)")
    } else {
        Finding::wrong(
            CHECK,
            format!("what `y` copies stays in it (set-clipboard is {clipboard})"),
            "`tmux set -s set-clipboard on`, and the same in ~/.tmux.conf",
        )
    };
    let passing = match passes {
        Some("on" | "all") => Finding::well(CHECK, "it passes on what it does not know"),
        _ => Finding::note(
            CHECK,
            "it passes on nothing that it does not know, so no notice (OSC 9) gets out; the bell does (`tmux set -g allow-passthrough on` changes that)",
        ),
    };
    vec![copy, passing]
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    const GOOD: [(&str, &str); 2] = [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")];

    /// The states, and what all of it says.
    fn check(size: (u16, u16), changed: &[(&str, &str)], wrong: usize, says: &str) {
        let variable = |name: &str| {
            let found = changed
                .iter()
                .chain(&GOOD)
                .find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let findings = judge(When::Auto, size, &variable);
        let bad = findings.iter().filter(|one| one.state == State::Wrong);
        assert_eq!(bad.count(), wrong, "{changed:?}: {findings:?}");
        assert!(
            findings.iter().any(|one| one.message.contains(says)),
            "{changed:?}: {findings:?}"
        );
        for one in findings.iter().filter(|one| one.state == State::Wrong) {
            assert!(one.remedy.is_some(), "{one:?}");
        }
    }

    #[test]
    fn terminals() {
        check((80, 24), &[], 0, "256 colours");
        check((80, 24), &[("COLORTERM", "truecolor")], 0, "16 million");
        check((80, 24), &[("NO_COLOR", "1")], 0, "NO_COLOR is set");
        check((80, 24), &[("TERM", "dumb")], 1, "TERM is dumb");
        check((80, 24), &[("TERM", "")], 1, "TERM is not set");
        check((80, 24), &[("TERM", "linux")], 0, "the console's font");
        check((80, 24), &[("TERM", "vt220-mono")], 0, "has none");
        check((80, 24), &[("LANG", "C")], 1, "LANG=C is no UTF-8");
        check((80, 24), &[("LC_ALL", "POSIX")], 1, "LC_ALL=POSIX");
        check((80, 24), &[("LANG", "")], 1, "no locale is set");
        check((39, 24), &[], 1, "39 columns and 24 rows");
        check((80, 7), &[], 1, "too few");
    }

    #[test]
    fn copies() {
        for (variables, state) in [
            (&[("TERM", "xterm-kitty")][..], State::Well),
            (&[("TERM", "xterm-256color")], State::Note),
            (
                &[("TERM", "xterm-256color"), ("WT_SESSION", "1")],
                State::Well,
            ),
            (&[("TERM", "screen"), ("STY", "1.x")], State::Note),
            (&[("TERM", "linux")], State::Note),
        ] {
            let finding = copying(&|name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(finding.state, state, "{variables:?}");
        }
        let states = |clipboard, passes| {
            of_tmux(clipboard, passes)
                .iter()
                .map(|one| one.state)
                .collect::<Vec<_>>()
        };
        assert_eq!(states("on", Some("on")), [State::Well, State::Well]);
        assert_eq!(states("external", None), [State::Wrong, State::Note]);
    }
}
