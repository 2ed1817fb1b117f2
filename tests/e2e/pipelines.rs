//! The example pipelines under `tests/pipelines`: one in Python over HTTP, one in Node over the WebSocket. They are the
//! documentation of the producer's side, so they are run as they stand, against everything that happens to a producer.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::{pipeline, wait};
use serde_json::{Value, json};

use crate::said::id;

/// Rows of the input; every 17th has no amount.
const ROWS: usize = 5_000;
const BAD: usize = ROWS.div_ceil(17);

/// One of the pipelines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Example {
    Python,
    Node,
}

use Example::{Node, Python};

impl Example {
    /// Whether it can be run here. Where it can't the reason is shown; on CI that is a failure.
    fn is_here(self) -> bool {
        static NODE: OnceLock<Result<(), String>> = OnceLock::new();
        let missing = match self {
            Python => answers("python3", &["--version"]),
            Node => NODE.get_or_init(node).clone(),
        };
        let Err(why) = missing else { return true };
        assert!(
            std::env::var_os("CI").is_none(),
            "{self:?} is needed here: {why}"
        );
        // Not through `eprintln!`, which is only shown of tests that fail.
        let _ = writeln!(std::io::stderr(), "skipped for {self:?}: {why}");
        false
    }

    fn job_type(self) -> &'static str {
        match self {
            Python => "csv_processing",
            Node => "field_mapping",
        }
    }

    /// Starts it on `source`; each hundred rows take so many seconds longer.
    fn start(self, home: &Home, source: &str, pace: &str) -> Child {
        let (program, script) = match self {
            Python => ("python3", folder().join("python/clean_csv.py")),
            Node => ("node", folder().join("node/map_fields.mjs")),
        };
        home.command(program)
            .arg(script)
            .args([source, "out"])
            .env("PACE", pace)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started")
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines")
}

