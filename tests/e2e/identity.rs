//! Who may what over TCP: tokens, every way to bring none or a wrong one, and every call and message by every role, with one's own job
//! and with somebody else's.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::Output;
use std::time::{Duration, Instant};

use jobtop_e2e::bins::workspace;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::http::{self, Answer};
use jobtop_e2e::process;
use jobtop_e2e::wait;
use jobtop_e2e::ws::Ws;
use serde_json::{Value, json};

use crate::said::id;

/// `jobtop ARGS --target PORT` with that token in its environment.
fn with_token(home: &Home, daemon: &Daemon, token: &str, args: &[&str]) -> Output {
    let child = home
        .jobtop(args)
        .args(["--target", &daemon.target()])
        .env("JOBTOP_TOKEN", token)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("jobtop can be started");
    wait::output(child)
}

fn asked(daemon: &Daemon, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("Authorization", bearer.as_str())];
    let body = if body.is_null() {
        String::new()
    } else {
        headers.push(("Content-Type", "application/json"));
        body.to_string()
    };
    http::request(&daemon.tcp(), method, path, &headers, body.as_bytes())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_token_lets_in_whom_it_names_until_it_is_revoked() {
    let home = Home::new();
    let daemon = home.daemon(Setup::with_tokens());
    daemon.create(&json!({"type": "csv_processing", "name": "of ann", "userId": "ann"}));
    daemon.create(&json!({"type": "csv_processing", "name": "of bob", "userId": "bob"}));

    let creation = home.run(&[
        "token",
        "create",
        "--user",
        "ann",
        "--role",
        "user",
        "--expires",
        "90d",
    ]);
    assert_eq!(
        creation.status.code(),
        Some(0),
        "{}",
        text(&creation.stderr)
    );
    let token = text(&creation.stdout).trim_end().to_owned();
    assert!(
        token.starts_with("jt_") && !token.contains(char::is_whitespace),
        "{token}"
    );
    let said = text(&creation.stderr);
    assert!(
        said.contains("shown this once") && !said.contains(&token[14..]),
        "{said}"
    );

    let list = with_token(&home, &daemon, &token, &["ls"]);
    let (out, err) = (text(&list.stdout), text(&list.stderr));
    assert_eq!(list.status.code(), Some(0), "{err}");
    assert!(out.contains("of ann") && !out.contains("of bob"), "{out}");

    // In a file too, unless others can read it.
    let file = home.work().join("token");
    std::fs::write(&file, format!("{token}\n")).expect("a file can be written");
    let of_file = |mode| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&file, permissions).expect("its mode can be set");
        let path = file.to_str().expect("a plain path");
        home.run(&["ls", "--target", &daemon.target(), "--token-file", path])
    };
    let open = of_file(0o644);
    assert_eq!(open.status.code(), Some(2));
    assert!(
        text(&open.stderr).contains("chmod 600"),
        "{}",
        text(&open.stderr)
    );
    assert_eq!(of_file(0o600).status.code(), Some(0));

    let table = text(&home.run(&["token", "list"]).stdout);
    let name = &token[3..13];
    for part in [name, "ann", "user", "in 8", "ago"] {
        assert!(table.contains(part), "{part} in {table}");
    }
    assert!(!table.contains(&token[14..]), "{table}");

    // Its connections end with it, within a second.
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    let mut ws = Ws::try_connect(&daemon.tcp(), &headers).expect("it is let in");
    let welcome = ws.welcome();
    assert_eq!(
        (&welcome["userId"], &welcome["role"]),
        (&json!("ann"), &json!("user"))
    );
    let begun = Instant::now();
    let revoked = home.run(&["token", "revoke", name]);
    assert_eq!(revoked.status.code(), Some(0), "{}", text(&revoked.stderr));
    assert_eq!(ws.end(), Some(1008));
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );

    let refused = with_token(&home, &daemon, &token, &["ls"]);
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
    let said = text(&refused.stderr);
    assert!(
        said.contains("was revoked") && said.contains("--token-file"),
        "{said}"
    );
    let again = home.run(&["token", "revoke", name]);
    assert!(
        text(&again.stderr).contains("Token not found"),
        "{}",
        text(&again.stderr)
    );
}

