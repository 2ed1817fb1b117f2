//! Our ends of the links to the daemons: their events by our names, requests with their answers.

use std::collections::HashMap;
use std::future::poll_fn;
use std::task::{Context, Poll};

use jobtop_client::link::{self, LinkHandle, LinkState, Timing};
use jobtop_client::rest::{CallError, Rest};
use jobtop_client::{Endpoint, requests};
use jobtop_core::JobId;
use jobtop_core::proto::history::{GroupBy, HistoryWanted};
use jobtop_core::proto::message::{ErrorMessage, Message};
use jobtop_core::proto::request::Subscribe;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::log_reader::LogReader;
use crate::app::act::Verb;
use crate::app::figures::Analyse;
use crate::app::hosts::HostId;
use crate::app::link::State;
use crate::app::log::Piece;
use crate::app::past::Search;
use crate::app::{Answer, Event};
use crate::clock;

/// At most so many groups and days are asked for.
const GROUPS: u64 = 200;
const DAYS: u64 = 120;
/// For how long the cause of an alert is muted.
const MUTED_SECONDS: u64 = 3_600;
/// Pieces of a log that wait for the screen: who reads on waits for it.
const PIECES: usize = 4;

/// The links to all daemons.
pub(super) struct Networks {
    list: Vec<Network>,
    /// Whose turn it is to be heard first: a busy daemon drowns out no other.
    turn: usize,
}

impl Networks {
    /// Begins to connect, and goes on trying as long as this lives; with `poll` without feeds.
    pub(super) fn open(endpoints: impl Iterator<Item = Endpoint>, poll: bool) -> Self {
        let list = endpoints
            .enumerate()
            .map(|(host, endpoint)| Network::open(host, endpoint, poll));
        Self {
            list: list.collect(),
            turn: 0,
        }
    }

    /// Waits for the next event; `None` once every link has ended. Nothing is lost if the wait is given up.
    pub(super) async fn next(&mut self) -> Option<(HostId, News)> {
        poll_fn(|cx| {
            let count = self.list.len();
            let mut over = 0;
            for nth in 0..count {
                let host = (self.turn + nth) % count;
                match self.list[host].poll_next(cx) {
                    Poll::Ready(Some(news)) => {
                        self.turn = (host + 1) % count;
                        return Poll::Ready(Some((host, news)));
                    }
                    Poll::Ready(None) => over += 1,
                    Poll::Pending => {}
                }
            }
            if over == count {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        })
        .await
    }

    /// The next event, if there is one.
    pub(super) fn ready(&mut self) -> Option<(HostId, News)> {
        let count = self.list.len();
        for nth in 0..count {
            let host = (self.turn + nth) % count;
            if let Some(news) = self.list[host].ready() {
                self.turn = (host + 1) % count;
                return Some((host, news));
            }
        }
        None
    }

    /// The link to one of them.
    pub(super) fn at(&mut self, host: HostId) -> &mut Network {
        let host = if host < self.list.len() { host } else { 0 };
        &mut self.list[host]
    }

    /// Tries at once to connect to those that are away.
    pub(super) fn retry_now(&self) {
        for network in &self.list {
            network.handle.retry_now();
        }
    }

    /// Reads no log any more.
    pub(super) fn leave_log(&mut self) {
        for network in &mut self.list {
            network.log = None;
        }
    }
}

/// The link to one daemon, and what was asked over it.
pub(super) struct Network {
    host: HostId,
    handle: LinkHandle,
    events: mpsc::Receiver<link::Event>,
    asked: HashMap<String, (JobId, Verb)>,
    count: u64,
    rest: Rest,
    /// The log that is read, and what was read of it.
    log: Option<LogReader>,
    pieces: (mpsc::Sender<Piece>, mpsc::Receiver<Piece>),
    /// Questions under way, one of a kind: a newer one takes the place of an older.
    questions: [Option<JoinHandle<()>>; 3],
    answers: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
}

/// What comes from the daemon.
pub(super) enum News {
    Link(link::Event),
    Log(Piece),
    Answer(Event),
}

impl Network {
    fn open(host: HostId, endpoint: Endpoint, poll: bool) -> Self {
        let everything = ["jobs", "alerts"].map(|channel| Subscribe {
            channel: channel.to_owned(),
            snapshot: true,
            ..Subscribe::default()
        });
        let rest = Rest::new(endpoint.clone());
        let timing = Timing {
            poll,
            ..Timing::watched()
        };
        let (handle, events) = link::connect_with(endpoint, everything.into(), timing);
        Self {
            host,
            handle,
            events,
            asked: HashMap::new(),
            count: 0,
            rest,
            log: None,
            pieces: mpsc::channel(PIECES),
            questions: [None, None, None],
            answers: mpsc::channel(PIECES),
        }
    }

