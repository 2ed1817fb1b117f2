//! Who may speak to the daemon over TCP at all: `Host` against rebinding, `Origin` against other people's pages.

use std::io::{Read, Write};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::http;
use jobtop_e2e::wait::DEADLINE;
use jobtop_e2e::ws::Ws;
use serde_json::json;

fn with_host(daemon: &Daemon, hosts: &[&str]) -> u16 {
    let headers: Vec<(&str, &str)> = hosts.iter().map(|host| ("Host", *host)).collect();
    http::bare_request(&daemon.tcp(), "GET", "/api/jobs", &headers, b"").status
}

fn upgrade_with_host(daemon: &Daemon, host: &str) -> u16 {
    let head = format!(
        "GET /progress HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut wire = daemon.tcp().connect().expect("the daemon listens");
    wire.set_read_timeout(Some(DEADLINE))
        .expect("a timeout can be set");
    wire.write_all(head.as_bytes()).expect("it takes bytes");
    let mut line = [0; 12];
    wire.read_exact(&mut line).expect("an answer");
    let line = String::from_utf8_lossy(&line).into_owned();
    let status = line.strip_prefix("HTTP/1.1 ").expect("a status");
    status.parse().expect("a status")
}

#[test]
fn hosts() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp().arg("--allow-host").arg("etl1.example.org"));
    let port = daemon
        .tcp()
        .host()
        .rsplit_once(':')
        .map(|(_, port)| port.to_owned())
        .expect("a port");
    let good = [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "127.0.0.2",
        "etl1.example.org",
        "ETL1.example.org",
    ];
    for host in good {
        assert_eq!(with_host(&daemon, &[host]), 200, "{host}");
        let with_port = format!("{host}:{port}");
        assert_eq!(with_host(&daemon, &[&with_port]), 200, "{with_port}");
        let other = format!("{host}:1");
        assert_eq!(
            with_host(&daemon, &[&other]),
            200,
            "{other}: the port does not count"
        );
    }
    for host in [
        "",
        "evil.test",
        "127.0.0.1.evil.test",
        "localhost.evil.test",
        "evil.test:80",
        "evil-localhost",
        "0.0.0.0",
        "10.0.0.1",
        "192.168.1.1:8080",
        "[::]",
        "[fe80::1]",
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "user@localhost",
        "localhost/x",
        "localhost#",
        "xlocalhost",
        "example.org",
        "sub.etl1.example.org",
        "etl1.example.org.evil.test",
        "loc\u{430}lhost",
        "localhost, evil.test",
        "localhost.",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "017700000001",
        "0x7f000001",
        "127.0.0.1%00.evil.test",
        "127.0.0.01",
        "\u{ff11}27.0.0.1",
        "\u{24db}ocalhost",
        "[::ffff:10.0.0.1]",
        "[::1",
        "::1",
        "[::1]evil.test",
        "[localhost]",
        "[127.0.0.1]",
        "localhost:80:80",
        "localhost:-1",
        "localhost:65536",
        "localhost:http",
        "localhost:80@evil.test",
        "evil.test?localhost",
        "http://localhost",
        "//localhost",
        "localhost\\evil.test",
        "*",
        ":80",
        "localhost evil.test",
        "localtest.me",
        "127.0.0.1.nip.io",
    ] {
        let status = with_host(&daemon, &[host]);
        assert!(
            matches!(status, 400 | 403),
            "{host:?} was answered {status}"
        );
        let status = upgrade_with_host(&daemon, host);
        assert!(
            matches!(status, 400 | 403),
            "a WebSocket for {host:?} was answered {status}"
        );
    }
    assert_eq!(upgrade_with_host(&daemon, "localhost"), 101);
    assert!(
        matches!(with_host(&daemon, &[]), 400 | 403),
        "no Host at all"
    );
    assert!(
        matches!(with_host(&daemon, &["localhost", "evil.test"]), 400 | 403),
        "two of them"
    );
    let absolute = http::bare_request(
        &daemon.tcp(),
        "GET",
        "http://evil.test/api/jobs",
        &[("Host", "localhost")],
        b"",
    );
    assert!(
        matches!(absolute.status, 400 | 403),
        "an absolute target of another name: {}",
        absolute.status
    );

    let refused = http::bare_request(
        &daemon.tcp(),
        "GET",
        "/nothing/here",
        &[("Host", "evil.test")],
        b"",
    );
    assert_eq!(
        refused.problem(),
        (403, "bad_host".to_owned()),
        "on every path, before anything else"
    );
    assert_eq!(Ws::try_connect(&daemon.tcp(), &[]).map(|_| ()), Ok(()));
}

