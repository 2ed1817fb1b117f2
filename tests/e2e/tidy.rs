//! The borders of the house, checked: who may name which library, who may look into which room, no cycles between rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jobtop_e2e::bins::workspace;

/// A source file: its path in the workspace and its code without comments and inline tests.
struct Source {
    path: String,
    text: String,
    code: String,
}

/// Every source file of the programs and libraries; tests of their own left out.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for krate in [
        "shared/core",
        "shared/client",
        "shared/runner",
        "daemon",
        "tui",
    ] {
        walk(&workspace().join(krate).join("src"), &mut found);
    }
    assert!(found.len() > 50, "this looks at the wrong folder");
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file can be read");
            let name = path
                .strip_prefix(workspace())
                .expect("it lies in the workspace");
            Source {
                path: name.to_string_lossy().into_owned(),
                code: code(&text),
                text,
            }
        })
        .collect()
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name == "tests" || name == "tests.rs" {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// Without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let text = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Whether the code has that word, with no letter, digit or underscore on either side.
fn names(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[test]
fn what_may_be_named_only_in_some_places() {
    let table: &[(&str, &[&str])] = &[
        ("sled", &["daemon/src/store/"]),
        // A URL of the configuration is read with the type that HTTP reads it with.
        (
            "axum",
            &["daemon/src/http/", "daemon/src/config/address.rs"],
        ),
        (
            "tokio_tungstenite",
            &["shared/client/src/", "daemon/src/http/", "daemon/src/feed/"],
        ),
        // The runner of a queued command is a producer.
        (
            "jobtop_client",
            &[
                "shared/runner/src/",
                "daemon/src/workers/",
                // A webhook is asked as a daemon is.
                "daemon/src/notify/",
                // Both ends say a fingerprint in the same words.
                "daemon/src/http/tls.rs",
                "tui/src/",
            ],
        ),
        ("ratatui", &["tui/src/view/", "tui/src/term/"]),
        ("crossterm", &["tui/src/keymap/", "tui/src/term/"]),
        ("jobtopd", &["daemon/src/main.rs", "tui/src/cli/"]),
        ("SystemTime", &["daemon/src/clock.rs", "tui/src/clock.rs"]),
        ("process::exit", &["daemon/src/main.rs", "tui/src/main.rs"]),
        ("println", &["tui/src/cli/print"]),
        ("print", &["tui/src/cli/"]),
        ("unbounded_channel", &[]),
        ("unsafe", &["shared/runner/src/"]),
        ("todo!", &[]),
        ("unimplemented!", &[]),
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        for (word, allowed) in table {
            let macro_of = format!("{word}!");
            let named = match *word {
                "print" => names(&source.code, &macro_of),
                // A name in a sentence is no import.
                "jobtopd" => names(&source.code, "jobtopd::") || names(&source.code, "use jobtopd"),
                word => names(&source.code, word),
            };
            if named && !allowed.iter().any(|place| source.path.starts_with(place)) {
                wrong.push(format!("{} names {word}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{} does not begin with its purpose", source.path));
        }
        if source.code.contains("#[allow(") {
            wrong.push(format!(
                "{} allows a lint: expect it, with a reason",
                source.path
            ));
        }
        for part in source.path.split('/') {
            let stem = part.trim_end_matches(".rs");
            if [
                "util", "utils", "helper", "helpers", "common", "manager", "misc",
            ]
            .contains(&stem)
            {
                wrong.push(format!("{}: {stem} says nothing", source.path));
            }
        }
        for line in source.text.lines() {
            if line.contains("TODO") || line.contains("FIXME") {
                wrong.push(format!("{}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_know_only_those_below_them() {
    let ours = [
        "jobtop-core",
        "jobtop-client",
        "jobtop-runner",
        "jobtopd",
        "jobtop",
    ];
    for (folder, allowed) in [
        ("shared/core", &[][..]),
        ("shared/client", &["jobtop-core"]),
        ("shared/runner", &["jobtop-core", "jobtop-client"]),
        ("daemon", &["jobtop-core", "jobtop-client", "jobtop-runner"]),
        (
            "tui",
            &["jobtop-core", "jobtop-client", "jobtop-runner", "jobtopd"],
        ),
    ] {
        let manifest =
            fs::read_to_string(workspace().join(folder).join("Cargo.toml")).expect("a manifest");
        let mut section = "";
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let Some(name) = line
                .split(['.', ' ', '='])
                .next()
                .filter(|name| ours.contains(name))
            else {
                continue;
            };
            if section == "[dependencies]" {
                assert!(allowed.contains(&name), "{folder} may not depend on {name}");
            }
        }
    }
}

/// A room and the rooms that it may look into.
type Room = (&'static str, &'static [&'static str]);

/// What a room may look into, by crate; a room that is not listed may look into none of its crate's.
const MAY: &[(&str, &[Room])] = &[
    (
        "daemon",
        &[
            ("engine", &["clock", "metrics"]),
            ("store", &["engine", "clock", "disk", "metrics"]),
            ("alerts", &["disk"]),
            (
                "watch",
                &["alerts", "clock", "engine", "feed", "metrics", "notify"],
            ),
            ("feed", &["alerts", "engine", "clock", "logs", "metrics"]),
            ("history", &["feed", "store", "engine", "clock"]),
            ("notify", &["engine", "clock", "config", "disk"]),
            (
                "workers",
                &["engine", "auth", "config", "logging", "logs", "metrics"],
            ),
            ("auth", &["disk", "engine", "feed"]),
            ("reload", &["activation", "config", "exit", "http"]),
            (
                "http",
                &[
                    "alerts", "engine", "feed", "store", "auth", "config", "metrics", "clock",
                    "disk", "exit", "logs", "notify",
                ],
            ),
            ("activation", &["exit"]),
            ("config", &["activation", "cli", "clock", "exit"]),
            ("folder", &["config", "exit"]),
            ("check", &["activation", "cli", "clock", "config", "store"]),
            ("settings", &["activation", "cli", "config"]),
            ("lib", &["*"]),
            ("main", &["*"]),
            ("cli", &["*"]),
            ("supervise", &["*"]),
        ],
    ),
    (
        "tui",
        &[
            ("app", &["keymap"]),
            ("view", &["app", "keymap"]),
            ("config", &["app", "keymap", "exit"]),
            ("term", &["app", "view", "keymap", "clock", "exit"]),
            ("cli", &["*"]),
            ("main", &["*"]),
        ],
    ),
];

/// By room, the rooms that it names as `crate::ROOM`.
fn rooms(krate: &str, sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let prefix = format!("{krate}/src/");
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        let Some(rest) = source.path.strip_prefix(&prefix) else {
            continue;
        };
        let room = rest
            .split('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".rs")
            .to_owned();
        let looks = graph.entry(room.clone()).or_default();
        for (at, _) in source.code.match_indices("crate::") {
            let after = &source.code[at + "crate::".len()..];
            // `crate::{a::b, c}` names several.
            let list = after
                .strip_prefix('{')
                .map(|list| list.split('}').next().unwrap_or_default());
            for path in list.map_or_else(|| vec![after], |list| list.split(',').collect()) {
                let name: String = path
                    .trim()
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                looks.insert(name);
            }
        }
        looks.remove(&room);
    }
    let known: BTreeSet<String> = graph.keys().cloned().collect();
    for looks in graph.values_mut() {
        looks.retain(|room| known.contains(room));
    }
    graph
}

#[test]
fn rooms_look_only_where_they_may() {
    let sources = sources();
    let mut wrong = Vec::new();
    for (krate, table) in MAY {
        for (room, looks) in rooms(krate, &sources) {
            let may = table
                .iter()
                .find(|(name, _)| *name == room)
                .map_or(&[][..], |(_, may)| may);
            for other in looks {
                if !may.contains(&"*") && !may.contains(&other.as_str()) {
                    wrong.push(format!("{krate}: {room} looks into {other}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_have_no_cycles() {
    let sources = sources();
    for krate in [
        "shared/core",
        "shared/client",
        "shared/runner",
        "daemon",
        "tui",
    ] {
        let graph = rooms(krate, &sources);
        for room in graph.keys() {
            let mut reached = BTreeSet::new();
            let mut next: Vec<&String> = graph[room].iter().collect();
            while let Some(other) = next.pop() {
                assert_ne!(
                    other, room,
                    "{krate}: {room} reaches itself by way of {reached:?}"
                );
                if reached.insert(other.clone()) {
                    next.extend(graph.get(other).into_iter().flatten());
                }
            }
        }
    }
}

#[test]
fn the_way_of_looking_finds_what_it_should() {
    assert_eq!(
        code("a // sled\nb\n#[cfg(test)]\nmod tests {\n sled }"),
        "a \nb"
    );
    for (text, word, found) in [
        ("use sled::Db;", "sled", true),
        ("let untangled = 1;", "sled", false),
        ("tokio_tungstenite::x", "tungstenite", false),
        ("std::process::exit(1)", "process::exit", true),
    ] {
        assert_eq!(names(text, word), found, "{text}");
    }
}
