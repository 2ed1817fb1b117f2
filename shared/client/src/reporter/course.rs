//! What a producer says when: create once, adopt after every cut, answer each control, end. Pure: events go in,
//! [`Effect`]s come out; who sends frames, keeps time and delivers actions is `task`.

use jobtop_core::JobId;
use jobtop_core::job::Reply;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::{Report, StepRef};
use jobtop_core::job::refusal::Code;
use jobtop_core::job::status::Status;
use jobtop_core::proto::body::{JobAnswer, NewJob};
use jobtop_core::proto::message::{ErrorMessage, Message};
use jobtop_core::proto::view::View;
use jobtop_core::time::Timestamp;

use super::merge::untold;
use super::{Delivered, End};
use crate::requests;

/// Largest frame that a daemon takes.
const MAX_FRAME: usize = 256 << 10;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// This frame goes out.
    Send(String),
    /// The producer is asked for this.
    Deliver(Action),
    /// The daemon gave the job this id.
    Known(JobId),
    /// The daemon will not have the job (any more).
    Refused(String),
    /// The daemon can't just now: [`Course::wake`] after a while.
    Rest,
    /// The end of it all.
    Over(Delivered),
}

/// Where the conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection.
    Offline,
    /// Asked for a job, or to go on with ours; no answer yet.
    Greeting,
    /// It said our job has ended; asked how.
    Looking,
    /// The daemon can't just now.
    Resting,
    /// We are the job's producer.
    On,
    /// The end is said; no answer yet.
    Ending,
}

/// The request that was asked of us last.
#[derive(Clone, Debug)]
struct Asked {
    action: Action,
    at: Option<Timestamp>,
    reply: Option<Reply>,
    /// The daemon waits for no answer any more.
    settled: bool,
}

/// Why no more progress is taken.
#[derive(Clone, Debug, PartialEq)]
enum Closed {
    Cancelled,
    Refused(String),
}

/// The conversation about one job.
#[derive(Debug)]
pub(super) struct Course {
    new: NewJob,
    job: Option<JobId>,
    phase: Phase,
    /// The job may have been created before.
    tried: bool,
    told: Report,
    /// A step that the daemon does not know: not said again, or it would have every report refused.
    bad_step: Option<StepRef>,
    asked: Option<Asked>,
    closed: Option<Closed>,
    end: Option<End>,
    /// The daemon said that the job has ended otherwise.
    end_refused: bool,
}

impl Course {
    /// `shared_key`: the key is the caller's own, so the job may be there already.
    pub(super) fn new(new: NewJob, shared_key: bool) -> Self {
        Self {
            new,
            job: None,
            phase: Phase::Offline,
            tried: shared_key,
            told: Report::default(),
            bad_step: None,
            asked: None,
            closed: None,
            end: None,
            end_refused: false,
        }
    }

    /// Goes on with a job that there is already; `new` makes it again where the daemon has forgotten it.
    pub(super) fn adopting(job: JobId, new: NewJob) -> Self {
        Self {
            job: Some(job),
            ..Self::new(new, false)
        }
    }

    /// Whether the daemon takes reports from us just now.
    pub(super) fn is_on(&self) -> bool {
        self.phase == Phase::On && self.closed.is_none()
    }

    /// A connection was opened.
    pub(super) fn connected(&mut self) -> Vec<Effect> {
        self.greet()
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        self.tried |= self.phase == Phase::Greeting && self.job.is_none();
        self.phase = Phase::Offline;
    }

    /// A rest is over.
    pub(super) fn wake(&mut self) -> Vec<Effect> {
        if self.phase == Phase::Resting {
            self.greet()
        } else {
            Vec::new()
        }
    }

