//! The jobs that have ended, searched: by HTTP, over the WebSocket and on the command line.

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::wait;
use serde_json::{Value, json};

use crate::said::id;

/// A few jobs of two users that ended in every way, and one that runs. Returns the ids, oldest ending first.
fn work(daemon: &Daemon) -> Vec<String> {
    let mut ids = Vec::new();
    for (kind, user, name, end) in [
        ("csv_processing", "ann", "orders-1.csv", "complete"),
        ("csv_processing", "ben", "orders-2.csv", "fail"),
        ("api_upload", "ann", "Upload, \"big\"", "complete"),
        ("api_upload", "ann", "upload-3", "cancel"),
        ("csv_processing", "ben", "orders-3.csv", "fail"),
    ] {
        let job = id(&daemon.create(&json!({"type": kind, "name": name, "userId": user})));
        let counts = json!({"metrics": {"totalItems": 100, "processedItems": 80, "errorCount": ids.len()}, "step": 2});
        assert_eq!(
            daemon
                .post(&format!("/api/jobs/{job}/progress"), &counts)
                .status,
            200
        );
        let body = match end {
            "fail" => json!({"error": format!("row {} of /data/{name}: Timeout", ids.len() * 7)}),
            _ => json!({}),
        };
        let ended = daemon.post(&format!("/api/jobs/{job}/{end}"), &body);
        assert_eq!(ended.status, 200, "{}", ended.text());
        ids.push(job);
    }
    daemon.create(&json!({"type": "etl", "name": "still running"}));
    ids
}

fn listed(daemon: &Daemon, query: &str) -> Vec<String> {
    let answer = daemon.get(&format!("/api/history{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    let answer = answer.json();
    let jobs = answer["jobs"].as_array().expect("a list");
    jobs.iter().map(id).collect()
}

/// What is listed is these of the ids.
fn check(daemon: &Daemon, query: &str, ids: &[String], expected: &[usize]) {
    let expected: Vec<String> = expected.iter().map(|at| ids[*at].clone()).collect();
    assert_eq!(listed(daemon, query), expected, "{query}");
}

#[test]
fn what_has_ended_is_found_at_once_and_after_a_kill() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    let ids = work(&daemon);
    let all = |daemon: &Daemon| {
        for (query, expected) in [
            ("", &[4, 3, 2, 1, 0][..]),
            ("?sort=finished&limit=2", &[0, 1]),
            ("?q=timeout", &[4, 1]),
            ("?q=status:failed%20user:ben%20name:orders-2", &[1]),
            ("?q=-status:completed&type=api_upload", &[3]),
            ("?userId=ann&status=completed,failed", &[2, 0]),
            ("?sort=name", &[0, 1, 4, 3, 2]),
            ("?sort=-errors&limit=1", &[4]),
            ("?since=1h&until=0s", &[4, 3, 2, 1, 0]),
            ("?until=2020-01-01", &[]),
            ("?q=nothing-like-that", &[]),
        ] {
            // `upload, "big"` comes before `upload-3`, as their signs do.
            let expected: Vec<usize> = match query {
                "?sort=name" => vec![0, 1, 4, 2, 3],
                _ => expected.to_vec(),
            };
            check(daemon, query, &ids, &expected);
        }
    };
    all(&daemon);
    let job = daemon.get("/api/history?limit=1").json()["jobs"][0].clone();
    assert_eq!(job, daemon.job(&ids[4]), "it is the whole job");
    daemon.kill();
    daemon.start_again();
    wait::until("the history to be read", || {
        let answer = daemon.get("/api/history").json();
        answer.get("indexedFrom").is_none().then_some(())
    });
    all(&daemon);
}

#[test]
fn pages_fit_together_whatever_ends_meanwhile() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let ids = work(&daemon);
    for (sort, expected) in [
        ("-finished", [4, 3, 2, 1, 0]),
        ("errors", [0, 1, 2, 3, 4]),
        ("name", [0, 1, 4, 2, 3]),
    ] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let answer = daemon
                .get(&format!(
                    "/api/history?sort={sort}&limit=2&until=0s&cursor={cursor}"
                ))
                .json();
            seen.extend(answer["jobs"].as_array().unwrap().iter().map(id));
            let Some(next) = answer["nextCursor"].as_str() else {
                break;
            };
            cursor = next.to_owned();
            let meanwhile = id(&daemon.create(&json!({"type": "later", "name": "aaa"})));
            daemon.act(&meanwhile, "complete");
        }
        seen.retain(|id| ids.contains(id));
        let expected: Vec<String> = expected.iter().map(|at| ids[*at].clone()).collect();
        assert_eq!(seen, expected, "{sort}");
    }
}

