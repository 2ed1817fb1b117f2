//! The one task that owns what hooks have yet to be told: it takes what happens, asks which hooks want it, begins attempts when it is
//! their turn, and hears what came of them.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::hook::{HookTested, HookView};
use jobtop_core::proto::view::View;
use jobtop_core::query::nearest;
use jobtop_core::{Job, JobId, Now, Timestamp, text};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::attempt::{attempt, lines};
use super::payload::{Delivery, Speaker, Subject, sample};
use super::queue::{Queue, Settled, Verdict};
use super::spool::{self, Ends, Spool, Writer};
use super::webhook;
use super::{Ailing, OCCURRENCES, Occurrence, REQUESTS, Request, Shared, Teller};
use crate::clock::{Clock, random_bits};
use crate::config::{Hook, Occasion, Way};
use crate::engine::listener::Event;

/// The hooks of a configuration.
pub(crate) type Hooks = BTreeMap<Arc<str>, Arc<Hook>>;

/// So much is taken at once of what has happened.
const BATCH: usize = 64;
/// So many tests go on at once.
const TESTS: usize = 8;
/// A test is answered within this time: whoever asks does not wait longer.
const TEST: Duration = Duration::from_secs(25);
/// At the end of the daemon attempts may take so long; what is cut off is done again after the next start.
const FAREWELL: Duration = Duration::from_millis(700);
/// So long the file may take then.
const LAST_WRITE: Duration = Duration::from_millis(500);
/// The task.
#[derive(Debug)]
pub(crate) struct Room {
    places: BTreeMap<Arc<str>, Place>,
    occurrences: mpsc::Receiver<Occurrence>,
    requests: mpsc::Receiver<Request>,
    shared: Arc<Shared>,
    speaker: Speaker,
    clock: Clock,
    data: PathBuf,
    ends: Ends,
    spool: Spool,
    writer: Option<Writer>,
    attempts: JoinSet<(Arc<Delivery>, Verdict)>,
    tests: JoinSet<Test>,
}

/// A test that has ended: of what, what came of it, and who asked.
type Test = (
    Arc<Hook>,
    HookTested,
    oneshot::Sender<Result<HookTested, Refusal>>,
);

/// A hook, and what it has yet to be told.
#[derive(Debug)]
struct Place {
    hook: Arc<Hook>,
    queue: Queue,
}

/// Reads what hooks have yet to be told, and adds those of the jobs that have ended without anybody having looked at it.
pub(crate) fn open<'a>(
    data: &Path,
    hooks: &Hooks,
    (speaker, clock): (Speaker, Clock),
    jobs: impl Iterator<Item = &'a Arc<Job>>,
) -> (Teller, Room) {
    let (tell, occurrences) = mpsc::channel(OCCURRENCES);
    let (ask, requests) = mpsc::channel(REQUESTS);
    let shared = Arc::<Shared>::default();
    let found = spool::read(data);
    let (spool, writer) = spool::spool(data);
    let mut room = Room {
        places: BTreeMap::new(),
        occurrences,
        requests,
        shared: Arc::clone(&shared),
        speaker,
        clock,
        data: data.to_owned(),
        ends: found.ends.unwrap_or_else(|| Ends::from(clock.now().wall)),
        spool,
        writer: Some(writer),
        attempts: JoinSet::new(),
        tests: JoinSet::new(),
    };
    room.install(hooks);
    let mut orphans = 0_u32;
    for delivery in found.waiting {
        match room.places.get_mut(&delivery.hook) {
            Some(place) => drop(place.queue.push(delivery)),
            None => orphans += 1,
        }
    }
    if orphans > 0 {
        tracing::warn!(
            orphans,
            "hooks that are not configured any more are not told what they had yet to be told"
        );
    }
    if !room.places.is_empty() {
        let mut missed: Vec<_> = jobs
            .filter(|job| {
                let ended = job.state.finished_at;
                ended.is_some_and(|at| !room.ends.knows(job.id(), at))
            })
            .cloned()
            .collect();
        missed.sort_by_key(|job| (job.state.finished_at, job.id()));
        for event in missed.into_iter().filter_map(Event::of_end) {
            room.job_ended(&event);
        }
    }
    let teller = Teller {
        occurrences: tell,
        requests: ask,
        shared,
    };
    (teller, room)
}

