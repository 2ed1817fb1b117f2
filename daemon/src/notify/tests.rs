//! The room, told of alerts as whoever raises them tells it, and of jobs by the store's thread.

use std::path::Path;
use std::time::Duration;

use jobtop_core::policy::Limits;
use jobtop_core::proto::body::NewJob;
use jobtop_core::query::{Query, Today};
use jobtop_core::{JobId, JobType, UserId};
use serde_json::json;
use tokio::sync::watch;

use super::room::{Hooks, Room};
use super::*;
use crate::clock::Clock;
use crate::config::{Hook, Occasion, Way};
use crate::engine::create;

const PATIENCE: Duration = Duration::from_secs(20);

fn hook(name: &str, filter: &str, script: &str) -> Hook {
    let today = Today {
        now: Timestamp(0),
        tz: jiff::tz::TimeZone::UTC,
    };
    Hook {
        name: name.into(),
        on: vec![Occasion::Alert, Occasion::Finished],
        filter: Query::parse(filter, &today).unwrap(),
        way: Way::Command(["/bin/sh", "-c", script].map(str::to_owned).to_vec()),
        timeout: Duration::from_secs(10),
    }
}

fn job(user: &str) -> Arc<Job> {
    let now = Clock::new().now();
    let new = NewJob::of(JobType::new("x").unwrap());
    let (id, user) = (
        JobId::new(now.wall, crate::clock::random_bits()),
        UserId::new(user).unwrap(),
    );
    Arc::new(create::build(id, user, new, None, (&Limits::default(), now)).unwrap())
}

fn open(dir: &Path, hooks: Vec<Hook>) -> (Teller, Room, watch::Receiver<Hooks>) {
    open_with(dir, hooks, &[])
}

/// With those jobs in the store.
fn open_with(
    dir: &Path,
    hooks: Vec<Hook>,
    jobs: &[Arc<Job>],
) -> (Teller, Room, watch::Receiver<Hooks>) {
    let hooks: Hooks = hooks
        .into_iter()
        .map(|hook| (Arc::clone(&hook.name), Arc::new(hook)))
        .collect();
    let speaker = Speaker {
        host: "h".to_owned(),
        epoch: 1,
    };
    let (teller, room) = super::open(dir, &hooks, (speaker, Clock::new()), jobs.iter());
    (teller, room, watch::channel(hooks).1)
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

#[tokio::test]
async fn alerts_go_to_those_whose_filter_their_job_fits_and_to_all_if_they_say_none() {
    let dir = tempfile::tempdir().unwrap();
    let to = |name: &str| format!("cat >> {}", dir.path().join(name).display());
    let (teller, room, hooks) = open(
        dir.path(),
        vec![
            hook("all", "", &to("all")),
            hook("anns", "user:ann", &to("anns")),
        ],
    );
    let (ann, bob) = (job("ann"), job("bob"));
    let known = [Arc::clone(&ann), Arc::clone(&bob)];
    let lookup = move |id| known.iter().find(|job| job.id() == id).cloned();
    let (end, ending) = watch::channel(false);
    let room = tokio::spawn(room.run(hooks, lookup, ending));
    teller.tell(Occurrence::Alert(
        json!({"id": "1", "jobs": [bob.id(), ann.id()]}),
    ));
    teller.tell(Occurrence::Alert(json!({"id": "2", "jobs": [bob.id()]})));
    teller.tell(Occurrence::Alert(json!({"id": "3", "jobs": []})));
    let ids = |name: &str| -> Vec<String> {
        let said = std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
        let mut ids: Vec<_> = said
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|said| said["alert"]["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    until("all of them", async || ids("all").len() == 3).await;
    until("those of ann", async || ids("anns").len() == 2).await;
    assert_eq!(ids("anns"), ["1", "3"]);
    end.send(true).unwrap();
    room.await.unwrap();
    assert_eq!(
        teller.test("all").await.unwrap_err().code,
        Code::Unavailable
    );
}

#[tokio::test]
async fn a_hook_that_fails_again_and_again_ails_until_it_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let well = dir.path().join("well");
    let script = format!("test -e {}", well.display());
    let (teller, room, hooks) = open(dir.path(), vec![hook("a", "", &script)]);
    let (_end, ending) = watch::channel(false);
    tokio::spawn(room.run(hooks, |_| None, ending));
    assert_eq!(teller.ailing(), []);
    for n in 0..3 {
        teller.tell(Occurrence::Alert(json!({"id": n.to_string()})));
    }
    until("it to ail", async || !teller.ailing().is_empty()).await;
    let ailing = teller.ailing();
    assert_eq!(
        (&*ailing[0].name, &*ailing[0].why),
        ("a", "it ended with 1")
    );
    std::fs::write(well, "").unwrap();
    teller.tell(Occurrence::Alert(json!({"id": "4"})));
    until("it to be well", async || teller.ailing().is_empty()).await;
}

#[tokio::test]
async fn one_that_is_mended_is_well_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let well = dir.path().join("well");
    let script = format!("test -e {}", well.display());
    let (teller, room, hooks) = open(dir.path(), vec![hook("a", "", &script)]);
    let (change, changed) = watch::channel(hooks.borrow().clone());
    let (_end, ending) = watch::channel(false);
    tokio::spawn(room.run(changed, |_| None, ending));
    let fail = async |about: &str| {
        for n in 0..3 {
            teller.tell(Occurrence::Alert(json!({"id": format!("{about}{n}")})));
        }
        until("it to ail", async || !teller.ailing().is_empty()).await;
    };
    fail("a").await;
    assert!(!teller.test("a").await.unwrap().ok);
    assert_eq!(teller.ailing().len(), 1, "a test that fails mends nothing");
    // A test that is told is enough, and what waits is told without a rest.
    std::fs::write(&well, "").unwrap();
    assert!(teller.test("a").await.unwrap().ok);
    assert_eq!(teller.ailing(), []);
    until("what waited", async || {
        teller.list().await.unwrap()[0].waiting == 0
    })
    .await;
    std::fs::remove_file(&well).unwrap();
    fail("b").await;
    // The same again is no repair.
    change.send_modify(|_| ());
    assert!(!teller.test("a").await.unwrap().ok);
    assert_eq!(teller.ailing().len(), 1);
    let mended = Arc::new(hook("a", "", "true"));
    change.send_replace(Hooks::from([("a".into(), mended)]));
    until("it to be well", async || teller.ailing().is_empty()).await;
}

#[tokio::test]
async fn what_does_not_fit_is_counted_and_nobody_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (teller, room, _hooks) = open(dir.path(), vec![hook("a", "", "true")]);
    // The room does not run.
    for _ in 0..OCCURRENCES + 5 {
        teller.tell(Occurrence::Alert(Value::Null));
    }
    assert_eq!(teller.shared.missed.load(Ordering::Relaxed), 5);
    drop(room);
}

