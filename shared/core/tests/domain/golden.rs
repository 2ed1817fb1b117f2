//! The wire of release 0.1 as files: what we say is what they say, and they are read as what was meant.
//!
//! A released sample never changes. A release that adds a field gets a folder of its own, and reads both.

use std::sync::Arc;

use jobtop_core::job::config::Config;
use jobtop_core::job::control::{Action, Capabilities};
use jobtop_core::job::failure::Failure;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::job::{Counts, Reply};
use jobtop_core::proto::body::{
    ActBody, FailBody, JobAnswer, JobsAnswer, NewJob, PriorityBody, Problem,
};
use jobtop_core::proto::message::{self, Message, Said};
use jobtop_core::proto::read;
use jobtop_core::proto::request::{Incoming, ListJobs, Named, Request, Subscribe, Update};
use jobtop_core::proto::view::View;
use jobtop_core::{Job, JobType, Status, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::made::{at, failure, report, running};

macro_rules! sample {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../golden/0.1/", $name, ".json")),
        )
    };
}

type Sample = (&'static str, &'static str);

/// A job with something in every field.
fn full() -> Job {
    let mut job = running();
    let mut spec = (*job.spec).clone();
    spec.config = serde_json::from_str::<Config>(r#"{"delimiter":";","rate":1.0e3}"#).unwrap();
    spec.retry_of = Some("job_01M85R5RZ0000000000000001A".parse().unwrap());
    spec.capabilities = Capabilities {
        retry: true,
        ..Capabilities::default()
    };
    job.spec = Arc::new(spec);
    job.state.priority = -3;
    job.report(
        &report(
            r#"{"progress": 41.7, "step": 2, "message": "part 7 of 12", "progressSource": "file offset",
                "metrics": {"totalItems": 120000, "processedItems": 50040, "errorCount": 3,
                            "totalBytes": 88000000, "processedBytes": 36700000}}"#,
        ),
        at(12_400),
    )
    .unwrap();
    job.state.revision = 90_210;
    job
}

/// Paused by a person, and the producer has not answered yet.
fn asked() -> Job {
    let mut job = full();
    job.pause(at(12_500)).unwrap();
    job.stall(at(12_500));
    job.state.revision = 90_211;
    job
}

/// Ended badly, with everything that can be said about it.
fn failed() -> Job {
    let mut job = full();
    let why = Failure {
        exit_code: Some(7),
        signal: Some(9),
        suggestion: Some("Free some space and start it again".into()),
        last_lines: Some(vec![
            "writing part 7".into(),
            "No space left on device".into(),
        ]),
        ..failure("The disk is full")
    };
    job.fail(why, at(13_000)).unwrap();
    job.state.revision = 90_212;
    job
}

fn same(sample: Sample, said: &str) {
    let (name, text) = sample;
    let expected: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    let value: Value = serde_json::from_str(said).unwrap_or_else(|e| panic!("{name}: {e}: {said}"));
    assert_eq!(value, expected, "{name}: we say {said}");
}

