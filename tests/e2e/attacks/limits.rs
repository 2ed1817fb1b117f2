//! Every limit of `[limits]`, set low: what is just within it works, one beyond is answered as the manual says and counted,
//! and nothing else is harmed.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::http::{self, Answer};
use jobtop_e2e::wait::{self, DEADLINE};
use jobtop_e2e::wire::{Endpoint, Wire};
use jobtop_e2e::ws::{TOO_LARGE, Ws};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use super::{counted, frame, status};
use crate::said::id;

/// A limit, the low value that it is set to, how it is tried and as what it is counted.
struct Row {
    limit: &'static str,
    value: &'static str,
    setup: fn() -> Setup,
    /// Gives back how often it went beyond.
    attempt: fn(&Home, &Daemon) -> u64,
    /// `refused` or `cut`, and the word; nothing where nobody is refused anything.
    counted: Option<(&'static str, &'static str)>,
}

const ROWS: &[Row] = &[
    Row {
        limit: "message_bytes",
        value: "1024",
        setup: Setup::tcp,
        attempt: message_bytes,
        counted: Some(("cut", "too_large")),
    },
    Row {
        limit: "fragments",
        value: "3",
        setup: Setup::tcp,
        attempt: fragments,
        counted: Some(("cut", "fragments")),
    },
    Row {
        limit: "body_bytes",
        value: "1024",
        setup: Setup::tcp,
        attempt: body_bytes,
        counted: Some(("refused", "too_large")),
    },
    Row {
        limit: "nesting",
        value: "4",
        setup: Setup::tcp,
        attempt: nesting,
        counted: Some(("refused", "bad_json")),
    },
    Row {
        limit: "config_bytes",
        value: "20",
        setup: Setup::tcp,
        attempt: config_bytes,
        counted: Some(("refused", "too_large")),
    },
    Row {
        limit: "log_bytes",
        value: "65536",
        setup: Setup::unix,
        attempt: log_bytes,
        counted: None,
    },
    Row {
        limit: "pending_jobs",
        value: "2",
        setup: Setup::tcp,
        attempt: pending_jobs,
        counted: Some(("refused", "rate_limited")),
    },
    Row {
        limit: "live_jobs",
        value: "2",
        setup: Setup::tcp,
        attempt: live_jobs,
        counted: Some(("refused", "rate_limited")),
    },
    Row {
        limit: "subscriptions",
        value: "2",
        setup: Setup::tcp,
        attempt: subscriptions,
        counted: Some(("refused", "rate_limited")),
    },
    Row {
        limit: "requests_per_second",
        value: "10",
        setup: Setup::with_tokens,
        attempt: requests_per_second,
        counted: Some(("refused", "rate_limited")),
    },
    Row {
        limit: "connections",
        value: "2",
        setup: Setup::tcp,
        attempt: connections,
        counted: Some(("cut", "full")),
    },
    Row {
        limit: "connections_per_address",
        value: "2",
        setup: Setup::tcp,
        attempt: connections_per_address,
        counted: Some(("cut", "address_full")),
    },
    Row {
        limit: "handshake_time",
        value: "\"300ms\"",
        setup: Setup::with_tls,
        attempt: handshake_time,
        counted: Some(("cut", "handshake")),
    },
    Row {
        limit: "head_time",
        value: "\"300ms\"",
        setup: Setup::tcp,
        attempt: head_time,
        counted: Some(("cut", "slow_head")),
    },
];

#[test]
fn each_holds_where_it_is_set_and_is_counted() {
    let mut known = BTreeSet::new();
    for row in ROWS {
        let home = Home::new();
        home.configure(&format!("[limits]\n{} = {}\n", row.limit, row.value));
        let daemon = home.daemon((row.setup)());
        let beyond = (row.attempt)(&home, &daemon);
        let said = status(&daemon);
        if let Some((kind, word)) = row.counted {
            counted(&daemon, kind, word, beyond);
        }
        let names = said["limits"].as_object().expect("limits").keys();
        known.extend(names.cloned());
        assert_eq!(daemon.stderr().matches("panicked").count(), 0);
    }
    let tried: BTreeSet<String> = ROWS.iter().map(|row| row.limit.to_owned()).collect();
    assert_eq!(tried, known, "every limit has its row");
}

