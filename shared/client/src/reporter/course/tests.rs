use jobtop_core::job::Reply;
use jobtop_core::job::control::Action;
use jobtop_core::proto::body::FailBody;
use jobtop_core::proto::message::Message;
use serde_json::{Value, json};

use super::super::sample::{ID, asked, control, id, new_job, ok, refusal, report};
use super::{Course, Delivered, Effect, End};

/// What happens to a course; the effects come back as short lines.
enum Step {
    Connected,
    Cut,
    Wake,
    Heard(Value),
    Acked(Action, bool),
    Due,
    Finish(End),
}

use Step::{Acked, Connected, Cut, Due, Finish, Heard, Wake};

/// Runs a course whose producer has said `{"progress": 5}`, and tells what it did at each step.
fn check(steps: Vec<(Step, &[&str])>) {
    check_course(Course::new(new_job(), false), steps);
}

fn check_course(mut course: Course, steps: Vec<(Step, &[&str])>) {
    let whole = report(r#"{"progress":5}"#);
    for (number, (step, wanted)) in steps.into_iter().enumerate() {
        let effects = match step {
            Connected => course.connected(),
            Cut => {
                course.disconnected();
                Vec::new()
            }
            Wake => course.wake(),
            Heard(value) => course.heard(Message::read(&value.to_string()).unwrap(), &whole),
            Acked(action, ok) => course.acknowledge(Reply {
                action,
                ok,
                message: None,
            }),
            Due => course.due(&whole).into_iter().collect(),
            Finish(end) => course.finish(end, &whole),
        };
        let found: Vec<String> = effects.iter().map(line).collect();
        assert_eq!(found, wanted, "at step {number}");
    }
}

fn line(effect: &Effect) -> String {
    match effect {
        Effect::Send(frame) => {
            let frame: Value = serde_json::from_str(frame).unwrap();
            let kind = frame["type"].as_str().unwrap();
            match kind {
                "control_ack" => format!("> {kind} {} {}", frame["action"], frame["ok"]),
                "update_progress" => format!("> {kind} {}", frame["progress"]),
                _ => format!("> {kind}"),
            }
        }
        Effect::Deliver(action) => format!("deliver {}", action.word()),
        Effect::Known(_) => "known".to_owned(),
        Effect::Refused(why) => format!("refused: {why}"),
        Effect::Accepted(command) => format!("accepted {:?}", command.line.argv),
        Effect::Rest => "rest".to_owned(),
        Effect::Over(Delivered::Yes) => "over".to_owned(),
        Effect::Over(Delivered::No(why)) => format!("over, not delivered: {why}"),
    }
}

/// The beginning of most courses: created, told once.
fn begun() -> Vec<(Step, &'static [&'static str])> {
    vec![
        (Connected, &["> create_job"]),
        (Heard(ok("create", "running", &Value::Null)), &["known"]),
        (Due, &["> update_progress 5.0"]),
        (Due, &[]),
    ]
}

fn after_begun(rest: Vec<(Step, &'static [&'static str])>) {
    let mut steps = begun();
    steps.extend(rest);
    check(steps);
}

#[test]
fn a_job_is_created_reported_and_completed() {
    after_begun(vec![
        (Finish(End::Completed), &["> complete_job"]),
        (Heard(ok("end", "completed", &Value::Null)), &["over"]),
    ]);
}

#[test]
fn a_job_that_is_there_already_is_adopted_and_made_again_where_it_is_forgotten() {
    check_course(
        Course::adopting(id(), new_job()),
        vec![
            (Connected, &["> adopt_job"]),
            (Heard(ok("adopt", "pending", &Value::Null)), &[]),
            (Due, &["> update_progress 5.0"]),
            (Cut, &[]),
            (Connected, &["> adopt_job"]),
            (Heard(refusal("adopt", "job_not_found")), &["> create_job"]),
        ],
    );
}

#[test]
fn what_is_not_told_yet_goes_before_the_end() {
    check(vec![
        (Connected, &["> create_job"]),
        (Finish(End::Failed(FailBody::default())), &[]),
        (
            Heard(ok("create", "running", &Value::Null)),
            &["known", "> update_progress 5.0", "> fail_job"],
        ),
        (Heard(ok("end", "failed", &Value::Null)), &["over"]),
    ]);
}

#[test]
fn after_a_cut_the_job_is_adopted_and_told_the_newest_whole() {
    after_begun(vec![
        (Cut, &[]),
        (Due, &[]),
        (Connected, &["> adopt_job"]),
        (Due, &[]),
        (Heard(ok("adopt", "running", &Value::Null)), &[]),
        (Due, &["> update_progress 5.0"]),
    ]);
}

