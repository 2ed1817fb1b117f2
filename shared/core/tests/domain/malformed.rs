//! What strangers send instead of messages: each is refused with the right code, and nothing panics.

use jobtop_core::job::progress::Report;
use jobtop_core::job::refusal::Code;
use jobtop_core::proto::body::{ActBody, FailBody, NewJob, PriorityBody};
use jobtop_core::proto::message::Message;
use jobtop_core::proto::read;
use jobtop_core::proto::request::{Incoming, Request};
use proptest::prelude::*;

const ID: &str = "job_01JD8ZAAAAAAAAAAAAAAAAAAAA";

/// Not JSON at all, or JSON that says nothing a message could be.
const FRAMES: &[(&str, Code)] = &[
    ("", Code::BadJson),
    (" ", Code::BadJson),
    ("\n", Code::BadJson),
    ("\0", Code::BadJson),
    ("\u{feff}", Code::BadJson),
    ("\u{feff}{\"type\":\"ping\"}", Code::BadJson),
    ("{", Code::BadJson),
    ("}", Code::BadJson),
    ("{]", Code::BadJson),
    ("{}{}", Code::Invalid),
    ("{\"type\":\"ping\"}{\"type\":\"ping\"}", Code::BadJson),
    ("{\"type\":\"ping\"} x", Code::BadJson),
    ("{\"type\":\"ping\",}", Code::BadJson),
    ("{\"type\":\"ping\" \"a\":1}", Code::BadJson),
    ("{'type':'ping'}", Code::BadJson),
    ("{type:\"ping\"}", Code::BadJson),
    ("{\"type\":ping}", Code::BadJson),
    ("{\"type\":\"ping}", Code::BadJson),
    ("{\"type\":\"pi\nng\"}", Code::BadJson),
    ("{\"type\":\"\\x70ing\"}", Code::BadJson),
    ("{\"type\":\"\\u12\"}", Code::BadJson),
    ("{\"type\":\"\\ud800\"}", Code::Invalid),
    ("{\"type\":\"\\udc00\"}", Code::Invalid),
    ("{\"type\":\"\\ud800\\ud800\"}", Code::Invalid),
    ("// comment\n{\"type\":\"ping\"}", Code::BadJson),
    ("{\"type\":\"ping\" /* comment */}", Code::BadJson),
    ("NaN", Code::BadJson),
    ("Infinity", Code::BadJson),
    ("undefined", Code::BadJson),
    ("ping", Code::BadJson),
    ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Code::BadJson),
    ("type=ping&x=1", Code::BadJson),
    ("<xml/>", Code::BadJson),
    ("null", Code::Invalid),
    ("true", Code::Invalid),
    ("0", Code::Invalid),
    ("-1", Code::Invalid),
    ("1e400", Code::Invalid),
    ("\"ping\"", Code::Invalid),
    ("\"\"", Code::Invalid),
    ("[]", Code::Invalid),
    ("[\"ping\"]", Code::Invalid),
    ("[\"ping\",null]", Code::Invalid),
    ("[{\"type\":\"ping\"}]", Code::Invalid),
    ("[\"update_progress\",1,2,3,4,5,6,7,8]", Code::Invalid),
    ("{}", Code::Invalid),
    ("{\"Type\":\"ping\"}", Code::Invalid),
    ("{\"type\":null}", Code::Invalid),
    ("{\"type\":1}", Code::Invalid),
    ("{\"type\":true}", Code::Invalid),
    ("{\"type\":[\"ping\"]}", Code::Invalid),
    ("{\"type\":{\"ping\":1}}", Code::Invalid),
    ("{\"type\":\"ping\",\"type\":\"pong\"}", Code::Invalid),
    (
        "{\"type\":\"ping\",\"requestId\":1,\"requestId\":2}",
        Code::Invalid,
    ),
    ("{\"type\":\"ping\",\"requestId\":{}}", Code::Invalid),
    ("{\"type\":\"ping\",\"requestId\":[]}", Code::Invalid),
    ("{\"type\":\"ping\",\"requestId\":true}", Code::Invalid),
    ("{\"type\":\"ping\",\"requestId\":false}", Code::Invalid),
    (
        "{\"type\":\"ping\",\"requestId\":\"\\ud800\"}",
        Code::Invalid,
    ),
    ("{\"type\":\"ping\",\"requestId\":1e400}", Code::Invalid),
    ("{\"type\":\"\"}", Code::UnknownMessage),
    ("{\"type\":\"Ping\"}", Code::UnknownMessage),
    ("{\"type\":\"ping \"}", Code::UnknownMessage),
    ("{\"type\":\"pin\\u0000g\"}", Code::UnknownMessage),
    ("{\"type\":\"welcome\"}", Code::UnknownMessage),
    ("{\"type\":\"job_update\"}", Code::UnknownMessage),
    ("{\"type\":\"\\u001b[31mred\"}", Code::UnknownMessage),
    ("{\"type\":\"__proto__\"}", Code::UnknownMessage),
    (
        "{\"type\":\"SUBSCRIBE\",\"channel\":\"jobs\"}",
        Code::UnknownMessage,
    ),
    ("{\"type\":\"history\",\"limit\":-1}", Code::Invalid),
    ("{\"type\":\"analytics\",\"q\":7}", Code::Invalid),
    ("{\"type\":\"work\"}", Code::Invalid),
    (
        "{\"type\":\"work\",\"jobTypes\":[\"A B\"],\"slots\":1}",
        Code::Invalid,
    ),
    ("{\"type\":\"decline\"}", Code::Invalid),
    ("{\"type\":\"log\"}", Code::Invalid),
    // Half a surrogate, a number out of all range, and duplicates further in.
    (
        "{\"type\":\"subscribe\",\"channel\":\"\\ud83d\"}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"message\":\"\\udead\"}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"progress\":1e400}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"progress\":-1e400}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"progress\":NaN}",
        Code::BadJson,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"progress\":-Infinity}",
        Code::BadJson,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"progress\":.5}",
        Code::BadJson,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"progress\":5.}",
        Code::BadJson,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"progress\":+5}",
        Code::BadJson,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"progress\":05}",
        Code::BadJson,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"progress\":0x5}",
        Code::BadJson,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"progress\":1,\"progress\":2}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"jobId\":\"job_2\"}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"update_progress\",\"progress\":5}",
        Code::Invalid,
    ),
    ("{\"type\":\"update_progress\"}", Code::Invalid),
    (
        "{\"type\":\"update_progress\",\"jobId\":null}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"update_progress\",\"updates\":[[\"job_1\",5]]}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"update_progress\",\"updates\":[{\"progress\":5}]}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"update_progress\",\"updates\":[{\"jobId\":\"job_1\"},7]}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"update_progress\",\"updates\":[null]}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"metrics\":[1,2,3,4,5]}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"create_job\",\"jobType\":\"csv\",\"capabilities\":[true,true,true]}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"create_job\",\"jobType\":\"csv\",\"config\":{\"a\":\"\\ud800\"}}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"create_job\",\"jobType\":\"csv\",\"config\":{\"\\udc00\":1}}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"create_job\",\"jobType\":\"csv\",\"config\":{\"a\":[1e400]}}",
        Code::Invalid,
    ),
    ("{\"type\":\"create_job\"}", Code::Invalid),
    (
        "{\"type\":\"create_job\",\"jobType\":\"csv\",\"userId\":\"job_x\"}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"create_job\",\"jobType\":\"csv\",\"totalItems\":1.5}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"create_job\",\"jobType\":\"csv\",\"totalItems\":99999999999999999999}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"create_job\",\"jobType\":\"csv\",\"status\":\"done\"}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"set_priority\",\"jobId\":\"job_1\",\"priority\":2147483648}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"set_priority\",\"jobId\":\"job_1\",\"priority\":1.5}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"set_priority\",\"jobId\":\"job_1\"}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"control_ack\",\"jobId\":\"job_1\",\"action\":\"stop\",\"ok\":true}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"control_ack\",\"jobId\":\"job_1\",\"action\":\"pause\"}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"control_ack\",\"jobId\":\"job_1\",\"action\":\"pause\",\"ok\":\"yes\"}",
        Code::Invalid,
    ),
    ("{\"type\":\"fail_job\",\"jobId\":\"job_1\"}", Code::Invalid),
    ("{\"type\":\"fail_job\",\"error\":\"x\"}", Code::Invalid),
    (
        "{\"type\":\"fail_job\",\"jobId\":\"job_1\",\"error\":\"x\",\"exitCode\":1e10}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"fail_job\",\"jobId\":\"job_1\",\"error\":\"x\",\"lastLines\":\"y\"}",
        Code::Invalid,
    ),
    ("{\"type\":\"subscribe\"}", Code::Invalid),
    (
        "{\"type\":\"subscribe\",\"channel\":\"jobs\",\"after\":-1}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"subscribe\",\"channel\":\"jobs\",\"after\":\"5\"}",
        Code::Invalid,
    ),
    (
        "{\"type\":\"subscribe\",\"channel\":\"jobs\",\"snapshot\":1}",
        Code::Invalid,
    ),
    ("{\"type\":\"unsubscribe\"}", Code::Invalid),
    ("{\"type\":\"list_jobs\",\"limit\":-1}", Code::Invalid),
    ("{\"type\":\"list_jobs\",\"userId\":\"a b\"}", Code::Invalid),
];