impl Room {
    /// Serves until `ending` turns true. `hooks` are the newest of the configuration, `lookup` knows jobs.
    pub(crate) async fn run(
        mut self,
        mut hooks: watch::Receiver<Hooks>,
        lookup: impl Fn(JobId) -> Option<Arc<Job>> + Send,
        mut ending: watch::Receiver<bool>,
    ) {
        let Some(writer) = self.writer.take() else {
            return;
        };
        let writing = tokio::task::spawn_blocking(move || writer.run());
        let mut happened = Vec::with_capacity(BATCH);
        hooks.mark_unchanged();
        loop {
            let now = self.clock.now();
            self.keep(now.mono);
            self.begin(now.mono);
            let due = self.due(now.mono);
            let wake = async {
                match due {
                    Some(at) => {
                        let pause = Duration::from_millis(at.saturating_sub(now.mono));
                        sleep_until(Instant::now() + pause).await;
                    }
                    None => std::future::pending().await,
                }
            };
            // All arms are cancel-safe: nothing is taken unless its arm is chosen.
            tokio::select! {
                taken = self.occurrences.recv_many(&mut happened, BATCH) => {
                    if taken == 0 {
                        break;
                    }
                    for occurrence in happened.drain(..) {
                        self.take(&occurrence, &lookup);
                    }
                }
                Some(ended) = self.attempts.join_next() => {
                    if let Ok((delivery, verdict)) = ended {
                        self.settle(&delivery, verdict);
                    }
                }
                Some(request) = self.requests.recv() => self.answer(request),
                Some(ended) = self.tests.join_next() => {
                    if let Ok(test) = ended {
                        self.tested(test);
                    }
                }
                Ok(()) = hooks.changed() => {
                    let new = hooks.borrow_and_update().clone();
                    if self.places.is_empty() {
                        // Nobody looked at what ended before.
                        self.ends = Ends::from(self.clock.now().wall);
                    }
                    self.install(&new);
                }
                () = ended(&mut ending) => break,
                () = wake => {}
            }
        }
        self.end(&lookup).await;
        drop(self);
        if timeout(LAST_WRITE, writing).await.is_err() {
            tracing::warn!("the disk did not take in time what hooks have yet to be told");
        }
    }

    /// Takes what is there still, and lets attempts end that end soon.
    async fn end(&mut self, lookup: &impl Fn(JobId) -> Option<Arc<Job>>) {
        while let Ok(occurrence) = self.occurrences.try_recv() {
            self.take(&occurrence, lookup);
        }
        self.requests.close();
        let last = Instant::now() + FAREWELL;
        while let Ok(Some(ended)) = timeout_at(last, self.attempts.join_next()).await {
            if let Ok((delivery, verdict)) = ended {
                self.settle(&delivery, verdict);
            }
        }
        // Commands are ended with that, whole.
        self.attempts.shutdown().await;
        self.tests.shutdown().await;
        self.keep(self.clock.now().mono);
    }

    /// Those are the hooks from now on. What others had yet to be told is not told.
    fn install(&mut self, hooks: &Hooks) {
        self.places.retain(|name, place| {
            let stays = hooks.contains_key(name);
            let waiting = place.queue.waiting().count();
            if !stays && waiting > 0 {
                tracing::warn!(hook = %name, waiting, "this hook is configured no more, and is not told what it had yet to be told");
            }
            stays
        });
        for (name, hook) in hooks {
            let is_new = self
                .places
                .get(name)
                .is_none_or(|place| place.hook != *hook);
            if is_new && let Way::Command(words) = &hook.way {
                warn_of_program(name, words);
            }
            let place = self
                .places
                .entry(Arc::clone(name))
                .or_insert_with(|| Place {
                    hook: Arc::clone(hook),
                    queue: Queue::default(),
                });
            place.hook = Arc::clone(hook);
            if is_new {
                // What failed was the one before.
                place.queue.forgive();
            }
        }
        self.shared
            .listens
            .store(!self.places.is_empty(), Ordering::Relaxed);
        self.tell_ailing();
        if self.places.is_empty() {
            spool::forget(&self.data);
            self.spool.tear();
        }
    }

