//! Keys and news drive the state: no terminal, no daemon, a clock that is set by hand.

use jobtop_core::Status;

use super::act::Verb;
use super::{Effect, Mode, Screen};

pub(crate) mod alarms;
mod arranging;
mod connection;
mod filtering;
mod log;
mod order;
mod past;
pub(crate) mod person;
mod several;

use person::{Person, job};

#[test]
fn escape_goes_one_level_back_and_never_quits() {
    let mut person = Person::with([job(1)]);
    person.press("Enter ? Esc");
    assert_eq!(person.app.screen, Screen::Detail(0));
    person.press("Esc");
    assert_eq!(person.app.screen, Screen::List);
    person.press("/");
    person.write("orders");
    person.press("Enter");
    assert!(person.app.filters.is_set());
    person.press("Esc");
    assert!(!person.app.filters.is_set());
    assert_eq!(person.press("Esc Esc Esc"), []);
    assert!(person.toast().contains("q quits"));
}

#[test]
fn q_quits_at_the_top_and_goes_back_elsewhere() {
    let mut person = Person::with([job(1)]);
    let id = job(1).id;
    let read = [Effect::ReadLog(id), Effect::LeaveLog];
    assert_eq!(person.press("Enter q"), read);
    assert_eq!(person.app.screen, Screen::List);
    assert_eq!(person.press("? q"), []);
    assert_eq!(person.press("q"), [Effect::Quit]);
}

#[test]
fn control_c_quits_at_the_top_and_clears_in_an_input() {
    let mut person = Person::with([job(1)]);
    person.press("/");
    person.write("xyz");
    assert_eq!(person.press("Ctrl-C"), []);
    assert!(matches!(&person.app.mode, Mode::Typing(t) if t.input.text().is_empty()));
    assert_eq!(person.press("Ctrl-C"), []);
    assert_eq!(person.app.mode, Mode::Browse);
    assert_eq!(person.press("Ctrl-C"), [Effect::Quit]);
}

#[test]
fn p_pauses_and_resumes_and_shows_it_until_it_is_true() {
    let mut person = Person::with([job(1)]);
    let id = job(1).id;
    assert_eq!(person.press("p"), [Effect::Ask(id, Verb::Pause)]);
    assert_eq!(person.doing(), Some("pausing"));
    // Asked twice is asked once.
    assert_eq!(person.press("p"), []);
    assert!(person.toast().contains("asked already"));
    // The daemon's yes may come before the job's new state: nothing flickers in between.
    person.answered(id, Verb::Pause, Ok(Some(20)));
    assert_eq!(person.doing(), Some("pausing"));
    person.change(id, 20, |patch| {
        patch.status = Status::Paused;
        patch.control = Some(person::asked_for("pause"));
    });
    assert_eq!(person.doing(), Some("pausing"));
    person.change(id, 21, |patch| patch.status = Status::Paused);
    assert_eq!(person.doing(), None);
    assert_eq!(person.press("p"), [Effect::Ask(id, Verb::Resume)]);
    assert_eq!(person.doing(), Some("resuming"));
}

#[test]
fn a_refusal_is_shown_in_the_daemons_words() {
    let mut person = Person::with([job(1)]);
    let id = job(1).id;
    person.press("p");
    person.answered(
        id,
        Verb::Pause,
        Err("Job cannot be paused in current state".to_owned()),
    );
    assert_eq!(
        person.toast(),
        "orders-1.csv: Job cannot be paused in current state"
    );
    assert_eq!(person.doing(), None);
}

#[test]
fn cancel_asks_and_only_y_confirms() {
    let mut person = Person::with([job(1)]);
    let id = job(1).id;
    for no in ["n", "Esc", "Enter", "q", "Ctrl-C"] {
        person.press("x");
        person.wait(300);
        assert_eq!(person.press(no), [], "{no}");
        assert_eq!(person.app.mode, Mode::Browse, "{no}");
    }
    for deaf in ["x", "p", "R", "Y", "Space", "j"] {
        person.press("x");
        person.wait(300);
        assert_eq!(person.press(deaf), [], "{deaf}");
        assert!(matches!(person.app.mode, Mode::Confirm(_)), "{deaf}");
        person.press("n");
    }
    person.press("x");
    person.wait(300);
    assert_eq!(person.press("y"), [Effect::Ask(id, Verb::Cancel)]);
    assert_eq!(person.doing(), Some("cancelling"));
}