/// A whole message of each type, and the fields that can be wrong.
const MESSAGES: &[(&str, &str, &[&str])] = &[
    (
        "subscribe",
        r#""channel":"jobs","snapshot":true,"after":1,"epoch":2"#,
        &["channel", "snapshot", "after", "epoch"],
    ),
    ("unsubscribe", r#""channel":"jobs""#, &["channel"]),
    (
        "create_job",
        r#""jobType":"csv","name":"n","userId":"u","steps":["a"],"priority":1,"queue":"q","tags":["t"],"totalItems":1,"totalBytes":1,"capabilities":{"pause":true},"status":"pending","heartbeatSeconds":5,"idempotencyKey":"k","host":"h""#,
        &[
            "jobType",
            "name",
            "userId",
            "steps",
            "priority",
            "queue",
            "tags",
            "totalItems",
            "totalBytes",
            "capabilities",
            "status",
            "heartbeatSeconds",
            "idempotencyKey",
            "host",
        ],
    ),
    (
        "update_progress",
        r#""jobId":"J","progress":5,"steps":["a"],"metrics":{"processedItems":1},"message":"m","progressSource":"s""#,
        &[
            "jobId",
            "progress",
            "steps",
            "metrics",
            "message",
            "progressSource",
        ],
    ),
    (
        "start_job",
        r#""jobId":"J","userId":"u""#,
        &["jobId", "userId"],
    ),
    ("complete_job", r#""jobId":"J""#, &["jobId"]),
    (
        "fail_job",
        r#""jobId":"J","error":"e","code":"c","suggestion":"s","exitCode":1,"signal":9,"lastLines":["x"]"#,
        &[
            "jobId",
            "error",
            "code",
            "suggestion",
            "exitCode",
            "signal",
            "lastLines",
        ],
    ),
    ("adopt_job", r#""jobId":"J""#, &["jobId"]),
    (
        "pause_job",
        r#""jobId":"J","userId":"u""#,
        &["jobId", "userId"],
    ),
    (
        "resume_job",
        r#""jobId":"J","userId":"u""#,
        &["jobId", "userId"],
    ),
    (
        "cancel_job",
        r#""jobId":"J","userId":"u""#,
        &["jobId", "userId"],
    ),
    (
        "retry_job",
        r#""jobId":"J","userId":"u""#,
        &["jobId", "userId"],
    ),
    (
        "set_priority",
        r#""jobId":"J","priority":3"#,
        &["jobId", "priority"],
    ),
    (
        "control_ack",
        r#""jobId":"J","action":"pause","ok":true,"message":"m""#,
        &["jobId", "action", "ok", "message"],
    ),
    ("get_job", r#""jobId":"J""#, &["jobId"]),
    (
        "list_jobs",
        r#""userId":"u","status":"running","jobType":"csv","q":"x","after":1,"epoch":2,"limit":3,"cursor":"c""#,
        &[
            "userId", "status", "jobType", "q", "after", "epoch", "limit", "cursor",
        ],
    ),
];

fn code(frame: &str) -> Option<Code> {
    Incoming::read(frame).request.err().map(|refusal| {
        assert!(refusal.detail.len() < 600, "{frame}: {refusal}");
        assert!(!refusal.detail.contains('\x1b'), "{frame}: {refusal}");
        refusal.code
    })
}

#[test]
fn frames_that_are_no_messages() {
    for (frame, expected) in FRAMES {
        assert_eq!(code(frame), Some(*expected), "{frame}");
    }
    let huge = format!(r#"{{"type":"ping","requestId":"{}"}}"#, "x".repeat(101));
    assert_eq!(code(&huge), Some(Code::Invalid));
    let huge = format!(r#"{{"type":"{}"}}"#, "x".repeat(100_000));
    assert_eq!(code(&huge), Some(Code::UnknownMessage));
}

#[test]
fn a_field_of_the_wrong_type_is_named() {
    let wrong = [
        ("7", "bool string list object"),
        ("-1.5", "bool string list object count"),
        ("\"x\"", "bool number list object"),
        ("true", "string number list object"),
        ("[[]]", "bool string number object list"),
        ("{\"a\":1}", "bool string number list"),
    ];
    let mut tried = 0;
    for (kind, body, fields) in MESSAGES {
        let whole = format!(
            r#"{{"type":"{kind}",{}}}"#,
            body.replace('J', ID)
                .replace(ID, "J")
                .replace("\"J\"", &format!("\"{ID}\""))
        );
        assert_eq!(code(&whole), None, "{whole}");
        let value: serde_json::Value = serde_json::from_str(&whole).unwrap();
        for field in *fields {
            let of = match &value[*field] {
                serde_json::Value::Bool(_) => "bool",
                serde_json::Value::Number(_) => "number",
                serde_json::Value::String(_) => "string",
                serde_json::Value::Array(_) => "list",
                serde_json::Value::Object(_) => "object",
                serde_json::Value::Null => panic!("{field} of {kind}"),
            };
            for (bad, not) in wrong {
                // A number is right where a number is due.
                if !not.split(' ').any(|type_name| type_name == of) {
                    continue;
                }
                let mut value = value.clone();
                value[*field] = serde_json::from_str(bad).unwrap();
                // As it comes, and with the type at the end: both ways of reading.
                let frame = value.to_string();
                let type_first = frame.replacen(&format!(r#""type":"{kind}""#), r#""zzz":1"#, 1);
                let type_first = format!(r#"{{"type":"{kind}",{}"#, &type_first[1..]);
                for frame in [frame, type_first] {
                    let refusal = Incoming::read(&frame).request.expect_err(&frame);
                    assert_eq!(refusal.code, Code::Invalid, "{frame}: {refusal}");
                    assert!(refusal.detail.contains(field), "{frame}: {refusal}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 400, "{tried}");
}

#[test]
fn a_message_cut_anywhere_is_no_message() {
    for (kind, body, _) in MESSAGES {
        let whole = format!(r#"{{"type":"{kind}",{body}}}"#);
        for end in 0..whole.len() {
            assert_eq!(
                code(&whole[..end]),
                Some(Code::BadJson),
                "{}",
                &whole[..end]
            );
        }
    }
}

#[test]
fn an_unknown_field_is_passed_over_unless_it_nests_too_deep() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    for (kind, body, _) in MESSAGES {
        for (unknown, expected) in [
            ("1e400".to_owned(), None),
            ("[{\"jobId\":7}]".to_owned(), None),
            (nested(31), None),
            (nested(32), Some(Code::BadJson)),
            (nested(10_000), Some(Code::BadJson)),
            ("{\"a\":".repeat(10_000), Some(Code::BadJson)),
        ] {
            let frame = format!(r#"{{"type":"{kind}","new":{unknown},{body}}}"#);
            assert_eq!(
                code(&frame),
                expected,
                "{kind} with {} bytes",
                unknown.len()
            );
        }
    }
    // Many brackets that do not nest are no depth, and brackets in a text are none.
    let updates =
        vec![r#"{"jobId":"job_1","metrics":{},"steps":["[[[["],"new":[{}]}"#; 100].join(",");
    let frame = format!(r#"{{"type":"update_progress","updates":[{updates}]}}"#);
    assert_eq!(code(&frame), None);
    let updates = updates.replacen("[{}]", &nested(30), 1);
    let frame = format!(r#"{{"type":"update_progress","updates":[{updates}]}}"#);
    assert_eq!(code(&frame), Some(Code::BadJson));
}

#[test]
fn both_ways_of_reading_a_report_read_the_same() {
    for body in [
        r#""jobId":"J""#,
        r#""jobId":"J","progress":41.7,"step":2,"steps":["a","b","c"],"metrics":{"totalItems":4,"processedItems":2.0},"message":"m","progressSource":"s","requestId":"r-1""#,
        r#""requestId":17,"updates":[{"jobId":"J","progress":1},{"jobId":"K","step":"x","new":{"y":[1]}}]"#,
        r#""updates":[],"jobId":"J""#,
        r#""jobId":"J","message":null,"metrics":null,"steps":null,"step":null,"updates":null,"requestId":null"#,
        r#""jobId":"J","userId":"ann""#,
        r#""jobId":"\u004a","message":"\ud83d\ude00""#,
    ] {
        let quick = Incoming::read(&format!(r#"{{"type":"update_progress",{body}}}"#));
        let spaced = Incoming::read(&format!(r#"{{"type": "update_progress", {body}}}"#));
        let careful = Incoming::read(&format!(r#"{{{body},"type":"update_progress"}}"#));
        let parts = |incoming: Incoming| {
            let Ok(Request::UpdateProgress(updates, user)) = incoming.request else {
                panic!("{body}: {incoming:?}");
            };
            (
                updates,
                user,
                incoming.request_id.map(|id| id.get().to_owned()),
            )
        };
        let careful = parts(careful);
        assert_eq!(parts(quick), careful, "{body}");
        assert_eq!(parts(spaced), careful, "{body}");
    }
}

#[test]
fn bodies_of_calls() {
    let invalid = |body: &str| read::json::<NewJob>(body.as_bytes()).expect_err(body);
    for (body, code, says) in [
        ("", Code::Invalid, "type"),
        ("{}", Code::Invalid, "type"),
        ("[]", Code::Invalid, "object"),
        ("[\"csv\"]", Code::Invalid, "object"),
        ("null", Code::Invalid, "object"),
        ("{\"type\":\"CSV\"}", Code::Invalid, "lower-case"),
        (
            "{\"type\":\"a\",\"jobType\":\"b\"}",
            Code::Invalid,
            "duplicate",
        ),
        (
            "{\"type\":\"a\",\"userId\":\"a/b\"}",
            Code::Invalid,
            "userId",
        ),
        (
            "{\"type\":\"a\",\"heartbeatSeconds\":1e400}",
            Code::Invalid,
            "heartbeatSeconds",
        ),
        (
            "{\"type\":\"a\",\"config\":{\"x\":1e999}}",
            Code::Invalid,
            "config",
        ),
        ("{\"type\":\"a\"", Code::BadJson, "JSON"),
        ("{\"type\":\"a\"}\0", Code::BadJson, "JSON"),
    ] {
        let refusal = invalid(body);
        assert_eq!(refusal.code, code, "{body}: {refusal}");
        assert!(refusal.detail.contains(says), "{body}: {refusal}");
    }
    assert_eq!(
        read::json::<NewJob>(b"{\"type\":\"\xff\"}")
            .unwrap_err()
            .code,
        Code::BadJson
    );
    assert_eq!(
        read::json::<PriorityBody>(b"").unwrap_err().code,
        Code::Invalid
    );
    assert_eq!(
        read::json::<FailBody>(b"{}").unwrap_err().code,
        Code::Invalid
    );
    assert_eq!(read::json::<ActBody>(b" \n"), Ok(ActBody::default()));
}

#[test]
fn config_keeps_its_numbers_and_fits_a_line() {
    for (given, kept) in [
        (
            "{\"rate\": 1.0e3, \"n\": 33.30}",
            "{\"rate\": 1.0e3, \"n\": 33.30}",
        ),
        (
            "{\n  \"a\": [1,\r\n 2],\n  \"b\": \"x\\ny\"\n}",
            "{  \"a\": [1, 2],  \"b\": \"x\\ny\"}",
        ),
        ("7", "7"),
    ] {
        let body = format!("{{\"type\":\"a\",\"config\":{given}}}");
        let new: NewJob = read::json(body.as_bytes()).unwrap();
        assert_eq!(new.config.unwrap().0.get(), kept);
    }
}

/// Bytes that are nearly a message.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let whole: Vec<String> = MESSAGES
        .iter()
        .map(|(kind, body, _)| format!(r#"{{"type":"{kind}",{body}}}"#))
        .chain(FRAMES.iter().map(|(frame, _)| (*frame).to_owned()))
        .collect();
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    (
        prop::sample::select(whole),
        proptest::collection::vec(change, 0..5),
    )
        .prop_map(|(text, changes)| {
            let mut bytes = text.into_bytes();
            for (place, byte, how) in changes {
                if bytes.is_empty() {
                    break;
                }
                let at = place.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => {
                        bytes.remove(at);
                    }
                }
            }
            bytes
        })
}

fn read_every_way(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = Incoming::read(&text).request.is_ok();
    let _ = Message::read(&text).is_ok();
    let _ = read::json::<Report>(bytes).is_ok();
    let _ = read::json::<NewJob>(bytes).is_ok();
    let _ = read::json::<serde_json::Value>(bytes).is_ok();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_every_way(&bytes);
    }

    #[test]
    fn what_is_nearly_a_message_is_read_or_refused(bytes in nearly()) {
        read_every_way(&bytes);
    }

    #[test]
    fn any_text_as_any_field(text in any::<String>(), (kind, _, fields) in prop::sample::select(MESSAGES)) {
        let quoted = serde_json::to_string(&text).unwrap();
        for field in fields {
            read_every_way(format!(r#"{{"type":"{kind}","{field}":{quoted}}}"#).as_bytes());
        }
    }
}
