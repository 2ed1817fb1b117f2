//! `jobtop doctor`: each thing that can be wrong is made so, found, and said with what to do about it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use jobtop_e2e::bins;
use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::proxy::Proxy;
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use serde_json::Value;

use crate::said::id;

/// What it found, and its exit code.
struct Said {
    code: i32,
    report: Value,
}

impl Said {
    fn of(code: i32, text: &[u8]) -> Self {
        let report = serde_json::from_slice(text)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)));
        let said = Self { code, report };
        // The exit code, the verdict and the findings say the same, and nothing is wrong without a remedy.
        let findings = said.report["findings"].as_array().expect("a list");
        let wrong: Vec<_> = findings
            .iter()
            .filter(|finding| finding["state"] == "wrong")
            .collect();
        assert_eq!(said.report["well"], wrong.is_empty());
        assert_eq!(said.code, i32::from(!wrong.is_empty()), "{findings:?}");
        for finding in wrong {
            let remedy = finding["remedy"].as_str().unwrap_or_default();
            assert!(!remedy.is_empty(), "{finding}");
        }
        said
    }

    /// Asserts that a check found that, in that state, and gives back its remedy.
    fn has(&self, check: &str, state: &str, message: &str) -> String {
        let findings = self.report["findings"].as_array().expect("a list");
        let found = findings.iter().find(|finding| {
            finding["check"] == check
                && finding["state"] == state
                && finding["message"]
                    .as_str()
                    .is_some_and(|text| text.contains(message))
        });
        let found = found.unwrap_or_else(|| panic!("{check} {state} {message:?}: {findings:#?}"));
        found["remedy"].as_str().unwrap_or_default().to_owned()
    }
}

/// Asks it without a terminal.
fn doctor(home: &Home, args: &[&str]) -> Said {
    run(&mut home.jobtop(&[&["doctor", "--json"], args].concat()))
}

fn run(command: &mut Command) -> Said {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let output = wait::output(child);
    Said::of(output.status.code().unwrap_or(-1), &output.stdout)
}

/// Asks it in a terminal of that size, with these words of `env`.
fn in_terminal(home: &Home, (rows, columns): (u16, u16), env: &[&str]) -> Said {
    let jobtop = bins::jobtop().to_string_lossy().into_owned();
    let plain = [
        "env",
        "-u",
        "TMUX",
        "-u",
        "STY",
        "-u",
        "LC_ALL",
        "-u",
        "LC_CTYPE",
        "-u",
        "TERM_PROGRAM",
    ];
    let asks = ["sh", "-c", "\"$0\" doctor --json > said", &jobtop];
    let argv = [&plain[..], env, &asks].concat();
    let left = Pty::start(home, (rows, columns), &argv).left();
    let text = fs::read(home.work().join("said")).expect("its answer");
    Said::of(i32::try_from(left.code).expect("a code is small"), &text)
}

/// Said past the test harness, which shows what a test that passes has said to nobody.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn all_is_well_beside_a_daemon_in_a_good_terminal() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let said = in_terminal(&home, (24, 80), &[]);
    assert_eq!(said.code, 0);
    said.has("settings", "well", "both files");
    said.has("socket", "well", "closed to others");
    said.has("daemon", "well", "jobtopd/");
    said.has("port", "note", "no TCP port");
    said.has("disk", "well", "MiB left");
    said.has("store", "well", "good");
    said.has("alerts", "well", "none");
    said.has("clock", "well", "it is 20");
    said.has("terminal", "well", "256 colours");
    said.has("terminal", "well", "80 columns and 24 rows");
    said.has("clipboard", "note", "OSC 52");
    let page = home.run(&["doctor"]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.ends_with("All is well.\n"), "{page}");
}

