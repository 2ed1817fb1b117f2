//! What a producer says when: create once, adopt after every cut, answer each control, end. Pure: events go in,
//! [`Effect`]s come out; who sends frames, keeps time and delivers actions is `task`.
//!
//! Here are the beginning and the way on; `control` answers what is asked, `ending` says the end, `refusal` deals with
//! what the daemon will not do.

use jobtop_core::JobId;
use jobtop_core::job::command::NewCommand;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::{Report, StepRef};
use jobtop_core::job::status::Status;
use jobtop_core::proto::body::{AcceptAnswer, JobAnswer, NewJob};
use jobtop_core::proto::message::Message;
use jobtop_core::proto::view::View;

use super::merge::untold;
use super::{Delivered, End};
use crate::requests;

mod control;
mod ending;
mod refusal;

#[cfg(test)]
mod tests;

use control::Asked;

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
    /// The assigned job is ours, and this is what is to be run.
    Accepted(Box<NewCommand>),
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
    /// The job is assigned to us and not accepted yet.
    assigned: bool,
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
            assigned: false,
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

    /// Takes a job that is assigned to us. Where that is refused it is somebody else's.
    pub(super) fn accepting(job: JobId, new: NewJob) -> Self {
        Self {
            assigned: true,
            ..Self::adopting(job, new)
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

    /// The daemon said something.
    pub(super) fn heard(&mut self, message: Message, whole: &Report) -> Vec<Effect> {
        match message {
            Message::Ok { request_id, body } => match request_id.as_str() {
                "create" => self.with_job(&body, |course, job| course.created(&job, whole)),
                "accept" => self.accepted(&body, whole),
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
            let job = job.to_string();
            let frame = if self.assigned {
                requests::accept_job("accept", &job)
            } else {
                requests::adopt_job("adopt", &job)
            };
            return vec![Effect::Send(frame)];
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

    fn accepted(&mut self, body: &str, whole: &Report) -> Vec<Effect> {
        match serde_json::from_str::<AcceptAnswer>(body) {
            Ok(AcceptAnswer {
                job,
                command: Some(command),
            }) => {
                self.assigned = false;
                // Where a daemon with another store asks for it again, it looks like this one.
                self.new.job_type = job.job_type.clone();
                self.new.name = Some(job.name.clone());
                let mut effects = vec![Effect::Accepted(Box::new(command))];
                effects.extend(self.adopted(&job, whole));
                effects
            }
            Ok(_) => self.close("the daemon has no command for this job".to_owned()),
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