#[test]
fn a_mistaken_question_is_answered_with_what_is_wrong() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    work(&daemon);
    let cursor = daemon.get("/api/history?limit=1").json()["nextCursor"]
        .as_str()
        .unwrap()
        .to_owned();
    for (path, says) in [
        ("/api/history?q=stauts:failed".to_owned(), "status"),
        ("/api/history?since=yesterday".to_owned(), "since"),
        (
            "/api/history?sort=size".to_owned(),
            "finished, started, duration, name, errors",
        ),
        ("/api/history?limit=0".to_owned(), "at least 1"),
        ("/api/history?cursor=abc".to_owned(), "nextCursor"),
        (
            format!("/api/history?cursor={cursor}&q=orders"),
            "another filter",
        ),
        (
            format!("/api/history?cursor={cursor}&sort=name"),
            "another filter",
        ),
        (
            "/api/analytics?groupBy=size".to_owned(),
            "type, user, name, day",
        ),
        ("/api/analytics?q=duration%3E5x".to_owned(), "character"),
    ] {
        let answer = daemon.get(&path);
        assert_eq!(answer.problem(), (400, "bad_query".to_owned()), "{path}");
        assert!(answer.text().contains(says), "{path}: {}", answer.text());
    }
    let mut ws = daemon.ws();
    assert_eq!(
        ws.refused(json!({"type": "history", "q": "stauts:failed"})),
        "bad_query"
    );
}

#[test]
fn the_websocket_answers_the_same() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let ids = work(&daemon);
    let mut ws = daemon.ws();
    let page = ws.ok(
        json!({"type": "history", "jobType": "csv_processing", "sort": "finished", "limit": 2}),
    );
    let jobs: Vec<String> = page["jobs"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(jobs, [ids[0].clone(), ids[1].clone()]);
    assert!(page["nextCursor"].is_string(), "{page}");
    let told = ws.ok(json!({"type": "analytics", "groupBy": "user"}));
    let by_http = daemon.get("/api/analytics?groupBy=user").json();
    assert_eq!(
        (&told["groups"], &told["errors"]),
        (&by_http["groups"], &by_http["errors"])
    );
}

#[test]
fn figures_say_what_went_wrong_and_how_long_it_took() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    work(&daemon);
    let told = daemon.get("/api/analytics").json();
    let groups: Vec<(&str, u64)> = told["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            (
                group["key"].as_str().unwrap(),
                group["total"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(groups, [("csv_processing", 3), ("api_upload", 2)]);
    let csv = &told["groups"][0];
    assert_eq!(
        (&csv["completed"], &csv["failed"], &csv["cancelled"]),
        (&json!(1), &json!(2), &json!(0))
    );
    assert!(
        (csv["successRate"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9,
        "{csv}"
    );
    assert!(csv["activeSeconds"]["p50"].is_number(), "{csv}");
    let error = &told["errors"][0];
    assert_eq!(
        (&error["pattern"], &error["count"]),
        (&json!("row # of <path>: Timeout"), &json!(2))
    );
    assert_eq!(error["example"], "row 28 of /data/orders-3.csv: Timeout");
    let none = daemon.get("/api/analytics?q=type:nothing").json();
    assert_eq!(none, json!({"groups": [], "errors": []}));
}

fn stdout(home: &Home, args: &[&str]) -> String {
    let output = home.run(args);
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_commands_print_tables_documents_lines_and_sheets() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let ids = work(&daemon);
    let table = stdout(&home, &["history", "status:failed", "timeout"]);
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(
        table.contains("row 28 of /data/orders-3.csv: Timeout") && table.contains(&ids[1]),
        "{table}"
    );

    let document: Value = serde_json::from_str(&stdout(&home, &["history", "--json"])).unwrap();
    assert_eq!(document["jobs"].as_array().map(Vec::len), Some(5));
    assert_eq!(document["nextCursor"], Value::Null);
    let part: Value =
        serde_json::from_str(&stdout(&home, &["history", "--json", "--limit", "2"])).unwrap();
    assert!(part["nextCursor"].is_string(), "{part}");
    assert_eq!(
        serde_json::from_str::<Value>(&stdout(&home, &["history", "--json", "type:nothing"]))
            .unwrap(),
        json!({"jobs": [], "nextCursor": null})
    );
    let lines = stdout(
        &home,
        &["history", "--jsonl", "--sort", "finished", "--user", "ann"],
    );
    let names: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].clone())
        .collect();
    assert_eq!(names, ["orders-1.csv", "Upload, \"big\"", "upload-3"]);

    let sheet = stdout(&home, &["history", "--csv", "--sort", "finished"]);
    let rows: Vec<&str> = sheet.lines().collect();
    assert_eq!(rows.len(), 6, "{sheet}");
    assert!(rows[0].starts_with("id,type,name,status,"), "{sheet}");
    assert!(
        rows[3].contains(",\"Upload, \"\"big\"\"\",completed,100,ann,"),
        "{sheet}"
    );

    let stats = stdout(&home, &["stats"]);
    for piece in [
        "csv_processing",
        "33.3%",
        "What went wrong",
        "row # of <path>: Timeout",
        "row 28 of",
    ] {
        assert!(stats.contains(piece), "{piece}: {stats}");
    }
    let told: Value = serde_json::from_str(&stdout(
        &home,
        &["stats", "--json", "--by", "user", "user:ben"],
    ))
    .unwrap();
    assert_eq!(told["groups"][0]["key"], "ben");

    let nothing = home.run(&["history", "name:nobody"]);
    assert!(nothing.status.success() && nothing.stdout.is_empty());
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("passes the filter"));
    let mistake = home.run(&["history", "stauts:failed"]);
    assert_eq!(
        mistake.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&mistake.stderr)
    );
    assert!(String::from_utf8_lossy(&mistake.stderr).contains("did you mean status"));
    let mistake = home.run(&["stats", "--by", "size"]);
    assert_eq!(
        mistake.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&mistake.stderr)
    );
}

