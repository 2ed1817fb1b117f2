//! What makes no sense is answered with a clear sentence and a stable code; the connection lives and nothing changes.

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::http;
use jobtop_e2e::wait::{self, DEADLINE};
use jobtop_e2e::ws::{self, Next};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::said::id;

/// All that the daemon knows, without what goes on by itself.
fn everything(daemon: &Daemon) -> Value {
    let mut all = daemon.get("/api/jobs").json();
    for job in all["jobs"].as_array_mut().into_iter().flatten() {
        for key in ["activeSeconds", "pausedSeconds", "itemsPerSecond"] {
            job["metrics"][key] = Value::Null;
        }
    }
    all
}

#[test]
fn over_the_web_socket() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let running = id(&daemon.create(&json!({"type": "etl", "steps": ["a", "b"]})));
    let done = id(&daemon.create(&json!({"type": "etl"})));
    daemon.act(&done, "complete");
    let owned = id(&daemon.create(&json!({"type": "etl", "userId": "ann"})));
    let before = everything(&daemon);

    let deep = format!(
        "{{\"type\":\"ping\",\"x\":{}1{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let long = "x".repeat(300);
    let table: Vec<(String, &str)> = vec![
        (String::new(), "bad_json"),
        ("{".into(), "bad_json"),
        ("nonsense".into(), "bad_json"),
        ("\u{feff}{\"type\":\"ping\"}".into(), "bad_json"),
        ("{\"type\":\"ping\"} {\"type\":\"ping\"}".into(), "bad_json"),
        ("{\"type\":\"ping\",}".into(), "bad_json"),
        (
            format!(r#"{{"type":"update_progress","jobId":"{running}","progress":NaN}}"#),
            "bad_json",
        ),
        (
            format!(r#"{{"type":"update_progress","jobId":"{running}","progress":Infinity}}"#),
            "bad_json",
        ),
        (deep, "bad_json"),
        ("[]".into(), "invalid"),
        ("null".into(), "invalid"),
        ("7".into(), "invalid"),
        ("{}".into(), "invalid"),
        ("{\"type\":7}".into(), "invalid"),
        ("{\"type\":null}".into(), "invalid"),
        ("{\"type\":\"ping\",\"type\":\"ping\"}".into(), "invalid"),
        ("{\"type\":\"ping\",\"requestId\":{}}".into(), "invalid"),
        ("{\"type\":\"\"}".into(), "unknown_message"),
        ("{\"type\":\"frobnicate\"}".into(), "unknown_message"),
        ("{\"type\":\"PING\"}".into(), "unknown_message"),
        ("{\"type\":\"\\u001b[2J\"}".into(), "unknown_message"),
        ("{\"type\":\"subscribe\"}".into(), "invalid"),
        ("{\"type\":\"subscribe\",\"channel\":7}".into(), "invalid"),
        (
            "{\"type\":\"subscribe\",\"channel\":\"\"}".into(),
            "unknown_channel",
        ),
        (
            "{\"type\":\"subscribe\",\"channel\":\"metrics\"}".into(),
            "unknown_channel",
        ),
        (
            "{\"type\":\"subscribe\",\"channel\":\"job:\"}".into(),
            "unknown_channel",
        ),
        (
            "{\"type\":\"subscribe\",\"channel\":\"job:a b\"}".into(),
            "unknown_channel",
        ),
        (
            format!("{{\"type\":\"subscribe\",\"channel\":\"job:{long}\"}}"),
            "unknown_channel",
        ),
        (
            "{\"type\":\"subscribe\",\"channel\":\"jobs\",\"after\":-1,\"epoch\":1}".into(),
            "invalid",
        ),
        ("{\"type\":\"create_job\"}".into(), "invalid"),
        (
            "{\"type\":\"create_job\",\"jobType\":\"\"}".into(),
            "invalid",
        ),
        (
            "{\"type\":\"create_job\",\"jobType\":\"No Such\"}".into(),
            "invalid",
        ),
        (
            "{\"type\":\"create_job\",\"jobType\":\"etl\",\"userId\":\"job_x\"}".into(),
            "invalid",
        ),
        (
            "{\"type\":\"create_job\",\"jobType\":\"etl\",\"status\":\"completed\"}".into(),
            "invalid",
        ),
        (
            "{\"type\":\"create_job\",\"jobType\":\"etl\",\"totalItems\":-1}".into(),
            "invalid",
        ),
        (
            "{\"type\":\"create_job\",\"jobType\":\"etl\",\"heartbeatSeconds\":-1}".into(),
            "invalid",
        ),
        (
            "{\"type\":\"create_job\",\"jobType\":\"etl\",\"steps\":[]}".into(),
            "invalid",
        ),
        (
            "{\"type\":\"create_job\",\"jobType\":\"etl\",\"command\":{\"argv\":[\"true\"]}}"
                .into(),
            "forbidden",
        ),
        (
            format!(
                "{{\"type\":\"create_job\",\"jobType\":\"etl\",\"config\":{{\"x\":\"{}\"}}}}",
                "y".repeat(70_000)
            ),
            "too_large",
        ),
        ("{\"type\":\"update_progress\"}".into(), "invalid"),
        (
            format!(r#"{{"type":"update_progress","jobId":"{running}","progress":"7"}}"#),
            "invalid",
        ),
        (
            format!(r#"{{"type":"update_progress","jobId":"{running}","progress":1e999}}"#),
            "invalid",
        ),
        (
            format!(
                r#"{{"type":"update_progress","jobId":"{running}","metrics":{{"processedItems":-1}}}}"#
            ),
            "invalid",
        ),
        (
            format!(
                r#"{{"type":"update_progress","jobId":"{running}","metrics":{{"errorCount":1.5}}}}"#
            ),
            "invalid",
        ),
        (
            format!(
                r#"{{"type":"update_progress","jobId":"{running}","metrics":{{"totalItems":99999999999999999999}}}}"#
            ),
            "invalid",
        ),
        (
            format!(
                r#"{{"type":"update_progress","jobId":"{running}","progress":1,"progress":2}}"#
            ),
            "invalid",
        ),
        (
            format!(r#"{{"type":"update_progress","jobId":"{running}","step":2}}"#),
            "bad_step",
        ),
        (
            format!(r#"{{"type":"update_progress","jobId":"{running}","step":-1}}"#),
            "bad_step",
        ),
        (
            format!(r#"{{"type":"update_progress","jobId":"{running}","step":"c"}}"#),
            "bad_step",
        ),
        (
            format!(r#"{{"type":"update_progress","jobId":"{done}","progress":1}}"#),
            "job_finished",
        ),
        (
            r#"{"type":"update_progress","jobId":"job_1732_abc","progress":1}"#.into(),
            "job_not_found",
        ),
        (
            r#"{"type":"update_progress","jobId":"../../etc/passwd","progress":1}"#.into(),
            "job_not_found",
        ),
        (
            r#"{"type":"update_progress","updates":[{"progress":1}]}"#.into(),
            "invalid",
        ),
        (
            r#"{"type":"update_progress","updates":{}}"#.into(),
            "invalid",
        ),
        (
            format!(
                r#"{{"type":"complete_job","jobId":"job_{}"}}"#,
                "0".repeat(26)
            ),
            "job_not_found",
        ),
        (r#"{"type":"complete_job"}"#.into(), "invalid"),
        (
            format!(r#"{{"type":"fail_job","jobId":"{running}"}}"#),
            "invalid",
        ),
        (
            format!(r#"{{"type":"fail_job","jobId":"{done}","error":"x"}}"#),
            "job_finished",
        ),
        (
            format!(r#"{{"type":"resume_job","jobId":"{running}"}}"#),
            "invalid_state",
        ),
        (
            format!(r#"{{"type":"start_job","jobId":"{running}"}}"#),
            "invalid_state",
        ),
        (
            format!(r#"{{"type":"pause_job","jobId":"{done}"}}"#),
            "job_finished",
        ),
        (
            format!(r#"{{"type":"pause_job","jobId":"{owned}","userId":"bob"}}"#),
            "forbidden",
        ),
        (
            format!(r#"{{"type":"cancel_job","jobId":"{owned}","userId":"bob"}}"#),
            "forbidden",
        ),
        (
            format!(r#"{{"type":"pause_job","jobId":"{owned}","userId":""}}"#),
            "invalid",
        ),
        (
            format!(r#"{{"type":"retry_job","jobId":"{done}"}}"#),
            "not_supported",
        ),
        (
            format!(r#"{{"type":"set_priority","jobId":"{running}","priority":1}}"#),
            "invalid_state",
        ),
        (
            format!(r#"{{"type":"set_priority","jobId":"{running}","priority":1.5}}"#),
            "invalid",
        ),
        (
            format!(r#"{{"type":"control_ack","jobId":"{running}","action":"pause","ok":true}}"#),
            "no_control",
        ),
        (
            format!(r#"{{"type":"control_ack","jobId":"{running}","action":"explode","ok":true}}"#),
            "invalid",
        ),
        (
            r#"{"type":"adopt_job","jobId":"job_1732_abc"}"#.into(),
            "job_not_found",
        ),
        (
            format!(r#"{{"type":"adopt_job","jobId":"{done}"}}"#),
            "job_finished",
        ),
    ];
    let mut ws = daemon.ws();
    let mut wrong = Vec::new();
    for (text, code) in &table {
        ws.send_text(text);
        let shown: String = text.chars().take(120).collect();
        match ws.next_within(DEADLINE) {
            Next::Message(error) if error["type"] == "error" && error["code"] == *code => {
                let sentence = error["message"].as_str().unwrap_or_default();
                if sentence.is_empty()
                    || sentence.chars().any(char::is_control)
                    || sentence.len() > 400
                {
                    wrong.push(format!("{shown}: says {sentence:?}"));
                }
            }
            other => wrong.push(format!("{shown}: wanted {code}, got {other:?}")),
        }
    }
    assert_eq!(ws.settle(), Vec::<Value>::new(), "one answer each");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(everything(&daemon), before, "nothing has changed");

    ws.send_frame(Message::binary(vec![0_u8, 159, 146, 150]));
    assert_eq!(
        ws.find("a refusal", |message| message["type"] == "error")["code"],
        "binary_frame"
    );
    ws.send(&json!({"type": "pong"}));
    assert_eq!(
        ws.settle(),
        Vec::<Value>::new(),
        "a client's pong is taken silently"
    );
    assert_eq!(everything(&daemon), before, "nothing has changed");
}

#[test]
fn errors_name_the_request_and_the_job() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut ws = daemon.ws();
    let error = ws.request(json!({"type": "pause_job", "jobId": "job_gone"}));
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("error"), &json!("job_not_found")),
        "{error}"
    );
    ws.send(&json!({"type": "frobnicate", "requestId": 41}));
    let error = ws.find("an error", |message| message["type"] == "error");
    assert_eq!(
        error["requestId"], 41,
        "a number comes back as a number: {error}"
    );
}

#[test]
fn of_many_updates_the_good_ones_count() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let job = id(&daemon.create(&json!({"type": "etl"})));
    let mut ws = daemon.ws();
    let answer = ws.request(json!({"type": "update_progress", "updates": [
        {"jobId": "job_gone", "progress": 1}, {"jobId": job, "progress": 40}, {"jobId": job, "progress": 41},
    ]}));
    assert_eq!(answer["code"], "job_not_found", "{answer}");
    wait::until("the good ones to count", || {
        (daemon.job(&job)["progress"] == 41.0).then_some(())
    });
    // Of many jobs the refusal names its own.
    let other = id(&daemon.create(&json!({"type": "etl", "userId": "ann"})));
    let answer = ws.request(json!({"type": "update_progress", "updates": [
        {"jobId": job, "progress": 42}, {"jobId": other, "step": "none such"}, {"jobId": job, "progress": 43},
    ]}));
    assert_eq!(
        (&answer["code"], &answer["jobId"]),
        (&json!("bad_step"), &json!(other))
    );
    // The user that a report names is the one it is held to.
    for user in ["bob", "ann"] {
        let answer = ws.request(
            json!({"type": "update_progress", "jobId": other, "userId": user, "progress": 5}),
        );
        let expected = if user == "ann" { "ok" } else { "error" };
        assert_eq!(answer["type"], expected, "{user}: {answer}");
    }
}

#[test]
fn an_oversized_message_ends_the_connection_and_nothing_else() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let job = id(&daemon.create(&json!({"type": "etl"})));
    let mut other = daemon.ws();
    let mut ws = daemon.ws();
    let text = json!({"type": "update_progress", "jobId": job, "progress": 50, "message": "x".repeat(300 * 1024)});
    let sent = ws.try_send_frame(Message::text(text.to_string()));
    if sent {
        assert_eq!(ws.end(), Some(ws::TOO_LARGE));
    }
    // A frame that announces a gigabyte: nothing is set aside for it, and nobody waits for it to come.
    let mut ws = daemon.ws();
    let mut head = vec![0x81, 0xff];
    head.extend_from_slice(&(1_u64 << 30).to_be_bytes());
    head.extend_from_slice(&[0; 4]);
    ws.send_bytes(&head);
    assert!(matches!(ws.end(), Some(ws::TOO_LARGE) | None));
    assert_eq!(other.settle(), Vec::<Value>::new());
    assert_eq!(daemon.job(&job)["progress"], 0.0);
    // Just within the limit is a message like any other.
    let message = json!({"type": "frobnicate", "x": "y".repeat(250 * 1024)});
    assert_eq!(other.refused(message), "unknown_message");
}

#[test]
fn broken_frames_end_the_connection_and_nothing_else() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut other = daemon.ws();
    for bytes in [
        &[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe][..], // not UTF-8
        &[0xf1, 0x80, 0, 0, 0, 0][..],             // reserved bits
        &[0x83, 0x80, 0, 0, 0, 0][..],             // an opcode that does not exist
        &[0x81, 0x02, b'{', b'}'][..],             // not masked
        &[0x09, 0x80, 0, 0, 0, 0][..],             // a ping in fragments
    ] {
        let mut ws = daemon.ws();
        ws.send_bytes(bytes);
        match ws.next_within(DEADLINE) {
            Next::End(_) => {}
            Next::Message(message) if message["type"] == "error" => {
                ws.end();
            }
            next => panic!("{bytes:?} was answered {next:?}"),
        }
    }
    assert_eq!(other.settle(), Vec::<Value>::new());
}

/// Method, path, a header, a body; status and code of the refusal.
type Case<'a> = (
    &'a str,
    String,
    Option<(&'a str, &'a str)>,
    &'a str,
    u16,
    &'a str,
);

#[test]
fn over_http() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let running = id(&daemon.create(&json!({"type": "etl"})));
    let owned = id(&daemon.create(&json!({"type": "etl", "userId": "ann"})));
    let done = id(&daemon.create(&json!({"type": "etl"})));
    daemon.act(&done, "complete");
    let before = everything(&daemon);
    let at = |id: &str, verb: &str| format!("/api/jobs/{id}/{verb}");
    let json_type = ("Content-Type", "application/json");
    let large = format!("{{\"type\":\"etl\",\"name\":\"{}\"}}", "x".repeat(2 << 20));
    let config = format!("{{\"type\":\"etl\",\"config\":\"{}\"}}", "x".repeat(70_000));

    let table: Vec<Case<'_>> = vec![
        (
            "POST",
            "/api/jobs".into(),
            Some(json_type),
            "{",
            400,
            "bad_json",
        ),
        (
            "POST",
            "/api/jobs".into(),
            Some(json_type),
            "nope",
            400,
            "bad_json",
        ),
        (
            "POST",
            "/api/jobs".into(),
            Some(json_type),
            "[]",
            422,
            "invalid",
        ),
        (
            "POST",
            "/api/jobs".into(),
            Some(json_type),
            "",
            422,
            "invalid",
        ),
        (
            "POST",
            "/api/jobs".into(),
            Some(json_type),
            "{\"type\":7}",
            422,
            "invalid",
        ),
        (
            "POST",
            "/api/jobs".into(),
            Some(json_type),
            "{\"type\":\"Ä\"}",
            422,
            "invalid",
        ),
        (
            "POST",
            "/api/jobs".into(),
            Some(json_type),
            "{\"type\":\"etl\",\"type\":\"etl\"}",
            422,
            "invalid",
        ),
        (
            "POST",
            "/api/jobs".into(),
            Some(json_type),
            "{\"type\":\"etl\",\"command\":{\"argv\":[\"true\"]}}",
            403,
            "forbidden",
        ),
        (
            "POST",
            "/api/jobs".into(),
            Some(json_type),
            &large,
            413,
            "too_large",
        ),
        (
            "POST",
            "/api/jobs".into(),
            Some(json_type),
            &config,
            413,
            "too_large",
        ),
        (
            "POST",
            "/api/jobs".into(),
            None,
            "{\"type\":\"etl\"}",
            415,
            "unsupported_media_type",
        ),
        (
            "POST",
            "/api/jobs".into(),
            Some(("Content-Type", "text/plain")),
            "{\"type\":\"etl\"}",
            415,
            "unsupported_media_type",
        ),
        (
            "POST",
            "/api/jobs".into(),
            Some(("Content-Type", "application/x-www-form-urlencoded")),
            "type=etl",
            415,
            "unsupported_media_type",
        ),
        (
            "GET",
            "/api/jobs?limit=x".into(),
            None,
            "",
            400,
            "bad_query",
        ),
        (
            "GET",
            "/api/jobs?status=asleep".into(),
            None,
            "",
            400,
            "bad_query",
        ),
        (
            "GET",
            "/api/jobs?after=x&epoch=1".into(),
            None,
            "",
            400,
            "bad_query",
        ),
        (
            "GET",
            "/api/jobs?q=sttus:failed".into(),
            None,
            "",
            400,
            "bad_query",
        ),
        (
            "GET",
            "/api/jobs?userId=a%20b".into(),
            None,
            "",
            400,
            "bad_query",
        ),
        (
            "GET",
            "/api/jobs/job_1732_abc".into(),
            None,
            "",
            404,
            "job_not_found",
        ),
        (
            "GET",
            "/api/jobs/..%2f..%2fetc".into(),
            None,
            "",
            404,
            "job_not_found",
        ),
        ("GET", "/api/nothing".into(), None, "", 404, "not_found"),
        ("GET", "/".into(), None, "", 404, "not_found"),
        (
            "DELETE",
            "/api/jobs".into(),
            None,
            "",
            405,
            "method_not_allowed",
        ),
        (
            "GET",
            at(&running, "pause"),
            None,
            "",
            405,
            "method_not_allowed",
        ),
        (
            "POST",
            at(&running, "explode"),
            Some(json_type),
            "{}",
            404,
            "not_found",
        ),
        (
            "POST",
            at(&running, "progress"),
            Some(json_type),
            "{\"progress\":NaN}",
            400,
            "bad_json",
        ),
        (
            "POST",
            at(&running, "progress"),
            Some(json_type),
            "{\"progress\":null,\"metrics\":{\"errorCount\":-2}}",
            422,
            "invalid",
        ),
        (
            "POST",
            at(&running, "progress"),
            Some(json_type),
            "{\"step\":9}",
            422,
            "bad_step",
        ),
        (
            "POST",
            at(&done, "progress"),
            Some(json_type),
            "{\"progress\":3}",
            409,
            "job_finished",
        ),
        (
            "POST",
            at(&running, "fail"),
            Some(json_type),
            "{}",
            422,
            "invalid",
        ),
        (
            "POST",
            at(&running, "ack"),
            Some(json_type),
            "{\"action\":\"pause\",\"ok\":true}",
            409,
            "no_control",
        ),
        (
            "POST",
            at(&running, "ack"),
            Some(json_type),
            "{\"ok\":true}",
            422,
            "invalid",
        ),
        (
            "POST",
            at(&running, "priority"),
            Some(json_type),
            "{}",
            422,
            "invalid",
        ),
        (
            "POST",
            at(&running, "resume"),
            Some(json_type),
            "",
            409,
            "invalid_state",
        ),
        (
            "POST",
            at(&owned, "cancel"),
            Some(json_type),
            "{\"userId\":\"bob\"}",
            403,
            "forbidden",
        ),
        (
            "POST",
            at(&done, "cancel"),
            Some(json_type),
            "",
            409,
            "job_finished",
        ),
        ("GET", "/progress".into(), None, "", 426, "upgrade_required"),
    ];
    let mut wrong = Vec::new();
    for (method, path, header, body, status, code) in table {
        let headers: Vec<(&str, &str)> = header.into_iter().collect();
        let answer = http::request(&daemon.tcp(), method, &path, &headers, body.as_bytes());
        let shown: String = body.chars().take(80).collect();
        let problem = answer.header("content-type") == Some("application/problem+json");
        if !problem || answer.problem() != (status, code.to_owned()) {
            wrong.push(format!(
                "{method} {path} {shown}: wanted {status} {code}, got {} {}",
                answer.status,
                answer.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(everything(&daemon), before, "nothing has changed");
}

#[test]
fn requests_that_are_no_http() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let host = daemon.tcp().host();
    for bytes in [
        b"\r\n\r\n\r\n".to_vec(),
        b"HELLO\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        format!(
            "GET /{} HTTP/1.1\r\nHost: {host}\r\n\r\n",
            "x".repeat(1 << 20)
        )
        .into_bytes(),
        format!(
            "GET /api/jobs HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n\r\n",
            "y".repeat(1 << 20)
        )
        .into_bytes(),
        format!("POST /api/jobs HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n")
            .into_bytes(),
    ] {
        let mut wire = bytes.clone();
        wire.extend_from_slice(b"\r\n\r\n");
        let answer = http::raw(&daemon.tcp(), &wire);
        assert!(
            (400..500).contains(&answer.status) || answer.status == 0,
            "{:?}: {}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(40)]),
            answer.status
        );
    }
    assert_eq!(daemon.get("/healthz").status, 200);
}

#[test]
fn control_characters_never_come_out_again() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let evil = "a\u{1b}[2J\u{1b}]0;title\u{7}b\u{9b}31m\u{202e}c\u{2028}d\r\n\u{0}e";
    let job = daemon.create(
        &json!({"type": "etl", "name": evil, "tags": [evil], "steps": [evil], "host": evil}),
    );
    let id = id(&job);
    daemon.post(
        &format!("/api/jobs/{id}/progress"),
        &json!({"message": evil, "progressSource": evil}),
    );
    daemon.post(
        &format!("/api/jobs/{id}/fail"),
        &json!({"error": evil, "suggestion": evil, "lastLines": [evil]}),
    );
    let mut job = daemon.job(&id);
    // `config` is the producer's own and comes back byte for byte; it is never shown.
    job["config"] = Value::Null;
    let bad = |text: &str| {
        text.chars().any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}'))
    };
    let mut found = Vec::new();
    let mut rest = vec![&job];
    while let Some(value) = rest.pop() {
        match value {
            Value::String(text) if bad(text) => found.push(text),
            Value::Array(items) => rest.extend(items),
            Value::Object(fields) => rest.extend(fields.values()),
            _ => {}
        }
    }
    assert!(found.is_empty(), "{found:?}");
    assert!(
        job["name"]
            .as_str()
            .is_some_and(|name| name.contains('a') && name.contains('e')),
        "{job}"
    );
}
