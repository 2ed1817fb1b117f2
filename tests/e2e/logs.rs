//! What a job wrote: over HTTP, and by `jobtop logs`, while it is written and afterwards.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use jobtop_e2e::ws::Ws;
use serde_json::{Value, json};

use crate::said::id;

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn submit(daemon: &Daemon, home: &Home, line: &str) -> String {
    let body = json!({
        "type": "command",
        "command": {"argv": ["sh", "-c", line], "cwd": home.work()},
    });
    id(&daemon.create(&body))
}

fn ended(daemon: &Daemon, job: &str) -> Value {
    wait::until(&format!("the end of {job}"), || {
        let job = daemon.job(job);
        (job["finishedAt"].is_string() && job["control"].is_null()).then_some(job)
    })
}

#[test]
fn a_log_is_read_whole_by_its_last_lines_and_in_parts() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let job = submit(
        &daemon,
        &home,
        "printf 'one\\ntwo\\n'; printf 'thr\\377ee' >&2",
    );
    ended(&daemon, &job);
    let path = format!("/api/jobs/{job}/log");
    let whole = daemon.get(&path);
    assert_eq!(whole.status, 200);
    assert_eq!(whole.body, b"one\ntwo\nthr\xffee");
    assert_eq!(
        whole.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(
        daemon.get(&format!("{path}?tail=2")).body,
        b"two\nthr\xffee"
    );
    let part = daemon.get(&format!("{path}?offset=4&wait=0"));
    assert_eq!(part.body, b"two\nthr\xffee");
    assert_eq!(
        (
            part.header("jobtop-log-next"),
            part.header("jobtop-log-ended")
        ),
        (Some("14"), Some("true"))
    );
    for (query, status, code) in [
        ("?tail=many", 400, "bad_query"),
        ("?tail=1&offset=1", 400, "bad_query"),
        ("?wait=1000", 400, "bad_query"),
    ] {
        let refused = daemon.get(&format!("{path}{query}"));
        assert_eq!(
            refused.problem(),
            (status, code.to_owned()),
            "{}",
            refused.text()
        );
    }
    let unknown = daemon.get("/api/jobs/job_nobody/log");
    assert_eq!(unknown.problem(), (404, "job_not_found".to_owned()));
    let other = id(&daemon.create(&json!({"type": "etl"})));
    let none = daemon.get(&format!("/api/jobs/{other}/log"));
    assert_eq!(
        none.problem(),
        (404, "no_log".to_owned()),
        "{}",
        none.text()
    );
}

#[test]
fn jobtop_logs_prints_it_byte_for_byte_and_says_why_there_is_none() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    // More than a part, and bytes that are no text.
    let job = submit(&daemon, &home, "head -c 700000 /dev/urandom | tee copy");
    ended(&daemon, &job);
    let all = home.run(&["logs", &job]);
    assert!(all.status.success(), "{}", err(&all));
    let copy = fs::read(home.work().join("copy")).expect("what it wrote");
    assert!(
        all.stdout == copy,
        "{} of {} bytes",
        all.stdout.len(),
        copy.len()
    );

    let job = submit(
        &daemon,
        &home,
        "echo one; printf '\\r 10%%\\r 99%%\\n'; printf '\\033[31mred\\033[0m end'",
    );
    ended(&daemon, &job);
    let last = home.run(&["logs", "-n", "1", &job[job.len() - 8..]]);
    assert_eq!(last.stdout, b"\x1b[31mred\x1b[0m end");
    let lines = home.run(&["logs", "--jsonl", &job]);
    let texts: Vec<Value> = String::from_utf8_lossy(&lines.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["text"].clone())
        .collect();
    assert_eq!(texts, ["one", " 99%", "red end"]);

    let other = id(&daemon.create(&json!({"type": "etl"})));
    for (args, code, says) in [
        (["logs", other.as_str()], 5, "has no log"),
        (["logs", "job_ZZZZ9999"], 3, "Job not found"),
    ] {
        let output = home.run(&args);
        assert_eq!(output.status.code(), Some(code), "{}", err(&output));
        assert!(err(&output).contains(says), "{}", err(&output));
    }
}

