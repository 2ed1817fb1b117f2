//! `GET /metrics`: what an operator's Prometheus reads is what happened, in the words of its conventions, and never more series
//! than are promised.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::wait;
use jobtop_e2e::ws::Ws;
use serde_json::json;

use crate::manuals;
use crate::observe::is_here;
use crate::said::id;

/// A page as it was read: what the text says of each family, and each series' value.
#[derive(Debug)]
struct Page {
    text: String,
    /// By a family's name, its type.
    families: BTreeMap<String, String>,
    /// By name and labels, as they stand there.
    series: BTreeMap<String, f64>,
}

impl Page {
    fn of(daemon: &Daemon) -> Self {
        let answer = daemon.get("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let media_type = answer.header("content-type").unwrap_or_default();
        assert!(
            media_type.starts_with("text/plain; version=0.0.4"),
            "{media_type}"
        );
        Self::read(answer.text())
    }

    /// Reads the text format 0.0.4 as strictly as the best of its readers, as far as this daemon uses it.
    fn read(text: String) -> Self {
        let (mut families, mut series) = (BTreeMap::new(), BTreeMap::new());
        let mut helped = String::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a help text");
                assert!(help.ends_with('.') && !help.contains('\\'), "{line}");
                name.clone_into(&mut helped);
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a type");
                assert_eq!(name, helped, "the help text comes before: {line}");
                let before = families.insert(name.to_owned(), kind.to_owned());
                assert!(before.is_none(), "twice: {line}");
            } else {
                let (name, value) = line.rsplit_once(' ').expect("a value");
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
                assert!(name.starts_with(&*helped), "{line} under {helped}");
                let before = series.insert(name.to_owned(), value);
                assert!(before.is_none(), "twice: {line}");
            }
        }
        Self {
            text,
            families,
            series,
        }
    }

    fn value(&self, series: &str) -> f64 {
        *self
            .series
            .get(series)
            .unwrap_or_else(|| panic!("no {series} in\n{}", self.text))
    }

    /// The series of that family, its histogram's parts apart.
    fn of_family(&self, name: &str) -> Vec<&str> {
        let of = |series: &&String| series.split('{').next() == Some(name);
        self.series.keys().filter(of).map(String::as_str).collect()
    }

    /// The upper bound of the bucket that so much of a histogram's count is in, and that count.
    fn quantile(&self, histogram: &str, part: f64) -> (f64, f64) {
        let count = self.value(&format!("{histogram}_count"));
        let prefix = format!("{histogram}_bucket{{le=\"");
        let buckets = self.series.iter().filter_map(|(series, value)| {
            let bound = series.strip_prefix(&prefix)?.strip_suffix("\"}")?;
            Some((bound.parse().unwrap_or(f64::INFINITY), *value))
        });
        let mut buckets: Vec<(f64, f64)> = buckets.collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{buckets:?}");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)), "{histogram}");
        let found = buckets.iter().find(|(_, below)| *below >= part * count);
        (found.expect("the last one has all").0, count)
    }
}

/// Waits until a series has that value, and gives back the page.
fn until(daemon: &Daemon, series: &str, value: f64) -> Page {
    wait::until(&format!("{series} {value}"), || {
        let page = Page::of(daemon);
        (page.value(series).total_cmp(&value).is_eq()).then_some(page)
    })
}

