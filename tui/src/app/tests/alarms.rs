//! Alerts: counted, told once, acknowledged, muted, over.

use std::sync::Arc;

use jobtop_core::UserId;
use jobtop_core::alert::{Alert, Rule};
use jobtop_core::proto::message::{Message, SnapshotEnd, Subscribed};

use super::person::{Person, at, job};
use crate::app::{Effect, Event, Screen, alarms};

/// An alert of a queue that is too long.
pub(crate) fn alert(n: u32) -> Alert {
    Alert {
        id: format!("alert_7_{n}").into(),
        rule: Rule::QueueDepth,
        subject: Some("default".into()),
        message: format!("{} jobs wait in the queue default", 50 + n).into(),
        suggestion: Rule::QueueDepth.suggestion().into(),
        since: at(-60 * i64::from(n)),
        ended_at: None,
        value: f64::from(50 + n),
        threshold: 50.0,
        jobs: Vec::new(),
        owners: std::collections::BTreeMap::new(),
        acknowledged_by: None,
        muted_until: None,
    }
}

/// The daemon tells of an alert.
pub(crate) fn hear(person: &mut Person, alert: Alert) {
    let host = person.host;
    person.happen(Event::Message(
        host,
        Message::Alert {
            channel: "alerts".to_owned(),
            alert: Box::new(alert),
        },
    ));
}

/// The daemon begins to tell its alerts.
fn begin(person: &mut Person) {
    person.happen(Event::Message(
        0,
        Message::Subscribed(Subscribed {
            channel: "alerts".to_owned(),
            revision: 0,
            epoch: 7,
            reset: false,
            timestamp: None,
        }),
    ));
}

/// It has told them.
fn end(person: &mut Person) {
    person.happen(Event::Message(
        0,
        Message::SnapshotEnd(SnapshotEnd {
            channel: "alerts".to_owned(),
            revision: 0,
            epoch: 7,
        }),
    ));
}

fn count(person: &Person) -> usize {
    alarms::disturbing(&person.app)
}

#[test]
fn it_is_counted_until_it_is_known_muted_or_over() {
    let mut person = Person::with([job(1)]);
    hear(&mut person, alert(1));
    assert_eq!(count(&person), 1);
    assert!(
        person.toast().contains("51 jobs wait"),
        "{}",
        person.toast()
    );
    hear(&mut person, alert(2));
    assert_eq!(count(&person), 2);
    let mut known = alert(1);
    known.acknowledged_by = UserId::new("ann").ok();
    hear(&mut person, known);
    assert_eq!(count(&person), 1);
    let mut muted = alert(2);
    muted.muted_until = Some(at(3_600));
    hear(&mut person, muted);
    assert_eq!(count(&person), 0);
    person.wait(3_601_000);
    person.tick();
    assert_eq!(count(&person), 1, "a mute ends");
    let mut over = alert(2);
    over.ended_at = Some(at(1));
    hear(&mut person, over);
    assert_eq!(count(&person), 0);
    // A daemon that comes back tells its alerts from the beginning.
    hear(&mut person, alert(3));
    begin(&mut person);
    assert_eq!(count(&person), 0);
    end(&mut person);
    assert_eq!(person.names(), ["[1]"], "the jobs are not concerned");
}

#[test]
fn its_keys_act_on_the_chosen_one_and_say_why_not() {
    let mut person = Person::with([job(1)]);
    let id = |n: u32| -> Arc<str> { format!("alert_7_{n}").into() };
    person.press("!");
    assert_eq!(person.app.screen, Screen::Alerts);
    assert_eq!(person.press("a"), []);
    assert!(person.toast().contains("no alert"));
    hear(&mut person, alert(1));
    hear(&mut person, alert(2));
    assert_eq!(person.press("a"), [Effect::KnowAlert(0, id(1))]);
    assert_eq!(person.press("j m"), [Effect::MuteAlert(0, id(2))]);
    assert_eq!(person.press("j j G m"), [Effect::MuteAlert(0, id(2))]);
    let mut over = alert(2);
    over.ended_at = Some(at(0));
    hear(&mut person, over);
    assert_eq!(person.press("m"), []);
    assert!(person.toast().contains("over"), "{}", person.toast());
    person.cut(3_000);
    assert_eq!(person.press("g a"), []);
    assert!(person.toast().contains("not connected"));
    person.press("Esc");
    assert_eq!(person.app.screen, Screen::List);
}

#[test]
fn the_chosen_one_stays_chosen_when_others_come() {
    let mut person = Person::with([job(1)]);
    let id = |n: u32| -> Arc<str> { format!("alert_7_{n}").into() };
    hear(&mut person, alert(3));
    hear(&mut person, alert(2));
    person.press("!");
    assert_eq!(person.press("j a"), [Effect::KnowAlert(0, id(3))]);
    // The newest comes first.
    hear(&mut person, alert(1));
    assert_eq!(person.press("a"), [Effect::KnowAlert(0, id(3))]);
    assert_eq!(person.press("m"), [Effect::MuteAlert(0, id(3))]);
    assert_eq!(person.press("k m"), [Effect::MuteAlert(0, id(2))]);
    // It goes along when it is over, and down among those.
    let mut over = alert(2);
    over.ended_at = Some(at(0));
    hear(&mut person, over);
    assert_eq!(person.app.alarm_at, 2);
    assert_eq!(person.press("k m"), [Effect::MuteAlert(0, id(3))]);
    // The daemon tells them from the beginning, the others first.
    begin(&mut person);
    hear(&mut person, alert(1));
    hear(&mut person, alert(4));
    hear(&mut person, alert(3));
    end(&mut person);
    assert_eq!(person.press("m"), [Effect::MuteAlert(0, id(3))]);
    // It ended meanwhile: whatever has its row is chosen from then on.
    begin(&mut person);
    hear(&mut person, alert(1));
    hear(&mut person, alert(5));
    end(&mut person);
    hear(&mut person, alert(0));
    assert_eq!(person.press("m"), [Effect::MuteAlert(0, id(5))]);
}

#[test]
fn enter_leads_to_the_job_that_it_is_about() {
    let mut person = Person::with([job(1), job(2)]);
    let mut about = alert(1);
    about.jobs = vec![job(2).id];
    hear(&mut person, about);
    person.press("! Enter");
    assert_eq!(person.app.screen, Screen::Detail(0));
    assert_eq!(person.app.chosen().map(|job| job.id), Some(job(2).id));
}
