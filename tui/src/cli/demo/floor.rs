//! The floor on which the work is done: every job is begun when what it needs is there, jobs that somebody retries are
//! begun again, and all of them are known at the end.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jobtop_client::Endpoint;
use jobtop_client::link::{self, Event, LinkState};
use jobtop_client::rest::Rest;
use jobtop_core::id::{JobType, UserId};
use jobtop_core::mirror::Mirror;
use jobtop_core::proto::body::{CapabilitiesGiven, NewJob};
use jobtop_core::proto::message::Message;
use jobtop_core::proto::request::Subscribe;
use jobtop_core::proto::view::View;
use jobtop_core::{JobId, Status};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::attend::{self, Ended};
use super::audit::{Output, Traces};
use super::desk::{Desk, Stop};
use super::pipelines::{Tally, api_upload, csv_processing, field_mapping};
use super::plan::{Input, Task, Work, WorkId};
use super::sink::Sink;
use super::talk::Talk;
use crate::exit::Failure;

/// How often it is said how things stand.
const CALM: Duration = Duration::from_secs(5);

/// How long the feed is listened to after the last job has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Everything that the work needs.
#[derive(Debug)]
pub(crate) struct Floor {
    /// The daemon.
    pub(crate) endpoint: Endpoint,
    /// Where each job gets a directory for what it writes.
    pub(crate) dir: PathBuf,
    /// What is to be done.
    pub(crate) works: Vec<Work>,
    /// Where uploads go.
    pub(crate) sink: Sink,
    /// What each work made.
    pub(crate) made: watch::Sender<Vec<Made>>,
    /// Turns true when all of it has to end.
    pub(crate) closing: watch::Receiver<bool>,
}

/// What a work made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Made {
    /// It is not done.
    NotYet,
    /// A file.
    There(PathBuf),
    /// It came to nothing.
    Nothing,
}

/// Whether the floor stays open when all is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hours {
    /// It closes then.
    UntilDone,
    /// Somebody looks, and may retry a job.
    UntilClosing,
}

/// A job that came to its end.
#[derive(Debug)]
pub(crate) struct Done {
    /// Which work it was.
    pub(crate) work: WorkId,
    /// The job that it repeats, if it does.
    pub(crate) is_retry: bool,
    /// How it ended.
    pub(crate) ended: Ended,
    /// Why the daemon does not know, if it does not.
    pub(crate) untold: Option<String>,
    /// What it read and wrote.
    pub(crate) traces: Traces,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Does all the work.
pub(crate) async fn run(
    floor: Arc<Floor>,
    hours: Hours,
    mut talk: Talk,
) -> Result<Vec<Done>, Failure> {
    let mut tasks = JoinSet::new();
    let mut known = HashMap::new();
    for (work, job) in floor.create_all().await?.into_iter().enumerate() {
        known.insert(job.id, work);
        tasks.spawn(floor.clone().work_on(work, job));
    }
    let all = Subscribe {
        channel: "jobs".to_owned(),
        snapshot: true,
        ..Subscribe::default()
    };
    let (_link, mut feed) = link::connect(floor.endpoint.clone(), vec![all]);
    let mut mirror = Mirror::new();
    let mut closing = floor.closing.clone();
    let mut calm = tokio::time::interval(CALM);
    calm.reset();
    let mut finished = Vec::new();
    let mut last_words = None;
    loop {
        let over = match hours {
            Hours::UntilDone => true,
            Hours::UntilClosing => *closing.borrow(),
        };
        if over && tasks.is_empty() {
            // The feed may have the last ends still to tell.
            let told =
                mirror.len() >= known.len() && mirror.iter().all(|job| job.status.is_final());
            let until = *last_words.get_or_insert_with(|| Instant::now() + LAST_WORDS);
            if told || *closing.borrow() || Instant::now() >= until {
                return Ok(finished);
            }
        }
        // Every arm is cancel-safe: a set of tasks, channels, an interval.
        tokio::select! {
            Some(done) = tasks.join_next() => match done {
                Ok(done) => finished.push(done),
                Err(broken) => return Err(Failure::failed(format!("The demo broke off: {broken}"))),
            },
            Some(event) = feed.recv() => match event {
                Event::Message(message) => {
                    mirror.apply(&message);
                    if let Some(job) = changed(&message, &mirror) {
                        talk.heard(job);
                        if let Some(work) = begin_again(job, &known) {
                            known.insert(job.id, work);
                            tasks.spawn(floor.clone().work_on(work, job.clone()));
                        }
                    }
                }
                Event::State(LinkState::Waiting { reason, .. }) => talk.trouble(&reason),
                Event::State(_) => {}
            },
            () = tokio::time::sleep(LAST_WORDS), if last_words.is_some() => {}
            _ = calm.tick() => talk.how_it_stands(&mirror),
            _ = closing.changed(), if !*floor.closing.borrow() => {}
        }
    }
}

/// The job that a message is about, as it is now.
fn changed<'a>(message: &Message, mirror: &'a Mirror) -> Option<&'a View> {
    match message {
        Message::JobSnapshot { job, .. } => mirror.get(job.id),
        Message::JobUpdate { job_id, .. } => mirror.get(*job_id),
        _ => None,
    }
}

/// Which work a new job asks for, if it repeats one of ours and nobody has begun it.
fn begin_again(job: &View, known: &HashMap<JobId, WorkId>) -> Option<WorkId> {
    let repeats = job.retry_of.and_then(|old| known.get(&old));
    repeats
        .copied()
        .filter(|_| job.status == Status::Pending && !known.contains_key(&job.id))
}

