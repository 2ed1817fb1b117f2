//! `/openapi.json` says what the daemon does: the same paths and methods as its routes, the same codes as its manual, and
//! whatever it says of a call is held against the running daemon by schemathesis.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use jobtop_e2e::bins::workspace;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::{http, wait};
use serde_json::{Value, json};

use crate::manuals::{codes, page};
use crate::observe::is_here;
use crate::said::id;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];
/// How long schemathesis may take on a busy machine; it needs a tenth of that.
const PATIENCE: Duration = Duration::from_secs(180);

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document() -> Value {
    serde_json::from_str(&read("daemon/src/http/openapi.json")).expect("it is JSON")
}

/// Every path with the methods that the document gives it.
fn described(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let paths = document["paths"].as_object().expect("there are paths");
    let methods = |calls: &Value| {
        let calls = calls.as_object().expect("a path has calls").keys();
        let upper = calls.map(|name| name.to_ascii_uppercase());
        upper.filter(|name| name != "PARAMETERS").collect()
    };
    paths
        .iter()
        .map(|(path, calls)| (path.clone(), methods(calls)))
        .collect()
}

/// Every answer of every call: path, method, status, the answer as it stands there.
fn answers(document: &Value) -> Vec<(String, String, String, &Value)> {
    let mut found = Vec::new();
    for (path, methods) in described(document) {
        for method in methods {
            let call = &document["paths"][&path][method.to_ascii_lowercase()];
            let given = call["responses"].as_object().expect("a call has answers");
            for (status, answer) in given {
                found.push((path.clone(), method.clone(), status.clone(), answer));
            }
        }
    }
    found
}

/// All that is referred to, and where it leads.
fn references<'a>(document: &'a Value, part: &'a Value, found: &mut BTreeMap<&'a str, &'a Value>) {
    if let Some(to) = part["$ref"].as_str() {
        let there = document.pointer(to.strip_prefix('#').expect("it is in this document"));
        found.insert(to, there.unwrap_or_else(|| panic!("{to} leads nowhere")));
    }
    match part {
        Value::Object(members) => {
            for member in members.values() {
                references(document, member, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                references(document, item, found);
            }
        }
        _ => {}
    }
}

/// The paths that the routes' own text lists.
fn routed() -> BTreeSet<String> {
    let text = read("daemon/src/http/routes.rs");
    let routes = text.split(".route(").skip(1).map(str::trim_start);
    let path = |route: &str| match route.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
        None if route.starts_with("FEED_PATH,") => "/progress".to_owned(),
        None => panic!("a route with a path of another form: {route:.40}"),
    };
    routes.map(path).collect()
}

#[test]
fn it_is_served_as_it_is_written() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    for door in [daemon.tcp(), daemon.unix()] {
        let answer = http::request(&door, "GET", "/openapi.json", &[], b"");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json(), document());
    }
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let welcome = jobtop_e2e::ws::Ws::connect(&daemon.tcp()).welcome();
    assert_eq!(
        document["info"]["version"],
        welcome["protocol"].to_string(),
        "its version is the protocol's"
    );
}

#[test]
fn every_part_of_it_is_needed_and_there() {
    let document = document();
    let mut found = BTreeMap::new();
    references(&document, &document, &mut found);
    let components = document["components"].as_object().expect("components");
    for (kind, parts) in components {
        for name in parts.as_object().expect("components have names").keys() {
            // Schemes are named, and every path answers so to methods that are not described.
            let apart = kind == "securitySchemes" || name == "MethodNotAllowed";
            let place = format!("#/components/{kind}/{name}");
            assert!(
                apart || found.contains_key(&*place),
                "{place} is not needed"
            );
        }
    }
}

#[test]
fn it_has_the_paths_and_methods_of_the_daemon() {
    let document = document();
    let described = described(&document);
    let paths: BTreeSet<String> = described.keys().cloned().collect();
    assert_eq!(paths, routed(), "described, and routed");

    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    for (path, methods) in &described {
        let mut allowed = methods.clone();
        if methods.contains("GET") {
            allowed.insert("HEAD".to_owned());
        }
        for method in METHODS {
            let job = id(&daemon.create(&json!({"type": "described"})));
            let path = path.replace("{id}", &job).replace("{name}", "default");
            let answer = http::request(&daemon.tcp(), method, &path, &[], b"");
            if methods.contains(method) {
                let there = answer.status != 405 && !answer.text().contains("There is nothing at");
                assert!(there, "{method} {path}: {}", answer.text());
            } else {
                let expected = (405, "method_not_allowed".to_owned());
                assert_eq!(answer.problem(), expected, "{method} {path}");
                let allow = answer.header("allow").unwrap_or_default();
                let allow: BTreeSet<String> = allow.split(',').map(str::to_owned).collect();
                assert_eq!(allow, allowed, "{method} {path}");
            }
        }
    }
}

