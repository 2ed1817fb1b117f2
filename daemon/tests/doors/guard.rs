//! Host, Origin and what pages of other sites can bring about.

use crate::daemon::{Daemon, Home};
use crate::wire::{JSON, exchange, request};

const ORIGIN: &str = "http://localhost:5173";

fn welcoming() -> Daemon {
    Home::new().start(&[
        "--listen",
        "127.0.0.1:0",
        "--auth",
        "none",
        "--allow-origin",
        ORIGIN,
        "--allow-host",
        "build7.example.org",
    ])
}

#[test]
fn every_path_is_guarded() {
    let daemon = welcoming();
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/nowhere"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/api/jobs"),
        ("POST", "/api/jobs"),
        ("DELETE", "/api/jobs"),
        ("OPTIONS", "/api/jobs"),
        ("OPTIONS", "*"),
        ("GET", "/metrics"),
        ("GET", "/progress"),
    ] {
        for (bad, code) in [
            (&[("Host", "evil.test")][..], "bad_host"),
            (&[("Host", "127.0.0.1.evil.test:80")], "bad_host"),
            (&[("Host", "localhost"), ("Host", "localhost")], "bad_host"),
            (&[("Origin", "http://evil.test")], "bad_origin"),
            (&[("Origin", "null")], "bad_origin"),
            (&[("Origin", "http://localhost:7411")], "bad_origin"),
            (&[("Sec-Fetch-Site", "cross-site")], "bad_origin"),
        ] {
            let mut headers = upgrade.to_vec();
            headers.extend_from_slice(bad);
            let reply = daemon.send(method, path, &headers, b"");
            assert_eq!(reply.status, 403, "{method} {path} {bad:?}");
            assert_eq!(reply.code(), code, "{method} {path} {bad:?}");
            assert_eq!(reply.header("access-control-allow-origin"), None);
        }
    }
}

#[test]
fn a_request_without_a_host_is_refused() {
    let daemon = welcoming();
    for head in [
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.0\r\n\r\n",
        "GET http://evil.test/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let reply = exchange(daemon.tcp(), head.as_bytes());
        assert_eq!(reply.code(), "bad_host", "{head:?}");
    }
    // Names of ours are answered.
    for host in ["localhost:1", "127.0.0.1", "[::1]:80", "build7.example.org"] {
        let reply = daemon.send("GET", "/healthz", &[("Host", host)], b"");
        assert_eq!(reply.status, 200, "{host}");
    }
    // On the Unix socket there is no name to be fooled by, but pages may reach it through a forwarded port.
    let reply = exchange(daemon.unix(), b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(reply.status, 200);
    let foreign = request("GET", "/healthz", &[("Origin", "http://evil.test")], b"");
    assert_eq!(exchange(daemon.unix(), &foreign).code(), "bad_origin");
}

#[test]
fn a_welcome_page_may_read_and_ask() {
    let daemon = welcoming();
    let origin = ("Origin", ORIGIN);
    for (path, status) in [("/api/jobs", 200), ("/nowhere", 404), ("/api/jobs/x", 404)] {
        let reply = daemon.send("GET", path, &[origin], b"");
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(reply.header("vary"), Some("Origin"));
        // Without the last two a page could not go on with a log.
        assert_eq!(
            reply.header("access-control-expose-headers"),
            Some("Location, Retry-After, jobtop-log-next, jobtop-log-ended")
        );
    }
    let asks = [
        origin,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    let reply = daemon.send("OPTIONS", "/api/jobs/x/pause", &asks, b"");
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(
        reply.header("access-control-allow-methods"),
        Some("GET, POST")
    );
    let allowed = reply.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("Content-Type"), "{allowed}");
    // Programs are told nothing about origins.
    let reply = daemon.get("/api/jobs");
    assert_eq!(reply.header("access-control-allow-origin"), None);
    let upgraded = daemon.send(
        "GET",
        "/progress",
        &[
            origin,
            ("Upgrade", "websocket"),
            ("Connection", "keep-alive, Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Protocol", "chat, jobtop.v1"),
        ],
        b"",
    );
    assert_eq!(upgraded.status, 101);
    assert_eq!(upgraded.header("sec-websocket-protocol"), Some("jobtop.v1"));
}

#[test]
fn forms_of_other_pages_change_nothing() {
    let daemon = welcoming();
    let id = daemon.job("ann");
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let path = format!("/api/jobs/{id}/cancel");
        let reply = daemon.send("POST", &path, &[("Content-Type", media)], b"{\"a\":1}");
        assert_eq!(reply.code(), "unsupported_media_type", "{media}");
    }
    let foreign = [JSON, ("Origin", "http://evil.test")];
    let reply = daemon.send("POST", &format!("/api/jobs/{id}/cancel"), &foreign, b"");
    assert_eq!(reply.code(), "bad_origin");
    assert_eq!(
        daemon.get(&format!("/api/jobs/{id}")).job()["status"],
        "running"
    );
}