impl Floor {
    /// Every job is made at once, so that everybody sees what is to come.
    async fn create_all(&self) -> Result<Vec<View>, Failure> {
        let rest = Rest::new(self.endpoint.clone());
        let mut jobs = Vec::new();
        for work in &self.works {
            jobs.push(rest.create(&new_job(work)?).await?);
        }
        Ok(jobs)
    }

    /// Waits for what the work needs, does it, and says what it made.
    async fn work_on(self: Arc<Self>, id: WorkId, job: View) -> Done {
        let work = &self.works[id];
        let input = self.input(work).await;
        let begun = Instant::now();
        let place = self.dir.join(job.id.to_string());
        let made = match work.task {
            Task::CsvProcessing => place.join(format!("{}-clean.csv", work.file)),
            Task::FieldMapping(_) => place.join(format!("{}-mapped.csv", work.file)),
            Task::ApiUpload => PathBuf::new(),
        };
        let rejects = place.join("rejects.csv");
        let new = new_job(work).unwrap_or_else(|_| NewJob::of(job.job_type.clone()));
        let attended = attend::Job {
            endpoint: self.endpoint.clone(),
            id: job.id,
            new,
        };
        let bench = Bench {
            floor: self.clone(),
            work: id,
            upload: job.id.to_string(),
            input: input.clone(),
            place,
            made: made.clone(),
            rejects: rejects.clone(),
        };
        let (ended, untold) =
            attend::attend(attended, self.closing.clone(), move |desk| bench.work(desk)).await;
        let whole = ended.1.is_ok();
        self.made.send_modify(|all| {
            all[id] = if whole {
                Made::There(made.clone())
            } else {
                Made::Nothing
            };
        });
        let output = match work.task {
            Task::CsvProcessing | Task::FieldMapping(_) => Output::File(made),
            Task::ApiUpload => Output::Sink(self.sink.accepted(&job.id.to_string())),
        };
        Done {
            work: id,
            is_retry: job.retry_of.is_some(),
            ended,
            untold,
            traces: Traces {
                input: input.unwrap_or_default(),
                output,
                rejects,
                whole,
            },
            took: begun.elapsed(),
        }
    }

    /// The file that a work reads, once it is there; `None` if it will not come.
    async fn input(&self, work: &Work) -> Option<PathBuf> {
        let needed = match &work.input {
            Input::File(path) => return Some(path.clone()),
            Input::Of(needed) => *needed,
        };
        let mut made = self.made.subscribe();
        let mut closing = self.closing.clone();
        tokio::select! {
            there = made.wait_for(|all| all[needed] != Made::NotYet) => match &there.ok()?[needed] {
                Made::There(path) => Some(path.clone()),
                Made::NotYet | Made::Nothing => None,
            },
            closing = closing.wait_for(|closing| *closing) => {
                drop(closing);
                None
            }
        }
    }
}

/// The job of a work, as it is made: it waits until its turn has come.
fn new_job(work: &Work) -> Result<NewJob, Failure> {
    let wrong = |error: jobtop_core::id::BadName| Failure::failed(error.to_string());
    let mut new = NewJob::of(JobType::new(work.task.job_type()).map_err(wrong)?);
    new.name = Some(work.name.as_str().into());
    new.user_id = Some(UserId::new(work.user).map_err(wrong)?);
    new.status = Some(Status::Pending);
    new.tags = Some(vec!["demo".into()]);
    new.capabilities = Some(CapabilitiesGiven {
        pause: Some(true),
        cancel: Some(true),
        retry: Some(true),
    });
    Ok(new)
}

/// What a pipeline needs on its thread.
struct Bench {
    floor: Arc<Floor>,
    work: WorkId,
    upload: String,
    input: Option<PathBuf>,
    place: PathBuf,
    made: PathBuf,
    rejects: PathBuf,
}

impl Bench {
    fn work(self, desk: &Desk) -> Ended {
        let mut tally = Tally::default();
        let ended = self.do_it(desk, &mut tally);
        (tally, ended)
    }

    fn do_it(&self, desk: &Desk, tally: &mut Tally) -> Result<(), Stop> {
        // A job that was cancelled while it waited does nothing at all.
        desk.checkpoint()?;
        let work = &self.floor.works[self.work];
        let Some(input) = &self.input else {
            return Err(self.without_input(work));
        };
        std::fs::create_dir_all(&self.place).map_err(|error| Stop::file(&self.place, &error))?;
        match &work.task {
            Task::CsvProcessing => {
                let files = csv_processing::Files {
                    input,
                    output: &self.made,
                    rejects: &self.rejects,
                };
                csv_processing::run(desk, files, tally)
            }
            Task::FieldMapping(mapping) => {
                let files = field_mapping::Files {
                    input,
                    mapping,
                    output: &self.made,
                    rejects: &self.rejects,
                };
                field_mapping::run(desk, files, tally)
            }
            Task::ApiUpload => {
                let files = api_upload::Files {
                    input,
                    rejects: &self.rejects,
                    service: self.floor.sink.address,
                    upload: &self.upload,
                };
                api_upload::run(desk, files, tally)
            }
        }
    }

    fn without_input(&self, work: &Work) -> Stop {
        let name = match work.input {
            Input::Of(needed) => self.floor.works[needed].name.as_str(),
            Input::File(_) => "its file",
        };
        Stop::failed(
            "input_missing",
            format!("The rows it should work on are not there: {name} has not made them"),
            format!("Retry {name}, and then this job"),
        )
    }
}
