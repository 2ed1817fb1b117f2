use jobtop_core::id::JobType;
use jobtop_core::job::config::Config;
use jobtop_core::job::control::Action;
use jobtop_core::proto::request::{Incoming, Request};
use serde_json::value::RawValue;

use super::*;

/// The daemon reads the frame, under that request id, as something whose debug form has those words.
fn check(frame: &str, request_id: Option<&str>, words: &[&str]) {
    let incoming = Incoming::read(frame);
    let id = incoming.request_id.map(|id| id.get().to_owned());
    assert_eq!(id.as_deref(), request_id, "{frame}");
    let request = format!("{:?}", incoming.request.expect(frame));
    for word in words {
        assert!(request.contains(word), "{frame}: {request}");
    }
}

#[test]
fn the_daemon_reads_what_is_written() {
    let (id, r) = ("job_1", Some("\"r\""));
    let why = FailBody {
        error: "e\"x".into(),
        exit_code: Some(3),
        ..FailBody::default()
    };
    let reply = Reply {
        action: Action::Pause,
        ok: false,
        message: Some("busy".into()),
    };
    let listed = ListJobs {
        job_type: Some("a,b".to_owned()),
        limit: Some(5),
        ..ListJobs::default()
    };
    let report = Report {
        progress: Some(33.3),
        ..Report::default()
    };
    let wanted = Subscribe {
        tail: None,
        offset: None,
        channel: "jobs".to_owned(),
        snapshot: true,
        after: Some(7),
        epoch: Some(u64::MAX),
        user_id: None,
    };
    let epoch = u64::MAX.to_string();
    for (frame, request_id, words) in [
        (pause("r", id), r, vec!["PauseJob", id]),
        (resume("r", id), r, vec!["ResumeJob", id]),
        (cancel("r", id), r, vec!["CancelJob", id]),
        (retry("r", id), r, vec!["RetryJob", id]),
        (set_priority("r", id, -7), r, vec!["SetPriority", id, "-7"]),
        (get_job("r", id), r, vec!["GetJob", id]),
        (list_jobs("r", &listed), r, vec!["ListJobs", "a,b", "5"]),
        (adopt_job("r", id), r, vec!["AdoptJob", id]),
        (complete_job("r", id), r, vec!["CompleteJob", id]),
        (
            fail_job("r", id, &why),
            r,
            vec!["FailJob", id, "e\\\"x", "3"],
        ),
        (
            control_ack("r", id, &reply),
            r,
            vec!["ControlAck", id, "Pause", "false", "busy"],
        ),
        (
            update_progress(id, &report),
            None,
            vec!["UpdateProgress", id, "33.3"],
        ),
        (
            subscribe(&wanted),
            None,
            vec!["Subscribe", "jobs", "snapshot: true", "7", &epoch],
        ),
        (unsubscribe("jobs"), None, vec!["Unsubscribe", "jobs"]),
        (heartbeat(), None, vec!["Heartbeat"]),
        (ping(), None, vec!["Ping"]),
        (pong(), None, vec!["Pong"]),
    ] {
        check(&frame, request_id, &words);
    }
}

#[test]
fn a_new_job_keeps_every_field_and_its_config_byte_for_byte() {
    let config = r#"{ "b":1.0, "a" : "é\u0001" }"#;
    let mut new = NewJob::of(JobType::new("csv_processing").unwrap());
    new.name = Some("n\"\u{7}".into());
    new.steps = Some(vec!["a".into(), "b".into()]);
    new.config = Some(Config(
        RawValue::from_string(config.to_owned()).unwrap().into(),
    ));
    new.total_items = Some(9);
    new.idempotency_key = Some("k".into());
    let frame = create_job("r", &new);
    assert!(frame.contains(config), "{frame}");
    let Ok(Request::CreateJob(read)) = Incoming::read(&frame).request else {
        panic!("{frame}");
    };
    assert_eq!(*read, new);
}
