//! The reading half of a session: frames in, commands out. Whatever is wrong is answered, and the connection lives on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt};
use jobtop_core::JobId;
use jobtop_core::access::Identity;
use jobtop_core::job::progress::Report;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::body::JobAnswer;
use jobtop_core::proto::message::{self, Said};
use jobtop_core::proto::read;
use jobtop_core::proto::request::{Incoming, LogText, Named, Request, RequestId, Update};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::listing;
use super::pace::too_fast;
use super::session::{End, Shared, TooManyPieces};
use super::writer::Note;
use crate::engine::archived;
use crate::engine::command::{Command, ConnId, Link, ReplyTo, SessionAnswer, Verb};

/// A client that says nothing at all for this long is gone.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) struct Reader {
    link: Link,
    identity: Identity,
    shared: Shared,
    answers: mpsc::Sender<SessionAnswer>,
    notes: mpsc::Sender<Note>,
    announced: bool,
    /// When the message came that is dealt with.
    came: Instant,
}

/// The other half has ended.
struct Ended;

/// The message that came, nothing if it was one that the library deals with, or why no more will come.
pub(super) fn heard(frame: Option<Result<Message, Error>>) -> Result<Option<Message>, End> {
    match frame {
        Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => Ok(Some(message)),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        Some(Ok(Message::Close(_))) => Err(End::Closed),
        Some(Err(Error::Capacity(_))) => Err(End::TooLarge),
        Some(Err(Error::Io(error))) if TooManyPieces::made(&error) => Err(End::Fragments),
        // It went without a word, as a program that is killed does: nothing that it sent was wrong.
        Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => Err(End::Gone),
        Some(Err(Error::Protocol(_))) => Err(End::Malformed),
        Some(Err(Error::Utf8(_))) => Err(End::NotText),
        Some(Err(_)) | None => Err(End::Gone),
    }
}

impl Reader {
    pub(super) fn new(
        link: Link,
        identity: Identity,
        shared: Shared,
        answers: mpsc::Sender<SessionAnswer>,
        notes: mpsc::Sender<Note>,
    ) -> Self {
        Self {
            link,
            identity,
            shared,
            answers,
            notes,
            announced: false,
            came: Instant::now(),
        }
    }

    /// Whether the engine knows this connection as a producer's.
    pub(super) const fn is_producer(&self) -> bool {
        self.announced
    }

    pub(super) async fn run<S>(&mut self, stream: &mut S) -> End
    where
        S: Stream<Item = Result<Message, Error>> + Unpin,
    {
        loop {
            let Ok(frame) = tokio::time::timeout(SILENCE, stream.next()).await else {
                return End::Silent;
            };
            let text = match heard(frame) {
                Ok(Some(Message::Text(text))) => Some(text),
                Ok(Some(_)) => None,
                Ok(None) => continue,
                Err(end) => return end,
            };
            // The clock is read once for both.
            let now = tokio::time::Instant::now();
            self.came = now.into_std();
            match tokio::time::timeout_at(now + SILENCE, self.take(text.as_deref())).await {
                Ok(Ok(())) => {}
                Ok(Err(Ended)) => return End::Gone,
                // It sends without reading what it is sent: nobody waits for it for ever.
                Err(_) => return End::Silent,
            }
        }
    }

    /// Deals with a text frame, or says that a binary one is none.
    async fn take(&mut self, text: Option<&str>) -> Result<(), Ended> {
        let Some(text) = text else {
            let refusal = Refusal::new(Code::BinaryFrame, "Messages are text frames of JSON");
            return self.refuse(None, None, &refusal).await;
        };
        if let Err(refusal) = self.check_depth(text) {
            return self.refuse(None, None, &refusal).await;
        }
        let Incoming {
            request_id,
            request,
        } = Incoming::read(text);
        if let Ok(request) = &request
            && let Err(refusal) = self.check_pace(request)
        {
            return self.refuse(request_id, None, &refusal).await;
        }
        match request {
            Ok(request) => self.serve(request, request_id).await,
            Err(refusal) => self.refuse(request_id, None, &refusal).await,
        }
    }

    /// What nests deeper than anybody reads is refused in any case; here where less is configured.
    fn check_depth(&self, text: &str) -> Result<(), Refusal> {
        let most = self.shared.limits.nesting;
        if most < read::MAX_DEPTH {
            read::check_depth_within(text.as_bytes(), most)
        } else {
            Ok(())
        }
    }