fn answers(program: &str, args: &[&str]) -> Result<(), String> {
    match Command::new(program).args(args).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

/// Node, and the one package that its pipeline needs, installed as its lock file says.
fn node() -> Result<(), String> {
    answers("node", &["--version"])?;
    let folder = folder().join("node");
    if folder.join("node_modules/ws").is_dir() {
        return Ok(());
    }
    let folder = folder.to_string_lossy();
    answers(
        "npm",
        &["ci", "--no-audit", "--no-fund", "--prefix", &folder],
    )
}

fn scene() -> (Home, Daemon) {
    scene_of(ROWS)
}

fn scene_of(rows: usize) -> (Home, Daemon) {
    let home = Home::new();
    std::fs::write(home.work().join("orders.csv"), pipeline::csv(rows)).expect("the input");
    let daemon = home.daemon(Setup::unix());
    (home, daemon)
}

/// The one job there is, once it has gone through some rows.
fn under_way(daemon: &Daemon) -> String {
    wait::until("a job that has gone through some rows", || {
        let jobs = daemon.get("/api/jobs").json()["jobs"].clone();
        let job = jobs.as_array()?.first()?.clone();
        (processed(&job) > 0).then(|| id(&job))
    })
}

fn processed(job: &Value) -> u64 {
    job["metrics"]["processedItems"].as_u64().unwrap_or(0)
}

fn done(child: Child) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = wait::output(child);
    let text = [stdout, stderr].concat();
    (status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// Waits until the producer has acknowledged what was asked of it.
fn acknowledged(daemon: &Daemon, job: &str) -> Value {
    wait::until("the acknowledgement", || {
        let job = daemon.job(job);
        job["control"].is_null().then_some(job)
    })
}

fn assert_complete(job: &Value) {
    assert_eq!(job["status"], "completed", "{job}");
    assert_eq!(
        (processed(job), &job["metrics"]["errorCount"]),
        (ROWS as u64, &json!(BAD)),
        "{job}"
    );
    let steps = job["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 5);
    assert_eq!(job["currentStep"], json!(steps.len() - 1));
}

fn only_job(daemon: &Daemon) -> Value {
    let jobs = daemon.get("/api/jobs").json()["jobs"].clone();
    assert_eq!(jobs.as_array().map(Vec::len), Some(1), "{jobs}");
    jobs[0].clone()
}

#[test]
fn a_pipeline_reports_every_row_and_completes() {
    for example in [Python, Node] {
        if !example.is_here() {
            continue;
        }
        let (home, daemon) = scene();
        let (code, said) = done(example.start(&home, "orders.csv", "0"));
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&(ROWS - BAD).to_string()), "{said}");
        let job = only_job(&daemon);
        assert_complete(&job);
        assert_eq!(
            (&job["type"], &job["name"]),
            (&json!(example.job_type()), &json!("orders.csv"))
        );
        let out = std::fs::read_to_string(home.work().join("out")).expect("its output");
        let header = usize::from(example == Python);
        assert_eq!(out.lines().count(), ROWS - BAD + header);
    }
}

#[test]
fn a_pipeline_stands_still_while_paused_and_ends_when_cancelled() {
    for example in [Python, Node] {
        if !example.is_here() {
            continue;
        }
        // Rows pass far oftener than they are reported, so that there is always something that was not said yet.
        let (home, daemon) = scene_of(20 * ROWS);
        let child = example.start(&home, "orders.csv", "0.01");
        let job = under_way(&daemon);

        let mut viewer = daemon.ws();
        viewer.subscribe(&format!("job:{job}"), &json!({}));
        assert_eq!(daemon.act(&job, "pause").status, 200);
        let paused = viewer.job(&job, "paused, and said to be so", |job| {
            job["status"] == "paused" && job["control"].is_null()
        });
        // Long enough for several reports, had it gone on.
        wait::until("half a second of pause", || {
            (daemon.job(&job)["metrics"]["pausedSeconds"].as_f64()? > 0.5).then_some(())
        });
        for later in viewer.settle() {
            assert_eq!(
                processed(&later),
                processed(&paused),
                "it went on while it was paused"
            );
        }
        assert_eq!(
            processed(&daemon.job(&job)),
            processed(&paused),
            "it went on while it was paused"
        );
        assert_eq!(daemon.act(&job, "resume").status, 200);
        acknowledged(&daemon, &job);
        wait::until("rows after the pause", || {
            (processed(&daemon.job(&job)) > processed(&paused)).then_some(())
        });

        assert_eq!(daemon.act(&job, "cancel").status, 200);
        let cancelled = acknowledged(&daemon, &job);
        assert_eq!(cancelled["status"], "cancelled");
        // Acknowledged means that it has stopped and tidied up.
        assert!(!home.work().join("out").exists(), "half a file was left");
        let (code, said) = done(child);
        assert_eq!(code, Some(143), "{said}");
    }
}

#[test]
fn a_pipeline_that_fails_says_what_went_wrong() {
    for example in [Python, Node] {
        if !example.is_here() {
            continue;
        }
        let (home, daemon) = scene();
        let (code, said) = done(example.start(&home, "no-such.csv", "0"));
        assert_eq!(code, Some(1), "{said}");
        let job = only_job(&daemon);
        assert_eq!(job["status"], "failed", "{job}");
        let error = job["error"].as_str().unwrap_or_default();
        assert!(error.contains("no-such.csv"), "{job}");
        assert_eq!(job["errorDetail"]["step"], job["steps"][0], "{job}");
    }
}

#[test]
fn a_pipeline_outlives_the_daemon_and_says_all_of_it_afterwards() {
    for example in [Python, Node] {
        if !example.is_here() {
            continue;
        }
        let (home, mut daemon) = scene();
        let child = example.start(&home, "orders.csv", "0.02");
        let job = under_way(&daemon);
        daemon.kill();
        daemon.start_again();
        let (code, said) = done(child);
        assert_eq!(code, Some(0), "{said}");
        let ended = only_job(&daemon);
        assert_eq!(id(&ended), job);
        assert_complete(&ended);
    }
}

#[test]
fn a_pipeline_works_without_a_daemon_and_is_shown_once_there_is_one() {
    for example in [Python, Node] {
        if !example.is_here() {
            continue;
        }
        let home = Home::new();
        std::fs::write(home.work().join("orders.csv"), pipeline::csv(ROWS)).expect("the input");
        let child = example.start(&home, "orders.csv", "0.02");
        wait::until("its first rows", || {
            let written = std::fs::metadata(home.work().join("out")).ok()?.len();
            (written > 0).then_some(())
        });
        let daemon = home.daemon(Setup::unix());
        let (code, said) = done(child);
        assert_eq!(code, Some(0), "{said}");
        assert_complete(&only_job(&daemon));
    }
}

/// The lines between a fence of that language and its end.
fn fenced(text: &str, language: &str) -> String {
    let fence = format!("```{language}\n");
    let (_, rest) = text.split_once(&fence).expect("a fence");
    let (code, _) = rest.split_once("```").expect("its end");
    code.to_owned()
}

#[test]
fn the_few_lines_of_the_readme_are_a_pipeline() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("a README");
    for (example, language, program, file) in [
        (Python, "python", "python3", "few.py"),
        (Node, "js", "node", "few.mjs"),
    ] {
        if !example.is_here() {
            continue;
        }
        let home = Home::new();
        let daemon = home.daemon(Setup::unix());
        let code = fenced(&readme, language);
        let lines = code.lines().filter(|line| !line.is_empty()).count();
        assert!(lines <= 15, "{language}: {lines} lines");
        std::fs::write(home.work().join(file), code).expect("the script");
        let child = home
            .command(program)
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let (code, said) = done(child);
        assert_eq!((code, &*said), (Some(0), ""), "{language}");
        let jobs = daemon.get("/api/jobs").json()["jobs"].clone();
        assert_eq!(jobs.as_array().map(Vec::len), Some(1), "{jobs}");
        let job = &jobs[0];
        assert_eq!(job["type"], example.job_type());
        assert_eq!((&job["status"], processed(job)), (&json!("completed"), 20));
    }
}
