//! The progress of the chosen job for terminals that show it beside their window's title (OSC 9;4, as `ConEmu` defines it:
//! <https://conemu.github.io/en/AnsiEscapeCodes.html#ConEmu_specific_OSC>).

use jobtop_core::Status;

use crate::app::App;

/// A state (0 none, 1 normal, 2 error, 4 paused) and percent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Progress {
    pub(super) state: u8,
    pub(super) percent: u8,
}

/// What is shown of the chosen job.
pub(super) fn of(app: &App) -> Progress {
    let none = Progress::default();
    let Some(job) = app.chosen().filter(|job| !app.hosts.is_stale(job.id)) else {
        return none;
    };
    let state = match job.status {
        Status::Running if job.stalled_since.is_some() => 4,
        Status::Running => 1,
        Status::Paused => 4,
        Status::Failed => 2,
        Status::Pending | Status::Completed | Status::Cancelled => return none,
    };
    Progress {
        state,
        percent: job.progress.clamp(0.0, 100.0) as u8,
    }
}

/// Whether the terminal is known to show it. To others nothing is sent: some would show the sequence as a notice.
pub(super) fn is_shown(variable: impl Fn(&str) -> Option<String>) -> bool {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    let inside = given("TMUX").is_some() || given("STY").is_some();
    let program = given("TERM_PROGRAM").unwrap_or_default();
    !inside
        && (given("WT_SESSION").is_some()
            || given("ConEmuPID").is_some()
            || ["ghostty", "WezTerm"].contains(&program.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_terminals_that_are_known_to_show_it_get_it() {
        for (variables, shown) in [
            (vec![], false),
            (vec![("WT_SESSION", "1")], true),
            (vec![("WT_SESSION", "1"), ("TMUX", "/tmp/t,1,0")], false),
            (vec![("TERM_PROGRAM", "ghostty")], true),
            (vec![("TERM_PROGRAM", "Apple_Terminal")], false),
        ] {
            let found = is_shown(|name| {
                let known = variables.iter().find(|(n, _)| *n == name);
                known.map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(found, shown, "{variables:?}");
        }
    }
}
