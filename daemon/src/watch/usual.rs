//! How long jobs usually take: the median of the latest completed ones of the same user, type and name. Looked up a few at a
//! time, and remembered for a while.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jobtop_core::access::{Identity, Role};
use jobtop_core::proto::history::HistoryWanted;
use jobtop_core::{Job, Status, UserId};
use serde::Deserialize;

use crate::feed::session::Past;

/// So many runs are looked at, the newest first.
const RUNS: usize = 15;
/// Names that contain this one are found too; of so many jobs the same ones are picked.
const LOOKED_AT: u64 = 100;
/// What was found is believed for so long, in milliseconds.
const BELIEVED_MS: u64 = 3_600_000;
/// So many are looked up at a time: whoever searches the history is not to feel it.
const AT_A_TIME: usize = 4;
/// So many wait to be looked up.
const WANTED: usize = 64;
/// At most so many are remembered.
const REMEMBERED: usize = 10_000;

/// What the same work has in common.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Work {
    user: UserId,
    job_type: Arc<str>,
    name: Arc<str>,
}

impl Work {
    fn of(job: &Job) -> Self {
        Self {
            user: job.spec.user.clone(),
            job_type: job.spec.job_type.as_str().into(),
            name: job.spec.name.clone(),
        }
    }
}

/// What is known of usual durations.
#[derive(Debug, Default)]
pub(super) struct Usual {
    /// In milliseconds, with when it was found; `None` where too few runs are known.
    known: HashMap<Work, (u64, Option<u64>)>,
    /// Asked for and not known.
    wanted: RefCell<VecDeque<Work>>,
}

/// What is known of how long such a job usually takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// So many milliseconds of active time.
    Usually(u64),
    /// Nothing can be said.
    TooFewRuns,
    /// It has not been looked up yet.
    NotYet,
}

impl Usual {
    /// The usual duration of such a job; what is not known is noted as wanted.
    pub(super) fn of(&self, job: &Job, mono: u64) -> Known {
        let work = Work::of(job);
        let known = self.known.get(&work);
        if known.is_none_or(|(found, _)| mono.saturating_sub(*found) >= BELIEVED_MS) {
            let mut wanted = self.wanted.borrow_mut();
            if wanted.len() < WANTED && !wanted.contains(&work) {
                wanted.push_back(work);
            }
        }
        match known {
            Some((_, Some(usual))) => Known::Usually(*usual),
            Some((_, None)) => Known::TooFewRuns,
            None => Known::NotYet,
        }
    }

    /// Looks some up that are wanted; `least` runs must be known.
    pub(super) async fn look_up(&mut self, past: &dyn Past, least: u64, mono: u64) {
        for _ in 0..AT_A_TIME {
            let Some(work) = self.wanted.get_mut().pop_front() else {
                return;
            };
            let times = times(past, &work).await;
            let usual = (times.len() as u64 >= least.max(1)).then(|| times[times.len() / 2]);
            if self.known.len() >= REMEMBERED {
                self.known.clear();
            }
            self.known.insert(work, (mono, usual));
        }
    }
}

/// What the latest runs took, sorted.
async fn times(past: &dyn Past, work: &Work) -> Vec<u64> {
    #[derive(Deserialize)]
    struct Ended {
        name: String,
        metrics: Metrics,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metrics {
        active_seconds: f64,
    }
    let escaped = work.name.replace('\\', r"\\").replace('"', "\\\"");
    let wanted = HistoryWanted {
        user_id: Some(work.user.clone()),
        status: Some(Status::Completed.word().to_owned()),
        job_type: Some(work.job_type.to_string()),
        q: Some(format!("name:\"{escaped}\"")),
        limit: Some(LOOKED_AT),
        ..HistoryWanted::default()
    };
    // The daemon asks for itself.
    let who = Identity {
        user: work.user.clone(),
        role: Role::User,
        may_assume: false,
        may_submit: false,
        may_manage: false,
        origin: None,
    };
    let Ok(page) = past.history(wanted, who).await else {
        return Vec::new();
    };
    let mut times: Vec<u64> = page
        .jobs
        .iter()
        .filter_map(|job| serde_json::from_str::<Ended>(job.get()).ok())
        .filter(|job| job.name == *work.name)
        .map(|job| (job.metrics.active_seconds.max(0.0) * 1_000.0) as u64)
        .take(RUNS)
        .collect();
    times.sort_unstable();
    times
}
