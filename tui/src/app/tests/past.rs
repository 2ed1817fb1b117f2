//! The jobs that have ended, figures about them, the daemon's page, actions by name, words that complete themselves.

use jobtop_core::Status;
use jobtop_core::proto::history::{AnalyticsAnswer, HistoryAnswer, StoreAnswer};
use jobtop_core::proto::view::View;

use super::person::{Person, at, job};
use crate::app::act::Verb;
use crate::app::past::{Search, Standing};
use crate::app::{Effect, Event, Mode, Screen};

fn ended(n: u32) -> View {
    let mut job = job(n);
    job.status = Status::Completed;
    job.finished_at = Some(at(-i64::from(n)));
    job
}

fn page(jobs: impl IntoIterator<Item = u32>, next: Option<&str>) -> HistoryAnswer {
    HistoryAnswer {
        jobs: jobs.into_iter().map(ended).collect(),
        next_cursor: next.map(str::to_owned),
        indexed_from: None,
    }
}

/// The question among what is asked of the world.
fn question(effects: Vec<Effect>) -> Search {
    match <[Effect; 1]>::try_from(effects) {
        Ok([Effect::Search(search)]) => search,
        other => panic!("one question, not {other:?}"),
    }
}

fn answer(person: &mut Person, search: &Search, answer: HistoryAnswer) {
    person.happen(Event::Found(search.number, Ok(answer)));
}

#[test]
fn the_history_is_asked_for_shown_and_left() {
    let mut person = Person::with([job(1)]);
    let search = question(person.press("H"));
    assert_eq!(person.app.screen, Screen::Past);
    assert_eq!(
        (search.wanted.q, search.wanted.sort.as_deref()),
        (None, Some("-finished"))
    );
    assert_eq!(person.app.past.standing, Standing::Asked);
    person.happen(Event::Found(search.number, Ok(page([5, 6], None))));
    person.press("j");
    assert_eq!(person.app.chosen().unwrap().id, ended(6).id);
    // What is chosen is shown whole, and acted on, as in the list.
    person.press("Enter");
    assert_eq!(person.app.screen, Screen::Detail(0));
    assert_eq!(person.press("p"), []);
    assert!(person.toast().contains("completed jobs can't be paused"));
    person.press("Esc");
    assert_eq!(person.app.screen, Screen::Past);
    person.press("Esc");
    assert_eq!(person.app.screen, Screen::List);
    assert_eq!(person.app.chosen().unwrap().id, job(1).id);
    // `q` is back here, and does not quit.
    question(person.press("H"));
    assert_eq!(person.press("q"), []);
    assert_eq!(person.app.screen, Screen::List);
}

#[test]
fn what_failed_long_ago_is_done_again() {
    let mut old = ended(5);
    old.status = Status::Failed;
    old.capabilities.retry = true;
    let mut person = Person::with([]);
    let search = question(person.press("H"));
    let found = HistoryAnswer {
        jobs: vec![old.clone()],
        next_cursor: None,
        indexed_from: None,
    };
    answer(&mut person, &search, found);
    assert_eq!(person.press("R"), [Effect::Ask(old.id, Verb::Retry)]);
}

#[test]
fn a_filter_asks_as_it_is_typed_and_late_answers_change_nothing() {
    let mut person = Person::with([]);
    let first = question(person.press("H"));
    answer(&mut person, &first, page([1, 2], None));
    person.press("/");
    let all: Vec<Search> = "no"
        .chars()
        .map(|c| question(person.press(&c.to_string())))
        .collect();
    assert_eq!(all[1].wanted.q.as_deref(), Some("no"));
    answer(&mut person, &all[1], page([7], None));
    answer(&mut person, &all[0], page([8, 9], None));
    assert_eq!(person.app.past.jobs.len(), 1);
    // A mistake keeps what was found, and says where it is.
    person.write(" stauts:");
    assert!(person.app.past.mistake.is_some());
    person.press("Enter");
    assert!(
        matches!(person.app.mode, Mode::Typing(_)),
        "there is something to put right"
    );
    let back = question(person.press("Esc"));
    assert_eq!(back.wanted.q, None);
}

#[test]
fn more_is_asked_for_as_the_end_comes_into_sight_and_only_once() {
    let mut person = Person::with([]);
    let first = question(person.press("H"));
    answer(&mut person, &first, page(1..=50, Some("next")));
    assert_eq!(person.press("j"), []);
    let more = question(person.press("G"));
    assert_eq!(more.wanted.cursor.as_deref(), Some("next"));
    assert_eq!(person.press("k"), [], "one page at a time");
    answer(&mut person, &more, page(51..=60, None));
    assert_eq!(person.app.past.jobs.len(), 60);
    assert_eq!(person.app.chosen().unwrap().id, ended(49).id);
    assert_eq!(person.press("G"), []);
}

#[test]
fn the_history_is_sorted_by_what_is_asked() {
    let mut person = Person::with([]);
    question(person.press("H"));
    for (key, sort) in [
        ("o", "-started"),
        ("o", "-duration"),
        ("O", "duration"),
        ("o", "name"),
    ] {
        assert_eq!(
            question(person.press(key)).wanted.sort.as_deref(),
            Some(sort)
        );
    }
}

#[test]
fn a_refusal_is_shown_in_place_of_jobs() {
    let mut person = Person::with([]);
    let search = question(person.press("H"));
    let words = "the daemon can't be reached".to_owned();
    person.happen(Event::Found(search.number, Err(words.clone())));
    assert_eq!(person.app.past.standing, Standing::Refused(words));
}

