//! The feed over a real WebSocket on an in-memory pipe; the test is the engine.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use jobtop_core::access::{Identity, Role};
use jobtop_core::job::Idempotency;
use jobtop_core::job::refusal::Refusal;
use jobtop_core::policy::Limits;
use jobtop_core::proto::body::NewJob;
use jobtop_core::proto::history::{AnalyticsAnswer, HistoryWanted, StoreAnswer};
use jobtop_core::proto::request::ListJobs;
use jobtop_core::proto::stored::StoredJob;
use jobtop_core::{Job, JobId, Now, Timestamp, UserId};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role as Side;

use super::hub::Hub;
use super::listing;
use super::session::{self, Answering, HistoryPage, Past, Peer, Shared};
use crate::clock::Clock;
use crate::engine::command::{Answer, Brought, Command, Control, ToProducer};
use crate::engine::handle::{Handle, INBOX};
use crate::engine::outcome::Notice;

const NOW: Now = Now {
    wall: Timestamp(1_795_489_457_000),
    mono: 5_000,
};

/// A hub, and whatever its sessions ask of the engine.
struct House {
    hub: Arc<Hub>,
    shared: Shared,
    inbox: mpsc::Receiver<Brought>,
    closing: watch::Sender<bool>,
    revision: u64,
}

/// A past in which nothing happened.
struct Nothing;

impl Past for Nothing {
    fn history(&self, _: HistoryWanted, _: Identity) -> Answering<HistoryPage> {
        Box::pin(async { Ok(HistoryPage::default()) })
    }

    fn analytics(&self, _: HistoryWanted, _: Identity) -> Answering<AnalyticsAnswer> {
        Box::pin(async { Ok(AnalyticsAnswer::default()) })
    }

    fn store(&self, _: &Identity) -> Result<StoreAnswer, Refusal> {
        Err(Refusal::forbidden("see"))
    }
}

struct Client {
    socket: WebSocketStream<DuplexStream>,
}

impl House {
    fn new() -> Self {
        let hub = Hub::new(77);
        let (sender, inbox) = mpsc::channel(INBOX);
        let (closing, closed) = watch::channel(false);
        let shared = Shared {
            logs: crate::logs::Logs::of(std::path::Path::new("/no/such/place"), 0),
            alerts: Arc::new(crate::alerts::Alerts::none()),
            metrics: Arc::default(),
            pace: Arc::new(crate::feed::pace::Pace::new(1_000_000)),
            feed: tokio::sync::watch::channel(true).1,
            hub: hub.clone(),
            lookup: Arc::new(|_| Box::pin(async { None })),
            keyed: Arc::new(|_, _| Box::pin(async { None })),
            past: Arc::new(Nothing),
            engine: Handle::new(sender),
            clock: Clock::new(),
            limits: Limits::default(),
            closing: closed,
        };
        Self {
            hub,
            shared,
            inbox,
            closing,
            revision: 0,
        }
    }

    /// What the engine is asked next.
    async fn asked(&mut self) -> Option<Command> {
        self.inbox.recv().await.map(|brought| brought.command)
    }

    /// Shows a job of that owner, new or changed.
    fn show(&mut self, number: u128, owner: &str, progress: f64) -> JobId {
        self.revision += 1;
        let job = job(number, owner, progress, self.revision);
        let id = job.id();
        self.hub.publish(
            vec![Notice::Job {
                job: Arc::new(job),
                came: Some(std::time::Instant::now()),
            }],
            NOW,
        );
        id
    }

    fn remove(&mut self, id: JobId, owner: &str) {
        self.revision += 1;
        let owner = UserId::new(owner).unwrap();
        let revision = self.revision;
        self.hub.publish(
            vec![Notice::Removed {
                id,
                owner,
                revision,
            }],
            NOW,
        );
    }

    /// A client of that name and role, past its welcome; `room` bytes fit into the pipe.
    async fn client(&self, user: &str, role: Role, room: usize) -> Client {
        let identity = Identity {
            user: UserId::new(user).unwrap(),
            role,
            may_assume: false,
            may_submit: false,
            may_manage: false,
            origin: None,
        };
        self.client_of(identity, room).await
    }

