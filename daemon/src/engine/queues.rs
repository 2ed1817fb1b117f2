//! The queues on the board: who waits where, who holds a slot, who gets what next. The rules are `jobtop_core::queue`'s.
//!
//! A job's standing follows from the job and from whether it is assigned; `settle` brings it up to date after every change,
//! `dispatch` then hands out what can be handed out. Nothing here goes through all jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jobtop_core::access::{Identity, Role};
use jobtop_core::job::Origin;
use jobtop_core::job::command::{Environment, NewCommand};
use jobtop_core::job::failure::Failure;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::body::{QueueBody, QueueView};
use jobtop_core::proto::request::Work;
use jobtop_core::queue::{self, Place, Policy, Taken, Turn};
use jobtop_core::{Job, JobId, JobType, Now, Status};
use tokio::sync::mpsc;

use super::board::Board;
use super::command::{Answer, Answered, ConnId, ToProducer};
use super::outcome::{Aside, ByHand, EnvironmentId, Outcome, Process, Release};

/// So long a runner may take to accept its job, and a worker (milliseconds); then it is somebody else's turn.
const RUNNER_MS: u64 = 15_000;
const WORKER_MS: u64 = 30_000;
/// So often a runner is started for a command that none accepts.
const TRIES: u8 = 3;
/// Most types that a worker offers to take, and most jobs at once.
const MAX_TYPES: usize = 64;
const MAX_OFFER: u32 = 10_000;

/// What the queues are told to keep to, and what was kept of them.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What the configuration says of single queues.
    pub configured: BTreeMap<Arc<str>, Policy>,
    /// What was set by hand and kept.
    pub by_hand: BTreeMap<Arc<str>, ByHand>,
    /// How many of the daemon's own commands run at once in a queue for which nothing is set.
    pub default_slots: usize,
    /// Who starts runners; without it commands are not taken.
    pub launch: Option<mpsc::Sender<JobId>>,
    /// The kept environments of commands.
    pub environments: BTreeMap<EnvironmentId, Environment>,
}

/// The queues.
#[derive(Debug, Default)]
pub(super) struct Queues {
    settings: Settings,
    lines: BTreeMap<Arc<str>, Line>,
    standing: HashMap<JobId, Standing>,
    assigned: HashMap<JobId, Assignment>,
    /// Who waits for whom: the one that is waited for first.
    dependents: HashMap<JobId, HashSet<JobId>>,
    /// By whom a job that failed is done again.
    again: HashMap<JobId, JobId>,
    workers: BTreeMap<ConnId, Worker>,
    /// To whom a job is not offered again, and how often no runner took it.
    declined: HashMap<JobId, Vec<ConnId>>,
    tries: HashMap<JobId, u8>,
    environments: Environments,
    /// Whether something changed that may let somebody begin.
    stirred: bool,
}

/// The jobs of a queue.
#[derive(Debug, Default)]
struct Line {
    commands: BTreeSet<Place>,
    others: BTreeMap<JobType, BTreeSet<Place>>,
    /// Jobs that wait for others: counted, not in line.
    blocked: BTreeSet<JobId>,
    taken: Taken,
}

/// What a job is to its queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// Waits for others to complete.
    Blocked,
    /// Waits for its turn.
    InLine(Place),
    /// Holds a slot: assigned, at work, or cancelled with its process not gone yet.
    Holds,
}

#[derive(Clone, Copy, Debug)]
struct Assignment {
    to: Assignee,
    /// Monotonic milliseconds.
    since: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Assignee {
    Runner,
    Worker(ConnId),
}

/// A connection that takes jobs.
#[derive(Debug)]
struct Worker {
    who: Identity,
    types: BTreeSet<JobType>,
    slots: usize,
}

/// The environments of commands that have not ended: equal ones are kept once, because those who submit a thousand commands
/// submit a thousand times the same environment.
#[derive(Debug, Default)]
struct Environments {
    kept: HashMap<EnvironmentId, (Arc<Environment>, usize)>,
    by_value: HashMap<Arc<BTreeMap<String, String>>, EnvironmentId>,
}

impl Environments {
    /// One more command is run with it. Returns whether it is new.
    fn keep(&mut self, env: Environment, random: u128) -> (EnvironmentId, bool) {
        let value = Arc::new(env.0);
        if let Some(id) = self.by_value.get(&value).copied() {
            self.share(id);
            return (id, false);
        }
        let id = EnvironmentId(random as u64);
        self.kept
            .insert(id, (Arc::new(Environment((*value).clone())), 1));
        self.by_value.insert(value, id);
        (id, true)
    }

