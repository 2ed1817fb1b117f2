//! What the daemon will not do: some of it passes, some of it tells what has become of the job, the rest is final.

use jobtop_core::job::progress::Report;
use jobtop_core::job::refusal::Code;
use jobtop_core::proto::message::ErrorMessage;

use super::{Course, Delivered, Effect, Phase};

impl Course {
    pub(super) fn refused(&mut self, error: &ErrorMessage, whole: &Report) -> Vec<Effect> {
        let about = error.request_id.as_ref().and_then(|id| id.as_str());
        let is = |code: Code| error.code == code.word();
        if about.is_some() && is_passing(&error.code) {
            self.phase = Phase::Resting;
            return vec![Effect::Rest];
        }
        match about {
            Some("adopt" | "look") if is(Code::JobNotFound) && self.closed.is_some() => {
                // It was over, and nobody waits for anything any more.
                self.phase = Phase::On;
                self.settle();
                self.go_on(whole)
            }
            Some("adopt" | "look") if is(Code::JobNotFound) => {
                // The daemon has another store now. The work goes on, so it gets a job again.
                self.job = None;
                self.tried = false;
                self.greet()
            }
            Some("adopt") if is(Code::JobFinished) => self.look(),
            Some("create" | "accept" | "adopt" | "look") => {
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