#[test]
fn origins() {
    let home = Home::new();
    let daemon = home.daemon(
        Setup::tcp()
            .arg("--allow-origin")
            .arg("http://localhost:5173"),
    );
    let post = |origins: &[&str]| {
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(origins.iter().map(|origin| ("Origin", *origin)));
        http::request(
            &daemon.tcp(),
            "POST",
            "/api/jobs",
            &headers,
            b"{\"type\":\"etl\"}",
        )
    };
    let upgrade = |origins: &[&str]| {
        let headers: Vec<(&str, &str)> = origins.iter().map(|origin| ("Origin", *origin)).collect();
        Ws::try_connect(&daemon.tcp(), &headers).map(|_| ())
    };
    assert_eq!(post(&["http://localhost:5173"]).status, 201);
    assert_eq!(upgrade(&["http://localhost:5173"]), Ok(()));
    assert_eq!(post(&[]).status, 201, "programs have no origin");
    for origin in [
        "",
        "null",
        "http://evil.test",
        "http://localhost",
        "http://localhost:80",
        "https://localhost:5173",
        "http://localhost:51730",
        "http://localhost:5173.evil.test",
        "http://evil.test/http://localhost:5173",
        "http://localhost:5173@evil.test",
        "http://127.0.0.1:5173",
        "http://[::1]:5173",
        "http://localhost.:5173",
        "http://user@localhost:5173",
        "http://localhost:5173/",
        "file://",
        "chrome-extension://abcdefghijklmnop",
        "moz-extension://abc",
        "http://localhost:5173 http://evil.test",
        "*",
        "HTTP://LOCALHOST:5173",
        "http://LOCALHOST:5173",
        "http://localhost:05173",
        "http://localhost:5173.",
        "http://localhost:5173,http://evil.test",
        "http://localhost:5173#",
        "http://localhost:5173?",
        "http://localhost:5173\\@evil.test",
        "http:localhost:5173",
        "//localhost:5173",
        "localhost:5173",
        "localhost",
        "ws://localhost:5173",
        "wss://localhost:5173",
        "ftp://localhost:5173",
        "http://127.1:5173",
        "http://2130706433:5173",
        "http://0.0.0.0:5173",
        "http://[::ffff:127.0.0.1]:5173",
        "http://l\u{43e}calhost:5173",
        "http://localhost:\u{ff15}173",
        "http://localhost%3a5173",
        "http://xlocalhost:5173",
        "http://sub.localhost:5173",
        "http://localhost:5174",
        "http://localhost:517",
        "data:text/html,x",
        "blob:http://localhost:5173/x",
        "javascript:alert(1)",
        "about:blank",
        "app://localhost:5173",
        "undefined",
        "Null",
    ] {
        let answer = post(&[origin]);
        assert_eq!(
            answer.problem(),
            (403, "bad_origin".to_owned()),
            "{origin:?}"
        );
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "{origin:?}"
        );
        assert_eq!(upgrade(&[origin]), Err(403), "{origin:?}");
    }
    assert_eq!(
        post(&["http://localhost:5173", "http://evil.test"]).status,
        403,
        "two of them"
    );
    let jobs = daemon.get("/api/jobs").json()["jobs"]
        .as_array()
        .map(Vec::len);
    assert_eq!(jobs, Some(2), "what was refused was not done");
}

#[test]
fn without_a_word_about_origins_there_are_none() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let own = format!("http://{}", daemon.tcp().host());
    for origin in [own.as_str(), "http://localhost:5173", "null"] {
        assert_eq!(
            Ws::try_connect(&daemon.tcp(), &[("Origin", origin)]).map(|_| ()),
            Err(403),
            "{origin}"
        );
        let read = http::request(
            &daemon.tcp(),
            "GET",
            "/api/jobs",
            &[("Origin", origin)],
            b"",
        );
        assert_eq!(read.status, 403, "{origin}");
    }
    let preflight = http::request(
        &daemon.tcp(),
        "OPTIONS",
        "/api/jobs",
        &[
            ("Origin", "http://evil.test"),
            ("Access-Control-Request-Method", "POST"),
        ],
        b"",
    );
    assert_eq!(preflight.header("access-control-allow-origin"), None);
    assert!(preflight.status >= 400, "{}", preflight.status);
}

#[test]
fn a_form_of_another_page_can_do_nothing() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let job = crate::said::id(&daemon.create(&json!({"type": "etl"})));
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let path = format!("/api/jobs/{job}/cancel");
        let answer = http::request(
            &daemon.tcp(),
            "POST",
            &path,
            &[("Content-Type", kind)],
            b"x=1",
        );
        assert_eq!(
            answer.problem(),
            (415, "unsupported_media_type".to_owned()),
            "{kind}"
        );
        // The same where the form's text is made to be JSON, and where it is called so beside something else.
        for kind in [
            kind.to_owned(),
            format!("{kind}, application/json"),
            format!("{kind}; application/json"),
        ] {
            let answer = http::request(
                &daemon.tcp(),
                "POST",
                "/api/jobs",
                &[("Content-Type", &kind)],
                b"{\"type\":\"forged\",\"name\":\"=\"}",
            );
            assert_eq!(answer.status, 415, "{kind}: {}", answer.text());
        }
    }
    assert_eq!(daemon.job(&job)["status"], "running");
    let jobs = daemon.get("/api/jobs").json()["jobs"].clone();
    assert_eq!(jobs.as_array().map(Vec::len), Some(1), "{jobs}");
}