#[test]
fn what_became_of_jobs_is_counted() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let create =
        |kind: &str, status: &str| id(&daemon.create(&json!({"type": kind, "status": status})));
    let (good, bad, unwanted) = (
        create("csv_processing", "running"),
        create("csv_processing", "running"),
        create("api_upload", "pending"),
    );
    create("api_upload", "pending");
    let begun = create("api_upload", "pending");
    for (job, verb, body) in [
        (&good, "progress", json!({"progress": 10})),
        (&good, "complete", json!({})),
        (&bad, "fail", json!({"error": "it went wrong"})),
        (&unwanted, "cancel", json!({})),
        (&begun, "start", json!({})),
    ] {
        let answer = daemon.post(&format!("/api/jobs/{job}/{verb}"), &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(daemon.act(&good, "complete").status, 200, "once more");
    assert_eq!(daemon.act(&good, "pause").problem().1, "job_finished");
    assert_eq!(daemon.get("/api/jobs/job_x").status, 404);
    assert_eq!(daemon.get("/api/history").status, 200);

    let page = Page::of(&daemon);
    for (series, value) in [
        ("jobtop_jobs_created_total{type=\"csv_processing\"}", 2.0),
        ("jobtop_jobs_created_total{type=\"api_upload\"}", 3.0),
        ("jobtop_jobs_created_total{type=\"other\"}", 0.0),
        (
            "jobtop_jobs_ended_total{type=\"csv_processing\",status=\"completed\"}",
            1.0,
        ),
        (
            "jobtop_jobs_ended_total{type=\"csv_processing\",status=\"failed\"}",
            1.0,
        ),
        (
            "jobtop_jobs_ended_total{type=\"csv_processing\",status=\"cancelled\"}",
            0.0,
        ),
        (
            "jobtop_jobs_ended_total{type=\"api_upload\",status=\"cancelled\"}",
            1.0,
        ),
        ("jobtop_jobs{status=\"pending\"}", 1.0),
        ("jobtop_jobs{status=\"running\"}", 1.0),
        ("jobtop_jobs{status=\"completed\"}", 1.0),
        ("jobtop_jobs{status=\"failed\"}", 1.0),
        ("jobtop_jobs{status=\"cancelled\"}", 1.0),
        ("jobtop_progress_reports_total", 1.0),
        ("jobtop_queue_wait_seconds_count", 1.0),
        ("jobtop_queue_pending_jobs{queue=\"default\"}", 1.0),
        ("jobtop_queue_running_jobs{queue=\"default\"}", 1.0),
        ("jobtop_engine_answers", 1.0),
        ("jobtop_requests_refused_total{code=\"job_finished\"}", 1.0),
        ("jobtop_requests_refused_total{code=\"job_not_found\"}", 1.0),
        ("jobtop_requests_refused_total{code=\"no_room\"}", 0.0),
        ("jobtop_http_responses_total{class=\"4xx\"}", 2.0),
        ("jobtop_http_responses_total{class=\"5xx\"}", 0.0),
        ("jobtop_history_search_seconds_count{kind=\"page\"}", 1.0),
        ("jobtop_store_records", 3.0),
        ("jobtop_store_state{state=\"good\"}", 1.0),
        ("jobtop_store_state{state=\"degraded\"}", 0.0),
        ("jobtop_store_flush_failures_total", 0.0),
        ("jobtop_stalled_jobs", 0.0),
        ("jobtop_connections{transport=\"tcp\"}", 1.0),
    ] {
        assert!(
            page.value(series).total_cmp(&value).is_eq(),
            "{series} {} instead of {value}",
            page.value(series)
        );
    }
    for (series, least, most) in [
        (
            "jobtop_queue_oldest_pending_timestamp_seconds{queue=\"default\"}",
            1.7e9,
            4e9,
        ),
        ("process_start_time_seconds", 1.7e9, 4e9),
        ("process_resident_memory_bytes", 2e6, 5e8),
        ("process_open_fds", 5.0, 1000.0),
        ("jobtop_store_disk_bytes", 1e3, 1e8),
        ("jobtop_store_flush_seconds_count", 8.0, 20.0),
        ("jobtop_store_log_written_bytes_total", 1e3, 1e6),
        ("jobtop_http_responses_total{class=\"2xx\"}", 12.0, 12.0),
    ] {
        let value = page.value(series);
        assert!((least..=most).contains(&value), "{series} {value}");
    }
}

#[test]
fn what_viewers_are_sent_is_measured() {
    const UPDATES: u32 = 200;
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let job = id(&daemon.create(&json!({"type": "csv_processing"})));
    let mut viewers: Vec<Ws> = (0..3).map(|_| daemon.ws()).collect();
    viewers[0].subscribe("jobs", &json!({"snapshot": true}));
    viewers[1].subscribe(&format!("job:{job}"), &json!({}));
    viewers[2].subscribe(&format!("log:{job}"), &json!({}));
    viewers[1].subscribe(&format!("log:{job}"), &json!({}));

    let mut producer = daemon.ws();
    producer.ok(json!({"type": "adopt_job", "jobId": job}));
    let before = Page::of(&daemon);
    assert_eq!(before.of_family("jobtop_subscriptions").len(), 5);
    for (series, value) in [
        ("jobtop_websockets", 4.0),
        ("jobtop_producers", 1.0),
        ("jobtop_subscriptions{channel=\"jobs\"}", 1.0),
        ("jobtop_subscriptions{channel=\"job\"}", 1.0),
        ("jobtop_subscriptions{channel=\"log\"}", 2.0),
        ("jobtop_subscriptions{channel=\"user\"}", 0.0),
        ("jobtop_reconnects_total{kind=\"producer\"}", 1.0),
    ] {
        assert!(before.value(series).total_cmp(&value).is_eq(), "{series}");
    }
    // One after the other, each seen by both: so none replaces another.
    for n in 1..=UPDATES {
        let message = format!("update {n}");
        producer.ok(json!({"type": "update_progress", "jobId": job, "message": message}));
        for viewer in &mut viewers[..2] {
            viewer.find("the update", |said| {
                said["type"] == "job_update" && said["message"] == *message
            });
        }
    }
    let count = "jobtop_updates_sent_total";
    let sent = before.value(count) + 2.0 * f64::from(UPDATES);
    // What was read by the viewer is counted a moment later.
    let after = until(&daemon, count, sent);
    let (p99, measured) = after.quantile("jobtop_update_latency_seconds", 0.99);
    assert!(measured >= 2.0 && measured <= sent, "{measured} of {sent}");
    assert!(p99 <= 1.0, "99 of 100 took up to {p99} s\n{}", after.text);
    let sum = after.value("jobtop_update_latency_seconds_sum");
    assert!(sum > 0.0 && sum < measured, "{sum} s in all");
    assert!(
        after.value("jobtop_updates_conflated_total")
            <= before.value("jobtop_updates_conflated_total"),
        "each was seen before the next"
    );

    for ws in viewers.drain(..) {
        ws.cut();
    }
    producer.cut();
    let end = until(&daemon, "jobtop_websockets", 0.0);
    for channel in ["jobs", "job", "log"] {
        let series = format!("jobtop_subscriptions{{channel=\"{channel}\"}}");
        assert!(end.value(&series).total_cmp(&0.0).is_eq(), "{series}");
    }
    until(&daemon, "jobtop_stalled_jobs", 1.0);

    // Somebody who comes back says how far it was.
    let listing = daemon.get("/api/jobs").json();
    let (epoch, revision) = (&listing["epoch"], &listing["revision"]);
    for (epoch, revision) in [(epoch, revision), (&json!(1), revision)] {
        let mut back = daemon.ws();
        back.subscribe("jobs", &json!({"after": revision, "epoch": epoch}));
        back.subscribe("alerts", &json!({"after": revision, "epoch": epoch}));
    }
    let end = Page::of(&daemon);
    for kind in ["viewer", "viewer_reset"] {
        let series = format!("jobtop_reconnects_total{{kind=\"{kind}\"}}");
        assert!(end.value(&series).total_cmp(&1.0).is_eq(), "{series}");
    }
}

#[test]
fn counters_never_go_back() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut before = Page::of(&daemon);
    for round in 0..5 {
        let mut ws = daemon.ws();
        ws.subscribe("jobs", &json!({"snapshot": true}));
        let job = id(&daemon.create(&json!({"type": format!("type{round}")})));
        daemon.post(
            &format!("/api/jobs/{job}/progress"),
            &json!({"progress": 5}),
        );
        daemon.act(&job, "complete");
        ws.refused(json!({"type": "complete_job", "jobId": "job_x"}));
        let after = Page::of(&daemon);
        for (series, value) in &before.series {
            let family = series.split('{').next().unwrap_or_default();
            let of = |suffix: &str| {
                family
                    .strip_suffix(suffix)
                    .and_then(|f| before.families.get(f))
            };
            let histogram = ["_bucket", "_sum", "_count"]
                .iter()
                .any(|s| of(s).is_some());
            let counter = before
                .families
                .get(family)
                .is_some_and(|kind| kind == "counter");
            if counter || histogram {
                assert!(after.value(series) >= *value, "{series} fell below {value}");
            }
        }
        before = after;
    }
}

