//! Starting the local daemon: nothing is done if one answers. Of several that are started at once the one that gets the
//! lock stays; the clients of the others connect to it.

use std::fmt;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jobtop_client::Endpoint;
use jobtop_client::rest::Rest;
use jobtop_core::paths;
use jobtop_runner::detach::{self, NotReady};

use crate::cli::{Global, target};
use crate::exit::{Failure, Said};

/// How long a daemon may take until it serves: it may have to read its log back.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the winner of a race may take after a loser has ended.
const RACE: Duration = Duration::from_secs(10);

/// What there was to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Begun {
    /// One answered.
    Already(Endpoint),
    /// One was started.
    Now(Endpoint),
}

impl Begun {
    /// Where it is.
    pub(crate) fn endpoint(self) -> Endpoint {
        match self {
            Self::Already(endpoint) | Self::Now(endpoint) => endpoint,
        }
    }
}

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Already(endpoint) => write!(f, "the daemon runs already, at {endpoint}"),
            Self::Now(endpoint) => write!(f, "the daemon runs, at {endpoint}"),
        }
    }
}

/// Makes sure that the local daemon serves: starts it in the background if none answers. Where a target is given nothing
/// is started: that one is somebody else's affair. Prints nothing.
pub(crate) async fn ensure_local(global: &Global) -> Result<Begun, Failure> {
    if let Some(endpoint) = target::given(global)? {
        Rest::new(endpoint.clone()).ready().await?;
        return Ok(Begun::Already(endpoint));
    }
    let endpoint = target::local()?;
    if Rest::new(endpoint.clone()).ready().await.is_ok() {
        return Ok(Begun::Already(endpoint));
    }
    let state = state_dir()?;
    let program = std::env::current_exe()
        .map_err(|error| not_started(&format!("our own program can't be found: {error}")))?;
    start(&program, &endpoint, &state).await
}

async fn start(program: &Path, endpoint: &Endpoint, state: &Path) -> Result<Begun, Failure> {
    let log = paths::daemon_log(state);
    let mut options = vec!["daemon".into(), "run".into()];
    if let Endpoint::Unix(socket) = endpoint {
        options.extend(["--socket".into(), socket.clone().into_os_string()]);
    }
    let before = std::fs::metadata(&log).map_or(0, |log| log.len());
    let mut daemon = detach::spawn_detached(program, options, &log)
        .map_err(|error| not_started(&error.to_string()))?;
    match daemon.ready_line(PATIENCE).await {
        Ok(_) => Ok(Begun::Now(endpoint.clone())),
        Err(why) => {
            let words = last_words(&log, before);
            let ended = matches!(why, NotReady::Ended(_));
            // Another one was faster: it holds the lock or the socket, and it will answer.
            let raced = words.as_ref().is_none_or(LastWords::of_a_loser);
            if ended && raced && answers(endpoint).await {
                return Ok(Begun::Already(endpoint.clone()));
            }
            let all = format!("All that it said is in {}", log.display());
            Err(Failure::Failed(match words {
                Some(LastWords { what, hint }) if ended => {
                    Said::new(format!("The local daemon could not be started: {what}"))
                        .hint(if hint.is_empty() { all } else { hint })
                }
                _ => Said::new(format!("The local daemon could not be started: {why}")).hint(all),
            }))
        }
    }
}

/// Whether somebody answers there within [`RACE`].
async fn answers(endpoint: &Endpoint) -> bool {
    let rest = Rest::new(endpoint.clone());
    let asked = async {
        while rest.ready().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(RACE, asked).await.is_ok()
}

/// The directory of the store and of the daemon's log, made for its owner alone if it is not there.
fn state_dir() -> Result<PathBuf, Failure> {
    let project = directories::ProjectDirs::from("", "", "jobtop").ok_or_else(|| {
        Failure::failed("No home directory is known, so the daemon has no place for its jobs")
            .hint("Set HOME")
    })?;
    let state = project.state_dir().unwrap_or(project.data_local_dir());
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state)
        .map_err(|error| {
            Failure::failed(format!("{} can't be made: {error}", state.display()))
                .hint("Set XDG_STATE_HOME to a directory that is yours")
        })?;
    Ok(state.to_owned())
}

fn not_started(why: &str) -> Failure {
    Failure::failed(format!("The local daemon could not be started: {why}"))
        .hint("Start it by hand to see more: `jobtop daemon run`")
}

/// Why the daemon says that it ended.
#[derive(Debug, PartialEq, Eq)]
struct LastWords {
    what: String,
    hint: String,
}

impl LastWords {
    /// The last sentence that the daemon's log has of an end, and the one after it on what to do.
    fn of(log: &str) -> Option<Self> {
        let clean = |line: &str| jobtop_core::text::clean_within(line.trim(), 400).into_owned();
        let lines: Vec<&str> = log.lines().collect();
        let at = lines.iter().rposition(|line| line.starts_with(SAYS))?;
        Some(Self {
            what: clean(lines[at].trim_start_matches(SAYS)),
            hint: lines
                .get(at + 1)
                .map_or_else(String::new, |line| clean(line)),
        })
    }

    /// Whether it ended because another one was there already.
    fn of_a_loser(&self) -> bool {
        self.what.starts_with("another ")
    }
}

/// How the daemon begins to say why it ended.
const SAYS: &str = "jobtopd: ";

/// What is in the log from `before` on: what is older was said by another daemon, of another failure.
fn last_words(log: &Path, before: u64) -> Option<LastWords> {
    let text = std::fs::read(log).unwrap_or_default();
    // A log that got shorter meanwhile was begun anew.
    let before = usize::try_from(before).unwrap_or(usize::MAX);
    let new = text.get(before..).unwrap_or(&text);
    LastWords::of(&String::from_utf8_lossy(
        &new[new.len().saturating_sub(4_096)..],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_said_since_the_start_counts() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("jobtopd.log");
        let what = |before| last_words(&log, before).map(|words| words.what);
        assert_eq!(what(0), None);
        let old = "jobtopd: no setting bogus\n  There are a, b\n";
        for (new, before, expected) in [
            ("", old.len(), None),
            ("INFO reading the log\n", old.len(), None),
            (
                "jobtopd: the disk is full\n",
                old.len(),
                Some("the disk is full"),
            ),
            ("", 5_000, Some("no setting bogus")),
        ] {
            std::fs::write(&log, format!("{old}{new}")).unwrap();
            assert_eq!(what(before as u64).as_deref(), expected, "{new:?}");
        }
    }

    #[test]
    fn the_daemon_s_last_words() {
        let words = |what: &str, hint: &str| {
            Some(LastWords {
                what: what.to_owned(),
                hint: hint.to_owned(),
            })
        };
        for (log, expected, lost) in [
            ("", None, false),
            ("2026 INFO serving\n", None, false),
            (
                "jobtopd: old\n  x\njobtopd: no setting bogus\n  There are a, b\n",
                words("no setting bogus", "There are a, b"),
                false,
            ),
            (
                "jobtopd: full\u{1b}[2J",
                words("full\u{fffd}[2J", ""),
                false,
            ),
            (
                "jobtopd: another jobtopd (pid 7) already uses /d\n  Stop it\n",
                words("another jobtopd (pid 7) already uses /d", "Stop it"),
                true,
            ),
        ] {
            let said = LastWords::of(log);
            assert_eq!(
                said.as_ref().is_some_and(LastWords::of_a_loser),
                lost,
                "{log}"
            );
            assert_eq!(said, expected, "{log}");
        }
    }
}
