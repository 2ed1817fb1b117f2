//! The live set as the engine holds it: every job with its producer, and what is to be known to find them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jobtop_core::job::Origin;
use jobtop_core::job::refusal::Refusal;
use jobtop_core::policy::{Limits, Times};
use jobtop_core::{Job, JobId, Now, Status, Timestamp, UserId};

use super::command::{ConnId, Control, Link, ToProducer};
use super::listener::{Event, Listener};
use super::outcome::{Bond, Notice, Outcome, Record, Release, Write};
use super::queues::{self, Queues};
use super::{LOOK, TRIM};
use crate::metrics::jobs::Standing;

/// What the engine is told to keep to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// What is too much.
    pub limits: Limits,
    /// How long things are kept and waited for.
    pub times: Times,
}

/// The live set.
#[derive(Debug)]
pub struct Board {
    pub(super) settings: Settings,
    pub(super) jobs: HashMap<JobId, Tracked>,
    /// Jobs that ended, oldest ending first.
    pub(super) ended: BTreeSet<(Timestamp, JobId)>,
    /// Idempotency keys of the live set.
    pub(super) keys: HashMap<(UserId, Arc<str>), JobId>,
    pub(super) conns: HashMap<ConnId, Producer>,
    /// Jobs whose progress is not written yet.
    ticks: Vec<JobId>,
    pub(super) unfinished: usize,
    /// By owner, those who have some.
    pub(super) unfinished_of: HashMap<UserId, usize>,
    pub(super) pending: usize,
    /// How many jobs stand how, as it is shown to whoever watches over the daemon.
    by_status: [u64; Status::ALL.len()],
    stalled: u64,
    revision: u64,
    newest: JobId,
    /// Whether there is room for new jobs.
    pub(super) accepting: bool,
    /// Whether the daemon is going down: it ends connections itself then.
    ending: bool,
    pub(super) queues: Queues,
    /// Who is told what becomes of jobs.
    listener: Option<Arc<dyn Listener>>,
}

/// A job and what is known of its producer.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) job: Job,
    pub(super) bond: Bond,
    /// The connection that produces it, while there is one.
    pub(super) conn: Option<ConnId>,
    /// Monotonic milliseconds of the last sign of life.
    pub(super) heard: u64,
    /// Monotonic milliseconds since when the time until it counts as lost runs.
    pub(super) waiting_since: u64,
    changed: bool,
    /// When the message came that changed it first since it was shown.
    came: Option<Instant>,
    ticking: bool,
}

/// A connection that produces jobs.
#[derive(Debug)]
pub(super) struct Producer {
    pub(super) link: Link,
    pub(super) jobs: HashSet<JobId>,
}

impl Board {
    /// The board with what the store kept. Jobs whose producer was a connection are stalled until it comes back, and
    /// the time until they count as lost begins anew.
    #[must_use]
    pub fn load(
        settings: Settings,
        queues: queues::Settings,
        mut records: Vec<Record>,
        now: Now,
    ) -> Self {
        records.sort_by_key(|record| record.job.state.revision);
        let mut board = Self {
            settings,
            jobs: HashMap::with_capacity(records.len()),
            ended: BTreeSet::new(),
            keys: HashMap::new(),
            conns: HashMap::new(),
            ticks: Vec::new(),
            unfinished: 0,
            unfinished_of: HashMap::new(),
            pending: 0,
            by_status: [0; Status::ALL.len()],
            stalled: 0,
            revision: 0,
            newest: JobId(0),
            accepting: true,
            ending: false,
            queues: Queues::new(queues),
            listener: None,
        };
        for record in records {
            let mut job = Arc::unwrap_or_clone(record.job);
            if record.bond.connected {
                job.stall(now);
            }
            board.insert(job, record.bond, now);
        }
        board
    }

    /// From now on that one is told what becomes of jobs.
    pub fn tell(&mut self, listener: Arc<dyn Listener>) {
        self.listener = Some(listener);
    }