    fn share(&mut self, id: EnvironmentId) {
        if let Some((_, users)) = self.kept.get_mut(&id) {
            *users += 1;
        }
    }

    /// One command less is run with it. Returns whether it was the last.
    fn release(&mut self, id: EnvironmentId) -> bool {
        let Some((env, users)) = self.kept.get_mut(&id) else {
            return false;
        };
        *users -= 1;
        if *users > 0 {
            return false;
        }
        self.by_value.remove(&env.0);
        self.kept.remove(&id);
        true
    }

    fn get(&self, id: EnvironmentId) -> Option<Arc<Environment>> {
        self.kept.get(&id).map(|(env, _)| Arc::clone(env))
    }
}

impl Line {
    fn set(&mut self, job: &Job, standing: Option<Standing>, to: bool) {
        let id = job.id();
        let Some(standing) = standing else { return };
        match standing {
            Standing::Blocked if to => {
                self.blocked.insert(id);
            }
            Standing::Blocked => {
                self.blocked.remove(&id);
            }
            Standing::InLine(place) => {
                let line = if job.spec.command.is_some() {
                    &mut self.commands
                } else {
                    self.others.entry(job.spec.job_type.clone()).or_default()
                };
                if to {
                    line.insert(place);
                } else {
                    line.remove(&place);
                }
                self.others.retain(|_, line| !line.is_empty());
            }
            Standing::Holds => {
                let count = if job.spec.command.is_some() {
                    &mut self.taken.commands
                } else {
                    &mut self.taken.others
                };
                *count = if to {
                    *count + 1
                } else {
                    count.saturating_sub(1)
                };
            }
        }
    }

    fn pending(&self) -> usize {
        self.commands.len()
            + self.others.values().map(BTreeSet::len).sum::<usize>()
            + self.blocked.len()
    }

    fn is_empty(&self) -> bool {
        self.pending() == 0 && self.taken == Taken::default()
    }

    /// The lowest priority in line.
    fn lowest(&self) -> Option<i32> {
        let last = |line: &BTreeSet<Place>| line.last().map(|place| place.priority());
        self.others
            .values()
            .chain([&self.commands])
            .filter_map(last)
            .min()
    }
}

impl Queues {
    pub(super) fn new(settings: Settings) -> Self {
        let environments = settings
            .environments
            .iter()
            .map(|(id, env)| (*id, (Arc::new(env.clone()), 0)))
            .collect();
        let by_value = settings
            .environments
            .iter()
            .map(|(id, env)| (Arc::new(env.0.clone()), *id))
            .collect();
        Self {
            environments: Environments {
                kept: environments,
                by_value,
            },
            settings: Settings {
                environments: BTreeMap::new(),
                ..settings
            },
            ..Self::default()
        }
    }

    fn policy(&self, name: &str) -> Policy {
        let configured = self
            .settings
            .configured
            .get(name)
            .copied()
            .unwrap_or_default();
        let by_hand = self.settings.by_hand.get(name).copied().unwrap_or_default();
        Policy {
            slots: by_hand.slots.or(configured.slots),
            paused: by_hand.paused.unwrap_or(configured.paused),
        }
    }

    /// Whether commands can be run at all.
    pub(super) fn runs_commands(&self) -> bool {
        self.settings.launch.is_some()
    }

    /// How many connections take jobs.
    pub(super) fn workers(&self) -> u64 {
        self.workers.len() as u64
    }