#[test]
fn a_token_that_expires_ends_its_connections() {
    let home = Home::new();
    let daemon = home.daemon(Setup::with_tokens());
    let body = json!({"userId": "ann", "role": "viewer", "expiresSeconds": 1});
    let made = http::post(&daemon.unix(), "/api/tokens", &body).json();
    let token = made["secret"].as_str().expect("a token").to_owned();
    let offered = format!("jobtop.v1, jobtop.bearer.{token}");
    let headers = [("Sec-WebSocket-Protocol", offered.as_str())];
    // A page's WebSocket can set no other header; of what it offers the protocol is answered, never the token.
    let mut ws = Ws::try_connect(&daemon.tcp(), &headers).expect("it is let in");
    assert_eq!(ws.welcome()["role"], "viewer");
    assert_eq!(ws.end(), Some(1008));
    let late = asked(&daemon, &token, "GET", "/api/jobs", &Value::Null);
    assert_eq!(late.problem(), (401, "unauthorized".to_owned()));
    assert!(late.text().contains("expired"), "{}", late.text());
    assert_eq!(late.header("www-authenticate"), Some("Bearer"));
}

/// Headers that bring something other than a good token, made from a good one.
type Brings = fn(&str) -> Vec<(&'static str, String)>;

const WITHOUT: &[(&str, Brings)] = &[
    ("nothing", |_| vec![]),
    ("another", |good| {
        let end = if good.ends_with('A') { 'B' } else { 'A' };
        vec![bearer(&format!("{}{end}", &good[..good.len() - 1]))]
    }),
    ("an empty one", |_| vec![bearer("")]),
    ("a bare one", |good| {
        vec![("Authorization", good.to_owned())]
    }),
    ("another scheme", |good| {
        vec![("Authorization", format!("Basic {good}"))]
    }),
    ("two", |good| vec![bearer(good), bearer(good)]),
    ("a cookie", |good| vec![("Cookie", format!("token={good}"))]),
    ("a part of one", |good| {
        vec![bearer(&good[..good.len() - 1])]
    }),
    ("more than one", |good| {
        vec![bearer(&format!("{good}{good}"))]
    }),
    ("its name alone", |good| vec![bearer(&good[..13])]),
    ("its hash", |_| vec![bearer(&"ab".repeat(32))]),
];

#[test]
fn a_log_that_is_being_read_breaks_off_when_the_token_is_revoked() {
    const LENGTH: usize = 16_000_000;
    let home = Home::new();
    let daemon = home.daemon(Setup::with_tokens());
    let token = daemon.token("ann", "admin");
    let length = LENGTH.to_string();
    let submitted = home.run(&["submit", "--", "head", "-c", &length, "/dev/zero"]);
    let job = text(&submitted.stdout).trim_end().to_owned();
    let waited = home.run(&["wait", &job]);
    assert_eq!(waited.status.code(), Some(0), "{}", text(&waited.stderr));

    let begin = || {
        let mut wire = daemon.tcp().connect().expect("a connection");
        wire.set_read_timeout(Some(wait::DEADLINE))
            .expect("a timeout can be set");
        let asked = format!(
            "GET /api/jobs/{job}/log HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n",
            daemon.tcp().host()
        );
        wire.write_all(asked.as_bytes()).expect("a request");
        let mut first = [0; 1024];
        wire.read_exact(&mut first).expect("its beginning");
        assert!(text(&first).starts_with("HTTP/1.1 200 "));
        wire
    };
    let mut all = Vec::new();
    begin().read_to_end(&mut all).expect("all of it");
    assert!(all.len() > LENGTH - 1024 && all.ends_with(b"\r\n0\r\n\r\n"));

    let mut slow = begin();
    let revoked = home.run(&["token", "revoke", &token[3..13]]);
    assert_eq!(revoked.status.code(), Some(0), "{}", text(&revoked.stderr));
    let mut rest = Vec::new();
    // Cut: whether with a reset or without.
    let _ = slow.read_to_end(&mut rest);
    assert!(rest.len() < LENGTH - 1024, "{} bytes", rest.len());
    assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "it seems whole");
}

fn bearer(token: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {token}"))
}