#[test]
fn terminals_that_can_less() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    for (size, env, state, message) in [
        ((24, 80), &["TERM=dumb"][..], "wrong", "TERM is dumb"),
        ((24, 80), &["LANG=C"], "wrong", "LANG=C is no UTF-8"),
        ((24, 80), &["NO_COLOR=1"], "note", "NO_COLOR is set"),
        ((24, 80), &["COLORTERM=truecolor"], "well", "16 million"),
        ((6, 30), &[], "wrong", "30 columns and 6 rows"),
    ] {
        let said = in_terminal(&home, size, env);
        said.has("terminal", state, message);
        assert_eq!(said.code, i32::from(state == "wrong"), "{env:?}");
    }
}

#[test]
fn tmux_that_keeps_things_to_itself() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let gone = in_terminal(&home, (24, 80), &["TMUX=/nowhere,1,0"]);
    let remedy = gone.has("tmux", "wrong", "no tmux answers");
    assert!(remedy.contains("Unset TMUX"), "{remedy}");
    let socket = home.work().join("tmux").to_string_lossy().into_owned();
    let tmux = |args: &[&str]| {
        home.command("tmux")
            .args(["-S", &socket, "-f", "/dev/null"])
            .args(args)
            .env_remove("TMUX")
            .stdin(Stdio::null())
            .output()
    };
    // It ends with the one thing that it runs, and that with the home.
    let begun = tmux(&["new-session", "-d", "sleep 600"]);
    if !begun.is_ok_and(|output| output.status.success()) {
        skipped("there is no tmux here");
        return;
    }
    let inside = format!("TMUX={socket},1,0");
    let ask = || in_terminal(&home, (24, 80), &[&inside]);
    let set = |args: &[&str]| {
        let done = tmux(args).expect("tmux is there");
        assert!(done.status.success(), "{done:?}");
    };
    set(&["set", "-s", "set-clipboard", "external"]);
    let said = ask();
    let remedy = said.has("tmux", "wrong", "set-clipboard is external");
    assert!(remedy.contains("set-clipboard on"), "{remedy}");
    said.has("tmux", "note", "passes on nothing");
    set(&["set", "-s", "set-clipboard", "on"]);
    set(&["set", "-g", "allow-passthrough", "on"]);
    let said = ask();
    said.has("tmux", "well", "it takes copies");
    said.has("tmux", "well", "passes on");
    assert_eq!(said.code, 0);
    set(&["kill-server"]);
}

#[test]
fn no_daemon_and_none_that_says_anything() {
    let home = Home::new();
    let said = doctor(&home, &[]);
    let remedy = said.has("daemon", "wrong", "no such socket");
    assert!(remedy.contains("jobtop daemon start"), "{remedy}");
    said.has("socket", "note", "is made when a daemon starts");
    said.has("store", "note", "is made when a daemon starts");
    said.has("terminal", "note", "no terminal");
    // Somebody listens, and never answers.
    let silent = home.work().join("silent");
    let _listener = UnixListener::bind(&silent).expect("a socket");
    let said = doctor(&home, &["--target", &format!("unix:{}", silent.display())]);
    said.has("daemon", "wrong", "says nothing");
}

#[test]
fn a_socket_that_others_could_reach_or_replace() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    let folder = home.path().join("run/jobtop");
    chmod(&folder, 0o755);
    let remedy = doctor(&home, &[]).has("socket", "wrong", "open to others (mode 0755)");
    assert!(remedy.contains("chmod 700"), "{remedy}");
    chmod(&folder, 0o700);
    chmod(&home.socket(), 0o666);
    doctor(&home, &[]).has("socket", "wrong", "open to others (mode 0666)");
    chmod(&home.socket(), 0o600);
    chmod(&home.path().join("run"), 0o777);
    doctor(&home, &[]).has("socket", "wrong", "open to others (mode 0777)");
    chmod(&home.path().join("run"), 0o700);
    doctor(&home, &[]).has("socket", "well", "closed to others");
    daemon.kill();
    doctor(&home, &[]).has("socket", "note", "left behind");
    fs::remove_file(home.socket()).expect("it was left behind");
    fs::write(home.socket(), "").expect("a file");
    doctor(&home, &[]).has("socket", "wrong", "is not a socket");
    fs::remove_dir_all(&folder).expect("a folder");
    symlink(home.work(), &folder).expect("a link");
    doctor(&home, &[]).has("socket", "wrong", "a symbolic link");
    fs::remove_file(&folder).expect("a link");
    home.configure("socket = \"/run/elsewhere.sock\"");
    let remedy = doctor(&home, &[]).has("socket", "wrong", "put its socket at /run/elsewhere.sock");
    assert!(remedy.contains("JOBTOP_TARGET"), "{remedy}");
}

