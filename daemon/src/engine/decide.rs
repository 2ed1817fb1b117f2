//! What follows from a command: pure, given the board, the present and random bits.

use std::sync::Arc;

use jobtop_core::access::Identity;
use jobtop_core::job::failure::{CODE_FAILED, Failure};
use jobtop_core::job::progress::{Report, kept};
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::body::{FailBody, NewJob};
use jobtop_core::queue;
use jobtop_core::text;
use jobtop_core::{JobId, Now, Status, UserId};

use super::board::{Board, Producer};
use super::command::{Answer, Answered, Command, ConnId, ReplyTo, Verb};
use super::outcome::{Aside, Audit, Bond, Outcome, Release};
use super::{archived, create};

/// Most lines of output kept with a failure, and most characters of each.
const LAST_LINES: usize = 50;
const LINE_CHARS: usize = 500;

/// Whether an answer waits for the flush.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    Yes,
    No,
}

impl Board {
    /// Decides a command and adds what follows to the outcome.
    pub(super) fn decide(
        &mut self,
        command: Command,
        now: Now,
        random: &mut dyn FnMut() -> u128,
        outcome: &mut Outcome,
    ) {
        match command {
            Command::Connect { link } => {
                let jobs = std::collections::HashSet::new();
                self.conns
                    .entry(link.conn)
                    .or_insert(Producer { link, jobs });
            }
            Command::Create {
                who,
                new,
                settled,
                conn,
                reply,
            } => {
                let answered = self.create(&who, *new, &settled, (random, now), outcome);
                if let (Ok(Answer::Created(job)), Some(conn)) = (&answered, conn)
                    && job.state.status == Status::Running
                {
                    self.bind(job.id(), conn, now);
                }
                if let Ok(Answer::Created(job)) = &answered {
                    self.write(job.id(), outcome);
                }
                answer(reply, answered, Durable::Yes, outcome);
            }
            Command::Act {
                who,
                job,
                verb,
                conn,
                reply,
            } => {
                let answered = self.act(&who, job, verb, conn, (now, random), outcome);
                answer(reply, answered, Durable::Yes, outcome);
            }
            Command::Report {
                who,
                updates,
                conn,
                reply,
            } => {
                self.report(&who, &updates, conn, reply, now, outcome);
            }
            Command::Adopt {
                who,
                job,
                conn,
                reply,
            } => {
                let answered = self.adopt(&who, job, conn, now, outcome);
                answer(reply, answered, Durable::Yes, outcome);
                self.send_control(job, outcome);
            }
            Command::Work {
                who,
                offer,
                conn,
                reply,
            } => {
                let answered = self.work(who, offer, conn);
                answer(reply, answered, Durable::No, outcome);
            }
            Command::Accept {
                who,
                job,
                conn,
                reply,
            } => {
                let answered = self.accept(&who, job, conn, now, outcome);
                answer(reply, answered, Durable::Yes, outcome);
                self.send_control(job, outcome);
            }
            Command::Decline {
                who,
                job,
                conn,
                reply,
            } => {
                let answered = self.may_decline(&who, job);
                let answered = answered.and_then(|()| self.decline(job, conn));
                answer(reply, answered, Durable::No, outcome);
            }
            Command::RunnerGone { job, process, why } => {
                self.runner_gone(job, process, &why, now, outcome);
            }
            Command::Queues { reply } => {
                answer(
                    reply,
                    Ok(Answer::Queues(self.queues())),
                    Durable::No,
                    outcome,
                );
            }
            Command::SetQueue {
                who,
                name,
                body,
                reply,
            } => {
                let answered = self.set_queue(&who, &name, body, outcome);
                answer(reply, answered, Durable::Yes, outcome);
            }
            Command::Heartbeat { conn } => self.heartbeat(conn, now, outcome),
            Command::Gone { conn } => self.gone(conn, now, outcome),
        }
    }