#[test]
fn without_a_good_token_nobody_gets_in() {
    for (what, brings) in WITHOUT {
        let home = Home::new();
        let daemon = home.daemon(Setup::with_tokens());
        let job = id(&daemon.create(&json!({"type": "csv_processing", "userId": "ann"})));
        let good = daemon.token("ann", "user");
        let brought = brings(&good);
        let headers: Vec<(&str, &str)> = brought.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let unauthorized = (401, "unauthorized".to_owned());
        // In the address it counts for nothing.
        let path = format!("/api/jobs?token={good}&access_token={good}");
        let answer = http::request(&daemon.tcp(), "GET", &path, &headers, b"");
        assert_eq!(answer.problem(), unauthorized, "{what}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{what}");
        let mut act = headers.clone();
        act.push(("Content-Type", "application/json"));
        let path = format!("/api/jobs/{job}/cancel");
        let answer = http::request(&daemon.tcp(), "POST", &path, &act, b"{}");
        assert_eq!(answer.problem(), unauthorized, "{what}");
        assert_eq!(
            Ws::try_connect(&daemon.tcp(), &headers).err(),
            Some(401),
            "{what}"
        );
        let mut elsewhere = headers.clone();
        let offered = format!("jobtop.v1, jobtop.bearer.{good}");
        elsewhere.push(("Sec-WebSocket-Protocol", &offered));
        let answer = http::request(&daemon.tcp(), "GET", "/api/jobs", &elsewhere, b"");
        assert_eq!(answer.problem(), unauthorized, "{what}: no WebSocket");
        assert_eq!(
            daemon.job(&job)["status"],
            "running",
            "{what}: nobody has changed it"
        );
        for open in ["/healthz", "/readyz"] {
            let answer = http::request(&daemon.tcp(), "GET", open, &headers, b"");
            assert_eq!(answer.status, 200, "{what} {open}");
        }
        assert_eq!(
            asked(&daemon, &good, "GET", "/api/jobs", &Value::Null).status,
            200
        );
    }
}

#[test]
fn who_guesses_is_heard_less_and_less_and_shuts_nobody_out() {
    let home = Home::new();
    let daemon = home.daemon(Setup::with_tokens());
    let good = daemon.token("ann", "user");
    let begun = Instant::now();
    let mut statuses = Vec::new();
    for _ in 0..200 {
        let answer = asked(&daemon, "jt_0123456789_x", "GET", "/api/jobs", &Value::Null);
        if answer.status == 429 {
            let after: u64 = answer
                .header("retry-after")
                .and_then(|after| after.parse().ok())
                .expect("when to come back");
            assert!((1..=60).contains(&after), "{after}");
        }
        statuses.push(answer.status);
    }
    let looked_at = statuses.iter().filter(|status| **status == 401).count() as u64;
    // Ten are free, then one a second, one in two, …
    assert!(looked_at <= 11 + begun.elapsed().as_secs(), "{looked_at}");
    assert_eq!(
        asked(&daemon, &good, "GET", "/api/jobs", &Value::Null).status,
        200
    );
    let status = http::request(&daemon.unix(), "GET", "/api/status", &[], b"").json();
    assert_eq!(
        status["refused"]["unauthorized"].as_u64().unwrap_or(0)
            + status["refused"]["rate_limited"].as_u64().unwrap_or(0),
        200,
        "{status}"
    );
}