#[test]
fn a_daemon_of_another_version_or_time() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    // A real daemon, of whose answers one word is another one when it arrives.
    let path = home.work().join("proxy");
    let proxy = Proxy::unix(&path, daemon.unix());
    let target = format!("unix:{}", path.display());
    let ask = || doctor(&home, &["--target", &target]);
    let said = ask();
    said.has("daemon", "well", "jobtopd/");
    assert_eq!(said.code, 0);
    let ours = format!("jobtopd/{}", env!("CARGO_PKG_VERSION"));
    let theirs: String = (ours.chars())
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    proxy.say_instead(&ours, &theirs);
    let remedy = ask().has("daemon", "wrong", &theirs);
    assert!(remedy.contains("jobtop daemon stop"), "{remedy}");
    proxy.say_instead("\"protocol\":1", "\"protocol\":7");
    ask().has("daemon", "wrong", "speaks protocol 7");
    proxy.say_instead("\"startedAt\":\"20", "\"startedAt\":\"21");
    ask().has("clock", "wrong", "ahead of this one");
}

#[test]
fn a_daemon_whose_program_was_replaced() {
    let home = Home::new();
    let program = home.work().join("jobtop");
    fs::copy(bins::jobtop(), &program).expect("a copy");
    let started = home
        .command(&program)
        .args(["daemon", "start"])
        .stdin(Stdio::null())
        .output()
        .expect("it can be started");
    assert!(started.status.success(), "{started:?}");
    doctor(&home, &[]).has("daemon", "well", "jobtopd/");
    fs::remove_file(&program).expect("the copy");
    doctor(&home, &[]).has("daemon", "wrong", "was replaced since it started");
}

#[test]
fn ports_that_are_taken_or_not_served() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("its address");
    let listen = format!("listen = [\"{addr}\"]\n");
    home.configure(&listen);
    let remedy = doctor(&home, &[]).has("port", "wrong", "another program already listens");
    assert!(remedy.contains("ss -ltnp"), "{remedy}");
    drop(taken);
    doctor(&home, &[]).has("port", "well", "is free");
    home.configure("");
    let daemon = home.daemon(Setup::unix());
    home.configure(&listen);
    doctor(&home, &[]).has("port", "wrong", "does not listen there");
    drop(daemon);
    let _daemon = home.daemon(Setup::unix());
    doctor(&home, &[]).has("port", "well", "is served");
}

#[test]
fn a_store_that_is_locked_or_damaged() {
    let home = Home::new();
    let elsewhere = home.work().join("closed/other.sock");
    let mut daemon = home.daemon(
        Setup::tcp()
            .arg("--socket")
            .arg(elsewhere.to_string_lossy()),
    );
    let said = doctor(&home, &[]);
    let remedy = said.has("store", "wrong", "already uses");
    assert!(remedy.contains("Stop it"), "{remedy}");
    daemon.create(&serde_json::json!({"type": "orders"}));
    daemon.terminate();
    doctor(&home, &[]).has("store", "well", "is sound");
    fs::write(home.data().join("CURRENT"), "nonsense").expect("a file");
    let remedy = doctor(&home, &[]).has("store", "wrong", "");
    assert!(remedy.contains("jobtop daemon check"), "{remedy}");
}

