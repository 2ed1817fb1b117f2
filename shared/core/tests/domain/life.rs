//! The verbs one by one: what each does, what it leaves, and when it is refused.

use jobtop_core::job::control::Action;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::{Job, Status};

use super::made::{able, at, failure, pending, reply, report, running};

fn refused(result: Result<(), Refusal>) -> (Code, String) {
    let refusal = result.expect_err("it should have been refused");
    (refusal.code, refusal.detail.into_owned())
}

fn asked(job: &Job) -> Option<Action> {
    job.state.control.map(|request| request.action)
}

#[test]
fn a_pending_jobs_first_report_begins_it() {
    let mut job = pending();
    job.report(&report(r#"{"progress": 5}"#), at(3_000))
        .unwrap();
    assert_eq!(job.state.status, Status::Running);
    assert_eq!(job.state.start_time, Some(at(3_000).wall));
    let metrics = job.view(at(5_000).mono).metrics;
    assert_eq!((metrics.active_seconds, metrics.paused_seconds), (2.0, 0.0));
}

#[test]
fn completing_fills_what_is_left() {
    let mut job = running();
    job.report(&report(r#"{"progress": 41.7, "step": 2}"#), at(1_000))
        .unwrap();
    assert!(job.state.estimated_completion.is_some());
    job.complete(at(2_000)).unwrap();
    let view = job.view(at(9_000).mono);
    assert_eq!(
        (view.status, view.progress, view.current_step),
        (Status::Completed, 100.0, 4)
    );
    assert_eq!(view.finished_at, Some(at(2_000).wall));
    assert_eq!(view.metrics.estimated_completion, None);
    assert_eq!(view.metrics.active_seconds, 2.0);
}

#[test]
fn failing_says_in_which_step() {
    let mut job = running();
    job.report(
        &report(r#"{"progress": 41.7, "step": "Processing data"}"#),
        at(1_000),
    )
    .unwrap();
    job.fail(failure("The disk is full"), at(2_000)).unwrap();
    let view = job.view(at(2_000).mono);
    assert_eq!((view.status, view.progress), (Status::Failed, 41.7));
    assert_eq!(view.error.as_deref(), Some("The disk is full"));
    let detail = view.error_detail.unwrap();
    assert_eq!(detail.step.as_deref(), Some("Processing data"));

    let mut lost = running();
    lost.stall(at(1_000));
    lost.lose_producer(at(601_000)).unwrap();
    assert_eq!(&*lost.state.failure.unwrap().code, "producer_lost");
    assert_eq!(lost.state.stalled_since, None);
}

#[test]
fn controls_show_at_once_and_wait_for_the_producer() {
    let mut job = running();
    job.pause(at(1_000)).unwrap();
    assert_eq!(
        (job.state.status, asked(&job)),
        (Status::Paused, Some(Action::Pause))
    );
    job.acknowledge(&reply(r#"{"action":"pause","ok":true}"#), at(1_100))
        .unwrap();
    assert_eq!((job.state.status, asked(&job)), (Status::Paused, None));
    // Progress of a paused job counts, and does not make it run.
    job.report(&report(r#"{"progress": 9}"#), at(1_200))
        .unwrap();
    assert_eq!(
        (job.state.status, job.state.progress),
        (Status::Paused, 9.0)
    );

    job.resume(at(2_000)).unwrap();
    assert_eq!(
        (job.state.status, asked(&job)),
        (Status::Running, Some(Action::Resume))
    );
    // The answer to what is not asked any more comes too late.
    let late = job.acknowledge(&reply(r#"{"action":"pause","ok":false}"#), at(2_050));
    assert_eq!(refused(late).0, Code::NoControl);
    assert_eq!(asked(&job), Some(Action::Resume));
    job.acknowledge(&reply(r#"{"action":"resume","ok":true}"#), at(2_100))
        .unwrap();
    assert_eq!((job.state.status, asked(&job)), (Status::Running, None));
    let metrics = job.view(at(3_000).mono).metrics;
    assert_eq!((metrics.active_seconds, metrics.paused_seconds), (2.0, 1.0));

    job.cancel(at(3_000)).unwrap();
    assert_eq!(
        (job.state.status, asked(&job)),
        (Status::Cancelled, Some(Action::Cancel))
    );
    job.acknowledge(&reply(r#"{"action":"cancel","ok":true}"#), at(3_100))
        .unwrap();
    assert_eq!((job.state.status, asked(&job)), (Status::Cancelled, None));
}

#[test]
fn what_the_producer_refuses_is_undone_with_its_words() {
    let mut job = running();
    job.pause(at(1_000)).unwrap();
    let no = r#"{"action":"pause","ok":false,"message":"in the middle of a\ttransaction"}"#;
    job.acknowledge(&reply(no), at(1_500)).unwrap();
    assert_eq!((job.state.status, asked(&job)), (Status::Running, None));
    assert_eq!(
        job.state.message.as_deref(),
        Some("in the middle of a transaction")
    );

    job.pause(at(2_000)).unwrap();
    job.acknowledge(&reply(r#"{"action":"pause","ok":true}"#), at(2_000))
        .unwrap();
    job.resume(at(3_000)).unwrap();
    job.acknowledge(&reply(r#"{"action":"resume","ok":false}"#), at(3_500))
        .unwrap();
    assert_eq!((job.state.status, asked(&job)), (Status::Paused, None));

    // A cancelled job stays cancelled, and its process is still there.
    job.cancel(at(4_000)).unwrap();
    job.acknowledge(
        &reply(r#"{"action":"cancel","ok":false,"message":"busy"}"#),
        at(4_500),
    )
    .unwrap();
    assert_eq!(
        (job.state.status, asked(&job)),
        (Status::Cancelled, Some(Action::Cancel))
    );
    assert_eq!(job.state.message.as_deref(), Some("busy"));
    job.forget_control(at(5_000));
    assert_eq!((job.state.status, asked(&job)), (Status::Cancelled, None));
}

#[test]
fn a_refused_control_is_undone_after_a_restart_too() {
    let mut job = running();
    job.pause(at(1_000)).unwrap();
    let kept = serde_json::to_vec(&job.stored(at(1_000).mono)).unwrap();
    let kept = jobtop_core::proto::stored::StoredJob::read(&kept).unwrap();
    let mut job = kept.revive(at(9_000));
    job.acknowledge(&reply(r#"{"action":"pause","ok":false}"#), at(9_500))
        .unwrap();
    assert_eq!((job.state.status, asked(&job)), (Status::Running, None));
}

#[test]
fn nobody_has_to_be_told_that_a_waiting_job_is_cancelled() {
    let mut job = pending();
    job.cancel(at(1_000)).unwrap();
    assert_eq!((job.state.status, asked(&job)), (Status::Cancelled, None));
    assert_eq!(job.state.finished_at, Some(at(1_000).wall));
    let metrics = job.view(at(9_000).mono).metrics;
    assert_eq!((metrics.active_seconds, metrics.start_time), (0.0, None));
}

#[test]
fn what_the_producer_cannot_do_is_not_asked() {
    let before = format!("{:?}", able(false, false));
    let mut job = able(false, false);
    let (code, says) = refused(job.pause(at(1_000)));
    assert_eq!(
        (code, &*says),
        (Code::NotSupported, "This job's producer cannot pause it")
    );
    assert_eq!(refused(job.cancel(at(1_000))).0, Code::NotSupported);
    // The wrong moment comes first: it would be wrong with any producer.
    assert_eq!(refused(job.resume(at(1_000))).0, Code::InvalidState);
    assert_eq!(format!("{job:?}"), before);

    let mut job = able(true, false);
    job.pause(at(1_000)).unwrap();
    assert_eq!(refused(job.cancel(at(1_000))).0, Code::NotSupported);
}

#[test]
fn the_storys_sentences_for_the_wrong_moment() {
    let mut job = pending();
    assert_eq!(
        refused(job.pause(at(0))),
        (
            Code::InvalidState,
            "Job cannot be paused in current state".to_owned()
        )
    );
    job.cancel(at(0)).unwrap();
    assert_eq!(
        refused(job.cancel(at(0))),
        (
            Code::JobFinished,
            "Job cannot be cancelled in current state".to_owned()
        )
    );
    for late in [
        job.start(at(1)),
        job.report(&report("{}"), at(1)),
        job.pause(at(1)),
        job.resume(at(1)),
        job.complete(at(1)),
        job.fail(failure("x"), at(1)),
        job.lose_producer(at(1)),
        job.set_priority(3, at(1)),
    ] {
        assert_eq!(refused(late).0, Code::JobFinished);
    }
    assert_eq!(
        refused(running().set_priority(3, at(1))).0,
        Code::InvalidState
    );
    assert_eq!(refused(running().resume(at(1))).0, Code::InvalidState);
    assert_eq!(refused(running().start(at(1))).0, Code::InvalidState);
    assert_eq!(refused(pending().complete(at(1))).0, Code::InvalidState);
    assert_eq!(
        refused(pending().fail(failure("x"), at(1))).0,
        Code::InvalidState
    );
}

#[test]
fn silence_and_its_end() {
    let mut job = running();
    job.report(&report(r#"{"progress": 50}"#), at(1_000))
        .unwrap();
    job.stall(at(5_000));
    assert_eq!(job.state.stalled_since, Some(at(5_000).wall));
    assert_eq!(job.state.estimated_completion, None);
    job.stall(at(6_000));
    assert_eq!(
        job.state.stalled_since,
        Some(at(5_000).wall),
        "since the first time"
    );
    assert!(job.revive(at(7_000)));
    assert!(!job.revive(at(7_001)), "no news");
    assert!(job.state.estimated_completion.is_some());

    job.stall(at(8_000));
    job.report(&report("{}"), at(9_000)).unwrap();
    assert_eq!(job.state.stalled_since, None, "whoever reports is there");

    let mut waiting = pending();
    waiting.stall(at(1_000));
    assert_eq!(waiting.state.stalled_since, None, "nobody works on it yet");
}

#[test]
fn an_estimate_is_ahead_or_absent() {
    let mut job = running();
    let eta = |job: &Job, ms: u64| job.view(at(ms).mono).metrics.estimated_completion;
    assert_eq!(eta(&job, 0), None);
    job.report(&report(r#"{"progress": 0}"#), at(1_000))
        .unwrap();
    assert_eq!(eta(&job, 1_000), None);
    job.report(&report(r#"{"progress": 25}"#), at(10_000))
        .unwrap();
    assert_eq!(eta(&job, 10_000), Some(at(40_000).wall));
    assert_eq!(eta(&job, 40_000), Some(at(40_000).wall));
    assert_eq!(
        eta(&job, 40_001),
        None,
        "the moment has passed and it is not done"
    );
    assert!(!job.is_overdue(at(40_000)));
    assert!(job.is_overdue(at(40_001)));
    let before = job.state.updated_at;
    job.forget_estimate(at(40_001));
    assert_eq!(job.state.estimated_completion, None);
    assert_eq!(job.state.updated_at, before, "nobody has reported anything");
    job.pause(at(50_000)).unwrap();
    assert_eq!(eta(&job, 50_000), None);
    job.resume(at(90_000)).unwrap();
    // 50 s of work for a quarter: 150 s to go, the pause counts nowhere.
    assert_eq!(eta(&job, 90_000), Some(at(240_000).wall));
    job.report(&report(r#"{"progress": 0.0000001}"#), at(91_000))
        .unwrap();
    assert_eq!(eta(&job, 91_000), None, "centuries are no estimate");
    job.report(&report(r#"{"progress": 100}"#), at(92_000))
        .unwrap();
    assert_eq!(eta(&job, 92_000), Some(at(92_000).wall));
}

#[test]
fn figures_are_null_until_there_is_something_to_count() {
    let mut job = running();
    let view = |job: &Job, ms: u64| job.view(at(ms).mono);
    let none = view(&job, 5_000);
    assert_eq!(
        (
            none.metrics.items_per_second,
            none.metrics.error_rate,
            none.health
        ),
        (None, None, None)
    );
    let counted = report(r#"{"metrics": {"processedItems": 500, "errorCount": 30}}"#);
    job.report(&counted, at(0)).unwrap();
    let no_time = view(&job, 0);
    assert_eq!(
        (no_time.metrics.items_per_second, no_time.health),
        (None, None)
    );
    let some = view(&job, 3_000);
    assert_eq!(some.metrics.items_per_second, Some(166.667));
    assert_eq!(some.metrics.error_rate, Some(0.06));
    assert_eq!(
        some.health.map(jobtop_core::calc::health::Health::word),
        Some("fair")
    );
    // One item in two hours is slow, and not nothing.
    let slow = report(r#"{"metrics": {"processedItems": 1}}"#);
    job.report(&slow, at(7_200_000)).unwrap();
    let rate = view(&job, 7_200_000).metrics.items_per_second.unwrap();
    assert!(rate > 0.000_138 && rate < 0.000_139, "{rate}");
}

#[test]
fn a_view_says_how_long_each_step_took_and_so_does_one_that_is_patched() {
    let mut job = running();
    let mut patched = job.view(at(0).mono);
    for (ms, json) in [
        (2_000, r#"{"step": 1}"#),
        (2_500, r#"{"progress": 10}"#),
        (3_000, r#"{"step": 3}"#),
        (7_000, r#"{"step": 1}"#),
    ] {
        job.report(&report(json), at(ms)).unwrap();
        patched.apply(job.patch(at(ms).mono));
    }
    assert_eq!(job.view(at(7_500).mono).step_seconds, [2.0, 1.0, 0.0, 4.0]);
    assert!((patched.in_step(7.5) - 0.5).abs() < 1e-9);
    job.complete(at(8_000)).unwrap();
    patched.apply(job.patch(at(8_000).mono));
    // What was left to the end belongs to the step in which it ended, also when that is another one.
    let whole = job.view(at(9_000).mono);
    assert_eq!(patched.step_seconds.iter().sum::<f64>(), 8.0);
    assert_eq!(whole.step_seconds.iter().sum::<f64>(), 8.0);
    assert_eq!(patched.step_seconds, whole.step_seconds);
}
