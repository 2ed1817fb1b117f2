//! What a hook is told: the body, and the variables that a command finds it in too.

use std::sync::Arc;

use jobtop_core::job::failure::Failure;
use jobtop_core::policy::Limits;
use jobtop_core::proto::body::NewJob;
use jobtop_core::proto::view::View;
use jobtop_core::{JobId, JobType, Now, Timestamp, UserId, text};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::create;

/// The variables of a command that say what it is told.
pub(super) const VARIABLES: [&str; 9] = [
    "JOBTOP_EVENT",
    "JOBTOP_JOB_ID",
    "JOBTOP_JOB_NAME",
    "JOBTOP_JOB_TYPE",
    "JOBTOP_JOB_STATUS",
    "JOBTOP_JOB_USER",
    "JOBTOP_JOB_ERROR",
    "JOBTOP_ALERT_RULE",
    "JOBTOP_ALERT_MESSAGE",
];

/// One thing that one hook is to be told, until it has been.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Delivery {
    /// Unique, and the same over all attempts.
    pub(super) id: Box<str>,
    /// Whom.
    pub(super) hook: Arc<str>,
    /// Of what kind: `failed` and the like.
    pub(super) event: Box<str>,
    /// What it is about: deliveries of the same come one after the other.
    pub(super) about: Box<str>,
    /// When it happened.
    pub(super) at: Timestamp,
    /// The JSON that is said.
    pub(super) body: Box<str>,
}

/// Who says it.
#[derive(Clone, Debug)]
pub(crate) struct Speaker {
    /// The name of this machine.
    pub(crate) host: String,
    /// The epoch of the daemon.
    pub(crate) epoch: u64,
}

/// What it is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// A job as it was.
    Job(&'a View),
    /// An alert.
    Alert(&'a Value),
}

#[derive(Serialize)]
struct Payload<'a> {
    event: &'a str,
    at: Timestamp,
    host: &'a str,
    daemon: Daemon,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<&'a View>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<&'a Value>,
}

#[derive(Serialize)]
struct Daemon {
    version: &'static str,
    epoch: u64,
}

impl Speaker {
    /// The JSON that says it.
    pub(super) fn says(&self, event: &str, at: Timestamp, subject: Subject<'_>) -> Box<str> {
        let (job, alert) = match subject {
            Subject::Job(job) => (Some(job), None),
            Subject::Alert(alert) => (None, Some(alert)),
        };
        let payload = Payload {
            event,
            at,
            host: &self.host,
            daemon: Daemon {
                version: env!("CARGO_PKG_VERSION"),
                epoch: self.epoch,
            },
            job,
            alert,
        };
        // Our own types always become JSON.
        serde_json::to_string(&payload).unwrap_or_default().into()
    }
}

/// The variables that a command finds it in: what strangers wrote steers no terminal.
pub(super) fn variables(delivery: &Delivery) -> Vec<(&'static str, String)> {
    let said: Value = serde_json::from_str(&delivery.body).unwrap_or_default();
    let (job, alert) = (&said["job"], &said["alert"]);
    let said = |name: &str| job[name].as_str();
    let members = [
        Some(&*delivery.event),
        said("id"),
        said("name"),
        said("type"),
        said("status"),
        said("userId"),
        said("error"),
        alert["rule"].as_str(),
        alert["message"].as_str(),
    ];
    let mut found = Vec::new();
    for (name, value) in VARIABLES.into_iter().zip(members) {
        if let Some(value) = value {
            let clean = text::clean_within(value, text::MESSAGE_CHARS);
            found.push((name, clean.into_owned()));
        }
    }
    found
}

/// A job that has failed, as hooks are told of one.
pub(super) fn sample(now: Now, random: u128) -> Option<View> {
    let mut new = NewJob::of(JobType::new("sample").ok()?);
    new.name = Some("A sample of jobtop hooks test".into());
    let owner = UserId::new("nobody").ok()?;
    let limits = Limits::default();
    let id = JobId::new(now.wall, random);
    let mut job = create::build(id, owner, new, None, (&limits, now)).ok()?;
    job.fail(
        Failure {
            code: "sample".into(),
            message: "Nothing has failed: this is a sample".into(),
            step: None,
            exit_code: None,
            signal: None,
            suggestion: None,
            last_lines: None,
        },
        now,
    )
    .ok()?;
    Some(job.view(now.mono))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_steer_nothing() {
        let delivery = Delivery {
            id: "hook_1".into(),
            hook: "a".into(),
            event: "failed".into(),
            about: "job_1".into(),
            at: Timestamp(0),
            body: r#"{"job":{"id":"job_1","name":"a\u0000b\u001b[31m","status":"failed","error":null}}"#
                .into(),
        };
        assert_eq!(
            variables(&delivery),
            [
                ("JOBTOP_EVENT", "failed".to_owned()),
                ("JOBTOP_JOB_ID", "job_1".to_owned()),
                ("JOBTOP_JOB_NAME", "a\u{fffd}b\u{fffd}[31m".to_owned()),
                ("JOBTOP_JOB_STATUS", "failed".to_owned()),
            ]
        );
    }
}