    /// Looks at something that has happened.
    fn take(&mut self, occurrence: &Occurrence, lookup: &impl Fn(JobId) -> Option<Arc<Job>>) {
        match occurrence {
            Occurrence::Finished(job) => self.job_ended(&Event::Finished(Arc::clone(job))),
            Occurrence::Failed(job) => self.job_ended(&Event::Failed(Arc::clone(job))),
            Occurrence::Stalled(job) => {
                let now = self.clock.now();
                let at = job.state.stalled_since.unwrap_or(now.wall);
                let made = self.of_job(Occasion::Stalled, job, at, now);
                self.put(None, made);
            }
            Occurrence::Alert(alert) => self.alert(alert, lookup),
        }
    }

    fn job_ended(&mut self, event: &Event) {
        let (occasion, job) = match event {
            Event::Finished(job) => (Occasion::Finished, job),
            Event::Failed(job) => (Occasion::Failed, job),
            Event::Stalled(_) => return,
        };
        let now = self.clock.now();
        let at = job.state.finished_at.unwrap_or(now.wall);
        let made = self.of_job(occasion, job, at, now);
        self.ends.add(job.id(), at);
        self.put(Some((job.id(), at)), made);
    }

    fn of_job(&self, occasion: Occasion, job: &Job, at: Timestamp, now: Now) -> Vec<Arc<Delivery>> {
        if !self.is_wanted(occasion) {
            return Vec::new();
        }
        let view = job.view(now.mono);
        let fits = |hook: &Hook| hook.filter.matches(&view, now.wall);
        let subject = Subject::Job(&view);
        let about = job.id().to_string();
        self.made(occasion, (at, now), (&about, subject), fits)
    }

    fn alert(&mut self, alert: &Value, lookup: &impl Fn(JobId) -> Option<Arc<Job>>) {
        let now = self.clock.now();
        let ids = alert["jobs"].as_array().into_iter().flatten();
        let ids = ids.filter_map(|id| id.as_str()?.parse::<JobId>().ok());
        let views: Vec<View> = ids
            .filter_map(lookup)
            .map(|job| job.view(now.mono))
            .collect();
        // What says no job, or only such as nobody knows any more, is told rather than lost.
        let fits = |hook: &Hook| {
            let mut views_that_fit = views
                .iter()
                .filter(|view| hook.filter.matches(view, now.wall));
            views.is_empty() || views_that_fit.next().is_some()
        };
        let about = alert["id"].as_str().unwrap_or("alert");
        let subject = (about, Subject::Alert(alert));
        let made = self.made(Occasion::Alert, (now.wall, now), subject, fits);
        self.put(None, made);
    }

    fn is_wanted(&self, occasion: Occasion) -> bool {
        let mut places = self.places.values();
        places.any(|place| place.hook.on.contains(&occasion))
    }

