//! Workers: connections that take jobs out of the queue, accept or decline them, and vanish.

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::wait;
use jobtop_e2e::ws::Ws;
use serde_json::{Value, json};

use crate::said::id;

fn worker(daemon: &Daemon, types: &[&str], slots: u32) -> Ws {
    let mut ws = daemon.ws();
    ws.ok(json!({"type": "work", "jobTypes": types, "slots": slots}));
    ws
}

fn pending(daemon: &Daemon, kind: &str, more: &Value) -> String {
    let mut body = json!({"type": kind, "status": "pending"});
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    id(&daemon.create(&body))
}

/// The next job that is assigned.
fn assigned(ws: &mut Ws) -> String {
    id(&ws.expect("job_assigned")["job"])
}

/// Whether nothing was assigned: what comes after a request is read first.
fn idle(ws: &mut Ws) -> bool {
    ws.settle()
        .iter()
        .all(|message| message["type"] != "job_assigned")
}

#[test]
fn a_worker_gets_jobs_of_its_types_in_order_as_many_as_it_takes() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let low = pending(&daemon, "csv_processing", &json!({}));
    let high = pending(&daemon, "csv_processing", &json!({"priority": 5}));
    pending(&daemon, "api_upload", &json!({"priority": 9}));
    let mut ws = worker(&daemon, &["csv_processing", "etl"], 1);
    assert_eq!(assigned(&mut ws), high);
    let job = ws.ok(json!({"type": "accept", "jobId": high}))["job"].clone();
    assert_eq!(job["status"], "running");
    assert!(job["command"].is_null());
    assert!(idle(&mut ws), "one at a time");
    ws.ok(json!({"type": "update_progress", "jobId": high, "progress": 50}));
    ws.ok(json!({"type": "complete_job", "jobId": high}));
    assert_eq!(assigned(&mut ws), low);
    ws.ok(json!({"type": "accept", "jobId": low}));
    // More of them, and a job that is made while it works.
    let next = pending(&daemon, "etl", &json!({}));
    assert!(idle(&mut ws));
    ws.ok(json!({"type": "work", "jobTypes": ["etl"], "slots": 2}));
    assert_eq!(assigned(&mut ws), next);
    // No more of them.
    ws.ok(json!({"type": "accept", "jobId": next}));
    ws.ok(json!({"type": "work", "jobTypes": ["etl"], "slots": 0}));
    ws.ok(json!({"type": "complete_job", "jobId": next}));
    pending(&daemon, "etl", &json!({}));
    assert!(idle(&mut ws));
    for bad in [
        json!({"type": "work", "jobTypes": ["A B"], "slots": 1}),
        json!({"type": "work", "jobTypes": ["etl"], "slots": -1}),
        json!({"type": "work", "jobTypes": ["etl"], "slots": 1_000_000}),
        json!({"type": "work"}),
    ] {
        assert_eq!(ws.refused(bad.clone()), "invalid", "{bad}");
    }
}

#[test]
fn what_is_declined_goes_to_another_and_does_not_come_back() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut first = worker(&daemon, &["etl"], 1);
    let job = pending(&daemon, "etl", &json!({}));
    assert_eq!(assigned(&mut first), job);
    first.ok(json!({"type": "decline", "jobId": job}));
    assert!(idle(&mut first), "it was declined");
    assert_eq!(daemon.job(&job)["status"], "pending");
    assert_eq!(
        first.refused(json!({"type": "accept", "jobId": job})),
        "invalid_state"
    );
    let mut second = worker(&daemon, &["etl"], 1);
    assert_eq!(assigned(&mut second), job);
    second.ok(json!({"type": "accept", "jobId": job}));
    assert_eq!(
        second.refused(json!({"type": "accept", "jobId": job})),
        "invalid_state"
    );
    assert_eq!(
        second.refused(json!({"type": "accept", "jobId": "job_nonsense"})),
        "job_not_found"
    );
}

#[test]
fn a_worker_that_vanishes_gives_back_what_it_had_not_accepted() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut first = worker(&daemon, &["etl"], 2);
    let taken = pending(&daemon, "etl", &json!({"heartbeatSeconds": 3600}));
    assert_eq!(assigned(&mut first), taken);
    first.ok(json!({"type": "accept", "jobId": taken}));
    let offered = pending(&daemon, "etl", &json!({}));
    assert_eq!(assigned(&mut first), offered);
    let mut second = worker(&daemon, &["etl"], 1);
    assert!(idle(&mut second), "it is offered to the first");
    first.cut();
    assert_eq!(assigned(&mut second), offered);
    let stalled = wait::until("the accepted one to stall", || {
        let job = daemon.job(&taken);
        job["stalledSince"].is_string().then_some(job)
    });
    assert_eq!(stalled["status"], "running");
    // Its worker comes back and goes on.
    let mut again = daemon.ws();
    again.ok(json!({"type": "adopt_job", "jobId": taken}));
    assert!(daemon.job(&taken)["stalledSince"].is_null());
}

#[test]
fn a_command_is_no_workers_and_a_paused_queue_is_nobodys() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    daemon.post("/api/queues/default", &json!({"paused": true}));
    let mut ws = worker(&daemon, &["command", "etl"], 5);
    daemon.create(&json!({"type": "command", "command": {"argv": ["true"]}}));
    let job = pending(&daemon, "etl", &json!({}));
    assert!(idle(&mut ws));
    daemon.post("/api/queues/default", &json!({"paused": false}));
    assert_eq!(assigned(&mut ws), job);
    assert!(idle(&mut ws), "the command is the daemon's own to run");
    // Where slots were set they hold for workers, too.
    daemon.post("/api/queues/narrow", &json!({"slots": 1}));
    let first = pending(&daemon, "etl", &json!({"queue": "narrow"}));
    let second = pending(&daemon, "etl", &json!({"queue": "narrow"}));
    assert_eq!(assigned(&mut ws), first);
    assert!(idle(&mut ws));
    ws.ok(json!({"type": "accept", "jobId": first}));
    ws.ok(json!({"type": "fail_job", "jobId": first, "error": "No."}));
    assert_eq!(assigned(&mut ws), second);
    let again = daemon.act(&first, "retry");
    assert_eq!(again.status, 201, "{}", again.text());
    ws.ok(json!({"type": "accept", "jobId": second}));
    ws.ok(json!({"type": "complete_job", "jobId": second}));
    assert_eq!(assigned(&mut ws), id(&again.json()["job"]));
}