    /// Every job of the board as a notice, in the order of their revisions: what the feed starts with.
    #[must_use]
    pub fn opening(&self) -> Vec<Notice> {
        let mut jobs: Vec<_> = self
            .jobs
            .values()
            .map(|tracked| Arc::new(tracked.job.clone()))
            .collect();
        jobs.sort_by_key(|job| job.state.revision);
        jobs.into_iter()
            .map(|job| Notice::Job { job, came: None })
            .collect()
    }

    /// Whether there is room for new jobs.
    pub(super) fn set_accepting(&mut self, accepting: bool) {
        self.accepting = accepting;
    }

    /// Whether the daemon is going down.
    pub(super) fn set_ending(&mut self, ending: bool) {
        self.ending = ending;
    }

    /// How long until [`Board::due`] should be asked; `None` if nothing can become due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        if self.unfinished > 0 || !self.ticks.is_empty() {
            Some(LOOK)
        } else if !self.ended.is_empty() {
            Some(TRIM)
        } else {
            None
        }
    }

    /// The id of a new job: greater than every one that was given before, so that jobs made within one millisecond, or
    /// after the clock was set back, still sort in the order of their making.
    pub(super) fn fresh_id(&self, now: Now, random: u128) -> JobId {
        let id = JobId::new(now.wall, random);
        if id > self.newest {
            id
        } else {
            JobId(self.newest.0 + 1)
        }
    }

    /// Puts a new or a loaded job on the board and gives it a revision.
    pub(super) fn insert(&mut self, mut job: Job, bond: Bond, now: Now) -> JobId {
        let id = job.id();
        self.revision += 1;
        self.newest = self.newest.max(id);
        job.state.revision = self.revision;
        if let Some(idempotency) = &job.spec.idempotency {
            self.keys
                .insert((job.spec.user.clone(), idempotency.key.clone()), id);
        }
        let ended = job.state.finished_at.map(|at| (at, id));
        self.count(None, job.state.status, ended);
        self.stalled += u64::from(job.state.stalled_since.is_some());
        if !job.state.status.is_final() {
            *self.unfinished_of.entry(job.spec.user.clone()).or_default() += 1;
        }
        self.queues.follows(&job);
        self.share_environment(bond.environment);
        self.jobs.insert(
            id,
            Tracked {
                job,
                bond,
                conn: None,
                heard: now.mono,
                waiting_since: now.mono,
                changed: false,
                came: None,
                ticking: false,
            },
        );
        self.settle(id);
        id
    }

    /// Takes a job off the board and says so.
    pub(super) fn remove(&mut self, id: JobId, outcome: &mut Outcome) {
        self.leave_queue(id);
        let Some(tracked) = self.jobs.remove(&id) else {
            return;
        };
        let state = &tracked.job.state;
        self.by_status[state.status as usize] -= 1;
        self.stalled -= u64::from(state.stalled_since.is_some());
        let spec = &tracked.job.spec;
        if let Some(idempotency) = &spec.idempotency {
            self.keys
                .remove(&(spec.user.clone(), idempotency.key.clone()));
        }
        if let Some(finished) = tracked.job.state.finished_at {
            self.ended.remove(&(finished, id));
        }
        if let Some(producer) = tracked.conn.and_then(|conn| self.conns.get_mut(&conn)) {
            producer.jobs.remove(&id);
        }
        self.revision += 1;
        outcome.removed.push(Notice::Removed {
            id,
            owner: spec.user.clone(),
            revision: self.revision,
        });
    }

    /// Changes a job by `change`. On success it has a new revision and will be shown; on refusal it is as it was.
    pub(super) fn change(
        &mut self,
        id: JobId,
        outcome: &mut Outcome,
        change: impl FnOnce(&mut Job) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let Some(tracked) = self.jobs.get_mut(&id) else {
            return Err(Refusal::job_not_found(&id.to_string()));
        };
        let (before, priority) = (tracked.job.state.status, tracked.job.state.priority);
        let asked = tracked.job.state.control.is_some();
        let stalled = tracked.job.state.stalled_since.is_some();
        change(&mut tracked.job)?;
        self.revision += 1;
        tracked.job.state.revision = self.revision;
        self.stalled -= u64::from(stalled);
        self.stalled += u64::from(tracked.job.state.stalled_since.is_some());
        tracked.show(id, outcome);
        if before != tracked.job.state.status {
            tracked.tally(before, outcome);
            let (after, finished) = (tracked.job.state.status, tracked.job.state.finished_at);
            if after.is_final()
                && let Some(count) = self.unfinished_of.get_mut(&tracked.job.spec.user)
            {
                *count -= 1;
                if *count == 0 {
                    self.unfinished_of.remove(&tracked.job.spec.user);
                }
            }
            self.count(Some(before), after, finished.map(|at| (at, id)));
            self.settle(id);
        } else if (priority, asked)
            != (
                tracked.job.state.priority,
                tracked.job.state.control.is_some(),
            )
        {
            self.settle(id);
        }
        Ok(())
    }

    fn count(&mut self, before: Option<Status>, after: Status, ended: Option<(Timestamp, JobId)>) {
        let counts = |status: Status| {
            (
                usize::from(!status.is_final()),
                usize::from(status == Status::Pending),
            )
        };
        if let Some(before) = before {
            self.by_status[before as usize] -= 1;
        }
        self.by_status[after as usize] += 1;
        let (unfinished, pending) = before.map_or((0, 0), counts);
        self.unfinished -= unfinished;
        self.pending -= pending;
        let (unfinished, pending) = counts(after);
        self.unfinished += unfinished;
        self.pending += pending;
        self.ended.extend(ended);
    }

    /// Progress of this job is to be written, with the next round of ticks.
    pub(super) fn tick(&mut self, id: JobId) {
        if let Some(tracked) = self.jobs.get_mut(&id).filter(|tracked| !tracked.ticking) {
            tracked.ticking = true;
            self.ticks.push(id);
        }
    }

    /// Writes the newest progress of every job that has some: at most once a second and job.
    pub(super) fn tick_all(&mut self, outcome: &mut Outcome) {
        for id in std::mem::take(&mut self.ticks) {
            if let Some(tracked) = self.jobs.get_mut(&id)
                && std::mem::take(&mut tracked.ticking)
            {
                outcome.writes.push(Write::Tick(tracked.record()));
            }
        }
    }

    /// The whole job is to be written now; answers that are pushed after this wait for it.
    pub(super) fn write(&mut self, id: JobId, outcome: &mut Outcome) {
        if let Some(tracked) = self.jobs.get_mut(&id) {
            // The whole record says what the tick would have said.
            tracked.ticking = false;
            outcome.writes.push(Write::Job(tracked.record()));
        }
    }

    /// The job has ended: it is to be written now and moved into the archive.
    pub(super) fn write_ended(&mut self, id: JobId, outcome: &mut Outcome) {
        if let Some(tracked) = self.jobs.get_mut(&id) {
            tracked.ticking = false;
            outcome.writes.push(Write::Ended(tracked.record()));
        }
    }

    /// Tells whoever listens that the job has ended, or else that it has stalled; after the flush.
    pub(super) fn tell_of(&self, id: JobId, outcome: &mut Outcome) {
        let listener = self.listener.as_ref().filter(|one| one.listens());
        let (Some(listener), Some(job)) = (listener, self.shared(id)) else {
            return;
        };
        // A producer whose connection we end ourselves is not to blame.
        let stalled = job.state.stalled_since.is_some() && !self.ending;
        let event = Event::of_end(Arc::clone(&job)).or(stalled.then_some(Event::Stalled(job)));
        if let Some(event) = event {
            outcome
                .releases
                .push(Release::Tell(Arc::clone(listener), event));
        }
    }

    /// Tells the producer what is asked of it, after the flush.
    pub(super) fn send_control(&self, id: JobId, outcome: &mut Outcome) {
        let Some(tracked) = self.jobs.get(&id) else {
            return;
        };
        let producer = tracked.conn.and_then(|conn| self.conns.get(&conn));
        if let (Some(request), Some(producer)) = (tracked.job.state.control, producer) {
            outcome.releases.push(Release::Control(
                producer.link.control.clone(),
                ToProducer::Control(Control {
                    job: id,
                    action: request.action,
                    requested_at: request.requested_at,
                }),
            ));
        }
    }

    /// Binds a job to a connection; a former one has it no more.
    pub(super) fn bind(&mut self, id: JobId, conn: ConnId, now: Now) {
        let Some(tracked) = self.jobs.get_mut(&id) else {
            return;
        };
        let Some(process) = self.conns.get(&conn).map(|producer| producer.link.process) else {
            return;
        };
        let former = tracked.conn.replace(conn);
        tracked.bond = Bond {
            connected: true,
            process,
            ..tracked.bond
        };
        tracked.heard = now.mono;
        if let Some(former) = former
            .filter(|former| *former != conn)
            .and_then(|c| self.conns.get_mut(&c))
        {
            former.jobs.remove(&id);
        }
        if let Some(producer) = self.conns.get_mut(&conn) {
            producer.jobs.insert(id);
        }
    }

    /// What the feed is to show of this batch, in the order of revisions.
    pub(super) fn notices(&mut self, outcome: &mut Outcome) -> Vec<Notice> {
        let mut notices = std::mem::take(&mut outcome.removed);
        for id in outcome.changed.drain(..) {
            // A job that changed and then left the live set in one batch is only shown as gone.
            if let Some(tracked) = self.jobs.get_mut(&id) {
                tracked.changed = false;
                notices.push(Notice::Job {
                    job: Arc::new(tracked.job.clone()),
                    came: tracked.came.take(),
                });
            }
        }
        notices.sort_by_key(|notice| match notice {
            Notice::Job { job, .. } => job.state.revision,
            Notice::Removed { revision, .. } => *revision,
        });
        notices
    }

    /// The job as it is now, to be answered with.
    pub(super) fn shared(&self, id: JobId) -> Option<Arc<Job>> {
        self.jobs
            .get(&id)
            .map(|tracked| Arc::new(tracked.job.clone()))
    }

    /// Says of a job that was just put on the board that it is new.
    pub(super) fn announce(&mut self, id: JobId, outcome: &mut Outcome) {
        if let Some(tracked) = self.jobs.get_mut(&id) {
            outcome
                .tally
                .created
                .push(tracked.job.spec.job_type.clone());
            tracked.show(id, outcome);
        }
    }

    /// How it stands, in numbers.
    pub(super) fn standing(&self) -> Standing {
        Standing {
            jobs: self.by_status,
            stalled: self.stalled,
            producers: self.conns.len() as u64,
            workers: self.queues.workers(),
        }
    }
}

impl Tracked {
    /// It is to be shown, with whatever else changes of it until then.
    fn show(&mut self, id: JobId, outcome: &mut Outcome) {
        if self.changed {
            outcome.tally.merged += 1;
        } else {
            self.changed = true;
            self.came = outcome.came;
            outcome.changed.push(id);
        }
    }

    /// Counts that it stood otherwise.
    fn tally(&self, before: Status, outcome: &mut Outcome) {
        let (spec, state) = (&self.job.spec, &self.job.state);
        if state.status.is_final() {
            let ended = (spec.job_type.clone(), state.status);
            outcome.tally.ended.push(ended);
        } else if before == Status::Pending
            && spec.origin == Origin::Pending
            && let Some(begun) = state.start_time
        {
            outcome.tally.waited.push(begun.ms_since(spec.created_at));
        }
    }

    fn record(&self) -> Record {
        Record {
            job: Arc::new(self.job.clone()),
            bond: self.bond,
        }
    }
}