#[test]
fn a_question_is_deaf_at_first() {
    let mut person = Person::with([job(1)]);
    let id = job(1).id;
    person.press("x");
    person.wait(249);
    assert_eq!(person.press("y n"), []);
    assert!(matches!(person.app.mode, Mode::Confirm(_)));
    person.wait(1);
    assert_eq!(person.press("y"), [Effect::Ask(id, Verb::Cancel)]);
}

#[test]
fn a_question_closes_when_its_job_ends() {
    let mut person = Person::with([job(1)]);
    person.press("x");
    person.change(job(1).id, 9, |patch| {
        patch.status = Status::Completed;
        patch.finished_at = Some(person::at(60));
    });
    person.tick();
    assert_eq!(person.app.mode, Mode::Browse);
    assert_eq!(person.toast(), "completed jobs can't be cancelled");
    // A yes that comes too late is a key of the list, and asks nothing of anybody.
    assert!(matches!(person.press("y")[..], [Effect::Copy(_)]));
}

#[test]
fn a_key_that_can_do_nothing_says_why() {
    type Change = fn(&mut jobtop_core::proto::view::View);
    let table: [(&str, Change, &str); 9] = [
        (
            "p",
            |j| j.status = Status::Completed,
            "completed jobs can't be paused",
        ),
        (
            "p",
            |j| j.status = Status::Cancelled,
            "cancelled jobs can't be paused",
        ),
        (
            "p",
            |j| j.status = Status::Pending,
            "nobody works on them yet",
        ),
        (
            "p",
            |j| j.capabilities.pause = false,
            "the program that does this job can't pause it",
        ),
        (
            "x",
            |j| j.status = Status::Failed,
            "failed jobs can't be cancelled",
        ),
        (
            "x",
            |j| j.capabilities.cancel = false,
            "can't be cancelled from here",
        ),
        (
            "x",
            |j| {
                j.status = Status::Cancelled;
                j.control = Some(person::asked_for("cancel"));
            },
            "waiting for its process to end",
        ),
        ("R", |_| {}, "retry is for jobs that have ended"),
        (
            "R",
            |j| j.status = Status::Failed,
            "only submitted commands",
        ),
    ];
    for (key, change, says) in table {
        let mut one = job(1);
        change(&mut one);
        let mut person = Person::with([one]);
        assert_eq!(person.press(key), [], "{says}");
        assert_eq!(person.app.mode, Mode::Browse);
        assert!(person.toast().contains(says), "{}", person.toast());
    }
    let mut nobody = Person::with([]);
    nobody.press("p");
    assert!(nobody.toast().contains("no job under the cursor"));
}

#[test]
fn a_retry_is_asked_and_told() {
    let mut failed = job(1);
    failed.status = Status::Failed;
    failed.capabilities.retry = true;
    let id = failed.id;
    let mut person = Person::with([failed]);
    assert_eq!(person.press("R"), [Effect::Ask(id, Verb::Retry)]);
    person.answered(id, Verb::Retry, Ok(Some(30)));
    assert_eq!(person.doing(), None);
    assert!(person.toast().contains("done again as a new job"));
}

#[test]
fn a_read_only_screen_asks_nothing() {
    let mut person = Person::with([job(1)]);
    person.app.settings.read_only = true;
    assert_eq!(person.press("p x R + -"), []);
    assert!(person.toast().contains("read-only"));
}

#[test]
fn notices_go_away() {
    let mut person = Person::with([job(1)]);
    person.press("R");
    assert!(person.app.toast.is_some());
    person.wait(15_000);
    person.tick();
    assert_eq!(person.app.toast, None);
}

#[test]
fn the_help_scrolls_within_its_bounds() {
    let mut person = Person::with([job(1)]);
    person.app.shown.help = (30, 10);
    person.press("? G");
    assert_eq!(person.app.mode, Mode::Help(20));
    person.press("j PgDn");
    assert_eq!(person.app.mode, Mode::Help(20));
    person.press("k g");
    assert_eq!(person.app.mode, Mode::Help(0));
    person.press("?");
    assert_eq!(person.app.mode, Mode::Browse);
}

#[test]
fn the_screen_sleeps_when_nothing_moves() {
    let mut person = Person::with([]);
    person.tick();
    assert_eq!(person.app.wake_in(), 60_000);
    let mut person = Person::with([job(1)]);
    person.tick();
    assert!((1..=1_000).contains(&person.app.wake_in()));
}
