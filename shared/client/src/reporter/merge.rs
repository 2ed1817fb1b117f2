//! Reports folded into one whole, and what of the whole a daemon has not been told yet. Pure.

use std::sync::Arc;

use jobtop_core::job::progress::{CountsReport, MAX_STEPS, Report, StepRef, kept};
use jobtop_core::proto::body::FailBody;
use jobtop_core::text::{MESSAGE_CHARS, NAME_CHARS};

/// Most lines of output that go with a failure, and most characters of each.
const LAST_LINES: usize = 50;
const LINE_CHARS: usize = 500;

/// Takes `news` over into `whole`: what is absent stays. What no daemon would take is left out, because one wrong
/// field would have the whole report refused; texts are cut as a daemon would cut them, because a frame that is too
/// large would end the connection, again and again. `total_given`: the job was created with a total.
pub(super) fn merge(whole: &mut Report, news: Report, total_given: bool) {
    let Report {
        progress,
        step,
        steps,
        metrics,
        message,
        progress_source,
    } = news;
    let progress = progress.filter(|percent| percent.is_finite());
    if let Some(metrics) = metrics {
        let counts = whole.metrics.get_or_insert_default();
        put(&mut counts.total_items, metrics.total_items);
        put(&mut counts.processed_items, metrics.processed_items);
        put(&mut counts.error_count, metrics.error_count);
        put(&mut counts.total_bytes, metrics.total_bytes);
        put(&mut counts.processed_bytes, metrics.processed_bytes);
        let total = counts.total_items.or(counts.total_bytes);
        if progress.is_none() && (total_given || total.is_some_and(|n| n > 0)) {
            // The counts say the percentage from now on; an older one would hide them.
            whole.progress = None;
        }
    }
    put(&mut whole.progress, progress);
    let cut = |name: Arc<str>| kept(name, NAME_CHARS);
    let steps = steps
        .filter(|names| (1..=MAX_STEPS).contains(&names.len()))
        .map(|names| names.into_iter().map(cut).collect());
    put(&mut whole.steps, steps);
    let step = step.and_then(|step| match step {
        StepRef::Index(index) => Some(StepRef::Index(index)),
        StepRef::Name(name) => Some(StepRef::Name(cut(name))),
        StepRef::Other(_) => None,
    });
    put(&mut whole.step, step);
    put(
        &mut whole.message,
        message.map(|said| kept(said, MESSAGE_CHARS)),
    );
    put(&mut whole.progress_source, progress_source.map(cut));
}

/// A failure as a daemon takes it: with a sentence, and cut as it would cut it.
pub(super) fn fit(why: FailBody) -> FailBody {
    let error = if why.error.trim().is_empty() {
        "It failed without saying why".into()
    } else {
        kept(why.error, MESSAGE_CHARS)
    };
    let lines = why.last_lines.map(|lines| {
        let skip = lines.len().saturating_sub(LAST_LINES);
        let newest = lines.into_iter().skip(skip);
        newest.map(|line| kept(line, LINE_CHARS)).collect()
    });
    FailBody {
        error,
        code: why.code.map(|code| kept(code, NAME_CHARS)),
        suggestion: why.suggestion.map(|said| kept(said, MESSAGE_CHARS)),
        last_lines: lines,
        ..why
    }
}

fn put<T>(slot: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *slot = given;
    }
}

/// What of `whole` differs from `told`; `None` if nothing does.
pub(super) fn untold(whole: &Report, told: &Report) -> Option<Report> {
    let steps = new(whole.steps.as_ref(), told.steps.as_ref());
    let metrics = untold_counts(whole.metrics, told.metrics);
    let news = Report {
        // Counts without a percentage would have one made from them, so one that was given goes along.
        progress: if metrics.is_some() {
            whole.progress
        } else {
            new(whole.progress.as_ref(), told.progress.as_ref())
        },
        // A step means one of the list it was said with.
        step: if steps.is_some() {
            whole.step.clone()
        } else {
            new(whole.step.as_ref(), told.step.as_ref())
        },
        steps,
        metrics,
        message: new(whole.message.as_ref(), told.message.as_ref()),
        progress_source: new(
            whole.progress_source.as_ref(),
            told.progress_source.as_ref(),
        ),
    };
    (news != Report::default()).then_some(news)
}

fn new<T: PartialEq + Clone>(whole: Option<&T>, told: Option<&T>) -> Option<T> {
    whole.filter(|value| Some(*value) != told).cloned()
}

