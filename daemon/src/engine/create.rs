//! New jobs: what is asked, checked and made into a job. Nothing is on the board until everything was found good.

use std::sync::Arc;

use jobtop_core::access::{Identity, Role};
use jobtop_core::job::control::Capabilities;
use jobtop_core::job::laps::Laps;
use jobtop_core::job::progress::{check_steps, kept};
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::job::stopwatch::Stopwatch;
use jobtop_core::job::{Counts, Idempotency, Origin, Spec, State, kind};
use jobtop_core::policy::Limits;
use jobtop_core::proto::body::NewJob;
use jobtop_core::{Job, JobId, Now, Status, UserId};
use jobtop_core::{queue, text};

/// Most tags of a job.
const MAX_TAGS: usize = 32;
/// Longest tag or queue name, in characters.
const WORD_CHARS: usize = 64;
/// Longest idempotency key, in bytes.
const KEY_BYTES: usize = 200;
/// Most jobs to come after, and most times that a job is tried again.
const MAX_AFTER: usize = 64;
const MAX_RETRIES: u32 = 100;
/// Rarest heartbeat that is believed: a day.
const LONGEST_HEARTBEAT: f64 = 86_400.0;

/// Whose job it will be: the identity's own, or the one named, if the identity may.
pub(super) fn owner(who: &Identity, named: Option<&UserId>) -> Result<UserId, Refusal> {
    let owner = named.unwrap_or(&who.user);
    match who.role {
        Role::Viewer => Err(Refusal::new(
            Code::Forbidden,
            "A viewer's credentials can't create jobs",
        )),
        Role::User if *owner != who.user => Err(Refusal::new(
            Code::Forbidden,
            "Only an admin may create a job in another user's name",
        )),
        Role::User | Role::Admin => Ok(owner.clone()),
    }
}

/// Makes the job, or says which field is wrong. `digest` is of all that was asked, where there is a key.
pub(crate) fn build(
    id: JobId,
    user: UserId,
    new: NewJob,
    digest: Option<u64>,
    (limits, now): (&Limits, Now),
) -> Result<Job, Refusal> {
    let invalid = |detail: &'static str| Refusal::new(Code::Invalid, detail);
    let is_command = new.command.is_some();
    if let Some(command) = &new.command {
        command.check()?;
    }
    let origin = match new.status {
        None if is_command => Origin::Pending,
        Some(Status::Running) if is_command => {
            return Err(invalid("status: a submitted command is pending"));
        }
        None | Some(Status::Running) => Origin::Running,
        Some(Status::Pending) => Origin::Pending,
        Some(_) => return Err(invalid("status: a new job is running or pending")),
    };
    let config = new.config.unwrap_or_default();
    if config.0.get().len() > limits.config_bytes {
        return Err(Refusal::new(
            Code::TooLarge,
            format!("config: at most {} bytes", limits.config_bytes),
        ));
    }
    let heartbeat_seconds = match new.heartbeat_seconds {
        Some(seconds) if !(seconds > 0.0 && seconds <= LONGEST_HEARTBEAT) => {
            return Err(invalid("heartbeatSeconds: more than 0 and at most 86400"));
        }
        other => other,
    };
    let idempotency = match new.idempotency_key {
        Some(key) if key.is_empty() || key.len() > KEY_BYTES => {
            return Err(invalid("idempotencyKey: 1 to 200 bytes"));
        }
        key => key
            .zip(digest)
            .map(|(key, digest)| Idempotency { key, digest }),
    };
    let queue = new.queue.unwrap_or_else(|| queue::DEFAULT.into());
    if !queue::is_name(&queue) {
        return Err(invalid("queue: 1 to 64 letters, digits or _.-"));
    }
    let retries = new.retries.unwrap_or(0);
    if retries > MAX_RETRIES {
        return Err(invalid("retries: at most 100"));
    }
    if origin == Origin::Running && (retries > 0 || !new.after.is_empty()) {
        return Err(invalid("after and retries: of a pending job only"));
    }
    if origin == Origin::Pending && new.started_at.is_some() {
        return Err(invalid("startedAt: of a running job only"));
    }
    let after = afters(&new.after)?;
    let tags = new.tags.unwrap_or_default();
    if tags.len() > MAX_TAGS {
        return Err(invalid("tags: at most 32"));
    }
    let steps = match new.steps {
        Some(names) => check_steps(names)?,
        None => kind::default_steps(new.job_type.as_str()).into(),
    };
    let name = new
        .name
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| match &new.command {
            Some(command) => command.line.argv.join(" ").into(),
            None => new.job_type.as_str().into(),
        });
    let defaults = Capabilities {
        retry: origin == Origin::Pending,
        ..Capabilities::default()
    };
    let spec = Spec {
        id,
        job_type: new.job_type,
        name: kept(name, text::NAME_CHARS),
        user,
        queue,
        tags: tags.into_iter().map(|tag| kept(tag, WORD_CHARS)).collect(),
        config,
        host: new.host.map(|host| kept(host, WORD_CHARS)),
        retry_of: None,
        created_at: now.wall,
        capabilities: new.capabilities.unwrap_or_default().over(defaults),
        origin,
        heartbeat_seconds,
        idempotency,
        command: new.command.map(|command| Arc::new(command.line)),
        after,
        retries,
    };
    let counts = Counts {
        total_items: new.total_items.unwrap_or(0),
        total_bytes: new.total_bytes.unwrap_or(0),
        ..Counts::default()
    };
    let mut job = Job {
        spec: Arc::new(spec),
        state: fresh(new.priority.unwrap_or(0), steps, counts, now),
    };
    if origin == Origin::Running {
        job.start(now)?;
        if let Some(at) = new.started_at.filter(|at| *at < now.wall) {
            // A clock that is ahead of ours tells a time to come: then it begins now.
            job.state.start_time = Some(at);
            job.state.stopwatch.had_been_active(now.wall.ms_since(at));
        }
    }
    Ok(job)
}

