//! What is asked of the producer: delivered once, answered until the daemon has the answer.

use jobtop_core::job::Reply;
use jobtop_core::job::control::Action;
use jobtop_core::proto::view::View;
use jobtop_core::time::Timestamp;

use super::ending::after_cancel;
use super::{Closed, Course, Effect, Phase};
use crate::requests;

/// The request that was asked of us last.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) action: Action,
    pub(super) at: Option<Timestamp>,
    pub(super) reply: Option<Reply>,
    /// The daemon waits for no answer any more.
    pub(super) settled: bool,
}

impl Course {
    /// The producer answers a request.
    pub(in super::super) fn acknowledge(&mut self, reply: Reply) -> Vec<Effect> {
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

    /// What the adopted job says is asked of us.
    pub(super) fn control(&mut self, job: &View) -> Vec<Effect> {
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

    pub(super) fn take(&mut self, action: Action, at: Option<Timestamp>) -> Vec<Effect> {
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
    pub(super) fn answer(&self) -> Vec<Effect> {
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

    pub(super) fn settle(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.settled = true;
        }
    }

    /// The daemon has an answer of ours, or waits for it no more.
    pub(super) fn acknowledged(&mut self, request_id: &str) -> Vec<Effect> {
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
}

/// The name under which an answer to that request goes.
const fn ack_id(action: Action) -> &'static str {
    match action {
        Action::Pause => "ack-pause",
        Action::Resume => "ack-resume",
        Action::Cancel => "ack-cancel",
    }
}