    /// Reports are slowed by the engine alone, as fast as it takes them; whatever else is asked has its pace.
    fn check_pace(&self, request: &Request) -> Result<(), Refusal> {
        let reports = matches!(
            request,
            Request::UpdateProgress(..)
                | Request::Heartbeat
                | Request::Ping
                | Request::Pong
                | Request::Log(..)
        );
        let shared = &self.shared;
        if reports || shared.pace.admits(&self.identity.user, shared.clock.now()) {
            return Ok(());
        }
        Err(too_fast(&shared.limits))
    }

    async fn serve(
        &mut self,
        request: Request,
        request_id: Option<RequestId>,
    ) -> Result<(), Ended> {
        match request {
            Request::UpdateProgress(updates, user) => {
                let who = self.identity.held_to(user.as_ref());
                self.report(who, updates, request_id).await
            }
            Request::Subscribe(wanted) => self.note(Note::Subscribe(wanted, request_id)).await,
            Request::Unsubscribe { channel } => {
                self.note(Note::Unsubscribe(channel, request_id)).await
            }
            Request::Ping => self.note(Note::Ping(request_id)).await,
            Request::Pong => Ok(()),
            Request::Heartbeat => {
                if self.announced {
                    self.command(Command::Heartbeat {
                        conn: self.link.conn,
                    })
                    .await?;
                }
                self.done(request_id).await
            }
            Request::CreateJob(new) => {
                if let Some(answered) = self.shared.repeated(&self.identity, &new).await {
                    let answered = answered.map(|job| JobAnswer {
                        job: job.view(self.shared.clock.now().mono),
                    });
                    return self.tell(request_id, None, answered).await;
                }
                self.announce().await?;
                let settled = match self.shared.settled(&self.identity, &new).await {
                    Ok(settled) => settled,
                    Err(refusal) => return self.refuse(request_id, None, &refusal).await,
                };
                let (who, conn) = (self.identity.clone(), Some(self.link.conn));
                let reply = self.reply(request_id, None).await?;
                self.command(Command::Create {
                    who,
                    new,
                    settled,
                    conn,
                    reply,
                })
                .await
            }
            Request::AdoptJob(named) => match id_of(&named.job_id) {
                Ok(job) => {
                    let (who, conn) = (self.held_to(&named), self.link.conn);
                    if let Some(old) = self.shared.archived(job).await {
                        let refusal = archived::adopt(&who, &old);
                        return self.refuse(request_id, Some(&named.job_id), &refusal).await;
                    }
                    self.announce().await?;
                    let reply = self.reply(request_id, Some(named.job_id)).await?;
                    self.command(Command::Adopt {
                        who,
                        job,
                        conn,
                        reply,
                    })
                    .await
                }
                Err(refusal) => self.refuse(request_id, Some(&named.job_id), &refusal).await,
            },
            Request::StartJob(named) => {
                self.announce().await?;
                self.act(named, Verb::Start, request_id).await
            }
            Request::CompleteJob(named) => self.act(named, Verb::Complete, request_id).await,
            Request::FailJob(named, body) => self.act(named, Verb::Fail(body), request_id).await,
            Request::PauseJob(named) => self.act(named, Verb::Pause, request_id).await,
            Request::ResumeJob(named) => self.act(named, Verb::Resume, request_id).await,
            Request::CancelJob(named) => self.act(named, Verb::Cancel, request_id).await,
            Request::RetryJob(named) => self.act(named, Verb::Retry, request_id).await,
            Request::SetPriority(named, priority) => {
                self.act(named, Verb::Priority(priority), request_id).await
            }
            Request::ControlAck(named, reply) => {
                self.act(named, Verb::Acknowledge(reply), request_id).await
            }
            Request::Work(offer) => {
                self.announce().await?;
                let (who, conn) = (self.identity.clone(), self.link.conn);
                let reply = self.reply(request_id, None).await?;
                self.command(Command::Work {
                    who,
                    offer,
                    conn,
                    reply,
                })
                .await
            }
            Request::Accept(named) => self.assigned(named, request_id, accept).await,
            Request::Decline(named) => self.assigned(named, request_id, decline).await,
            Request::Log(named, log) => match self.keep_log(&named, log).await {
                Ok(()) => self.done(request_id).await,
                Err(refusal) => self.refuse(request_id, Some(&named.job_id), &refusal).await,
            },
            Request::GetJob(named) => {
                let found = self.find(&named).await;
                self.tell(request_id, Some(&named.job_id), found).await
            }
            Request::ListJobs(wanted) => {
                let answer = listing::list(
                    &self.shared.hub,
                    &wanted,
                    &self.identity,
                    self.shared.clock.now(),
                );
                self.tell(request_id, None, answer).await
            }
            Request::History(wanted) => {
                let who = self.identity.clone();
                let answer = self.shared.past.history(*wanted, who).await;
                self.tell(request_id, None, answer).await
            }
            Request::Analytics(wanted) => {
                let who = self.identity.clone();
                let answer = self.shared.past.analytics(*wanted, who).await;
                self.tell(request_id, None, answer).await
            }
        }
    }

