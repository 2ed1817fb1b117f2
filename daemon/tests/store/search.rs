//! What is searched in the archive is what a look at every single job would find, in the same order, page by page, also
//! after a start that reads everything anew.

use std::cmp::Ordering;
use std::sync::Arc;

use jobtop_core::job::failure::Failure;
use jobtop_core::job::progress::{CountsReport, Report};
use jobtop_core::proto::history::{GroupBy, Order, SortBy};
use jobtop_core::proto::view::View;
use jobtop_core::query::{Query, Today};
use jobtop_core::{Job, JobId, JobType, Now, Timestamp, UserId};
use jobtopd::engine::outcome::Write;
use jobtopd::store::{Asked, Position, Wanted};

use crate::kept::{Kept, job, record, settings};

const JOBS: u128 = 9_500;
const DAY: i64 = 86_400_000;

/// A job that ended, of one of many kinds.
fn varied(number: u128, now: Now) -> Arc<Job> {
    let n = number as u64;
    let pick = |of: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23) % of;
    let mut job = job(number, 40.0, now);
    let mut spec = (*job.spec).clone();
    let types = ["csv_processing", "field_mapping", "api_upload", "etl"];
    spec.job_type = JobType::new(types[pick(4) as usize]).unwrap();
    spec.user = UserId::new(&format!("analyst{}", pick(7))).unwrap();
    spec.name = format!("Orders-{}.CSV", pick(900)).into();
    spec.tags = if pick(5) == 0 {
        Arc::new(["nightly".into()])
    } else {
        Arc::new([])
    };
    spec.host = (pick(3) > 0).then(|| "etl1".into());
    job.spec = Arc::new(spec);
    let counts = Report {
        metrics: Some(CountsReport {
            processed_items: Some(pick(100_000)),
            error_count: Some(pick(11)),
            ..CountsReport::default()
        }),
        message: Some(format!("Größe {} von 12", pick(12)).into()),
        ..Report::default()
    };
    job.resume(now).unwrap();
    job.report(&counts, now).unwrap();
    match pick(10) {
        0 => job.cancel(now).unwrap(),
        1 | 2 => {
            let failure = Failure {
                code: "timeout".into(),
                message: format!("row {} of /data/in-{}.csv: Timeout", pick(5_000), pick(9)).into(),
                step: None,
                exit_code: None,
                signal: None,
                suggestion: None,
                last_lines: None,
            };
            job.fail(failure, now).unwrap();
        }
        _ => job.complete(now).unwrap(),
    }
    // Many end at the same moment, and not in the order in which they are kept.
    let ago = pick(40) as i64 * DAY / 8 + pick(7) as i64;
    job.state.finished_at = Some(now.wall.plus_ms(-ago));
    job.state.start_time = Some(now.wall.plus_ms(-ago - pick(100_000) as i64));
    Arc::new(job)
}

fn key(job: &Job, by: SortBy, mono: u64) -> (i64, String) {
    let state = &job.state;
    let number = match by {
        SortBy::Finished => state.finished_at.unwrap().0,
        SortBy::Started => state.start_time.unwrap().0,
        SortBy::Duration => state.stopwatch.active_ms(mono) as i64,
        SortBy::Errors => state.counts.error_count as i64,
        SortBy::Name => return (0, job.spec.name.to_lowercase()),
    };
    (number, String::new())
}

/// What a look at every job gives.
fn expected(jobs: &[Arc<Job>], wanted: &Wanted, now: Now) -> Vec<JobId> {
    let mut fitting: Vec<&Arc<Job>> = jobs
        .iter()
        .filter(|job| {
            wanted
                .owner
                .as_ref()
                .is_none_or(|owner| *owner == job.spec.user)
                && wanted.query.matches(&job.view(now.mono), wanted.now)
        })
        .collect();
    let by = wanted.order.by;
    fitting.sort_by(|a, b| {
        let order: Ordering = key(a, by, now.mono)
            .cmp(&key(b, by, now.mono))
            .then(a.id().cmp(&b.id()));
        if wanted.order.descending {
            order.reverse()
        } else {
            order
        }
    });
    fitting.iter().map(|job| job.id()).collect()
}

