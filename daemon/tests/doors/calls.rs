//! Every call, its good answers and its refusals.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, client};

use crate::daemon::Daemon;
use crate::wire::{JSON, exchange, request};

#[test]
fn a_job_from_its_creation_to_its_end() {
    let daemon = Daemon::open();
    let reply = daemon.post(
        "/api/jobs",
        r#"{"type":"csv_processing","name":"orders.csv","userId":"ann","totalItems":200,"unknown":1}"#,
    );
    assert_eq!(reply.status, 201);
    let job = reply.job();
    let id = job["id"].as_str().unwrap();
    let path = format!("/api/jobs/{id}");
    assert_eq!(reply.header("location"), Some(path.as_str()));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(
        (&job["status"], &job["userId"]),
        (&json!("running"), &json!("ann"))
    );
    let call = |verb: &str, body: &str| daemon.post(&format!("{path}/{verb}"), body).job();

    let job = call(
        "progress",
        r#"{"metrics":{"processedItems":50},"step":"Processing data","message":"half"}"#,
    );
    assert_eq!(job["progress"], 25.0);
    assert_eq!(
        (&job["currentStep"], &job["message"]),
        (&json!(2), &json!("half"))
    );
    let job = call("pause", "");
    assert_eq!(
        (&job["status"], &job["control"]["action"]),
        (&json!("paused"), &json!("pause"))
    );
    let job = call("ack", r#"{"action":"pause","ok":true}"#);
    assert_eq!(
        (&job["status"], &job["control"]),
        (&json!("paused"), &Value::Null)
    );
    let job = call("resume", "{}");
    assert_eq!(job["status"], "running");
    let job = call("ack", r#"{"action":"resume","ok":true}"#);
    assert_eq!(job["control"], Value::Null);
    let job = call("complete", "");
    assert_eq!(
        (&job["status"], &job["progress"]),
        (&json!("completed"), &json!(100))
    );
    // Again is the same, otherwise is not.
    assert_eq!(call("complete", "")["status"], "completed");
    for (verb, body, code) in [
        ("fail", r#"{"error":"late"}"#, "job_finished"),
        ("cancel", "", "job_finished"),
        ("pause", "", "job_finished"),
        ("progress", r#"{"progress":5}"#, "job_finished"),
        ("start", "", "job_finished"),
        ("priority", r#"{"priority":5}"#, "job_finished"),
        ("ack", r#"{"action":"pause","ok":true}"#, "no_control"),
    ] {
        let reply = daemon.post(&format!("{path}/{verb}"), body);
        assert_eq!((reply.status, reply.code().as_str()), (409, code), "{verb}");
    }
}

#[test]
fn a_waiting_job_and_a_failing_one() {
    let daemon = Daemon::open();
    let job = daemon
        .post("/api/jobs", r#"{"type":"a","status":"pending"}"#)
        .job();
    assert_eq!(job["status"], "pending");
    let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(
        daemon
            .post(&format!("{path}/priority"), r#"{"priority":7}"#)
            .job()["priority"],
        7
    );
    assert_eq!(
        daemon.post(&format!("{path}/pause"), "").code(),
        "invalid_state"
    );
    assert_eq!(
        daemon.post(&format!("{path}/start"), "").job()["status"],
        "running"
    );
    let job = daemon
        .post(
            &format!("{path}/fail"),
            r#"{"error":"no such column","code":"bad_column","suggestion":"look at the header","exitCode":3}"#,
        )
        .job();
    assert_eq!(
        (&job["status"], &job["error"]),
        (&json!("failed"), &json!("no such column"))
    );
    assert_eq!(job["errorDetail"]["suggestion"], "look at the header");
    assert_eq!(job["errorDetail"]["exitCode"], 3);
}

#[test]
fn the_story_client_sends_a_media_type_and_no_body() {
    let daemon = Daemon::open();
    let id = daemon.job("ann");
    let pause = |headers: &[(&str, &str)], body: &[u8]| {
        daemon.send("POST", &format!("/api/jobs/{id}/pause"), headers, body)
    };
    assert_eq!(pause(&[JSON, ("Content-Length", "0")], b"").status, 200);
    // No header at all is as good.
    assert_eq!(
        daemon
            .send("POST", &format!("/api/jobs/{id}/resume"), &[], b"")
            .status,
        200
    );
    assert_eq!(pause(&[("Content-Type", "text/plain")], b"").status, 200);
}

#[test]
fn a_request_is_held_to_the_user_it_names() {
    let daemon = Daemon::open();
    let id = daemon.job("ann");
    let path = format!("/api/jobs/{id}");
    let reply = daemon.post(&format!("{path}/pause"), r#"{"userId":"bob"}"#);
    assert_eq!((reply.status, reply.code().as_str()), (403, "forbidden"));
    assert_eq!(reply.detail(), "Insufficient permissions to pause this job");
    assert_eq!(
        daemon.get(&format!("{path}?userId=bob")).code(),
        "forbidden"
    );
    assert_eq!(daemon.get(&format!("{path}?userId=ann")).job()["id"], id);
    assert_eq!(
        daemon
            .post(&format!("{path}/progress?userId=bob"), "")
            .code(),
        "forbidden"
    );
    assert_eq!(
        daemon
            .post(&format!("{path}/pause"), r#"{"userId":"ann"}"#)
            .status,
        200
    );
    // Without a name it is the daemon's own account, which may all.
    assert_eq!(daemon.post(&format!("{path}/resume"), "").status, 200);
    // Who connects to the socket is known, and not asked for a name.
    let request = request(
        "POST",
        &format!("{path}/pause"),
        &[JSON],
        br#"{"userId":"bob"}"#,
    );
    assert_eq!(exchange(daemon.unix(), &request).status, 200);
}

#[test]
fn the_same_key_is_the_same_job() {
    let daemon = Daemon::open();
    let first = daemon.post(
        "/api/jobs",
        r#"{"type":"a","name":"n","idempotencyKey":"k"}"#,
    );
    assert_eq!(first.status, 201);
    let again = daemon.post(
        "/api/jobs",
        r#"{"idempotencyKey":"k", "name":"n", "type":"a"}"#,
    );
    assert_eq!(
        (again.status, again.job()["id"].clone()),
        (200, first.job()["id"].clone())
    );
    let other = daemon.post(
        "/api/jobs",
        r#"{"type":"a","name":"m","idempotencyKey":"k"}"#,
    );
    assert_eq!(
        (other.status, other.code().as_str()),
        (409, "idempotency_conflict")
    );
}

#[test]
fn listings() {
    let daemon = Daemon::open();
    let ann = daemon.job("ann");
    let bob = daemon.job("bob");
    daemon.post(&format!("/api/jobs/{bob}/pause"), "");
    let ids = |query: &str| {
        let answer = daemon.get(&format!("/api/jobs{query}")).json();
        let jobs = answer["jobs"]
            .as_array()
            .unwrap_or_else(|| panic!("{query}: {answer}"));
        jobs.iter()
            .map(|job| job["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // Within one millisecond ids are in no order.
    let mut both = [bob.clone(), ann.clone()];
    both.sort_by(|a, b| b.cmp(a));
    assert_eq!(ids(""), both, "newest first");
    assert_eq!(ids("?userId=ann"), [ann.as_str()]);
    assert_eq!(ids("?status=paused"), [bob.as_str()]);
    assert_eq!(ids("?status=paused,running"), both);
    assert_eq!(ids("?type=api_upload"), [""; 0]);
    assert_eq!(ids("?q=user%3Abob"), [bob.as_str()]);
    let answer = daemon.get("/api/jobs?limit=1").json();
    let cursor = answer["nextCursor"].as_str().unwrap();
    assert_eq!(
        ids(&format!("?limit=1&cursor={cursor}")),
        [both[1].as_str()]
    );
    assert_eq!(answer["removed"], json!([]));

    let (revision, epoch) = (&answer["revision"], &answer["epoch"]);
    let since = |query: &str| daemon.get(&format!("/api/jobs?{query}"));
    assert_eq!(ids(&format!("?after={revision}&epoch={epoch}")), [""; 0]);
    daemon.post(&format!("/api/jobs/{ann}/progress"), r#"{"progress":5}"#);
    let changed = since(&format!("after={revision}&epoch={epoch}")).json();
    assert_eq!(changed["jobs"][0]["id"], ann);
    assert!(changed["revision"].as_u64() > revision.as_u64());
    let other = since(&format!("after={revision}&epoch=7"));
    assert_eq!(
        (other.status, other.code().as_str()),
        (410, "epoch_changed")
    );

    for wrong in [
        "status=done",
        "after=x",
        "limit=0",
        "cursor=nonsense",
        "userId=a%20b",
        "q=stauts%3Afailed",
        "status=running&status=paused",
    ] {
        let reply = since(wrong);
        assert_eq!(reply.status, 400, "{wrong}");
        assert_eq!(reply.code(), "bad_query", "{wrong}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let daemon = Daemon::open();
    let id = daemon.job("ann");
    let deep = format!(
        "{{\"type\":\"a\",\"config\":{}{}}}",
        "[".repeat(99),
        "]".repeat(99)
    );
    let unknown = "job_01JD8ZAAAAAAAAAAAAAAAAAAAA";
    let job = format!("/api/jobs/{id}");
    let of = |verb: &str| format!("{job}/{verb}");
    for (path, body, status, code) in [
        ("/api/jobs".to_owned(), &b"{"[..], 400, "bad_json"),
        ("/api/jobs".to_owned(), b"\xff\xfe", 400, "bad_json"),
        (
            "/api/jobs".to_owned(),
            b"{\"type\":\"a\",\"x\":\"\xff\"}",
            400,
            "bad_json",
        ),
        ("/api/jobs".to_owned(), deep.as_bytes(), 400, "bad_json"),
        (
            "/api/jobs".to_owned(),
            b"{\"type\":\"a\",\"priority\":NaN}",
            400,
            "bad_json",
        ),
        ("/api/jobs".to_owned(), b"", 422, "invalid"),
        ("/api/jobs".to_owned(), b"[]", 422, "invalid"),
        ("/api/jobs".to_owned(), b"\"x\"", 422, "invalid"),
        (
            "/api/jobs".to_owned(),
            b"{\"type\":\"A B\"}",
            422,
            "invalid",
        ),
        (
            "/api/jobs".to_owned(),
            b"{\"type\":\"a\",\"userId\":\"job_x\"}",
            422,
            "invalid",
        ),
        (
            "/api/jobs".to_owned(),
            b"{\"type\":\"a\",\"totalItems\":-1}",
            422,
            "invalid",
        ),
        (
            "/api/jobs".to_owned(),
            b"{\"type\":\"a\",\"status\":\"failed\"}",
            422,
            "invalid",
        ),
        (
            "/api/jobs".to_owned(),
            b"{\"type\":\"a\",\"command\":{\"argv\":[\"ls\"]}}",
            403,
            "forbidden",
        ),
        (of("progress"), b"{\"progress\":\"x\"}", 422, "invalid"),
        (of("progress"), b"{\"step\":\"nowhere\"}", 422, "bad_step"),
        (of("progress"), b"{\"step\":99}", 422, "bad_step"),
        (
            of("progress"),
            b"{\"metrics\":{\"processedItems\":-1}}",
            422,
            "invalid",
        ),
        (of("progress"), b"{\"progress\":1e999}", 422, "invalid"),
        (of("fail"), b"{}", 422, "invalid"),
        (
            of("ack"),
            b"{\"action\":\"jump\",\"ok\":true}",
            422,
            "invalid",
        ),
        (of("priority"), b"{}", 422, "invalid"),
        (of("priority"), b"{\"priority\":1}", 409, "invalid_state"),
        (of("pause"), b"[1]", 422, "invalid"),
        (of("pause"), b"{\"userId\":7}", 422, "invalid"),
        (of("retry"), b"", 409, "invalid_state"),
        (of("jump"), b"", 404, "not_found"),
        (
            format!("/api/jobs/{unknown}/pause"),
            b"",
            404,
            "job_not_found",
        ),
        (
            "/api/jobs/..%2f..%2fx/pause".to_owned(),
            b"",
            404,
            "job_not_found",
        ),
        ("/api/jobs/%ff/pause".to_owned(), b"", 404, "job_not_found"),
        ("/api/jobs/%00/pause".to_owned(), b"", 404, "job_not_found"),
        (
            format!("/api/jobs/{}/pause", "x".repeat(300)),
            b"",
            404,
            "job_not_found",
        ),
        (
            format!("/api/jobs/{}/pause", id.to_lowercase()),
            b"",
            404,
            "job_not_found",
        ),
        ("/api/queues/a%20b".to_owned(), b"", 422, "invalid"),
    ] {
        let reply = daemon.send("POST", &path, &[JSON], body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (status, code),
            "{path} {shown}"
        );
    }
    let reply = daemon.get(&format!("/api/jobs/{unknown}"));
    assert_eq!(reply.status, 404);
    assert_eq!(reply.detail(), format!("Job not found: {unknown}"));
    // None of it changed anything.
    let job = daemon.get(&job).job();
    assert_eq!(
        (&job["status"], &job["revision"]),
        (&json!("running"), &json!(1))
    );
}

#[test]
fn other_methods_and_what_is_not_there_yet() {
    let daemon = Daemon::open();
    let id = daemon.job("ann");
    for (method, path, allow) in [
        ("DELETE", "/api/jobs".to_owned(), "GET,HEAD,POST"),
        ("GET", format!("/api/jobs/{id}/pause"), "POST"),
        ("PUT", format!("/api/jobs/{id}"), "GET,HEAD"),
        ("POST", "/progress".to_owned(), "GET,HEAD"),
        ("OPTIONS", "/api/jobs".to_owned(), "GET,HEAD,POST"),
    ] {
        let reply = daemon.send(method, &path, &[], b"");
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (405, "method_not_allowed"),
            "{method} {path}"
        );
        assert_eq!(reply.header("allow"), Some(allow), "{method} {path}");
    }
    let plain = daemon.get("/progress");
    assert_eq!(
        (plain.status, plain.code().as_str()),
        (426, "upgrade_required")
    );
    assert_eq!(plain.header("upgrade"), Some("websocket"));
    assert_eq!(daemon.get("/healthz").json(), json!({"status": "ok"}));
    assert_eq!(daemon.get("/readyz").json()["status"], "ready");
}

#[test]
fn one_port_for_both_and_the_socket_too() {
    let daemon = Daemon::open();
    let (mut over_tcp, _) = client("ws://localhost/progress", daemon.tcp()).unwrap();
    let (mut over_unix, _) = client("ws://localhost/progress", daemon.unix()).unwrap();
    for message in [over_tcp.read().unwrap(), over_unix.read().unwrap()] {
        let Message::Text(text) = message else {
            panic!("{message:?}")
        };
        let welcome: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&welcome["type"], &welcome["role"]),
            (&json!("welcome"), &json!("admin"))
        );
    }
    // A message right behind the handshake, in the same piece, is not lost.
    let mut both = request(
        "GET",
        "/progress",
        &[
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
        b"",
    );
    // A masked close frame with a mask of zeros.
    both.extend_from_slice(&[0x88, 0x80, 0, 0, 0, 0]);
    let mut stream = daemon.tcp();
    std::io::Write::write_all(&mut stream, &both).unwrap();
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut rest).unwrap();
    let text = String::from_utf8_lossy(&rest);
    assert!(text.starts_with("HTTP/1.1 101"), "{text}");
}

#[test]
fn a_websocket_that_names_a_user_is_held_to_it() {
    let daemon = Daemon::open();
    daemon.job("ann");
    let (mut socket, _) = client("ws://localhost/progress?userId=bob", daemon.tcp()).unwrap();
    let welcome = said(&mut socket);
    assert_eq!(
        (&welcome["userId"], &welcome["role"]),
        (&json!("bob"), &json!("user"))
    );
    for (asked, code) in [
        (json!({"type": "subscribe", "channel": "job:ann"}), "error"),
        (
            json!({"type": "subscribe", "channel": "jobs", "snapshot": true}),
            "subscribed",
        ),
    ] {
        socket.send(Message::text(asked.to_string())).unwrap();
        assert_eq!(said(&mut socket)["type"], code, "{asked}");
    }
    assert_eq!(
        said(&mut socket)["type"],
        "snapshot_end",
        "ann's is not told"
    );
    let path = "/progress?userId=a%20b";
    assert_eq!(daemon.get(path).code(), "bad_query");
}

fn said<S: std::io::Read + std::io::Write>(
    socket: &mut tokio_tungstenite::tungstenite::WebSocket<S>,
) -> Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}
