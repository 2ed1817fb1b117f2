//! Random lives of jobs, held against what the protocol promises after every single event.

use jobtop_core::job::Reply;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::{CountsReport, Report, StepRef};
use jobtop_core::job::refusal::Refusal;
use jobtop_core::proto::stored::{StoredJob, StoredTick};
use jobtop_core::proto::view::{Patch, View};
use jobtop_core::{Job, Now, Status};
use proptest::prelude::*;

use super::made::{able, at, failure, pending, running};

/// One thing that happens, and how much later than the one before on each clock.
#[derive(Clone, Debug)]
struct Happening {
    event: Event,
    mono_ms: u64,
    wall_ms: i64,
}

#[derive(Clone, Debug)]
enum Event {
    Start,
    Report(Report),
    Pause,
    Resume,
    Cancel,
    Acknowledge(Action, bool),
    Complete,
    Fail,
    Lose,
    Stall,
    Revive,
    Priority(i32),
    ForgetControl,
}

fn report() -> impl Strategy<Value = Report> {
    let percent = prop_oneof![
        0.0..100.0_f64,
        any::<f64>(),
        Just(0.0),
        Just(-0.0),
        Just(100.0),
        Just(f64::MIN_POSITIVE)
    ];
    let count = || prop::option::of(prop_oneof![0..1_000_u64, any::<u64>(), Just(0)]);
    let counts = (count(), count(), count(), count(), count()).prop_map(|c| CountsReport {
        total_items: c.0,
        processed_items: c.1,
        error_count: c.2,
        total_bytes: c.3,
        processed_bytes: c.4,
    });
    let step = prop_oneof![
        (0..7_u64).prop_map(StepRef::Index),
        any::<u64>().prop_map(StepRef::Index),
        Just(StepRef::Name("Processing data".into())),
        "\\PC{0,4}".prop_map(|name| StepRef::Name(name.into())),
        Just(StepRef::Other(serde_json::Value::Bool(true)))
    ];
    let names = proptest::collection::vec("\\PC{0,6}".prop_map(Into::into), 0..4);
    let text = || prop::option::weighted(0.3, any::<String>().prop_map(Into::into));
    (
        prop::option::of(percent),
        prop::option::weighted(0.3, step),
        prop::option::weighted(0.1, names),
        prop::option::of(counts),
        text(),
        text(),
    )
        .prop_map(|r| Report {
            progress: r.0,
            step: r.1,
            steps: r.2,
            metrics: r.3,
            message: r.4,
            progress_source: r.5,
        })
}

fn happening() -> impl Strategy<Value = Happening> {
    let action = prop::sample::select(vec![Action::Pause, Action::Resume, Action::Cancel]);
    let event = prop_oneof![
        1 => Just(Event::Start),
        6 => report().prop_map(Event::Report),
        4 => Just(Event::Pause),
        4 => Just(Event::Resume),
        1 => Just(Event::Cancel),
        4 => (action, any::<bool>()).prop_map(|(action, ok)| Event::Acknowledge(action, ok)),
        1 => Just(Event::Complete),
        1 => Just(Event::Fail),
        1 => Just(Event::Lose),
        2 => Just(Event::Stall),
        2 => Just(Event::Revive),
        1 => any::<i32>().prop_map(Event::Priority),
        1 => Just(Event::ForgetControl),
    ];
    // The wall clock mostly goes along, and sometimes jumps, also back.
    let mono = prop_oneof![0..5_000_u64, 0..100_000_000_u64];
    (
        event,
        mono,
        prop::option::weighted(0.1, -1_000_000_000..1_000_000_000_i64),
    )
        .prop_map(|(event, mono_ms, jump)| Happening {
            event,
            mono_ms,
            wall_ms: jump.unwrap_or(mono_ms.cast_signed()),
        })
}

fn apply(job: &mut Job, event: &Event, now: Now) -> Result<(), Refusal> {
    match event {
        Event::Start => job.start(now),
        Event::Report(report) => job.report(report, now),
        Event::Pause => job.pause(now),
        Event::Resume => job.resume(now),
        Event::Cancel => job.cancel(now),
        Event::Acknowledge(action, ok) => job.acknowledge(
            &Reply {
                action: *action,
                ok: *ok,
                message: None,
            },
            now,
        ),
        Event::Complete => job.complete(now),
        Event::Fail => job.fail(failure("it broke"), now),
        Event::Lose => job.lose_producer(now),
        Event::Stall => {
            job.stall(now);
            Ok(())
        }
        Event::Revive => {
            job.revive(now);
            Ok(())
        }
        Event::Priority(priority) => job.set_priority(*priority, now),
        Event::ForgetControl => {
            job.forget_control(now);
            Ok(())
        }
    }
}

/// The legal changes, as the protocol lists them.
fn legal(from: Status, to: Status) -> bool {
    use Status::{Cancelled, Completed, Failed, Paused, Pending, Running};
    from == to
        || matches!(
            (from, to),
            (Pending, Running | Cancelled)
                | (Running, Paused)
                | (Paused, Running)
                | (Running | Paused, Completed | Failed | Cancelled)
        )
}

/// Whether the wall clock went along with the monotonic one so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    Steady,
    Jumped,
}