#[test]
fn what_the_daemon_itself_says_is_wrong() {
    let home = Home::new();
    home.configure(
        "[alerts]\nqueue_depth = { above = 0 }\n\
         [hooks.tell]\non = [\"failed\"]\ncommand = [\"/bin/false\"]\n",
    );
    let daemon = home.daemon(Setup::unix());
    let hooks = || daemon.get("/api/hooks").json()["hooks"][0].clone();
    assert_eq!(doctor(&home, &[]).code, 0);
    doctor(&home, &[]).has("hooks", "well", "1 told");
    daemon.create(&serde_json::json!({"type": "orders", "status": "pending"}));
    let alert = wait::until("an alert", || {
        let alerts = daemon.get("/api/alerts").json()["alerts"].clone();
        alerts.as_array()?.first().cloned()
    });
    let remedy = doctor(&home, &[]).has("alerts", "wrong", "1 job waits in the queue");
    assert!(remedy.contains("jobtop queue set"), "{remedy}");
    let known = home.run(&["alerts", "ack", alert["id"].as_str().expect("an id")]);
    assert!(known.status.success(), "{known:?}");
    let said = doctor(&home, &[]);
    said.has("alerts", "note", "1 acknowledged or muted");
    assert_eq!(said.code, 0);
    // It takes a few failures until a hook counts as failing.
    for _ in 0..3 {
        let job = id(&daemon.create(&serde_json::json!({"type": "orders"})));
        daemon.post(
            &format!("/api/jobs/{job}/fail"),
            &serde_json::json!({"error": "no"}),
        );
    }
    wait::until("the hook to fail", || {
        hooks()["failure"].is_string().then_some(())
    });
    let remedy = doctor(&home, &[]).has("hooks", "wrong", "the hook tell fails: it ended with 1");
    assert!(remedy.contains("jobtop hooks test tell"), "{remedy}");
}

#[test]
fn settings_with_a_mistake() {
    let home = Home::new();
    home.configure("retenton = \"7d\"");
    let remedy = doctor(&home, &[]).has("settings", "wrong", "line 1, column 1");
    assert!(remedy.contains("Did you mean retention?"), "{remedy}");
}

#[test]
fn a_disk_that_is_nearly_full_or_closed() {
    let home = Home::new();
    let small = home.work().join("small");
    fs::create_dir(&small).expect("a folder");
    for (options, message) in [
        ("size=8m", "MiB left"),
        ("size=128m,ro", "can't be written to"),
    ] {
        let line = format!(
            "mount -t tmpfs -o {options} tmpfs {} || exit 99; exec \"$0\" doctor --json",
            small.display()
        );
        // The mount is seen by the one process alone, and gone with it.
        let ask = |own: &str| {
            let mut command = home.command("unshare");
            command
                .args([own, "sh", "-c", &line])
                .arg(bins::jobtop())
                .env("JOBTOPD_DATA_DIR", small.join("data"));
            command.stdin(Stdio::null()).output()
        };
        let output = ["-m", "-rm"]
            .into_iter()
            .filter_map(|own| ask(own).ok())
            .find(|output| output.stdout.starts_with(b"{"));
        let Some(output) = output else {
            skipped("no file system may be mounted here");
            return;
        };
        let said = Said::of(output.status.code().unwrap_or(-1), &output.stdout);
        said.has("disk", "wrong", message);
    }
}

#[test]
fn units_of_systemd_that_have_failed() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let bin = home.work().join("bin");
    fs::create_dir(&bin).expect("a folder");
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    for (script, state, message) in [
        ("exit 1", "note", "no systemd answers"),
        ("echo LoadState=not-found", "note", "no service here"),
        (
            "echo LoadState=loaded; echo ActiveState=active; echo Result=success",
            "well",
            "jobtopd.socket is active",
        ),
        (
            "case \"$*\" in *--user*service) echo LoadState=loaded; echo ActiveState=failed; echo Result=exit-code;; esac",
            "wrong",
            "the account's jobtopd.service has failed (exit-code)",
        ),
    ] {
        let program = bin.join("systemctl");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a script");
        chmod(&program, 0o755);
        let said = run(home.jobtop(&["doctor", "--json"]).env("PATH", &path));
        let remedy = said.has("systemd", state, message);
        assert_eq!(remedy.contains("journalctl --user"), state == "wrong");
    }
}