    /// The lowest priority that waits anywhere.
    pub(super) fn lowest(&self) -> Option<i32> {
        self.lines.values().filter_map(Line::lowest).min()
    }

    fn view(&self, name: &Arc<str>) -> QueueView {
        let policy = self.policy(name);
        let empty = Line::default();
        let line = self.lines.get(name).unwrap_or(&empty);
        let places = line.others.values().chain([&line.commands]).flatten();
        let oldest = places
            .map(|place| place.id)
            .chain(line.blocked.iter().copied())
            .min();
        QueueView {
            name: name.clone(),
            slots: policy.slots.unwrap_or(self.settings.default_slots as u32),
            slots_set: policy.slots.is_some(),
            paused: policy.paused,
            running: line.taken.commands + line.taken.others,
            pending: line.pending(),
            oldest_pending_at: oldest.map(JobId::created_at),
        }
    }

    /// A job that was made to do another's work again.
    pub(super) fn follows(&mut self, job: &Job) {
        if let Some(old) = job.spec.retry_of {
            self.again.insert(old, job.id());
        }
    }
}

impl Board {
    /// Brings the job's standing up to date.
    pub(super) fn settle(&mut self, id: JobId) {
        let Some(tracked) = self.jobs.get(&id) else {
            return;
        };
        let job = &tracked.job;
        if job.spec.origin != Origin::Pending {
            return;
        }
        let new = self.stands(job);
        let old = self.queues.standing.get(&id).copied();
        if old == new {
            return;
        }
        if new == Some(Standing::Blocked) {
            for other in self.unfinished_before(job) {
                self.queues.dependents.entry(other).or_default().insert(id);
            }
        }
        let queues = &mut self.queues;
        let line = queues.lines.entry(job.spec.queue.clone()).or_default();
        line.set(job, old, false);
        line.set(job, new, true);
        if line.is_empty() {
            queues.lines.remove(&job.spec.queue);
        }
        match new {
            Some(new) => queues.standing.insert(id, new),
            None => queues.standing.remove(&id),
        };
        if !matches!(new, Some(Standing::InLine(_))) && job.is_final() {
            queues.declined.remove(&id);
            queues.tries.remove(&id);
            queues.assigned.remove(&id);
        }
        queues.stirred = true;
    }

    /// A job leaves the board: nothing of it stays here.
    pub(super) fn leave_queue(&mut self, id: JobId) {
        if let Some(old) = self.queues.standing.remove(&id) {
            self.unset(id, old);
        }
        self.queues.again.remove(&id);
        self.queues.dependents.remove(&id);
    }

    fn stands(&self, job: &Job) -> Option<Standing> {
        let id = job.id();
        match job.state.status {
            Status::Pending if self.queues.assigned.contains_key(&id) => Some(Standing::Holds),
            Status::Pending => match self.turn_of(job) {
                Turn::Ready => Some(Standing::InLine(Place::new(job.state.priority, id))),
                Turn::Waits | Turn::Never(..) => Some(Standing::Blocked),
            },
            Status::Running | Status::Paused => Some(Standing::Holds),
            Status::Completed | Status::Failed | Status::Cancelled => {
                let at_work = job.state.control.is_some() && job.state.start_time.is_some();
                at_work.then_some(Standing::Holds)
            }
        }
    }

    /// Whoever does that job's work now: itself, or the job that does it again.
    fn successor(&self, id: JobId) -> JobId {
        let mut id = id;
        while let Some(next) = self.queues.again.get(&id) {
            id = *next;
        }
        id
    }

    /// Jobs that have left the live set were judged when they ended.
    fn turn_of(&self, job: &Job) -> Turn {
        queue::turn(job.spec.after.iter().filter_map(|other| {
            let other = self.successor(*other);
            let tracked = self.jobs.get(&other)?;
            Some((other, tracked.job.state.status))
        }))
    }

