//! A job's log: it is followed, and what is looked at does not move.

use super::person::{Person, job};
use crate::app::log::{KEPT, Piece, Standing};
use crate::app::{Effect, Event, Screen, Shown};

fn piece(person: &Person, lines: &[&str], open: &str, standing: Standing) -> Event {
    Event::Log(Piece {
        job: person.app.log.as_ref().expect("a log").job,
        lines: lines.iter().map(ToString::to_string).collect(),
        open: open.to_owned(),
        standing,
    })
}

fn seen(person: &Person, room: usize) -> Vec<String> {
    let log = person.app.log.as_ref().expect("a log");
    log.seen(room).1.map(str::to_owned).collect()
}

#[test]
fn it_is_followed_and_what_is_looked_at_stays() {
    let mut person = Person::with(vec![job(1)]);
    let id = person.app.chosen().expect("a job").id;
    assert_eq!(person.press("L"), [Effect::ReadLog(id)]);
    assert_eq!(person.app.screen, Screen::Log);
    let shown = Shown {
        log: (0, 2),
        ..person.app.shown
    };
    person.happen(Event::Shown(shown));
    let event = piece(&person, &["1", "2", "3"], "4", Standing::Followed);
    person.happen(event);
    assert_eq!(seen(&person, 2), ["3", "4"], "its end");
    person.press("k");
    assert_eq!(seen(&person, 2), ["2", "3"]);
    let event = piece(&person, &["4 and more", "5"], "", Standing::Followed);
    person.happen(event);
    assert_eq!(seen(&person, 2), ["2", "3"], "it did not move");
    person.press("G");
    assert_eq!(seen(&person, 2), ["4 and more", "5"]);
    let event = piece(&person, &["6"], "", Standing::Ended);
    person.happen(event);
    assert_eq!(seen(&person, 2), ["5", "6"], "it is followed again");
    person.press("g");
    assert_eq!(seen(&person, 2), ["1", "2"]);
    // In the detail its end is still seen, so it is still read.
    assert_eq!(person.press("Esc"), []);
    assert_eq!(person.app.screen, Screen::Detail(0));
    assert_eq!(person.press("L Esc"), []);
    assert_eq!(person.press("Esc"), [Effect::LeaveLog]);
    assert!(person.app.log.is_none());
}

#[test]
fn it_keeps_so_many_lines_and_no_stranger_s() {
    let mut person = Person::with(vec![job(1), job(2)]);
    person.press("L");
    let many: Vec<String> = (0..KEPT + 7).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let event = piece(&person, &many, "", Standing::Followed);
    person.happen(event);
    let log = person.app.log.as_ref().expect("a log");
    assert_eq!((log.length(), log.lines[0].as_str()), (KEPT, "7"));
    let mut late = piece(&person, &["of another job"], "", Standing::Ended);
    if let Event::Log(piece) = &mut late {
        piece.job = job(9).id;
    }
    person.happen(late);
    assert_eq!(person.app.log.as_ref().expect("a log").length(), KEPT);
}
