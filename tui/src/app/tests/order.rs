//! The order of the rows, and that nothing moves under the hand.

use jobtop_core::Status;
use jobtop_core::proto::view::{Patch, View};

use super::person::{Person, at, job};
use crate::app::{Event, Screen, Shown};

fn ended(n: u32, seconds: i64) -> View {
    let mut job = job(n);
    job.status = Status::Completed;
    job.finished_at = Some(at(seconds));
    job
}

fn complete(patch: &mut Patch) {
    patch.status = Status::Completed;
    patch.finished_at = Some(at(10));
}

#[test]
fn live_jobs_first_then_the_ended_newest_first() {
    let mut waiting = job(4);
    waiting.status = Status::Pending;
    let person = Person::with([ended(5, -30), job(3), waiting, ended(6, -10), job(1)]);
    assert_eq!(person.names(), ["[1]", "3", "4", "6", "5"]);
}

#[test]
fn the_cursor_is_a_job_and_not_a_line() {
    let mut person = Person::with([job(3), job(5)]);
    person.press("j");
    assert_eq!(person.names(), ["3", "[5]"]);
    person.wait(2_000);
    person.see(job(4));
    person.see(job(1));
    person.tick();
    assert_eq!(person.names(), ["1", "3", "4", "[5]"]);
}

#[test]
fn nothing_moves_within_a_second_after_a_key() {
    let mut person = Person::with([job(3), job(5), job(7)]);
    person.press("j");
    person.see(job(1));
    person.change(job(3).id, 50, complete);
    person.wait(999);
    person.tick();
    assert_eq!(person.names(), ["3", "[5]", "7"]);
    person.wait(1);
    person.tick();
    assert_eq!(person.names(), ["1", "[5]", "7", "3"]);
}

#[test]
fn a_row_stays_while_the_cursor_is_on_it() {
    let mut person = Person::with([job(3), job(5), job(7)]);
    person.press("k");
    person.change(job(3).id, 50, complete);
    person.wait(10_000);
    person.tick();
    assert_eq!(person.names(), ["[3]", "5", "7"]);
    person.press("j");
    person.tick();
    assert_eq!(person.names(), ["3", "[5]", "7"]);
    person.wait(1_000);
    person.tick();
    assert_eq!(person.names(), ["[5]", "7", "3"]);
}

#[test]
fn a_row_that_ends_right_after_it_was_chosen_stays_too() {
    let mut person = Person::with([job(3), job(5), job(7)]);
    person.press("j x");
    person.wait(300);
    person.press("y");
    person.change(job(5).id, 50, complete);
    person.wait(5_000);
    person.tick();
    assert_eq!(person.names(), ["3", "[5]", "7"]);
}

#[test]
fn until_a_key_is_pressed_the_cursor_stays_at_the_top() {
    let mut person = Person::with([job(3)]);
    person.see(job(1));
    person.tick();
    assert_eq!(person.names(), ["[1]", "3"]);
    person.press("k");
    person.wait(1_000);
    person.see(job(0));
    person.tick();
    assert_eq!(person.names(), ["0", "[1]", "3"]);
}

#[test]
fn nothing_moves_while_a_question_is_open() {
    let mut person = Person::with([job(3), job(5)]);
    person.press("x");
    person.see(job(1));
    person.wait(60_000);
    person.tick();
    assert_eq!(person.names(), ["[3]", "5"]);
    person.press("n");
    person.wait(1_000);
    person.tick();
    assert_eq!(person.names(), ["1", "[3]", "5"]);
}

#[test]
fn what_is_gone_is_gone_and_the_cursor_stays_in_its_line() {
    let mut person = Person::with([job(1), job(2), job(3), job(4)]);
    person.press("j");
    person.remove(job(2).id, 60);
    person.tick();
    assert_eq!(person.names(), ["1", "[3]", "4"]);
    person.remove(job(1).id, 61);
    person.tick();
    assert_eq!(person.names(), ["[3]", "4"]);
    person.remove(job(3).id, 62);
    person.remove(job(4).id, 63);
    person.tick();
    assert_eq!(person.names(), [""; 0]);
    person.press("j k G g p x Enter");
}

#[test]
fn a_job_that_leaves_while_it_is_shown_whole_is_told() {
    let mut person = Person::with([job(1), job(2)]);
    person.press("Enter");
    person.remove(job(1).id, 60);
    person.tick();
    assert_eq!(person.app.screen, Screen::List);
    assert!(person.toast().contains("no longer in the live set"));
}

#[test]
fn the_chosen_row_keeps_its_line_when_others_come_above() {
    let mut person = Person::with((10..60).map(job));
    person.happen(Event::Shown(Shown {
        rows: 10,
        ..Shown::default()
    }));
    person.press("PgDn PgDn");
    person.press("k k k");
    let line = |person: &Person| person.app.rows.index().unwrap() - person.app.rows.first(10);
    let before = line(&person);
    person.wait(2_000);
    for n in 1..6 {
        person.see(job(n));
    }
    person.tick();
    assert_eq!(line(&person), before);
    assert_eq!(person.app.rows.order().len(), 55);
}

#[test]
fn pages_and_ends() {
    let mut person = Person::with((1..=35).map(job));
    for (keys, index) in [
        ("G", 34),
        ("g", 0),
        ("PgDn", 10),
        ("Ctrl-F", 20),
        ("End", 34),
        ("PgUp", 24),
        ("Ctrl-U", 14),
        ("k", 13),
        ("Up", 12),
        ("Down j", 14),
        ("Home k", 0),
    ] {
        person.press(keys);
        assert_eq!(person.app.rows.index(), Some(index), "{keys}");
    }
}