/// A refusal with that status and code; what is for later says when.
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.problem(), (status, code.to_owned()));
    let later = matches!(status, 429 | 503);
    assert_eq!(
        answer.header("retry-after").is_some(),
        later,
        "{:?}",
        answer.headers
    );
}

/// A good message, with blanks up to that size.
fn ping(size: usize) -> String {
    format!("{:<size$}", r#"{"type":"ping"}"#)
}

fn message_bytes(_: &Home, daemon: &Daemon) -> u64 {
    let mut ws = daemon.ws();
    ws.send_text(&ping(1024));
    ws.expect("pong");
    ws.send_text(&ping(1025));
    assert_eq!(ws.end(), Some(TOO_LARGE));
    // In pieces too, each of them small.
    let mut ws = daemon.ws();
    for (first, size) in [(0x01, 1000), (0x80, 25)] {
        ws.send_bytes(&frame(first, &vec![b' '; size]));
    }
    assert_eq!(ws.end(), Some(TOO_LARGE));
    2
}

fn fragments(_: &Home, daemon: &Daemon) -> u64 {
    let in_pieces = |pieces: usize| {
        let text = ping(20);
        let mut rest = text.as_bytes();
        let mut frames = Vec::new();
        for piece in 1..=pieces {
            let length = if piece == pieces { rest.len() } else { 1 };
            let (head, tail) = rest.split_at(length);
            let first = u8::from(piece == 1) | if piece == pieces { 0x80 } else { 0 };
            frames.extend(frame(first, head));
            rest = tail;
        }
        frames
    };
    let mut ws = daemon.ws();
    for pieces in [1, 2, 3] {
        ws.send_bytes(&in_pieces(pieces));
        ws.expect("pong");
    }
    ws.send_bytes(&in_pieces(4));
    assert_eq!(ws.end(), Some(TOO_LARGE));
    1
}

fn body_bytes(_: &Home, daemon: &Daemon) -> u64 {
    let create = |size: usize| {
        let body = format!("{:<size$}", r#"{"type":"etl"}"#);
        let headers = [("Content-Type", "application/json")];
        http::request(
            &daemon.tcp(),
            "POST",
            "/api/jobs",
            &headers,
            body.as_bytes(),
        )
    };
    assert_eq!(create(1024).status, 201);
    refused(&create(1025), 413, "too_large");
    assert_eq!(create(1024).status, 201);
    1
}

fn nesting(_: &Home, daemon: &Daemon) -> u64 {
    let create = |config: &Value| daemon.post("/api/jobs", &json!({"type": "a", "config": config}));
    assert_eq!(create(&json!([[[]]])).status, 201);
    refused(&create(&json!([[[[]]]])), 400, "bad_json");
    let mut ws = daemon.ws();
    ws.ok(json!({"type": "create_job", "jobType": "a", "config": [[[]]]}));
    // Who nests too deep is not asked which request it was.
    ws.send(&json!({"type": "create_job", "jobType": "a", "config": [[[[]]]]}));
    assert_eq!(error(&mut ws)["code"], "bad_json");
    ws.ok(json!({"type": "list_jobs"}));
    2
}

fn error(ws: &mut Ws) -> Value {
    ws.find("an error", |said| said["type"] == "error")
}

fn config_bytes(_: &Home, daemon: &Daemon) -> u64 {
    let (within, beyond) = (json!("x".repeat(18)), json!("x".repeat(19)));
    let create = |config: &Value| daemon.post("/api/jobs", &json!({"type": "a", "config": config}));
    assert_eq!(create(&within).status, 201);
    refused(&create(&beyond), 413, "too_large");
    let mut ws = daemon.ws();
    ws.ok(json!({"type": "create_job", "jobType": "a", "config": within}));
    let code = ws.refused(json!({"type": "create_job", "jobType": "a", "config": beyond}));
    assert_eq!(code, "too_large");
    ws.settle();
    2
}

fn log_bytes(home: &Home, daemon: &Daemon) -> u64 {
    let log_of = |line: &str| {
        let command = json!({"argv": ["sh", "-c", line], "cwd": home.work()});
        let job = id(&daemon.create(&json!({"type": "command", "command": command})));
        wait::until("its end", || {
            let job = daemon.job(&job);
            (job["finishedAt"].is_string() && job["control"].is_null()).then_some(())
        });
        daemon.get(&format!("/api/jobs/{job}/log")).text()
    };
    let whole = log_of("seq 8000");
    assert!(whole.lines().eq((1..=8000).map(|n| n.to_string())));
    let log = log_of("seq 200000");
    assert!(log.starts_with("1\n2\n3\n"), "{log:.40}");
    assert!(log.ends_with("\n199999\n200000\n"));
    assert!(!log.contains("\n100000\n"), "its middle is dropped");
    0
}

fn pending_jobs(_: &Home, daemon: &Daemon) -> u64 {
    let body = json!({"type": "a", "status": "pending"});
    let waits = id(&daemon.create(&body));
    daemon.create(&body);
    refused(&daemon.post("/api/jobs", &body), 429, "rate_limited");
    let mut ws = daemon.ws();
    let code = ws.refused(json!({"type": "create_job", "jobType": "a", "status": "pending"}));
    assert_eq!(code, "rate_limited");
    ws.settle();
    // What runs is another matter, and who goes makes room.
    daemon.create(&json!({"type": "a"}));
    assert_eq!(daemon.act(&waits, "cancel").status, 200);
    daemon.create(&body);
    2
}

fn live_jobs(_: &Home, daemon: &Daemon) -> u64 {
    let body = json!({"type": "a", "userId": "ann"});
    let runs = id(&daemon.create(&body));
    daemon.create(&body);
    refused(&daemon.post("/api/jobs", &body), 429, "rate_limited");
    let mut ws = daemon.ws();
    let create = json!({"type": "create_job", "jobType": "a", "userId": "ann"});
    assert_eq!(ws.refused(create.clone()), "rate_limited");
    daemon.create(&json!({"type": "a", "userId": "bob"}));
    assert_eq!(daemon.act(&runs, "complete").status, 200);
    ws.ok(create);
    2
}

fn subscriptions(_: &Home, daemon: &Daemon) -> u64 {
    let mut ws = daemon.ws();
    ws.subscribe("jobs", &json!({}));
    ws.subscribe("job:ann", &json!({}));
    // A second time is in the place of the first.
    ws.subscribe("job:ann", &json!({"snapshot": true}));
    ws.send(&json!({"type": "subscribe", "channel": "job:bob"}));
    let said = error(&mut ws);
    assert_eq!(
        (&said["code"], &said["channel"]),
        (&json!("rate_limited"), &json!("job:bob"))
    );
    ws.send(&json!({"type": "unsubscribe", "channel": "job:ann"}));
    ws.expect("unsubscribed");
    ws.subscribe("job:bob", &json!({}));
    daemon.ws().subscribe("jobs", &json!({}));
    1
}

fn requests_per_second(_: &Home, daemon: &Daemon) -> u64 {
    let job = id(&daemon.create(&json!({"type": "a", "userId": "ann"})));
    let bearer = format!("Bearer {}", daemon.token("ann", "user"));
    let headers = [("Authorization", bearer.as_str())];
    let mut beyond = 0;
    let mut answered = 0;
    let ask = || http::request(&daemon.tcp(), "GET", "/api/jobs", &headers, b"");
    let late = wait::until("one too many", || {
        let answer = ask();
        answered += u32::from(answer.status == 200);
        (answer.status != 200).then_some(answer)
    });
    refused(&late, 429, "rate_limited");
    assert!(answered >= 10, "{answered}");
    beyond += 1;
    wait::until("a second to pass", || {
        let answer = ask();
        beyond += u64::from(answer.status == 429);
        (answer.status == 200).then_some(())
    });
    let mut ws = wait::until("another", || {
        let connected = Ws::try_connect(&daemon.tcp(), &headers);
        beyond += u64::from(connected.as_ref().err() == Some(&429));
        connected.ok()
    });
    ws.welcome();
    wait::until("one too many", || {
        let said = ws.request(json!({"type": "list_jobs"}));
        (said["type"] == "error").then(|| assert_eq!(said["code"], "rate_limited"))
    });
    beyond += 1;
    // What is reported has no such pace.
    for progress in 0..100 {
        ws.ok(json!({"type": "update_progress", "jobId": job, "progress": progress}));
    }
    assert_eq!(daemon.job(&job)["progress"], 99.0);
    beyond
}

fn connections(_: &Home, daemon: &Daemon) -> u64 {
    let guests = [daemon.ws(), daemon.ws()];
    refused(&daemon.get("/healthz"), 503, "unavailable");
    assert_eq!(Ws::try_connect(&daemon.tcp(), &[]).err(), Some(503));
    for mut guest in guests {
        guest.settle();
    }
    let mut beyond = 2;
    wait::until("room again", || {
        let status = daemon.get("/healthz").status;
        beyond += u64::from(status == 503);
        (status == 200).then_some(())
    });
    beyond
}

fn connections_per_address(_: &Home, daemon: &Daemon) -> u64 {
    let mut beyond = connections(&Home::new(), daemon);
    let _guests = wait::until("both gone", || {
        let guests = [(); 2].map(|()| Ws::try_connect(&daemon.tcp(), &[]));
        beyond += guests.iter().filter(|guest| guest.is_err()).count() as u64;
        guests.iter().all(Result::is_ok).then_some(guests)
    });
    assert_eq!(daemon.get("/healthz").status, 503);
    beyond += 1;
    let mut other = from_127_0_0_2(&daemon.tcp());
    other
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("a request");
    let mut said = String::new();
    other.read_to_string(&mut said).expect("an answer");
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    beyond
}

/// A connection from another address of this machine.
fn from_127_0_0_2(to: &Endpoint) -> Wire {
    let Endpoint::Tcp(addr) = to else {
        panic!("{to} has no address")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime");
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind("127.0.0.2:0".parse().expect("an address"))?;
        socket.connect(*addr).await?.into_std()
    });
    let stream = stream.expect("the daemon listens");
    stream.set_nonblocking(false).expect("it can block");
    stream
        .set_read_timeout(Some(DEADLINE))
        .expect("a timeout can be set");
    Wire::Tcp(stream)
}

fn connected(daemon: &Daemon) -> Wire {
    let wire = daemon.tcp().connect().expect("the daemon listens");
    wire.set_read_timeout(Some(DEADLINE))
        .expect("a timeout can be set");
    wire
}

fn handshake_time(_: &Home, daemon: &Daemon) -> u64 {
    let begun = Instant::now();
    let mut wire = connected(daemon);
    wire.write_all(&[0x16, 3, 1, 2, 0, 1]).expect("bytes");
    let _ = wire.read_to_end(&mut Vec::new());
    assert!(begun.elapsed() >= Duration::from_millis(300));
    1
}

fn head_time(_: &Home, daemon: &Daemon) -> u64 {
    let begun = Instant::now();
    let mut wire = connected(daemon);
    wire.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("a request");
    let mut said = String::new();
    // A silence between two requests is as long.
    wire.read_to_string(&mut said).expect("its end");
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(begun.elapsed() >= Duration::from_millis(300));

    // A byte now and then does not prolong it.
    let begun = Instant::now();
    let mut wire = connected(daemon);
    wire.set_read_timeout(Some(Duration::from_millis(20)))
        .expect("a timeout can be set");
    let head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ".iter();
    let mut bytes = head.copied().chain(std::iter::repeat(b'x'));
    wait::until("the end", || {
        let sent = wire.write_all(&[bytes.next().expect("endless")]);
        let read = wire.read(&mut [0; 512]);
        (sent.is_err() || matches!(read, Ok(0))).then_some(())
    });
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(daemon.get("/healthz").status, 200);
    2
}