    async fn client_of(&self, identity: Identity, room: usize) -> Client {
        let (near, far) = tokio::io::duplex(room);
        let config = session::socket_config(&self.shared.limits);
        let served = WebSocketStream::from_raw_socket(far, Side::Server, Some(config)).await;
        let peer = Peer {
            identity,
            process: None,
            pass: None,
            reports: false,
        };
        tokio::spawn(session::serve(served, peer, self.shared.clone()));
        let socket = WebSocketStream::from_raw_socket(near, Side::Client, None).await;
        let mut client = Client { socket };
        let welcome = client.next().await;
        assert_eq!(welcome["type"], "welcome");
        assert_eq!(welcome["epoch"], 77);
        client
    }
}

impl Client {
    async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    /// The next text frame.
    async fn next(&mut self) -> Value {
        loop {
            match self
                .socket
                .next()
                .await
                .expect("a frame")
                .expect("a good frame")
            {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => {
                    return json!({"type": "close", "code": frame.map(|f| u16::from(f.code))});
                }
                _ => {}
            }
        }
    }

    /// The types of the next `n` messages, with what tells them apart.
    async fn types(&mut self, n: usize) -> Vec<String> {
        let mut types = Vec::new();
        for _ in 0..n {
            types.push(self.next().await["type"].as_str().unwrap().to_owned());
        }
        types
    }

    async fn subscribe(&mut self, wanted: Value) -> Value {
        self.send(wanted).await;
        self.next().await
    }
}

fn job(number: u128, owner: &str, progress: f64, revision: u64) -> Job {
    let text = include_str!("../../../shared/core/tests/stored/job-1.json");
    let stored = StoredJob::read(text.as_bytes()).expect("the stored sample");
    let mut job = stored.revive(NOW);
    let mut spec = (*job.spec).clone();
    spec.id = JobId::new(NOW.wall, number);
    spec.user = UserId::new(owner).unwrap();
    job.spec = Arc::new(spec);
    job.state.progress = progress;
    job.state.revision = revision;
    job
}

#[tokio::test]
async fn the_storys_messages() {
    let mut house = House::new();
    let mut client = house.client("analyst1", Role::User, 1 << 20).await;
    let said = client
        .subscribe(json!({"type": "subscribe", "channel": "job:analyst1"}))
        .await;
    assert_eq!(
        (&said["type"], &said["channel"]),
        (&json!("subscribed"), &json!("job:analyst1"))
    );
    let id = house.show(1, "analyst1", 33.3);
    house.show(2, "analyst2", 1.0);
    let update = client.next().await;
    assert_eq!(update["type"], "job_update");
    assert_eq!(update["jobId"], id.to_string());
    assert_eq!(update["progress"], 33.3);
    assert_eq!(update["channel"], "job:analyst1");
    for field in [
        "status",
        "currentStep",
        "metrics",
        "updatedAt",
        "timestamp",
        "jobType",
    ] {
        assert!(update.get(field).is_some(), "{field}");
    }
    // The foreign job was not told: the answer to the ping is next.
    client.send(json!({"type": "ping"})).await;
    assert_eq!(client.next().await["type"], "pong");
    client
        .send(json!({"type": "unsubscribe", "channel": "job:analyst1"}))
        .await;
    assert_eq!(client.next().await["type"], "unsubscribed");
    house.show(1, "analyst1", 50.0);
    client.send(json!({"type": "ping"})).await;
    assert_eq!(client.next().await["type"], "pong");
}

#[tokio::test]
async fn a_snapshot_is_the_live_set_and_new_jobs_come_whole_once() {
    let mut house = House::new();
    let gone = house.show(9, "analyst1", 0.0);
    house.show(1, "analyst1", 10.0);
    house.remove(gone, "analyst1");
    let mut client = house.client("root", Role::Admin, 1 << 20).await;
    client
        .send(json!({"type": "subscribe", "channel": "jobs", "snapshot": true}))
        .await;
    assert_eq!(
        client.types(3).await,
        ["subscribed", "job_snapshot", "snapshot_end"]
    );
    house.show(2, "analyst2", 0.0);
    assert_eq!(client.next().await["type"], "job_snapshot");
    house.show(2, "analyst2", 1.0);
    house.show(1, "analyst1", 11.0);
    assert_eq!(client.types(2).await, ["job_update", "job_update"]);
}