    fn create(
        &mut self,
        who: &Identity,
        new: NewJob,
        settled: &[JobId],
        (random, now): (&mut dyn FnMut() -> u128, Now),
        outcome: &mut Outcome,
    ) -> Answered {
        let owner = create::owner(who, new.user_id.as_ref())?;
        // Before its environment is taken out of it.
        let digest = new.idempotency_key.as_ref().map(|_| new.digest());
        if let Some(key) = &new.idempotency_key
            && let Some(known) = self.keys.get(&(owner.clone(), key.clone()))
            && let Some(tracked) = self.jobs.get(known)
        {
            let old = Arc::new(tracked.job.clone());
            return archived::repeated(&old, &new).map(Answer::Job);
        }
        let is_command = new.command.is_some();
        if is_command {
            self.check_submits(who)?;
        }
        let pending = is_command || new.status == Some(Status::Pending);
        self.check_room(pending, new.priority.unwrap_or(0))?;
        self.check_share(&owner)?;
        self.check_after(who, &new.after, settled)?;
        let id = self.fresh_id(now, random());
        let mut new = new;
        let env = new.command.as_mut().and_then(|command| command.env.take());
        let job = create::build(id, owner, new, digest, (&self.settings.limits, now))?;
        let environment = self.keep_environment(env, random(), outcome);
        let bond = Bond {
            environment,
            ..Bond::default()
        };
        let id = self.insert(job, bond, now);
        if let Some(environment) = environment {
            self.release_environment(environment);
        }
        if is_command {
            self.audit(
                "submitted",
                (&who.user, who.origin.clone()),
                id,
                now,
                outcome,
            );
        }
        self.announce(id, outcome);
        self.shared(id)
            .map(Answer::Created)
            .ok_or_else(|| Refusal::job_not_found(&id.to_string()))
    }

    fn check_room(&self, pending: bool, priority: i32) -> Result<(), Refusal> {
        if !self.accepting {
            return Err(Refusal::new(
                Code::NoRoom,
                "The disk is full: new jobs are refused until there is room again",
            ));
        }
        let limit = self.settings.limits.pending_jobs;
        let lowest = || self.queues.lowest();
        if pending
            && self.pending >= limit
            && !queue::admits(self.pending, limit, priority, lowest())
        {
            return Err(Refusal::new(
                Code::RateLimited,
                "The queue is full; try again when jobs have ended, or with a higher priority",
            ));
        }
        Ok(())
    }

    /// Whether one more job of that user's is taken.
    fn check_share(&self, owner: &UserId) -> Result<(), Refusal> {
        let limit = self.settings.limits.live_jobs;
        if self
            .unfinished_of
            .get(owner)
            .is_none_or(|count| *count < limit)
        {
            return Ok(());
        }
        Err(Refusal::new(
            Code::RateLimited,
            format!(
                "{owner} has {limit} jobs that have not ended, as many as limits.live_jobs allows; try again when some have"
            ),
        ))
    }

    fn act(
        &mut self,
        who: &Identity,
        id: JobId,
        verb: Verb,
        conn: Option<ConnId>,
        (now, random): (Now, &mut dyn FnMut() -> u128),
        outcome: &mut Outcome,
    ) -> Answered {
        let Some(tracked) = self.jobs.get(&id) else {
            return Err(Refusal::job_not_found(&id.to_string()));
        };
        who.check_controls(&tracked.job.spec.user, verb.infinitive())?;
        let status = tracked.job.state.status;
        match verb {
            Verb::Start => {
                self.change(id, outcome, |job| job.start(now))?;
                if let Some(conn) = conn {
                    self.bind(id, conn, now);
                }
                self.write(id, outcome);
            }
            Verb::Pause => self.control(id, outcome, |job| job.pause(now))?,
            Verb::Resume => self.control(id, outcome, |job| job.resume(now))?,
            Verb::Cancel => {
                self.change(id, outcome, |job| job.cancel(now))?;
                self.ended(id, now, outcome);
                self.send_control(id, outcome);
            }
            Verb::Complete | Verb::Fail(_) if status.is_final() => {
                let wanted = if matches!(verb, Verb::Complete) {
                    Status::Completed
                } else {
                    Status::Failed
                };
                if status != wanted {
                    // The work is over, whoever ended it: nothing is left to be acknowledged.
                    self.process_gone(id, now, outcome);
                    return Err(Refusal::wrong_state(true, wanted.word()));
                }
            }
            Verb::Complete => {
                self.change(id, outcome, |job| job.complete(now))?;
                self.ended(id, now, outcome);
            }
            Verb::Fail(body) => {
                let failure = failure(body)?;
                self.change(id, outcome, |job| job.fail(failure, now))?;
                self.try_again(id, random, now, outcome);
                self.ended(id, now, outcome);
            }
            Verb::Priority(priority) => {
                self.change(id, outcome, |job| job.set_priority(priority, now))?;
                self.write(id, outcome);
            }
            Verb::Acknowledge(reply) => {
                self.change(id, outcome, |job| job.acknowledge(&reply, now))?;
                self.heard(id, now, outcome);
                if status.is_final() {
                    self.write_ended(id, outcome);
                } else {
                    self.write(id, outcome);
                }
            }
            Verb::Retry => return self.retry(who, id, random, now, outcome),
        }
        self.shared(id)
            .map(Answer::Job)
            .ok_or_else(|| Refusal::job_not_found(&id.to_string()))
    }

