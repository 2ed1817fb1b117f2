//! The way round where no WebSocket comes through: `GET /api/jobs` again and again, told to the consumer as the feed would have
//! told it. What is asked of jobs goes by HTTP calls. Now and then the feed is tried again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jobtop_core::alert::Alert;
use jobtop_core::proto::body::{JobAnswer, JobsAnswer, PriorityBody};
use jobtop_core::proto::channel::{Channel, Topic};
use jobtop_core::proto::message::{ErrorMessage, Message, SnapshotEnd, Subscribed, Welcome};
use jobtop_core::proto::request::ListJobs;
use jobtop_core::proto::view::View;
use serde::Deserialize;
use serde_json::Map;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::position::Positions;
use super::session::{NotOpen, Session};
use super::{Event, LinkState, Stop, Timing, say};
use crate::endpoint::Endpoint;
use crate::rest::{CallError, Rest};

/// The channel of the alerts.
const ALERTS: &str = "alerts";
/// How often is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How often the feed is tried again.
const FEED_AGAIN: Duration = Duration::from_secs(10);
/// So long at most the feed that is back waits for what is still asked the other way.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// One stretch of asking again and again.
pub(super) struct Polling {
    endpoint: Endpoint,
    rest: Rest,
    /// Whether the subscriptions have been told that they stand.
    is_told: bool,
    /// Where to go on asking: a revision and its epoch.
    position: Option<(u64, u64)>,
    /// The alerts as they were told last.
    alerts: HashMap<Arc<str>, Alert>,
}

/// How a stretch, or a connection, ends.
pub(super) enum Left {
    /// The feed is there, again or on another connection.
    ForFeed(Box<Session>, Welcome),
    /// The daemon does not answer any more, and why.
    Ended(String),
}

/// Something that was under way is done.
enum Done {
    Asked(Box<Result<Round, CallError>>),
    Answered(Message),
    Feed(Box<Result<(Session, Welcome), NotOpen>>),
}

/// What one round of asking has brought.
struct Round {
    /// All there is, or what changed.
    is_whole: bool,
    listing: JobsAnswer,
    /// Where they are subscribed.
    alerts: Option<Vec<Alert>>,
}

impl Polling {
    /// Asks whether the daemon answers that way.
    pub(super) async fn open(
        endpoint: &Endpoint,
        timing: &Timing,
    ) -> Result<(Self, Welcome), CallError> {
        let rest = Rest::new(endpoint.clone());
        let probe = ListJobs {
            limit: Some(1),
            ..ListJobs::default()
        };
        let listing = timeout(timing.dial, rest.list(&probe))
            .await
            .unwrap_or_else(|_| Err(CallError::Broken(format!("no answer from {endpoint}"))))?;
        // What a daemon says of itself over a WebSocket is not known here.
        let welcome = Welcome {
            client_id: String::new(),
            protocol: 0,
            server: String::new(),
            epoch: listing.epoch,
            revision: listing.revision,
            user_id: String::new(),
            role: String::new(),
        };
        let polling = Self {
            endpoint: endpoint.clone(),
            rest,
            is_told: false,
            position: None,
            alerts: HashMap::new(),
        };
        Ok((polling, welcome))
    }