#[test]
fn a_flood_of_types_and_queues_makes_no_flood_of_series() {
    const TOLD_APART: usize = 50;
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut ws = daemon.ws();
    for n in 0..500 {
        let new = json!({"type": "create_job", "jobType": format!("type{n}"), "queue": format!("queue{n}"), "status": "pending"});
        let job = ws.ok(new)["job"]["id"].clone();
        if n % 2 == 0 {
            ws.ok(json!({"type": "cancel_job", "jobId": job}));
        }
        // Whoever is asked about first is told apart.
        if n % 100 == 0 {
            Page::of(&daemon);
        }
    }
    let page = Page::of(&daemon);
    for (family, each) in [
        ("jobtop_jobs_created_total", 1),
        ("jobtop_jobs_ended_total", 3),
        ("jobtop_queue_pending_jobs", 1),
        ("jobtop_queue_slots", 1),
    ] {
        let series = page.of_family(family).len();
        assert_eq!(series, each * (TOLD_APART + 1), "{family}");
    }
    let sum = |family: &str| -> f64 {
        let all = page.of_family(family);
        all.iter().map(|series| page.value(series)).sum()
    };
    assert!(sum("jobtop_jobs_created_total").total_cmp(&500.0).is_eq());
    assert!(sum("jobtop_jobs_ended_total").total_cmp(&250.0).is_eq());
    assert!(sum("jobtop_queue_pending_jobs").total_cmp(&250.0).is_eq());
    let other = page.value("jobtop_jobs_created_total{type=\"other\"}");
    assert!(other.total_cmp(&450.0).is_eq(), "{other}");
    assert!(page.text.len() < 100_000, "{} bytes", page.text.len());
}

