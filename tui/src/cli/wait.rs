//! `jobtop wait ID…`: follows the feed until every job has ended and its process is gone, and exits as the work did.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use jobtop_client::link;
use jobtop_client::rest::{CallError, Rest};
use jobtop_core::proto::body::JobAnswer;
use jobtop_core::proto::message::Message;
use jobtop_core::proto::request::Subscribe;
use jobtop_core::proto::view::View;
use jobtop_core::{JobId, Status};

use crate::cli::follow::next;
use crate::cli::{Global, act, ids, print, target};
use crate::exit::Failure;

/// More jobs than this are heard of together.
const CHANNELS: usize = 64;

/// The command line of `wait`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Which jobs: ids, or endings of ids that are unique
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Print each job as it ends, one JSON document a line
    #[arg(long)]
    json: bool,
    /// Ring the bell when all have ended, with a notice where the terminal shows such
    #[arg(long)]
    notify: bool,
}

/// Waits, prints each job as it ends, and returns the largest of their codes.
pub(crate) async fn main(args: &Args, global: &Global) -> Result<ExitCode, Failure> {
    let rest = target::rest(global)?;
    let mut jobs = HashMap::new();
    for id in ids::resolve(&rest, &args.ids).await? {
        jobs.insert(id, rest.get(&id.to_string()).await?);
    }
    let mut worst = 0;
    let (many, mut last) = (jobs.len(), None);
    let mut settle = |job: &View| -> Result<bool, Failure> {
        if !is_over(job) {
            return Ok(false);
        }
        worst = worst.max(code(job));
        last = Some(format!("{} {}", job.name, job.status));
        if args.json {
            print::json(&JobAnswer { job: job.clone() })?;
        } else {
            print::answer(&act::line(job))?;
        }
        Ok(true)
    };
    let mut waiting = HashMap::new();
    for (id, job) in jobs {
        if !settle(&job)? {
            waiting.insert(id, job);
        }
    }
    if !waiting.is_empty() {
        tokio::select! {
            followed = follow(&rest, waiting, settle) => followed?,
            pressed = tokio::signal::ctrl_c() => {
                drop(pressed);
                return Err(Failure::Interrupted);
            }
        }
    }
    if args.notify {
        print::ring(&notice(many, last, worst));
    }
    Ok(ExitCode::from(worst))
}

/// What there is to tell whoever looks elsewhere.
fn notice(many: usize, last: Option<String>, worst: u8) -> String {
    match last.filter(|_| many == 1) {
        Some(said) => format!("jobtop: {said}"),
        None if worst == 0 => format!("jobtop: all {many} jobs completed"),
        None => format!("jobtop: {many} jobs have ended, not all of them well"),
    }
}

/// Keeps the jobs up to date until all of them are settled.
async fn follow(
    rest: &Rest,
    mut waiting: HashMap<JobId, View>,
    mut settle: impl FnMut(&View) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let (_link, mut events) = link::connect(rest.endpoint().clone(), subscriptions(&waiting));
    // Of those that are waited for, the ones that the present snapshot has told of.
    let mut told = HashSet::new();
    while !waiting.is_empty() {
        let id = match next(&mut events).await? {
            Message::JobSnapshot { job, .. } => {
                let id = job.id;
                told.insert(id);
                if let Some(known) = waiting.get_mut(&id) {
                    *known = *job;
                }
                id
            }
            Message::JobUpdate { job_id, patch, .. } => {
                if let Some(known) = waiting.get_mut(&job_id) {
                    known.apply(*patch);
                }
                job_id
            }
            // It left the live set, or a daemon without it has come: the archive knows, or nobody does.
            Message::JobRemoved { job_id, .. } => {
                refresh(rest, &mut waiting, job_id).await?;
                job_id
            }
            Message::SnapshotEnd(end) => {
                // Whoever is not in it has left the live set.
                let one: Option<JobId> = end
                    .channel
                    .strip_prefix("job:")
                    .and_then(|id| id.parse().ok());
                let meant =
                    |id: &JobId| one.as_ref().is_none_or(|one| one == id) && !told.contains(id);
                let untold: Vec<JobId> = waiting.keys().copied().filter(meant).collect();
                for id in untold {
                    refresh(rest, &mut waiting, id).await?;
                    if waiting.get(&id).map_or(Ok(false), &mut settle)? {
                        waiting.remove(&id);
                    }
                }
                if one.is_none() {
                    told.clear();
                }
                continue;
            }
            Message::Error(error) => return Err(Failure::failed(error.message)),
            _ => continue,
        };
        if waiting.get(&id).map_or(Ok(false), &mut settle)? {
            waiting.remove(&id);
        }
    }
    Ok(())
}