#[tokio::test]
async fn after_gives_what_changed_and_what_went() {
    let mut house = House::new();
    let old = house.show(1, "analyst1", 10.0);
    house.show(2, "analyst1", 20.0);
    let position = house.revision;
    house.show(2, "analyst1", 21.0);
    house.show(3, "analyst1", 0.0);
    house.remove(old, "analyst1");
    let mut client = house.client("root", Role::Admin, 1 << 20).await;
    let said = client
        .subscribe(json!({"type": "subscribe", "channel": "jobs", "after": position, "epoch": 77}))
        .await;
    assert_eq!(said.get("reset"), None);
    assert_eq!(
        client.types(3).await,
        ["job_update", "job_snapshot", "job_removed"]
    );
}

#[tokio::test]
async fn another_epoch_or_the_future_is_a_reset() {
    let mut house = House::new();
    house.show(1, "analyst1", 10.0);
    for (after, epoch) in [(1, 76), (99, 77)] {
        let mut client = house.client("root", Role::Admin, 1 << 20).await;
        let said = client
            .subscribe(
                json!({"type": "subscribe", "channel": "jobs", "after": after, "epoch": epoch}),
            )
            .await;
        assert_eq!(said["reset"], true);
        assert_eq!(client.types(2).await, ["job_snapshot", "snapshot_end"]);
    }
}

#[tokio::test]
async fn one_message_for_each_subscribed_channel() {
    let mut house = House::new();
    let id = house.show(1, "analyst1", 10.0);
    let mut client = house.client("root", Role::Admin, 1 << 20).await;
    for channel in [
        "jobs",
        "job:analyst1",
        &format!("job:{id}"),
        "job:job_nobodys",
    ] {
        client
            .subscribe(json!({"type": "subscribe", "channel": channel}))
            .await;
    }
    house.show(1, "analyst1", 11.0);
    let mut channels = Vec::new();
    for _ in 0..3 {
        channels.push(client.next().await["channel"].as_str().unwrap().to_owned());
    }
    assert_eq!(channels, ["jobs", "job:analyst1", &format!("job:{id}")]);
}

#[tokio::test]
async fn foreign_channels_are_forbidden_and_odd_ones_unknown() {
    let mut house = House::new();
    let id = house.show(1, "analyst2", 10.0);
    let mut client = house.client("analyst1", Role::User, 1 << 20).await;
    for (channel, code) in [
        ("job:analyst2".to_owned(), "forbidden"),
        (format!("job:{id}"), "forbidden"),
        ("metrics".to_owned(), "unknown_channel"),
        ("job:a b".to_owned(), "unknown_channel"),
        ("x".repeat(300), "unknown_channel"),
    ] {
        let said = client
            .subscribe(json!({"type": "subscribe", "channel": channel, "requestId": 5}))
            .await;
        assert_eq!(
            (said["type"].as_str(), said["code"].as_str()),
            (Some("error"), Some(code)),
            "{channel}"
        );
        assert_eq!(said["requestId"], 5);
    }
    // `jobs` carries only what the identity may see.
    client
        .subscribe(json!({"type": "subscribe", "channel": "jobs", "snapshot": true}))
        .await;
    assert_eq!(client.next().await["type"], "snapshot_end");
    house.show(1, "analyst2", 11.0);
    let own = house.show(2, "analyst1", 0.0);
    assert_eq!(client.next().await["job"]["id"], own.to_string());
}

#[tokio::test]
async fn a_subscription_is_held_to_the_user_that_it_names_where_that_is_allowed() {
    let mut house = House::new();
    let foreign = house.show(1, "analyst2", 10.0);
    house.show(2, "analyst1", 10.0);
    let anybody = Identity {
        user: UserId::new("root").unwrap(),
        role: Role::Admin,
        may_assume: true,
        may_submit: false,
        may_manage: false,
        origin: None,
    };
    let mut client = house.client_of(anybody, 1 << 20).await;
    for channel in ["job:analyst2".to_owned(), format!("job:{foreign}")] {
        let said = client
            .subscribe(json!({"type": "subscribe", "channel": channel, "userId": "analyst1"}))
            .await;
        assert_eq!(said["code"], "forbidden", "{channel}");
    }
    client
        .send(
            json!({"type": "subscribe", "channel": "jobs", "userId": "analyst1", "snapshot": true}),
        )
        .await;
    assert_eq!(
        client.types(3).await,
        ["subscribed", "job_snapshot", "snapshot_end"]
    );
    house.show(1, "analyst2", 11.0);
    let own = house.show(2, "analyst1", 11.0);
    assert_eq!(client.next().await["jobId"], own.to_string());
    // Another subscription of the same client without a name is not held to anybody.
    client
        .subscribe(json!({"type": "subscribe", "channel": "job:analyst2"}))
        .await;
    house.show(1, "analyst2", 12.0);
    assert_eq!(client.next().await["channel"], "job:analyst2");
    // Who may not name a user stays who it is.
    let mut admin = house.client("root", Role::Admin, 1 << 20).await;
    admin
        .subscribe(json!({"type": "subscribe", "channel": "job:analyst2", "userId": "analyst1"}))
        .await;
    house.show(1, "analyst2", 13.0);
    assert_eq!(admin.next().await["type"], "job_update");
}

