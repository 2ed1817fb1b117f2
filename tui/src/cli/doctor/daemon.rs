//! The daemon: does it answer, is it the same version, does it listen where its settings say, and what time is it there.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use jobtop_client::Endpoint;
use jobtop_client::rest::Rest;
use jobtop_core::Timestamp;
use jobtop_core::proto::PROTOCOL;
use jobtop_core::proto::history::StoreAnswer;
use jobtop_core::proto::status::StatusAnswer;

use super::{Finding, PATIENCE};
use crate::cli::daemon::peer;
use crate::clock;
use crate::exit::Failure;
use crate::view::format;

const CHECK: &str = "daemon";
/// How a daemon of our own version calls itself.
const OURS: &str = concat!("jobtopd/", env!("CARGO_PKG_VERSION"));
/// The program of a process whose file was replaced meanwhile, as the kernel says it.
const REPLACED: &str = " (deleted)";
/// A release is younger than this: 2026-01-01.
const OLDEST: i64 = 1_767_225_600_000;
/// How far the clocks of two machines may be apart.
const APART_MS: u64 = 2_000;

/// What came of asking the daemon.
pub(super) enum Answer {
    /// It serves, and said this.
    Good(Box<Spoken>),
    /// It does not, or not well.
    Bad(Failure),
}

/// What a daemon says of itself.
pub(super) struct Spoken {
    server: String,
    protocol: u32,
    /// Its program was replaced since it started.
    is_replaced: bool,
    /// Nothing for those who may not see all jobs.
    status: Option<StatusAnswer>,
    /// The same.
    pub(super) store: Option<StoreAnswer>,
}

/// Asks it.
pub(super) async fn ask(endpoint: &Endpoint) -> Answer {
    let asked = async {
        let rest = Rest::new(endpoint.clone());
        rest.ready().await?;
        let status = rest.status().await.ok();
        let (server, protocol) = if let Some(status) = &status {
            (status.server.clone(), status.protocol)
        } else {
            let welcome = peer::welcome(endpoint).await?;
            (welcome.server, welcome.protocol)
        };
        let pid = peer::pid(endpoint).ok().flatten();
        let program = pid
            .and_then(|pid| std::fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).ok());
        Ok::<_, Failure>(Spoken {
            server,
            protocol,
            is_replaced: program
                .is_some_and(|program| program.to_string_lossy().ends_with(REPLACED)),
            status,
            store: rest.store().await.ok(),
        })
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(spoken)) => Answer::Good(Box::new(spoken)),
        Ok(Err(failure)) => Answer::Bad(failure),
        Err(_) => Answer::Bad(
            Failure::failed(format!(
                "{endpoint} takes connections and says nothing for {} s",
                PATIENCE.as_secs()
            ))
            .hint("Something hangs there: `jobtop daemon stop` names its process"),
        ),
    }
}

