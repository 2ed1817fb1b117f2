//! Hooks: real commands and a real receiver, of every kind that goes wrong, and a daemon that is killed in between.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hmac::{Hmac, Mac};
use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::said::id;

/// What a receiver does with a request.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Answer(u16),
    /// The connection ends without a word.
    Cut,
    /// Nothing is ever said.
    Silence,
}

/// A request as it came.
#[derive(Clone, Debug)]
struct Got {
    headers: Vec<(String, String)>,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// The event and the name of the job.
    fn what(&self) -> String {
        let said = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!("{} {}", text(&said["event"]), text(&said["job"]["name"]))
    }
}

/// A little HTTP server: answers as its script says, and with 200 when that is at its end.
struct Receiver {
    addr: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    script: Arc<Mutex<VecDeque<Reply>>>,
}

impl Receiver {
    fn new(script: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        Self::on(listener, script)
    }

    fn on(listener: TcpListener, script: &[Reply]) -> Self {
        let receiver = Self {
            addr: listener.local_addr().expect("an address"),
            got: Arc::default(),
            script: Arc::new(Mutex::new(script.iter().copied().collect())),
        };
        let (got, script) = (Arc::clone(&receiver.got), Arc::clone(&receiver.script));
        std::thread::spawn(move || {
            // Those that are never answered stay open.
            let mut silent = Vec::new();
            for stream in listener.incoming().flatten() {
                let Some(request) = read(&stream) else {
                    continue;
                };
                let reply = {
                    let mut script = script.lock().expect("nobody panics with it");
                    script.pop_front().unwrap_or(Reply::Answer(200))
                };
                got.lock().expect("nobody panics with it").push(request);
                match reply {
                    Reply::Answer(status) => {
                        let mut stream = stream;
                        let _ = write!(
                            stream,
                            "HTTP/1.1 {status} X\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwell"
                        );
                    }
                    Reply::Cut => {}
                    Reply::Silence => silent.push(stream),
                }
            }
        });
        receiver
    }

    fn url(&self) -> String {
        format!("http://{}/secret-path?token=hush", self.addr)
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().expect("nobody panics with it").clone()
    }

    fn wait_for(&self, count: usize) -> Vec<Got> {
        wait::until("deliveries", || {
            let got = self.got();
            (got.len() >= count).then_some(got)
        })
    }
}

fn read(stream: &TcpStream) -> Option<Got> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    assert!(
        line.starts_with("POST /secret-path?token=hush HTTP/1.1"),
        "{line}"
    );
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut got = Got {
        headers,
        body: String::new(),
    };
    let length = got.header("content-length").parse().ok()?;
    reader.take(length).read_to_string(&mut got.body).ok()?;
    Some(got)
}

/// A program of that home's with that script.
fn program(home: &Home, name: &str, script: &str) -> PathBuf {
    let path = home.work().join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, permissions).expect("it can be executed");
    path
}

fn secret(home: &Home, mode: u32) -> PathBuf {
    let path = home.work().join("secret");
    std::fs::write(&path, "very hush\n").expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
    path
}

fn command_hook(name: &str, on: &str, program: &Path, more: &str) -> String {
    let program = program.display();
    format!("[hooks.{name}]\non = [{on}]\ncommand = [\"{program}\"]\n{more}\n")
}

fn webhook(name: &str, on: &str, receiver: &Receiver, more: &str) -> String {
    let url = receiver.url();
    format!("[hooks.{name}]\non = [{on}]\nurl = {url:?}\n{more}\n")
}

fn job(daemon: &Daemon, name: &str) -> String {
    id(&daemon.create(&json!({"type": "etl", "name": name, "userId": "ann"})))
}