#[tokio::test]
async fn who_does_not_read_gets_the_newest_and_every_ending() {
    let mut house = House::new();
    // The pipe holds about two messages: everything else waits in the list, not in a queue.
    let mut client = house.client("root", Role::Admin, 4096).await;
    client
        .subscribe(json!({"type": "subscribe", "channel": "jobs"}))
        .await;
    for step in 0..5_000_u32 {
        house.show(u128::from(step % 10), "analyst1", f64::from(step) / 50.0);
    }
    let mut newest = std::collections::HashMap::new();
    let mut last = 0;
    let mut count = 0;
    while last < house.revision {
        let update = client.next().await;
        let revision = update["revision"].as_u64().unwrap();
        assert!(revision > last, "revisions never go back");
        last = revision;
        count += 1;
        newest.insert(
            update["jobId"].as_str().unwrap().to_owned(),
            update["progress"].as_f64().unwrap(),
        );
    }
    assert_eq!(newest.len(), 10);
    assert!(
        newest.values().all(|progress| *progress >= 99.8),
        "{newest:?}"
    );
    assert!(
        count < 1_000,
        "intermediate progress is skipped: {count} messages"
    );
}

#[tokio::test]
async fn what_is_wrong_is_answered_and_the_connection_lives() {
    let house = House::new();
    let mut client = house.client("analyst1", Role::User, 1 << 20).await;
    for (text, code) in [
        ("{", "bad_json"),
        ("[]", "invalid"),
        ("{\"type\":\"dance\"}", "unknown_message"),
        ("{\"type\":\"subscribe\"}", "invalid"),
        (
            "{\"type\":\"pause_job\",\"jobId\":\"../../x\"}",
            "job_not_found",
        ),
        (
            "{\"type\":\"update_progress\",\"jobId\":\"job_1\",\"progress\":NaN}",
            "bad_json",
        ),
    ] {
        client.socket.send(Message::text(text)).await.unwrap();
        let said = client.next().await;
        assert_eq!(
            (said["type"].as_str(), said["code"].as_str()),
            (Some("error"), Some(code)),
            "{text}"
        );
    }
    client
        .socket
        .send(Message::binary(vec![1, 2, 3]))
        .await
        .unwrap();
    assert_eq!(client.next().await["code"], "binary_frame");
    client.send(json!({"type": "pong"})).await;
    client.send(json!({"type": "ping", "requestId": "a"})).await;
    assert_eq!(client.next().await["requestId"], "a");
    let huge = format!("{{\"type\":\"{}\"}}", "x".repeat(300_000));
    client.socket.send(Message::text(huge)).await.unwrap();
    assert_eq!(client.next().await["code"], 1009);
}

#[tokio::test]
async fn a_producer_is_announced_answered_told_and_missed() {
    let mut house = House::new();
    let mut client = house.client("analyst1", Role::User, 1 << 20).await;
    client
        .send(json!({"type": "create_job", "jobType": "csv_processing", "requestId": 1}))
        .await;
    let Some(Command::Connect { link }) = house.asked().await else {
        panic!("announced first")
    };
    let Some(Command::Create { conn, reply, .. }) = house.asked().await else {
        panic!("then the job")
    };
    assert_eq!(conn, Some(link.conn));
    let job = job(1, "analyst1", 0.0, 1);
    let id = job.id();
    reply.give(Ok(Answer::Created(Arc::new(job))));
    let said = client.next().await;
    assert_eq!(
        (&said["type"], &said["requestId"]),
        (&json!("ok"), &json!(1))
    );
    assert_eq!(said["job"]["id"], id.to_string());
    let control = Control {
        job: id,
        action: jobtop_core::job::control::Action::Cancel,
        requested_at: NOW.wall,
    };
    link.control
        .send(ToProducer::Control(control))
        .await
        .unwrap();
    let said = client.next().await;
    assert_eq!(
        (&said["type"], &said["action"]),
        (&json!("job_control"), &json!("cancel"))
    );
    drop(client);
    assert!(matches!(house.asked().await, Some(Command::Gone { conn }) if conn == link.conn));
}