    /// A delivery for each hook that wants it.
    fn made(
        &self,
        occasion: Occasion,
        (at, now): (Timestamp, Now),
        (about, subject): (&str, Subject<'_>),
        fits: impl Fn(&Hook) -> bool,
    ) -> Vec<Arc<Delivery>> {
        let hooks = self.places.values().map(|place| &place.hook);
        let wanting = hooks.filter(|hook| hook.on.contains(&occasion) && fits(hook));
        let mut body = None;
        wanting
            .map(|hook| {
                let body =
                    body.get_or_insert_with(|| self.speaker.says(occasion.word(), at, subject));
                Arc::new(Delivery {
                    id: fresh_id(now),
                    hook: Arc::clone(&hook.name),
                    event: occasion.word().into(),
                    about: about.into(),
                    at,
                    body: body.clone(),
                })
            })
            .collect()
    }

    /// Puts deliveries where they wait.
    fn put(&mut self, ended: Option<(JobId, Timestamp)>, made: Vec<Arc<Delivery>>) {
        self.spool.keep(ended, &made);
        for delivery in made {
            let Some(place) = self.places.get_mut(&delivery.hook) else {
                continue;
            };
            let hook = Arc::clone(&delivery.hook);
            let before = place.queue.dropped();
            for out in place.queue.push(delivery) {
                self.spool.over(&out.id);
            }
            let dropped = place.queue.dropped();
            if dropped > before && before.leading_zeros() != dropped.leading_zeros() {
                tracing::warn!(%hook, dropped, "more happens than this hook takes: the oldest is not told");
            }
        }
    }

    /// Begins the attempts whose turn it is.
    fn begin(&mut self, now: u64) {
        for place in self.places.values_mut() {
            while let Some(delivery) = place.queue.next(now) {
                let hook = Arc::clone(&place.hook);
                self.attempts.spawn(async move {
                    let limit = hook.timeout;
                    let tried = attempt(&hook, &delivery, limit).await;
                    (delivery, tried.verdict)
                });
            }
        }
    }

    fn due(&self, now: u64) -> Option<u64> {
        let places = self.places.values();
        let queues = places.filter_map(|place| place.queue.due(now));
        let spool = self.spool.due().filter(|_| !self.places.is_empty());
        queues.chain(spool).min()
    }

    /// An attempt has ended.
    fn settle(&mut self, delivery: &Delivery, verdict: Verdict) {
        let Some(place) = self.places.get_mut(&delivery.hook) else {
            return;
        };
        let was_ailing = place.queue.ails().is_some();
        let why = match &verdict {
            Verdict::Told => None,
            Verdict::Later(why, _) | Verdict::Never(why) => Some(why.clone()),
        };
        let now = self.clock.now();
        let settled = place
            .queue
            .settle(&delivery.id, verdict, now, random_bits() as u64);
        if settled != Settled::Again {
            self.spool.over(&delivery.id);
        }
        let (hook, event, about) = (&delivery.hook, &delivery.event, &delivery.about);
        match why {
            None if was_ailing => tracing::info!(%hook, "this hook is told again"),
            None => tracing::debug!(%hook, %event, about = %text::clean(about), "told"),
            // A crowd of failures makes no crowd of lines.
            Some(why) if place.queue.failures().is_power_of_two() => {
                let then = match settled {
                    Settled::Over => "it is not tried again",
                    Settled::Again => "it is tried again",
                    Settled::GivenUp => "it was tried for a day and is given up",
                };
                let failures = place.queue.failures();
                let about = text::clean_within(about, 80);
                tracing::warn!(%hook, %event, %about, failures, "not told: {why}; {then}");
            }
            Some(why) => tracing::debug!(%hook, %event, "not told: {why}"),
        }
        self.tell_ailing();
    }

    fn tell_ailing(&self) {
        let ails = |(name, place): (&Arc<str>, &Place)| {
            let (since, why) = place.queue.ails()?;
            Some(Ailing {
                name: Arc::clone(name),
                since,
                why: why.to_owned(),
            })
        };
        let ailing = self.places.iter().filter_map(ails).collect();
        *self
            .shared
            .ailing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = ailing;
    }

    /// Writes the file anew where that is needed.
    fn keep(&mut self, now: u64) {
        if !self.places.is_empty() && self.spool.wants_rewrite(now) {
            let waiting = self.places.values().flat_map(|place| place.queue.waiting());
            self.spool.rewrite(&self.ends, waiting, now);
        }
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::List(reply) => {
                let _ = reply.send(self.places.values().map(Place::view).collect());
            }
            Request::Test(name, reply) => self.test(&name, reply),
        }
    }

