//! Several daemons in one list: rows of each, acts on each, and one that goes away.

use jobtop_core::JobId;

use super::person::{Person, job};
use crate::app::act::Verb;
use crate::app::link::State;
use crate::app::{Effect, Screen};

/// Two daemons with two jobs each: 1 and 2 on etl, 3 and 4 on web.
fn two() -> Person {
    let mut person = Person::before_several(&["etl", "web"]);
    for (host, jobs) in [(0, [job(1), job(2)]), (1, [job(3), job(4)])] {
        person.host = host;
        person.link(State::Connected);
        person.snapshot(jobs);
    }
    person.tick();
    person.wait(5_000);
    person.tick();
    person
}

fn host(person: &Person, id: JobId) -> String {
    let job = person.app.hosts.get(id).expect("the job is there");
    job.host.as_deref().unwrap_or_default().to_owned()
}

#[test]
fn all_jobs_are_in_one_list_and_say_where_they_live() {
    let person = two();
    assert_eq!(person.names(), ["[1]", "2", "3", "4"]);
    assert_eq!(host(&person, job(2).id), "etl");
    assert_eq!(host(&person, job(3).id), "web");
    let mut filtering = two();
    filtering.press("/");
    filtering.write("host:web");
    filtering.press("Enter");
    filtering.tick();
    assert_eq!(filtering.names(), ["[3]", "4"]);
}

#[test]
fn a_daemon_that_is_reached_in_two_ways_is_listed_once() {
    let mut person = two();
    person.host = 1;
    person.see(job(1));
    person.tick();
    assert_eq!(person.app.hosts.len(), 4);
    assert_eq!(person.app.host_of(job(1).id), 0);
}

#[test]
fn one_that_goes_away_leaves_the_others_their_keys() {
    let mut person = two();
    assert_eq!(person.press("p"), [Effect::Ask(job(1).id, Verb::Pause)]);
    person.press("G");
    assert_eq!(person.press("p"), [Effect::Ask(job(4).id, Verb::Pause)]);
    person.host = 1;
    person.cut(3_000);
    assert!(person.toast().contains("before the daemon answered"));
    assert!(person.app.hosts.is_stale(job(4).id));
    assert!(!person.app.hosts.is_stale(job(1).id));
    // What was asked of the other one still waits for its answer.
    assert_eq!(person.app.asked.len(), 1);
    assert_eq!(person.press("p"), []);
    assert!(
        person.toast().contains("not connected to web"),
        "{}",
        person.toast()
    );
    person.press("g j");
    assert_eq!(person.press("p"), [Effect::Ask(job(2).id, Verb::Pause)]);
    assert_eq!(person.press("r"), [Effect::Reconnect]);
    // Its rows are there all the while, and right again when it is back.
    assert_eq!(person.names().len(), 4);
    person.link(State::Connected);
    person.subscribed(7, false);
    assert!(
        person.toast().starts_with("web: connected again"),
        "{}",
        person.toast()
    );
    assert!(!person.app.hosts.is_stale(job(4).id));
}

#[test]
fn another_epoch_of_one_daemon_concerns_its_own_rows_alone() {
    let mut person = two();
    person.host = 1;
    person.subscribed(8, true);
    person.see(job(4));
    person.snapshot_end(8);
    person.tick();
    assert_eq!(person.names(), ["[1]", "2", "4"]);
}

#[test]
fn history_and_figures_are_of_the_daemon_of_the_chosen_job() {
    let mut person = two();
    person.press("G");
    person.press("H");
    assert_eq!((person.app.focus, person.app.screen), (1, Screen::Past));
    person.press("H");
    person.press("g A");
    assert_eq!(person.app.focus, 0);
    person.press("A");
    // The page about the daemons is about all of them.
    let asked = person.press("D");
    assert_eq!(asked, [Effect::AskStore(0), Effect::AskStore(1)]);
}

#[test]
fn a_daemon_without_a_feed_is_there_like_any_other() {
    let mut person = two();
    person.host = 1;
    person.link(State::Polling {
        reason: "the feed is switched off".to_owned(),
    });
    person.press("G");
    assert_eq!(person.press("p"), [Effect::Ask(job(4).id, Verb::Pause)]);
}
