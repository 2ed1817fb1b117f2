//! What is too much, too slow or too many.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::daemon::{DEADLINE, Daemon, Home};
use crate::wire::{JSON, exchange, read_reply, request};

const LIMIT: usize = 1024 * 1024;

fn create(size: usize) -> Vec<u8> {
    let mut body = br#"{"type":"a"}"#.to_vec();
    body.resize(size, b' ');
    body
}

#[test]
fn bodies_have_an_end() {
    let daemon = Daemon::open();
    for (size, status) in [
        (LIMIT - 1, 201),
        (LIMIT, 201),
        (LIMIT + 1, 413),
        (7 * LIMIT, 413),
    ] {
        let reply = daemon.send("POST", "/api/jobs", &[JSON], &create(size));
        assert_eq!(reply.status, status, "{size}");
    }
    // A body that says nothing about its size.
    for (size, status) in [(LIMIT, 201), (LIMIT + 1, 413), (7 * LIMIT, 413)] {
        let mut chunked = Vec::new();
        for piece in create(size).chunks(100_000) {
            chunked.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            chunked.extend_from_slice(piece);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        let headers = [JSON, ("Transfer-Encoding", "chunked")];
        let reply = daemon.send("POST", "/api/jobs", &headers, &chunked);
        assert_eq!(reply.status, status, "{size} in chunks");
    }
    // Announced and never sent: refused without waiting for it.
    let head = request(
        "POST",
        "/api/jobs",
        &[JSON, ("Content-Length", "1000000000")],
        b"",
    );
    assert_eq!(exchange(daemon.tcp(), &head).code(), "too_large");
    for coding in ["gzip", "br", "deflate"] {
        let headers = [JSON, ("Content-Encoding", coding)];
        let reply = daemon.send("POST", "/api/jobs", &headers, b"{}");
        assert_eq!(reply.code(), "unsupported_media_type");
    }
}

#[test]
fn heads_have_an_end() {
    let daemon = Daemon::open();
    let long = "x".repeat(20_000);
    let reply = daemon.send("GET", "/healthz", &[("X-Long", &long)], b"");
    assert_eq!(reply.status, 431);
    let many: Vec<_> = (0..150).map(|_| ("X-Many", "x")).collect();
    assert_eq!(daemon.send("GET", "/healthz", &many, b"").status, 431);
    for rubbish in [
        "\r\n\r\nx\r\n\r\n",
        "GET\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    ] {
        let mut stream = daemon.tcp();
        stream.write_all(rubbish.as_bytes()).unwrap();
        let mut said = String::new();
        let _ = stream.read_to_string(&mut said);
        assert!(said.starts_with("HTTP/1.1 400"), "{rubbish:?}: {said}");
    }
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let daemon = Daemon::open();
    let mut slow: Vec<TcpStream> = (0..200).map(|_| daemon.tcp()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHos").unwrap();
    }
    // The others do not notice.
    let start = Instant::now();
    assert_eq!(daemon.get("/healthz").status, 200);
    assert!(start.elapsed() < Duration::from_secs(1));
    for stream in &mut slow {
        let mut rest = Vec::new();
        // The end of the stream, within the deadline; anything else is an error.
        stream.read_to_end(&mut rest).unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[test]
fn requests_follow_one_another_on_a_connection() {
    let daemon = Daemon::open();
    let mut stream = daemon.unix();
    for _ in 0..3 {
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        assert_eq!(read_reply(&mut stream).status, 200);
    }
    stream
        .write_all(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert_eq!(read_reply(&mut stream).status, 404);
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert_eq!(read_reply(&mut stream).status, 200);
}

#[test]
fn without_free_descriptors_it_waits_and_goes_on() {
    let home = Home::new();
    let inner = home.command(&["--listen", "127.0.0.1:0", "--auth", "none"]);
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg("ulimit -n 64 && exec \"$0\" \"$@\"")
        .arg(inner.get_program())
        .args(inner.get_args())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::fs::File::create(home.path("stderr")).unwrap())
        .process_group(0);
    let daemon = home.launch(command);
    let mut many: Vec<_> = (0..100)
        .map(|_| {
            TcpStream::connect(daemon.addr())
                .unwrap_or_else(|error| panic!("{error}: {}", daemon.home.stderr()))
        })
        .collect();
    daemon.said("cannot accept another client");
    let ticks = |daemon: &Daemon| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
        let (_, rest) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let before = ticks(&daemon);
    // The first one is sent away after 7 s of silence; until then the door tried again and again, and did not spin.
    let mut rest = Vec::new();
    many[0].set_read_timeout(Some(DEADLINE)).unwrap();
    many[0].read_to_end(&mut rest).unwrap();
    assert!(ticks(&daemon) - before < 100, "it spun");
    drop(many);
    assert_eq!(daemon.get("/healthz").status, 200);
    let said = daemon.home.stderr();
    assert_eq!(said.matches("cannot accept another").count(), 1, "{said}");
}

#[test]
fn who_comes_when_it_is_full_is_told_and_the_socket_stays_open() {
    let home = Home::new();
    let config = home.path("jobtopd.toml");
    std::fs::write(&config, "[limits]\nconnections = 2\n").unwrap();
    let config = config.to_str().unwrap().to_owned();
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--auth",
        "none",
        "--config",
        &config,
    ];
    let daemon = home.start(&args);
    let staying = request("GET", "/healthz", &[("Connection", "keep-alive")], b"");
    let mut guests = [daemon.tcp(), daemon.tcp()];
    for guest in &mut guests {
        guest.write_all(&staying).unwrap();
        assert_eq!(read_reply(guest).status, 200);
    }
    let reply = daemon.get("/healthz");
    assert_eq!((reply.status, reply.code().as_str()), (503, "unavailable"));
    assert!(reply.header("retry-after").is_some());
    assert!(reply.detail().contains("limits.connections"), "{reply:?}");
    let beside = exchange(daemon.unix(), &request("GET", "/healthz", &[], b""));
    assert_eq!(beside.status, 200, "every listener has its own room");
    drop(guests);
    crate::daemon::until("room again", || daemon.get("/healthz").status == 200);
}