/// The jobs to come after, each once.
pub(super) fn afters(given: &[String]) -> Result<Arc<[JobId]>, Refusal> {
    if given.len() > MAX_AFTER {
        return Err(Refusal::new(Code::Invalid, "after: at most 64 jobs"));
    }
    let mut ids = Vec::with_capacity(given.len());
    for text in given {
        let id = text.parse().map_err(|_| no_such(text))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids.into())
}

/// A job to come after that is none.
pub fn no_such(text: &str) -> Refusal {
    let shown = text::clean_within(text, 60);
    Refusal::new(Code::Invalid, format!("after: there is no job {shown}"))
}

/// A job to come after that ended otherwise than well.
pub fn never(id: JobId, status: Status) -> Refusal {
    let how = match status {
        Status::Cancelled => "was cancelled",
        _ => "has failed",
    };
    Refusal::new(
        Code::Invalid,
        format!("after: {id} {how}, so this would never begin"),
    )
}

/// A pending copy of a job that has ended, which is tried so many times more when it fails.
pub(super) fn again(id: JobId, old: &Job, retries: u32, now: Now) -> Job {
    let spec = Spec {
        id,
        retry_of: Some(old.id()),
        created_at: now.wall,
        origin: Origin::Pending,
        idempotency: None,
        after: Arc::new([]),
        retries,
        ..(*old.spec).clone()
    };
    let counts = Counts {
        total_items: old.state.counts.total_items,
        total_bytes: old.state.counts.total_bytes,
        ..Counts::default()
    };
    Job {
        spec: Arc::new(spec),
        state: fresh(old.state.priority, old.state.steps.clone(), counts, now),
    }
}

fn fresh(priority: i32, steps: Arc<[Arc<str>]>, counts: Counts, now: Now) -> State {
    State {
        status: Status::Pending,
        progress: 0.0,
        priority,
        steps,
        current_step: 0,
        message: None,
        progress_source: None,
        counts,
        stopwatch: Stopwatch::default(),
        laps: Laps::default(),
        start_time: None,
        estimated_completion: None,
        updated_at: now.wall,
        finished_at: None,
        control: None,
        stalled_since: None,
        failure: None,
        revision: 0,
    }
}