#[test]
fn a_create_whose_answer_was_lost_is_repeated_and_its_job_adopted() {
    check(vec![
        (Connected, &["> create_job"]),
        (Cut, &[]),
        (Connected, &["> create_job"]),
        (
            Heard(ok("create", "running", &Value::Null)),
            &["known", "> adopt_job"],
        ),
        (Heard(ok("adopt", "running", &Value::Null)), &[]),
        (Due, &["> update_progress 5.0"]),
    ]);
}

#[test]
fn each_request_is_delivered_once() {
    after_begun(vec![
        (Heard(control("pause", 1)), &["deliver pause"]),
        (Heard(control("pause", 1)), &[]),
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        // Not answered yet, so still asked: the producer knows.
        (Heard(ok("adopt", "paused", &asked("pause", 1))), &[]),
        (Heard(control("pause", 1)), &[]),
        (
            Acked(Action::Pause, true),
            &["> control_ack \"pause\" true"],
        ),
        (Heard(ok("ack-pause", "paused", &Value::Null)), &[]),
        // The same again, but another request.
        (Heard(control("resume", 2)), &["deliver resume"]),
        (Heard(control("pause", 3)), &["deliver pause"]),
        // Nobody waits for the answer to the former one.
        (Acked(Action::Resume, true), &[]),
        (
            Acked(Action::Pause, false),
            &["> control_ack \"pause\" false"],
        ),
    ]);
}

#[test]
fn what_was_asked_while_we_were_away_is_delivered() {
    after_begun(vec![
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        (
            Heard(ok("adopt", "paused", &asked("pause", 1))),
            &["deliver pause"],
        ),
        (Heard(control("pause", 1)), &[]),
    ]);
}

#[test]
fn an_answer_that_was_lost_is_given_again() {
    after_begun(vec![
        (Heard(control("pause", 1)), &["deliver pause"]),
        (
            Acked(Action::Pause, true),
            &["> control_ack \"pause\" true"],
        ),
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        (
            Heard(ok("adopt", "paused", &asked("pause", 1))),
            &["> control_ack \"pause\" true"],
        ),
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        (Heard(ok("adopt", "paused", &Value::Null)), &[]),
        // Answered while there is no connection: said on the next.
        (Heard(control("resume", 2)), &["deliver resume"]),
        (Cut, &[]),
        (Acked(Action::Resume, true), &[]),
        (Connected, &["> adopt_job"]),
        (
            Heard(ok("adopt", "running", &asked("resume", 2))),
            &["> control_ack \"resume\" true"],
        ),
    ]);
}

#[test]
fn a_cancelled_job_is_over_when_its_process_is_gone() {
    after_begun(vec![
        (Heard(control("cancel", 1)), &["deliver cancel"]),
        // Progress that comes late is not even said.
        (Due, &[]),
        (Finish(End::Gone), &["> control_ack \"cancel\" true"]),
        (
            Heard(ok("ack-cancel", "cancelled", &Value::Null)),
            &["over"],
        ),
    ]);
    // Acknowledged before it is gone.
    after_begun(vec![
        (Heard(control("cancel", 1)), &["deliver cancel"]),
        (
            Acked(Action::Cancel, true),
            &["> control_ack \"cancel\" true"],
        ),
        (Finish(End::Gone), &[]),
        (
            Heard(ok("ack-cancel", "cancelled", &Value::Null)),
            &["over"],
        ),
    ]);
    after_begun(vec![
        (Heard(control("cancel", 1)), &["deliver cancel"]),
        (
            Acked(Action::Cancel, true),
            &["> control_ack \"cancel\" true"],
        ),
        (Heard(ok("ack-cancel", "cancelled", &Value::Null)), &[]),
        (Finish(End::Gone), &["over"]),
    ]);
    // The process ended well all the same: the job stays cancelled.
    after_begun(vec![
        (Heard(control("cancel", 1)), &["deliver cancel"]),
        (Finish(End::Completed), &["> control_ack \"cancel\" true"]),
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        (
            Heard(ok("adopt", "cancelled", &asked("cancel", 1))),
            &["> control_ack \"cancel\" true"],
        ),
        (
            Heard(refusal("ack-cancel", "no_control")),
            &["over, not delivered: the job was cancelled before it ended"],
        ),
    ]);
}

