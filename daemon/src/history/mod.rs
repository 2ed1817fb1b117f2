//! Questions about finished jobs, as clients put them: parameters are checked and become a filter, an order, a place to go
//! on from; the archive answers.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jobtop_core::UserId;
use jobtop_core::access::{Identity, Role};
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::history::{
    AnalyticsAnswer, GroupBy, HistoryAnswer, HistoryWanted, Order, SortBy, StoreAnswer,
};
use jobtop_core::query::{Field, Query, Today};
use jobtop_core::text;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::engine::outcome::StoreHealth;
use crate::feed::session::{Answering, HistoryPage, Past};
use crate::store::{Archive, Asked, Wanted};
use cursor::Cursor;

mod cursor;

/// How many jobs a page has unless asked otherwise, and at most.
const PAGE: (usize, usize) = (50, 1_000);
/// The same for groups.
const GROUPS: (usize, usize) = (100, 1_000);

/// Answers from the archive.
#[derive(Clone, Debug)]
pub(crate) struct History {
    archive: Archive,
    health: watch::Receiver<StoreHealth>,
    clock: Clock,
}

impl History {
    pub(crate) fn new(
        archive: Archive,
        health: watch::Receiver<StoreHealth>,
        clock: Clock,
    ) -> Self {
        Self {
            archive,
            health,
            clock,
        }
    }

    async fn jobs(self, wanted: HistoryWanted, who: Identity) -> Result<HistoryPage, Refusal> {
        let now = self.clock.now();
        let order = match wanted.sort.as_deref().filter(|sort| !sort.is_empty()) {
            Some(sort) => sort.parse().map_err(|()| bad_sort(sort))?,
            None => Order::default(),
        };
        let owner = owner(&wanted, &who)?;
        let today = today(now.wall);
        let query = filter(&wanted, &today)?;
        let limit = limit(wanted.limit, PAGE)?;
        // Pages of one answer belong together: the same filter, the same order, as of the same moment.
        let asked = cursor::digest(&query, owner.as_ref(), order);
        let given = wanted.cursor.as_deref().filter(|cursor| !cursor.is_empty());
        let from = given.map(|text| Cursor::read(text, asked)).transpose()?;
        let at = from.as_ref().map_or(now.wall, |from| from.at);
        let page = self
            .archive
            .search(Wanted {
                query,
                owner,
                order,
                limit,
                after: from.map(|from| from.position),
                now: at,
            })
            .await;
        let next = page.next.map(|position| Cursor {
            asked,
            at,
            position,
        });
        Ok(HistoryAnswer {
            jobs: page.jobs,
            next_cursor: next.map(|cursor| cursor.to_string()),
            indexed_from: page.indexed_from,
        })
    }

    async fn figures(
        self,
        wanted: HistoryWanted,
        who: Identity,
    ) -> Result<AnalyticsAnswer, Refusal> {
        let now = self.clock.now().wall;
        let group_by = match wanted.group_by.as_deref().filter(|by| !by.is_empty()) {
            Some(by) => by.parse().map_err(|()| bad_group(by))?,
            None => GroupBy::default(),
        };
        let today = today(now);
        let analysis = self
            .archive
            .analyse(Asked {
                query: filter(&wanted, &today)?,
                owner: owner(&wanted, &who)?,
                group_by,
                limit: limit(wanted.limit, GROUPS)?,
                now,
                tz: today.tz,
            })
            .await;
        Ok(AnalyticsAnswer {
            groups: analysis.groups,
            errors: analysis.errors,
            indexed_from: analysis.indexed_from,
        })
    }
}

impl Past for History {
    fn history(&self, wanted: HistoryWanted, who: Identity) -> Answering<HistoryPage> {
        Box::pin(self.clone().jobs(wanted, who))
    }

    fn analytics(&self, wanted: HistoryWanted, who: Identity) -> Answering<AnalyticsAnswer> {
        Box::pin(self.clone().figures(wanted, who))
    }

    fn store(&self, who: &Identity) -> Result<StoreAnswer, Refusal> {
        if who.role == Role::User {
            return Err(Refusal::new(
                Code::Forbidden,
                "What the store has is for viewers and admins",
            ));
        }
        let figures = self.archive.figures();
        let health = self.health.borrow();
        let reason = match &*health {
            StoreHealth::Good => None,
            StoreHealth::NoRoom => Some(
                "the disk is full: new jobs are refused until there is room, what is under way goes on"
                    .to_owned(),
            ),
            StoreHealth::Degraded(why) => Some(why.clone()),
        };
        Ok(StoreAnswer {
            records: figures.records,
            periods: figures.periods as u64,
            live_bytes: figures.live_bytes,
            disk_bytes: figures.disk_bytes,
            last_compaction: figures.last_checkpoint,
            indexed: figures.indexed,
            state: health.word().to_owned(),
            reason,
            damage: figures.damage,
        })
    }
}

/// As the daemon's own parts see it.
pub(crate) fn shared(
    archive: Archive,
    health: watch::Receiver<StoreHealth>,
    clock: Clock,
) -> Arc<dyn Past> {
    Arc::new(History::new(archive, health, clock))
}

fn today(now: jobtop_core::Timestamp) -> Today {
    Today {
        now,
        tz: TimeZone::system(),
    }
}

/// Whose jobs alone are told: the user's who is named, or of a client that sees no others its own.
fn owner(wanted: &HistoryWanted, who: &Identity) -> Result<Option<UserId>, Refusal> {
    if let Some(user) = &wanted.user_id {
        if !who.may_assume {
            who.check_sees(user)?;
        }
        return Ok(Some(user.clone()));
    }
    let sees_all = matches!(who.role, Role::Viewer | Role::Admin);
    Ok((!sees_all).then(|| who.user.clone()))
}

/// The filter that `q`, `status`, `type`, `since` and `until` make together.
fn filter(wanted: &HistoryWanted, today: &Today) -> Result<Query, Refusal> {
    let bad = |parameter: &str, mistake: &dyn std::fmt::Display| {
        Refusal::new(Code::BadQuery, format!("{parameter}: {mistake}"))
    };
    let text = wanted.q.as_deref().unwrap_or_default();
    let mut filter = Query::parse(text, today)?;
    for (parameter, field, list) in [
        ("status", Field::Status, &wanted.status),
        ("type", Field::Type, &wanted.job_type),
        ("since", Field::Since, &wanted.since),
        ("until", Field::Until, &wanted.until),
    ] {
        if let Some(list) = list.as_deref().filter(|list| !list.is_empty()) {
            filter
                .require(field, list, today)
                .map_err(|mistake| bad(parameter, &mistake))?;
        }
    }
    Ok(filter)
}

fn limit(wanted: Option<u64>, (usual, most): (usize, usize)) -> Result<usize, Refusal> {
    match wanted {
        Some(0) => Err(Refusal::new(Code::BadQuery, "limit: at least 1")),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(most).min(most)),
        None => Ok(usual),
    }
}

fn bad_sort(given: &str) -> Refusal {
    let known: Vec<&str> = SortBy::ALL.iter().map(|by| by.word()).collect();
    Refusal::new(
        Code::BadQuery,
        format!(
            "sort: {:?} is none of {}; a - before it turns the order round",
            text::clean_within(given, 40),
            known.join(", ")
        ),
    )
}

fn bad_group(given: &str) -> Refusal {
    let known: Vec<&str> = GroupBy::ALL.iter().map(|by| by.word()).collect();
    Refusal::new(
        Code::BadQuery,
        format!(
            "groupBy: {:?} is none of {}",
            text::clean_within(given, 40),
            known.join(", ")
        ),
    )
}
