//! Those who do the work and report it: control and its acknowledgement, going away and coming back.

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::wait;
use jobtop_e2e::ws::Ws;
use serde_json::{Value, json};

use crate::said::id;

/// A producer with a job of its own.
fn producer(daemon: &Daemon, more: &Value) -> (Ws, String) {
    let mut ws = daemon.ws();
    let mut message =
        json!({"type": "create_job", "jobType": "csv_processing", "name": "orders.csv"});
    if let (Some(message), Some(more)) = (message.as_object_mut(), more.as_object()) {
        message.extend(more.clone());
    }
    let job = id(&ws.ok(message)["job"]);
    (ws, job)
}

#[test]
fn a_control_is_shown_as_asked_until_it_is_acknowledged() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let (mut ws, job) = producer(&daemon, &json!({}));
    for (verb, status) in [
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
    ] {
        let answer = daemon.act(&job, verb);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let asked = answer.json()["job"].clone();
        assert_eq!(
            (&asked["status"], &asked["control"]["action"]),
            (&json!(status), &json!(verb)),
            "{asked}"
        );
        assert!(asked["control"]["requestedAt"].is_string(), "{asked}");
        let control = ws.expect("job_control");
        assert_eq!(
            (&control["jobId"], &control["action"]),
            (&json!(job), &json!(verb))
        );
        assert_eq!(
            daemon.job(&job)["control"]["action"],
            verb,
            "nobody has acknowledged it yet"
        );
        let done = ws.ok(json!({"type": "control_ack", "jobId": job, "action": verb, "ok": true}));
        assert_eq!(
            (&done["job"]["status"], &done["job"]["control"]),
            (&json!(status), &Value::Null),
            "{done}"
        );
    }
    assert_eq!(
        ws.refused(json!({"type": "control_ack", "jobId": job, "action": "cancel", "ok": true})),
        "no_control"
    );
}

#[test]
fn a_refused_pause_or_resume_restores_the_status_and_says_why() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let (mut ws, job) = producer(&daemon, &json!({}));
    daemon.act(&job, "pause");
    ws.expect("job_control");
    let no = ws.ok(json!({"type": "control_ack", "jobId": job, "action": "pause", "ok": false, "message": "in a transaction"}));
    assert_eq!(
        (&no["job"]["status"], &no["job"]["control"]),
        (&json!("running"), &Value::Null),
        "{no}"
    );
    assert_eq!(no["job"]["message"], "in a transaction");

    daemon.act(&job, "pause");
    ws.ok(json!({"type": "control_ack", "jobId": job, "action": "pause", "ok": true}));
    daemon.act(&job, "resume");
    let no = ws.ok(json!({"type": "control_ack", "jobId": job, "action": "resume", "ok": false}));
    assert_eq!(no["job"]["status"], "paused", "{no}");

    daemon.act(&job, "cancel");
    let no = ws.ok(json!({"type": "control_ack", "jobId": job, "action": "cancel", "ok": false, "message": "too late"}));
    assert_eq!(
        no["job"]["status"], "cancelled",
        "a cancelled job stays cancelled: {no}"
    );
}

#[test]
fn what_a_producer_can_t_do_is_not_asked_of_it() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let (mut ws, job) = producer(&daemon, &json!({"capabilities": {"pause": false}}));
    assert_eq!(
        daemon.act(&job, "pause").problem(),
        (409, "not_supported".to_owned())
    );
    assert_eq!(daemon.job(&job)["status"], "running");
    assert_eq!(
        ws.settle(),
        Vec::<Value>::new(),
        "the producer heard nothing of it"
    );
}

#[test]
fn one_that_goes_away_stalls_its_job_and_one_that_returns_adopts_it() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut viewer = daemon.ws();
    viewer.subscribe("jobs", &json!({}));
    let (ws, job) = producer(&daemon, &json!({}));
    ws.cut();
    let stalled = viewer.job(&job, "stalled", |job| !job["stalledSince"].is_null());
    assert_eq!(stalled["status"], "running", "a stalled job has not failed");

    // What is asked meanwhile waits for whoever comes back.
    daemon.act(&job, "pause");
    let mut ws = daemon.ws();
    let adopted = ws.ok(json!({"type": "adopt_job", "jobId": job}));
    assert_eq!(adopted["job"]["stalledSince"], Value::Null, "{adopted}");
    assert_eq!(ws.expect("job_control")["action"], "pause");
    ws.ok(json!({"type": "control_ack", "jobId": job, "action": "pause", "ok": true}));
    daemon.act(&job, "resume");
    ws.ok(json!({"type": "control_ack", "jobId": job, "action": "resume", "ok": true}));
    ws.ok(json!({"type": "complete_job", "jobId": job}));
    assert_eq!(daemon.job(&job)["status"], "completed");
}

#[test]
fn one_that_does_not_come_back_is_lost() {
    let home = Home::new();
    home.configure("lost_after = \"1s\"\n");
    let daemon = home.daemon(Setup::tcp());
    let mut viewer = daemon.ws();
    viewer.subscribe("jobs", &json!({}));
    let (ws, job) = producer(&daemon, &json!({}));
    ws.cut();
    viewer.job(&job, "stalled", |job| !job["stalledSince"].is_null());
    let failed = viewer.job(&job, "failed", |job| job["status"] == "failed");
    assert_eq!(failed["errorDetail"]["code"], "producer_lost", "{failed}");
    for key in ["message", "suggestion"] {
        assert!(
            failed["errorDetail"][key]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{failed}"
        );
    }
    let mut late = daemon.ws();
    assert_eq!(
        late.refused(json!({"type": "adopt_job", "jobId": job})),
        "job_finished"
    );
}