    /// The next event; none once the link has ended.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<News>> {
        if let Poll::Ready(event) = self.events.poll_recv(cx) {
            return Poll::Ready(event.map(News::Link));
        }
        // Never closed: the other end is kept beside it.
        if let Poll::Ready(Some(piece)) = self.pieces.1.poll_recv(cx) {
            return Poll::Ready(Some(News::Log(piece)));
        }
        if let Poll::Ready(Some(answer)) = self.answers.1.poll_recv(cx) {
            return Poll::Ready(Some(News::Answer(answer)));
        }
        Poll::Pending
    }

    /// The next event, if there is one.
    fn ready(&mut self) -> Option<News> {
        let event = self.events.try_recv().map(News::Link);
        event
            .or_else(|_| self.pieces.1.try_recv().map(News::Log))
            .or_else(|_| self.answers.1.try_recv().map(News::Answer))
            .ok()
    }

    /// Reads that log from now on, and no other.
    pub(super) fn read_log(&mut self, job: JobId) {
        let sender = self.pieces.0.clone();
        self.log = Some(LogReader::begin(self.rest.clone(), job, sender));
    }

    /// Looks for finished jobs.
    pub(super) fn search(&mut self, search: Search) {
        let rest = self.rest.clone();
        self.question(0, async move {
            let found = rest.history(&search.wanted).await;
            Event::Found(search.number, found.map_err(|error| error.to_string()))
        });
    }

    /// Asks for figures about finished jobs, all in all and day by day.
    pub(super) fn analyse(&mut self, asked: Analyse) {
        let rest = self.rest.clone();
        self.question(1, async move {
            let by = |by: GroupBy, limit| HistoryWanted {
                q: (!asked.filter.is_empty()).then(|| asked.filter.clone()),
                group_by: Some(by.word().to_owned()),
                limit: Some(limit),
                ..HistoryWanted::default()
            };
            let answers = async {
                let all = rest.analytics(&by(asked.by, GROUPS)).await?;
                let days = rest.analytics(&by(GroupBy::Day, DAYS)).await?;
                Ok::<_, CallError>((all, days.groups))
            };
            let answered = answers.await.map_err(|error| error.to_string());
            Event::Analysed(asked.number, answered)
        });
    }

    /// Asks what the daemon's store has.
    pub(super) fn ask_store(&mut self) {
        let (rest, host) = (self.rest.clone(), self.host);
        self.question(2, async move {
            Event::Store(host, rest.store().await.map_err(|error| error.to_string()))
        });
    }

    /// Tells the daemon that somebody knows of an alert; what becomes of it, the feed tells.
    pub(super) fn know_alert(&self, id: &str) {
        let (rest, id) = (self.rest.clone(), id.to_owned());
        self.tell(async move { rest.acknowledge_alert(&id).await });
    }

    /// Tells the daemon that the cause of an alert is not to disturb for a while.
    pub(super) fn mute_alert(&self, id: &str) {
        let (rest, id) = (self.rest.clone(), id.to_owned());
        self.tell(async move { rest.mute_alert(&id, MUTED_SECONDS).await });
    }

