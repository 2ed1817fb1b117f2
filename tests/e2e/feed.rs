//! What viewers are told: snapshots, catching up, epochs, one message a channel, and what becomes of a slow one.

use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::process;
use jobtop_e2e::wait;
use serde_json::{Value, json};

use crate::said::id;

#[test]
fn a_snapshot_is_the_live_set_and_then_its_changes() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut before: Vec<String> = (0..3)
        .map(|_| id(&daemon.create(&json!({"type": "csv_processing"}))))
        .collect();
    daemon.act(&before[0], "complete");

    let mut ws = daemon.ws();
    let said = ws.subscribe("jobs", &json!({"snapshot": true}));
    assert_ne!(said["reset"], true, "{said}");
    let mut jobs = Vec::new();
    let end = loop {
        let message = ws.find("the snapshot", |_| true);
        if message["type"] == "snapshot_end" {
            break message;
        }
        assert_eq!(
            (&message["type"], &message["channel"]),
            (&json!("job_snapshot"), &json!("jobs")),
            "{message}"
        );
        jobs.push(message["job"].clone());
    };
    assert_eq!(
        (&end["channel"], &end["epoch"]),
        (&json!("jobs"), &said["epoch"])
    );
    let newest = jobs.iter().filter_map(|job| job["revision"].as_u64()).max();
    assert!(end["revision"].as_u64() >= newest, "{end}");
    for job in &jobs {
        assert_eq!(
            job,
            &daemon_job_without_time(&daemon.job(&id(job)), job),
            "as HTTP has it"
        );
    }
    let mut ids: Vec<String> = jobs.iter().map(id).collect();
    ids.sort();
    before.sort();
    assert_eq!(ids, before);

    let new = id(&daemon.create(&json!({"type": "etl"})));
    let first = ws.find("the new job", |message| {
        message["jobId"] == new.as_str() || message["job"]["id"] == new.as_str()
    });
    assert_eq!(
        first["type"], "job_snapshot",
        "who asked for a snapshot can't know it yet"
    );
    daemon.post(
        &format!("/api/jobs/{new}/progress"),
        &json!({"progress": 10}),
    );
    let then = ws.job(&new, "at 10", |job| job["progress"] == 10.0);
    assert_eq!(
        (&then["type"], &then["jobType"]),
        (&json!("job_update"), &json!("etl"))
    );
}

/// Seconds that go on by themselves while a job runs can't be compared.
fn daemon_job_without_time(job: &Value, like: &Value) -> Value {
    let mut job = job.clone();
    for key in ["activeSeconds", "pausedSeconds", "itemsPerSecond"] {
        job["metrics"][key] = like["metrics"][key].clone();
    }
    job
}

#[test]
fn who_comes_back_is_told_what_changed_and_nothing_else() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let jobs: Vec<String> = (0..4)
        .map(|_| id(&daemon.create(&json!({"type": "etl"}))))
        .collect();
    let mut ws = daemon.ws();
    ws.subscribe("jobs", &json!({"snapshot": true}));
    let end = ws.expect("snapshot_end");
    ws.cut();

    daemon.post(
        &format!("/api/jobs/{}/progress", jobs[1]),
        &json!({"progress": 5}),
    );
    daemon.post(
        &format!("/api/jobs/{}/progress", jobs[1]),
        &json!({"progress": 6}),
    );
    daemon.act(&jobs[2], "cancel");
    let new = id(&daemon.create(&json!({"type": "etl"})));

    let mut ws = daemon.ws();
    let said = ws.subscribe(
        "jobs",
        &json!({"after": end["revision"], "epoch": end["epoch"]}),
    );
    assert_ne!(said["reset"], true, "{said}");
    let mut told = Vec::new();
    while told.len() < 3 {
        let message = ws.find("what changed", |message| message["type"] != "snapshot_end");
        let job = if message["type"] == "job_snapshot" {
            message["job"]["id"].clone()
        } else {
            message["jobId"].clone()
        };
        told.push((
            job,
            message["progress"].clone(),
            message["status"].clone(),
            message["type"].clone(),
        ));
    }
    let ids: Vec<&Value> = told.iter().map(|(job, ..)| job).collect();
    assert_eq!(
        ids,
        [&json!(jobs[1]), &json!(jobs[2]), &json!(new)],
        "each once, in the order of the changes: {told:?}"
    );
    let rest: Vec<Value> = ws
        .settle()
        .into_iter()
        .filter(|message| message["type"] != "snapshot_end")
        .collect();
    assert_eq!(
        rest,
        Vec::<Value>::new(),
        "jobs that did not change are not told"
    );

    let listed = daemon.get(&format!(
        "/api/jobs?after={}&epoch={}",
        end["revision"], end["epoch"]
    ));
    assert_eq!(listed.status, 200, "{}", listed.text());
    let mut polled: Vec<String> = listed.json()["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(id)
        .collect();
    let mut expected = vec![jobs[1].clone(), jobs[2].clone(), new];
    polled.sort();
    expected.sort();
    assert_eq!(polled, expected, "polling says the same");
    let other = daemon.get(&format!("/api/jobs?after={}&epoch=1", end["revision"]));
    assert_eq!(other.problem(), (410, "epoch_changed".to_owned()));
}

