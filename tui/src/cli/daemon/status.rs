//! `jobtop daemon status`: where it is, who it is, how long it runs, and how many jobs of which status it has.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use jiff::tz::TimeZone;
use jobtop_client::Endpoint;
use jobtop_client::rest::Rest;
use jobtop_core::Status;
use jobtop_core::proto::body::JobsAnswer;
use jobtop_core::proto::history::StoreAnswer;
use jobtop_core::proto::request::ListJobs;
use jobtop_core::proto::status::StatusAnswer;
use rustix::process::Pid;
use serde::Serialize;

use super::peer;
use crate::cli::print::{self, words};
use crate::cli::{Global, list, target};
use crate::clock;
use crate::exit::Failure;
use crate::view::format;

/// The command line of `daemon status`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// One JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    running: bool,
    endpoint: String,
    pid: Option<i32>,
    uptime_seconds: Option<u64>,
    version: String,
    protocol: u32,
    epoch: u64,
    user_id: String,
    role: String,
    /// How many there are of each status.
    jobs: BTreeMap<&'static str, usize>,
    /// Nothing for those who may not see all jobs.
    store: Option<StoreAnswer>,
    /// The same.
    status: Option<StatusAnswer>,
}

#[derive(Debug, Serialize)]
struct Absent {
    running: bool,
    endpoint: String,
}

/// Says it; without a daemon the exit code is 6.
pub(crate) async fn main(args: &Args, global: &Global) -> Result<ExitCode, Failure> {
    let endpoint = target::endpoint(global)?;
    let found = look(&endpoint).await;
    if args.json {
        match &found {
            Ok(report) => print::json(report)?,
            Err(Failure::Unreachable(_)) => print::json(&Absent {
                running: false,
                endpoint: endpoint.to_string(),
            })?,
            Err(_) => {}
        }
    } else if let Ok(report) = &found {
        print::answer(&page(report))?;
    }
    found.map(|_| ExitCode::SUCCESS)
}

async fn look(endpoint: &Endpoint) -> Result<Report, Failure> {
    let rest = Rest::new(endpoint.clone());
    rest.ready().await?;
    let pid = peer::pid(endpoint)?;
    // What it refuses, it says best when it is asked.
    let answer = list::all(&rest, ListJobs::default(), None).await?;
    let welcome = peer::welcome(endpoint).await?;
    Ok(Report {
        running: true,
        endpoint: endpoint.to_string(),
        pid: pid.map(Pid::as_raw_pid),
        uptime_seconds: pid.and_then(uptime),
        version: welcome.server,
        protocol: welcome.protocol,
        epoch: welcome.epoch,
        user_id: welcome.user_id,
        role: welcome.role,
        jobs: counts(&answer),
        // An older daemon has no such call, and not everybody may ask.
        store: rest.store().await.ok(),
        status: rest.status().await.ok(),
    })
}

fn counts(answer: &JobsAnswer) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<_, _> = Status::ALL.map(|status| (status.word(), 0)).into();
    for job in &answer.jobs {
        *counts.entry(job.status.word()).or_default() += 1;
    }
    counts
}

/// For how many seconds a process has been running, if the system tells.
fn uptime(pid: Pid) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    let system = std::fs::read_to_string("/proc/uptime").ok()?;
    running_for(&stat, &system, rustix::param::clock_ticks_per_second())
}

/// The 22nd field of `stat` is when the process began, in ticks since the system did.
fn running_for(stat: &str, system: &str, ticks: u64) -> Option<u64> {
    // The second field is a name in brackets, in which anything may stand.
    let after_name = stat.rsplit_once(')')?.1;
    let begun: u64 = after_name.split_whitespace().nth(19)?.parse().ok()?;
    let now: f64 = system.split_whitespace().next()?.parse().ok()?;
    Some((now as u64).saturating_sub(begun.checked_div(ticks)?))
}

fn page(report: &Report) -> String {
    let mut page = String::new();
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(page, "{name:<9} {value}");
    };
    fact("daemon", &report.endpoint);
    fact(
        "version",
        &format!(
            "{}, protocol {}",
            words::clean(&report.version),
            report.protocol
        ),
    );
    if let Some(pid) = report.pid {
        fact("pid", &pid.to_string());
    }
    if let Some(seconds) = report.uptime_seconds {
        fact("up for", &format::duration(seconds * 1_000));
    }
    fact("epoch", &report.epoch.to_string());
    fact(
        "you are",
        &format!(
            "{} ({})",
            words::clean(&report.user_id),
            words::clean(&report.role)
        ),
    );
    let jobs: Vec<_> = Status::ALL
        .iter()
        .filter_map(|status| report.jobs.get_key_value(status.word()))
        .filter(|(_, count)| **count > 0)
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    let jobs = if jobs.is_empty() {
        "none".to_owned()
    } else {
        jobs.join(", ")
    };
    fact("jobs", &jobs);
    if let Some(store) = &report.store {
        fact("history", &format::finished_jobs(store));
        let now = clock::now().wall;
        fact("store", &format::taken(store, now, &TimeZone::system()));
        if let Some(reason) = &store.reason {
            let state = store.state.replace('_', " ");
            fact("", &format!("{state}: {}", words::clean(reason)));
        }
        for sentence in &store.damage {
            fact("damage", &words::clean(sentence));
        }
    }
    if let Some(status) = &report.status {
        for (name, value) in reached(status) {
            let _ = writeln!(page, "{name:<9} {value}");
        }
    }
    page
}

/// How it is reached, who is connected, and what it has refused.
fn reached(status: &StatusAnswer) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if !status.listening.is_empty() {
        let who = match status.auth.as_str() {
            "none" => "everybody on this machine",
            _ => "whoever brings a token",
        };
        let at = words::clean(&status.listening.join(" "));
        facts.push(("listens", format!("{at}, for {who}")));
    }
    if let Some(fingerprint) = &status.fingerprint {
        facts.push(("shows", words::clean(fingerprint)));
    }
    let now = status.connections;
    let feed = if status.feed {
        ""
    } else {
        "; the feed is switched off"
    };
    facts.push((
        "clients",
        format!(
            "{} local, {} over TCP; {} of them WebSockets{feed}",
            now.unix, now.tcp, now.feeds
        ),
    ));
    if status.alerts > 0 {
        let alerts = match status.alerts {
            1 => "1 alert".to_owned(),
            count => format!("{count} alerts"),
        };
        facts.insert(
            0,
            (
                "WRONG",
                format!("{alerts}: jobtop alerts says what is the matter"),
            ),
        );
    }
    for (name, counts) in [("refused", &status.refused), ("cut", &status.cut)] {
        if !counts.is_empty() {
            let counts: Vec<String> = counts
                .iter()
                .map(|(word, count)| {
                    let word = words::clean(&word.replace('_', " "));
                    format!("{} {word}", format::count(*count))
                })
                .collect();
            facts.push((name, counts.join(", ")));
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_process_runs_is_read_whatever_its_name() {
        let stat = "42 (a ) (b) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 12345 1 2";
        for (stat, system, seconds) in [
            (stat, "200.50 100.00\n", Some(77)),
            (stat, "1.0 1.0\n", Some(0)),
            ("", "200.5", None),
            (stat, "", None),
        ] {
            assert_eq!(running_for(stat, system, 100), seconds);
        }
    }
}
