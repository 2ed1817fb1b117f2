//! Which process is at the other end of a Unix socket, told apart from a later one of the same number.

use std::fs;

use crate::engine::outcome::Process;

/// The process of that number, as long as it lives.
pub(crate) fn of(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(Process {
        pid,
        started: started(&stat)?,
    })
}

/// Whether that very process lives, and not another of its number. A zombie does no work any more.
pub(crate) fn lives(process: Process) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{}/stat", process.pid)) else {
        return false;
    };
    started(&stat) == Some(process.started) && !ended(&stat)
}

fn ended(stat: &str) -> bool {
    let behind = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    matches!(
        behind.split_ascii_whitespace().next(),
        Some("Z" | "X") | None
    )
}

/// Field 22. The second field is the command in parentheses and may hold anything, so counting begins behind the last `)`.
fn started(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_may_hold_anything() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        for command in ["cat", "a b", ") S 1 2", "x\ny"] {
            assert_eq!(
                started(&format!("9 ({command}) {rest}")),
                Some(4711),
                "{command}"
            );
        }
        for torn in ["", "9 (cat", "9 (cat) S 1 2"] {
            assert_eq!(started(torn), None, "{torn}");
        }
    }

    #[test]
    fn a_zombie_is_none() {
        for (stat, gone) in [
            ("9 (a) S 1", false),
            ("9 (Z) R 1", false),
            ("9 (a) Z 1", true),
            ("", true),
        ] {
            assert_eq!(ended(stat), gone, "{stat}");
        }
    }

    #[test]
    fn we_are_a_process() {
        let me = of(std::process::id().cast_signed()).unwrap();
        assert!(me.started > 0);
        assert!(lives(me));
        let other = Process {
            started: me.started + 1,
            ..me
        };
        assert!(!lives(other), "the same number is not the same process");
        assert_eq!(of(i32::MAX), None);
    }
}
