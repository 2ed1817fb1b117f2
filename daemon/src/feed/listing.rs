//! The live set as a list: `GET /api/jobs` and `list_jobs`, filtered, paged, or only what changed.

use std::sync::Arc;

use jobtop_core::access::Identity;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::body::JobsAnswer;
use jobtop_core::proto::request::ListJobs;
use jobtop_core::{Job, JobId, Now, Status};

use super::hub::Hub;

/// How many jobs a page has unless asked otherwise, and at most.
const PAGE: usize = 10_000;

/// Lists what `who` may see of the live set.
pub fn list(hub: &Hub, wanted: &ListJobs, who: &Identity, now: Now) -> Result<JobsAnswer, Refusal> {
    if let Some(user) = &wanted.user_id
        && !who.may_assume
    {
        who.check_sees(user)?;
    }
    let limit = match wanted.limit {
        Some(0) => return Err(Refusal::new(Code::BadQuery, "limit: at least 1")),
        Some(limit) => usize::try_from(limit).unwrap_or(PAGE).min(PAGE),
        None => PAGE,
    };
    let statuses = wanted.status.as_deref().map(statuses).transpose()?;
    let types: Option<Vec<&str>> = wanted
        .job_type
        .as_deref()
        .map(|t| t.split(',').map(str::trim).collect());
    let fits = |job: &Job| {
        who.sees(&job.spec.user)
            && wanted
                .user_id
                .as_ref()
                .is_none_or(|user| *user == job.spec.user)
            && statuses
                .as_ref()
                .is_none_or(|s| s.contains(&job.state.status))
            && types
                .as_ref()
                .is_none_or(|t| t.contains(&job.spec.job_type.as_str()))
    };
    match wanted.after {
        Some(after) => changed(hub, wanted, after, limit, who, fits, now),
        None => present(hub, wanted, limit, fits, now),
    }
}

fn present(
    hub: &Hub,
    wanted: &ListJobs,
    limit: usize,
    fits: impl Fn(&Job) -> bool,
    now: Now,
) -> Result<JobsAnswer, Refusal> {
    let before: Option<JobId> = match &wanted.cursor {
        Some(cursor) => Some(cursor.parse().map_err(|_| {
            Refusal::new(
                Code::BadQuery,
                "cursor: give back the nextCursor of an earlier answer",
            )
        })?),
        None => None,
    };
    let listing = hub.all();
    let mut jobs: Vec<Arc<Job>> = listing
        .jobs
        .into_iter()
        .filter(|job| before.is_none_or(|before| job.id() < before) && fits(job))
        .collect();
    jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.id()));
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    Ok(JobsAnswer {
        next_cursor: jobs.last().filter(|_| more).map(|job| job.id().to_string()),
        jobs: jobs.iter().map(|job| job.view(now.mono)).collect(),
        removed: Vec::new(),
        revision: listing.revision,
        epoch: hub.epoch(),
    })
}

fn changed(
    hub: &Hub,
    wanted: &ListJobs,
    after: u64,
    limit: usize,
    who: &Identity,
    fits: impl Fn(&Job) -> bool,
    now: Now,
) -> Result<JobsAnswer, Refusal> {
    let gone = || {
        Refusal::new(
            Code::EpochChanged,
            "Revisions of another run of the daemon, or too old: ask again without after",
        )
    };
    if wanted.epoch != Some(hub.epoch()) {
        return Err(gone());
    }
    let listing = hub.since(after).ok_or_else(gone)?;
    let mut revision = listing.revision;
    let mut jobs: Vec<Arc<Job>> = listing.jobs.into_iter().filter(|job| fits(job)).collect();
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    if more && let Some(last) = jobs.last() {
        revision = last.state.revision;
    }
    Ok(JobsAnswer {
        jobs: jobs.iter().map(|job| job.view(now.mono)).collect(),
        removed: listing
            .removed
            .into_iter()
            .filter(|(_, owner)| who.sees(owner))
            .map(|(id, _)| id)
            .collect(),
        next_cursor: more.then(|| revision.to_string()),
        revision,
        epoch: hub.epoch(),
    })
}

fn statuses(text: &str) -> Result<Vec<Status>, Refusal> {
    text.split(',')
        .map(|word| {
            Status::from_word(word.trim()).ok_or_else(|| {
                Refusal::new(
                    Code::BadQuery,
                    "status: pending, running, paused, completed, failed or cancelled",
                )
            })
        })
        .collect()
}
