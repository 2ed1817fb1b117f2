//! The end: what was not told yet, then how it ended; after a cancel, that its process is gone.

use jobtop_core::job::Reply;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::Report;
use jobtop_core::job::status::Status;

use super::super::merge::fit;
use super::{Closed, Course, Delivered, Effect, End, Phase};
use crate::requests;

impl Course {
    /// The producer has come to its end.
    pub(in super::super) fn finish(&mut self, end: End, whole: &Report) -> Vec<Effect> {
        self.end = Some(match end {
            End::Failed(why) => End::Failed(fit(why)),
            End::Completed | End::Gone => end,
        });
        self.go_on(whole)
    }

    /// Says the end, if it has come and there is somebody to say it to.
    pub(super) fn go_on(&mut self, whole: &Report) -> Vec<Effect> {
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

    pub(super) fn ends_as(&self, status: Status) -> bool {
        !self.end_refused
            && matches!(
                (&self.end, status),
                (Some(End::Completed), Status::Completed) | (Some(End::Failed(_)), Status::Failed)
            )
    }
}

/// What became of an end that was to be said of a job that was cancelled before.
pub(super) fn after_cancel(end: &End) -> Delivered {
    match end {
        End::Gone => Delivered::Yes,
        End::Completed | End::Failed(_) => {
            Delivered::No("the job was cancelled before it ended".to_owned())
        }
    }
}