/// Whether it answers, and is of our version.
pub(super) fn look(endpoint: &Endpoint, answer: &Answer) -> Vec<Finding> {
    let spoken = match answer {
        Answer::Good(spoken) => spoken,
        Answer::Bad(failure) => return vec![Finding::of(CHECK, failure)],
    };
    let again = match endpoint {
        Endpoint::Unix(_) => "Start it anew: `jobtop daemon stop`, then `jobtop daemon start`",
        Endpoint::Tcp(_) | Endpoint::Ssh(_) => {
            "Install the same version on both machines, and start the daemon anew there"
        }
    };
    let mut findings = Vec::new();
    let server = &spoken.server;
    if spoken.protocol != PROTOCOL {
        let theirs = spoken.protocol;
        findings.push(Finding::wrong(
            CHECK,
            format!("{server} speaks protocol {theirs}, and this jobtop {PROTOCOL}"),
            again,
        ));
    } else if server != OURS {
        findings.push(Finding::wrong(
            CHECK,
            format!("{server} answers at {endpoint}, and this jobtop would start {OURS}"),
            again,
        ));
    }
    if spoken.is_replaced {
        findings.push(Finding::wrong(
            CHECK,
            "the daemon's program was replaced since it started",
            again,
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::well(
            CHECK,
            format!("{server} answers at {endpoint}"),
        ));
    }
    findings
}

/// Whether it listens, or could, on the ports of its settings.
pub(super) fn ports(listen: &[SocketAddr], answer: &Answer) -> Vec<Finding> {
    const CHECK: &str = "port";
    if listen.is_empty() {
        return vec![Finding::note(
            CHECK,
            "no TCP port is asked for; the Unix socket is enough on this machine, and over ssh",
        )];
    }
    let status = match answer {
        Answer::Good(spoken) => spoken.status.as_ref(),
        Answer::Bad(_) => None,
    };
    listen
        .iter()
        .map(|addr| match status {
            // Any free port is what it asks for.
            Some(_) if addr.port() == 0 => Finding::well(CHECK, format!("{addr} is served")),
            Some(status) if status.listening.iter().any(|url| url.ends_with(&format!("//{addr}"))) => {
                Finding::well(CHECK, format!("{addr} is served"))
            }
            _ => match TcpListener::bind(addr) {
                Ok(_) if status.is_some() => Finding::wrong(
                    CHECK,
                    format!("the daemon's settings name {addr}, and it does not listen there"),
                    "Start it anew: `jobtop daemon stop`, then `jobtop daemon start`",
                ),
                Ok(_) => Finding::well(CHECK, format!("{addr} is free")),
                Err(error) if error.kind() == ErrorKind::AddrInUse => Finding::wrong(
                    CHECK,
                    format!("another program already listens on {addr}"),
                    format!("See which with `ss -ltnp sport = :{}`, or change `listen` in jobtopd.toml", addr.port()),
                ),
                Err(error) => Finding::wrong(
                    CHECK,
                    format!("{addr} can't be listened on: {error}"),
                    "Choose an address of this machine and a port above 1023: `listen` in jobtopd.toml",
                ),
            },
        })
        .collect()
}

/// Whether it is plausible what time it is, here and there.
pub(super) fn clock(answer: &Answer) -> Vec<Finding> {
    let started = match answer {
        Answer::Good(spoken) => spoken.status.as_ref().map(|status| status.started_at),
        Answer::Bad(_) => None,
    };
    let mut findings = vec![judge(clock::now().wall, started)];
    if jiff::tz::TimeZone::try_system().is_err() {
        findings.push(Finding::note(
            "clock",
            "no time zone is known here, so times are shown in UTC (TZ can name one)",
        ));
    }
    findings
}

fn judge(now: Timestamp, started: Option<Timestamp>) -> Finding {
    const CHECK: &str = "clock";
    let remedy = "Have the clock set by NTP, as with `timedatectl set-ntp true`";
    if now.0 < OLDEST {
        return Finding::wrong(
            CHECK,
            format!("it is {now} by this machine's clock"),
            remedy,
        );
    }
    match started {
        Some(started) if started.ms_since(now) > APART_MS => Finding::wrong(
            CHECK,
            format!(
                "the daemon says that it started {} from now: its clock is ahead of this one, or this one was set back",
                format::duration(started.ms_since(now))
            ),
            remedy,
        ),
        _ => Finding::well(CHECK, format!("it is {now}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn clocks() {
        let at = Timestamp;
        for (now, started, state) in [
            (OLDEST, None, State::Well),
            (0, None, State::Wrong),
            (OLDEST, Some(OLDEST - 60_000), State::Well),
            (OLDEST, Some(OLDEST + 1_000), State::Well),
            (OLDEST, Some(OLDEST + 60_000), State::Wrong),
        ] {
            assert_eq!(
                judge(at(now), started.map(at)).state,
                state,
                "{now} {started:?}"
            );
        }
    }
}