    fn control(
        &mut self,
        id: JobId,
        outcome: &mut Outcome,
        change: impl FnOnce(&mut jobtop_core::Job) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        self.change(id, outcome, change)?;
        self.write(id, outcome);
        self.send_control(id, outcome);
        Ok(())
    }

    pub(super) fn ended(&mut self, id: JobId, now: Now, outcome: &mut Outcome) {
        if let Some(tracked) = self.jobs.get_mut(&id) {
            tracked.waiting_since = now.mono;
        }
        self.drop_environment(id, outcome);
        self.write_ended(id, outcome);
        self.tell_of(id, outcome);
        self.release_dependents(id, now, outcome);
    }

    /// The process of a job that has ended is gone: nobody can acknowledge any more.
    pub(super) fn process_gone(&mut self, id: JobId, now: Now, outcome: &mut Outcome) {
        let asked = |tracked: &super::board::Tracked| tracked.job.state.control.is_some();
        if self.jobs.get(&id).is_some_and(asked) {
            let changed = self.change(id, outcome, |job| {
                job.forget_control(now);
                Ok(())
            });
            if changed.is_ok() {
                self.write_ended(id, outcome);
            }
        }
    }

    fn retry(
        &mut self,
        who: &Identity,
        id: JobId,
        random: &mut dyn FnMut() -> u128,
        now: Now,
        outcome: &mut Outcome,
    ) -> Answered {
        let not_found = || Refusal::job_not_found(&id.to_string());
        let old = &self.jobs.get(&id).ok_or_else(not_found)?.job;
        if !old.is_final() {
            return Err(Refusal::wrong_state(false, "retried"));
        }
        if !old.spec.capabilities.retry {
            return Err(Refusal::new(
                Code::NotSupported,
                "Nobody would do this job again; start its program once more instead",
            ));
        }
        let (priority, retries) = (old.state.priority, old.spec.retries);
        let is_command = old.spec.command.is_some();
        if is_command {
            self.check_submits(who)?;
        }
        self.check_room(true, priority)?;
        let old = &self.jobs.get(&id).ok_or_else(not_found)?.job;
        // It becomes one more job of its owner's, whoever asks.
        self.check_share(&old.spec.user)?;
        let again = create::again(self.fresh_id(now, random()), old, retries, now);
        let again = self.insert(again, Bond::default(), now);
        if is_command {
            self.audit(
                "retried",
                (&who.user, who.origin.clone()),
                again,
                now,
                outcome,
            );
        }
        self.announce(again, outcome);
        self.write(again, outcome);
        self.shared(again)
            .map(Answer::Created)
            .ok_or_else(not_found)
    }

    /// A job that failed by itself is done again, if it was asked for.
    fn try_again(
        &mut self,
        id: JobId,
        random: &mut dyn FnMut() -> u128,
        now: Now,
        outcome: &mut Outcome,
    ) {
        let Some(tracked) = self.jobs.get(&id) else {
            return;
        };
        let (old, bond) = (&tracked.job, tracked.bond);
        let Some(left) = old.spec.retries.checked_sub(1) else {
            return;
        };
        let (user, is_command) = (old.spec.user.clone(), old.spec.command.is_some());
        let again = create::again(self.fresh_id(now, random()), old, left, now);
        let bond = Bond {
            environment: bond.environment,
            ..Bond::default()
        };
        let again = self.insert(again, bond, now);
        if is_command {
            self.audit("retried", (&user, None), again, now, outcome);
        }
        self.announce(again, outcome);
        self.write(again, outcome);
        let said = self.change(id, outcome, |job| {
            job.state.message = Some(format!("Tried again as {again}").into());
            Ok(())
        });
        debug_assert!(said.is_ok(), "it is on the board");
    }

