//! The manual of the protocol names whatever the daemon really says: every member of every message and answer.

use std::collections::BTreeSet;

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::wait;
use jobtop_e2e::ws::Ws;
use serde_json::{Value, json};

use crate::manuals::page;
use crate::said::id;

/// The words that a page sets as they are typed: fields, calls, messages and values.
fn literals(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter(|line| {
            [".Li ", ".It Li ", ".Ql "]
                .iter()
                .any(|begin| line.starts_with(begin))
        })
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| !matches!(*word, "" | "It" | "Li" | "Ql"))
        .collect()
}

/// Adds the names of all members, at any depth, but where names are data: in a producer's own settings, and in counters.
fn names(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                into.insert(name.clone());
                if !matches!(name.as_str(), "config" | "limits" | "refused") {
                    names(value, into);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| names(value, into)),
        _ => {}
    }
}

/// The names that were heard: of members, and of messages.
#[derive(Default)]
struct Said {
    names: BTreeSet<String>,
    messages: BTreeSet<String>,
}

impl Said {
    fn hear(&mut self, message: &Value) {
        names(message, &mut self.names);
        if let Some(kind) = message["type"].as_str() {
            self.messages.insert(kind.to_owned());
        }
    }

    fn answer(&mut self, answer: &Value) {
        names(answer, &mut self.names);
    }

    fn missing<'a>(&'a self, known: &BTreeSet<&str>) -> Vec<&'a String> {
        let all = self.names.iter().chain(&self.messages);
        all.filter(|name| !known.contains(name.as_str())).collect()
    }
}

/// Jobs of every kind, with everything about them that can be told.
fn make_jobs(daemon: &Daemon, said: &mut Said) {
    let full = daemon.create(&json!({
        "type": "etl", "name": "full", "steps": ["One", "Two"], "config": {"ownName": 1}, "tags": ["nightly"],
        "host": "etl1", "totalItems": 10, "totalBytes": 100, "heartbeatSeconds": 60,
        "capabilities": {"pause": true, "cancel": true, "retry": true},
    }));
    let path = format!("/api/jobs/{}", id(&full));
    let report = json!({
        "step": "Two", "message": "half", "progressSource": "rows",
        "metrics": {"processedItems": 5, "errorCount": 1, "processedBytes": 50},
    });
    said.answer(&daemon.post(&format!("{path}/progress"), &report).json());
    said.answer(&daemon.act(&id(&full), "pause").json());
    daemon.post(
        &format!("{path}/ack"),
        &json!({"action": "pause", "ok": true}),
    );
    let failure = json!({
        "error": "The disk is full", "code": "no_space", "suggestion": "Make room", "exitCode": 1, "signal": 9,
        "lastLines": ["no space left"],
    });
    said.answer(&daemon.post(&format!("{path}/fail"), &failure).json());
    said.answer(&daemon.act(&id(&full), "retry").json());

    let command = daemon.create(&json!({
        "type": "command", "retries": 1,
        "command": {"argv": ["sh", "-c", "echo said; exit 3"], "cwd": "/", "env": {"OWN_NAME": "1"}},
    }));
    let after = daemon.create(&json!({
        "type": "command", "after": id(&command), "command": {"argv": ["true"]},
    }));
    assert_eq!(after["after"], json!([id(&command)]));
    said.answer(&command);
    said.answer(&after);
    wait::until("the command's end", || {
        let job = daemon.job(&id(&command));
        said.answer(&job);
        job["finishedAt"].is_string().then_some(())
    });
    let mut ws = daemon.ws();
    ws.send(
        &json!({"type": "subscribe", "channel": format!("log:{}", id(&command)), "snapshot": true}),
    );
    hear(&mut ws, said, "log_end");
}

/// Reads until a message of that type has come.
fn hear(ws: &mut Ws, said: &mut Said, kind: &str) -> Value {
    ws.find(kind, |message| {
        said.hear(message);
        message["type"] == kind
    })
}