#[test]
fn figures_are_of_the_jobs_that_the_filter_of_the_history_lets_through() {
    let mut person = Person::with([]);
    question(person.press("H"));
    person.press("/");
    person.write("orders");
    person.press("Enter");
    let [Effect::Analyse(asked)] = &person.press("A")[..] else {
        panic!("figures are asked for");
    };
    assert_eq!(asked.filter, "orders");
    let [Effect::Analyse(by_user)] = &person.press("b")[..] else {
        panic!("figures are asked for");
    };
    assert_eq!(by_user.by.word(), "user");
    let nothing = || Ok((AnalyticsAnswer::default(), Vec::new()));
    person.happen(Event::Analysed(asked.number, nothing()));
    assert_eq!(
        person.app.figures.standing,
        Standing::Asked,
        "that was the former question"
    );
    person.happen(Event::Analysed(by_user.number, nothing()));
    assert_eq!(person.app.figures.standing, Standing::There);
    // Another filter is one for both.
    person.press("/");
    let asked = person.press("2");
    assert!(
        matches!(asked[..], [Effect::Search(_), Effect::Analyse(_)]),
        "{asked:?}"
    );
    person.press("Enter");
    // Back to where they were opened.
    person.press("Esc");
    assert_eq!(person.app.screen, Screen::Past);
}

#[test]
fn whether_the_store_is_well_is_asked_on_every_connection() {
    let mut person = Person::alone();
    let asked = person.happen(Event::Link(0, crate::app::link::State::Connected));
    assert_eq!(asked, [Effect::AskStore(0)]);
    let store = |state: &str, damage: usize| StoreAnswer {
        records: 5,
        periods: 1,
        live_bytes: 10,
        disk_bytes: 20,
        last_compaction: None,
        indexed: true,
        state: state.to_owned(),
        reason: None,
        damage: vec!["x".to_owned(); damage],
    };
    for (state, damage, trouble) in [
        ("good", 0, None),
        ("good", 1, Some("damage was found")),
        ("no_room", 0, Some("the disk is full")),
        ("degraded", 2, Some("the store is degraded")),
    ] {
        person.happen(Event::Store(0, Ok(store(state, damage))));
        assert_eq!(person.app.hosts.at(0).keeper.trouble().as_deref(), trouble);
    }
    assert_eq!(person.press("D"), [Effect::AskStore(0)]);
    assert_eq!(person.app.screen, Screen::Daemon(0));
}

#[test]
fn every_action_is_found_by_its_name() {
    let mut person = Person::with([job(1)]);
    person.press(":");
    person.write("pause");
    assert_eq!(person.press("Enter"), [Effect::Ask(job(1).id, Verb::Pause)]);
    assert_eq!(person.app.mode, Mode::Browse);
    person.press(":");
    person.write("group queue");
    assert_eq!(person.press("Enter"), [Effect::Remember]);
    person.press(":");
    person.write("nothing like that");
    assert_eq!(person.press("Enter"), []);
    assert_eq!(person.app.mode, Mode::Browse);
    person.press(": j k Esc");
    assert_eq!(person.app.mode, Mode::Browse);
}

#[test]
fn tab_completes_fields_and_values_and_goes_through_them() {
    let mut person = Person::with([job(1)]);
    person.press("/");
    person.write("orders sta");
    let typed = |person: &Person| match &person.app.mode {
        Mode::Typing(typing) => typing.input.text().to_owned(),
        other => panic!("{other:?}"),
    };
    person.press("Tab");
    assert_eq!(typed(&person), "orders status:");
    person.write("c");
    person.press("Tab");
    let first = typed(&person);
    person.press("Tab");
    let second = typed(&person);
    assert_ne!(first, second);
    for word in ["status:completed", "status:cancelled"] {
        assert!(first.ends_with(word) || second.ends_with(word));
    }
    person.press("Tab");
    assert_eq!(typed(&person), first);
    person.write(" zzz");
    person.press("Tab");
    assert_eq!(typed(&person), format!("{first} zzz"));
}

#[test]
fn what_was_found_stays_in_sight_and_is_asked_again_when_the_daemon_is_back() {
    let mut person = Person::with([]);
    let search = question(person.press("H"));
    answer(&mut person, &search, page([5], None));
    person.cut(3_000);
    let search = question(person.press("o"));
    person.happen(Event::Found(
        search.number,
        Err("connection refused".to_owned()),
    ));
    assert_eq!(
        (person.app.past.jobs.len(), person.toast()),
        (1, "connection refused")
    );
    let asked = person.happen(Event::Link(0, crate::app::link::State::Connected));
    assert!(
        matches!(asked[..], [Effect::AskStore(0), Effect::Search(_)]),
        "{asked:?}"
    );
}

#[test]
fn values_with_blanks_are_gone_through_whole() {
    let (mut one, mut other) = (job(1), job(2));
    one.queue = "nightly load".into();
    other.queue = "nightly run".into();
    let mut person = Person::with([one, other]);
    person.press("/");
    person.write("orders queue:n");
    for value in ["load", "run", "load"] {
        person.press("Tab");
        let Mode::Typing(typing) = &person.app.mode else {
            panic!("it is typed");
        };
        let text = format!("orders queue:\"nightly {value}\"");
        assert_eq!(typing.input.text(), text);
    }
}