fn holds_of_every_job(
    job: &Job,
    now: Now,
    lived_ms: u64,
    clock: Clock,
) -> Result<(), TestCaseError> {
    let state = &job.state;
    let view = job.view(now.mono);
    prop_assert!((0.0..=100.0).contains(&view.progress), "{}", view.progress);
    prop_assert!(view.progress.is_sign_positive());
    prop_assert!((view.current_step as usize) < view.steps.len());
    prop_assert_eq!(state.revision, 7, "revisions are the engine's");

    let metrics = &view.metrics;
    let counted = state.stopwatch.active_ms(now.mono) + state.stopwatch.paused_ms(now.mono);
    prop_assert!(counted <= lived_ms, "{} of {}", counted, lived_ms);
    for figure in [metrics.items_per_second, metrics.error_rate] {
        prop_assert!(figure.is_none_or(|f| f.is_finite() && f >= 0.0));
    }
    prop_assert_eq!(metrics.error_rate.is_some(), metrics.processed_items > 0);
    prop_assert_eq!(view.health.is_some(), metrics.items_per_second.is_some());
    prop_assert!(metrics.estimated_completion.is_none() || view.status == Status::Running);
    if let Some(eta) = metrics.estimated_completion {
        prop_assert!(eta >= now.wall || clock == Clock::Jumped, "{}", eta);
    }

    prop_assert_eq!(view.finished_at.is_some(), view.status.is_final());
    if let (Some(start), Some(end)) = (metrics.start_time, view.finished_at) {
        prop_assert!(end >= start);
    }
    prop_assert_eq!(view.error.is_some(), view.status == Status::Failed);
    prop_assert_eq!(view.error_detail.is_some(), view.status == Status::Failed);
    if view.status == Status::Completed {
        prop_assert!(view.progress >= 100.0);
        prop_assert_eq!(view.current_step as usize, view.steps.len() - 1);
    }
    if view.stalled_since.is_some() {
        prop_assert!(matches!(view.status, Status::Running | Status::Paused));
        prop_assert!(metrics.estimated_completion.is_none());
    }
    match view.control.map(|request| request.action) {
        None => {}
        Some(Action::Pause) => prop_assert_eq!(view.status, Status::Paused),
        Some(Action::Resume) => prop_assert_eq!(view.status, Status::Running),
        Some(Action::Cancel) => prop_assert_eq!(view.status, Status::Cancelled),
    }
    Ok(())
}

/// The job as it is said; the wire leaves out which status a refusal would restore.
fn seen(job: &Job, now: Now) -> View {
    let mut view = job.view(now.mono);
    if let Some(request) = &mut view.control {
        request.before = None;
    }
    view
}

fn said(view: &View) -> View {
    serde_json::from_str(&serde_json::to_string(view).unwrap()).unwrap()
}

fn any_job() -> impl Strategy<Value = Job> {
    prop_oneof![
        Just(pending()),
        Just(running()),
        (any::<bool>(), any::<bool>()).prop_map(|(pause, cancel)| able(pause, cancel))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_life_keeps_every_promise(
        mut job in any_job(),
        life in proptest::collection::vec(happening(), 1..30)
    ) {
        let mut now = at(0);
        let mut lived_ms = 0;
        let mut clock = Clock::Steady;
        let mut views = vec![job.view(now.mono)];
        for Happening { event, mono_ms, wall_ms } in &life {
            now.mono += mono_ms;
            now.wall = now.wall.plus_ms(*wall_ms);
            lived_ms += mono_ms;
            if mono_ms.cast_signed() != *wall_ms {
                clock = Clock::Jumped;
            }
            let before = job.clone();
            let result = apply(&mut job, event, now);

            prop_assert!(legal(before.state.status, job.state.status), "{:?}", event);
            prop_assert!(job.state.updated_at >= before.state.updated_at);
            if result.is_err() {
                prop_assert_eq!(format!("{job:?}"), format!("{before:?}"), "{:?}", event);
            }
            if before.is_final() {
                // Only an acknowledgement still says something: its words, and that the request is settled.
                let mut same = job.clone();
                same.state.control = before.state.control;
                same.state.message.clone_from(&before.state.message);
                same.state.updated_at = before.state.updated_at;
                prop_assert_eq!(format!("{same:?}"), format!("{before:?}"), "{:?}", event);
            }
            holds_of_every_job(&job, now, lived_ms, clock)?;

            // What is said can be read back, and brings any older view up to date.
            let view = seen(&job, now);
            prop_assert_eq!(&said(&view), &view);
            let patch = serde_json::to_string(&job.patch(now.mono)).unwrap();
            let patch: Patch = serde_json::from_str(&patch).unwrap();
            for older in &views {
                let mut older = older.clone();
                older.apply(patch.clone());
                // A patch says nothing of the steps: what passed unseen belongs to the one that was seen last.
                let of_steps = older.step_seconds.iter().sum::<f64>();
                prop_assert!(of_steps <= view.metrics.active_seconds + 1e-9);
                older.step_seconds.clone_from(&view.step_seconds);
                prop_assert_eq!(&older, &view);
            }
            views.push(view);
        }
    }

    #[test]
    fn a_life_goes_on_after_any_restart(
        mut job in any_job(),
        life in proptest::collection::vec((happening(), any::<bool>()), 1..15)
    ) {
        let mut lived = job.clone();
        let mut now = at(0);
        for (Happening { event, mono_ms, .. }, restart) in &life {
            now.mono += mono_ms;
            now.wall = now.wall.plus_ms(mono_ms.cast_signed());
            if *restart {
                let text = serde_json::to_vec(&job.stored(now.mono)).unwrap();
                let tick = serde_json::to_vec(&job.stored_tick(now.mono)).unwrap();
                job = StoredJob::read(&text).unwrap().revive(now);
                job.state = StoredTick::read(&tick).unwrap().revive(now);
            }
            let one = apply(&mut job, event, now);
            let other = apply(&mut lived, event, now);
            prop_assert_eq!(one, other);
            prop_assert_eq!(job.view(now.mono), lived.view(now.mono));
        }
    }
}