/// A connection that produces, works and controls.
fn produce(daemon: &Daemon, said: &mut Said) {
    let mut ws = Ws::connect(&daemon.unix());
    hear(&mut ws, said, "welcome");
    ws.send(&json!({"type": "create_job", "jobType": "prod", "requestId": "made"}));
    let job = id(&hear(&mut ws, said, "ok")["job"]);
    ws.send(&json!({"type": "pause_job", "jobId": job}));
    hear(&mut ws, said, "job_control");
    ws.send(&json!({"type": "control_ack", "jobId": job, "action": "pause", "ok": false, "message": "not now"}));
    ws.send(&json!({"type": "work", "jobTypes": ["done_by_workers"], "slots": 1}));
    daemon.create(&json!({"type": "done_by_workers", "status": "pending"}));
    hear(&mut ws, said, "job_assigned");
    ws.send(&json!({"type": "nonsense", "requestId": 1, "jobId": job}));
    said.hear(&ws.find("error", |message| message["type"] == "error"));
    ws.send(&json!({"type": "unsubscribe", "channel": "jobs"}));
    hear(&mut ws, said, "unsubscribed");
    ws.send(&json!({"type": "ping"}));
    hear(&mut ws, said, "pong");
}

/// More jobs that have ended than the live set keeps, so that one leaves it.
fn make_one_leave(daemon: &Daemon) {
    // Many at once, but no more than their answers have room on the way: who does not read is not read from.
    const AT_ONCE: usize = 50;
    const KEPT: usize = 1_000;
    let mut ws = daemon.ws();
    for _ in 0..=KEPT / AT_ONCE {
        for number in 0..AT_ONCE {
            ws.send(&json!({"type": "create_job", "jobType": "short", "requestId": number}));
        }
        for _ in 0..AT_ONCE {
            let job = id(&ws.expect("ok")["job"]);
            ws.send(&json!({"type": "complete_job", "jobId": job}));
        }
    }
}

#[test]
fn every_member_of_every_message_and_answer_is_in_the_manual() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut said = Said::default();
    let mut viewer = daemon.ws();
    viewer.send(&json!({"type": "subscribe", "channel": "jobs", "snapshot": true, "requestId": 7}));
    hear(&mut viewer, &mut said, "subscribed");
    hear(&mut viewer, &mut said, "snapshot_end");
    make_jobs(&daemon, &mut said);
    produce(&daemon, &mut said);
    hear(&mut viewer, &mut said, "job_update");
    make_one_leave(&daemon);
    hear(&mut viewer, &mut said, "job_removed");

    let token = daemon.post(
        "/api/tokens",
        &json!({"userId": "ann", "role": "user", "expiresSeconds": 60}),
    );
    assert_eq!(token.status, 201, "{}", token.text());
    said.answer(&token.json());
    said.answer(
        &daemon
            .post("/api/queues/night", &json!({"slots": 2}))
            .json(),
    );
    for path in [
        "/api/jobs?limit=3",
        "/api/store",
        "/api/status",
        "/api/queues",
        "/api/tokens",
        "/api/history?limit=3",
        "/api/analytics",
        "/healthz",
        "/readyz",
    ] {
        let answer = daemon.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        said.answer(&answer.json());
    }
    said.answer(&daemon.get("/api/jobs/job_x").json());

    for known in [
        "errorDetail",
        "lastLines",
        "command",
        "argv",
        "stepSeconds",
        "oldestPendingAt",
        "successRate",
        "pattern",
        "secret",
        "diskBytes",
        "feeds",
        "detail",
    ] {
        assert!(
            said.names.contains(known),
            "the way of looking did not see {known}: {:?}",
            said.names
        );
    }
    let page = page("jobtop-protocol.7");
    let missing = said.missing(&literals(&page));
    assert!(
        missing.is_empty(),
        "jobtop-protocol.7 does not say: {missing:?}"
    );
}

#[test]
fn the_way_of_looking_finds_names_and_literals() {
    let mut found = BTreeSet::new();
    names(
        &json!({"job": [{"config": {"own": 1}, "steps": []}], "limits": {"x": 1}}),
        &mut found,
    );
    assert_eq!(
        found,
        ["config", "job", "limits", "steps"]
            .map(str::to_owned)
            .into()
    );
    let page =
        "Words alone.\n.Li {jobs , nextCursor?} .\n.It Li job_update {jobId}\n.Ql no_room ,\n";
    assert_eq!(
        literals(page),
        ["jobs", "nextCursor", "job_update", "jobId", "no_room"].into()
    );
}
