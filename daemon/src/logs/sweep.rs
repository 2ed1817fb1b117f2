//! A log goes when its job has gone: looked at once an hour.

use std::time::Duration;

use jobtop_core::JobId;

use super::Logs;

/// The time between two looks, and the least age of a log that is judged: its job may be on its way to us.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Removes the logs of jobs that `known` does not know any more, for as long as the daemon runs.
pub(crate) async fn run<F>(logs: Logs, known: impl Fn(JobId) -> F)
where
    F: Future<Output = bool>,
{
    let mut looks = tokio::time::interval(HOUR);
    loop {
        looks.tick().await;
        look(&logs, HOUR, &known).await;
    }
}

async fn look<F>(logs: &Logs, least: Duration, known: &impl Fn(JobId) -> F)
where
    F: Future<Output = bool>,
{
    let all = logs.clone();
    let Ok(old) = tokio::task::spawn_blocking(move || old(&all, least)).await else {
        return;
    };
    for job in old {
        if known(job).await {
            continue;
        }
        if let Err(error) = tokio::fs::remove_file(logs.path(job)).await {
            tracing::warn!(%job, %error, "the log of a job that has gone can't be removed");
        }
    }
}

fn old(logs: &Logs, least: Duration) -> Vec<JobId> {
    let is_old = |path: &std::path::Path| {
        let changed = std::fs::symlink_metadata(path).and_then(|meta| meta.modified());
        changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= least))
    };
    let all = logs.list().into_iter();
    all.filter(|(_, path)| is_old(path))
        .map(|(job, _)| job)
        .collect()
}

#[cfg(test)]
mod tests {
    use jobtop_runner::log_file::Writer;

    use super::*;

    #[tokio::test]
    async fn logs_go_with_their_jobs_and_not_while_they_are_young() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::of(dir.path(), 16 << 20);
        for job in [JobId(1), JobId(2)] {
            Writer::open(&logs.path(job), 0).unwrap();
        }
        std::fs::write(dir.path().join("logs/notes.txt"), "not a log").unwrap();
        let known = |job| std::future::ready(job == JobId(1));
        look(&logs, HOUR, &known).await;
        assert_eq!(logs.list().len(), 2);
        look(&logs, Duration::ZERO, &known).await;
        assert_eq!(logs.list(), [(JobId(1), logs.path(JobId(1)))]);
        assert!(dir.path().join("logs/notes.txt").exists());
    }
}
