use std::time::{Duration, Instant};

use jobtop_core::job::control::Action;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::sample::{ID, asked, control, id, job, new_job, ok, report};
use super::{Delivered, End, Reporter, report_with};
use crate::backoff::Backoff;
use crate::fake::{Fake, Peer, brisk, soon};
use crate::link::{LinkState, Timing};

const LONG: Duration = Duration::from_secs(10);

async fn creates(peer: &mut Peer) -> Value {
    let create = peer.hear("create_job").await;
    peer.say(ok("create", "running", &Value::Null)).await;
    create
}

async fn reporting(fake: &Fake) -> (Reporter, mpsc::Receiver<Action>, Peer) {
    let (reporter, actions) = report_with(fake.endpoint(), new_job(), brisk());
    let mut peer = fake.accept().await;
    creates(&mut peer).await;
    (reporter, actions, peer)
}

#[tokio::test]
async fn a_job_is_reported_through_an_outage() {
    let fake = Fake::new();
    let (reporter, mut actions) = report_with(fake.endpoint(), new_job(), brisk());
    // Said before there is any connection.
    reporter.update(report(r#"{"progress":1,"message":"begun"}"#));

    let mut peer = fake.accept().await;
    let create = peer.hear("create_job").await;
    assert_eq!(create["jobType"], "csv_processing");
    let key = create["idempotencyKey"].clone();
    assert!(key.as_str().is_some_and(|key| key.len() == 32), "{key}");
    // The answer is lost: the same is asked again under the same key.
    drop(peer);
    let mut peer = fake.accept().await;
    assert_eq!(creates(&mut peer).await, create);
    peer.hear("adopt_job").await;
    peer.say(ok("adopt", "running", &Value::Null)).await;
    assert_eq!(
        peer.hear("update_progress").await,
        json!({"type": "update_progress", "jobId": ID, "progress": 1.0, "message": "begun"})
    );
    let mut known = reporter.job_id();
    let seen = soon(known.wait_for(Option::is_some)).await.unwrap();
    assert_eq!(*seen, Some(id()));

    drop(peer);
    reporter.update(report(r#"{"progress":2}"#));
    let mut peer = fake.accept().await;
    peer.hear("adopt_job").await;
    peer.say(ok("adopt", "paused", &asked("pause", 1))).await;
    assert_eq!(
        peer.hear("update_progress").await,
        json!({"type": "update_progress", "jobId": ID, "progress": 2.0, "message": "begun"})
    );
    assert_eq!(soon(actions.recv()).await, Some(Action::Pause));
    reporter.acknowledge(Action::Pause, false, Some("not now".to_owned()));
    let ack = peer.hear("control_ack").await;
    assert_eq!(
        (&ack["ok"], &ack["message"]),
        (&json!(false), &json!("not now"))
    );
    peer.say(json!({"type": "ok", "requestId": "ack-pause", "job": job("running", &Value::Null)}))
        .await;

    let finish = tokio::spawn(reporter.finish(End::Completed, LONG));
    peer.hear("complete_job").await;
    peer.say(ok("end", "completed", &Value::Null)).await;
    assert_eq!(soon(finish).await.unwrap(), Delivered::Yes);
    assert_eq!(
        soon(actions.recv()).await,
        None,
        "and nothing else was asked"
    );
    assert_eq!(peer.hear_any().await, None, "the connection is closed");
}

#[tokio::test]
async fn of_many_reports_the_newest_is_said() {
    let fake = Fake::new();
    let (reporter, _actions, mut peer) = reporting(&fake).await;
    let count = |n: u64| report(&format!(r#"{{"metrics":{{"processedItems":{n}}}}}"#));
    let begun = Instant::now();
    let mut n = 0;
    let telling = async {
        let mut pace = tokio::time::interval(Duration::from_millis(1));
        loop {
            pace.tick().await;
            n += 1;
            reporter.update(count(n));
        }
    };
    let hearing = async {
        for _ in 0..8 {
            peer.hear("update_progress").await;
        }
    };
    tokio::select! {
        () = telling => {}
        () = hearing => {}
    }
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(300), "8 reports in {took:?}");
    reporter.update(count(n + 1));
    while peer.hear("update_progress").await["metrics"]["processedItems"] != n + 1 {}
}

#[tokio::test]
async fn a_job_that_is_silent_shows_that_it_lives() {
    let fake = Fake::new();
    let mut new = new_job();
    new.heartbeat_seconds = Some(0.01);
    let (_reporter, _actions) = report_with(fake.endpoint(), new, brisk());
    let mut peer = fake.accept().await;
    creates(&mut peer).await;
    for _ in 0..3 {
        peer.hear("heartbeat").await;
    }
}

#[tokio::test]
async fn finishing_has_an_end_though_nobody_answers() {
    let fake = Fake::new();
    let endpoint = fake.endpoint();
    drop(fake);
    let (reporter, _actions) = report_with(endpoint.clone(), new_job(), brisk());
    let mut state = reporter.state();
    soon(state.wait_for(|state| matches!(state, LinkState::Waiting { .. })))
        .await
        .unwrap();
    let Delivered::No(why) = soon(reporter.finish(End::Completed, Duration::from_millis(50))).await
    else {
        panic!("delivered to nobody");
    };
    assert!(!why.is_empty());

    let fake = Fake::new();
    let (reporter, mut actions, _peer) = reporting(&fake).await;
    assert_eq!(
        soon(reporter.finish(End::Completed, Duration::from_millis(50))).await,
        Delivered::No("the daemon did not answer in time".to_owned())
    );
    assert_eq!(soon(actions.recv()).await, None, "the task has ended");
}

#[tokio::test]
async fn finishing_does_not_sit_out_a_long_wait() {
    let fake = Fake::new();
    let an_hour = Duration::from_secs(3600);
    let timing = Timing {
        backoff: Backoff {
            min: an_hour,
            max: an_hour,
            ..Backoff::default()
        },
        ..brisk()
    };
    let (reporter, _actions) = report_with(fake.endpoint(), new_job(), timing);
    drop(fake.accept_raw().await);
    let mut state = reporter.state();
    soon(state.wait_for(|state| matches!(state, LinkState::Waiting { .. })))
        .await
        .unwrap();
    let finish = tokio::spawn(reporter.finish(End::Completed, LONG));
    let mut peer = fake.accept().await;
    creates(&mut peer).await;
    peer.hear("complete_job").await;
    peer.say(ok("end", "completed", &Value::Null)).await;
    assert_eq!(soon(finish).await.unwrap(), Delivered::Yes);
}

#[tokio::test]
async fn a_producer_that_does_not_look_is_reported_all_the_same() {
    let fake = Fake::new();
    let (reporter, mut actions, mut peer) = reporting(&fake).await;
    for second in 0..20 {
        peer.say(control(
            if second % 2 == 0 { "pause" } else { "resume" },
            second,
        ))
        .await;
    }
    reporter.update(report(r#"{"progress":7}"#));
    assert_eq!(peer.hear("update_progress").await["progress"], 7.0);
    for second in 0..20 {
        let wanted = if second % 2 == 0 {
            Action::Pause
        } else {
            Action::Resume
        };
        assert_eq!(soon(actions.recv()).await, Some(wanted), "{second}");
    }
    // One that will never look.
    drop(actions);
    peer.say(control("pause", 30)).await;
    reporter.update(report(r#"{"progress":8}"#));
    assert_eq!(peer.hear("update_progress").await["progress"], 8.0);
    let finish = tokio::spawn(reporter.finish(End::Completed, LONG));
    peer.hear("complete_job").await;
    peer.say(ok("end", "completed", &Value::Null)).await;
    assert_eq!(soon(finish).await.unwrap(), Delivered::Yes);
}

#[tokio::test]
async fn a_reporter_that_is_dropped_ends_its_connection() {
    let fake = Fake::new();
    let (reporter, _actions, mut peer) = reporting(&fake).await;
    drop(reporter);
    assert_eq!(peer.hear_any().await, None);
}