    /// Asks until the feed is there again, the daemon is gone, or nobody listens.
    pub(super) async fn live(
        &mut self,
        mut frames: mpsc::Receiver<String>,
        events: &mpsc::Sender<Event>,
        positions: &mut Positions,
        timing: &Timing,
    ) -> Result<Left, Stop> {
        self.position = positions.common();
        let mut under_way: FuturesUnordered<BoxFuture<'static, Done>> = FuturesUnordered::new();
        let mut asks = interval(EVERY);
        asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // At once, too: it may have been cut in the middle of its handshake, and nothing else be wrong.
        let mut feeds = interval(FEED_AGAIN);
        feeds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut is_asking, mut is_trying) = (false, timing.poll);
        // What has been asked of jobs and is not answered yet, and the feed that waits for it.
        let mut unanswered = 0_usize;
        let mut feed = None;
        let last_moment = sleep(Duration::ZERO);
        tokio::pin!(last_moment);
        loop {
            if (unanswered == 0 || last_moment.is_elapsed())
                && let Some((session, welcome)) = feed.take()
            {
                // What has no answer by now gets none on the feed.
                say(events, LinkState::Connecting { attempt: 1 }).await?;
                return Ok(Left::ForFeed(Box::new(session), welcome));
            }
            // Every arm may be given up: what is under way stays where it is.
            tokio::select! {
                _ = asks.tick(), if !is_asking => {
                    is_asking = true;
                    let with_alerts = positions.to_ask().any(|wanted| wanted.channel == ALERTS);
                    let asked = (self.position, with_alerts);
                    under_way.push(Box::pin(ask(self.rest.clone(), asked, timing.dead_after)));
                }
                _ = feeds.tick(), if !is_trying && feed.is_none() => {
                    is_trying = true;
                    under_way.push(Box::pin(try_feed(self.endpoint.clone(), *timing)));
                }
                // With the feed at hand nothing more goes this way: what is under way comes to its end first.
                () = &mut last_moment, if feed.is_some() => {}
                Some(frame) = frames.recv(), if feed.is_none() => {
                    if let Some(asked) = Asked::read(&frame) {
                        unanswered += 1;
                        under_way.push(Box::pin(asked.answered(self.rest.clone())));
                    }
                }
                Some(done) = under_way.next() => match done {
                    Done::Asked(round) => {
                        is_asking = false;
                        match *round {
                            Ok(round) => self.tell(round, events, positions).await?,
                            Err(error) if is_stale(&error) => {
                                self.position = None;
                                asks.reset_immediately();
                            }
                            Err(error) => return Ok(Left::Ended(error.to_string())),
                        }
                    }
                    Done::Answered(message) => {
                        unanswered -= 1;
                        tell(events, positions, message).await?;
                        // What was done is to be seen at once.
                        asks.reset_immediately();
                    }
                    Done::Feed(opened) => {
                        is_trying = false;
                        if let Ok(opened) = *opened {
                            feed = Some(opened);
                            last_moment.as_mut().reset(Instant::now() + LAST_MOMENT);
                        }
                    }
                },
                () = events.closed() => return Err(Stop),
            }
        }
    }

    /// Tells each subscription what a round has brought, as the feed would.
    async fn tell(
        &mut self,
        round: Round,
        events: &mpsc::Sender<Event>,
        positions: &mut Positions,
    ) -> Result<(), Stop> {
        let Round {
            is_whole,
            listing,
            alerts,
        } = round;
        let channels: Vec<String> = positions.to_ask().map(|wanted| wanted.channel).collect();
        for channel in channels {
            let is_about = about(&channel);
            if is_whole || !self.is_told {
                let subscribed = Subscribed {
                    channel: channel.clone(),
                    revision: listing.revision,
                    epoch: listing.epoch,
                    reset: is_whole,
                    timestamp: None,
                };
                tell(events, positions, Message::Subscribed(subscribed)).await?;
            }
            for job in listing.jobs.iter().filter(|job| is_about(job)) {
                let snapshot = Message::JobSnapshot {
                    channel: channel.clone(),
                    job: Box::new(job.clone()),
                };
                tell(events, positions, snapshot).await?;
            }
            let removed = listing.removed.iter().filter(|_| channel != ALERTS);
            for id in removed {
                let removed = Message::JobRemoved {
                    channel: channel.clone(),
                    job_id: *id,
                    revision: listing.revision,
                };
                tell(events, positions, removed).await?;
            }
            if channel == ALERTS {
                for alert in alerts.iter().flatten() {
                    let before = self.alerts.insert(alert.id.clone(), alert.clone());
                    let is_news = match before {
                        Some(before) => before != *alert,
                        None => alert.is_active() || self.is_told,
                    };
                    if is_news || (is_whole && alert.is_active()) {
                        let alert = Message::Alert {
                            channel: channel.clone(),
                            alert: Box::new(alert.clone()),
                        };
                        tell(events, positions, alert).await?;
                    }
                }
            }
            if is_whole {
                let end = SnapshotEnd {
                    channel: channel.clone(),
                    revision: listing.revision,
                    epoch: listing.epoch,
                };
                tell(events, positions, Message::SnapshotEnd(end)).await?;
            }
        }
        self.is_told = true;
        self.position = Some((listing.revision, listing.epoch));
        Ok(())
    }
}