#[test]
fn it_has_the_codes_of_the_daemon_and_their_statuses() {
    let document = document();
    let listed = &document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"];
    let listed: BTreeSet<&str> = listed
        .as_array()
        .expect("a list of codes")
        .iter()
        .map(text)
        .collect();
    let words = codes();
    assert_eq!(listed, words.iter().map(String::as_str).collect());

    let manual = page("jobtop-protocol.7");
    let status_of = |code: &str| {
        let row = manual
            .lines()
            .filter_map(|line| line.strip_prefix(".It Li "));
        row.filter_map(|row| row.split_once(" Ta "))
            .find(|(names, _)| names.split(" , ").any(|name| name == code))
            .map(|(_, rest)| rest[..3].to_owned())
    };
    for (path, method, status, answer) in answers(&document) {
        let answer = match answer["$ref"].as_str() {
            Some(to) => document.pointer(&to[1..]).expect("it is there"),
            None => answer,
        };
        let schema = &answer["content"]["application/problem+json"]["schema"];
        if schema.is_null() {
            let without = ["101", "200", "201", "431"];
            assert!(without.contains(&&*status), "{method} {path}: {status}");
            continue;
        }
        let said = &schema["properties"];
        assert_eq!(
            said["status"]["const"].to_string(),
            status,
            "{method} {path}"
        );
        let one = std::slice::from_ref(&said["code"]["const"]);
        for code in said["code"]["enum"].as_array().map_or(one, Vec::as_slice) {
            assert_eq!(
                status_of(text(code)),
                Some(status.clone()),
                "{method} {path}: {code}"
            );
        }
        if ["429", "503"].contains(&&*status) {
            let waits = &answer["headers"]["Retry-After"];
            assert!(!waits.is_null(), "{method} {path}: {status}");
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

#[test]
fn the_daemon_does_what_it_says() {
    let folder: PathBuf = workspace().join("tests/openapi");
    let program = folder.join("venv/bin/schemathesis");
    if !is_here(&program.to_string_lossy(), &["--version"]) {
        return;
    }
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let logged = logged(&daemon);
    let served = home.work().join("openapi.json");
    fs::write(&served, daemon.get("/openapi.json").body).expect("a file can be written");
    let seen = home.work().join("seen.json");
    let url = format!("http://{}", daemon.tcp().host());

    let child = home
        .command(&program)
        .args(["--config-file", "schemathesis.toml", "run", "--url", &url])
        .arg(&served)
        .current_dir(&folder)
        .env("JOBTOP_URL", &url)
        .env("JOBTOP_LOGGED", logged)
        .env("JOBTOP_SEEN", &seen)
        .env("HYPOTHESIS_STORAGE_DIRECTORY", home.work())
        .env("NO_PROXY", "*")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("schemathesis can be started");
    let output = wait::output_within(child, PATIENCE);
    assert!(output.status.success(), "{}", shown(&output));

    // Not refused throughout: every call went well at times.
    let seen =
        fs::read_to_string(&seen).unwrap_or_else(|error| panic!("{error}: {}", shown(&output)));
    let seen: BTreeMap<String, u64> = serde_json::from_str(&seen).expect("counts of answers");
    for (path, methods) in described(&document()) {
        for method in methods {
            let well = match &*path {
                // A WebSocket is not among what schemathesis speaks, nor a Unix socket.
                "/progress" => "426",
                path if ["/api/tokens", "/api/hooks"]
                    .iter()
                    .any(|local| path.starts_with(local)) =>
                {
                    "403"
                }
                // Nothing is wrong during the run.
                path if path.starts_with("/api/alerts/") => "404",
                _ => "2",
            };
            let call = format!("{method} {path} {well}");
            let went = seen.keys().any(|answer| answer.starts_with(&call));
            assert!(went, "never {call}: {seen:#?}");
        }
    }
    assert_eq!(daemon.get("/readyz").json()["store"], "good");
    let said = daemon.stderr();
    assert!(
        !said.contains(" ERROR ") && !said.contains("panicked"),
        "{said}"
    );
}

/// A job that has ended and left a log.
fn logged(daemon: &Daemon) -> String {
    let command =
        json!({"type": "logged", "command": {"argv": ["sh", "-c", "echo one; echo two"]}});
    let answer = http::post(&daemon.unix(), "/api/jobs", &command);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let job = id(&answer.json()["job"]);
    wait::until("the command to end", || {
        (daemon.job(&job)["status"] == "completed").then_some(())
    });
    job
}

/// What schemathesis said; some of the requests that it shows are very long.
fn shown(output: &std::process::Output) -> String {
    let mut all = String::new();
    for stream in [&output.stdout, &output.stderr] {
        for line in String::from_utf8_lossy(stream).lines() {
            let _ = writeln!(all, "{line:.1000}");
        }
    }
    all
}