#[tokio::test]
async fn ends_that_nobody_looked_at_are_told_at_the_next_start_and_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let said = dir.path().join("said");
    let script = format!("cat >> {}", said.display());
    let hooks = || vec![hook("a", "", &script)];
    let told = || -> Vec<Value> {
        let text = std::fs::read_to_string(&said).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|said| said["job"]["id"].clone())
            .collect()
    };
    let complete = |job: Arc<Job>, later: i64| {
        let mut job = Arc::unwrap_or_clone(job);
        let mut now = Clock::new().now();
        now.wall = now.wall.plus_ms(later);
        job.complete(now).unwrap();
        Arc::new(job)
    };
    // It ended before there was a hook.
    let old = complete(job("ann"), -1_000);
    let (teller, room, receiver) = open_with(dir.path(), hooks(), std::slice::from_ref(&old));
    let (end, ending) = watch::channel(false);
    let running = tokio::spawn(room.run(receiver, |_| None, ending));
    let known = complete(job("ann"), 1_000);
    teller.tell(Occurrence::Finished(Arc::clone(&known)));
    until("the known one", async || told().len() == 1).await;
    end.send(true).unwrap();
    running.await.unwrap();
    // The store has it, but the daemon was cut off before the hooks heard of it.
    let cut_off = complete(job("ann"), 2_000);
    let jobs = [old, known.clone(), cut_off.clone()];
    for _ in 0..2 {
        let (teller, room, receiver) = open_with(dir.path(), hooks(), &jobs);
        let (end, ending) = watch::channel(false);
        let running = tokio::spawn(room.run(receiver, |_| None, ending));
        until("all of it", async || {
            told().len() >= 2 && teller.list().await.unwrap()[0].waiting == 0
        })
        .await;
        end.send(true).unwrap();
        running.await.unwrap();
    }
    assert_eq!(told(), [json!(known.id()), json!(cut_off.id())]);
}