    /// The report that is due of `whole`, if there is any to be told now.
    pub(super) fn due(&mut self, whole: &Report) -> Option<Effect> {
        if !self.is_on() {
            return None;
        }
        let job = self.job?;
        let mut news = untold(whole, &self.told)?;
        if news.step.is_some() && news.step == self.bad_step {
            news.step = None;
        }
        self.told.clone_from(whole);
        (news != Report::default())
            .then(|| Effect::Send(requests::update_progress(&job.to_string(), &news)))
    }

    /// The producer answers a request.
    pub(super) fn acknowledge(&mut self, reply: Reply) -> Vec<Effect> {
        match &mut self.asked {
            Some(asked) if asked.action == reply.action => {
                asked.reply = Some(reply);
                asked.settled = false;
                self.answer()
            }
            // It was withdrawn by a later request; nobody waits for this answer.
            _ => Vec::new(),
        }
    }

    /// The producer has come to its end.
    pub(super) fn finish(&mut self, end: End, whole: &Report) -> Vec<Effect> {
        self.end = Some(end);
        self.go_on(whole)
    }

    /// The daemon said something.
    pub(super) fn heard(&mut self, message: Message, whole: &Report) -> Vec<Effect> {
        match message {
            Message::Ok { request_id, body } => match request_id.as_str() {
                "create" => self.with_job(&body, |course, job| course.created(&job, whole)),
                "adopt" => self.with_job(&body, |course, job| course.adopted(&job, whole)),
                "look" => self.with_job(&body, |course, job| course.looked(&job, whole)),
                "ack-pause" | "ack-resume" | "ack-cancel" => self.acknowledged(&request_id),
                "end" => vec![Effect::Over(Delivered::Yes)],
                _ => Vec::new(),
            },
            Message::Error(error) => self.refused(&error, whole),
            Message::JobControl {
                job_id,
                action,
                requested_at,
            } if Some(job_id) == self.job => self.take(action, requested_at),
            _ => Vec::new(),
        }
    }

    fn greet(&mut self) -> Vec<Effect> {
        if matches!(self.closed, Some(Closed::Refused(_))) {
            return Vec::new();
        }
        self.phase = Phase::Greeting;
        if let Some(job) = self.job {
            return vec![Effect::Send(requests::adopt_job("adopt", &job.to_string()))];
        }
        let frame = requests::create_job("create", &self.new);
        if frame.len() > MAX_FRAME {
            return self.close(format!(
                "the job is too large to be told of: {} KiB, of which a daemon takes {} KiB",
                frame.len() >> 10,
                MAX_FRAME >> 10
            ));
        }
        vec![Effect::Send(frame)]
    }

    fn with_job(
        &mut self,
        body: &str,
        then: impl FnOnce(&mut Self, View) -> Vec<Effect>,
    ) -> Vec<Effect> {
        match serde_json::from_str::<JobAnswer>(body) {
            Ok(answer) => then(self, answer.job),
            Err(error) => self.close(format!(
                "the daemon's answer can't be understood ({error}); is it another version?"
            )),
        }
    }

    fn created(&mut self, job: &View, whole: &Report) -> Vec<Effect> {
        self.job = Some(job.id);
        let mut effects = vec![Effect::Known(job.id)];
        if self.tried {
            // It may be the job of an earlier connection, of which this one is not the producer yet.
            effects.extend(self.greet());
        } else {
            effects.extend(self.adopted(job, whole));
        }
        effects
    }

    fn adopted(&mut self, job: &View, whole: &Report) -> Vec<Effect> {
        if job.status.is_final() {
            return self.looked(job, whole);
        }
        self.phase = Phase::On;
        self.told = Report::default();
        let mut effects = self.control(job);
        effects.extend(self.go_on(whole));
        effects
    }