    fn unfinished_before(&self, job: &Job) -> Vec<JobId> {
        let others = job.spec.after.iter().map(|other| self.successor(*other));
        others
            .filter(|other| {
                self.jobs
                    .get(other)
                    .is_some_and(|tracked| !tracked.job.is_final())
            })
            .collect()
    }

    /// That job has ended: those who waited for it come into line, or never will.
    pub(super) fn release_dependents(&mut self, id: JobId, now: Now, outcome: &mut Outcome) {
        let mut ended = vec![id];
        while let Some(id) = ended.pop() {
            for dependent in self.queues.dependents.remove(&id).unwrap_or_default() {
                if self.judge_turn(dependent, now, outcome) {
                    ended.push(dependent);
                }
            }
        }
    }

    /// Settles a job that waits for others. Returns whether it was withdrawn.
    fn judge_turn(&mut self, id: JobId, now: Now, outcome: &mut Outcome) -> bool {
        let Some(tracked) = self.jobs.get(&id) else {
            return false;
        };
        if tracked.job.state.status != Status::Pending {
            return false;
        }
        let Turn::Never(other, status) = self.turn_of(&tracked.job) else {
            if let Some(old) = self.queues.standing.remove(&id) {
                self.unset(id, old);
            }
            self.settle(id);
            return false;
        };
        let why = format!("Not begun: {other}, which it was to come after, was {status}");
        let why = why.replace("was failed", "has failed");
        let withdrawn = self.change(id, outcome, |job| job.withdraw(&why, now));
        if withdrawn.is_ok() {
            self.drop_environment(id, outcome);
            self.write_ended(id, outcome);
        }
        withdrawn.is_ok()
    }

    /// Takes the standing out of its line, so that it is made anew.
    fn unset(&mut self, id: JobId, old: Standing) {
        if let Some(tracked) = self.jobs.get(&id)
            && let Some(line) = self.queues.lines.get_mut(&tracked.job.spec.queue)
        {
            line.set(&tracked.job, Some(old), false);
        }
    }

    /// The first look of a start: what came to its turn, or never will, when nobody was there to see it.
    pub(super) fn begin(&mut self, now: Now, outcome: &mut Outcome) {
        let waiting: Vec<_> = self
            .jobs
            .values()
            .filter(|tracked| tracked.job.state.status == Status::Pending)
            .map(|tracked| tracked.job.id())
            .collect();
        for id in waiting {
            if self.judge_turn(id, now, outcome) {
                self.release_dependents(id, now, outcome);
            }
        }
        let kept = self.queues.environments.kept.iter();
        let unused: Vec<_> = kept
            .filter(|(_, (_, users))| *users == 0)
            .map(|(id, _)| *id)
            .collect();
        for id in unused {
            if let Some((env, _)) = self.queues.environments.kept.remove(&id) {
                self.queues.environments.by_value.remove(&env.0);
            }
            outcome.aside.push(Aside::Forget(id));
        }
        self.queues.stirred = true;
        self.dispatch(now, outcome);
    }

    /// Hands out what can be handed out.
    pub(super) fn dispatch(&mut self, now: Now, outcome: &mut Outcome) {
        if !std::mem::take(&mut self.queues.stirred) || !self.accepting {
            return;
        }
        self.launch(now, outcome);
        let workers: Vec<_> = self.queues.workers.keys().copied().collect();
        for conn in workers {
            self.occupy(conn, now, outcome);
        }
        // What was just assigned stirred the queues once more; there is nothing left to be done about it.
        self.queues.stirred = false;
    }

    /// Starts runners for commands.
    fn launch(&mut self, now: Now, outcome: &mut Outcome) {
        let Some(launch) = self.queues.settings.launch.clone() else {
            return;
        };
        let names: Vec<_> = self.queues.lines.keys().cloned().collect();
        for name in names {
            let policy = self.queues.policy(&name);
            while let Some(line) = self.queues.lines.get(&name)
                && policy.admits_command(line.taken, self.queues.settings.default_slots)
                && let Some(place) = line.commands.first()
            {
                let id = place.id;
                self.assign(id, Assignee::Runner, now);
                outcome.releases.push(Release::Launch(launch.clone(), id));
            }
        }
    }