#[test]
fn a_cancel_while_we_were_away_is_delivered_once() {
    // Its process counts as still there: the job can be adopted.
    after_begun(vec![
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        (
            Heard(ok("adopt", "cancelled", &asked("cancel", 1))),
            &["deliver cancel"],
        ),
        (Heard(control("cancel", 1)), &[]),
        (Finish(End::Gone), &["> control_ack \"cancel\" true"]),
        (
            Heard(ok("ack-cancel", "cancelled", &Value::Null)),
            &["over"],
        ),
    ]);
    // Nobody waits for it any more.
    after_begun(vec![
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        (Heard(refusal("adopt", "job_finished")), &["> get_job"]),
        (
            Heard(ok("look", "cancelled", &Value::Null)),
            &["deliver cancel"],
        ),
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        (Heard(refusal("adopt", "job_finished")), &["> get_job"]),
        (Heard(ok("look", "cancelled", &Value::Null)), &[]),
        (Finish(End::Gone), &["over"]),
    ]);
}

#[test]
fn a_cancel_that_crosses_the_end_is_found_out() {
    after_begun(vec![
        (Finish(End::Completed), &["> complete_job"]),
        (Heard(control("cancel", 1)), &["deliver cancel"]),
        (Heard(refusal("end", "job_finished")), &["> get_job"]),
        (
            Heard(ok("look", "cancelled", &Value::Null)),
            &["over, not delivered: the job was cancelled before it ended"],
        ),
    ]);
}

#[test]
fn an_end_whose_answer_was_lost_is_said_again() {
    after_begun(vec![
        (Finish(End::Completed), &["> complete_job"]),
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        (Heard(refusal("adopt", "job_finished")), &["> get_job"]),
        (
            Heard(ok("look", "completed", &Value::Null)),
            &["> complete_job"],
        ),
        (Heard(ok("end", "completed", &Value::Null)), &["over"]),
    ]);
}

#[test]
fn a_job_given_up_as_lost_takes_nothing_more() {
    after_begun(vec![
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        (Heard(refusal("adopt", "job_finished")), &["> get_job"]),
        (
            Heard(ok("look", "failed", &Value::Null)),
            &["refused: the job has failed without us"],
        ),
        (Due, &[]),
        (Cut, &[]),
        (Connected, &[]),
        (
            Finish(End::Completed),
            &["over, not delivered: the job has failed without us"],
        ),
    ]);
}

#[test]
fn a_daemon_that_does_not_know_the_job_gets_it_again() {
    after_begun(vec![
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        (Heard(refusal("adopt", "job_not_found")), &["> create_job"]),
        (Heard(ok("create", "running", &Value::Null)), &["known"]),
        (Due, &["> update_progress 5.0"]),
    ]);
}

#[test]
fn a_cancelled_job_that_is_forgotten_is_not_made_again() {
    after_begun(vec![
        (Heard(control("cancel", 1)), &["deliver cancel"]),
        (Cut, &[]),
        (Connected, &["> adopt_job"]),
        (Heard(refusal("adopt", "job_not_found")), &[]),
        (Finish(End::Gone), &["over"]),
    ]);
}

#[test]
fn a_refusal_that_passes_is_waited_out_another_is_final() {
    check(vec![
        (Connected, &["> create_job"]),
        (Heard(refusal("create", "no_room")), &["rest"]),
        (Wake, &["> create_job"]),
        (Heard(ok("create", "running", &Value::Null)), &["known"]),
        (Wake, &[]),
    ]);
    check(vec![
        (Connected, &["> create_job"]),
        (
            Heard(refusal("create", "forbidden")),
            &["refused: no: forbidden"],
        ),
        (Due, &[]),
        (Cut, &[]),
        (Connected, &[]),
        (
            Finish(End::Completed),
            &["over, not delivered: no: forbidden"],
        ),
    ]);
}

#[test]
fn a_step_that_the_daemon_does_not_know_hides_nothing_else() {
    let whole = report(r#"{"progress":5,"step":"Nope"}"#);
    let mut course = Course::new(new_job(), false);
    course.connected();
    let created = ok("create", "running", &Value::Null).to_string();
    course.heard(Message::read(&created).unwrap(), &whole);
    let Some(Effect::Send(first)) = course.due(&whole) else {
        panic!("a report is due");
    };
    assert!(first.contains("Nope"), "{first}");
    let bad = json!({"type": "error", "code": "bad_step", "message": "no", "jobId": ID});
    let again = course.heard(Message::read(&bad.to_string()).unwrap(), &whole);
    let [Effect::Send(again)] = &again[..] else {
        panic!("it is told again: {again:?}");
    };
    let again: Value = serde_json::from_str(again).unwrap();
    assert_eq!(
        again,
        json!({"type": "update_progress", "jobId": ID, "progress": 5.0})
    );
}

#[test]
fn a_job_too_large_for_a_daemon_is_refused_here() {
    let mut new = new_job();
    new.name = Some("x".repeat(300 << 10).into());
    let mut course = Course::new(new, false);
    let effects = course.connected();
    assert!(
        matches!(&effects[..], [Effect::Refused(why)] if why.contains("too large")),
        "{effects:?}"
    );
}
