//! How long jobs usually take: the median of the latest completed ones of the same user, type and name. Looked up one at a time, and
//! remembered for a while.

use std::cell::RefCell;
use std::collections::HashMap;
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
const BELIEVED_MS: u64 = 600_000;
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
    wanted: RefCell<Option<Work>>,
}

impl Usual {
    /// The usual duration of such a job; what is not known is noted as wanted.
    pub(super) fn of(&self, job: &Job, mono: u64) -> Option<u64> {
        let work = Work::of(job);
        match self.known.get(&work) {
            Some((found, usual)) if mono.saturating_sub(*found) < BELIEVED_MS => *usual,
            stale => {
                let usual = stale.and_then(|(_, usual)| *usual);
                *self.wanted.borrow_mut() = Some(work);
                usual
            }
        }
    }

    /// Looks one up that is wanted; `least` runs must be known.
    pub(super) async fn look_up(&mut self, past: &dyn Past, least: u64, mono: u64) {
        let Some(work) = self.wanted.take() else {
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