    /// Gives a worker as much as it takes.
    fn occupy(&mut self, conn: ConnId, now: Now, outcome: &mut Outcome) {
        while let Some(worker) = self.queues.workers.get(&conn)
            && self.occupied(conn) < worker.slots
            && let Some(id) = self.best_for(conn, worker)
            && let Some(job) = self.shared(id)
            && let Some(producer) = self.conns.get(&conn)
        {
            let to = producer.link.control.clone();
            self.assign(id, Assignee::Worker(conn), now);
            outcome
                .releases
                .push(Release::Control(to, ToProducer::Assigned(job)));
        }
    }

    /// How many jobs that worker has: at work, and assigned.
    fn occupied(&self, conn: ConnId) -> usize {
        let at_work = self.conns.get(&conn).map_or(0, |producer| {
            producer
                .jobs
                .iter()
                .filter(|id| self.queues.standing.get(id) == Some(&Standing::Holds))
                .count()
        });
        let assigned = self.queues.assigned.values();
        at_work + assigned.filter(|a| a.to == Assignee::Worker(conn)).count()
    }

    /// The first in line of all that this worker may take.
    fn best_for(&self, conn: ConnId, worker: &Worker) -> Option<JobId> {
        let fits = |place: &&Place| {
            let declined = self.queues.declined.get(&place.id);
            !declined.is_some_and(|who| who.contains(&conn))
                && self.jobs.get(&place.id).is_some_and(|tracked| {
                    worker
                        .who
                        .check_controls(&tracked.job.spec.user, "take")
                        .is_ok()
                })
        };
        let lines = self.queues.lines.iter();
        lines
            .filter(|(name, line)| self.queues.policy(name).admits_other(line.taken))
            .flat_map(|(_, line)| {
                worker
                    .types
                    .iter()
                    .filter_map(|kind| line.others.get(kind)?.iter().find(fits))
            })
            .min()
            .map(|place| place.id)
    }

    fn assign(&mut self, id: JobId, to: Assignee, now: Now) {
        let since = now.mono;
        self.queues.assigned.insert(id, Assignment { to, since });
        self.settle(id);
    }

    /// A connection offers to take jobs.
    pub(super) fn work(&mut self, who: Identity, offer: Work, conn: ConnId) -> Answered {
        if who.role == Role::Viewer {
            return Err(Refusal::new(
                Code::Forbidden,
                "A viewer's credentials can't take jobs",
            ));
        }
        if offer.job_types.len() > MAX_TYPES || offer.slots > MAX_OFFER {
            return Err(Refusal::new(
                Code::Invalid,
                "work: at most 64 jobTypes and 10000 slots",
            ));
        }
        if offer.slots == 0 || offer.job_types.is_empty() {
            self.queues.workers.remove(&conn);
        } else {
            let worker = Worker {
                who,
                types: offer.job_types.into_iter().collect(),
                slots: offer.slots as usize,
            };
            self.queues.workers.insert(conn, worker);
            self.queues.stirred = true;
        }
        Ok(Answer::Done)
    }

    /// A job that was assigned is taken.
    pub(super) fn accept(
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
        who.check_controls(&tracked.job.spec.user, "accept")?;
        if tracked.job.is_final() {
            return Err(Refusal::wrong_state(true, "accepted"));
        }
        let line = tracked.job.spec.command.clone();
        if line.is_some() && !who.may_submit {
            return Err(Refusal::new(
                Code::Forbidden,
                "Only the daemon's own account may run a submitted command, on its Unix socket",
            ));
        }
        let environment = tracked.bond.environment;
        let process = self
            .conns
            .get(&conn)
            .and_then(|producer| producer.link.process);
        if line.is_some() && process.is_some() && tracked.bond.process == process {
            // The answer was lost on its way: the same process asks once more.
            self.bind(id, conn, now);
            return self.accepted(id, environment);
        }
        let meant = match self.queues.assigned.get(&id).map(|assigned| assigned.to) {
            Some(Assignee::Runner) => line.is_some(),
            Some(Assignee::Worker(to)) => to == conn,
            None => false,
        };
        if !meant {
            return Err(Refusal::new(
                Code::InvalidState,
                "This job is not assigned to this connection any more",
            ));
        }
        self.change(id, outcome, |job| job.start(now))?;
        self.queues.assigned.remove(&id);
        self.queues.tries.remove(&id);
        self.settle(id);
        self.bind(id, conn, now);
        self.write(id, outcome);
        self.accepted(id, environment)
    }

