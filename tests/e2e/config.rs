//! `jobtop config show`: every setting with the flag, the variable, the line or the default that says so, and no secret.

use std::process::{Command, Output, Stdio};

use jobtop_e2e::home::Home;
use jobtop_e2e::wait;
use serde_json::{Value, json};

fn run(command: &mut Command) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("jobtop can be started");
    wait::output(child)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A setting of a program: its value and where it comes from.
fn setting<'a>(shown: &'a Value, program: &str, name: &str) -> (&'a Value, &'a Value) {
    let settings = shown[program]["settings"].as_array().expect("a list");
    let found = settings
        .iter()
        .find(|setting| setting["name"] == name)
        .unwrap_or_else(|| panic!("{program} has no {name}"));
    (&found["value"], &found["origin"])
}

#[test]
fn each_value_says_whether_flag_environment_file_or_default_has_it() {
    let home = Home::new();
    home.configure(
        "retention = \"7d\"\nauth = \"none\"\nlisten = [\"127.0.0.1:1\"]\n\n[limits]\n  subscriptions = 7\n[queues.etl]\nslots = 2\n",
    );
    let daemon_s = home.path().join("config/jobtop/jobtopd.toml");
    let own = home.path().join("config/jobtop/config.toml");
    std::fs::write(
        &own,
        "[screen]\ntheme = \"safe\"\nmouse = true\n[keys]\npause = [\"F5\"]\n[targets.etl]\nurl = \"wss://etl1\"\ntoken_file = \"~/etl.token\"\n",
    )
    .expect("a file");
    let output = run(home
        .jobtop(&["--ascii", "--mouse", "config", "show", "--json"])
        .args(["--color", "never", "--", "--auth", "token"])
        .env("JOBTOPD_LISTEN", "127.0.0.1:2")
        .env("JOBTOPD_AUTH", "none")
        .env("JOBTOP_TARGET", "unix:/x")
        .env("JOBTOP_CANCEL_GRACE", "3")
        .env("JOBTOP_TOKEN", "jt_0000_tell-nobody"));
    assert!(output.status.success(), "{output:?}");
    assert!(!said(&output).contains("tell-nobody"), "a token is secret");
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let flag = |name: &str| json!({"from": "flag", "flag": name});
    let variable = |name: &str| json!({"from": "environment", "variable": name});
    let file = |path: &std::path::Path, line: u32, column: u32| {
        json!({
            "from": "file", "path": path, "line": line, "column": column,
        })
    };
    let default = || json!({"from": "default"});
    for (program, name, value, origin) in [
        ("jobtop", "color", json!("never"), flag("--color")),
        ("jobtop", "screen.ascii", json!(true), flag("--ascii")),
        ("jobtop", "screen.mouse", json!(true), flag("--mouse")),
        (
            "jobtop",
            "target",
            json!("unix:/x"),
            variable("JOBTOP_TARGET"),
        ),
        (
            "jobtop",
            "cancel_grace",
            json!("3"),
            variable("JOBTOP_CANCEL_GRACE"),
        ),
        (
            "jobtop",
            "token",
            json!("given, and not shown"),
            variable("JOBTOP_TOKEN"),
        ),
        ("jobtop", "screen.theme", json!("safe"), file(&own, 2, 1)),
        ("jobtop", "keys.pause", json!(["F5"]), file(&own, 5, 1)),
        ("jobtop", "keys.cancel", json!(["x"]), default()),
        (
            "jobtop",
            "targets.etl.token_file",
            json!("~/etl.token"),
            file(&own, 8, 1),
        ),
        ("jobtop", "poll", json!(false), default()),
        ("jobtopd", "auth", json!("token"), flag("--auth")),
        (
            "jobtopd",
            "listen",
            json!(["127.0.0.1:2"]),
            variable("JOBTOPD_LISTEN"),
        ),
        ("jobtopd", "retention", json!("7d"), file(&daemon_s, 1, 1)),
        (
            "jobtopd",
            "limits.subscriptions",
            json!(7),
            file(&daemon_s, 6, 3),
        ),
        (
            "jobtopd",
            "queues.etl.slots",
            json!(2),
            file(&daemon_s, 8, 1),
        ),
        ("jobtopd", "lost_after", json!("10m"), default()),
        ("jobtopd", "limits.nesting", json!(32), default()),
        ("jobtopd", "tls_cert", json!(null), default()),
        ("jobtopd", "data_dir", json!(home.data()), default()),
    ] {
        let (got, from) = setting(&shown, program, name);
        assert_eq!((got, from), (&value, &origin), "{program} {name}");
    }
    assert_eq!(shown["jobtopd"]["file"], json!(daemon_s));
    assert_eq!(shown["jobtopd"]["exists"], true);
}

#[test]
fn a_person_reads_a_table_for_each_program() {
    let home = Home::new();
    home.configure("feed = false\n");
    let output = home.run(&["config", "show", "--origin"]);
    let text = said(&output);
    for line in [
        "feed false jobtopd.toml, line 1",
        "retention 30d default",
        "screen.theme terminal default",
        "tls_key - default",
    ] {
        let is_said = text
            .lines()
            .any(|said| said.split_whitespace().collect::<Vec<_>>().join(" ") == line);
        assert!(is_said, "{line:?} is not in\n{text}");
    }
    assert!(text.contains("config.toml (not there)"), "{text}");
    let text = said(&home.run(&["config", "show"]));
    assert!(text.contains("feed") && !text.contains("line 1"), "{text}");
}

#[test]
fn mistakes_are_said_with_line_column_and_what_would_be_right() {
    let home = Home::new();
    let own = home.path().join("config/jobtop/config.toml");
    for (daemon_s, ours, says) in [
        (
            "\nauth = \"tokn\"",
            "",
            "jobtopd.toml, line 2, column 8: there is no value tokn",
        ),
        (
            "[limits]\n body_byte = 1",
            "",
            "jobtopd.toml, line 2, column 2: there is no setting body_byte",
        ),
        (
            "",
            "[screen]\nthem = \"safe\"",
            "config.toml, line 2, column 1: there is no setting them",
        ),
    ] {
        home.configure(daemon_s);
        std::fs::write(&own, ours).expect("a file");
        let output = home.run(&["config", "show"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(says), "{text}");
        assert!(text.contains("Did you mean"), "{text}");
        assert!(output.stdout.is_empty());
    }
}
