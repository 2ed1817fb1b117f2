//! `jobtop doctor`: looks for what is not well between this terminal and the daemon, and says of each what to do about it.
//!
//! Each check is a file; it asks, changes nothing, and hands back findings. What is said of them is decided here.

use std::process::ExitCode;
use std::time::Duration;

use jobtop_client::Endpoint;
use jobtop_core::Status;
use jobtop_core::text;
use jobtopd::settings::{self, Chosen};
use serde::Serialize;

use crate::cli::print::{self, colour::Paint};
use crate::cli::{Global, target};
use crate::config;
use crate::exit::Failure;

mod alerts;
mod daemon;
mod disk;
mod socket;
mod store;
mod systemd;
mod terminal;

/// The command line of `doctor`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Serialize, Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    state: State,
    message: String,
    /// What to do about it.
    remedy: Option<String>,
}

/// How it is.
#[derive(Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Well,
    /// Worth knowing: chosen so, not there, or not to be seen from here.
    Note,
    /// Something does not work, or not for long, or is open to others.
    Wrong,
}

impl Finding {
    fn well(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, State::Well, message, None)
    }

    fn note(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, State::Note, message, None)
    }

    fn wrong(check: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(check, State::Wrong, message, Some(remedy.into()))
    }

    fn new(
        check: &'static str,
        state: State,
        message: impl Into<String>,
        remedy: Option<String>,
    ) -> Self {
        let clean = |text: &str| text::clean(text).into_owned();
        Self {
            check,
            state,
            message: clean(&message.into()),
            remedy: remedy.map(|remedy| clean(&remedy)),
        }
    }

    /// What a failure says is what is wrong.
    fn of(check: &'static str, failure: &Failure) -> Self {
        let said = failure.said();
        let message = said.map_or_else(String::new, |said| said.message.clone());
        let hint = said.and_then(|said| said.hint.clone());
        Self::wrong(check, message, hint.unwrap_or_default())
    }
}

#[derive(Serialize)]
struct Report {
    well: bool,
    findings: Vec<Finding>,
}

/// Says what was found; 0 only where nothing is wrong.
pub(crate) async fn main(args: &Args, global: &Global) -> Result<ExitCode, Failure> {
    let findings = look(global).await?;
    let report = Report {
        well: findings.iter().all(|finding| finding.state != State::Wrong),
        findings,
    };
    if args.json {
        print::json(&report)?;
    } else {
        print::answer(&page(
            &report,
            print::width(),
            Paint::of_stdout(global.color),
        ))?;
    }
    Ok(if report.well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn look(global: &Global) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let given = target::given(global)?;
    let is_given = given.is_some();
    let endpoint = match given {
        Some(endpoint) => endpoint,
        None => target::local()?,
    };
    let chosen = settings(&mut findings);
    let local = match &endpoint {
        Endpoint::Unix(path) => Some(path.clone()),
        Endpoint::Tcp(_) | Endpoint::Ssh(_) => None,
    };
    if let Some(path) = &local {
        let ours = chosen.as_ref().filter(|_| !is_given);
        findings.extend(socket::look(path, ours));
    }
    let answer = daemon::ask(&endpoint).await;
    findings.extend(daemon::look(&endpoint, &answer));
    if is_given {
        findings.extend(store::of_daemon(&answer));
    } else if let Some(chosen) = &chosen {
        findings.extend(daemon::ports(&chosen.listen, &answer));
        findings.push(disk::look(&chosen.data_dir));
        findings.extend(store::look(&chosen.data_dir, &answer).await);
    }
    if matches!(answer, daemon::Answer::Good(_)) {
        findings.extend(alerts::look(&endpoint).await);
    }
    findings.extend(daemon::clock(&answer));
    if local.is_some() {
        findings.push(systemd::look().await);
    }
    findings.extend(terminal::look(global).await);
    Ok(findings)
}

/// Whether both files are read.
fn settings(findings: &mut Vec<Finding>) -> Option<Chosen> {
    if let Err(failure) = config::read() {
        findings.push(Finding::of("settings", &failure));
    }
    match settings::read(&[]) {
        Ok(chosen) => {
            if findings.is_empty() {
                findings.push(Finding::well(
                    "settings",
                    "both files of settings are read; `jobtop config show --origin` lists them",
                ));
            }
            Some(chosen)
        }
        Err(unread) => {
            findings.push(Finding::wrong("settings", unread.message, unread.hint));
            None
        }
    }
}

/// How wide the columns before a sentence are.
const BEFORE: usize = 17;

fn page(report: &Report, width: Option<usize>, paint: Paint) -> String {
    let mut page = String::new();
    for finding in &report.findings {
        let (status, word) = match finding.state {
            State::Well => (Status::Completed, "well "),
            State::Note => (Status::Pending, "note "),
            State::Wrong => (Status::Failed, "WRONG"),
        };
        let line = format!("{word} {:<10} {}", finding.check, finding.message);
        let said = print::paragraph(&line, width, BEFORE);
        page.push_str(&paint.status(status, word));
        page.push_str(said.strip_prefix(word).unwrap_or(&said));
        if let Some(remedy) = finding.remedy.as_ref().filter(|remedy| !remedy.is_empty()) {
            let remedy = format!("{:BEFORE$}{remedy}", "");
            page.push_str(&print::paragraph(&remedy, width, BEFORE));
        }
    }
    let wrong = (report.findings.iter()).filter(|finding| finding.state == State::Wrong);
    let verdict = match wrong.count() {
        0 => "All is well.\n".to_owned(),
        1 => "One thing is wrong.\n".to_owned(),
        n => format!("{n} things are wrong.\n"),
    };
    page.push_str(&verdict);
    page
}

/// How long another program may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What another program prints; nothing if it is not there, fails, or takes too long.
async fn output_of(program: &str, args: &[&str]) -> Option<String> {
    let mut command = tokio::process::Command::new(program);
    command
        .args(args)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .ok()?
        .ok()?;
    (output.status.success()).then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_remedy_below_what_is_wrong() {
        let report = Report {
            well: false,
            findings: vec![
                Finding::well("daemon", "jobtopd/1 answers"),
                Finding::wrong("clock", "it is 1970\u{1b}[2J here, they say", "Set it"),
            ],
        };
        assert_eq!(
            page(&report, Some(34), Paint::Plain),
            "well  daemon     jobtopd/1 answers\n\
             WRONG clock      it is 1970\u{fffd}[2J\n\
             \x20                here, they say\n\
             \x20                Set it\n\
             One thing is wrong.\n"
        );
    }
}