    fn accepted(&self, id: JobId, environment: Option<EnvironmentId>) -> Answered {
        let not_found = || Refusal::job_not_found(&id.to_string());
        let job = self.shared(id).ok_or_else(not_found)?;
        let command = job.spec.command.as_ref().map(|line| {
            let env = environment.and_then(|env| self.queues.environments.get(env));
            Box::new(NewCommand {
                line: (**line).clone(),
                env: env.map(|env| (*env).clone()),
            })
        });
        Ok(Answer::Accepted(job, command))
    }

    /// A job that was assigned is given back by a worker, which is not asked again.
    pub(super) fn decline(&mut self, id: JobId, conn: ConnId) -> Answered {
        if self.queues.assigned.get(&id).map(|a| a.to) != Some(Assignee::Worker(conn)) {
            return Err(Refusal::new(
                Code::InvalidState,
                "This job is not assigned to this connection any more",
            ));
        }
        self.queues.declined.entry(id).or_default().push(conn);
        self.queues.assigned.remove(&id);
        self.settle(id);
        self.shared(id)
            .map(Answer::Job)
            .ok_or_else(|| Refusal::job_not_found(&id.to_string()))
    }

    /// A connection is gone: it takes nothing any more, and what it had not accepted goes to others.
    pub(super) fn dismiss(&mut self, conn: ConnId) {
        self.queues.workers.remove(&conn);
        let to = Assignee::Worker(conn);
        let assigned = self.queues.assigned.iter();
        let back: Vec<_> = assigned
            .filter(|(_, a)| a.to == to)
            .map(|(id, _)| *id)
            .collect();
        for id in back {
            self.queues.assigned.remove(&id);
            self.settle(id);
        }
        for who in self.queues.declined.values_mut() {
            who.retain(|other| *other != conn);
        }
    }

    /// Jobs that nobody accepted in time go to others.
    pub(super) fn take_back(&mut self, now: Now, outcome: &mut Outcome) {
        let waited = |a: &Assignment| now.mono.saturating_sub(a.since);
        let late: Vec<_> = self
            .queues
            .assigned
            .iter()
            .filter(|(_, a)| match a.to {
                Assignee::Runner => waited(a) >= RUNNER_MS,
                Assignee::Worker(_) => waited(a) >= WORKER_MS,
            })
            .map(|(id, a)| (*id, a.to))
            .collect();
        for (id, to) in late {
            match to {
                Assignee::Runner => {
                    self.not_run(id, "its runner did not come forward", now, outcome);
                }
                Assignee::Worker(conn) => {
                    self.queues.declined.entry(id).or_default().push(conn);
                    self.queues.assigned.remove(&id);
                    self.settle(id);
                }
            }
        }
    }

    /// A runner's process is gone, or was never there.
    pub(super) fn runner_gone(
        &mut self,
        id: JobId,
        process: Option<Process>,
        why: &str,
        now: Now,
        outcome: &mut Outcome,
    ) {
        if self.queues.assigned.get(&id).map(|a| a.to) == Some(Assignee::Runner) {
            return self.not_run(id, why, now, outcome);
        }
        // Of a runner that had its job, the end of its connection is still to come: what it said last is read first.
        let Some(tracked) = self.jobs.get(&id) else {
            return;
        };
        let its_own = process.is_some() && tracked.bond.process == process;
        if its_own && tracked.conn.is_none() {
            if tracked.job.is_final() {
                self.process_gone(id, now, outcome);
            } else {
                self.lose(id, now, outcome);
            }
        }
    }