#[test]
fn promtool_finds_nothing_to_say_against_it() {
    if !is_here("promtool", &["--version"]) {
        return;
    }
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let job = id(&daemon.create(&json!({"type": "csv_processing"})));
    daemon.act(&job, "complete");
    let page = Page::of(&daemon);
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool can be started");
    let mut to = check.stdin.take().expect("stdin is a pipe");
    to.write_all(page.text.as_bytes()).expect("it reads");
    drop(to);
    let output = wait::output(check);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn the_manual_lists_what_there_is() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let page = Page::of(&daemon);
    let said: BTreeSet<&str> = page.families.keys().map(String::as_str).collect();
    let manual = manuals::page("jobtopd.8");
    let section = manual.split(".Sh METRICS\n").nth(1).expect("a section");
    let section = section.split("\n.Sh ").next().unwrap_or_default();
    let listed = section
        .lines()
        .filter_map(|line| line.strip_prefix(".It Li "));
    let listed: BTreeSet<&str> = listed
        .map(|row| row.split([' ', '{']).next().unwrap_or_default())
        .collect();
    assert_eq!(listed, said, "in the manual, and on the page");
    for (name, kind) in &page.families {
        let counts = kind == "counter";
        assert_eq!(name.ends_with("_total"), counts, "{name} is a {kind}");
        let known = name.starts_with("jobtop_") || name.starts_with("process_");
        assert!(known, "{name}");
    }
}

#[test]
fn a_user_is_told_nothing_about_others() {
    let home = Home::new();
    let daemon = home.daemon(Setup::with_tokens());
    let ask = |role: Option<&str>| {
        let bearer = role.map(|role| format!("Bearer {}", daemon.token("analyst1", role)));
        let headers: Vec<(&str, &str)> = bearer
            .iter()
            .map(|bearer| ("Authorization", bearer.as_str()))
            .collect();
        jobtop_e2e::http::request(&daemon.tcp(), "GET", "/metrics", &headers, b"")
    };
    assert_eq!(ask(None).problem(), (401, "unauthorized".to_owned()));
    assert_eq!(ask(Some("user")).problem(), (403, "forbidden".to_owned()));
    for role in ["viewer", "admin"] {
        assert_eq!(ask(Some(role)).status, 200, "{role}");
    }
    let said = Page::of(&daemon);
    let unauthorized = said.value("jobtop_requests_refused_total{code=\"unauthorized\"}");
    assert!(unauthorized.total_cmp(&1.0).is_eq());
    assert!(!said.text.contains("analyst1"), "{}", said.text);
}
