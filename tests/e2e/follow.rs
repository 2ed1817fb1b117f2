//! `jobtop ls --follow`: what becomes of jobs, a line each time.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::wait::{self, DEADLINE};
use serde_json::{Value, json};

use crate::said::id;

/// One that follows, and the lines that it prints.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn start(home: &Home, args: &[&str]) -> Self {
        let mut command = home.jobtop(&["ls", "--follow"]);
        command.args(args);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let (to, lines) = channel();
        let out = child.stdout.take().expect("stdout is a pipe");
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = to.send(line);
            }
        });
        Self { child, lines }
    }

    fn line(&self) -> String {
        let line = self.lines.recv_timeout(DEADLINE);
        line.expect("a line")
    }

    /// The next line without its time.
    fn said(&self) -> String {
        let line = self.line();
        let (time, rest) = line.split_once("  ").expect("a time");
        let digits = time.chars().filter(char::is_ascii_digit).count();
        assert!(digits == 6 && time.matches(':').count() == 2, "{line}");
        rest.to_owned()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_line_for_every_change_of_state_and_for_nothing_else() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    let old = id(&daemon.create(&json!({"type": "etl", "name": "old"})));
    daemon.act(&old, "complete");
    let steps = json!(["Reading", "Writing"]);
    let job = id(&daemon.create(&json!({"type": "etl", "name": "orders", "steps": steps})));
    let mut follower = Follower::start(&home, &[]);
    assert_eq!(follower.said(), "running    orders  0.0%  Reading");
    let report = |body: Value| {
        let path = format!("/api/jobs/{job}/progress");
        assert_eq!(daemon.post(&path, &body).status, 200);
    };
    report(json!({"progress": 20}));
    report(json!({"progress": 40, "step": "Writing"}));
    let said = follower.said();
    assert!(
        said.starts_with("running    orders  40.0%  Writing"),
        "{said}"
    );
    let body = json!({"error": "row 7: timeout\u{1b}[2J"});
    assert_eq!(
        daemon.post(&format!("/api/jobs/{job}/fail"), &body).status,
        200
    );
    let said = follower.said();
    assert!(
        said.starts_with("failed     orders  after ") && said.contains(": row 7: timeout"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "{said:?}");
    // It outlives the daemon, and tells of what comes after.
    daemon.kill();
    daemon.start_again();
    daemon.create(&json!({"type": "etl", "name": "new"}));
    assert_eq!(follower.said().split_whitespace().nth(1), Some("new"));
    process::signal(
        i32::try_from(follower.child.id()).expect("a pid"),
        Signal::INT,
    );
    assert_eq!(wait::ended(&mut follower.child).code(), Some(130));
}

#[test]
fn what_passes_a_filter_is_followed_and_programs_get_documents() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let follower = Follower::start(&home, &["--jsonl", "--", "type:etl", "-status:paused"]);
    let document = || -> Value { serde_json::from_str(&follower.line()).expect("JSON") };
    let other = id(&daemon.create(&json!({"type": "export", "name": "other"})));
    let job = id(&daemon.create(&json!({"type": "etl", "name": "orders"})));
    let seen = document();
    assert_eq!(
        (&seen["id"], &seen["status"]),
        (&json!(job), &json!("running"))
    );
    daemon.act(&other, "complete");
    daemon.act(&job, "pause");
    daemon.act(&job, "cancel");
    let seen = document();
    assert_eq!(
        (&seen["id"], &seen["status"]),
        (&json!(job), &json!("cancelled"))
    );
}

#[test]
fn without_a_daemon_or_with_a_mistaken_filter_it_says_so() {
    let home = Home::new();
    let output = home.run(&["ls", "--follow"]);
    assert_eq!(output.status.code(), Some(6));
    let _daemon = home.daemon(Setup::unix());
    let output = home.run(&["ls", "--follow", "stauts:failed"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("did you mean status"), "{said}");
    let output = home.run(&["ls", "--follow", "--json"]);
    assert_eq!(output.status.code(), Some(2));
}