    /// The job has ended without us.
    fn looked(&mut self, job: &View, whole: &Report) -> Vec<Effect> {
        self.phase = Phase::On;
        let mut effects = Vec::new();
        if job.status == Status::Cancelled {
            effects.extend(self.control(job));
            let known = self
                .asked
                .as_ref()
                .is_some_and(|a| a.action == Action::Cancel);
            if !known {
                effects.extend(self.take(Action::Cancel, job.finished_at));
            }
            if job.control.is_none() {
                self.settle();
            }
        } else if self.ends_as(job.status) {
            // Probably our own end, of which the answer was lost: saying it again tells.
            self.phase = Phase::On;
        } else {
            let why = match &job.error {
                Some(error) => format!("the job has {} without us: {error}", job.status),
                None => format!("the job has {} without us", job.status),
            };
            effects.extend(self.close(why));
        }
        effects.extend(self.go_on(whole));
        effects
    }

    /// What the adopted job says is asked of us.
    fn control(&mut self, job: &View) -> Vec<Effect> {
        match (job.control, &self.asked) {
            (Some(request), Some(asked))
                if asked.action == request.action && asked.at == Some(request.requested_at) =>
            {
                // Known already; if we answered, the answer was lost.
                self.answer()
            }
            (Some(request), _) => self.take(request.action, Some(request.requested_at)),
            (None, _) => {
                self.settle();
                Vec::new()
            }
        }
    }

    fn take(&mut self, action: Action, at: Option<Timestamp>) -> Vec<Effect> {
        if self
            .asked
            .as_ref()
            .is_some_and(|a| a.action == action && a.at == at)
        {
            return Vec::new();
        }
        if action == Action::Cancel {
            self.closed.get_or_insert(Closed::Cancelled);
        }
        self.asked = Some(Asked {
            action,
            at,
            reply: None,
            settled: false,
        });
        vec![Effect::Deliver(action)]
    }

    /// Sends the answer to what was asked, if there is one that the daemon waits for.
    fn answer(&self) -> Vec<Effect> {
        let (Some(asked), Some(job)) = (&self.asked, self.job) else {
            return Vec::new();
        };
        match &asked.reply {
            Some(reply) if !asked.settled && matches!(self.phase, Phase::On | Phase::Ending) => {
                vec![Effect::Send(requests::control_ack(
                    ack_id(asked.action),
                    &job.to_string(),
                    reply,
                ))]
            }
            _ => Vec::new(),
        }
    }