#[test]
fn subscribed_by_id_and_by_owner_there_is_a_message_for_each() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let job = id(&daemon.create(&json!({"type": "etl", "userId": "ann"})));
    let others = id(&daemon.create(&json!({"type": "etl", "userId": "bob"})));
    let mut ws = daemon.ws();
    ws.subscribe("job:ann", &json!({}));
    ws.subscribe(&format!("job:{job}"), &json!({}));
    ws.subscribe("job:job_not_there_yet", &json!({}));
    daemon.post(
        &format!("/api/jobs/{others}/progress"),
        &json!({"progress": 1}),
    );
    daemon.post(
        &format!("/api/jobs/{job}/progress"),
        &json!({"progress": 1}),
    );
    let mut channels: Vec<Value> = (0..2)
        .map(|_| ws.expect("job_update")["channel"].clone())
        .collect();
    channels.sort_by_key(Value::to_string);
    assert_eq!(channels, [json!("job:ann"), json!(format!("job:{job}"))]);
    assert_eq!(
        ws.settle(),
        Vec::<Value>::new(),
        "and none of anybody else's"
    );
}

#[test]
fn one_who_does_not_read_holds_nobody_and_is_kept_within_bounds() {
    const JOBS: usize = 50;
    const ROUNDS: usize = 400;
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut stuck = daemon.ws();
    stuck.subscribe("jobs", &json!({"snapshot": true}));
    let mut good = daemon.ws();
    good.subscribe("jobs", &json!({}));
    let mut producer = daemon.ws();
    let jobs: Vec<String> = (0..JOBS)
        .map(|_| id(&producer.ok(json!({"type": "create_job", "jobType": "etl"}))["job"]))
        .collect();
    let round = |number: usize| -> Value {
        let updates: Vec<Value> = jobs
            .iter()
            .map(|job| json!({"jobId": job, "metrics": {"processedItems": number}, "message": "x".repeat(200)}))
            .collect();
        json!({"type": "update_progress", "updates": updates})
    };
    producer.ok(round(1));
    let before = process::resident_kib(daemon.pid(), false);
    for number in 2..=ROUNDS {
        if number % 20 == 0 {
            producer.ok(round(number));
        } else {
            producer.send(&round(number));
        }
    }
    for job in &jobs {
        producer.ok(json!({"type": "complete_job", "jobId": job}));
    }
    let last = &jobs[JOBS - 1];
    good.job(last, "completed", |job| job["status"] == "completed");
    // Far more than 20 MB went to the one who reads; the other's share was merged, not kept.
    let grown = process::resident_kib(daemon.pid(), false).saturating_sub(before);
    assert!(grown < 16 * 1024, "the daemon grew by {grown} KiB");

    // Once it reads again it finds the last state of each job: nothing that ended was skipped.
    let mut ended = std::collections::HashSet::new();
    while ended.len() < JOBS {
        let message = stuck.find("the ends of all jobs", |message| {
            message["type"] == "job_update" || message["type"] == "job_snapshot"
        });
        let job = if message["type"] == "job_snapshot" {
            &message["job"]
        } else {
            &message
        };
        if job["status"] == "completed" {
            assert_eq!(job["metrics"]["processedItems"], ROUNDS, "{job}");
            let key = if message["type"] == "job_snapshot" {
                "id"
            } else {
                "jobId"
            };
            ended.insert(job[key].as_str().unwrap_or_default().to_owned());
        }
    }
}

#[test]
fn after_a_restart_there_is_a_new_epoch_and_a_full_snapshot() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::tcp());
    let job = id(&daemon.create(&json!({"type": "etl"})));
    let mut ws = daemon.ws();
    ws.subscribe("jobs", &json!({"snapshot": true}));
    let end = ws.expect("snapshot_end");
    daemon.kill();
    daemon.start_again();

    let mut ws = daemon.ws();
    let said = ws.subscribe(
        "jobs",
        &json!({"after": end["revision"], "epoch": end["epoch"]}),
    );
    assert_ne!(said["epoch"], end["epoch"], "{said}");
    assert_eq!(said["reset"], true, "{said}");
    let snapshot = ws.expect("job_snapshot");
    assert_eq!(snapshot["job"]["id"], job.as_str());
    ws.expect("snapshot_end");
}

#[test]
fn a_client_that_goes_without_a_word_sent_nothing_malformed() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut broken = daemon.ws();
    broken.send_bytes(&[0xff; 16]);
    broken.end();
    let mut gone = daemon.ws();
    gone.settle();
    gone.cut();
    let status = wait::until("both to be gone", || {
        let status = daemon.get("/api/status").json();
        (status["connections"]["feeds"] == 0).then_some(status)
    });
    assert_eq!(status["cut"], json!({"malformed": 1}));
}
