//! The live set as a list: `GET /api/jobs` and `list_jobs`, filtered, paged, or only what changed.

use jiff::tz::TimeZone;
use jobtop_core::access::Identity;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::body::JobsAnswer;
use jobtop_core::proto::request::ListJobs;
use jobtop_core::proto::view::View;
use jobtop_core::query::{Field, Query, Today};
use jobtop_core::{Job, JobId, Now, UserId};

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
    let fits = Fits {
        who,
        user: wanted.user_id.as_ref(),
        filter: filter(wanted, now)?,
        now,
    };
    match wanted.after {
        Some(after) => changed(hub, wanted, after, limit, who, &fits),
        None => present(hub, wanted, limit, &fits),
    }
}

/// Which jobs are listed.
struct Fits<'a> {
    who: &'a Identity,
    user: Option<&'a UserId>,
    filter: Query,
    now: Now,
}

impl Fits<'_> {
    /// Whether the job is one of those asked about, whatever becomes of it: its owner never changes.
    fn sees(&self, job: &Job) -> bool {
        let owner = &job.spec.user;
        self.who.sees(owner) && self.user.is_none_or(|user| user == owner)
    }

    /// The job as it is said, if the filter lets it through.
    fn view(&self, job: &Job) -> Option<View> {
        let view = job.view(self.now.mono);
        self.filter.matches(&view, self.now.wall).then_some(view)
    }
}

fn bad_cursor() -> Refusal {
    Refusal::new(
        Code::BadQuery,
        "cursor: give back the nextCursor of an earlier answer",
    )
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
    fits: &Fits<'_>,
) -> Result<JobsAnswer, Refusal> {
    let before: Option<JobId> = match &wanted.cursor {
        Some(cursor) => Some(cursor.parse().map_err(|_| bad_cursor())?),
        None => None,
    };
    let listing = hub.all();
    let mut jobs = listing.jobs;
    jobs.retain(|job| before.is_none_or(|before| job.id() < before));
    jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.id()));
    let listed = jobs
        .iter()
        .filter(|job| fits.sees(job))
        .filter_map(|job| fits.view(job));
    let mut views: Vec<View> = listed.take(limit + 1).collect();
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
    wanted: &ListJobs,
    after: u64,
    limit: usize,
    who: &Identity,
    fits: &Fits<'_>,
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
    // A later page of the same answer goes on where the one before it ended.
    let after = match &wanted.cursor {
        Some(cursor) => cursor.parse::<u64>().map_err(|_| bad_cursor())?.max(after),
        None => after,
    };
    let listing = hub.since(after).ok_or_else(gone)?;
    let mut removed: Vec<JobId> = listing
        .removed
        .into_iter()
        .filter(|(_, owner)| who.sees(owner))
        .map(|(id, _)| id)
        .collect();
    let (mut views, mut revision, mut more) = (Vec::new(), listing.revision, false);
    for job in listing.jobs.iter().filter(|job| fits.sees(job)) {
        match fits.view(job) {
            // It may have been listed before it changed.
            None => removed.push(job.id()),
            Some(_) if views.len() == limit => {
                more = true;
                break;
            }
            Some(view) => {
                if views.len() + 1 == limit {
                    revision = view.revision;
                }
                views.push(view);
            }
        }
    }
    if !more {
        revision = listing.revision;
    }
    Ok(JobsAnswer {
        jobs: views,
        removed,
        // The next page begins after the last job of this one.
        next_cursor: more.then(|| revision.to_string()),
        revision,
        epoch: hub.epoch(),
    })
}