    fn test(&mut self, name: &str, reply: oneshot::Sender<Result<HookTested, Refusal>>) {
        let Some(place) = self.places.get(name) else {
            let shown = text::clean_within(name, 60);
            let names = self.places.keys().map(|name| &**name);
            let more = match nearest(name, names.clone()) {
                Some(right) => format!("; did you mean {right}?"),
                None if self.places.is_empty() => "; none is configured".to_owned(),
                None => format!("; there are {}", names.collect::<Vec<_>>().join(", ")),
            };
            let detail = format!("There is no hook {shown}{more}");
            let _ = reply.send(Err(Refusal::new(Code::NotFound, detail)));
            return;
        };
        if self.tests.len() >= TESTS {
            let detail = "Too many hooks are being tested; try again when these have ended";
            let _ = reply.send(Err(Refusal::new(Code::RateLimited, detail)));
            return;
        }
        let hook = Arc::clone(&place.hook);
        let now = self.clock.now();
        let sample = sample(now, random_bits());
        let subject = sample
            .as_ref()
            .map_or(Subject::Alert(&Value::Null), Subject::Job);
        let delivery = Delivery {
            id: fresh_id(now),
            hook: Arc::clone(&hook.name),
            event: "test".into(),
            about: "test".into(),
            at: now.wall,
            body: self.speaker.says("test", now.wall, subject),
        };
        let clock = self.clock;
        self.tests.spawn(async move {
            let tried = attempt(&hook, &delivery, hook.timeout.min(TEST)).await;
            let failure = match tried.verdict {
                Verdict::Told => None,
                Verdict::Later(why, _) | Verdict::Never(why) => Some(why),
            };
            let tested = HookTested {
                ok: failure.is_none(),
                failure,
                exit_code: tried.exit_code,
                status: tried.status,
                output: lines(&tried.said).collect::<Vec<_>>().join("\n"),
                milliseconds: clock.now().mono.saturating_sub(now.mono),
            };
            (hook, tested, reply)
        });
    }

    /// A hook that takes a sample is well, unless it is another one meanwhile.
    fn tested(&mut self, (hook, tested, reply): Test) {
        if tested.ok
            && let Some(place) = self.places.get_mut(&hook.name)
            && place.hook == hook
        {
            place.queue.forgive();
            self.tell_ailing();
        }
        let _ = reply.send(Ok(tested));
    }
}

impl Place {
    fn view(&self) -> HookView {
        let ails = self.queue.ails();
        HookView {
            name: self.hook.name.to_string(),
            on: self.hook.on.iter().map(|on| on.word().to_owned()).collect(),
            filter: self.hook.filter.to_string(),
            to: match &self.hook.way {
                Way::Command(words) => words.first().cloned().unwrap_or_default(),
                Way::Webhook(uri, _) => webhook::shown(uri),
            },
            waiting: self.queue.waiting().count() as u64,
            dropped: self.queue.dropped(),
            failing_since: ails.map(|(since, _)| since),
            failure: ails.map(|(_, why)| why.to_owned()),
        }
    }
}

fn warn_of_program(name: &str, words: &[String]) {
    let program = words.first().map_or("", String::as_str);
    let why = match std::fs::metadata(program) {
        Ok(found) if !found.is_file() => "is no file",
        Ok(found) if found.permissions().mode() & 0o111 == 0 => "can't be executed",
        Ok(_) => return,
        Err(_) => "is not there",
    };
    tracing::warn!(hook = %name, "{} {why}: it is tried again and again until it is", text::clean_within(program, 200));
}

/// Unique, and later ones sort behind.
fn fresh_id(now: Now) -> Box<str> {
    let id = JobId::new(now.wall, random_bits()).to_string();
    id.replacen("job_", "hook_", 1).into()
}

/// Ends when it turns true. (`wait_for` gives a lock's guard, which is not to be held across an await.)
async fn ended(ending: &mut watch::Receiver<bool>) {
    while !*ending.borrow_and_update() && ending.changed().await.is_ok() {}
}
