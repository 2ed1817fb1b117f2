//! Filters: typed live, by status, by type; a wrong one changes nothing and says why.

use jobtop_core::Status;
use jobtop_core::proto::view::View;

use super::person::{Person, at, job};
use crate::app::{Event, Mode};

fn some() -> [View; 4] {
    let mut failed = job(2);
    failed.status = Status::Failed;
    failed.finished_at = Some(at(-5));
    failed.error = Some("connection timed out".into());
    let mut upload = job(3);
    upload.job_type = "api_upload".parse_as();
    let mut other = job(4);
    other.name = "returns".into();
    [job(1), failed, upload, other]
}

/// Reads a checked name.
trait ParseAs {
    fn parse_as(self) -> jobtop_core::JobType;
}

impl ParseAs for &str {
    fn parse_as(self) -> jobtop_core::JobType {
        jobtop_core::JobType::new(self).expect("a job type")
    }
}

#[test]
fn every_character_changes_the_list() {
    let mut person = Person::with(some());
    person.press("/");
    for (typed, names) in [
        ("r", vec!["[1]", "3", "returns", "2"]),
        ("e", vec!["[returns]"]),
        ("t", vec!["[returns]"]),
        ("x", vec![]),
    ] {
        person.write(typed);
        assert_eq!(person.names(), names, "{typed}");
    }
    person.press("Backspace");
    assert_eq!(person.names(), ["[returns]"]);
    person.press("Enter");
    assert_eq!(person.app.mode, Mode::Browse);
    assert_eq!(person.app.filters.text(), "ret");
}

#[test]
fn one_language_for_every_field() {
    for (filter, names) in [
        ("status:failed", vec!["[2]"]),
        ("status:running,failed", vec!["[1]", "3", "returns", "2"]),
        ("type:api_upload", vec!["[3]"]),
        ("-type:api_upload -status:failed", vec!["[1]", "returns"]),
        ("error:TIMED", vec!["[2]"]),
        ("user:nobody", vec![]),
        ("progress>90", vec![]),
    ] {
        let mut person = Person::with(some());
        person.press("/");
        person.write(filter);
        person.press("Enter");
        assert_eq!(person.names(), names, "{filter}");
    }
}

#[test]
fn a_wrong_filter_keeps_the_last_result_and_says_what_is_wrong() {
    let mut person = Person::with(some());
    person.press("/");
    person.write("returns status:fialed");
    assert!(person.app.filters.mistake().is_some());
    assert_eq!(person.names(), ["[returns]"]);
    // Enter does not accept what can't be read.
    person.press("Enter");
    assert!(matches!(person.app.mode, Mode::Typing(_)));
    person.press("Ctrl-W");
    assert!(person.app.filters.mistake().is_none());
    person.press("Enter");
    assert_eq!(person.app.mode, Mode::Browse);
}

#[test]
fn the_list_does_not_go_blank_on_the_way_to_a_field() {
    let mut person = Person::with(some());
    person.press("/");
    for c in "status:failed".chars() {
        person.write(&c.to_string());
        assert!(!person.names().is_empty(), "at {c}");
    }
    assert_eq!(person.names(), ["[2]"]);
    // As a whole word, and accepted, it is a word like any other.
    person.press("Ctrl-U");
    person.write("status");
    person.press("Enter");
    assert_eq!(person.names(), [""; 0]);
}

#[test]
fn escape_drops_what_is_being_typed() {
    let mut person = Person::with(some());
    person.press("/");
    person.write("returns");
    person.press("Enter /");
    person.write(" stauts:x");
    person.press("Esc");
    assert_eq!(person.app.filters.text(), "returns");
    assert!(person.app.filters.mistake().is_none());
    assert_eq!(person.names(), ["[returns]"]);
}

#[test]
fn pasted_text_is_typed_and_cleaned() {
    let mut person = Person::with(some());
    person.happen(Event::Paste("ignored".to_owned()));
    assert_eq!(person.app.mode, Mode::Browse);
    person.press("/");
    person.happen(Event::Paste("ret\nurns\x1b[2J".to_owned()));
    let Mode::Typing(typing) = &person.app.mode else {
        panic!("not typing");
    };
    assert_eq!(typing.input.text(), "ret urns\u{fffd}[2J");
}

#[test]
fn status_and_type_by_one_key() {
    let mut person = Person::with(some());
    person.press("6");
    assert_eq!(person.names(), ["[2]"]);
    person.press("1");
    assert_eq!(person.names().len(), 4);
    person.press("t");
    assert_eq!(person.names(), ["[3]"]);
    person.press("t");
    assert_eq!(
        person.names(),
        ["[1]", "returns", "2"].map(String::from).to_vec()
    );
    person.press("t");
    assert_eq!(person.names().len(), 4);
    person.press("s s");
    assert_eq!(person.app.filters.status, Some(Status::Running));
    person.press("S S S");
    assert_eq!(person.app.filters.status, Some(Status::Cancelled));
    assert_eq!(person.names(), [""; 0]);
}

#[test]
fn a_chosen_job_that_no_longer_passes_stays_until_it_is_left() {
    let mut person = Person::with(some());
    person.press("3");
    assert_eq!(person.names(), ["[1]", "3", "returns"]);
    person.change(job(1).id, 80, |patch| {
        patch.status = Status::Completed;
        patch.finished_at = Some(at(1));
    });
    person.wait(5_000);
    person.tick();
    assert_eq!(person.names(), ["[1]", "3", "returns"]);
    person.press("j");
    person.wait(1_000);
    person.tick();
    assert_eq!(person.names(), ["[3]", "returns"]);
}

#[test]
fn the_counts_are_of_all_jobs() {
    let mut person = Person::with(some());
    person.press("6");
    person.tick();
    assert_eq!(person.app.counts.by_status, [0, 3, 0, 0, 1, 0]);
    assert_eq!(person.app.live(), 3);
}
