//! Sorting, grouping, choosing columns, freezing, marking, copying and waiting for an end.

use jobtop_core::proto::view::View;
use jobtop_core::{JobId, Status};

use super::person::{Person, at, job};
use crate::app::act::Verb;
use crate::app::arrange::{Column, GroupBy, SortBy};
use crate::app::rows::Line;
use crate::app::{Effect, Event, Mode, Pointed, Screen, Shown};

fn named(n: u32, name: &str) -> View {
    let mut job = job(n);
    job.name = name.into();
    job
}

fn three() -> [View; 3] {
    let (mut a, mut b, mut c) = (named(1, "b"), named(2, "a"), named(3, "c"));
    a.progress = 10.0;
    b.progress = 30.0;
    c.progress = 20.0;
    b.metrics.items_per_second = None;
    c.metrics.items_per_second = Some(1.0);
    [a, b, c]
}

/// Presses `o` until the list is sorted by that.
fn sort(person: &mut Person, by: SortBy) {
    while person.app.arrangement.sort != by {
        assert_eq!(person.press("o"), [Effect::Remember]);
    }
}

#[test]
fn rows_are_sorted_by_what_is_asked_and_what_has_none_of_it_is_last() {
    let mut person = Person::with(three());
    for (by, rising, falling) in [
        (SortBy::Name, ["a", "b", "c"], ["c", "b", "a"]),
        (SortBy::Progress, ["a", "c", "b"], ["b", "c", "a"]),
        (SortBy::Rate, ["b", "c", "a"], ["c", "b", "a"]),
    ] {
        sort(&mut person, by);
        let names = |person: &Person| {
            let names = person.names();
            names
                .iter()
                .map(|name| name.replace(['[', ']'], ""))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&person), rising, "{by:?}");
        person.press("O");
        assert_eq!(names(&person), falling, "{by:?}");
    }
}

#[test]
fn rows_that_are_sorted_by_progress_move_at_most_once_a_second() {
    let mut person = Person::with(three());
    sort(&mut person, SortBy::Progress);
    person.press("g");
    person.wait(5_000);
    person.tick();
    person.wait(1_000);
    let id = person.app.rows.order()[2];
    person.change(id, 50, |patch| patch.progress = 99.0);
    person.tick();
    person.change(id, 51, |patch| patch.progress = 99.5);
    person.tick();
    let moved = |person: &Person| person.app.rows.order()[0] == id;
    assert!(moved(&person), "the first change is seen at once");
    person.change(id, 52, |patch| patch.progress = 1.0);
    person.tick();
    assert!(moved(&person), "the second within a second is not");
    person.wait(1_000);
    person.tick();
    assert!(!moved(&person));
}

#[test]
fn groups_have_heads_and_the_cursor_passes_over_them() {
    let [mut a, b, mut c] = three();
    a.queue = "nightly".into();
    c.queue = "nightly".into();
    let mut person = Person::with([a, b, c]);
    person.press("b");
    assert_eq!(person.app.arrangement.group, Some(GroupBy::Queue));
    let lines = |person: &Person, first| -> Vec<String> {
        let lines = person.app.rows.lines(first);
        lines
            .map(|line| match line {
                Line::Head(head) => format!("{} {:?}", head.name, head.jobs),
                Line::Job(id) => person.app.hosts.get(id).unwrap().name.to_string(),
            })
            .collect()
    };
    assert_eq!(
        lines(&person, 0),
        ["default 0..1", "a", "nightly 1..3", "b", "c"]
    );
    assert_eq!(lines(&person, 2), ["nightly 1..3", "b", "c"]);
    person.press("g");
    for name in ["a", "b", "c"] {
        assert_eq!(&*person.app.chosen().unwrap().name, name);
        person.press("j");
    }
    // With three lines the last one is seen, and a head with the first of its group.
    assert_eq!(person.app.rows.first(3), 2);
    person.press("g");
    assert_eq!(person.app.rows.first(3), 0);
    for _ in 0..4 {
        person.press("b");
    }
    assert_eq!(person.app.arrangement.group, None);
    assert_eq!(lines(&person, 0).len(), 3);
}

#[test]
fn what_is_frozen_does_not_move_until_it_is_let_go() {
    let mut person = Person::with(three());
    person.press("f");
    person.see(job(0));
    person.wait(60_000);
    person.tick();
    assert_eq!(person.app.rows.order().len(), 3);
    // What is gone is gone, though.
    let id = person.app.rows.order()[1];
    person.remove(id, 60);
    person.tick();
    assert_eq!(person.app.rows.order().len(), 2);
    assert!(
        person.app.wake_in() > 100,
        "nothing is due while it is frozen"
    );
    person.press("f");
    assert_eq!(person.app.rows.order().len(), 3);
}

#[test]
fn a_key_acts_on_all_that_is_marked_and_says_of_which_it_could_not() {
    let [a, mut b, c] = three();
    b.status = Status::Completed;
    b.finished_at = Some(at(-1));
    let ids: Vec<JobId> = [&a, &c].map(|job| job.id).to_vec();
    let mut person = Person::with([a, b, c]);
    person.press("g Space Space Space");
    assert_eq!(person.app.marks.count(), 3);
    let asked: Vec<Effect> = ids.iter().map(|id| Effect::Ask(*id, Verb::Pause)).collect();
    assert_eq!(person.press("p"), asked);
    assert_eq!(
        person.toast(),
        "asked of 2 of 3; of the others not: completed jobs can't be paused"
    );
    // The first Esc takes the marks away, and nothing else.
    person.press("Esc");
    assert_eq!(person.app.marks.count(), 0);
    person.press("*");
    assert_eq!(person.app.marks.count(), 3);
    person.press("*");
    assert_eq!(person.app.marks.count(), 0);
}

