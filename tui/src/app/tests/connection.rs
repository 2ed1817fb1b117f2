//! The connection comes and goes: the picture stays, its age is known, and nothing is asked into the void.

use jobtop_core::Status;

use super::person::{Person, at, job};
use crate::app::act::Verb;
use crate::app::link::State;
use crate::app::{Effect, Mode};

#[test]
fn offline_the_picture_stays_and_time_stands_still() {
    let mut person = Person::with([job(1)]);
    person.wait(2_000);
    person.cut(3_000);
    let shown = person.app.chosen().unwrap().clone();
    let worked = person.app.active_ms(&shown);
    person.wait(14_000);
    person.tick();
    assert_eq!(person.names(), ["[1]"]);
    assert_eq!(person.app.clock(), at(2));
    assert_eq!(person.app.active_ms(&shown), worked);
    // An attempt that fails again does not make the picture any younger.
    person.link(State::Connecting);
    person.cut(6_000);
    assert_eq!(person.app.clock(), at(2));
    person.link(State::Connected);
    assert_eq!(person.app.clock(), at(16));
}

#[test]
fn times_of_jobs_are_read_by_the_daemon_s_clock() {
    let mut person = Person::with([job(1)]);
    person.wait(2_000);
    person.tick();
    let shown = person.app.chosen().unwrap().clone();
    for (said, clock) in [
        (Some(at(3_602)), at(3_602)),
        (Some(at(-58)), at(-58)),
        // Less than the way here may take: the clocks agree.
        (Some(at(1).plus_ms(500)), at(2)),
        (Some(at(3_602)), at(3_602)),
        (None, at(3_602)),
    ] {
        let worked = person.app.active_ms(&shown);
        person.subscribed_at(7, false, said);
        person.tick();
        assert_eq!(person.app.clock(), clock, "{said:?}");
        assert_eq!(person.app.active_ms(&shown), worked, "{said:?}");
    }
    person.cut(3_000);
    person.wait(10_000);
    person.tick();
    assert_eq!(person.app.clock(), at(3_602));
}

#[test]
fn offline_actions_are_refused_with_the_reason() {
    let mut person = Person::with([job(1)]);
    person.cut(3_000);
    assert_eq!(person.press("p"), []);
    assert!(
        person.toast().contains("not connected"),
        "{}",
        person.toast()
    );
    assert_eq!(person.press("x R +"), []);
    assert_eq!(person.app.mode, Mode::Browse);
    assert_eq!(person.doing(), None);
    assert_eq!(person.press("r"), [Effect::Reconnect]);
}

#[test]
fn r_only_tries_when_there_is_something_to_try() {
    let mut person = Person::with([job(1)]);
    assert_eq!(person.press("r"), []);
    assert_eq!(person.toast(), "the connection stands");
}

#[test]
fn what_was_asked_when_it_broke_is_not_known() {
    let mut person = Person::with([job(1)]);
    person.press("p");
    person.cut(3_000);
    assert_eq!(person.doing(), None);
    assert!(person.toast().contains("before the daemon answered"));
}

#[test]
fn a_question_closes_when_the_connection_breaks() {
    let mut person = Person::with([job(1)]);
    person.press("x");
    person.cut(3_000);
    person.tick();
    assert_eq!(person.app.mode, Mode::Browse);
    assert!(person.toast().contains("not connected"));
}

#[test]
fn after_a_reset_rows_stay_until_the_snapshot_is_whole() {
    let mut person = Person::with([job(1), job(2), job(3)]);
    person.cut(1_000);
    person.link(State::Connected);
    person.subscribed(8, true);
    person.see(job(2));
    person.wait(2_000);
    person.tick();
    assert_eq!(person.names(), ["[1]", "2", "3"]);
    person.see(job(1));
    person.snapshot_end(8);
    person.tick();
    assert_eq!(person.names(), ["[1]", "2"]);
}

#[test]
fn coming_back_is_told_and_whether_it_is_the_same_daemon() {
    let mut person = Person::with([job(1)]);
    assert_eq!(person.toast(), "");
    person.cut(1_000);
    person.wait(6_000);
    person.link(State::Connected);
    person.subscribed(7, false);
    assert_eq!(person.toast(), "connected again after 6s");
    person.cut(1_000);
    person.wait(2_500);
    person.link(State::Connected);
    person.subscribed(8, true);
    assert_eq!(
        person.toast(),
        "connected again after 3s: the daemon was started anew in the meantime"
    );
}

#[test]
fn an_answer_to_a_request_may_come_after_its_effect() {
    let mut person = Person::with([job(1)]);
    let id = job(1).id;
    person.press("p");
    person.change(id, 20, |patch| patch.status = Status::Paused);
    person.answered(id, Verb::Pause, Ok(Some(20)));
    assert_eq!(person.doing(), None);
}