/// Which jobs a channel is about.
fn about(channel: &str) -> impl Fn(&View) -> bool {
    let topic = Channel::parse(channel).map(|channel| channel.topic);
    move |job| match &topic {
        Ok(Topic::Jobs) => true,
        Ok(Topic::Job(id)) => *id == Some(job.id),
        Ok(Topic::User(user)) => *user == job.user_id,
        _ => false,
    }
}

async fn tell(
    events: &mpsc::Sender<Event>,
    positions: &mut Positions,
    message: Message,
) -> Result<(), Stop> {
    positions.see(&message);
    events.send(Event::Message(message)).await.map_err(|_| Stop)
}

/// Whether a place to go on from is worth nothing any more.
fn is_stale(error: &CallError) -> bool {
    matches!(error, CallError::Refused(problem) if problem.code == "epoch_changed")
}

/// One round: what changed since, or all there is, with all its pages.
async fn ask(
    rest: Rest,
    (position, with_alerts): (Option<(u64, u64)>, bool),
    within: Duration,
) -> Done {
    let pages = async {
        let mut wanted = ListJobs {
            after: position.map(|(revision, _)| revision),
            epoch: position.map(|(_, epoch)| epoch),
            ..ListJobs::default()
        };
        let mut listing = rest.list(&wanted).await?;
        while let Some(cursor) = listing.next_cursor.take() {
            wanted.cursor = Some(cursor);
            let page = rest.list(&wanted).await?;
            listing.jobs.extend(page.jobs);
            listing.removed.extend(page.removed);
            listing.next_cursor = page.next_cursor;
        }
        let alerts = if with_alerts {
            // A daemon that tells of none has none to tell of.
            Some(
                rest.alerts()
                    .await
                    .map_or(Vec::new(), |answer| answer.alerts),
            )
        } else {
            None
        };
        Ok(Round {
            is_whole: position.is_none(),
            listing,
            alerts,
        })
    };
    let round = timeout(within, pages).await;
    Done::Asked(Box::new(round.unwrap_or_else(|_| {
        Err(CallError::Broken(format!(
            "nothing heard for {} s",
            within.as_secs_f64()
        )))
    })))
}

async fn try_feed(endpoint: Endpoint, timing: Timing) -> Done {
    Done::Feed(Box::new(Session::open(&endpoint, &timing).await))
}

/// What is asked of a job in a frame.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(rename = "type")]
    kind: String,
    request_id: String,
    job_id: String,
    priority: Option<i32>,
}

impl Asked {
    /// Other frames have no meaning here.
    fn read(frame: &str) -> Option<Self> {
        serde_json::from_str(frame).ok()
    }

    async fn answered(self, rest: Rest) -> Done {
        let id = &self.job_id;
        let nothing = Map::new();
        let called = match (self.kind.as_str(), self.priority) {
            ("pause_job", _) => rest.act(id, "pause", &nothing).await,
            ("resume_job", _) => rest.act(id, "resume", &nothing).await,
            ("cancel_job", _) => rest.act(id, "cancel", &nothing).await,
            ("retry_job", _) => rest.act(id, "retry", &nothing).await,
            ("set_priority", Some(priority)) => {
                rest.act(id, "priority", &PriorityBody { priority }).await
            }
            _ => Err(CallError::Broken(
                "this can't be asked while there is no feed".to_owned(),
            )),
        };
        Done::Answered(match called {
            Ok(job) => Message::Ok {
                request_id: self.request_id,
                body: serde_json::to_string(&JobAnswer { job }).unwrap_or_default(),
            },
            Err(error) => Message::Error(ErrorMessage {
                code: match &error {
                    CallError::Refused(problem) => problem.code.clone(),
                    _ => "unavailable".to_owned(),
                },
                message: error.to_string(),
                request_id: Some(self.request_id.into()),
                job_id: Some(self.job_id),
            }),
        })
    }
}
