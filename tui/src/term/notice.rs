//! The bell, and a notice beside it where the terminal shows such: OSC 9, or OSC 777 where that is what it knows.
//!
//! Both are for whoever looks at another window. A terminal that is not known gets the bell alone: some show what they do not
//! understand.

use jobtop_core::text;

/// Longest notice, in characters.
const CHARS: usize = 200;

/// How a terminal shows a notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Notices {
    /// Not that we know.
    No,
    /// `OSC 9 ; TEXT`: iTerm2, kitty, `WezTerm`, Ghostty, Windows Terminal, `ConEmu`, foot.
    Osc9,
    /// `OSC 777 ; notify ; TITLE ; TEXT`: rxvt-unicode and the terminals on VTE.
    Osc777,
}

impl Notices {
    /// Those of the terminal that these variables speak of. Within tmux and screen nobody knows what is outside.
    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let given = |name: &str| variable(name).filter(|value| !value.is_empty());
        if given("TMUX").is_some() || given("STY").is_some() {
            return Self::No;
        }
        let term = given("TERM").unwrap_or_default();
        let program = given("TERM_PROGRAM").unwrap_or_default();
        let speaks_9 = ["iTerm.app", "WezTerm", "ghostty"].contains(&program.as_str())
            || ["xterm-kitty", "xterm-ghostty", "wezterm"].contains(&term.as_str())
            || term == "foot"
            || term.starts_with("foot-")
            || ["WT_SESSION", "ConEmuPID", "KITTY_WINDOW_ID"]
                .iter()
                .any(|name| given(name).is_some());
        if speaks_9 {
            Self::Osc9
        } else if term.starts_with("rxvt") || given("VTE_VERSION").is_some() {
            Self::Osc777
        } else {
            Self::No
        }
    }

    /// Those of the terminal that this program runs at.
    pub(crate) fn here() -> Self {
        Self::of(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// What is written to the terminal.
    pub(crate) fn said(self, notice: &str) -> String {
        // Nothing in it ends the sequence, and none is taken for a progress (`9;4;…`).
        let clean = text::clean_within(notice, CHARS);
        let notice = clean.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        match self {
            Self::No => "\x07".to_owned(),
            Self::Osc9 => format!("\x1b]9;{notice}\x07\x07"),
            Self::Osc777 => {
                format!(
                    "\x1b]777;notify;jobtop;{}\x07\x07",
                    notice.replace(';', ",")
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_terminal_shows_what() {
        for (variables, expected) in [
            (&[][..], Notices::No),
            (&[("TERM", "xterm-256color")], Notices::No),
            (&[("TERM", "xterm-kitty")], Notices::Osc9),
            (&[("TERM", "foot-extra")], Notices::Osc9),
            (&[("TERM_PROGRAM", "iTerm.app")], Notices::Osc9),
            (&[("TERM_PROGRAM", "Apple_Terminal")], Notices::No),
            (&[("WT_SESSION", "1")], Notices::Osc9),
            (&[("WT_SESSION", "1"), ("TMUX", "/tmp/t,1,0")], Notices::No),
            (&[("TERM", "rxvt-unicode-256color")], Notices::Osc777),
            (
                &[("TERM", "xterm-256color"), ("VTE_VERSION", "7600")],
                Notices::Osc777,
            ),
            (&[("VTE_VERSION", "")], Notices::No),
        ] {
            let found = Notices::of(|name| {
                let known = variables.iter().find(|(known, _)| *known == name);
                known.map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(found, expected, "{variables:?}");
        }
    }

    #[test]
    fn nothing_in_a_notice_steers_the_terminal() {
        for (notices, notice, said) in [
            (Notices::No, "a", "\x07"),
            (
                Notices::Osc9,
                "a\x07b\x1b]0;x",
                "\x1b]9;a\u{fffd}b\u{fffd}]0;x\x07\x07",
            ),
            (Notices::Osc9, "4;1;50", "\x1b]9;\x07\x07"),
            (Notices::Osc777, "a;b", "\x1b]777;notify;jobtop;a,b\x07\x07"),
        ] {
            assert_eq!(notices.said(notice), said, "{notice:?}");
        }
    }
}
