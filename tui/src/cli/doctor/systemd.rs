//! The units of systemd, an account's and a machine's: whether one of them is installed, and has failed.

use std::collections::BTreeMap;

use super::{Finding, output_of};

const CHECK: &str = "systemd";
const UNITS: [&str; 2] = ["jobtopd.service", "jobtopd.socket"];

/// Asks both managers.
pub(super) async fn look() -> Finding {
    let mut installed = Vec::new();
    let mut is_there = false;
    for (whose, options) in [
        ("the account's", &["--user"][..]),
        ("the system's", &[][..]),
    ] {
        for unit in UNITS {
            let mut args = options.to_vec();
            args.extend(["show", "--property=LoadState,ActiveState,Result", unit]);
            let Some(text) = output_of("systemctl", &args).await else {
                continue;
            };
            is_there = true;
            match judge(&facts(&text)) {
                Unit::Absent => {}
                Unit::Masked => installed.push(format!("{whose} {unit} is masked")),
                Unit::Is(state) => installed.push(format!("{whose} {unit} is {state}")),
                Unit::Failed(why) => return failed(whose, unit, &why),
            }
        }
    }
    if !is_there {
        return Finding::note(
            CHECK,
            "no systemd answers here; jobtop starts the daemon itself",
        );
    }
    if installed.is_empty() {
        return Finding::note(
            CHECK,
            "jobtopd is no service here; jobtop starts it itself (jobtopd(8) says how to make it one)",
        );
    }
    Finding::well(CHECK, installed.join(", "))
}

fn failed(whose: &str, unit: &str, why: &str) -> Finding {
    let user = if whose == "the account's" {
        " --user"
    } else {
        ""
    };
    Finding::wrong(
        CHECK,
        format!("{whose} {unit} has failed ({why})"),
        format!(
            "See `journalctl{user} -u {unit}`; then `systemctl{user} reset-failed {unit}` and `systemctl{user} start {unit}`"
        ),
    )
}

/// What a unit is.
#[derive(Debug, PartialEq, Eq)]
enum Unit {
    Absent,
    Masked,
    Failed(String),
    Is(String),
}

fn judge(facts: &BTreeMap<&str, &str>) -> Unit {
    let fact = |name: &str| facts.get(name).copied().unwrap_or_default();
    match (fact("LoadState"), fact("ActiveState")) {
        ("masked", _) => Unit::Masked,
        ("not-found" | "", _) => Unit::Absent,
        (_, "failed") => Unit::Failed(fact("Result").to_owned()),
        ("loaded", state) => Unit::Is(state.to_owned()),
        (load, _) => Unit::Failed(load.to_owned()),
    }
}

fn facts(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, unit) in [
            ("", Unit::Absent),
            ("LoadState=not-found\nActiveState=inactive\n", Unit::Absent),
            ("LoadState=masked\nActiveState=inactive\n", Unit::Masked),
            (
                "Result=success\nLoadState=loaded\nActiveState=active\n",
                Unit::Is("active".to_owned()),
            ),
            (
                "Result=exit-code\nLoadState=loaded\nActiveState=failed\n",
                Unit::Failed("exit-code".to_owned()),
            ),
            (
                "Result=success\nLoadState=bad-setting\nActiveState=inactive\n",
                Unit::Failed("bad-setting".to_owned()),
            ),
        ] {
            assert_eq!(judge(&facts(text)), unit, "{text}");
        }
    }
}