    /// Whether commands are run for whoever asks.
    fn check_submits(&self, who: &Identity) -> Result<(), Refusal> {
        let refused = |detail: &'static str| Err(Refusal::new(Code::Forbidden, detail));
        if !who.may_submit {
            refused(
                "Only the daemon's own account may submit commands, on its Unix socket; remote_commands in jobtopd.toml names roles that may over TCP",
            )
        } else if self.queues.runs_commands() {
            Ok(())
        } else {
            refused(
                "This daemon runs no commands: jobtopd.toml says so, or it serves the whole system",
            )
        }
    }

    /// Whether a job can come after those.
    fn check_after(
        &self,
        who: &Identity,
        after: &[String],
        settled: &[JobId],
    ) -> Result<(), Refusal> {
        for id in create::afters(after)?.iter() {
            let job = match self.jobs.get(id) {
                Some(tracked) => &tracked.job,
                None if settled.contains(id) => continue,
                None => return Err(create::no_such(&id.to_string())),
            };
            who.check_sees(&job.spec.user)?;
            if let status @ (Status::Failed | Status::Cancelled) = job.state.status {
                return Err(create::never(*id, status));
            }
        }
        Ok(())
    }

    fn may_decline(&self, who: &Identity, id: JobId) -> Result<(), Refusal> {
        let Some(tracked) = self.jobs.get(&id) else {
            return Err(Refusal::job_not_found(&id.to_string()));
        };
        who.check_controls(&tracked.job.spec.user, "decline")
    }

    fn audit(
        &self,
        action: &str,
        (user, from): (&UserId, Option<Arc<str>>),
        id: JobId,
        now: Now,
        outcome: &mut Outcome,
    ) {
        let command = self
            .jobs
            .get(&id)
            .and_then(|tracked| tracked.job.spec.command.clone());
        if let Some(command) = command {
            outcome.aside.push(Aside::Audit(Audit {
                time: now.wall,
                action: action.into(),
                user: user.clone(),
                from,
                job_id: id,
                command,
            }));
        }
    }

    fn report(
        &mut self,
        who: &Identity,
        updates: &[(JobId, Report)],
        conn: Option<ConnId>,
        reply: ReplyTo,
        now: Now,
        outcome: &mut Outcome,
    ) {
        let mut refused = Vec::new();
        let mut durable = Durable::No;
        for (id, report) in updates {
            match self.report_one(who, *id, report, conn, now, outcome) {
                Ok(Durable::Yes) => durable = Durable::Yes,
                Ok(Durable::No) => {}
                Err(refusal) => refused.push((*id, refusal)),
            }
        }
        let mut refused = refused.into_iter();
        let answered = match (refused.next(), updates.last()) {
            (Some((id, refusal)), _) => {
                let reply = reply.about(id, refused.collect());
                return answer(reply, Err(refusal), durable, outcome);
            }
            (None, Some((id, _))) if reply.wants_success() => self
                .shared(*id)
                .map(Answer::Job)
                .ok_or_else(|| Refusal::job_not_found(&id.to_string())),
            // Nobody wants to hear it, or there was nothing to do.
            (None, Some(_)) => return,
            (None, None) => Err(Refusal::new(
                Code::Invalid,
                "updates: at least one is needed",
            )),
        };
        answer(reply, answered, durable, outcome);
    }

    fn report_one(
        &mut self,
        who: &Identity,
        id: JobId,
        report: &Report,
        conn: Option<ConnId>,
        now: Now,
        outcome: &mut Outcome,
    ) -> Result<Durable, Refusal> {
        let Some(tracked) = self.jobs.get(&id) else {
            return Err(Refusal::job_not_found(&id.to_string()));
        };
        who.check_controls(&tracked.job.spec.user, "update")?;
        let begins = tracked.job.state.status == Status::Pending;
        self.change(id, outcome, |job| {
            job.report(report, now)?;
            job.revive(now);
            Ok(())
        })?;
        outcome.tally.reports += 1;
        if let Some(tracked) = self.jobs.get_mut(&id) {
            tracked.heard = now.mono;
        }
        if begins {
            if let Some(conn) = conn {
                self.bind(id, conn, now);
            }
            self.write(id, outcome);
            return Ok(Durable::Yes);
        }
        self.tick(id);
        Ok(Durable::No)
    }

