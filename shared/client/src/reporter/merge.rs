//! Reports folded into one whole, and what of the whole a daemon has not been told yet. Pure.

use jobtop_core::job::progress::{CountsReport, MAX_STEPS, Report, StepRef};

/// Takes `news` over into `whole`: what is absent stays. What no daemon would take is left out, because one wrong
/// field would have the whole report refused. `total_given`: the job was created with a total.
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
    let steps = steps.filter(|names| (1..=MAX_STEPS).contains(&names.len()));
    put(&mut whole.steps, steps);
    put(
        &mut whole.step,
        step.filter(|step| !matches!(step, StepRef::Other(_))),
    );
    put(&mut whole.message, message);
    put(&mut whole.progress_source, progress_source);
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