#[test]
fn a_token_is_in_no_log_no_file_no_list_of_processes_and_no_error() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::with_tokens());
    let token = daemon.token("ann", "admin");
    let secret = &token[14..];
    let mut seen = Vec::new();
    for args in [
        &["ls"][..],
        &["show", "job_x"],
        &["token", "list"],
        &["daemon", "status"],
    ] {
        let output = with_token(&home, &daemon, &token, args);
        seen.push((args.join(" "), text(&output.stdout) + &text(&output.stderr)));
    }
    // One that goes on has its words looked at while it does.
    let mut follower = home
        .jobtop(&["ls", "--follow", "--target", &daemon.target()])
        .env("JOBTOP_TOKEN", &token)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("jobtop can be started");
    let pid = i32::try_from(follower.id()).expect("a pid is small");
    let words = wait::until("its words", || {
        let words = process::command_line(pid);
        (!words.is_empty()).then_some(words)
    });
    seen.push(("ps".to_owned(), words.join(" ")));
    let _ = follower.kill();
    let _ = follower.wait();
    // What a command of ours starts does not get it.
    let output = with_token(&home, &daemon, &token, &["run", "--", "env"]);
    seen.push(("a child".to_owned(), text(&output.stdout)));
    let found = home.work().join("environment");
    let ssh = home.work().join("ssh");
    std::fs::write(&ssh, format!("env > {}\nexit 1\n", found.display())).expect("a program");
    let over_ssh = home
        .jobtop(&["ls", "--target", "ssh://there"])
        .env("JOBTOP_TOKEN", &token)
        .env("JOBTOP_SSH", format!("sh {}", ssh.display()))
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("jobtop can be started");
    let _ = wait::output(over_ssh);
    let found = std::fs::read_to_string(&found).expect("what ssh was given");
    assert!(found.contains("JOBTOP_SSH="), "{found}");
    seen.push(("ssh".to_owned(), found));
    let elsewhere = Home::new();
    let started = elsewhere
        .jobtop(&["daemon", "start"])
        .env("JOBTOP_TOKEN", &token)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("jobtop can be started");
    let started = wait::output(started);
    assert!(started.status.success(), "{}", text(&started.stderr));
    let status = text(&elsewhere.run(&["daemon", "status", "--json"]).stdout);
    let status: Value = serde_json::from_str(&status).expect("JSON");
    let environment = std::fs::read(format!("/proc/{}/environ", status["pid"]));
    let environment = text(&environment.expect("the environment of a daemon"));
    assert!(environment.contains("HOME="), "{environment}");
    seen.push(("a daemon".to_owned(), environment));
    assert!(elsewhere.run(&["daemon", "stop"]).status.success());
    let _ = asked(
        &daemon,
        &format!("{token}x"),
        "GET",
        "/api/jobs",
        &Value::Null,
    );
    let _ = Ws::try_connect(
        &daemon.tcp(),
        &[(
            "Sec-WebSocket-Protocol",
            &format!("jobtop.v1, jobtop.bearer.{token}"),
        )],
    );
    daemon.terminate();
    seen.push(("stderr".to_owned(), daemon.stderr()));
    for file in files(&home.data()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        seen.push((file.display().to_string(), text(&bytes)));
    }
    for (what, text) in seen {
        assert!(!text.contains(secret), "{what}: {text}");
    }
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_token_does_not_travel_in_the_clear() {
    let home = Home::new();
    for target in ["ws://etl1.example:7411", "http://10.0.0.1"] {
        let output = home
            .jobtop(&["ls", "--target", target])
            .env("JOBTOP_TOKEN", "jt_0123456789_x")
            .output()
            .expect("jobtop can be run");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("readable by everybody") && said.contains("wss://"),
            "{said}"
        );
    }
}

/// What somebody must be to be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Needs {
    /// Anybody with a token.
    Nothing,
    /// To see the job: its owner, a viewer or an admin.
    Sees,
    /// To control the job: its owner or an admin, no viewer.
    Controls,
    /// To see all there is: a viewer or an admin.
    SeesAll,
    /// To be no mere viewer.
    Acts,
    /// To be an admin.
    Admin,
    /// To be somebody else than comes over TCP.
    Local,
}

const ROLES: [&str; 3] = ["viewer", "user", "admin"];

impl Needs {
    fn lets(self, role: &str, own: bool) -> bool {
        match self {
            Self::Nothing => true,
            Self::Sees => own || role != "user",
            Self::Controls => role == "admin" || (role == "user" && own),
            Self::SeesAll => role != "user",
            Self::Acts => role != "viewer",
            Self::Admin => role == "admin",
            Self::Local => false,
        }
    }
}

/// A call: its method, its path with `ID` and `OWNER` in it, its body, what it needs, and how the job must stand for it.
type Call = (&'static str, &'static str, &'static str, Needs, Stands);

/// How a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stands {
    Pending,
    Running,
    Paused,
}