    /// A piece of a job's output is kept before the next message is read: so pieces keep their order.
    async fn keep_log(&self, named: &Named, log: LogText) -> Result<(), Refusal> {
        let id = id_of(&named.job_id)?;
        let who = self.held_to(named);
        let Some(job) = self.shared.hub.get(id) else {
            return Err(match self.shared.archived(id).await {
                Some(old) => archived::report(&who, &old),
                None => Refusal::job_not_found(&named.job_id),
            });
        };
        who.check_controls(&job.spec.user, "report on")?;
        if job.is_final() {
            return Err(archived::report(&who, &job));
        }
        if job.spec.command.is_some() {
            let detail = "The output of a submitted command is kept already";
            return Err(Refusal::new(Code::Invalid, detail));
        }
        let logs = self.shared.logs.clone();
        let kept = tokio::task::spawn_blocking(move || logs.append(id, &log.text)).await;
        match kept {
            Ok(Ok(())) => Ok(()),
            Ok(Err(lost)) => Err(Refusal::new(Code::NoRoom, lost.to_string())),
            Err(_) => Err(Refusal::new(Code::Internal, "The log could not be written")),
        }
    }

    /// An answer to a job that was assigned.
    async fn assigned(
        &mut self,
        named: Named,
        request_id: Option<RequestId>,
        command: fn(Identity, JobId, ConnId, ReplyTo) -> Command,
    ) -> Result<(), Ended> {
        match id_of(&named.job_id) {
            Ok(job) => {
                self.announce().await?;
                let (who, conn) = (self.held_to(&named), self.link.conn);
                let reply = self.reply(request_id, Some(named.job_id)).await?;
                self.command(command(who, job, conn, reply)).await
            }
            Err(refusal) => self.refuse(request_id, Some(&named.job_id), &refusal).await,
        }
    }

    async fn report(
        &mut self,
        who: Identity,
        updates: Vec<Update>,
        request_id: Option<RequestId>,
    ) -> Result<(), Ended> {
        self.announce().await?;
        let first = updates.first().map(|update| update.job_id.clone());
        let mut known: Vec<(JobId, Report)> = Vec::with_capacity(updates.len());
        let mut refused = Vec::new();
        for update in updates {
            match id_of(&update.job_id) {
                Ok(id) => known.push((id, update.report)),
                Err(refusal) => refused.push((update.job_id, refusal)),
            }
        }
        let mut late: HashMap<JobId, Refusal> = HashMap::new();
        for id in self.shared.hub.absent(known.iter().map(|(id, _)| *id)) {
            // What is not there either is for the engine to refuse.
            if let Some(old) = self.shared.archived(id).await {
                late.insert(id, archived::report(&who, &old));
            }
        }
        if !late.is_empty() {
            known.retain(|(id, _)| match late.get(id) {
                Some(refusal) => {
                    refused.push((id.to_string(), refusal.clone()));
                    false
                }
                None => true,
            });
        }
        if refused.is_empty() {
            return self.send_report(who, known, request_id, first).await;
        }
        // One answer a request: the first refusal takes it, the good updates go their way in silence.
        let mut request_id = request_id;
        for (job_id, refusal) in refused {
            self.refuse(request_id.take(), Some(&job_id), &refusal)
                .await?;
        }
        if known.is_empty() {
            return Ok(());
        }
        self.send_report(who, known, None, None).await
    }

    async fn send_report(
        &mut self,
        who: Identity,
        updates: Vec<(JobId, Report)>,
        request_id: Option<RequestId>,
        job_id: Option<String>,
    ) -> Result<(), Ended> {
        let conn = Some(self.link.conn);
        let reply = self.reply(request_id, job_id).await?;
        self.command(Command::Report {
            who,
            updates,
            conn,
            reply,
        })
        .await
    }

