//! `jobtop ls --follow`: a line for every change of state, and nothing that moves a cursor: for screen readers, logs and `tee`.
//!
//! ```text
//! 14:32:05  running    orders-2026-11.csv  41.7%  Processing data  3m 20s left
//! 14:35:31  completed  orders-2026-11.csv  took 4m 02s
//! 14:35:40  failed     returns.csv  after 12s: The API answered 401 Unauthorized
//! ```

use std::collections::HashMap;

use jiff::tz::TimeZone;
use jobtop_client::link::{self, Event, LinkState};
use jobtop_client::rest::Rest;
use jobtop_core::mirror::{Changed, Mirror};
use jobtop_core::proto::message::Message;
use jobtop_core::proto::request::Subscribe;
use jobtop_core::proto::view::View;
use jobtop_core::query::{Query, Today};
use jobtop_core::{JobId, Status, Timestamp};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::cli::list::Shape;
use crate::cli::print::colour::Paint;
use crate::cli::print::{self, words};
use crate::clock;
use crate::exit::Failure;
use crate::view::format;

/// What a line is printed for when it changes.
#[derive(Clone, PartialEq, Eq)]
struct Standing {
    status: String,
    step: u32,
}

impl Standing {
    fn of(job: &View) -> Self {
        Self {
            status: words::standing(job),
            step: job.current_step,
        }
    }
}

/// Prints what has not ended, and then every change, until somebody ends it.
pub(crate) async fn main(
    rest: &Rest,
    filter: &str,
    shape: Shape,
    paint: Paint,
) -> Result<(), Failure> {
    // Also says at once whether there is a daemon at all.
    rest.ready().await?;
    let today = Today {
        now: clock::now().wall,
        tz: TimeZone::system(),
    };
    let query =
        Query::parse(filter, &today).map_err(|mistake| Failure::usage(mistake.to_string()))?;
    let everything = Subscribe {
        channel: "jobs".to_owned(),
        snapshot: true,
        ..Subscribe::default()
    };
    let (_link, mut events) = link::connect(rest.endpoint().clone(), vec![everything]);
    let mut mirror = Mirror::new();
    let mut known: HashMap<JobId, Standing> = HashMap::new();
    let mut is_first = true;
    // One for all of it: what comes while a line is printed is not lost.
    let mut interrupts = signal(SignalKind::interrupt())
        .map_err(|error| Failure::failed(format!("Ctrl-C can't be heard: {error}")))?;
    loop {
        let message = tokio::select! {
            message = next(&mut events) => message?,
            _ = interrupts.recv() => return Err(Failure::Interrupted),
        };
        if let Message::Error(error) = &message {
            return Err(Failure::failed(words::clean(&error.message)));
        }
        match mirror.apply(&message) {
            Changed::Nothing => {}
            // While the picture is not whole there is nothing to compare with.
            Changed::Job(_) if is_first => {}
            Changed::Job(id) => match mirror.get(id) {
                Some(job) => tell(job, &query, &mut known, shape, paint)?,
                None => drop(known.remove(&id)),
            },
            Changed::All => {
                let mut jobs: Vec<&View> = mirror.iter().collect();
                jobs.sort_by_key(|job| job.created_at);
                for job in jobs {
                    if is_first && job.status.is_final() {
                        known.insert(job.id, Standing::of(job));
                    } else {
                        tell(job, &query, &mut known, shape, paint)?;
                    }
                }
                known.retain(|id, _| mirror.get(*id).is_some());
            }
        }
        is_first &= mirror.position().is_none();
    }
}

/// The next message of a feed; that the daemon is away is said, once each time. Nothing is lost if the wait is given up.
pub(crate) async fn next(events: &mut mpsc::Receiver<Event>) -> Result<Message, Failure> {
    loop {
        match events.recv().await {
            Some(Event::Message(message)) => return Ok(message),
            Some(Event::State(LinkState::Waiting {
                reason, attempt: 1, ..
            })) => print::note(&format!(
                "jobtop: {reason}; waiting for the daemon to come back"
            )),
            Some(Event::State(LinkState::Connected {
                polling: Some(why), ..
            })) => print::note(&format!(
                "jobtop: there is no feed: {why}; asking every second instead"
            )),
            Some(Event::State(_)) => {}
            None => return Err(Failure::failed("The feed of the daemon ended")),
        }
    }
}

/// Prints a job, if it stands otherwise than when it was printed last.
fn tell(
    job: &View,
    query: &Query,
    known: &mut HashMap<JobId, Standing>,
    shape: Shape,
    paint: Paint,
) -> Result<(), Failure> {
    let now = clock::now().wall;
    let standing = Standing::of(job);
    if known.get(&job.id) == Some(&standing) {
        return Ok(());
    }
    known.insert(job.id, standing);
    if !query.matches(job, now) {
        return Ok(());
    }
    match shape {
        Shape::Lines => print::json(job),
        Shape::Table | Shape::Json => print::answer(&line(job, now, paint)),
    }
}

fn line(job: &View, now: Timestamp, paint: Paint) -> String {
    let time = format::moment(now, now, &TimeZone::system());
    let status = paint.status(job.status, &format!("{:<10}", words::standing(job)));
    let name = words::clean(&job.name);
    let worked = format::duration((job.metrics.active_seconds * 1_000.0).max(0.0) as u64);
    let rest = match job.status {
        Status::Pending => String::new(),
        Status::Running | Status::Paused => {
            let percent = format::marked_percent(job.progress, job.progress_source.as_deref());
            let mut rest = format!("  {percent}");
            let step = words::clean(job.step_name());
            if !step.is_empty() {
                rest = format!("{rest}  {step}");
            }
            let eta = job.metrics.estimated_completion;
            if let Some(at) = eta.filter(|_| job.status == Status::Running) {
                rest = format!("{rest}  {} left", format::to_go(at.ms_since(now)));
            }
            rest
        }
        Status::Completed => format!("  took {worked}"),
        Status::Cancelled => format!("  after {worked}"),
        Status::Failed => {
            let error = words::clean(job.error.as_deref().unwrap_or("no reason was given"));
            format!("  after {worked}: {error}")
        }
    };
    format!("{time}  {status} {name}{rest}\n")
}
