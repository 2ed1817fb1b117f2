//! What earlier runs of the same command took: the last resort where nothing else says how far a command is.
//!
//! The same command is a completed job of the same user with the same type and name. The daemon is asked once, when a run has
//! said nothing for a moment; a daemon that is away or knows no earlier run leaves the job without a percentage, as it was.

use std::time::Duration;

use jobtop_client::Endpoint;
use jobtop_client::reporter::Reporter;
use jobtop_client::rest::{CallError, Rest};
use jobtop_core::JobId;
use jobtop_core::job::status::Status;
use jobtop_core::proto::history::HistoryWanted;
use tokio::time::{Instant, sleep, timeout};

use crate::observe::MOST;

/// How long a command may keep silent before the earlier runs are asked about: most say something before.
const SILENCE: Duration = Duration::from_secs(1);
/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many runs are looked at, the newest first.
const RUNS: usize = 15;
/// Names that contain this one are listed too; of so many jobs the same ones are picked.
const LISTED: u64 = 200;
/// Shorter runs are over before anybody looks.
const SHORTEST: Duration = Duration::from_secs(1);
/// Up to this share of the usual time the percentage follows the clock; beyond it nears the end and never gets there.
const STRAIGHT: f64 = 0.8;

/// The usual duration of a reporter's command, in active time: the median of its latest runs. Ends when it is known; `None` if
/// there were none, or none that took a second.
pub(crate) async fn usual(endpoint: Endpoint, reporter: &Reporter) -> Option<Duration> {
    sleep(SILENCE).await;
    let mut id = reporter.job_id();
    let id = (*id.wait_for(Option::is_some).await.ok()?)?;
    let asked = timeout(PATIENCE, ask(&Rest::new(endpoint), id)).await;
    let mut times = asked.ok()?.ok()?;
    times.sort_unstable();
    let median = *times.get(times.len() / 2)?;
    (median >= SHORTEST).then_some(median)
}

async fn ask(rest: &Rest, id: JobId) -> Result<Vec<Duration>, CallError> {
    let own = rest.get(&id.to_string()).await?;
    let wanted = HistoryWanted {
        user_id: Some(own.user_id.clone()),
        status: Some(Status::Completed.word().to_owned()),
        job_type: Some(own.job_type.to_string()),
        q: Some(named(&own.name)),
        limit: Some(LISTED),
        ..HistoryWanted::default()
    };
    let listed = rest.history(&wanted).await?.jobs;
    let same = listed
        .iter()
        .filter(|job| job.name == own.name && job.id != own.id);
    Ok(same
        .filter_map(|job| Duration::try_from_secs_f64(job.metrics.active_seconds).ok())
        .take(RUNS)
        .collect())
}

/// The filter that a name passes.
fn named(name: &str) -> String {
    let escaped = name.replace('\\', r"\\").replace('"', "\\\"");
    format!("name:\"{escaped}\"")
}

/// How far a run is that has been active for that long, where it usually takes `usual`: percent, 0 to [`MOST`].
#[must_use]
pub(crate) fn percent(active: Duration, usual: Duration) -> f64 {
    let share = active.as_secs_f64() / usual.as_secs_f64().max(f64::MIN_POSITIVE);
    let percent = if share <= STRAIGHT {
        share * 100.0
    } else {
        // Goes on as steeply as it came, and less and less so.
        let rest = MOST - STRAIGHT * 100.0;
        MOST - rest * (-(share - STRAIGHT) * 100.0 / rest).exp()
    };
    percent.clamp(0.0, MOST)
}

/// How often the percentage is told: as often as it changes by one, between ten times a second and once.
#[must_use]
pub(crate) fn pace(usual: Duration) -> Duration {
    (usual / 100).clamp(Duration::from_millis(100), Duration::from_secs(1))
}

/// The time in which a command was not paused.
#[derive(Debug)]
pub(crate) struct Active {
    before: Duration,
    since: Option<Instant>,
}

impl Active {
    /// It begins.
    pub(crate) fn begun(at: Instant) -> Self {
        Self {
            before: Duration::ZERO,
            since: Some(at),
        }
    }

    /// It stands still from then on.
    pub(crate) fn pause(&mut self, at: Instant) {
        self.before = self.until(at);
        self.since = None;
    }

    /// It goes on.
    pub(crate) fn resume(&mut self, at: Instant) {
        self.since = self.since.or(Some(at));
    }

    /// How long it was active until then.
    pub(crate) fn until(&self, at: Instant) -> Duration {
        let since = self.since.map_or(Duration::ZERO, |since| at - since);
        self.before + since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentage_follows_the_clock_and_never_arrives() {
        let usual = Duration::from_secs(100);
        let at = |seconds| percent(Duration::from_secs(seconds), usual);
        assert_eq!((at(0), at(25), at(80)), (0.0, 25.0, 80.0));
        assert!((90.0..95.0).contains(&at(100)), "{}", at(100));
        let beyond: Vec<f64> = (80..200).map(at).collect();
        assert!(beyond.is_sorted(), "{beyond:?}");
        assert!(at(1_000_000) <= MOST);
        assert!(percent(usual, Duration::ZERO) <= MOST);
    }

    #[test]
    fn names_are_asked_for_word_for_word() {
        assert_eq!(named(r#"a "b" c:\d"#), r#"name:"a \"b\" c:\\d""#);
    }

    #[test]
    fn paused_time_does_not_count() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut active = Active::begun(begin);
        active.pause(at(1));
        active.pause(at(3));
        assert_eq!(active.until(at(5)), Duration::from_secs(1));
        active.resume(at(5));
        active.resume(at(6));
        assert_eq!(active.until(at(7)), Duration::from_secs(3));
    }
}