fn read_as(sample: Sample, expected: &Message) {
    let (name, text) = sample;
    let read = Message::read(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(&read, expected, "{name}");
}

#[test]
fn jobs() {
    for (sample, job) in [
        (sample!("job-full"), full()),
        (sample!("job-asked"), asked()),
        (sample!("job-failed"), failed()),
        (sample!("job-bare"), bare()),
    ] {
        let view = wire(&job);
        same(sample, &serde_json::to_string(&view).unwrap());
        let read: View = serde_json::from_str(sample.1).unwrap();
        assert_eq!(read, view, "{}", sample.0);
    }
}

/// A job that only has what every job has.
fn bare() -> Job {
    let mut job = super::made::pending();
    let mut spec = (*job.spec).clone();
    spec.job_type = JobType::new("x").unwrap();
    spec.host = None;
    spec.tags = [].into();
    job.spec = Arc::new(spec);
    job.state.steps = ["Processing".into()].into();
    job.state.counts = Counts::default();
    job
}

/// As the other side sees it.
fn wire(job: &Job) -> View {
    let mut view = job.view(at(14_000).mono);
    if let Some(request) = &mut view.control {
        request.before = None;
    }
    view
}

#[test]
fn what_the_daemon_says_about_jobs() {
    let job = full();
    let now = at(14_000);
    let channel = || "job:analyst1".to_owned();
    let spliced = |beginning: &str| message::with_channel(beginning, "job:analyst1");

    let sample = sample!("daemon/job_snapshot");
    same(sample, &spliced(&message::job_snapshot(&job, now)));
    let view = Box::new(wire(&job));
    read_as(
        sample,
        &Message::JobSnapshot {
            channel: channel(),
            job: view,
        },
    );

    for (sample, job) in [
        (sample!("daemon/job_update"), full()),
        (sample!("daemon/job_update-asked"), asked()),
        (sample!("daemon/job_update-failed"), failed()),
    ] {
        same(sample, &spliced(&message::job_update(&job, now)));
        let mut patch = Box::new(job.patch(now.mono));
        if let Some(request) = &mut patch.control {
            request.before = None;
        }
        let job_id = job.id();
        read_as(
            sample,
            &Message::JobUpdate {
                channel: channel(),
                job_id,
                patch,
            },
        );
    }

    let sample = sample!("daemon/job_removed");
    same(
        sample,
        &spliced(&message::job_removed(job.id(), 90_213, now)),
    );
    let (job_id, revision) = (job.id(), 90_213);
    read_as(
        sample,
        &Message::JobRemoved {
            channel: channel(),
            job_id,
            revision,
        },
    );
}

#[test]
fn what_else_the_daemon_says() {
    let timestamp = at(0).wall;
    let id = RawValue::from_string("\"r-1\"".to_owned()).unwrap();
    let id = &*id;
    let job_id = full().id();
    let name = job_id.to_string();
    let said = [
        (
            sample!("daemon/welcome"),
            Said::Welcome {
                client_id: "c7",
                timestamp,
                protocol: 1,
                server: "jobtopd 0.1.0",
                epoch: 5,
                revision: 90_210,
                user_id: "analyst1",
                role: "admin",
            },
        ),
        (
            sample!("daemon/subscribed"),
            Said::Subscribed {
                channel: "jobs",
                request_id: None,
                timestamp,
                revision: 90_210,
                epoch: 5,
                reset: false,
            },
        ),
        (
            sample!("daemon/subscribed-reset"),
            Said::Subscribed {
                channel: "jobs",
                request_id: Some(id),
                timestamp,
                revision: 90_210,
                epoch: 5,
                reset: true,
            },
        ),
        (
            sample!("daemon/unsubscribed"),
            Said::Unsubscribed {
                channel: "jobs",
                request_id: Some(id),
                timestamp,
            },
        ),
        (
            sample!("daemon/snapshot_end"),
            Said::SnapshotEnd {
                channel: "jobs",
                revision: 90_210,
                epoch: 5,
                timestamp,
            },
        ),
        (sample!("daemon/ping"), Said::Ping { timestamp }),
        (
            sample!("daemon/pong"),
            Said::Pong {
                request_id: Some(id),
                timestamp,
                revision: 90_210,
            },
        ),
        (
            sample!("daemon/error"),
            Said::Error {
                code: "job_finished",
                message: "Job cannot be paused in current state",
                request_id: Some(id),
                job_id: Some(&name),
                channel: None,
                timestamp,
            },
        ),
        (
            sample!("daemon/error-channel"),
            Said::Error {
                code: "forbidden",
                message: "Insufficient permissions to see this job",
                request_id: None,
                job_id: None,
                channel: Some("job:other"),
                timestamp,
            },
        ),
        (
            sample!("daemon/job_control"),
            Said::JobControl {
                job_id,
                action: Action::Cancel,
                requested_at: timestamp,
                timestamp,
            },
        ),
    ];
    for (sample, said) in &said {
        same(*sample, &said.encode());
        let read = Message::read(sample.1).unwrap();
        assert!(!matches!(read, Message::Other), "{}", sample.0);
    }

    let Ok(Message::Welcome(welcome)) = Message::read(sample!("daemon/welcome").1) else {
        panic!("welcome");
    };
    assert_eq!(
        (&*welcome.client_id, welcome.protocol, welcome.epoch),
        ("c7", 1, 5)
    );
    assert_eq!((&*welcome.user_id, &*welcome.role), ("analyst1", "admin"));
    let Ok(Message::Subscribed(reset)) = Message::read(sample!("daemon/subscribed-reset").1) else {
        panic!("subscribed");
    };
    assert_eq!(
        (&*reset.channel, reset.revision, reset.epoch, reset.reset),
        ("jobs", 90_210, 5, true)
    );
    read_as(
        sample!("daemon/unsubscribed"),
        &Message::Unsubscribed {
            channel: "jobs".to_owned(),
        },
    );
    read_as(sample!("daemon/pong"), &Message::Pong { revision: 90_210 });
    let requested_at = Some(timestamp);
    let action = Action::Cancel;
    read_as(
        sample!("daemon/job_control"),
        &Message::JobControl {
            job_id,
            action,
            requested_at,
        },
    );
    let Ok(Message::Error(error)) = Message::read(sample!("daemon/error").1) else {
        panic!("error");
    };
    assert_eq!(
        (&*error.code, error.job_id.as_deref()),
        ("job_finished", Some(&*name))
    );

    let sample = sample!("daemon/ok");
    same(sample, &message::ok(id, &JobAnswer { job: wire(&full()) }));
    let Ok(Message::Ok { request_id, body }) = Message::read(sample.1) else {
        panic!("ok");
    };
    assert_eq!(request_id, "r-1");
    let answer: JobAnswer = serde_json::from_str(&body).unwrap();
    assert_eq!(answer.job, wire(&full()));
}

#[test]
fn what_clients_say() {
    let named = || Named {
        job_id: full().id().to_string(),
        user_id: None,
    };
    let held = || Named {
        user_id: Some(UserId::new("analyst1").unwrap()),
        ..named()
    };
    let job_id = || full().id().to_string();
    let first = report(
        r#"{"progress": 41.7, "step": 2, "message": "part 7 of 12", "progressSource": "rows"}"#,
    );
    let second = report(
        r#"{"step": "Completing", "steps": ["Reading", "Completing"], "metrics": {"processedItems": 7, "errorCount": 0}}"#,
    );
    let updates = || {
        vec![
            Update {
                job_id: job_id(),
                report: first.clone(),
            },
            Update {
                job_id: job_id(),
                report: second.clone(),
            },
        ]
    };
    for (sample, request_id, request) in [
        (
            sample!("client/subscribe"),
            None,
            Request::Subscribe(Subscribe {
                tail: None,
                offset: None,
                channel: "job:analyst1".to_owned(),
                ..Subscribe::default()
            }),
        ),
        (
            sample!("client/subscribe-snapshot"),
            None,
            Request::Subscribe(Subscribe {
                tail: None,
                offset: None,
                channel: "jobs".to_owned(),
                snapshot: true,
                ..Subscribe::default()
            }),
        ),
        (
            sample!("client/subscribe-after"),
            Some("\"r-1\""),
            Request::Subscribe(Subscribe {
                tail: None,
                offset: None,
                channel: "jobs".to_owned(),
                snapshot: false,
                after: Some(90_210),
                epoch: Some(5),
                user_id: None,
            }),
        ),
        (
            sample!("client/unsubscribe"),
            None,
            Request::Unsubscribe {
                channel: "jobs".to_owned(),
            },
        ),
        (sample!("client/ping"), None, Request::Ping),
        (sample!("client/pong"), None, Request::Pong),
        (sample!("client/heartbeat"), None, Request::Heartbeat),
        (
            sample!("client/create_job"),
            Some("17"),
            Request::CreateJob(Box::new(new_job())),
        ),
        (
            sample!("client/create_job-bare"),
            None,
            Request::CreateJob(Box::new(NewJob::of(
                JobType::new("csv_processing").unwrap(),
            ))),
        ),
        (
            sample!("client/update_progress"),
            None,
            Request::UpdateProgress(vec![updates().remove(0)], None),
        ),
        (
            sample!("client/update_progress-many"),
            Some("\"r-1\""),
            Request::UpdateProgress(updates(), None),
        ),
        (
            sample!("client/start_job"),
            Some("\"r-1\""),
            Request::StartJob(named()),
        ),
        (
            sample!("client/complete_job"),
            Some("\"r-1\""),
            Request::CompleteJob(named()),
        ),
        (
            sample!("client/fail_job"),
            Some("\"r-1\""),
            Request::FailJob(named(), fail_body()),
        ),
        (
            sample!("client/adopt_job"),
            Some("\"r-1\""),
            Request::AdoptJob(named()),
        ),
        (
            sample!("client/pause_job"),
            Some("\"r-1\""),
            Request::PauseJob(held()),
        ),
        (
            sample!("client/resume_job"),
            Some("\"r-1\""),
            Request::ResumeJob(held()),
        ),
        (
            sample!("client/cancel_job"),
            Some("\"r-1\""),
            Request::CancelJob(held()),
        ),
        (
            sample!("client/retry_job"),
            Some("\"r-1\""),
            Request::RetryJob(held()),
        ),
        (
            sample!("client/set_priority"),
            Some("\"r-1\""),
            Request::SetPriority(named(), -3),
        ),
        (
            sample!("client/control_ack"),
            None,
            Request::ControlAck(named(), reply_body()),
        ),
        (
            sample!("client/get_job"),
            Some("\"r-1\""),
            Request::GetJob(named()),
        ),
        (
            sample!("client/list_jobs"),
            Some("\"r-1\""),
            Request::ListJobs(list_jobs()),
        ),
    ] {
        let incoming = Incoming::read(sample.1);
        assert_eq!(
            incoming.request_id.map(|id| id.get().to_owned()).as_deref(),
            request_id,
            "{}",
            sample.0
        );
        let read = incoming
            .request
            .unwrap_or_else(|e| panic!("{}: {e}", sample.0));
        assert_eq!(format!("{read:?}"), format!("{request:?}"), "{}", sample.0);
    }
}

fn new_job() -> NewJob {
    read::json(sample!("http/create").1.as_bytes()).unwrap()
}

fn fail_body() -> FailBody {
    FailBody {
        error: "The disk is full".into(),
        code: Some("no_space".into()),
        suggestion: Some("Free some space and start it again".into()),
        exit_code: Some(7),
        signal: None,
        last_lines: Some(vec!["No space left on device".into()]),
    }
}

fn reply_body() -> Reply {
    Reply {
        action: Action::Pause,
        ok: false,
        message: Some("in the middle of a transaction".into()),
    }
}

fn list_jobs() -> ListJobs {
    ListJobs {
        user_id: Some(UserId::new("analyst1").unwrap()),
        status: Some("running,paused".to_owned()),
        job_type: Some("csv_processing".to_owned()),
        q: Some("progress>50".to_owned()),
        after: Some(90_210),
        epoch: Some(5),
        limit: Some(50),
        cursor: Some("c".to_owned()),
    }
}

/// Both ways: it is read as that, and said so.
fn body<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    sample: Sample,
    expected: &T,
) {
    same(sample, &serde_json::to_string(expected).unwrap());
    let read: T = read::json(sample.1.as_bytes()).unwrap_or_else(|e| panic!("{}: {e}", sample.0));
    assert_eq!(&read, expected, "{}", sample.0);
}