    /// No runner took the job: another is started, unless that was tried often enough.
    fn not_run(&mut self, id: JobId, why: &str, now: Now, outcome: &mut Outcome) {
        self.queues.assigned.remove(&id);
        let tries = self.queues.tries.entry(id).or_insert(0);
        *tries += 1;
        if *tries < TRIES {
            return self.settle(id);
        }
        let failure = Failure {
            code: "not_started".into(),
            message: format!("The command was not run: {why}").into(),
            step: None,
            exit_code: None,
            signal: None,
            suggestion: Some("Look at the daemon's log for the reason, then retry the job".into()),
            last_lines: None,
        };
        let failed = self.change(id, outcome, |job| {
            job.start(now)?;
            job.fail(failure, now)
        });
        if failed.is_ok() {
            self.ended(id, now, outcome);
        }
    }

    /// The environment of a new command.
    pub(super) fn keep_environment(
        &mut self,
        env: Option<Environment>,
        random: u128,
        outcome: &mut Outcome,
    ) -> Option<EnvironmentId> {
        let env = env?;
        let (id, is_new) = self.queues.environments.keep(env, random);
        if is_new && let Some(env) = self.queues.environments.get(id) {
            outcome.aside.push(Aside::Environment(id, env));
        }
        Some(id)
    }

    /// One user less, of an environment that has another.
    pub(super) fn release_environment(&mut self, id: EnvironmentId) {
        self.queues.environments.release(id);
    }

    /// The same environment once more.
    pub(super) fn share_environment(&mut self, id: Option<EnvironmentId>) {
        if let Some(id) = id {
            self.queues.environments.share(id);
        }
    }

    /// The job has ended: its environment is not needed any more.
    pub(super) fn drop_environment(&mut self, id: JobId, outcome: &mut Outcome) {
        let Some(tracked) = self.jobs.get_mut(&id) else {
            return;
        };
        if let Some(env) = tracked.bond.environment.take()
            && self.queues.environments.release(env)
        {
            outcome.aside.push(Aside::Forget(env));
        }
    }

    /// All queues that there is something to say of.
    pub(super) fn queues(&self) -> Vec<QueueView> {
        let default: Arc<str> = queue::DEFAULT.into();
        let queues = &self.queues;
        let mut names: BTreeSet<&Arc<str>> = queues.lines.keys().collect();
        names.extend(queues.settings.configured.keys());
        names.extend(queues.settings.by_hand.keys());
        names.insert(&default);
        names.into_iter().map(|name| queues.view(name)).collect()
    }

    /// Sets a queue.
    pub(super) fn set_queue(
        &mut self,
        who: &Identity,
        name: &Arc<str>,
        body: QueueBody,
        outcome: &mut Outcome,
    ) -> Answered {
        if who.role != Role::Admin {
            return Err(Refusal::new(
                Code::Forbidden,
                "Only an admin may set a queue",
            ));
        }
        if !queue::is_name(name) {
            return Err(Refusal::new(
                Code::Invalid,
                "A queue's name is 1 to 64 letters, digits or _.-",
            ));
        }
        if let Some(Some(slots)) = body.slots
            && slots > queue::MAX_SLOTS
        {
            return Err(Refusal::new(Code::Invalid, "slots: 0 to 10000, or null"));
        }
        let by_hand = &mut self.queues.settings.by_hand;
        let set = by_hand.entry(name.clone()).or_default();
        if let Some(slots) = body.slots {
            set.slots = slots;
        }
        if let Some(paused) = body.paused {
            set.paused = Some(paused);
        }
        if *set == ByHand::default() {
            by_hand.remove(name);
        }
        outcome.aside.push(Aside::Queues(by_hand.clone()));
        self.queues.stirred = true;
        Ok(Answer::Queue(self.queues.view(name)))
    }
}