const CALLS: &[Call] = &[
    ("GET", "/api/jobs", "", Needs::Nothing, Stands::Running),
    (
        "POST",
        "/api/jobs",
        r#"{"type":"x","userId":"OWNER"}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        "POST",
        "/api/jobs",
        r#"{"type":"x","userId":"OWNER","command":{"argv":["true"]}}"#,
        Needs::Local,
        Stands::Running,
    ),
    ("GET", "/api/jobs/ID", "", Needs::Sees, Stands::Running),
    (
        "POST",
        "/api/jobs/ID/start",
        "",
        Needs::Controls,
        Stands::Pending,
    ),
    (
        "POST",
        "/api/jobs/ID/progress",
        r#"{"progress":5}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        "POST",
        "/api/jobs/ID/ack",
        r#"{"action":"pause","ok":true}"#,
        Needs::Controls,
        Stands::Paused,
    ),
    (
        "POST",
        "/api/jobs/ID/complete",
        "",
        Needs::Controls,
        Stands::Running,
    ),
    (
        "POST",
        "/api/jobs/ID/fail",
        r#"{"error":"x"}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        "POST",
        "/api/jobs/ID/pause",
        "",
        Needs::Controls,
        Stands::Running,
    ),
    (
        "POST",
        "/api/jobs/ID/resume",
        "",
        Needs::Controls,
        Stands::Paused,
    ),
    (
        "POST",
        "/api/jobs/ID/cancel",
        "",
        Needs::Controls,
        Stands::Running,
    ),
    (
        "POST",
        "/api/jobs/ID/retry",
        "",
        Needs::Controls,
        Stands::Running,
    ),
    (
        "POST",
        "/api/jobs/ID/priority",
        r#"{"priority":5}"#,
        Needs::Controls,
        Stands::Pending,
    ),
    ("GET", "/api/jobs/ID/log", "", Needs::Sees, Stands::Running),
    ("GET", "/api/history", "", Needs::Nothing, Stands::Running),
    ("GET", "/api/analytics", "", Needs::Nothing, Stands::Running),
    ("GET", "/api/store", "", Needs::SeesAll, Stands::Running),
    ("GET", "/api/status", "", Needs::SeesAll, Stands::Running),
    ("GET", "/api/alerts", "", Needs::Nothing, Stands::Running),
    (
        "POST",
        "/api/alerts/ID/ack",
        "",
        Needs::Admin,
        Stands::Running,
    ),
    (
        "POST",
        "/api/alerts/ID/mute",
        "",
        Needs::Admin,
        Stands::Running,
    ),
    ("GET", "/metrics", "", Needs::SeesAll, Stands::Running),
    ("GET", "/api/queues", "", Needs::Nothing, Stands::Running),
    (
        "POST",
        "/api/queues/default",
        r#"{"paused":false}"#,
        Needs::Admin,
        Stands::Running,
    ),
    ("GET", "/api/tokens", "", Needs::Local, Stands::Running),
    (
        "POST",
        "/api/tokens",
        r#"{"userId":"eve","role":"admin"}"#,
        Needs::Local,
        Stands::Running,
    ),
    (
        "POST",
        "/api/tokens/0123456789/revoke",
        "",
        Needs::Local,
        Stands::Running,
    ),
    ("GET", "/api/hooks", "", Needs::Local, Stands::Running),
    (
        "POST",
        "/api/hooks/default/test",
        "",
        Needs::Local,
        Stands::Running,
    ),
];