#[test]
fn bodies_and_answers_of_calls() {
    let new = new_job();
    assert_eq!(new.status, Some(Status::Pending));
    assert_eq!(
        new.config.as_ref().unwrap().0.get(),
        r#"{"delimiter":";","rate":1.0e3}"#
    );
    body(sample!("http/create"), &new);
    let progress = report(
        r#"{"progress": 41.7, "step": 2, "steps": ["a", "b", "c"], "message": "m", "progressSource": "rows",
            "metrics": {"totalItems": 4, "processedItems": 3, "errorCount": 2, "totalBytes": 1, "processedBytes": 0}}"#,
    );
    body(sample!("http/progress"), &progress);
    body(sample!("http/ack"), &reply_body());
    body(sample!("http/fail"), &fail_body());
    body(
        sample!("http/act"),
        &ActBody {
            user_id: Some(UserId::new("analyst1").unwrap()),
        },
    );
    body(sample!("http/priority"), &PriorityBody { priority: -3 });
    body(sample!("http/job"), &JobAnswer { job: wire(&full()) });
    let jobs = JobsAnswer {
        jobs: vec![wire(&full())],
        removed: vec![full().id()],
        next_cursor: Some("c".to_owned()),
        revision: 90_213,
        epoch: 5,
    };
    body(sample!("http/jobs"), &jobs);
    let refusal = Refusal::new(Code::JobFinished, "Job cannot be paused in current state");
    body(sample!("http/problem"), &Problem::from(&refusal));
}