    fn settle(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.settled = true;
        }
    }

    /// The daemon has an answer of ours, or waits for it no more.
    fn acknowledged(&mut self, request_id: &str) -> Vec<Effect> {
        let Some(asked) = self
            .asked
            .as_mut()
            .filter(|asked| ack_id(asked.action) == request_id)
        else {
            return Vec::new();
        };
        asked.settled = true;
        match (&self.end, &self.closed) {
            (Some(end), Some(Closed::Cancelled)) => vec![Effect::Over(after_cancel(end))],
            _ => Vec::new(),
        }
    }

    /// Says the end, if it has come and there is somebody to say it to.
    fn go_on(&mut self, whole: &Report) -> Vec<Effect> {
        let Some(end) = self.end.clone() else {
            return Vec::new();
        };
        match &self.closed {
            Some(Closed::Refused(why)) => vec![Effect::Over(match end {
                End::Gone => Delivered::Yes,
                End::Completed | End::Failed(_) => Delivered::No(why.clone()),
            })],
            Some(Closed::Cancelled) => self.end_cancelled(&end),
            None => self.end_open(&end, whole),
        }
    }

    fn end_open(&mut self, end: &End, whole: &Report) -> Vec<Effect> {
        let (Phase::On, Some(job)) = (self.phase, self.job) else {
            return Vec::new();
        };
        let job = job.to_string();
        let mut effects: Vec<Effect> = self.due(whole).into_iter().collect();
        let frame = match end {
            End::Completed => requests::complete_job("end", &job),
            End::Failed(why) => requests::fail_job("end", &job, why),
            // Nobody asked for an end, so there is nothing to say of it.
            End::Gone => return vec![Effect::Over(Delivered::Yes)],
        };
        self.phase = Phase::Ending;
        effects.push(Effect::Send(frame));
        effects
    }

    /// The job is cancelled already; that its process is gone is the answer to that request.
    fn end_cancelled(&mut self, end: &End) -> Vec<Effect> {
        let Some(asked) = self.asked.as_mut().filter(|asked| !asked.settled) else {
            return vec![Effect::Over(after_cancel(end))];
        };
        if asked.reply.is_some() {
            // It is on its way already.
            return Vec::new();
        }
        asked.reply = Some(Reply {
            action: Action::Cancel,
            ok: true,
            message: None,
        });
        self.answer()
    }

    fn ends_as(&self, status: Status) -> bool {
        !self.end_refused
            && matches!(
                (&self.end, status),
                (Some(End::Completed), Status::Completed) | (Some(End::Failed(_)), Status::Failed)
            )
    }

    fn refused(&mut self, error: &ErrorMessage, whole: &Report) -> Vec<Effect> {
        let about = error.request_id.as_ref().and_then(|id| id.as_str());
        let is = |code: Code| error.code == code.word();
        if about.is_some() && is_passing(&error.code) {
            self.phase = Phase::Resting;
            return vec![Effect::Rest];
        }
        match about {
            Some("adopt" | "look") if is(Code::JobNotFound) => {
                // The daemon has another store now. The work goes on, so it gets a job again.
                self.job = None;
                self.tried = false;
                self.greet()
            }
            Some("adopt") if is(Code::JobFinished) => self.look(),
            Some("create" | "adopt" | "look") => {
                let mut effects = self.close(error.message.clone());
                effects.extend(self.go_on(whole));
                effects
            }
            Some("end") if is(Code::JobFinished) => {
                self.end_refused = true;
                self.look()
            }
            Some("end") => vec![Effect::Over(Delivered::No(error.message.clone()))],
            Some(id) => self.acknowledged(id),
            None if !self.is_ours(error) => Vec::new(),
            None if is(Code::BadStep) => {
                self.bad_step.clone_from(&self.told.step);
                // The report was refused whole, so all of it is told again, without the step.
                self.told = Report::default();
                self.due(whole).into_iter().collect()
            }
            None if is(Code::JobFinished) && self.closed.is_none() && self.phase == Phase::On => {
                self.look()
            }
            None => {
                tracing::warn!(
                    code = error.code,
                    message = error.message,
                    "a report was refused"
                );
                Vec::new()
            }
        }
    }

    fn is_ours(&self, error: &ErrorMessage) -> bool {
        match (&error.job_id, self.job) {
            (Some(id), Some(job)) => *id == job.to_string(),
            // On this connection there is one job; what is not said to be another's is about it.
            (None, Some(_)) => true,
            (_, None) => false,
        }
    }

    fn look(&mut self) -> Vec<Effect> {
        let Some(job) = self.job else {
            return Vec::new();
        };
        self.phase = Phase::Looking;
        vec![Effect::Send(requests::get_job("look", &job.to_string()))]
    }

    fn close(&mut self, why: String) -> Vec<Effect> {
        self.closed = Some(Closed::Refused(why.clone()));
        vec![Effect::Refused(why)]
    }
}

/// The name under which an answer to that request goes.
const fn ack_id(action: Action) -> &'static str {
    match action {
        Action::Pause => "ack-pause",
        Action::Resume => "ack-resume",
        Action::Cancel => "ack-cancel",
    }
}

/// What became of an end that was to be said of a job that was cancelled before.
fn after_cancel(end: &End) -> Delivered {
    match end {
        End::Gone => Delivered::Yes,
        End::Completed | End::Failed(_) => {
            Delivered::No("the job was cancelled before it ended".to_owned())
        }
    }
}

/// Whether trying again later may help.
fn is_passing(code: &str) -> bool {
    [
        Code::RateLimited,
        Code::Unavailable,
        Code::NoRoom,
        Code::Internal,
    ]
    .iter()
    .any(|passing| passing.word() == code)
}