#[tokio::test]
async fn who_comes_late_to_an_archived_job_hears_that_it_has_ended() {
    let mut house = House::new();
    let old = Arc::new(job(7, "analyst1", 100.0, 1));
    let (id, live) = (old.id(), house.show(8, "analyst1", 1.0));
    house.shared.lookup = Arc::new(move |asked| {
        let found = (asked == id).then(|| Arc::clone(&old));
        Box::pin(async move { found })
    });
    let mut client = house.client("analyst1", Role::User, 1 << 20).await;
    for (request, code) in [
        (
            json!({"type": "update_progress", "jobId": id.to_string(), "progress": 1}),
            "job_finished",
        ),
        (
            json!({"type": "adopt_job", "jobId": id.to_string()}),
            "job_finished",
        ),
        (
            json!({"type": "pause_job", "jobId": id.to_string()}),
            "job_finished",
        ),
    ] {
        client.send(request.clone()).await;
        let said = client.next().await;
        assert_eq!(
            (&said["code"], &said["jobId"]),
            (&json!(code), &json!(id.to_string())),
            "{request}"
        );
    }
    // Of many the good one goes its way; each of the others is told, and the request answered once.
    client
        .send(
            json!({"type": "update_progress", "requestId": 4, "updates": [
                {"jobId": "x", "progress": 1},
                {"jobId": id.to_string(), "progress": 1},
                {"jobId": live.to_string(), "progress": 2},
                {"jobId": id.to_string(), "progress": 3},
            ]}),
        )
        .await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let said = client.next().await;
        told.push((
            said["code"].as_str().unwrap().to_owned(),
            said.get("requestId").cloned(),
        ));
    }
    let finished = || ("job_finished".to_owned(), None);
    let first = ("job_not_found".to_owned(), Some(json!(4)));
    assert_eq!(told, [first, finished(), finished()]);
    let reported = loop {
        match house.asked().await.unwrap() {
            Command::Report { updates, reply, .. } => break (updates, reply),
            Command::Connect { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reported.0.len(), 1);
    assert_eq!(reported.0[0].0, live);
    assert!(!reported.1.wants_success(), "the request has its answer");
}

#[tokio::test]
async fn a_key_of_an_archived_job_makes_no_second_one() {
    let mut house = House::new();
    let new: NewJob =
        serde_json::from_value(json!({"type": "csv_processing", "idempotencyKey": "k"})).unwrap();
    let mut old = job(7, "analyst1", 100.0, 1);
    let mut spec = (*old.spec).clone();
    spec.idempotency = Some(Idempotency {
        key: "k".into(),
        digest: new.digest(),
    });
    old.spec = Arc::new(spec);
    let (id, old) = (old.id(), Arc::new(old));
    house.shared.keyed = Arc::new(move |user, key| {
        let found = (user.as_str() == "analyst1" && *key == *"k").then(|| Arc::clone(&old));
        Box::pin(async move { found })
    });
    let mut client = house.client("analyst1", Role::User, 1 << 20).await;
    let mut create = json!({"type": "create_job", "jobType": "csv_processing", "requestId": 1,
        "idempotencyKey": "k"});
    client.send(create.clone()).await;
    assert_eq!(client.next().await["job"]["id"], id.to_string());
    create["name"] = json!("another");
    client.send(create.clone()).await;
    assert_eq!(client.next().await["code"], "idempotency_conflict");
    // Another key is the engine's affair.
    create["idempotencyKey"] = json!("new");
    client.send(create).await;
    assert!(matches!(house.asked().await, Some(Command::Connect { .. })));
    assert!(matches!(house.asked().await, Some(Command::Create { .. })));
}

#[tokio::test]
async fn what_is_written_is_counted_and_what_it_stands_for() {
    let mut house = House::new();
    let mut client = house.client("root", Role::Admin, 1 << 20).await;
    client
        .subscribe(json!({"type": "subscribe", "channel": "jobs"}))
        .await;
    let metrics = Arc::clone(&house.shared.metrics);
    let measured = || -> u64 {
        let buckets = metrics.latency().buckets();
        buckets.iter().map(|(_, count)| count).sum()
    };
    let counted = || (metrics.updates(), metrics.conflated());
    // Nobody else runs until this waits: of the first job the last state alone is sent.
    for (number, progress) in [(1, 1.0), (1, 2.0), (1, 3.0), (2, 1.0)] {
        house.show(number, "analyst1", progress);
    }
    for progress in [3.0, 1.0] {
        assert_eq!(client.next().await["progress"], progress);
    }
    client.send(json!({"type": "ping"})).await;
    client.next().await;
    assert_eq!(counted(), (2, 1));
    assert_eq!(measured(), 2);
    house.show(1, "analyst1", 4.0);
    client.next().await;
    client.send(json!({"type": "ping"})).await;
    client.next().await;
    assert_eq!(counted(), (3, 1), "the one before was sent");
    // Crowds of updates are measured now and then.
    for n in 0..100 {
        house.show(1, "analyst1", 5.0 + f64::from(n) / 2.0);
        client.next().await;
    }
    client.send(json!({"type": "ping"})).await;
    client.next().await;
    assert_eq!(counted(), (103, 1));
    assert!((2..100).contains(&measured()), "{}", measured());
}

#[tokio::test]
async fn every_refused_update_is_told_and_the_request_answered_once() {
    let mut house = House::new();
    let ids: Vec<_> = (1..4).map(|n| house.show(n, "analyst1", 1.0)).collect();
    let mut client = house.client("analyst1", Role::User, 1 << 20).await;
    let updates: Vec<_> = ids
        .iter()
        .map(|id| json!({"jobId": id.to_string(), "progress": 1}))
        .collect();
    client
        .send(json!({"type": "update_progress", "updates": updates, "requestId": "a"}))
        .await;
    assert!(matches!(house.asked().await, Some(Command::Connect { .. })));
    let Some(Command::Report { reply, .. }) = house.asked().await else {
        panic!("the report")
    };
    let refusal = || Refusal::forbidden("update");
    reply
        .about(ids[0], vec![(ids[2], refusal())])
        .give(Err(refusal()));
    for (id, request) in [(ids[0], json!("a")), (ids[2], Value::Null)] {
        let said = client.next().await;
        assert_eq!(
            (&said["type"], &said["code"]),
            (&json!("error"), &json!("forbidden"))
        );
        assert_eq!(
            (&said["jobId"], &said["requestId"]),
            (&json!(id.to_string()), &request)
        );
    }
}

#[tokio::test]
async fn going_down_is_said() {
    let house = House::new();
    let mut client = house.client("analyst1", Role::User, 1 << 20).await;
    house.closing.send(true).unwrap();
    assert_eq!(client.next().await, json!({"type": "close", "code": 1001}));
}

#[test]
fn a_listing_of_changes_says_what_no_longer_fits_and_goes_on_page_by_page() {
    let mut house = House::new();
    let slow = house.show(1, "analyst1", 10.0);
    let fast = house.show(2, "analyst1", 20.0);
    let position = house.revision;
    house.show(1, "analyst1", 60.0);
    house.show(2, "analyst1", 30.0);
    house.show(3, "analyst2", 99.0);
    let who = Identity {
        user: UserId::new("analyst1").unwrap(),
        role: Role::User,
        may_assume: false,
        may_submit: false,
        may_manage: false,
        origin: None,
    };
    let mut wanted = ListJobs {
        q: Some("progress<50".into()),
        after: Some(position),
        epoch: Some(77),
        ..ListJobs::default()
    };
    let answer = listing::list(&house.hub, &wanted, &who, NOW).unwrap();
    assert_eq!(
        answer.jobs.iter().map(|job| job.id).collect::<Vec<_>>(),
        [fast]
    );
    assert_eq!(answer.removed, [slow]);

    wanted.q = None;
    wanted.limit = Some(1);
    let first = listing::list(&house.hub, &wanted, &who, NOW).unwrap();
    assert_eq!(first.jobs[0].id, slow);
    wanted.cursor = first.next_cursor;
    let second = listing::list(&house.hub, &wanted, &who, NOW).unwrap();
    assert_eq!(second.jobs[0].id, fast);
    assert_eq!(
        (second.next_cursor, second.revision),
        (None, house.revision)
    );
}