    async fn act(
        &mut self,
        named: Named,
        verb: Verb,
        request_id: Option<RequestId>,
    ) -> Result<(), Ended> {
        match id_of(&named.job_id) {
            Ok(job) => {
                let who = self.held_to(&named);
                if let Some(old) = self.shared.archived(job).await {
                    let answered = archived::act(&who, &old, &verb).map(|_| JobAnswer {
                        job: old.view(self.shared.clock.now().mono),
                    });
                    return self.tell(request_id, Some(&named.job_id), answered).await;
                }
                let conn = self.announced.then_some(self.link.conn);
                let reply = self.reply(request_id, Some(named.job_id)).await?;
                self.command(Command::Act {
                    who,
                    job,
                    verb,
                    conn,
                    reply,
                })
                .await
            }
            Err(refusal) => self.refuse(request_id, Some(&named.job_id), &refusal).await,
        }
    }

    async fn find(&self, named: &Named) -> Result<JobAnswer, Refusal> {
        let id = id_of(&named.job_id)?;
        let job = match self.shared.hub.get(id) {
            Some(job) => Some(job),
            None => (self.shared.lookup)(id).await,
        };
        let job = job.ok_or_else(|| Refusal::job_not_found(&named.job_id))?;
        self.held_to(named).check_sees(&job.spec.user)?;
        Ok(JobAnswer {
            job: job.view(self.shared.clock.now().mono),
        })
    }

    fn held_to(&self, named: &Named) -> Identity {
        self.identity.held_to(named.user_id.as_ref())
    }

    async fn announce(&mut self) -> Result<(), Ended> {
        if !self.announced {
            self.command(Command::Connect {
                link: self.link.clone(),
            })
            .await?;
            self.announced = true;
        }
        Ok(())
    }

    /// Reserves room for the answer first: an answer is never lost, and who does not read answers is not read either.
    async fn reply(
        &self,
        request_id: Option<RequestId>,
        job_id: Option<String>,
    ) -> Result<ReplyTo, Ended> {
        let room = self
            .answers
            .clone()
            .reserve_owned()
            .await
            .map_err(|_| Ended)?;
        Ok(ReplyTo::Session {
            room,
            request_id,
            job_id,
            others: Vec::new(),
        })
    }

    async fn command(&self, command: Command) -> Result<(), Ended> {
        if self.shared.engine.bring(command, self.came).await {
            Ok(())
        } else {
            Err(Ended)
        }
    }

    async fn note(&self, note: Note) -> Result<(), Ended> {
        self.notes.send(note).await.map_err(|_| Ended)
    }

    async fn done(&self, request_id: Option<RequestId>) -> Result<(), Ended> {
        #[derive(Serialize)]
        struct Nothing {}
        self.tell(request_id, None, Ok(Nothing {})).await
    }

    async fn tell<T: Serialize>(
        &self,
        request_id: Option<RequestId>,
        job_id: Option<&str>,
        answer: Result<T, Refusal>,
    ) -> Result<(), Ended> {
        match (answer, &request_id) {
            (Ok(answer), Some(id)) => self.note(Note::Say(message::ok(id, &answer))).await,
            (Ok(_), None) => Ok(()),
            (Err(refusal), _) => self.refuse(request_id, job_id, &refusal).await,
        }
    }

    async fn refuse(
        &self,
        request_id: Option<RequestId>,
        job_id: Option<&str>,
        refusal: &Refusal,
    ) -> Result<(), Ended> {
        self.shared.metrics.refused(refusal.code);
        let said = Said::Error {
            code: refusal.code.word(),
            message: &refusal.detail,
            request_id: request_id.as_deref(),
            job_id,
            channel: None,
            timestamp: self.shared.clock.now().wall,
        };
        self.note(Note::Say(said.encode())).await
    }
}

const fn accept(who: Identity, job: JobId, conn: ConnId, reply: ReplyTo) -> Command {
    Command::Accept {
        who,
        job,
        conn,
        reply,
    }
}

const fn decline(who: Identity, job: JobId, conn: ConnId, reply: ReplyTo) -> Command {
    Command::Decline {
        who,
        job,
        conn,
        reply,
    }
}

/// A malformed id is an unknown job.
fn id_of(text: &str) -> Result<JobId, Refusal> {
    text.parse().map_err(|_| Refusal::job_not_found(text))
}