fn fail(daemon: &Daemon, name: &str) {
    let job = job(daemon, name);
    let answer = daemon.post(
        &format!("/api/jobs/{job}/fail"),
        &json!({"error": "it \u{1b}[31mbroke"}),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn complete(daemon: &Daemon, job: &str) {
    let answer = daemon.act(job, "complete");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_command_is_told_at_once_in_its_input_and_its_environment() {
    let home = Home::new();
    let said = home.work().join("said");
    let script = format!(
        "read -r body; echo \"$JOBTOP_EVENT $JOBTOP_JOB_NAME $JOBTOP_JOB_TYPE $JOBTOP_JOB_STATUS \
         $JOBTOP_JOB_USER|$JOBTOP_JOB_ERROR|$JOBTOP_TOKEN|$(pwd)\" > {0}.new; echo \"$body\" >> {0}.new; \
         date +%s%3N >> {0}.new; mv {0}.new {0}; echo \"my \x1b[31mword\"",
        said.display()
    );
    let tell = program(&home, "tell", &script);
    home.configure(&command_hook("tell", "\"failed\"", &tell, ""));
    let daemon = home.daemon(Setup::unix());
    complete(&daemon, &job(&daemon, "well"));
    fail(&daemon, "orders");
    let lines = wait::until("its word", || {
        let lines = lines(&said);
        (lines.len() == 3).then_some(lines)
    });
    assert_eq!(
        lines[0],
        "failed orders etl failed ann|it \u{fffd}[31mbroke||/"
    );
    let body: Value = serde_json::from_str(&lines[1]).expect("JSON");
    assert_eq!(body["event"], "failed");
    assert_eq!(body["job"]["name"], "orders");
    assert_eq!(body["at"], body["job"]["finishedAt"]);
    assert_eq!(body["daemon"]["version"], env!("CARGO_PKG_VERSION"));
    wait::until("its word in the log", || {
        daemon
            .stderr()
            .contains("said: my \u{fffd}[31mword")
            .then_some(())
    });
    // 100 ms is the aim, and printed; a machine that builds beside the tests gets a lot more.
    let began: i64 = lines[2].parse().expect("milliseconds");
    let at = jobtop_e2e_time(body["at"].as_str().expect("a time"));
    println!("told after {} ms", began - at);
    assert!(began - at < 5_000, "{} ms", began - at);
}

/// Milliseconds since 1970 of a time on the wire, as `date` reads it.
fn jobtop_e2e_time(text: &str) -> i64 {
    let output = Command::new("date")
        .args(["-d", text, "+%s%3N"])
        .output()
        .expect("date can be started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.trim().parse().expect("milliseconds")
}

#[test]
fn alerts_are_told_and_a_hook_that_fails_is_one() {
    let home = Home::new();
    let said = home.work().join("said");
    let script = format!(
        "read -r body; echo \"$JOBTOP_EVENT $JOBTOP_ALERT_RULE|$JOBTOP_ALERT_MESSAGE|$body\" >> {}",
        said.display()
    );
    let tell = program(&home, "tell", &script);
    let sick = program(&home, "sick", "exit 1");
    let hooks = [
        command_hook("tell", "\"alert\"", &tell, ""),
        command_hook("sick", "\"failed\"", &sick, ""),
        "[alerts]\nqueue_depth = { above = 1 }\nfailure_rate = { on = false }\n".to_owned(),
    ];
    home.configure(&hooks.concat());
    let daemon = home.daemon(Setup::unix());
    let told = |rule: &str| {
        wait::until(rule, || {
            let start = format!("alert {rule}|");
            lines(&said)
                .into_iter()
                .find_map(|line| line.strip_prefix(&start).map(str::to_owned))
        })
    };
    let waiting = json!({"type": "etl", "status": "pending", "userId": "ann"});
    let ids = [0, 1].map(|_| id(&daemon.create(&waiting)));
    let line = told("queue_depth");
    let (message, body) = line.split_once('|').expect("two parts");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["event"], "alert");
    assert_eq!(body["alert"]["message"], message);
    let jobs = body["alert"]["jobs"].as_array().expect("a list");
    assert!(ids.iter().all(|id| jobs.contains(&json!(id))), "{jobs:?}");
    assert_eq!(body["alert"]["owners"], Value::Null);
    let listed = daemon.get("/api/alerts").json();
    assert_eq!(body["alert"]["id"], listed["alerts"][0]["id"]);

    for name in ["a", "b", "c"] {
        fail(&daemon, name);
    }
    let line = told("hooks");
    assert!(
        line.starts_with("The hook sick fails: it ended with 1|"),
        "{line}"
    );
    assert_eq!(lines(&said).len(), 2, "each is told once");
}

#[test]
fn a_webhook_is_signed_and_tried_again_with_the_same_id() {
    let home = Home::new();
    let receiver = Receiver::new(&[Reply::Answer(500), Reply::Cut]);
    let signed = format!("secret_file = \"{}\"", secret(&home, 0o600).display());
    home.configure(&webhook("chat", "\"failed\"", &receiver, &signed));
    let daemon = home.daemon(Setup::unix());
    fail(&daemon, "orders");
    let got = receiver.wait_for(3);
    assert_eq!(got[2].what(), "failed orders");
    assert_eq!(got[2].header("x-jobtop-event"), "failed");
    assert_eq!(got[2].header("content-type"), "application/json");
    let delivery = got[0].header("x-jobtop-delivery");
    assert!(delivery.starts_with("hook_"), "{delivery}");
    for one in &got {
        assert_eq!(one.header("x-jobtop-delivery"), delivery);
        assert_eq!(one.body, got[0].body);
        let mut mac = Hmac::<Sha256>::new_from_slice(b"very hush").expect("any key will do");
        mac.update(one.body.as_bytes());
        let mut expected = "sha256=".to_owned();
        for byte in mac.finalize().into_bytes() {
            let _ = write!(expected, "{byte:02x}");
        }
        assert_eq!(one.header("x-jobtop-signature"), expected);
    }
    // A later one comes once: the first was taken.
    fail(&daemon, "later");
    let got = receiver.wait_for(4);
    assert_eq!(got[3].what(), "failed later");
    let said = daemon.stderr();
    assert!(said.contains("it is tried again"), "{said}");
    assert!(!said.contains("hush"), "{said}");
    let words = process::command_line(daemon.pid()).join(" ");
    assert!(!words.contains("hush"), "{words}");
}

#[test]
fn what_is_about_one_job_comes_in_order_although_the_first_fails() {
    let home = Home::new();
    let receiver = Receiver::new(&[Reply::Answer(503), Reply::Answer(200)]);
    let on = "\"stalled\", \"finished\"";
    home.configure(&webhook("chat", on, &receiver, ""));
    let daemon = home.daemon(Setup::unix());
    let mut ws = daemon.ws();
    let made = ws.request(json!({"type": "create_job", "jobType": "etl", "name": "first"}));
    let first = id(&made["job"]);
    drop(ws);
    receiver.wait_for(1);
    complete(&daemon, &first);
    complete(&daemon, &job(&daemon, "other"));
    let got = receiver.wait_for(4);
    let what: Vec<String> = got.iter().map(Got::what).collect();
    let of_first: Vec<&String> = what.iter().filter(|what| what.contains("first")).collect();
    assert_eq!(
        of_first,
        ["stalled first", "stalled first", "finished first"]
    );
    // The other did not wait for the first to be tried again.
    assert_eq!(what[1], "finished other", "{what:?}");
}

#[test]
fn a_client_s_error_is_final_and_said() {
    let home = Home::new();
    let receiver = Receiver::new(&[Reply::Answer(404)]);
    home.configure(&webhook("chat", "\"failed\"", &receiver, ""));
    let daemon = home.daemon(Setup::unix());
    fail(&daemon, "one");
    receiver.wait_for(1);
    fail(&daemon, "two");
    let what: Vec<String> = receiver.wait_for(2).iter().map(Got::what).collect();
    assert_eq!(what, ["failed one", "failed two"]);
    let said = daemon.stderr();
    assert!(
        said.contains("answered 404 Not Found; it is not tried again"),
        "{said}"
    );
}

#[test]
fn what_was_not_told_is_told_after_kill_9() {
    let home = Home::new();
    // A port that nobody listens on yet.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    drop(listener);
    home.configure(&format!(
        "[hooks.chat]\non = [\"failed\"]\nurl = \"http://{addr}/secret-path?token=hush\"\n"
    ));
    let mut daemon = home.daemon(Setup::unix());
    for n in 0..5 {
        fail(&daemon, &format!("job {n}"));
    }
    // At once: whether the hooks have heard of it or not, it is told.
    daemon.kill();
    let receiver = Receiver::on(TcpListener::bind(addr).expect("the port"), &[]);
    daemon.start_again();
    let told = |receiver: &Receiver| {
        let mut what: Vec<String> = receiver.got().iter().map(Got::what).collect();
        what.sort();
        what.dedup();
        what
    };
    wait::until("all of them", || (told(&receiver).len() == 5).then_some(()));
    // Ended in order and started again, nothing is told twice.
    wait::until("an empty file", || {
        let waiting = hooks(&home)["hooks"][0]["waiting"].clone();
        (waiting == 0).then_some(())
    });
    let before = receiver.got().len();
    daemon.terminate();
    daemon.start_again();
    fail(&daemon, "last");
    wait::until("the last", || (told(&receiver).len() == 6).then_some(()));
    assert_eq!(receiver.got().len(), before + 1);
    let file = home.data().join("hooks.jsonl");
    let mode = std::fs::metadata(file)
        .expect("the file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

fn hooks(home: &Home) -> Value {
    let output = home.run(&["hooks", "ls", "--json"]);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn hooks_that_hang_flood_crash_or_do_not_exist_hold_nobody_up() {
    let home = Home::new();
    let silent = Receiver::new(&[Reply::Silence; 64]);
    let well = Receiver::new(&[]);
    let pids = home.work().join("pids");
    let hangs = program(
        &home,
        "hangs",
        &format!(
            "sleep 1000 & echo $$ >> {0}; echo $! >> {0}; wait",
            pids.display()
        ),
    );
    let floods = program(&home, "floods", "yes flooding | head -c 5000000");
    let crashes = program(&home, "crashes", "kill -SEGV $$");
    let missing = home.work().join("missing");
    let on = "\"failed\"";
    let config = [
        command_hook("hangs", on, &hangs, "timeout = \"500ms\""),
        command_hook("floods", on, &floods, ""),
        command_hook("crashes", on, &crashes, ""),
        command_hook("missing", on, &missing, ""),
        webhook("silent", on, &silent, "timeout = \"5m\""),
        webhook("well", on, &well, ""),
    ];
    home.configure(&config.concat());
    let daemon = home.daemon(Setup::unix());
    let missing_said = format!("{} is not there", missing.display());
    assert!(
        daemon.stderr().contains(&missing_said),
        "{}",
        daemon.stderr()
    );
    let mut slowest = Duration::ZERO;
    for n in 0..20 {
        let began = Instant::now();
        fail(&daemon, &format!("job {n}"));
        slowest = slowest.max(began.elapsed());
    }
    println!("the slowest create and fail took {slowest:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    well.wait_for(20);
    // Killed whole: what it had started, too.
    let killed = wait::until("two that hung to be killed", || {
        let said = daemon.stderr();
        said.contains("had not ended after 0.5 s and was killed")
            .then(|| lines(&pids))
    });
    for pid in &killed[..2] {
        let pid: i32 = pid.parse().expect("a pid");
        wait::until("its end", || (!process::alive(pid)).then_some(()));
    }
    wait::until("the others to be spoken of", || {
        let said = daemon.stderr();
        let all = [
            "said: flooding",
            "said more bytes than are kept",
            "it was ended by signal 11",
            "can't be started",
        ];
        all.iter().all(|what| said.contains(what)).then_some(())
    });
    // Once it is there it is told: nothing was lost.
    let told = home.work().join("told");
    program(
        &home,
        "missing.new",
        &format!("echo x >> {}", told.display()),
    );
    std::fs::rename(home.work().join("missing.new"), &missing).expect("it can be moved");
    wait::until("what the missing one was to be told", || {
        (lines(&told).len() == 20).then_some(())
    });
    let failing: Vec<Value> = hooks(&home)["hooks"]
        .as_array()
        .expect("hooks")
        .iter()
        .filter(|hook| !hook["failure"].is_null())
        .map(|hook| hook["name"].clone())
        .collect();
    assert!(failing.contains(&json!("crashes")), "{failing:?}");
    assert!(!failing.contains(&json!("well")), "{failing:?}");
    let kib = process::resident_kib(daemon.pid(), true);
    println!("the daemon had {kib} KiB at most");
    assert!(kib < 300_000, "{kib} KiB");
}

#[test]
fn sighup_adds_changes_and_removes_hooks_and_a_mistake_changes_nothing() {
    let home = Home::new();
    let receiver = Receiver::new(&[]);
    let daemon = home.daemon(Setup::unix());
    fail(&daemon, "before there was one");
    let reloaded = |text: &str, says: &str| {
        let before = daemon.stderr().matches(says).count();
        home.configure(text);
        daemon.signal(Signal::HUP);
        wait::until("its word on the configuration", || {
            (daemon.stderr().matches(says).count() > before).then_some(())
        });
    };
    let filter = "filter = \"user:ann -name:noise\"";
    let anew = "the settings were read anew";
    reloaded(&webhook("chat", "\"failed\"", &receiver, filter), anew);
    wait::until("the hook", || {
        (hooks(&home)["hooks"][0]["name"] == "chat").then_some(())
    });
    fail(&daemon, "noise");
    fail(&daemon, "orders");
    assert_eq!(receiver.wait_for(1)[0].what(), "failed orders");
    reloaded(
        "[hooks.chat]\non = [\"failt\"]\nurl = \"http://h/\"\n",
        "line 2, column 7: no hook is told of \"failt\" by this version; nothing was changed. Did you mean failed?",
    );
    fail(&daemon, "more");
    assert_eq!(receiver.wait_for(2)[1].what(), "failed more");
    let open = format!("secret_file = \"{}\"", secret(&home, 0o644).display());
    reloaded(
        &webhook("chat", "\"failed\"", &receiver, &open),
        "others may use it (mode 0644)",
    );
    reloaded("", anew);
    wait::until("no hook", || {
        (hooks(&home)["hooks"] == json!([])).then_some(())
    });
    fail(&daemon, "after");
    assert_eq!(receiver.got().len(), 2);
}

#[test]
fn a_test_says_what_came_back() {
    let home = Home::new();
    let receiver = Receiver::new(&[Reply::Answer(200), Reply::Answer(500)]);
    let tell = program(
        &home,
        "tell",
        "echo \"$JOBTOP_EVENT $JOBTOP_JOB_STATUS\"; exit 3",
    );
    let config = [
        command_hook("mail-me", "\"failed\"", &tell, ""),
        webhook("chat", "\"failed\"", &receiver, ""),
    ];
    home.configure(&config.concat());
    let _daemon = home.daemon(Setup::unix());
    let said = |args: &[&str]| {
        let output = home.run(args);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let (code, out, _) = said(&["hooks", "test", "mail-me"]);
    assert_eq!(code, Some(1));
    assert!(out.starts_with("mail-me  not told  exit code 3, "), "{out}");
    assert!(out.ends_with("it ended with 3\n  test failed\n"), "{out}");
    let (code, out, _) = said(&["hooks", "test", "chat"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.starts_with("chat  told  HTTP 200, "), "{out}");
    assert!(out.ends_with("  well\n"), "{out}");
    let (code, out, _) = said(&["hooks", "test", "chat", "--json"]);
    let out: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &out["status"]), (Some(1), &json!(500)));
    let (code, _, err) = said(&["hooks", "test", "chatt"]);
    assert_eq!(code, Some(3));
    assert!(
        err.contains("There is no hook chatt; did you mean chat?"),
        "{err}"
    );
    let (code, out, _) = said(&["hooks", "ls"]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("mail-me") && out.contains("http://127.0.0.1"),
        "{out}"
    );
    assert!(!out.contains("secret-path"), "{out}");
    assert_eq!(
        receiver.got()[0].what(),
        "test A sample of jobtop hooks test"
    );
}

#[test]
fn a_daemon_that_runs_no_commands_refuses_hooks_that_are_some() {
    let home = Home::new();
    let tell = program(&home, "tell", "true");
    let hook = command_hook("tell", "\"failed\"", &tell, "");
    home.configure(&format!("commands = \"off\"\n{hook}"));
    let child = home
        .command(bins::jobtopd())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("jobtopd can be started");
    let output = wait::output(child);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("line 2, column 8: the hook tell is a command, and this daemon runs none"),
        "{said}"
    );
}

#[test]
fn the_bell_rings_at_a_terminal_alone() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let program = bins::jobtop();
    let program = program.to_string_lossy();
    let notice = "\x1b]9;jobtop: orders completed\x07\x07";
    let run = [
        "env",
        "KITTY_WINDOW_ID=1",
        &program,
        "run",
        "--notify",
        "--name",
        "orders",
        "--",
        "true",
    ];
    let left = Pty::start(&home, (24, 80), &run).left();
    let written = String::from_utf8_lossy(&left.raw).into_owned();
    assert_eq!(left.code, 0);
    assert!(written.contains(notice), "{written:?}");
    let ended = job(&daemon, "orders");
    complete(&daemon, &ended);
    // Of a terminal that nobody knows the bell alone is rung.
    let wait = [&*program, "wait", "--notify", &ended];
    let left = Pty::start(&home, (24, 80), &wait).left();
    let written = String::from_utf8_lossy(&left.raw).into_owned();
    assert!(
        written.contains('\x07') && !written.contains("\x1b]9"),
        "{written:?}"
    );
    let output = home.run(&["wait", "--notify", &ended]);
    assert_eq!(output.stderr, b"");
    let output = home.run(&["run", "--notify", "--", "true"]);
    assert_eq!(output.stderr, b"");
}