    /// Only that it was refused is an event.
    fn tell<T>(&self, told: impl Future<Output = Result<T, CallError>> + Send + 'static) {
        let to = self.answers.0.clone();
        tokio::spawn(async move {
            let refused = told.await.err().map(|error| error.to_string());
            if let Some(words) = refused {
                let _ = to.send(Event::Refused(words)).await;
            }
        });
    }

    fn question(&mut self, kind: usize, answer: impl Future<Output = Event> + Send + 'static) {
        let to = self.answers.0.clone();
        let asked = tokio::spawn(async move {
            // Nobody to hear it: the screen is gone.
            let _ = to.send(answer.await).await;
        });
        if let Some(former) = self.questions[kind].replace(asked) {
            former.abort();
        }
    }

    /// Sends a request; what comes back at once is that it could not be sent.
    pub(super) fn ask(&mut self, id: JobId, verb: Verb) -> Option<Event> {
        self.count += 1;
        let request = format!("screen-{}", self.count);
        let make = match verb {
            Verb::Pause => requests::pause,
            Verb::Resume => requests::resume,
            Verb::Cancel => requests::cancel,
            Verb::Retry => requests::retry,
            Verb::Priority(priority) => {
                let frame = requests::set_priority(&request, &id.to_string(), priority);
                return self.send(request, frame, id, verb);
            }
        };
        let frame = make(&request, &id.to_string());
        self.send(request, frame, id, verb)
    }

    fn send(&mut self, request: String, frame: String, id: JobId, verb: Verb) -> Option<Event> {
        match self.handle.try_send(frame) {
            Ok(()) => {
                self.asked.insert(request, (id, verb));
                None
            }
            Err(offline) => Some(Event::Answer(Answer {
                id,
                verb,
                result: Err(offline.to_string()),
            })),
        }
    }

    /// What news mean for the screen.
    pub(super) fn translate(&mut self, news: News) -> Option<Event> {
        match news {
            News::Link(link::Event::State(state)) => {
                Some(Event::Link(self.host, self.state(state)))
            }
            News::Link(link::Event::Message(message)) => self.message(message),
            News::Log(piece) => Some(Event::Log(piece)),
            News::Answer(event) => Some(event),
        }
    }

    fn state(&mut self, state: LinkState) -> State {
        // A new connection answers nothing that was asked on an old one.
        self.asked.clear();
        match state {
            LinkState::Connecting { .. } => State::Connecting,
            LinkState::Connected { polling: None, .. } => State::Connected,
            LinkState::Connected {
                polling: Some(reason),
                ..
            } => State::Polling { reason },
            LinkState::Waiting {
                reason, retry_in, ..
            } => {
                let wait = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
                State::Waiting {
                    reason,
                    retry_at: clock::now().mono.saturating_add(wait),
                }
            }
        }
    }

    fn message(&mut self, message: Message) -> Option<Event> {
        match message {
            Message::Ok { request_id, body } => {
                let (id, verb) = self.asked.remove(&request_id)?;
                Some(Event::Answer(Answer {
                    id,
                    verb,
                    result: Ok(revision(&body)),
                }))
            }
            Message::Error(error) => Some(self.error(error)),
            Message::JobSnapshot { .. }
            | Message::SnapshotEnd(_)
            | Message::JobUpdate { .. }
            | Message::JobRemoved { .. }
            | Message::Alert { .. }
            | Message::Subscribed(_) => Some(Event::Message(self.host, message)),
            _ => None,
        }
    }

    fn error(&mut self, error: ErrorMessage) -> Event {
        let request = error.request_id.as_ref().and_then(|id| id.as_str());
        match request.and_then(|request| self.asked.remove(request)) {
            Some((id, verb)) => Event::Answer(Answer {
                id,
                verb,
                result: Err(error.message),
            }),
            None => Event::Refused(error.message),
        }
    }
}

/// The revision of the job in an answer.
fn revision(body: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Body {
        job: Job,
    }
    #[derive(Deserialize)]
    struct Job {
        revision: u64,
    }
    let body: Body = serde_json::from_str(body).ok()?;
    Some(body.job.revision)
}
