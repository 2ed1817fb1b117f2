//! The writing half of a session. Whenever the socket is free it sends what is newest after its cursor: that is the
//! live feed, the conflation of a slow client and the catch-up after a cut, in one mechanism.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Sink, SinkExt};
use jobtop_core::Timestamp;
use jobtop_core::access::Identity;
use jobtop_core::alert::Alert;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::PROTOCOL;
use jobtop_core::proto::body::{AcceptAnswer, ActBody, JobAnswer, QueueAnswer, QueuesAnswer};
use jobtop_core::proto::channel::{Channel, Topic};
use jobtop_core::proto::message::{self, Said};
use jobtop_core::proto::request::{RequestId, Subscribe};
use serde_json::value::RawValue;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::following::{Following, News};
use super::hub::{Change, PULL, Pulled};
use super::interest::{Interest, Subscription};
use super::session::{End, Shared};
use crate::engine::command::{Answer, ConnId, SessionAnswer, ToProducer};
use crate::logs::part::Begin;
use crate::metrics::{Metrics, Return};

/// How often a silent client is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);
/// How many frames of a snapshot go out before the socket is flushed.
const CHUNK: usize = 64;

/// How long one client's updates take is measured at most this often.
const MEASURE: Duration = Duration::from_millis(50);

/// What the reader asks of the writer.
pub(super) enum Note {
    /// A finished frame.
    Say(String),
    Subscribe(Subscribe, Option<RequestId>),
    Unsubscribe(String, Option<RequestId>),
    Ping(Option<RequestId>),
}

pub(super) struct Writer {
    conn: ConnId,
    shared: Shared,
    identity: Identity,
    /// Whether the connection is for reports alone.
    reports: bool,
    interest: Interest,
    following: Following,
    /// The channel of the alerts, if it is subscribed.
    alerts: Option<Alarmed>,
    /// Everything up to here has been sent, or was of no interest.
    cursor: u64,
    /// Jobs that came into the live set up to here are known to the client, as far as they are of interest.
    known: u64,
    notify: Arc<Notify>,
    answers: mpsc::Receiver<SessionAnswer>,
    notes: mpsc::Receiver<Note>,
    controls: mpsc::Receiver<ToProducer>,
    unflushed: Unflushed,
    /// Whether it was counted that this client is back.
    returned: bool,
}

/// Updates that are on their way to the socket.
#[derive(Default)]
struct Unflushed {
    updates: u64,
    /// How many of them stand for an earlier one too, which this client is not sent.
    conflated: u64,
    /// When the messages came that they tell of, if it is to be measured how long ago that is.
    came: Vec<Instant>,
    /// Nothing that came before this is measured: reading the clock at every flush would cost more than all other counting.
    measure_from: Option<Instant>,
}

impl Unflushed {
    /// One more, after that revision was dealt with.
    fn add(&mut self, change: &Change, cursor: u64) {
        if let Some(came) = change.came
            && (!self.came.is_empty() || self.measure_from.is_none_or(|from| came >= from))
        {
            self.came.push(came);
        }
        self.updates += 1;
        self.conflated += u64::from(change.former > cursor);
    }

    /// They have been written.
    fn flushed(&mut self, viewer: ConnId, metrics: &Metrics) {
        if self.updates == 0 {
            return;
        }
        metrics.sent(viewer.0, self.updates, self.conflated);
        (self.updates, self.conflated) = (0, 0);
        if let Some(last) = self.came.last() {
            metrics.measured(&self.came);
            self.measure_from = Some(*last + MEASURE);
            self.came.clear();
            self.came.shrink_to(PULL);
        }
    }
}

/// Somebody to whom alerts are told.
struct Alarmed {
    channel: Channel,
    who: Identity,
    /// Changes up to this number have been told.
    told: u64,
    /// Those that are active by what was told.
    active: HashMap<Arc<str>, Alert>,
    changes: watch::Receiver<u64>,
}

impl Alarmed {
    /// One that has changed, as it is told; `None` where there is nothing to tell.
    fn tells(&mut self, changed: Result<Alert, Arc<str>>, now: Timestamp) -> Option<Alert> {
        match changed {
            Ok(alert) => {
                if alert.is_active() {
                    self.active.insert(Arc::clone(&alert.id), alert.clone());
                } else {
                    self.active.remove(&alert.id);
                }
                Some(alert)
            }
            // None of the jobs that it is about is this user's any more: for this user it is over.
            Err(id) => {
                let mut alert = self.active.remove(&id)?;
                alert.ended_at = Some(now);
                Some(alert)
            }
        }
    }
}