#[test]
fn more_than_five_are_cancelled_after_a_second_yes() {
    let mut person = Person::with((1..=7).map(job));
    person.press("* x");
    assert!(matches!(&person.app.mode, Mode::Confirm(question) if question.ids.len() == 7));
    person.wait(300);
    assert_eq!(person.press("y y y"), [], "held down it is one yes");
    person.wait(300);
    assert_eq!(person.press("y").len(), 7);
    let mut person = Person::with((1..=5).map(job));
    person.press("* x");
    person.wait(300);
    assert_eq!(person.press("y").len(), 5);
}

#[test]
fn what_waits_is_moved_by_its_priority_and_nothing_else_is() {
    let mut waiting = job(1);
    waiting.status = Status::Pending;
    waiting.priority = 4;
    let id = waiting.id;
    let mut person = Person::with([waiting]);
    assert_eq!(person.press("+"), [Effect::Ask(id, Verb::Priority(5))]);
    person.answered(id, Verb::Priority(5), Ok(Some(30)));
    assert_eq!(person.press("-"), [Effect::Ask(id, Verb::Priority(3))]);
    let mut person = Person::with([job(1)]);
    assert_eq!(person.press("+"), []);
    assert!(person.toast().contains("only those that wait"));
}

#[test]
fn ids_and_errors_are_copied() {
    let mut failed = job(1);
    failed.status = Status::Failed;
    failed.error = Some("HTTP 401".into());
    failed.error_detail = serde_json::from_str(
        r#"{"code":"x","message":"HTTP 401","step":"Upload","exitCode":3,"suggestion":"Renew the token",
        "lastLines":["POST /v2\u001b[201~","401"]}"#,
    )
    .ok();
    let id = failed.id;
    let mut person = Person::with([failed, job(2)]);
    person.press("G");
    assert_eq!(person.press("y"), [Effect::Copy(id.to_string())]);
    let [Effect::Copy(report)] = &person.press("Y")[..] else {
        panic!("something is copied");
    };
    for part in [
        "HTTP 401",
        "step: Upload",
        "exit code: 3",
        "Renew the token",
        "  401\n",
    ] {
        assert!(report.contains(part), "{report}");
        assert!(!report.contains('\u{1b}'), "{report:?}");
    }
    person.press("g");
    assert_eq!(person.press("Y"), []);
    person.press("*");
    let both = format!("{}\n{id}", job(2).id);
    assert_eq!(person.press("y"), [Effect::Copy(both)]);
}

#[test]
fn the_end_of_a_job_is_told_once_to_who_wants_to_hear_of_it() {
    let mut person = Person::with([job(1)]);
    let id = job(1).id;
    person.press("n");
    person.change(id, 50, |patch| patch.progress = 60.0);
    let end = |patch: &mut jobtop_core::proto::view::Patch| {
        patch.status = Status::Failed;
        patch.finished_at = Some(at(5));
    };
    assert_eq!(
        person.change(id, 51, end),
        [Effect::Notify("jobtop: orders-1.csv failed".to_owned())]
    );
    assert_eq!(person.change(id, 52, end), []);
    person.press("n");
    assert!(person.toast().contains("ended already"));
    // One that ended while the connection was away is told as well.
    let mut person = Person::with([job(1)]);
    person.press("n");
    person.cut(3_000);
    person.link(crate::app::link::State::Connected);
    person.subscribed(8, true);
    let mut ended = job(1);
    ended.status = Status::Completed;
    ended.finished_at = Some(at(3));
    ended.revision = 90;
    let told = person.see(ended);
    let told: Vec<Effect> = told.into_iter().chain(person.snapshot_end(8)).collect();
    assert_eq!(
        told,
        [Effect::Notify("jobtop: orders-1.csv completed".to_owned())]
    );
}

#[test]
fn columns_are_hidden_moved_and_sorted_by() {
    let mut person = Person::with(three());
    person.press("c");
    assert_eq!(person.app.mode, Mode::Columns(0));
    person.press("Space j J s");
    let columns = person.app.arrangement.columns();
    assert!(!person.app.arrangement.shows(Column::Status));
    assert_eq!(columns[..3], [Column::Status, Column::Owner, Column::Name]);
    assert_eq!(person.app.arrangement.sort, SortBy::Name);
    assert_eq!(person.press("Esc"), [Effect::Remember]);
    assert_eq!(person.app.mode, Mode::Browse);
    // Without a name nobody would know what a row is.
    person.press("c j j Space Esc");
    assert!(person.app.arrangement.shows(Column::Name));
}

#[test]
fn the_mouse_moves_chooses_and_opens_what_is_chosen() {
    let mut person = Person::with((1..=9).map(job));
    person.happen(Event::Shown(Shown {
        rows: 9,
        list: (3, 60),
        ..Shown::default()
    }));
    person.happen(Event::Mouse(Pointed::Down));
    assert_eq!(person.app.rows.index(), Some(3));
    person.happen(Event::Mouse(Pointed::At(10, 3 + 6)));
    assert_eq!(person.app.rows.index(), Some(6));
    assert_eq!(person.app.screen, Screen::List);
    // Beside the list, above it and below its last row nothing is meant.
    for (column, line) in [(70, 5), (10, 2), (10, 40)] {
        person.happen(Event::Mouse(Pointed::At(column, line)));
        assert_eq!(person.app.rows.index(), Some(6));
    }
    person.happen(Event::Mouse(Pointed::At(10, 3 + 6)));
    assert_eq!(person.app.screen, Screen::Detail(0));
    // A question is not answered by the mouse.
    person.press("Esc x");
    person.wait(300);
    person.happen(Event::Mouse(Pointed::At(10, 3)));
    assert!(matches!(person.app.mode, Mode::Confirm(_)));
}