fn untold_counts(whole: Option<CountsReport>, told: Option<CountsReport>) -> Option<CountsReport> {
    let (whole, told) = (whole?, told.unwrap_or_default());
    let changed = |whole: Option<u64>, told: Option<u64>| whole.filter(|_| whole != told);
    let news = CountsReport {
        total_items: changed(whole.total_items, told.total_items),
        processed_items: changed(whole.processed_items, told.processed_items),
        error_count: changed(whole.error_count, told.error_count),
        total_bytes: changed(whole.total_bytes, told.total_bytes),
        processed_bytes: changed(whole.processed_bytes, told.processed_bytes),
    };
    (news != CountsReport::default()).then_some(news)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(json: &str) -> Report {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn reports_fold_into_the_newest_whole() {
        for (total_given, reports, whole) in [
            (false, vec![r#"{"progress":1}"#, "{}"], r#"{"progress":1}"#),
            (
                false,
                vec![
                    r#"{"progress":1,"message":"a"}"#,
                    r#"{"progress":2,"step":"x"}"#,
                ],
                r#"{"progress":2,"message":"a","step":"x"}"#,
            ),
            (
                false,
                vec![
                    r#"{"metrics":{"totalItems":9,"errorCount":1}}"#,
                    r#"{"metrics":{"errorCount":2,"processedItems":3}}"#,
                ],
                r#"{"metrics":{"totalItems":9,"errorCount":2,"processedItems":3}}"#,
            ),
            // Counts with a total replace a percentage that was given before, counts without one don't.
            (
                false,
                vec![r#"{"progress":1}"#, r#"{"metrics":{"totalBytes":9}}"#],
                r#"{"metrics":{"totalBytes":9}}"#,
            ),
            (
                true,
                vec![r#"{"progress":1}"#, r#"{"metrics":{"processedItems":1}}"#],
                r#"{"metrics":{"processedItems":1}}"#,
            ),
            (
                false,
                vec![r#"{"progress":1}"#, r#"{"metrics":{"errorCount":1}}"#],
                r#"{"progress":1,"metrics":{"errorCount":1}}"#,
            ),
            // What would be refused is left out.
            (false, vec![r#"{"step":{"a":1},"steps":[]}"#], "{}"),
        ] {
            let mut folded = Report::default();
            for one in &reports {
                merge(&mut folded, report(one), total_given);
            }
            assert_eq!(folded, report(whole), "{reports:?}");
        }
        let mut folded = Report::default();
        let nan = Report {
            progress: Some(f64::NAN),
            ..Report::default()
        };
        merge(&mut folded, nan, false);
        assert_eq!(folded, Report::default());
    }

    #[test]
    fn the_largest_report_and_failure_fit_into_a_frame() {
        let long: Arc<str> = "\u{1f680}\u{1b}".repeat(2_000).into();
        let mut whole = Report::default();
        let report = Report {
            step: Some(StepRef::Name(long.clone())),
            steps: Some(vec![long.clone(); MAX_STEPS]),
            message: Some(long.clone()),
            progress_source: Some(long.clone()),
            ..Report::default()
        };
        merge(&mut whole, report, false);
        assert!(serde_json::to_string(&whole).unwrap().len() < 200 << 10);
        // The name still means one of the list.
        let names = whole.steps.unwrap();
        assert_eq!(whole.step, Some(StepRef::Name(names[0].clone())));

        let why = fit(FailBody {
            error: long.clone(),
            code: Some(long.clone()),
            suggestion: Some(long.clone()),
            last_lines: Some(vec![long; 1000]),
            ..FailBody::default()
        });
        assert!(serde_json::to_string(&why).unwrap().len() < 200 << 10);
        assert_eq!(why.last_lines.map(|lines| lines.len()), Some(50));
        assert!(!fit(FailBody::default()).error.is_empty());
    }

    #[test]
    fn only_what_changed_is_told() {
        for (told, whole, news) in [
            ("{}", "{}", None),
            (
                r#"{"progress":1,"message":"a"}"#,
                r#"{"progress":1,"message":"a"}"#,
                None,
            ),
            (
                r#"{"progress":1,"message":"a"}"#,
                r#"{"progress":2,"message":"a"}"#,
                Some(r#"{"progress":2}"#),
            ),
            (
                r#"{"progress":1,"metrics":{"totalItems":5,"processedItems":1}}"#,
                r#"{"progress":1,"metrics":{"totalItems":5,"processedItems":2}}"#,
                Some(r#"{"progress":1,"metrics":{"processedItems":2}}"#),
            ),
            (
                r#"{"steps":["a"],"step":"a"}"#,
                r#"{"steps":["b","a"],"step":"a"}"#,
                Some(r#"{"steps":["b","a"],"step":"a"}"#),
            ),
        ] {
            let found = untold(&report(whole), &report(told));
            assert_eq!(found, news.map(report), "{told} then {whole}");
        }
    }
}