fn wanted(filter: &str, order: &str, now: Timestamp) -> Wanted {
    let today = Today {
        now,
        tz: jiff::tz::TimeZone::UTC,
    };
    Wanted {
        query: Query::parse(filter, &today).unwrap(),
        owner: None,
        order: order.parse::<Order>().unwrap(),
        limit: usize::MAX,
        after: None,
        now,
    }
}

fn check(kept: &Kept, jobs: &[Arc<Job>], now: Now) {
    let archive = &kept.opened.archive;
    let asked = kept.clock.now().wall;
    for (filter, order) in [
        ("", "-finished"),
        ("", "finished"),
        ("status:failed", "-finished"),
        (
            "type:etl status:failed,cancelled user:analyst3",
            "-finished",
        ),
        ("-type:etl tag:nightly host:etl1", "finished"),
        ("-tag:nightly", "-errors"),
        ("orders-77", "name"),
        ("name:ORDERS-8", "-started"),
        ("größe", "-duration"),
        ("\"GRÖSSE\"", "-finished"),
        ("error:timeout since:2d", "-finished"),
        ("timeout", "-finished"),
        ("-timeout errors>=9", "-finished"),
        ("\"row 1\" until:3d", "started"),
        ("rate>1000 -status:cancelled", "errors"),
        ("progress<100", "-finished"),
        ("health:poor", "-finished"),
        ("queue:elsewhere", "-finished"),
        ("since:36h until:30h", "-name"),
        ("-since:1d", "-finished"),
        ("job_01", "-finished"),
        ("5x", "-finished"),
        ("name:orders-1,orders-2", "duration"),
    ] {
        let mut wanted = wanted(filter, order, asked);
        let expected = expected(jobs, &wanted, now);
        assert_eq!(archive.ids(&wanted), expected, "{filter} by {order}");
        wanted.owner = UserId::new("analyst5").ok();
        let own = self::expected(jobs, &wanted, now);
        assert_eq!(archive.ids(&wanted), own, "{filter} by {order} of one");
        // The same in pages, as far as they go.
        wanted.owner = None;
        wanted.limit = 97;
        let mut paged = Vec::new();
        for _ in 0..6 {
            let page = archive.search_now(&wanted);
            paged.extend(page.jobs.iter().map(|job| {
                let view: View = serde_json::from_str(job.get()).unwrap();
                view.id
            }));
            let Some(next) = page.next else {
                assert_eq!(
                    paged.len(),
                    expected.len(),
                    "{filter} by {order}: it ends too early"
                );
                break;
            };
            let Position { id, .. } = next;
            assert_eq!(paged.last(), Some(&id), "{filter} by {order}");
            wanted.after = Some(next);
        }
        assert_eq!(
            paged,
            expected[..paged.len()],
            "{filter} by {order}, in pages"
        );
    }
    let known = |id: &str| {
        let wanted = wanted(id, "-finished", asked);
        archive.ids(&wanted)
    };
    let id = jobs[4_321].id();
    assert_eq!(known(&format!("id:{id}")), [id]);
    assert_eq!(
        known(&id.to_string()[12..]),
        [id],
        "a part of an id is a word"
    );
}

#[tokio::test]
async fn a_search_finds_what_a_look_at_every_job_finds() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path(), &settings());
    let now = kept.clock.now();
    let mut jobs: Vec<Arc<Job>> = (0..JOBS).map(|number| varied(number, now)).collect();
    let write = |job: &Arc<Job>| Write::Ended(record((**job).clone()));
    for some in jobs.chunks(500) {
        assert!(kept.commit_all(some.iter().map(write).collect()).await);
    }
    // Some are kept once more, changed: the later record counts, the earlier one is found no more.
    for job in jobs.iter_mut().step_by(1_000) {
        let job = Arc::make_mut(job);
        job.state.message = Some("said later".into());
        assert!(kept.commit(Write::Ended(record(job.clone()))).await);
    }
    check(&kept, &jobs, now);
    let later = wanted("\"said later\"", "-finished", kept.clock.now().wall);
    assert_eq!(kept.opened.archive.ids(&later).len(), 10);
    let figures = kept.opened.archive.figures();
    assert_eq!(figures.records, jobs.len() as u64);
    kept.close().await;

    let again = Kept::open(dir.path(), &settings());
    // An id that nobody has is looked for until everything is indexed.
    assert!(again.opened.archive.get(JobId(7)).await.is_none());
    check(&again, &jobs, now);
    assert_eq!(again.opened.archive.figures().records, jobs.len() as u64);
}