#[test]
fn silence_stalls_where_reports_were_promised_and_nowhere_else() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let promised = id(&daemon.create(&json!({"type": "etl", "heartbeatSeconds": 0.2})));
    let free = id(&daemon.create(&json!({"type": "etl"})));
    wait::until("the silent job to stall", || {
        (!daemon.job(&promised)["stalledSince"].is_null()).then_some(())
    });
    assert_eq!(
        daemon.job(&free)["stalledSince"],
        Value::Null,
        "nobody promised anything"
    );
    let answer = daemon.post(
        &format!("/api/jobs/{promised}/progress"),
        &json!({"progress": 1}),
    );
    assert_eq!(
        answer.json()["job"]["stalledSince"],
        Value::Null,
        "a report ends it"
    );
}

#[test]
fn the_same_key_makes_the_same_job() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let body = json!({"type": "etl", "name": "x", "idempotencyKey": "k1"});
    let first = daemon.post("/api/jobs", &body);
    assert_eq!(first.status, 201, "{}", first.text());
    let again = daemon.post("/api/jobs", &body);
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(id(&again.json()["job"]), id(&first.json()["job"]));
    let other = daemon.post(
        "/api/jobs",
        &json!({"type": "etl", "name": "y", "idempotencyKey": "k1"}),
    );
    assert_eq!(other.problem(), (409, "idempotency_conflict".to_owned()));
    let others = daemon.post(
        "/api/jobs",
        &json!({"type": "etl", "name": "y", "idempotencyKey": "k1", "userId": "ann"}),
    );
    assert_eq!(
        others.status,
        201,
        "the key is the user's own: {}",
        others.text()
    );
    assert_eq!(
        daemon.get("/api/jobs").json()["jobs"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[test]
fn an_ending_is_final() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let end = |verb: &str, body: &Value| {
        let job = id(&daemon.create(&json!({"type": "etl", "steps": ["a", "b"]})));
        let answer = daemon.post(&format!("/api/jobs/{job}/{verb}"), body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        (job, answer.json()["job"].clone())
    };
    let fail = json!({"error": "line 7 is no CSV", "code": "bad_csv", "suggestion": "Look at line 7", "exitCode": 3});
    let (done, job) = end("complete", &json!({}));
    assert_eq!(
        (&job["status"], &job["progress"], &job["currentStep"]),
        (&json!("completed"), &json!(100), &json!(1)),
        "{job}"
    );
    assert!(
        job["finishedAt"].is_string() && job["metrics"]["estimatedCompletion"].is_null(),
        "{job}"
    );
    let (failed, job) = end("fail", &fail);
    assert_eq!(job["error"], "line 7 is no CSV");
    let detail = &job["errorDetail"];
    for (key, value) in [
        ("code", json!("bad_csv")),
        ("exitCode", json!(3)),
        ("suggestion", json!("Look at line 7")),
    ] {
        assert_eq!(detail[key], value, "{detail}");
    }
    let again =
        |job: &str, verb: &str, body: &Value| daemon.post(&format!("/api/jobs/{job}/{verb}"), body);
    assert_eq!(
        again(&done, "complete", &json!({})).status,
        200,
        "it ended so already"
    );
    assert_eq!(
        again(&failed, "fail", &fail).status,
        200,
        "it ended so already"
    );
    for (job, verb, body) in [
        (&done, "fail", &fail),
        (&failed, "complete", &json!({})),
        (&done, "progress", &json!({"progress": 1})),
        (&failed, "start", &json!({})),
    ] {
        assert_eq!(
            again(job, verb, body).problem(),
            (409, "job_finished".to_owned()),
            "{verb}"
        );
    }
    assert_eq!(daemon.job(&done)["progress"], 100.0);
}

#[test]
fn a_pending_job_waits_and_its_first_report_starts_it() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let pending = || id(&daemon.create(&json!({"type": "etl", "status": "pending"})));
    let first = pending();
    let job = daemon.job(&first);
    assert_eq!(
        (&job["status"], &job["metrics"]["startTime"]),
        (&json!("pending"), &Value::Null)
    );
    assert_eq!(
        daemon.act(&first, "pause").problem(),
        (409, "invalid_state".to_owned())
    );
    assert_eq!(
        daemon
            .post(
                &format!("/api/jobs/{first}/priority"),
                &json!({"priority": 7})
            )
            .json()["job"]["priority"],
        7
    );
    assert_eq!(
        daemon.act(&first, "start").json()["job"]["status"],
        "running"
    );
    let second = pending();
    let answer = daemon.post(
        &format!("/api/jobs/{second}/progress"),
        &json!({"progress": 1}),
    );
    assert_eq!(answer.json()["job"]["status"], "running");
    let third = pending();
    assert_eq!(
        daemon.act(&third, "cancel").json()["job"]["status"],
        "cancelled"
    );
}
