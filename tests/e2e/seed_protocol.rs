//! A client written from the story's own snippets, and nothing but them, works unchanged.

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::http::{self, Answer};
use jobtop_e2e::ws::Ws;
use serde_json::{Value, json};

const ORIGIN: &str = "http://localhost:5173";

fn daemon(home: &Home) -> Daemon {
    home.daemon(Setup::tcp().arg("--allow-origin").arg(ORIGIN))
}

/// `fetch('/api/jobs/ID/ACTION', {method: 'POST', headers: {'Content-Type': 'application/json'}})` of a page.
fn fetch_action(daemon: &Daemon, id: &str, action: &str) -> Answer {
    let headers = [("Origin", ORIGIN), ("Content-Type", "application/json")];
    http::request(
        &daemon.tcp(),
        "POST",
        &format!("/api/jobs/{id}/{action}"),
        &headers,
        b"",
    )
}

fn browser(daemon: &Daemon, user: &str) -> Ws {
    let mut ws = Ws::try_connect(&daemon.tcp(), &[("Origin", ORIGIN)])
        .expect("the page's origin is allowed");
    let welcome = ws.welcome();
    assert!(
        welcome["clientId"]
            .as_str()
            .is_some_and(|id| !id.is_empty()),
        "{welcome}"
    );
    assert!(is_time(&welcome["timestamp"]), "{welcome}");
    ws.send(&json!({"type": "subscribe", "channel": format!("job:{user}")}));
    let subscribed = ws.expect("subscribed");
    assert_eq!(subscribed["channel"], format!("job:{user}"));
    assert!(is_time(&subscribed["timestamp"]), "{subscribed}");
    ws
}

/// RFC 3339, UTC, milliseconds: what `new Date(…)` reads and `JSON.stringify(new Date())` writes.
fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == 24
            && text.ends_with('Z')
            && text.as_bytes()[10] == b'T'
            && text.as_bytes()[19] == b'.'
    })
}

#[test]
fn the_story_s_page_sees_a_job_from_beginning_to_end() {
    let home = Home::new();
    let daemon = daemon(&home);
    let mut page = browser(&daemon, "analyst1");

    let made = daemon.post(
        "/api/jobs",
        &json!({"type": "csv_processing", "userId": "analyst1", "config": {"file": "orders.csv", "deep": [1, {"a": null}]}}),
    );
    assert_eq!(made.status, 201, "{}", made.text());
    let job = made.json()["job"].clone();
    let id = job["id"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("job_"));
    assert_eq!(job["type"], "csv_processing");
    assert_eq!(job["userId"], "analyst1");
    assert_eq!(
        job["config"],
        json!({"file": "orders.csv", "deep": [1, {"a": null}]})
    );
    assert_eq!(job["progress"], 0.0);
    assert_eq!(job["currentStep"], 0);
    assert_eq!(
        job["steps"],
        json!([
            "Validating file",
            "Processing headers",
            "Processing data",
            "Validating results",
            "Completing"
        ])
    );

    let report = json!({"progress": 33.3, "step": 2, "metrics": {"processedItems": 333, "errorCount": 3, "totalItems": 1000}});
    let answer = daemon.post(&format!("/api/jobs/{id}/progress"), &report);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let update = page.find("the progress", |message| {
        message["type"] == "job_update" && message["progress"] == 33.3
    });
    assert_eq!(update["jobId"], id.as_str());
    assert_eq!(update["channel"], "job:analyst1");
    assert_eq!(update["status"], "running");
    assert_eq!(update["currentStep"], 2);
    assert!(
        is_time(&update["updatedAt"]) && is_time(&update["timestamp"]),
        "{update}"
    );
    let metrics = &update["metrics"];
    assert_eq!(
        (
            &metrics["totalItems"],
            &metrics["processedItems"],
            &metrics["errorCount"]
        ),
        (&json!(1000), &json!(333), &json!(3))
    );
    assert!(
        is_time(&metrics["startTime"]) && is_time(&metrics["estimatedCompletion"]),
        "{metrics}"
    );

    // The page merges an update into its job with a spread: `type` would then be the message's, all else the job's.
    let listed = http::request(
        &daemon.tcp(),
        "GET",
        "/api/jobs?userId=analyst1",
        &[("Origin", ORIGIN)],
        b"",
    );
    assert_eq!(listed.status, 200, "{}", listed.text());
    let listed = &listed.json()["jobs"][0];
    for key in ["status", "progress", "currentStep", "updatedAt"] {
        assert_eq!(listed[key], update[key], "{key}");
    }
    for key in ["processedItems", "errorCount", "totalItems", "startTime"] {
        assert_eq!(listed["metrics"][key], update["metrics"][key], "{key}");
    }

    for (action, status) in [
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
    ] {
        let answer = fetch_action(&daemon, &id, action);
        assert_eq!(answer.status, 200, "{action}: {}", answer.text());
        page.job(&id, status, |job| job["status"] == status);
    }
    assert_eq!(daemon.job(&id)["status"], "cancelled");
}

