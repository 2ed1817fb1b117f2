//! What a client can subscribe to, by name.

use std::fmt;
use std::sync::Arc;

use crate::id::{JOB_PREFIX, JobId, UserId};
use crate::job::refusal::{Code, Refusal};
use crate::text;

/// Longest name of a channel, in bytes.
pub const MAX_NAME: usize = 200;

/// A channel: its name as the client said it, and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Channel {
    name: Arc<str>,
    /// What it means.
    pub topic: Topic,
}

/// What a channel is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Every job that the identity may see: `jobs`.
    Jobs,
    /// The jobs of a user: `job:{userId}`.
    User(UserId),
    /// One job: `job:{jobId}`; `None` for a well-formed id that this daemon could not have made.
    Job(Option<JobId>),
    /// The alerts: `alerts`.
    Alerts,
    /// A job's output: `log:{jobId}`.
    Log(Option<JobId>),
}

impl Channel {
    /// Reads a channel's name.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let unknown = || {
            let shown = text::clean_within(name, 80);
            Refusal::new(
                Code::UnknownChannel,
                format!(
                    "No channel {shown}; there are jobs, job:USER, job:JOB_ID, log:JOB_ID and alerts"
                ),
            )
        };
        if name.len() > MAX_NAME {
            return Err(Refusal::new(
                Code::UnknownChannel,
                format!("A channel's name has at most {MAX_NAME} characters"),
            ));
        }
        let topic = match name {
            "jobs" => Topic::Jobs,
            "alerts" => Topic::Alerts,
            _ => {
                if let Some(id) = name.strip_prefix("log:") {
                    Topic::Log(job_id(id).ok_or_else(unknown)?)
                } else if let Some(rest) = name.strip_prefix("job:") {
                    match job_id(rest) {
                        Some(id) => Topic::Job(id),
                        None => Topic::User(UserId::new(rest).map_err(|_| unknown())?),
                    }
                } else {
                    return Err(unknown());
                }
            }
        };
        Ok(Self {
            name: name.into(),
            topic,
        })
    }

    /// The name as the client said it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// `None`: not of a job id's form; `Some(None)`: of its form, but none that we could have made.
#[expect(clippy::option_option, reason = "three cases, named in the line above")]
fn job_id(text: &str) -> Option<Option<JobId>> {
    let rest = text.strip_prefix(JOB_PREFIX)?;
    let formed = !rest.is_empty()
        && rest
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    formed.then(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_they_mean() {
        let id: JobId = "job_01JD8ZAAAAAAAAAAAAAAAAAAAA".parse().unwrap();
        for (name, topic) in [
            ("jobs", Some(Topic::Jobs)),
            ("alerts", Some(Topic::Alerts)),
            (
                "job:analyst1",
                Some(Topic::User(UserId::new("analyst1").unwrap())),
            ),
            (
                "job:job_01JD8ZAAAAAAAAAAAAAAAAAAAA",
                Some(Topic::Job(Some(id))),
            ),
            ("job:job_1732_abc", Some(Topic::Job(None))),
            (
                "log:job_01JD8ZAAAAAAAAAAAAAAAAAAAA",
                Some(Topic::Log(Some(id))),
            ),
            ("", None),
            ("job:", None),
            ("job:job_", None),
            ("job:a b", None),
            ("log:analyst1", None),
            ("metrics", None),
        ] {
            assert_eq!(Channel::parse(name).ok().map(|c| c.topic), topic, "{name}");
        }
        assert!(Channel::parse(&format!("job:{}", "x".repeat(300))).is_err());
    }
}
