//! The part of an address behind the `?`. Unknown parameters are ignored, like unknown fields of a body.

use std::time::Duration;

use axum::extract::Query;
use axum::http::Uri;
use jobtop_core::UserId;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::history::HistoryWanted;
use jobtop_core::proto::request::ListJobs;
use jobtop_core::text;

/// The user that the query names.
pub(super) fn user(uri: &Uri) -> Result<Option<UserId>, Refusal> {
    Parameters::of(uri)?.user()
}

/// What a WebSocket is for.
pub(super) fn feed(uri: &Uri) -> Result<FeedWanted, Refusal> {
    let given = Parameters::of(uri)?;
    let reports = match given.one("for")? {
        None | Some("feed") => false,
        Some("reports") => true,
        Some(other) => {
            return Err(bad(format!(
                "for must be feed or reports, not {:?}",
                text::clean_within(other, 40)
            )));
        }
    };
    Ok(FeedWanted {
        user: given.user()?,
        reports,
    })
}

/// What is wanted of a WebSocket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FeedWanted {
    /// The user that it is to be held to.
    pub(super) user: Option<UserId>,
    /// It reports, and subscribes to nothing.
    pub(super) reports: bool,
}

/// The parameters of `GET /api/jobs`. An empty one is as good as none, but for the user: that is more likely a mistake.
pub(super) fn list_jobs(uri: &Uri) -> Result<ListJobs, Refusal> {
    let given = Parameters::of(uri)?;
    Ok(ListJobs {
        user_id: given.user()?,
        status: given.text("status")?,
        job_type: given.text("type")?,
        q: given.text("q")?,
        after: given.number("after")?,
        epoch: given.number("epoch")?,
        limit: given.number("limit")?,
        cursor: given.text("cursor")?,
    })
}

/// The parameters of `GET /api/history` and `GET /api/analytics`.
pub(super) fn history(uri: &Uri) -> Result<HistoryWanted, Refusal> {
    let given = Parameters::of(uri)?;
    Ok(HistoryWanted {
        user_id: given.user()?,
        status: given.text("status")?,
        job_type: given.text("type")?,
        q: given.text("q")?,
        since: given.text("since")?,
        until: given.text("until")?,
        sort: given.text("sort")?,
        group_by: given.text("groupBy")?,
        limit: given.number("limit")?,
        cursor: given.text("cursor")?,
    })
}

/// What is wanted of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct LogWanted {
    /// From that byte on.
    pub(super) offset: Option<u64>,
    /// Its last lines.
    pub(super) tail: Option<u64>,
    /// One part of it, waiting so long for one where there is none.
    pub(super) wait: Option<Duration>,
}

/// Longest wait for a part of a log, in seconds.
const LONGEST_WAIT: u64 = 25;

/// The parameters of `GET /api/jobs/ID/log`.
pub(super) fn log(uri: &Uri) -> Result<LogWanted, Refusal> {
    let given = Parameters::of(uri)?;
    let wanted = LogWanted {
        offset: given.number("offset")?,
        tail: given.number("tail")?,
        wait: given.number("wait")?.map(Duration::from_secs),
    };
    if wanted.offset.is_some() && wanted.tail.is_some() {
        return Err(bad(
            "offset and tail are two ways to say where to begin: give one",
        ));
    }
    if wanted
        .wait
        .is_some_and(|wait| wait.as_secs() > LONGEST_WAIT)
    {
        return Err(bad(format!("wait: at most {LONGEST_WAIT} seconds")));
    }
    Ok(wanted)
}

struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(uri: &Uri) -> Result<Self, Refusal> {
        if uri.query().is_none_or(str::is_empty) {
            return Ok(Self(Vec::new()));
        }
        match Query::try_from_uri(uri) {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(_) => Err(bad(
                "The query can't be read: NAME=VALUE&…, percent-encoded",
            )),
        }
    }

    fn one(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (given, None) => Ok(given.map(|(_, value)| value.as_str())),
            (_, Some(_)) => Err(bad(format!("{name} is given twice"))),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        let given = self.one(name)?.filter(|value| !value.is_empty());
        Ok(given.map(str::to_owned))
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.one(name)?.filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        match value.parse() {
            Ok(number) if !value.starts_with('+') => Ok(Some(number)),
            _ => Err(bad(format!(
                "{name} must be a whole number, not {:?}",
                text::clean_within(value, 40)
            ))),
        }
    }

    fn user(&self) -> Result<Option<UserId>, Refusal> {
        self.one("userId")?
            .map(UserId::new)
            .transpose()
            .map_err(|wrong| bad(wrong.to_string()))
    }
}

fn bad(detail: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::BadQuery, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_of_a_log() {
        let read = |query: &str| log(&format!("/api/jobs/x/log{query}").parse().unwrap());
        assert_eq!(read(""), Ok(LogWanted::default()));
        let all = read("?offset=7&wait=25").unwrap();
        assert_eq!(
            (all.offset, all.wait),
            (Some(7), Some(Duration::from_secs(25)))
        );
        assert_eq!(read("?tail=0").unwrap().tail, Some(0));
        for wrong in [
            "?tail=-1",
            "?tail=x",
            "?offset=1&tail=1",
            "?wait=26",
            "?wait=0.5",
            "?tail=1&tail=2",
        ] {
            assert_eq!(
                read(wrong).map_err(|refusal| refusal.code),
                Err(Code::BadQuery),
                "{wrong}"
            );
        }
    }

    #[test]
    fn parameters() {
        let read = |query: &str| list_jobs(&format!("/api/jobs{query}").parse().unwrap());
        let all = read(
            "?userId=ann&status=failed%2Ccancelled&type=a&q=x+y&after=7&epoch=9&limit=5&cursor=c&_=1",
        )
        .unwrap();
        assert_eq!(all.user_id, UserId::new("ann").ok());
        assert_eq!(all.status.as_deref(), Some("failed,cancelled"));
        assert_eq!(all.q.as_deref(), Some("x y"));
        assert_eq!(
            (all.after, all.epoch, all.limit),
            (Some(7), Some(9), Some(5))
        );
        for nothing in ["", "?", "?status=&limit=", "?unknown=1"] {
            assert_eq!(read(nothing), Ok(ListJobs::default()), "{nothing}");
        }
        for (wrong, says) in [
            ("?after=x", "after must be a whole number"),
            ("?after=-1", "after must be a whole number"),
            ("?after=+1", "after must be a whole number"),
            ("?limit=1.5", "limit must be a whole number"),
            ("?epoch=99999999999999999999999", "epoch must be"),
            ("?userId=", "userId must be"),
            ("?userId=a%20b", "userId must be"),
            ("?userId=a&userId=b", "userId is given twice"),
            ("?q=a&q=b", "q is given twice"),
        ] {
            let refusal = read(wrong).unwrap_err();
            assert_eq!(refusal.code, Code::BadQuery, "{wrong}");
            assert!(refusal.detail.starts_with(says), "{wrong}: {refusal}");
        }
    }
}