#[test]
fn its_errors_have_the_story_s_sentences() {
    let home = Home::new();
    let daemon = daemon(&home);
    let id = daemon.create(&json!({"type": "api_upload", "userId": "ann"}))["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let detail = |answer: &Answer| {
        answer.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };

    let answer = fetch_action(&daemon, "job_1732000000000_abc123def", "pause");
    assert_eq!(answer.problem(), (404, "job_not_found".to_owned()));
    assert_eq!(
        detail(&answer),
        "Job not found: job_1732000000000_abc123def"
    );

    for (action, said) in [
        ("pause", "paused"),
        ("resume", "resumed"),
        ("cancel", "cancelled"),
    ] {
        let answer = daemon.post(
            &format!("/api/jobs/{id}/{action}"),
            &json!({"userId": "bob"}),
        );
        assert_eq!(answer.problem(), (403, "forbidden".to_owned()));
        assert_eq!(
            detail(&answer),
            format!("Insufficient permissions to {action} this job")
        );
        if action == "resume" {
            let answer = fetch_action(&daemon, &id, action);
            assert_eq!(answer.problem(), (409, "invalid_state".to_owned()));
            assert_eq!(
                detail(&answer),
                format!("Job cannot be {said} in current state")
            );
        }
    }
    let unchanged = daemon.job(&id);
    assert_eq!(
        (&unchanged["status"], &unchanged["control"]),
        (&json!("running"), &Value::Null)
    );

    assert_eq!(fetch_action(&daemon, &id, "cancel").status, 200);
    for action in ["pause", "resume", "cancel"] {
        let answer = fetch_action(&daemon, &id, action);
        assert_eq!(
            answer.problem(),
            (409, "job_finished".to_owned()),
            "{action}: final is final"
        );
    }
}

#[test]
fn a_page_that_leaves_is_told_so_and_told_no_more() {
    let home = Home::new();
    let daemon = daemon(&home);
    let mut page = browser(&daemon, "ann");
    let id = daemon.create(&json!({"type": "field_mapping", "userId": "ann"}))["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    page.job(&id, "there", |_| true);

    page.send(&json!({"type": "ping"}));
    assert!(is_time(&page.expect("pong")["timestamp"]));

    page.send(&json!({"type": "unsubscribe", "channel": "job:ann"}));
    let said = page.expect("unsubscribed");
    assert_eq!(said["channel"], "job:ann");
    assert!(is_time(&said["timestamp"]));
    daemon.post(
        &format!("/api/jobs/{id}/progress"),
        &json!({"progress": 50}),
    );
    assert_eq!(
        page.settle(),
        Vec::<Value>::new(),
        "nothing comes to who has unsubscribed"
    );
}

#[test]
fn every_type_has_the_steps_it_had() {
    let home = Home::new();
    let daemon = daemon(&home);
    let steps = |body: Value| daemon.create(&body)["steps"].clone();
    assert_eq!(
        steps(json!({"type": "field_mapping"})),
        json!([
            "Loading configuration",
            "Applying mappings",
            "Transforming data",
            "Validating output",
            "Completing"
        ])
    );
    assert_eq!(
        steps(json!({"type": "api_upload"})),
        json!([
            "Preparing data",
            "Uploading to API",
            "Processing responses",
            "Handling errors",
            "Completing"
        ])
    );
    assert_eq!(
        steps(json!({"type": "nightly.report-2"})),
        json!(["Processing"])
    );
    assert_eq!(
        steps(json!({"type": "etl", "steps": ["Extract", "Load"]})),
        json!(["Extract", "Load"])
    );
}

#[test]
fn progress_is_kept_within_bounds_and_as_given() {
    let home = Home::new();
    let daemon = daemon(&home);
    let id = daemon.create(&json!({"type": "csv_processing"}))["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for (given, kept) in [
        ("33.3", json!(33.3)),
        ("150", json!(100)),
        ("-5", json!(0)),
        ("0.1", json!(0.1)),
    ] {
        let body = format!("{{\"progress\":{given}}}");
        let path = format!("/api/jobs/{id}/progress");
        let json = [("Content-Type", "application/json")];
        let answer = http::request(&daemon.tcp(), "POST", &path, &json, body.as_bytes());
        assert_eq!(answer.status, 200, "{given}: {}", answer.text());
        let progress = &answer.json()["job"]["progress"];
        assert_eq!(progress.as_f64(), kept.as_f64(), "{given}");
    }
}