#[test]
fn status_says_what_the_store_has() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    work(&daemon);
    let store = daemon.get("/api/store").json();
    assert_eq!(
        (&store["records"], &store["periods"]),
        (&json!(5), &json!(1)),
        "{store}"
    );
    assert!(
        store["liveBytes"].as_u64() > Some(1_000)
            && store["diskBytes"].as_u64() > store["liveBytes"].as_u64()
    );
    let page = stdout(&home, &["daemon", "status"]);
    assert!(page.contains("5 finished jobs in 1 period\n"), "{page}");
    // An orderly end seals the live set, which the next start tells of.
    assert!(daemon.terminate().success());
    daemon.start_again();
    let report: Value =
        serde_json::from_str(&stdout(&home, &["daemon", "status", "--json"])).unwrap();
    assert!(report["store"]["lastCompaction"].is_string(), "{report}");
}

#[test]
fn status_says_what_was_found_damaged_and_what_that_cost() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    work(&daemon);
    assert!(daemon.terminate().success());
    let endings = endings(&home);
    let mut bytes = std::fs::read(&endings).unwrap();
    bytes[2_000] ^= 1;
    std::fs::write(&endings, bytes).unwrap();
    daemon.start_again();
    let store = wait::until("the index", || {
        let store = daemon.get("/api/store").json();
        (store["indexed"] == true).then_some(store)
    });
    assert_eq!(
        (&store["records"], &store["state"]),
        (&json!(4), &json!("good"))
    );
    let file = endings.strip_prefix(home.data()).unwrap();
    let said = store["damage"][0].as_str().unwrap();
    assert!(
        said.contains(&*file.to_string_lossy()) && said.contains("lost") && said.contains("kept"),
        "{store}"
    );
    let page = stdout(&home, &["daemon", "status"]);
    assert!(page.contains(&format!("damage    {said}")), "{page}");
}

/// The one file of endings that there is.
fn endings(home: &Home) -> std::path::PathBuf {
    let mut periods = std::fs::read_dir(home.data().join("history")).expect("a history");
    let period = periods.next().expect("a period").expect("its folder");
    period.path().join("endings")
}

#[test]
fn check_says_what_is_damaged_once_the_daemon_is_gone() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    work(&daemon);
    let busy = home.run(&["daemon", "check"]);
    assert_eq!(busy.status.code(), Some(5));
    assert!(
        String::from_utf8_lossy(&busy.stderr).contains("daemon stop"),
        "{busy:?}"
    );
    assert!(daemon.terminate().success());
    let page = stdout(&home, &["daemon", "check"]);
    assert!(page.contains("is sound: 5 finished jobs"), "{page}");

    let endings = endings(&home);
    let mut bytes = std::fs::read(&endings).unwrap();
    bytes[2_000] ^= 1;
    std::fs::write(&endings, bytes).unwrap();
    let hurt = home.run(&["daemon", "check", "--json"]);
    assert_eq!(hurt.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&hurt.stdout).unwrap();
    let finding = report["findings"][0].as_str().unwrap();
    assert!(finding.contains(&*endings.to_string_lossy()), "{report}");
    assert_eq!(report["finished"], 4, "{report}");
    let page = stdout(&home, &["daemon", "check", "--rebuild"]);
    assert!(
        page.contains("is made anew: 4 finished jobs")
            || page.contains("is made anew: 5 finished jobs"),
        "{page}"
    );
    let page = stdout(&home, &["daemon", "check"]);
    assert!(page.contains("is sound"), "{page}");
    daemon.start_again();
    assert!(listed(&daemon, "").len() >= 4);
}
