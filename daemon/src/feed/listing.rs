//! The live set as a list: `GET /api/jobs` and `list_jobs`, filtered, paged, or only what changed.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jobtop_core::access::Identity;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::body::JobsAnswer;
use jobtop_core::proto::request::ListJobs;
use jobtop_core::proto::view::View;
use jobtop_core::query::{Field, Query, Today};
use jobtop_core::{Job, JobId, Now};

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
    let filter = filter(wanted, now)?;
    let view = |job: &Arc<Job>| {
        let seen = who.sees(&job.spec.user)
            && wanted
                .user_id
                .as_ref()
                .is_none_or(|user| *user == job.spec.user);
        let view = seen.then(|| job.view(now.mono))?;
        filter.matches(&view, now.wall).then_some(view)
    };
    match wanted.after {
        Some(after) => changed(hub, wanted.epoch, after, limit, who, view),
        None => present(hub, wanted, limit, view),
    }
}

/// The filter that `q`, `status` and `type` make together.
fn filter(wanted: &ListJobs, now: Now) -> Result<Query, Refusal> {
    let today = Today {
        now: now.wall,
        tz: TimeZone::system(),
    };
    let bad = |parameter: &str, mistake: &dyn std::fmt::Display| {
        Refusal::new(Code::BadQuery, format!("{parameter}: {mistake}"))
    };
    let text = wanted.q.as_deref().unwrap_or_default();
    let mut filter = Query::parse(text, &today).map_err(|mistake| bad("q", &mistake))?;
    for (parameter, field, list) in [
        ("status", Field::Status, &wanted.status),
        ("type", Field::Type, &wanted.job_type),
    ] {
        if let Some(list) = list {
            filter
                .require(field, list, &today)
                .map_err(|mistake| bad(parameter, &mistake))?;
        }
    }
    Ok(filter)
}

/// The live set, newest first, a page at a time.
fn present(
    hub: &Hub,
    wanted: &ListJobs,
    limit: usize,
    view: impl Fn(&Arc<Job>) -> Option<View>,
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
    let mut jobs = listing.jobs;
    jobs.retain(|job| before.is_none_or(|before| job.id() < before));
    jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.id()));
    let mut views: Vec<View> = jobs.iter().filter_map(view).take(limit + 1).collect();
    let more = views.len() > limit;
    views.truncate(limit);
    Ok(JobsAnswer {
        next_cursor: views.last().filter(|_| more).map(|job| job.id.to_string()),
        jobs: views,
        removed: Vec::new(),
        revision: listing.revision,
        epoch: hub.epoch(),
    })
}

/// What changed after a revision, in the order of revisions.
fn changed(
    hub: &Hub,
    epoch: Option<u64>,
    after: u64,
    limit: usize,
    who: &Identity,
    view: impl Fn(&Arc<Job>) -> Option<View>,
) -> Result<JobsAnswer, Refusal> {
    let gone = || {
        Refusal::new(
            Code::EpochChanged,
            "Revisions of another run of the daemon, or too old: ask again without after",
        )
    };
    if epoch != Some(hub.epoch()) {
        return Err(gone());
    }
    let listing = hub.since(after).ok_or_else(gone)?;
    let mut views: Vec<View> = listing
        .jobs
        .iter()
        .filter_map(view)
        .take(limit + 1)
        .collect();
    let more = views.len() > limit;
    views.truncate(limit);
    let revision = views
        .last()
        .filter(|_| more)
        .map_or(listing.revision, |last| last.revision);
    Ok(JobsAnswer {
        jobs: views,
        removed: listing
            .removed
            .into_iter()
            .filter(|(_, owner)| who.sees(owner))
            .map(|(id, _)| id)
            .collect(),
        // The next page begins after the last job of this one.
        next_cursor: more.then(|| revision.to_string()),
        revision,
        epoch: hub.epoch(),
    })
}
