//! Whether there is colour, and which: a status has the same one everywhere, and never only a colour.

use std::io::IsTerminal;

use jobtop_core::Status;

use crate::cli::Color;

/// How cells are painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// With colours of the terminal's own sixteen.
    Ansi,
    /// As they are.
    Plain,
}

impl Paint {
    /// For stdout, as the command line and the environment say.
    pub(crate) fn of_stdout(asked: Color) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        choose(asked, std::io::stdout().is_terminal(), set)
    }

    /// The text in the colour of a status.
    pub(crate) fn status(self, status: Status, text: &str) -> String {
        let colour = match status {
            Status::Pending => "36",
            Status::Running => "34",
            Status::Paused => "33",
            Status::Completed => "32",
            Status::Failed => "1;31",
            Status::Cancelled => "90",
        };
        self.wrap(colour, text)
    }

    /// The text as a heading.
    pub(crate) fn heading(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        match self {
            Self::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

/// The flag, then the environment, then the terminal.
fn choose(asked: Color, terminal: bool, set: impl Fn(&str) -> bool) -> Paint {
    let on = match asked {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if set("CLICOLOR_FORCE") => true,
        Color::Auto => terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    };
    if on { Paint::Ansi } else { Paint::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_goes_before_the_environment() {
        let no_color = |name: &str| name == "NO_COLOR";
        for (asked, paint) in [
            (Color::Always, Paint::Ansi),
            (Color::Never, Paint::Plain),
            (Color::Auto, Paint::Plain),
        ] {
            assert_eq!(choose(asked, true, no_color), paint);
        }
        assert_eq!(choose(Color::Auto, false, |_| false), Paint::Plain);
        assert_eq!(
            choose(Color::Auto, false, |n| n == "CLICOLOR_FORCE"),
            Paint::Ansi
        );
    }
}