/// What woke the writer.
enum Woken {
    Alerts,
    Changes,
    Answer(SessionAnswer),
    Note(Note),
    Control(ToProducer),
    Ping,
    Logs,
    Closing,
    ReaderGone,
}

impl Writer {
    pub(super) fn new(
        conn: ConnId,
        (identity, reports): (Identity, bool),
        shared: Shared,
        answers: mpsc::Receiver<SessionAnswer>,
        notes: mpsc::Receiver<Note>,
        controls: mpsc::Receiver<ToProducer>,
    ) -> Self {
        let revision = shared.hub.revision();
        Self {
            conn,
            interest: Interest::default(),
            following: Following::default(),
            alerts: None,
            identity,
            reports,
            shared,
            cursor: revision,
            known: revision,
            notify: Arc::new(Notify::new()),
            answers,
            notes,
            controls,
            unflushed: Unflushed::default(),
            returned: false,
        }
    }

    pub(super) async fn run<S>(&mut self, sink: &mut S) -> End
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        match self.serve(sink).await {
            Ok(end) => end,
            // The peer went away, or its socket broke: there is nobody to tell.
            Err(_) => End::Gone,
        }
    }

    async fn serve<S>(&mut self, sink: &mut S) -> Result<End, Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        self.welcome(sink).await?;
        let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut closing = self.shared.closing.clone();
        // One for the whole session: it costs most to begin to wait.
        let mut closing = pin!(async move {
            let _ = closing.wait_for(|closing| *closing).await;
        });
        loop {
            let whole = self.feed_changes(sink).await?;
            self.feed_queued(sink).await?;
            sink.flush().await?;
            self.unflushed.flushed(self.conn, &self.shared.metrics);
            if !whole {
                continue;
            }
            // Every arm is cancel-safe: recv and notified take nothing unless they complete. In this order none is
            // starved: what comes rarely is asked first, and the queues are emptied after every change.
            let woken = tokio::select! {
                biased;
                () = &mut closing => Woken::Closing,
                _ = ping.tick() => Woken::Ping,
                () = self.notify.notified() => Woken::Changes,
                answer = self.answers.recv() => answer.map_or(Woken::ReaderGone, Woken::Answer),
                () = self.following.due() => Woken::Logs,
                () = alarm(&mut self.alerts) => Woken::Alerts,
                note = self.notes.recv() => note.map_or(Woken::ReaderGone, Woken::Note),
                control = self.controls.recv() => control.map_or(Woken::ReaderGone, Woken::Control),
            };
            match woken {
                Woken::Changes => {}
                Woken::Answer(answer) => self.answer(sink, answer).await?,
                Woken::Note(note) => self.take(sink, note).await?,
                Woken::Control(control) => self.control(sink, control).await?,
                Woken::Ping => {
                    sink.feed(Message::Ping(Vec::new().into())).await?;
                    let timestamp = self.shared.clock.now().wall;
                    say(sink, Said::Ping { timestamp }.encode()).await?;
                }
                Woken::Logs => self.feed_logs(sink).await?,
                Woken::Alerts => self.feed_alerts(sink).await?,
                Woken::Closing => return Ok(End::Closing),
                Woken::ReaderGone => return Ok(End::Gone),
            }
        }
    }

    async fn welcome<S>(&self, sink: &mut S) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        let hub = &self.shared.hub;
        let client_id = format!("client_{}_{}", hub.epoch(), self.conn.0);
        let welcome = Said::Welcome {
            client_id: &client_id,
            timestamp: self.shared.clock.now().wall,
            protocol: PROTOCOL,
            server: concat!("jobtopd/", env!("CARGO_PKG_VERSION")),
            epoch: hub.epoch(),
            revision: self.cursor,
            user_id: self.identity.user.as_str(),
            role: self.identity.role.word(),
        };
        say(sink, welcome.encode()).await
    }

    /// Feeds what changed after the cursor. Returns whether that was all.
    async fn feed_changes<S>(&mut self, sink: &mut S) -> Result<bool, Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        let pulled = self.shared.hub.pull(self.cursor, &self.interest);
        let whole = pulled.is_whole();
        self.feed_pulled(sink, pulled, whole).await?;
        Ok(whole)
    }

    async fn feed_pulled<S>(
        &mut self,
        sink: &mut S,
        pulled: Pulled,
        whole: bool,
    ) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        for change in &pulled.changes {
            for (subscription, via) in self.interest.about(change) {
                let channel = subscription.channel.name();
                let known = self.known.max(subscription.from);
                let frame = if subscription.whole && change.born > known {
                    change.snapshot(via, channel)
                } else {
                    change.update(via, channel)
                };
                self.unflushed.add(change, self.cursor);
                sink.feed(Message::Text(frame)).await?;
            }
        }
        self.cursor = self.cursor.max(pulled.upto);
        if whole {
            self.known = self.cursor;
        }
        Ok(())
    }

    /// Counts that a client is back: once, however much it subscribes to.
    fn count_return(&mut self, how: Return) {
        if !std::mem::replace(&mut self.returned, true) {
            self.shared.metrics.returned(how);
        }
    }

    /// Feeds answers, notes and controls that are waiting, a bounded number of each.
    async fn feed_queued<S>(&mut self, sink: &mut S) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        for _ in 0..CHUNK {
            let Ok(answer) = self.answers.try_recv() else {
                break;
            };
            self.answer(sink, answer).await?;
        }
        for _ in 0..CHUNK {
            let Ok(control) = self.controls.try_recv() else {
                break;
            };
            self.control(sink, control).await?;
        }
        for _ in 0..CHUNK {
            let Ok(note) = self.notes.try_recv() else {
                break;
            };
            self.take(sink, note).await?;
        }
        Ok(())
    }

    async fn feed_logs<S>(&mut self, sink: &mut S) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        for (channel, job_id, news) in self.following.look(&self.shared).await {
            let timestamp = self.shared.clock.now().wall;
            let said = match &news {
                News::Text(text, next) => Said::Log {
                    channel: &channel,
                    job_id,
                    text,
                    next: *next,
                    timestamp,
                },
                News::End => Said::LogEnd {
                    channel: &channel,
                    job_id,
                    timestamp,
                },
            };
            say(sink, said.encode()).await?;
        }
        Ok(())
    }

    async fn feed_alerts<S>(&mut self, sink: &mut S) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        let Some(alarmed) = &mut self.alerts else {
            return Ok(());
        };
        let (alerts, number) = self.shared.alerts.since(alarmed.told, &alarmed.who);
        alarmed.told = number;
        let now = self.shared.clock.now().wall;
        for changed in alerts {
            let Some(alert) = alarmed.tells(changed, now) else {
                continue;
            };
            let said = Said::Alert {
                channel: alarmed.channel.name(),
                alert: &alert,
                timestamp: now,
            };
            say(sink, said.encode()).await?;
        }
        Ok(())
    }

    async fn answer<S>(&self, sink: &mut S, answer: SessionAnswer) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        let now = self.shared.clock.now();
        let text = match (answer.answered, &answer.request_id) {
            (Ok(Answer::Created(job) | Answer::Job(job)), Some(id)) => message::ok(
                id,
                &JobAnswer {
                    job: job.view(now.mono),
                },
            ),
            (Ok(Answer::Accepted(job, command)), Some(id)) => message::ok(
                id,
                &AcceptAnswer {
                    job: job.view(now.mono),
                    command: command.map(|command| *command),
                },
            ),
            (Ok(Answer::Queues(queues)), Some(id)) => message::ok(id, &QueuesAnswer { queues }),
            (Ok(Answer::Queue(queue)), Some(id)) => message::ok(id, &QueueAnswer { queue }),
            (Ok(Answer::Done), Some(id)) => message::ok(id, &ActBody::default()),
            (Ok(_), None) => return Ok(()),
            (Err(refusal), id) => {
                self.shared.metrics.refused(refusal.code);
                Said::Error {
                    code: refusal.code.word(),
                    message: &refusal.detail,
                    request_id: id.as_deref(),
                    job_id: answer.job_id.as_deref(),
                    channel: None,
                    timestamp: now.wall,
                }
                .encode()
            }
        };
        say(sink, text).await?;
        // Each update stands for itself, so each that was refused is told; the request has had its answer.
        for (job, refusal) in answer.others {
            self.shared.metrics.refused(refusal.code);
            let said = Said::Error {
                code: refusal.code.word(),
                message: &refusal.detail,
                request_id: None,
                job_id: Some(&job.to_string()),
                channel: None,
                timestamp: now.wall,
            };
            say(sink, said.encode()).await?;
        }
        Ok(())
    }

    async fn control<S>(&self, sink: &mut S, control: ToProducer) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        let now = self.shared.clock.now();
        let said = match control {
            ToProducer::Control(control) => Said::JobControl {
                job_id: control.job,
                action: control.action,
                requested_at: control.requested_at,
                timestamp: now.wall,
            }
            .encode(),
            ToProducer::Assigned(job) => Said::JobAssigned {
                job: &job.view(now.mono),
                timestamp: now.wall,
            }
            .encode(),
        };
        say(sink, said).await
    }

    async fn take<S>(&mut self, sink: &mut S, note: Note) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        match note {
            Note::Say(text) => say(sink, text).await,
            Note::Ping(request_id) => {
                let said = Said::Pong {
                    request_id: request_id.as_deref(),
                    timestamp: self.shared.clock.now().wall,
                    revision: self.cursor,
                };
                say(sink, said.encode()).await
            }
            Note::Subscribe(wanted, request_id) => match self.admit(&wanted) {
                Ok((channel, who)) => {
                    self.subscribe(sink, wanted, (channel, who), request_id.as_deref())
                        .await
                }
                Err(refusal) => {
                    self.refuse(sink, &wanted.channel, request_id.as_deref(), &refusal)
                        .await
                }
            },
            Note::Unsubscribe(name, request_id) => match Channel::parse(&name) {
                Ok(channel) => {
                    self.unsubscribe(sink, &channel, request_id.as_deref())
                        .await
                }
                Err(refusal) => {
                    self.refuse(sink, &name, request_id.as_deref(), &refusal)
                        .await
                }
            },
        }
    }

    /// What is subscribed, and who is to hear it.
    fn admit(&self, wanted: &Subscribe) -> Result<(Channel, Identity), Refusal> {
        let channel = Channel::parse(&wanted.channel)?;
        if self.reports {
            return Err(Refusal::new(
                Code::FeedDisabled,
                "This connection is for reports: nothing is subscribed on it",
            ));
        }
        let who = self.identity.held_to(wanted.user_id.as_ref());
        let owner = match channel.topic {
            Topic::Job(Some(id)) | Topic::Log(Some(id)) => {
                self.shared.hub.get(id).map(|job| job.spec.user.clone())
            }
            _ => None,
        };
        if !who.may_subscribe(&channel.topic, owner.as_ref()) {
            return Err(Refusal::new(
                Code::Forbidden,
                "Insufficient permissions to see this channel",
            ));
        }
        let limit = self.shared.limits.subscriptions;
        if self.interest.len() >= limit && !self.interest.has(&channel) {
            return Err(Refusal::new(
                Code::RateLimited,
                format!(
                    "A connection has at most {limit} subscriptions; subscribe to jobs instead"
                ),
            ));
        }
        Ok((channel, who))
    }

    async fn subscribe<S>(
        &mut self,
        sink: &mut S,
        wanted: Subscribe,
        (channel, who): (Channel, Identity),
        request_id: Option<&RawValue>,
    ) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        let hub = self.shared.hub.clone();
        let only = Interest::only(channel.clone(), who.clone());
        let after = wanted.after.filter(|_| wanted.epoch == Some(hub.epoch()));
        let (pending, caught_up) =
            hub.enlist(self.cursor, &self.interest, &only, after.unwrap_or(0));
        // What the other subscriptions are still owed goes first, so that revisions never go back.
        self.feed_pulled(sink, pending, true).await?;
        let reset = wanted.after.is_some() && (after.is_none() || caught_up.is_none());
        if wanted.after.is_some() {
            self.count_return(if reset {
                Return::Reset
            } else {
                Return::CaughtUp
            });
        }
        let catch_up = match caught_up {
            Some(pulled) => pulled,
            None => hub
                .enlist(self.cursor, &self.interest, &only, 0)
                .1
                .unwrap_or_default(),
        };
        let upto = catch_up.upto;
        say(
            sink,
            Said::Subscribed {
                channel: channel.name(),
                request_id,
                timestamp: self.shared.clock.now().wall,
                revision: upto,
                epoch: hub.epoch(),
                reset,
            }
            .encode(),
        )
        .await?;
        let full = reset || (wanted.snapshot && after.is_none());
        if channel.topic == Topic::Alerts {
            let now = wanted.snapshot || wanted.after.is_some();
            self.listen_to_alerts(sink, &channel, &who, now).await?;
        }
        if full || after.is_some() {
            let known = if full { 0 } else { after.unwrap_or(0) };
            feed_catch_up(sink, &only, &catch_up.changes, known).await?;
        }
        if full {
            let said = Said::SnapshotEnd {
                channel: channel.name(),
                revision: upto,
                epoch: hub.epoch(),
                timestamp: self.shared.clock.now().wall,
            };
            say(sink, said.encode()).await?;
        }
        if let Topic::Log(Some(job)) = channel.topic {
            let begin = match (wanted.offset, wanted.tail) {
                (Some(offset), _) => Begin::Offset(offset),
                (None, Some(lines)) => Begin::Tail(lines),
                (None, None) if wanted.snapshot => Begin::Offset(0),
                (None, None) => Begin::Offset(self.shared.logs.length(job)),
            };
            self.following.add(channel.clone(), who.clone(), job, begin);
        }
        let whole = wanted.snapshot || wanted.after.is_some();
        if !self.interest.has(&channel) {
            self.shared.metrics.subscribed(&channel.topic, true);
        }
        self.interest.add(Subscription {
            channel,
            who,
            whole,
            from: upto,
        });
        hub.watch(self.conn, &self.interest, &self.notify);
        // What changed since the look at the list woke nobody; the next pull finds it.
        self.notify.notify_one();
        Ok(())
    }

    /// From now on alerts are told; those that are active now at once, where the present state is wanted.
    async fn listen_to_alerts<S>(
        &mut self,
        sink: &mut S,
        channel: &Channel,
        who: &Identity,
        snapshot: bool,
    ) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        let changes = self.shared.alerts.changes();
        // What changes from here on is told by its number.
        let (_, told) = self.shared.alerts.since(u64::MAX, who);
        let mut alarmed = Alarmed {
            channel: channel.clone(),
            who: who.clone(),
            told,
            active: HashMap::new(),
            changes,
        };
        if snapshot {
            let now = self.shared.clock.now().wall;
            let mut active = self.shared.alerts.list(who);
            active.retain(Alert::is_active);
            for alert in active {
                let said = Said::Alert {
                    channel: channel.name(),
                    alert: &alert,
                    timestamp: now,
                };
                say(sink, said.encode()).await?;
                alarmed.tells(Ok(alert), now);
            }
        }
        self.alerts = Some(alarmed);
        Ok(())
    }

    async fn unsubscribe<S>(
        &mut self,
        sink: &mut S,
        channel: &Channel,
        request_id: Option<&RawValue>,
    ) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        if self.interest.has(channel) {
            self.shared.metrics.subscribed(&channel.topic, false);
        }
        self.interest.remove(channel);
        self.following.remove(channel);
        if channel.topic == Topic::Alerts {
            self.alerts = None;
        }
        self.shared
            .hub
            .watch(self.conn, &self.interest, &self.notify);
        let said = Said::Unsubscribed {
            channel: channel.name(),
            request_id,
            timestamp: self.shared.clock.now().wall,
        };
        say(sink, said.encode()).await
    }

    async fn refuse<S>(
        &self,
        sink: &mut S,
        channel: &str,
        request_id: Option<&RawValue>,
        refusal: &Refusal,
    ) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        self.shared.metrics.refused(refusal.code);
        let shown = jobtop_core::text::clean_within(channel, 80);
        let said = Said::Error {
            code: refusal.code.word(),
            message: &refusal.detail,
            request_id,
            job_id: None,
            channel: Some(&shown),
            timestamp: self.shared.clock.now().wall,
        };
        say(sink, said.encode()).await
    }
}

/// Waits for a change of the alerts, where they are subscribed.
async fn alarm(alarmed: &mut Option<Alarmed>) {
    match alarmed {
        Some(alarmed) => {
            if alarmed.changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        for topic in self.interest.topics() {
            self.shared.metrics.subscribed(topic, false);
        }
    }
}

/// Feeds a snapshot or a catch-up in chunks, so that a large one is never in memory as a whole.
async fn feed_catch_up<S>(
    sink: &mut S,
    only: &Interest,
    changes: &[Arc<Change>],
    known: u64,
) -> Result<(), Error>
where
    S: Sink<Message, Error = Error> + Unpin,
{
    for chunk in changes.chunks(CHUNK) {
        for change in chunk {
            for (subscription, via) in only.about(change) {
                let channel = subscription.channel.name();
                let frame = if change.born > known {
                    change.snapshot(via, channel)
                } else {
                    change.update(via, channel)
                };
                sink.feed(Message::Text(frame)).await?;
            }
        }
        sink.flush().await?;
    }
    Ok(())
}

async fn say<S>(sink: &mut S, text: String) -> Result<(), Error>
where
    S: Sink<Message, Error = Error> + Unpin,
{
    sink.feed(Message::Text(Utf8Bytes::from(text))).await
}