#[tokio::test]
async fn figures_are_those_of_the_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path(), &settings());
    let now = kept.clock.now();
    let jobs: Vec<Arc<Job>> = (0..2_000).map(|number| varied(number, now)).collect();
    let write = |job: &Arc<Job>| Write::Ended(record((**job).clone()));
    for some in jobs.chunks(500) {
        assert!(kept.commit_all(some.iter().map(write).collect()).await);
    }
    let asked = Asked {
        query: Query::default(),
        owner: None,
        group_by: GroupBy::Type,
        limit: 100,
        now: kept.clock.now().wall,
        tz: jiff::tz::TimeZone::UTC,
    };
    let told = kept.opened.archive.analyse_now(&asked);
    assert_eq!(told.groups.len(), 4);
    for group in &told.groups {
        let of_it = || {
            jobs.iter()
                .filter(|job| job.spec.job_type.as_str() == group.key)
        };
        let count = |word: &str| {
            of_it()
                .filter(|job| job.state.status.word() == word)
                .count() as u64
        };
        assert_eq!(group.total, of_it().count() as u64, "{}", group.key);
        assert_eq!(group.completed, count("completed"));
        assert_eq!(
            (group.failed, group.cancelled),
            (count("failed"), count("cancelled"))
        );
        let mut ms: Vec<u64> = of_it()
            .filter(|job| job.state.status.word() == "completed")
            .map(|job| job.state.stopwatch.active_ms(now.mono))
            .collect();
        ms.sort_unstable();
        let p90 = ms[(ms.len() * 90).div_ceil(100) - 1];
        assert_eq!(group.active_seconds.p90, Some(p90 as f64 / 1000.0));
        assert!(!group.steps.is_empty(), "{group:?}");
    }
    let totals: Vec<u64> = told.groups.iter().map(|group| group.total).collect();
    assert!(totals.is_sorted_by(|a, b| a >= b), "{totals:?}");
    // All failures differ in a number and a path alone.
    let failed = jobs.iter().filter(|job| job.state.failure.is_some());
    let [errors] = &told.errors[..] else {
        panic!("{:?}", told.errors)
    };
    assert_eq!(errors.pattern, "row # of <path>: Timeout");
    assert_eq!(errors.count, failed.clone().count() as u64);
    let last = failed.map(|job| job.state.finished_at.unwrap()).max();
    assert_eq!(Some(errors.last_seen), last);
    for by in [GroupBy::User, GroupBy::Name, GroupBy::Day] {
        let asked = Asked {
            group_by: by,
            limit: 10_000,
            ..asked.clone()
        };
        let told = kept.opened.archive.analyse_now(&asked);
        let all: u64 = told.groups.iter().map(|group| group.total).sum();
        assert_eq!(all, jobs.len() as u64, "{by:?}");
        let names = told
            .groups
            .iter()
            .any(|group| group.key.starts_with("Orders-"));
        assert_eq!(names, by == GroupBy::Name, "as it was written");
    }
}

#[tokio::test]
async fn a_page_of_large_jobs_is_shorter_and_none_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path(), &settings());
    let now = kept.clock.now();
    for number in 0..60 {
        let mut job = (*varied(number, now)).clone();
        let mut spec = (*job.spec).clone();
        let text = format!("{{\"notes\":\"{}\"}}", "x".repeat(60_000));
        spec.config = serde_json::from_str(&text).unwrap();
        job.spec = Arc::new(spec);
        assert!(kept.commit(Write::Ended(record(job))).await);
    }
    let mut wanted = wanted("", "name", kept.clock.now().wall);
    let (mut pages, mut jobs) = (0, 0);
    loop {
        let page = kept.opened.archive.search_now(&wanted);
        let bytes: usize = page.jobs.iter().map(|job| job.get().len()).sum();
        assert!(bytes < 1_200_000, "{bytes}");
        pages += 1;
        jobs += page.jobs.len();
        let Some(next) = page.next else { break };
        wanted.after = Some(next);
    }
    assert_eq!((pages, jobs), (4, 60));
}
