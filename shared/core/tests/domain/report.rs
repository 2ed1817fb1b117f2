//! A producer's report: what is taken, what is derived, what is refused.

use jobtop_core::Job;
use jobtop_core::job::refusal::Code;

use super::made::{at, report, running};

fn after(reports: &[&str]) -> Job {
    let mut job = running();
    for json in reports {
        job.report(&report(json), at(1_000))
            .unwrap_or_else(|e| panic!("{json}: {e}"));
    }
    job
}

#[test]
fn progress_is_given_or_else_derived() {
    for (reports, expected) in [
        (&[r#"{"progress": 33.3}"#] as &[_], 33.3),
        (&[r#"{"progress": 140}"#], 100.0),
        (&[r#"{"progress": -3}"#], 0.0),
        (&[r#"{"progress": -0.0}"#], 0.0),
        (&[r#"{"progress": 50}"#, r#"{"progress": 20}"#], 20.0),
        (&[r#"{"progress": 50}"#, r#"{"progress": null}"#], 50.0),
        (&[r#"{"progress": 50}"#, r#"{"message": "x"}"#], 50.0),
        (
            &[r#"{"metrics": {"totalItems": 120000, "processedItems": 50040}}"#],
            41.7,
        ),
        (
            &[r#"{"metrics": {"totalItems": 3, "processedItems": 1}}"#],
            33.33,
        ),
        (
            &[r#"{"metrics": {"totalItems": 10, "processedItems": 11}}"#],
            100.0,
        ),
        (
            &[r#"{"metrics": {"totalItems": 1000000, "processedItems": 999999}}"#],
            99.99,
        ),
        (
            &[r#"{"metrics": {"totalItems": 1000000, "processedItems": 1000000}}"#],
            100.0,
        ),
        (
            &[r#"{"metrics": {"totalBytes": 200, "processedBytes": 50}}"#],
            25.0,
        ),
        (
            &[
                r#"{"metrics": {"totalItems": 4, "processedItems": 1, "totalBytes": 2, "processedBytes": 1}}"#,
            ],
            25.0,
        ),
        // What was given before stays until there is something to derive from.
        (
            &[
                r#"{"progress": 50}"#,
                r#"{"metrics": {"processedItems": 7}}"#,
            ],
            50.0,
        ),
        (
            &[r#"{"metrics": {"totalItems": 0, "processedItems": 7}}"#],
            0.0,
        ),
        (
            &[
                r#"{"metrics": {"totalItems": 10}}"#,
                r#"{"metrics": {"processedItems": 5}}"#,
            ],
            50.0,
        ),
        (
            &[r#"{"progress": 60, "metrics": {"totalItems": 10, "processedItems": 5}}"#],
            60.0,
        ),
        (
            &[r#"{"metrics": {"totalItems": 10, "processedItems": 5.0}}"#],
            50.0,
        ),
        (
            &[
                r#"{"metrics": {"totalItems": 10, "processedItems": 5}}"#,
                r#"{"metrics": null}"#,
            ],
            50.0,
        ),
        (
            &[
                r#"{"metrics": {"totalItems": 18446744073709551615, "processedItems": 9223372036854775808}}"#,
            ],
            50.0,
        ),
    ] {
        let job = after(reports);
        assert!(
            (job.state.progress - expected).abs() < f64::EPSILON,
            "{reports:?}: {}",
            job.state.progress
        );
        assert!(job.state.progress.is_sign_positive(), "{reports:?}");
    }
}

#[test]
fn a_step_is_an_index_or_a_name() {
    for (json, step) in [
        (r#"{"step": 2}"#, 2),
        (r#"{"step": 2.0}"#, 2),
        (r#"{"step": "Processing data"}"#, 2),
        (r#"{"step": 0}"#, 0),
        (r#"{"step": 4}"#, 4),
        (r#"{"step": null}"#, 1),
        ("{}", 1),
        (r#"{"steps": ["a", "b", "c"]}"#, 1),
        (r#"{"steps": ["a"]}"#, 0),
        (r#"{"steps": ["a", "b", "c"], "step": "c"}"#, 2),
        (r#"{"steps": ["a", "b\tc"], "step": "b\tc"}"#, 1),
        (r#"{"steps": null, "step": 3}"#, 3),
    ] {
        let job = after(&[r#"{"step": 1}"#, json]);
        assert_eq!(job.state.current_step, step, "{json}");
    }
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let many = format!(
        r#"{{"progress": 9, "steps": [{}]}}"#,
        vec![r#""x""#; 201].join(",")
    );
    for (json, code) in [
        (r#"{"progress": 9, "step": 5}"#, Code::BadStep),
        (r#"{"progress": 9, "step": -1}"#, Code::BadStep),
        (r#"{"progress": 9, "step": 1.5}"#, Code::BadStep),
        (r#"{"progress": 9, "step": 1e300}"#, Code::BadStep),
        (
            r#"{"progress": 9, "step": 18446744073709551615}"#,
            Code::BadStep,
        ),
        (
            r#"{"progress": 9, "step": "processing data"}"#,
            Code::BadStep,
        ),
        (r#"{"progress": 9, "step": ""}"#, Code::BadStep),
        (r#"{"progress": 9, "step": true}"#, Code::BadStep),
        (r#"{"progress": 9, "step": []}"#, Code::BadStep),
        (r#"{"progress": 9, "step": {"index": 1}}"#, Code::BadStep),
        (
            r#"{"progress": 9, "steps": ["a"], "step": 1}"#,
            Code::BadStep,
        ),
        (r#"{"progress": 9, "steps": []}"#, Code::Invalid),
        (&many, Code::Invalid),
    ] {
        let mut job = after(&[r#"{"step": 1, "message": "m", "metrics": {"totalItems": 4}}"#]);
        let before = format!("{job:?}");
        let refusal = job.report(&report(json), at(2_000)).expect_err(json);
        assert_eq!(refusal.code, code, "{json}: {refusal}");
        assert_eq!(format!("{job:?}"), before, "{json}");
    }
    for progress in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut report = report(r#"{"step": 1}"#);
        report.progress = Some(progress);
        let refusal = running().report(&report, at(0)).unwrap_err();
        assert_eq!(refusal.code, Code::Invalid);
    }
}

#[test]
fn words_are_kept_fit_to_show_and_an_empty_one_clears() {
    let long = format!(
        r#"{{"message": "{}", "progressSource": "{}"}}"#,
        "m".repeat(5_000),
        "s".repeat(99)
    );
    let job = after(&[&long]);
    assert_eq!(job.state.message.as_ref().unwrap().chars().count(), 1_000);
    assert_eq!(
        job.state.progress_source.as_ref().unwrap().chars().count(),
        64
    );
    let job = after(&[r#"{"message": "\u001b[31mred", "progressSource": "rows"}"#]);
    assert_eq!(job.state.message.as_deref(), Some("\u{fffd}[31mred"));
    let job = after(&[
        r#"{"message": "m", "progressSource": "rows"}"#,
        r#"{"message": null}"#,
    ]);
    assert_eq!(job.state.message.as_deref(), Some("m"));
    let job = after(&[
        r#"{"message": "m", "progressSource": "rows"}"#,
        r#"{"message": "", "progressSource": ""}"#,
    ]);
    assert_eq!((job.state.message, job.state.progress_source), (None, None));
    let steps = format!(r#"{{"steps": ["{}"]}}"#, "x".repeat(300));
    assert_eq!(after(&[&steps]).state.steps[0].chars().count(), 200);
}

#[test]
fn counters_that_are_absent_stay() {
    let job = after(&[
        r#"{"metrics": {"totalItems": 10, "processedItems": 5, "errorCount": 2, "totalBytes": 8, "processedBytes": 4}}"#,
        r#"{"metrics": {"errorCount": 3, "processedBytes": null}}"#,
    ]);
    let counts = job.state.counts;
    assert_eq!(
        (
            counts.total_items,
            counts.processed_items,
            counts.error_count,
            counts.total_bytes,
            counts.processed_bytes
        ),
        (10, 5, 3, 8, 4)
    );
}
