//! Requests that are none, that mean two things at once, or that would lead out of the daemon's folders: 4xx, and nothing done.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::http;
use jobtop_e2e::wait::DEADLINE;
use serde_json::json;

use crate::said::id;

/// Sends bytes and a well-formed request after them, and reads all that comes of both.
fn followed(daemon: &Daemon, bytes: &[u8]) -> String {
    let mut wire = daemon.tcp().connect().expect("the daemon listens");
    wire.set_read_timeout(Some(DEADLINE))
        .expect("a timeout can be set");
    // A refusal may come, and the connection end, before all of it is sent.
    let _ = wire.write_all(bytes);
    let _ =
        wire.write_all(b"GET /api/second HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut said = Vec::new();
    let _ = wire.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

fn status_of(said: &str) -> u16 {
    let status = said
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    status.and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[test]
fn heads_that_are_none_are_refused_and_what_follows_them_is_not_read() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let get = |line: &str| format!("GET /api/jobs HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n");
    let to = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut table: Vec<(&str, Vec<u8>)> = vec![
        (
            "no version",
            b"GET /api/jobs\r\nHost: localhost\r\n\r\n".to_vec(),
        ),
        (
            "version 9",
            b"GET /api/jobs HTTP/9.1\r\nHost: localhost\r\n\r\n".to_vec(),
        ),
        ("a blank before the colon", get("X : y").into()),
        ("no name", get(": y").into()),
        ("no colon", get("nothing").into()),
        ("a folded line", get("X: y\r\n z").into()),
        ("a bare return", get("X: y\rZ: w").into()),
        ("NUL in a value", get("X: \0").into()),
        ("DEL in a value", get("X: \x7f").into()),
        ("a control in a name", get("X\x01: y").into()),
        ("a blank in the target", to("/api/jobs x").into()),
        ("no target", to("").into()),
        ("a target without a slash", to("api/jobs").into()),
    ];
    for byte in (0..=0x20).chain([0x7f]) {
        let target = [b"GET /api/jobs/", &[byte][..], b" HTTP/1.1\r\n"].concat();
        let all = [&target, &b"Host: localhost\r\n\r\n"[..]].concat();
        table.push(("a control in the path", all));
    }
    let mut wrong = Vec::new();
    for (what, bytes) in table {
        let said = followed(&daemon, &bytes);
        let answers = said.matches("HTTP/1.1 ").count();
        if !(400..500).contains(&status_of(&said)) || answers != 1 {
            wrong.push(format!(
                "{what} {:?}: {said:?}",
                String::from_utf8_lossy(&bytes)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // To a protocol that it does not speak it says nothing.
    assert_eq!(followed(&daemon, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "");
    assert_eq!(daemon.get("/healthz").status, 200);
}

#[test]
fn a_head_has_16_kib_and_100_headers_and_no_more() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let answered = |lines: &str| {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
        (http::raw(&daemon.tcp(), head.as_bytes()).status, head.len())
    };
    let many = |count: usize| answered(&"X: y\r\n".repeat(count)).0;
    // With Host.
    assert_eq!((many(99), many(100)), (200, 431));
    let mut edges = Vec::new();
    for size in [16_000, 16 * 1024 + 1, 17 * 1024] {
        let frame = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: \r\n\r\n".len();
        let (status, length) = answered(&format!("X: {}\r\n", "x".repeat(size - frame)));
        assert_eq!(length, size);
        edges.push(status);
    }
    assert_eq!(edges, [200, 431, 431]);
}

#[test]
fn what_has_two_lengths_is_one_request_or_none() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    // What would be smuggled is another creation: it must never be done.
    let inner = "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n{\"type\":\"smuggled\"}";
    let post = |lines: &str, body: &str| {
        format!(
            "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}\r\n\r\n{body}"
        )
    };
    let chunked = "Transfer-Encoding: chunked";
    let all = inner.len();
    for (what, request) in [
        (
            "two lengths",
            post(
                &format!("Content-Length: 0\r\nContent-Length: {all}"),
                inner,
            ),
        ),
        (
            "the longer first",
            post(
                &format!("Content-Length: {all}\r\nContent-Length: 0"),
                inner,
            ),
        ),
        (
            "a list of them",
            post(&format!("Content-Length: 0, {all}"), inner),
        ),
        ("with a sign", post("Content-Length: +0", inner)),
        ("in hex", post("Content-Length: 0x0", inner)),
        (
            "too large for any",
            post("Content-Length: 99999999999999999999999", inner),
        ),
        ("an empty one", post("Content-Length: ", inner)),
        ("another coding", post("Transfer-Encoding: gzip", inner)),
        (
            "a coding after chunked",
            post("Transfer-Encoding: chunked, gzip", inner),
        ),
        (
            "chunked, misspelt",
            post("Transfer-Encoding: xchunked", inner),
        ),
        (
            "chunked in HTTP/1.0",
            post(chunked, &format!("0\r\n\r\n{inner}")).replacen("1.1", "1.0", 1),
        ),
        (
            "a chunk of a negative size",
            post(chunked, &format!("-1\r\n\r\n{inner}")),
        ),
        (
            "a chunk of too large a size",
            post(chunked, &format!("fffffffffffffffff\r\n{inner}")),
        ),
        ("a chunk of no size", post(chunked, &format!("\r\n{inner}"))),
        (
            "chunk and length",
            post(
                &format!("{chunked}\r\nContent-Length: {all}"),
                &format!("0\r\n\r\n{inner}"),
            ),
        ),
        (
            "length and chunk",
            post(
                &format!("Content-Length: 5\r\n{chunked}"),
                &format!("0\r\n\r\n{inner}"),
            ),
        ),
    ] {
        let said = followed(&daemon, request.as_bytes());
        let jobs = daemon.get("/api/jobs").json()["jobs"].to_string();
        assert!(!jobs.contains("smuggled"), "{what}: {said:?}");
        assert!((400..500).contains(&status_of(&said)), "{what}: {said:?}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{what}: {said:?}");
    }
}

#[test]
fn methods_and_targets_of_proxies_are_not_ours() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let host = daemon.tcp().host();
    let own = format!("http://{host}/healthz");
    for (method, target, statuses) in [
        ("CONNECT", "evil.test:443", &[403][..]),
        ("CONNECT", host.as_str(), &[404, 405]),
        ("TRACE", "/api/jobs", &[405]),
        ("TRACK", "/api/jobs", &[405]),
        ("PUT", "/api/jobs", &[405]),
        ("DELETE", "/api/jobs", &[405]),
        ("OPTIONS", "*", &[404, 405]),
        ("GET", "http://evil.test/healthz", &[403]),
        ("GET", "https://evil.test/healthz", &[403]),
        ("GET", "ftp://evil.test/healthz", &[403]),
        ("GET", "http://user@localhost/healthz", &[400, 403]),
        ("GET", "//evil.test/healthz", &[404]),
        ("GET", "/healthz/../api/jobs", &[404]),
        ("GET", "/healthz;/api/jobs", &[404]),
        ("GET", "/%68ealthz", &[404]),
        ("GET", &own, &[200]),
    ] {
        let secret = [("X-Secret", "s3cr3t")];
        let answer = http::request(&daemon.tcp(), method, target, &secret, b"");
        assert!(
            statuses.contains(&answer.status),
            "{method} {target}: {} {}",
            answer.status,
            answer.text()
        );
        assert!(!answer.text().contains("s3cr3t"), "nothing is sent back");
    }
}

/// Every file and folder below, by its path.
fn tree(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).expect("a folder").flatten() {
        found.insert(entry.path());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(tree(&entry.path()));
        }
    }
    found
}

/// Ids and names that would be somewhere else if they were taken for a path.
fn elsewhere() -> Vec<String> {
    let mut all: Vec<String> = [
        ".",
        "..",
        "../../x",
        "..%2f..%2fx",
        "%2e%2e%2f%2e%2e%2fx",
        "%2e%2e/%2e%2e/x",
        "..%5c..%5cx",
        "..%c0%af..%c0%afx",
        "%252e%252e%252fx",
        "....//....//x",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "%00",
        "x%00",
        "x%00.json",
        "%0a",
        "%1b%5b2J",
        "%ff%fe",
        "CON",
        "NUL.txt",
        "~",
        "~root",
        "$HOME",
        "%24%28id%29",
        "%60id%60",
        "a%3bb",
        "job_",
        "job_..%2f..%2fx",
        "job_%2e%2e%2f%2e%2e%2fx",
        "%EF%BC%8E%EF%BC%8E%EF%BC%8Fx",
        "%E2%80%A4%E2%80%A4%E2%88%95x",
        "job_%EF%BC%90%EF%BC%91JD8Z",
        "j%D0%BEb_01JD8ZZZZZZZZZZZZZZZZZZZZZ",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("x".repeat(300));
    all.push("%2e%2e%2f".repeat(100));
    all.push(format!("job_{}", "0".repeat(300)));
    all
}

#[test]
fn no_id_and_no_name_leads_anywhere() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let unix = daemon.unix();
    let job = id(&daemon.create(&json!({"type": "etl"})));
    let mut ws = daemon.ws();
    ws.ok(json!({"type": "log", "jobId": job, "text": "a line\n"}));
    let before = tree(home.path());
    let mut wrong = Vec::new();
    for name in elsewhere() {
        for (method, path) in [
            ("GET", format!("/api/jobs/{name}")),
            ("GET", format!("/api/jobs/{name}/log")),
            ("GET", format!("/api/jobs/{name}/log?tail=1")),
            ("POST", format!("/api/jobs/{name}/cancel")),
            ("POST", format!("/api/jobs/{name}/progress")),
            ("POST", format!("/api/queues/{name}")),
            ("POST", format!("/api/tokens/{name}/revoke")),
        ] {
            // What is only letters and dots a queue may be called: no file is.
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            if name.len() <= 64 && name.chars().all(is_name) && path.starts_with("/api/queues") {
                continue;
            }
            let json = [("Content-Type", "application/json")];
            let answer = http::request(&unix, method, &path, &json, b"{}");
            if !(400..500).contains(&answer.status) {
                wrong.push(format!(
                    "{method} {path}: {} {}",
                    answer.status,
                    answer.text()
                ));
            }
        }
    }
    for name in [
        "../../x",
        "/etc/x",
        "\0",
        "\u{ff0e}\u{ff0e}\u{ff0f}x",
        &"x".repeat(300),
    ] {
        for (what, body) in [
            ("userId", json!({"type": "etl", "userId": name})),
            ("type", json!({"type": name})),
        ] {
            let answer = daemon.post("/api/jobs", &body);
            if answer.status != 422 {
                wrong.push(format!("{what} {name:?}: {}", answer.status));
            }
        }
        for message in [
            json!({"type": "log", "jobId": name, "text": "x"}),
            json!({"type": "get_job", "jobId": name}),
            json!({"type": "adopt_job", "jobId": name}),
        ] {
            assert_eq!(ws.refused(message), "job_not_found");
        }
        // What is only data may be called so, and is never a file's name.
        let data = json!({
            "type": "etl", "name": name, "host": name, "tags": [name], "config": {"path": name},
            "idempotencyKey": name.trim_end_matches('x'),
        });
        let answer = daemon.post("/api/jobs", &data);
        if !matches!(answer.status, 200 | 201 | 422) {
            wrong.push(format!(
                "{name:?} as data: {} {}",
                answer.status,
                answer.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(tree(home.path()), before, "no file came or went");
}