#[test]
fn a_log_is_followed_to_its_end_across_a_killed_daemon() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    let line = "i=0; while [ $i -lt 40 ]; do i=$((i + 1)); echo line $i; while [ ! -e go$((i / 10)) ]; do sleep 0.01; done; done";
    let job = submit(&daemon, &home, line);
    let go = |n: usize| fs::write(home.work().join(format!("go{n}")), "").expect("a gate");
    let mut child = home
        .jobtop(&["logs", "--follow", &job])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("jobtop can be started");
    let mut out = child.stdout.take().expect("a pipe");
    let mut said = Vec::new();
    let mut read_to = |last: usize| {
        let end = format!("line {last}\n");
        while !said.ends_with(end.as_bytes()) {
            let mut some = [0; 4096];
            let got = out.read(&mut some).expect("the log");
            assert!(got > 0, "it ended at {}", String::from_utf8_lossy(&said));
            said.extend_from_slice(&some[..got]);
        }
        said.clone()
    };
    // Before it began, and while it runs.
    go(0);
    read_to(10);
    daemon.kill();
    go(1);
    daemon.start_again();
    read_to(20);
    for n in 2..=4 {
        go(n);
    }
    let said = String::from_utf8(read_to(40)).expect("text");
    let expected: Vec<String> = (1..=40).map(|n| format!("line {n}")).collect();
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said, expected, "nothing is lost and nothing is said twice");
    let ended = wait::output(child);
    assert_eq!(ended.status.code(), Some(0), "{}", err(&ended));
    assert!(err(&ended).contains("is away"), "{}", err(&ended));
}

#[test]
fn following_ends_by_ctrl_c_and_with_its_reader() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let job = submit(
        &daemon,
        &home,
        "echo begun; while [ ! -e gate ]; do sleep 0.01; done; yes | head -n 100000",
    );
    for leaves in [false, true] {
        let mut child = home
            .jobtop(&["logs", "-f", &job])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("jobtop can be started");
        let mut out = child.stdout.take().expect("a pipe");
        let mut first = [0; 6];
        out.read_exact(&mut first).expect("its first line");
        assert_eq!(&first, b"begun\n");
        if leaves {
            drop(out);
            fs::write(home.work().join("gate"), "").expect("the gate");
        } else {
            process::signal(i32::try_from(child.id()).expect("small"), Signal::INT);
        }
        let ended = wait::output(child);
        let code = if leaves { 0 } else { 130 };
        assert_eq!(
            (ended.status.code(), err(&ended)),
            (Some(code), String::new())
        );
    }
}

/// All text of a log channel up to the end of the log.
fn followed(ws: &mut Ws, channel: &str) -> String {
    let mut text = String::new();
    loop {
        let said = ws.find("the log", |said| said["channel"] == channel);
        match said["type"].as_str() {
            Some("log") => text += said["text"].as_str().expect("text"),
            Some("log_end") => return text,
            _ => {}
        }
    }
}

#[test]
fn a_log_is_fed_over_the_websocket_from_where_one_likes() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let line = "echo one; echo twö; while [ ! -e gate ]; do sleep 0.01; done; seq 20000";
    let job = submit(&daemon, &home, line);
    let numbers: Vec<String> = (1..=20_000).map(|n| n.to_string()).collect();
    let numbers = numbers.join("\n") + "\n";
    let channel = format!("log:{job}");
    let path = format!("/api/jobs/{job}/log");
    wait::until("its first lines", || {
        (daemon.get(&path).body == "one\ntwö\n".as_bytes()).then_some(())
    });
    let mut from_start = daemon.ws();
    from_start.subscribe(&channel, &json!({"snapshot": true}));
    let first = from_start.find("what there is", |said| said["type"] == "log");
    assert_eq!(
        (&first["jobId"], &first["text"], &first["next"]),
        (&json!(job), &json!("one\ntwö\n"), &json!(9))
    );
    let mut tail = daemon.ws();
    tail.subscribe(&channel, &json!({"tail": 1}));
    let mut new_alone = daemon.ws();
    new_alone.subscribe(&channel, &json!({}));
    fs::write(home.work().join("gate"), "").expect("the gate");
    assert_eq!(followed(&mut from_start, &channel), numbers);
    assert_eq!(followed(&mut tail, &channel), format!("twö\n{numbers}"));
    assert_eq!(followed(&mut new_alone, &channel), numbers);
    // Afterwards, too.
    let mut late = daemon.ws();
    late.subscribe(&channel, &json!({"offset": 9}));
    assert_eq!(followed(&mut late, &channel), numbers);
}

