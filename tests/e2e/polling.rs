//! Where no WebSocket comes through: the same jobs, the same keys, by asking every second; and back to the feed by itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::process::Signal;
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait::{self, DEADLINE};
use jobtop_e2e::ws::Ws;
use serde_json::json;

use crate::said::id;

/// What a proxy makes of an upgrade.
#[derive(Clone, Copy, Debug)]
enum Upgrade {
    /// It is answered with that.
    Answered(&'static str),
    /// The connection is cut.
    Cut,
    /// Nothing comes.
    Swallowed,
}

/// A proxy before a daemon that lets HTTP through and no WebSocket. It ends with the test's process.
fn proxy(to: SocketAddr, upgrade: Upgrade) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || pass(client, to, upgrade));
        }
    });
    addr
}

fn pass(mut client: TcpStream, to: SocketAddr, upgrade: Upgrade) {
    let mut head = Vec::new();
    let mut byte = [0_u8];
    while !head.ends_with(b"\r\n\r\n") {
        match client.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    if text.contains("upgrade: websocket") {
        match upgrade {
            Upgrade::Answered(answer) => {
                let _ = client.write_all(answer.as_bytes());
            }
            Upgrade::Cut => {}
            // Until the client gives up.
            Upgrade::Swallowed => while matches!(client.read(&mut byte), Ok(1)) {},
        }
        let _ = client.shutdown(Shutdown::Both);
        return;
    }
    let Ok(mut daemon) = TcpStream::connect(to) else {
        return;
    };
    if daemon.write_all(&head).is_err() {
        return;
    }
    let (Ok(mut from_client), Ok(mut to_daemon)) = (client.try_clone(), daemon.try_clone()) else {
        return;
    };
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_daemon);
        let _ = to_daemon.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut daemon, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}

/// `jobtop ls --follow` of a target, and the lines that it prints on each stream.
struct Follower {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Follower {
    fn start(home: &Home, target: &str) -> Self {
        let mut child = home
            .jobtop(&["ls", "--follow", "--target", target])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let out = lines(child.stdout.take().expect("a pipe"));
        let err = lines(child.stderr.take().expect("a pipe"));
        Self { child, out, err }
    }

    fn said(&self) -> String {
        self.out.recv_timeout(DEADLINE).expect("a line")
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = to.send(line);
        }
    });
    lines
}

fn addr(daemon: &Daemon) -> SocketAddr {
    daemon.tcp().host().parse().expect("an address")
}

#[test]
fn a_proxy_that_lets_no_websocket_through_hides_nothing() {
    let refusals = [
        Upgrade::Answered("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n"),
        Upgrade::Answered("HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nsorry"),
        Upgrade::Answered("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
        Upgrade::Answered("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Upgrade::Answered("nonsense\r\n\r\n"),
        Upgrade::Cut,
        Upgrade::Swallowed,
    ];
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let before = daemon.create(&json!({"type": "x", "name": "before"}));
    let followers: Vec<(Upgrade, Follower)> = refusals
        .into_iter()
        .map(|upgrade| {
            let proxy = proxy(addr(&daemon), upgrade);
            (upgrade, Follower::start(&home, &format!("ws://{proxy}")))
        })
        .collect();
    for (upgrade, follower) in &followers {
        let note = follower
            .err
            .recv_timeout(DEADLINE)
            .expect("a word about it");
        assert!(note.contains("asking every second"), "{upgrade:?}: {note}");
        assert!(follower.said().contains("before"), "{upgrade:?}");
    }
    // What changes, comes and goes is told as the feed would tell it.
    daemon.create(&json!({"type": "x", "name": "later"}));
    for (upgrade, follower) in &followers {
        let said = follower.said();
        assert!(
            said.contains("running") && said.contains("later"),
            "{upgrade:?}: {said}"
        );
    }
    assert_eq!(daemon.act(&id(&before), "complete").status, 200);
    for (upgrade, follower) in &followers {
        let said = follower.said();
        assert!(
            said.contains("completed") && said.contains("before"),
            "{upgrade:?}: {said}"
        );
    }
}

#[test]
fn the_operator_can_switch_the_feed_off_and_everything_goes_on() {
    let home = Home::new();
    home.configure("feed = false\n");
    let daemon = home.daemon(Setup::unix().within(&["setsid"]));
    assert_eq!(Ws::try_connect(&daemon.unix(), &[]).err(), Some(503));
    let answer = jobtop_e2e::http::request(
        &daemon.unix(),
        "GET",
        "/progress",
        &[
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ],
        b"",
    );
    assert_eq!(answer.problem(), (503, "feed_disabled".to_owned()));

    // Producers go on, and so does waiting for them.
    let ran = home.run(&["run", "--name", "ours", "--", "true"]);
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let listed = home.run(&["ls", "--json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(listed["jobs"][0]["status"], "completed", "{listed}");
    let queued = home.run(&["submit", "--", "sh", "-c", "exit 3"]);
    let queued = String::from_utf8_lossy(&queued.stdout)
        .trim_end()
        .to_owned();
    let waited = home.run(&["wait", &queued]);
    assert_eq!(
        waited.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&waited.stderr)
    );

    // The whole screen works, and says how.
    let job = id(&daemon.create(&json!({
        "type": "x", "name": "nightly", "capabilities": {"pause": true, "cancel": true},
    })));
    let jobtop = bins::jobtop();
    let mut screen = Pty::start(&home, (24, 120), &[jobtop.to_str().expect("a plain path")]);
    screen.wait_for("the screen", |text| {
        text.contains("asking every second") && text.contains("nightly")
    });
    screen.press("/nightly\r");
    screen.wait_for("the filter", |text| text.contains("1 of "));
    screen.press("p");
    wait::until("the pause", || {
        (daemon.job(&job)["status"] == "paused").then_some(())
    });
    screen.wait_for("the pause on the screen", |text| text.contains("pausing"));
    daemon.post(
        &format!("/api/jobs/{job}/ack"),
        &json!({"action": "pause", "ok": true}),
    );
    screen.wait_for("the paused job", |text| text.contains("Ⅱ paused "));

    // Switched on again it is found without anybody's help.
    home.configure("feed = true\n");
    daemon.signal(Signal::HUP);
    screen.wait_for("the feed", |text| text.contains("● connected"));
    daemon.act(&job, "complete");
    screen.wait_for("the end", |text| text.contains("✓ completed"));

    // And off again while it is looked at.
    home.configure("feed = false\n");
    daemon.signal(Signal::HUP);
    screen.wait_for("no feed", |text| text.contains("asking every second"));
    screen.press("q");
    let left = screen.left();
    assert_eq!(left.code, 0);
}

#[test]
fn a_person_can_ask_for_it() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    daemon.create(&json!({"type": "x", "name": "nightly"}));
    let jobtop = bins::jobtop();
    let jobtop = jobtop.to_str().expect("a plain path");
    let screen = Pty::start(&home, (12, 100), &[jobtop, "--poll"]);
    screen.wait_for("the screen", |text| {
        text.contains("asking every second: as was wished") && text.contains("nightly")
    });
    let status = daemon.get("/api/status").json();
    assert_eq!(status["connections"]["feeds"], 0, "{status}");
    // A daemon that goes and comes back is no matter.
    let mut daemon = daemon;
    daemon.kill();
    screen.wait_for("the cut", |text| text.contains("reconnecting"));
    daemon.start_again();
    screen.wait_for("the return", |text| text.contains("asking every second"));
}