    fn adopt(
        &mut self,
        who: &Identity,
        id: JobId,
        conn: ConnId,
        now: Now,
        outcome: &mut Outcome,
    ) -> Answered {
        let Some(tracked) = self.jobs.get(&id) else {
            return Err(Refusal::job_not_found(&id.to_string()));
        };
        who.check_controls(&tracked.job.spec.user, "adopt")?;
        let status = tracked.job.state.status;
        if status.is_final() && tracked.job.state.control.is_none() {
            return Err(Refusal::wrong_state(true, "adopted"));
        }
        self.change(id, outcome, |job| {
            if status == Status::Pending {
                job.start(now)?;
            }
            job.revive(now);
            Ok(())
        })?;
        outcome.tally.adopted += 1;
        self.bind(id, conn, now);
        if status.is_final() {
            self.write_ended(id, outcome);
        } else {
            self.write(id, outcome);
        }
        self.shared(id)
            .map(Answer::Job)
            .ok_or_else(|| Refusal::job_not_found(&id.to_string()))
    }

    /// A sign of life of a job's producer.
    fn heard(&mut self, id: JobId, now: Now, outcome: &mut Outcome) {
        let Some(tracked) = self.jobs.get_mut(&id) else {
            return;
        };
        tracked.heard = now.mono;
        if tracked.job.state.stalled_since.is_some() {
            let _ = self.change(id, outcome, |job| {
                job.revive(now);
                Ok(())
            });
            self.tick(id);
        }
    }

    fn heartbeat(&mut self, conn: ConnId, now: Now, outcome: &mut Outcome) {
        let jobs: Vec<_> = match self.conns.get(&conn) {
            Some(producer) => producer.jobs.iter().copied().collect(),
            None => return,
        };
        for id in jobs {
            self.heard(id, now, outcome);
        }
    }

    fn gone(&mut self, conn: ConnId, now: Now, outcome: &mut Outcome) {
        let Some(producer) = self.conns.remove(&conn) else {
            return;
        };
        self.dismiss(conn);
        for id in producer.jobs {
            let Some(tracked) = self.jobs.get_mut(&id) else {
                continue;
            };
            tracked.conn = None;
            self.stall(id, now, outcome);
        }
    }

    /// Marks a job as stalled, and lets the time run until it counts as lost.
    pub(super) fn stall(&mut self, id: JobId, now: Now, outcome: &mut Outcome) {
        let Some(tracked) = self.jobs.get_mut(&id) else {
            return;
        };
        tracked.waiting_since = now.mono;
        if tracked.job.is_final() || tracked.job.state.stalled_since.is_some() {
            return;
        }
        let _ = self.change(id, outcome, |job| {
            job.stall(now);
            Ok(())
        });
        self.tick(id);
        self.tell_of(id, outcome);
    }
}

impl Verb {
    /// As in "Insufficient permissions to … this job".
    pub(super) const fn infinitive(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Complete => "complete",
            Self::Fail(_) => "fail",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Priority(_) => "prioritise",
            Self::Acknowledge(_) => "acknowledge a control of",
        }
    }
}

/// Refusals change nothing, so they never wait; good answers wait for the flush if they promise something.
fn answer(reply: ReplyTo, answered: Answered, durable: Durable, outcome: &mut Outcome) {
    if durable == Durable::Yes && answered.is_ok() {
        outcome.releases.push(Release::Answer(reply, answered));
    } else {
        outcome.answers.push((reply, answered));
    }
}

fn failure(body: FailBody) -> Result<Failure, Refusal> {
    if body.error.trim().is_empty() {
        return Err(Refusal::new(Code::Invalid, "error: a sentence is needed"));
    }
    let lines = body.last_lines.map(|lines| {
        let skip = lines.len().saturating_sub(LAST_LINES);
        lines
            .into_iter()
            .skip(skip)
            .map(|line| kept(line, LINE_CHARS))
            .collect()
    });
    Ok(Failure {
        code: kept(body.code.unwrap_or_else(|| CODE_FAILED.into()), 64),
        message: kept(body.error, text::MESSAGE_CHARS),
        step: None,
        exit_code: body.exit_code,
        signal: body.signal,
        suggestion: body.suggestion.map(|said| kept(said, text::MESSAGE_CHARS)),
        last_lines: lines,
    })
}