#[test]
fn a_producer_s_own_words_are_its_log() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut producer = daemon.ws();
    let answer = producer.ok(json!({"type": "create_job", "jobType": "etl"}));
    let job = id(&answer["job"]);
    for (stream, text) in [("stdout", "one\n"), ("stderr", "two\n")] {
        producer.ok(json!({"type": "log", "jobId": job, "stream": stream, "text": text}));
    }
    assert_eq!(
        daemon.get(&format!("/api/jobs/{job}/log")).body,
        b"one\ntwo\n"
    );
    let log = home.data().join(format!("logs/{job}.log"));
    let mode = fs::metadata(&log).expect("a log").permissions().mode();
    assert_eq!(mode & 0o077, 0, "it is its owner's alone");
    producer.ok(json!({"type": "complete_job", "jobId": job}));
    let late = json!({"type": "log", "jobId": job, "text": "late"});
    assert_eq!(producer.refused(late), "job_finished");
    let command = submit(&daemon, &home, "while [ ! -e gate ]; do sleep 0.01; done");
    for (message, code) in [
        (
            json!({"type": "log", "jobId": command, "text": "x"}),
            "invalid",
        ),
        (
            json!({"type": "log", "jobId": "job_nobody", "text": "x"}),
            "job_not_found",
        ),
        (json!({"type": "log", "jobId": job}), "invalid"),
        (json!({"type": "log", "text": "x"}), "invalid"),
    ] {
        assert_eq!(producer.refused(message.clone()), code, "{message}");
    }
}

#[test]
fn the_screen_shows_a_log_as_it_is_written() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    let line = "i=0; while [ $i -lt 60 ]; do i=$((i + 1)); printf '\\033[31mline %s\\033[0m\\n' $i; done; while [ ! -e gate ]; do sleep 0.01; done; echo the last";
    submit(&daemon, &home, line);
    let jobtop = bins::jobtop().to_string_lossy().into_owned();
    let mut screen = Pty::start(&home, (24, 80), &[&jobtop]);
    screen.wait_text("running");
    screen.press("L");
    screen.wait_text("line 60");
    screen.press("g");
    let text = screen.wait_for("its beginning", |text| {
        text.contains("line 1\n") || text.contains("line 1 ")
    });
    assert!(!text.contains("line 60"), "{text}");
    // The daemon goes and comes back, and the log goes on.
    daemon.kill();
    daemon.start_again();
    screen.press("G");
    fs::write(home.work().join("gate"), "").expect("the gate");
    screen.wait_text("the last");
    screen.wait_text("nothing more will come");
    screen.press("\u{1b}");
    screen.wait_text("FIGURES");
    screen.press("q");
    screen.wait_text("NAME");
    let other = id(&daemon.create(&json!({"type": "etl", "name": "elsewhere"})));
    screen.wait_text("elsewhere");
    screen.press("g");
    screen.press_until("L", "why there is none", |text| text.contains("has no log"));
    screen.press("\u{1b}");
    screen.wait_text("etl");
    screen.press("qq");
    let left = screen.left();
    assert!(left.settings_restored && left.modes_restored, "{other}");
}

#[test]
fn a_full_disk_costs_the_rest_of_the_log_and_not_the_command() {
    let home = Home::new();
    let logs = home.data().join("logs");
    fs::create_dir_all(&logs).expect("a folder");
    fs::set_permissions(home.data(), fs::Permissions::from_mode(0o700)).expect("its mode");
    // A disk of 64 KiB, which the daemon and what it starts alone can see.
    let mount = format!(
        "mount -t tmpfs -o size=64k,mode=700 logs '{}' && exec \"$@\"",
        logs.display()
    );
    let own = ["unshare", "--map-root-user", "--mount", "sh", "-c"];
    let tried = home.command(own[0]).args(&own[1..]).arg("true").status();
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user can't mount anything here");
        return;
    }
    let within: Vec<&str> = own.into_iter().chain([&*mount, "sh"]).collect();
    let daemon = home.daemon(Setup::unix().within(&within));
    let line = "head -c 1000000 /dev/zero | tr '\\0' x && echo > written";
    let job = submit(&daemon, &home, line);
    let done = ended(&daemon, &job);
    assert_eq!(done["status"], "completed", "{done}");
    assert!(home.work().join("written").exists(), "it went on");
    let message = done["message"].as_str().expect("a message");
    assert!(
        message.contains("the log can't be written (No space left on device"),
        "{done}"
    );
    let kept = daemon.get(&format!("/api/jobs/{job}/log")).body.len();
    assert!((30_000..=65_536).contains(&kept), "{kept} bytes are kept");
}