/// A message of a WebSocket, with `ID` and `OWNER` in it.
type Message = (&'static str, Needs, Stands);

const MESSAGES: &[Message] = &[
    (
        r#"{"type":"create_job","jobType":"x","userId":"OWNER"}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        r#"{"type":"create_job","jobType":"x","userId":"OWNER","command":{"argv":["true"]}}"#,
        Needs::Local,
        Stands::Running,
    ),
    (
        r#"{"type":"update_progress","jobId":"ID","progress":5}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        r#"{"type":"start_job","jobId":"ID"}"#,
        Needs::Controls,
        Stands::Pending,
    ),
    (
        r#"{"type":"complete_job","jobId":"ID"}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        r#"{"type":"fail_job","jobId":"ID","error":"x"}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        r#"{"type":"adopt_job","jobId":"ID"}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        r#"{"type":"pause_job","jobId":"ID"}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        r#"{"type":"resume_job","jobId":"ID"}"#,
        Needs::Controls,
        Stands::Paused,
    ),
    (
        r#"{"type":"cancel_job","jobId":"ID"}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        r#"{"type":"retry_job","jobId":"ID"}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        r#"{"type":"set_priority","jobId":"ID","priority":5}"#,
        Needs::Controls,
        Stands::Pending,
    ),
    (
        r#"{"type":"control_ack","jobId":"ID","action":"pause","ok":true}"#,
        Needs::Controls,
        Stands::Paused,
    ),
    (
        r#"{"type":"accept","jobId":"ID"}"#,
        Needs::Controls,
        Stands::Pending,
    ),
    (
        r#"{"type":"decline","jobId":"ID"}"#,
        Needs::Controls,
        Stands::Pending,
    ),
    (
        r#"{"type":"log","jobId":"ID","stream":"stdout","text":"x\n"}"#,
        Needs::Controls,
        Stands::Running,
    ),
    (
        r#"{"type":"get_job","jobId":"ID"}"#,
        Needs::Sees,
        Stands::Running,
    ),
    (r#"{"type":"list_jobs"}"#, Needs::Nothing, Stands::Running),
    (r#"{"type":"history"}"#, Needs::Nothing, Stands::Running),
    (r#"{"type":"analytics"}"#, Needs::Nothing, Stands::Running),
    (r#"{"type":"heartbeat"}"#, Needs::Nothing, Stands::Running),
    (r#"{"type":"ping"}"#, Needs::Nothing, Stands::Running),
    (r#"{"type":"pong"}"#, Needs::Nothing, Stands::Running),
    (
        r#"{"type":"subscribe","channel":"jobs"}"#,
        Needs::Nothing,
        Stands::Running,
    ),
    (
        r#"{"type":"subscribe","channel":"alerts"}"#,
        Needs::Nothing,
        Stands::Running,
    ),
    (
        r#"{"type":"subscribe","channel":"job:OWNER"}"#,
        Needs::Sees,
        Stands::Running,
    ),
    (
        r#"{"type":"subscribe","channel":"job:ID"}"#,
        Needs::Sees,
        Stands::Running,
    ),
    (
        r#"{"type":"subscribe","channel":"log:ID"}"#,
        Needs::Sees,
        Stands::Running,
    ),
    (
        r#"{"type":"unsubscribe","channel":"job:ID"}"#,
        Needs::Nothing,
        Stands::Running,
    ),
    // Workers get only jobs that they may control.
    (
        r#"{"type":"work","jobTypes":["nothing"],"slots":1}"#,
        Needs::Acts,
        Stands::Running,
    ),
];

/// A job of that owner's that stands so.
fn job(daemon: &Daemon, owner: &str, stands: Stands) -> String {
    let status = match stands {
        Stands::Pending => "pending",
        Stands::Running | Stands::Paused => "running",
    };
    let body = json!({"type": "x", "userId": owner, "status": status, "capabilities": {"pause": true, "cancel": true}});
    let job = id(&daemon.create(&body));
    if stands == Stands::Paused {
        assert_eq!(daemon.act(&job, "pause").status, 200);
    }
    job
}

#[test]
fn every_call_by_every_role_on_its_own_and_on_anothers_job() {
    let home = Home::new();
    let daemon = home.daemon(Setup::with_tokens());
    let mut wrong = Vec::new();
    for role in ROLES {
        let token = daemon.token(role, role);
        for own in [true, false] {
            let owner = if own { role } else { "somebody" };
            for (method, path, body, needs, stands) in CALLS {
                let job = job(&daemon, owner, *stands);
                let before = daemon.job(&job)["revision"].clone();
                let filled = |text: &str| text.replace("ID", &job).replace("OWNER", owner);
                let body = serde_json::from_str(&filled(body)).unwrap_or(Value::Null);
                let answer = asked(&daemon, &token, method, &filled(path), &body);
                let lets = needs.lets(role, own);
                let after = &daemon.job(&job)["revision"];
                if (answer.status != 403) != lets || answer.status == 401 {
                    wrong.push(format!(
                        "{role} {owner} {method} {path} {body}: {}",
                        answer.status
                    ));
                }
                if answer.status == 403 && (before != *after || answer.problem().1 != "forbidden") {
                    wrong.push(format!(
                        "{role} {owner} {method} {path}: refused, but {}",
                        answer.text()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_message_by_every_role_on_its_own_and_on_anothers_job() {
    let home = Home::new();
    let daemon = home.daemon(Setup::with_tokens());
    let mut wrong = Vec::new();
    for role in ROLES {
        let bearer = format!("Bearer {}", daemon.token(role, role));
        for own in [true, false] {
            let owner = if own { role } else { "somebody" };
            for (message, needs, stands) in MESSAGES {
                let job = job(&daemon, owner, *stands);
                let before = daemon.job(&job)["revision"].clone();
                let mut ws =
                    Ws::try_connect(&daemon.tcp(), &[("Authorization", &bearer)]).expect("let in");
                ws.welcome();
                let filled = message.replace("ID", &job).replace("OWNER", owner);
                let sent: Value = serde_json::from_str(&filled).expect("JSON");
                // A pong is the one message that is answered by nothing.
                let said = if sent["type"] == "pong" {
                    ws.send(&sent);
                    Value::from(ws.settle())
                } else {
                    ws.request(sent)
                };
                let refused = said["type"] == "error" && said["code"] == "forbidden";
                let lets = needs.lets(role, own);
                if refused == lets {
                    wrong.push(format!("{role} {owner} {message}: {said}"));
                }
                if refused && before != daemon.job(&job)["revision"] {
                    wrong.push(format!("{role} {owner} {message}: refused, but done"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_tables_know_every_call_and_every_message() {
    let routes =
        std::fs::read_to_string(workspace().join("daemon/src/http/routes.rs")).expect("routes");
    let asked: BTreeSet<&str> = CALLS.iter().map(|call| call.1).collect();
    let mut missing: Vec<String> = Vec::new();
    // By whoever asks.
    let others = ["/openapi.json", "/healthz", "/readyz"];
    for part in routes.split(".route(").skip(1) {
        let path = part.split('"').nth(1).unwrap_or_default();
        let path = path.replace("/api/tokens/{id}", "/api/tokens/0123456789");
        let path = path.replace("{id}", "ID").replace("{name}", "default");
        if !others.iter().any(|other| path.starts_with(other))
            && !path.is_empty()
            && !asked.contains(path.as_str())
        {
            missing.push(path);
        }
    }
    let requests = std::fs::read_to_string(workspace().join("shared/core/src/proto/request.rs"))
        .expect("requests");
    let known: BTreeSet<String> = MESSAGES
        .iter()
        .map(|(message, ..)| {
            let message: Value = serde_json::from_str(message).expect("JSON");
            message["type"].as_str().unwrap_or_default().to_owned()
        })
        .collect();
    for line in requests.lines() {
        if let Some((word, _)) = line
            .trim()
            .strip_prefix('"')
            .and_then(|rest| rest.split_once("\" =>"))
            && !known.contains(word)
        {
            missing.push(word.to_owned());
        }
    }
    assert!(missing.is_empty(), "not in the tables: {missing:?}");
    assert!(known.len() >= 25, "{known:?}");
}

#[test]
fn commands_over_tcp_are_for_the_roles_that_are_named() {
    let home = Home::new();
    home.configure("remote_commands = [\"admin\"]\n");
    let daemon = home.daemon(Setup::with_tokens());
    let (ann, root) = (daemon.token("ann", "user"), daemon.token("chief", "admin"));
    let said = home.work().join("said");
    // An argument vector: what a shell would make of it is a word like any other.
    let body = json!({"type": "x", "command": {
        "argv": ["sh", "-c", "printf %s \"$1\" > said", "sh", "$(id); `id` && x"],
        "cwd": home.work(),
    }});
    let refused = asked(&daemon, &ann, "POST", "/api/jobs", &body);
    assert_eq!(refused.problem(), (403, "forbidden".to_owned()));
    assert!(
        refused.text().contains("remote_commands"),
        "{}",
        refused.text()
    );
    let taken = asked(&daemon, &root, "POST", "/api/jobs", &body);
    assert_eq!(taken.status, 201, "{}", taken.text());
    let job = id(&taken.json()["job"]);
    // What is in the audit is there before the command runs.
    let audit = std::fs::read_to_string(home.data().join("audit.jsonl")).expect("an audit");
    let line: Value = audit
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .find(|line: &Value| line["jobId"] == job)
        .expect("the job in the audit");
    assert_eq!(
        (&line["user"], &line["action"]),
        (&json!("chief"), &json!("submitted"))
    );
    let from = line["from"].as_str().unwrap_or_default();
    assert!(
        from.starts_with(&format!("token {} from 127.0.0.1", &root[3..13])),
        "{line}"
    );
    wait::until("the end of the command", || {
        (daemon.job(&job)["status"] == "completed").then_some(())
    });
    assert_eq!(
        std::fs::read_to_string(said).expect("its word"),
        "$(id); `id` && x"
    );
}