/// A channel for each, or for very many the one of all jobs: a connection has a limited number of them.
fn subscriptions(waiting: &HashMap<JobId, View>) -> Vec<Subscribe> {
    let to = |channel| Subscribe {
        channel,
        snapshot: true,
        ..Subscribe::default()
    };
    if waiting.len() > CHANNELS {
        return vec![to("jobs".to_owned())];
    }
    waiting.keys().map(|id| to(format!("job:{id}"))).collect()
}

/// Asks for a job by name. A daemon that can't be asked just now will be heard of through the feed.
async fn refresh(
    rest: &Rest,
    waiting: &mut HashMap<JobId, View>,
    id: JobId,
) -> Result<(), Failure> {
    match rest.get(&id.to_string()).await {
        Ok(job) => {
            waiting.insert(id, job);
            Ok(())
        }
        Err(CallError::Unreachable { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether it has ended and nothing of it runs any more.
fn is_over(job: &View) -> bool {
    job.status.is_final() && job.control.is_none()
}

/// The exit code that tells how a job ended.
fn code(job: &View) -> u8 {
    match job.status {
        Status::Cancelled => 143,
        Status::Failed => {
            let detail = job.error_detail.as_deref();
            let exit = detail.and_then(|detail| detail.exit_code);
            let signal = detail
                .and_then(|detail| detail.signal)
                .map(|signal| 128 + signal);
            // A failure never looks like success, whatever the producer says.
            exit.or(signal)
                .and_then(|code| u8::try_from(code).ok())
                .filter(|code| *code != 0)
                .unwrap_or(1)
        }
        Status::Pending | Status::Running | Status::Paused | Status::Completed => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobtop_core::job::control::{Action, Request};

    fn ended(status: Status, exit_code: Option<i32>, signal: Option<i32>) -> View {
        let mut job: View = serde_json::from_str(include_str!("show_sample.json")).unwrap();
        job.status = status;
        let mut failure = job.error_detail.as_deref().cloned().unwrap();
        (failure.exit_code, failure.signal) = (exit_code, signal);
        job.error_detail = Some(failure.into());
        job
    }

    #[test]
    fn the_code_tells_how_the_job_ended() {
        for (status, exit, signal, expected) in [
            (Status::Completed, None, None, 0),
            (Status::Cancelled, None, None, 143),
            (Status::Failed, Some(7), None, 7),
            (Status::Failed, None, Some(9), 137),
            (Status::Failed, None, None, 1),
            (Status::Failed, Some(0), None, 1),
            (Status::Failed, Some(256), None, 1),
            (Status::Failed, Some(-1), None, 1),
        ] {
            assert_eq!(
                code(&ended(status, exit, signal)),
                expected,
                "{status} {exit:?} {signal:?}"
            );
        }
    }

    #[test]
    fn a_cancelled_job_is_over_when_its_process_is_gone() {
        let mut job = ended(Status::Cancelled, None, None);
        assert!(is_over(&job));
        job.control = Some(Request {
            action: Action::Cancel,
            requested_at: job.updated_at,
            before: None,
        });
        assert!(!is_over(&job));
        job.status = Status::Running;
        job.control = None;
        assert!(!is_over(&job));
    }
}
