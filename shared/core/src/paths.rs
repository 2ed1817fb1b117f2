//! Where things lie by default, as pure functions of the directories that the caller looked up.

use std::path::{Path, PathBuf};

use crate::JobId;

/// The Unix socket: `RUNTIME/jobtop/jobtopd.sock`, without a runtime directory `jobtopd.sock` in the state directory.
#[must_use]
pub fn socket(runtime: Option<&Path>, state: &Path) -> PathBuf {
    runtime.map_or_else(
        || state.join("jobtopd.sock"),
        |runtime| runtime.join("jobtop").join("jobtopd.sock"),
    )
}

/// The store.
#[must_use]
pub fn data(state: &Path) -> PathBuf {
    state.join("data")
}

/// What a daemon in the background says on stderr.
#[must_use]
pub fn daemon_log(state: &Path) -> PathBuf {
    state.join("jobtopd.log")
}

/// Where the captured output of a job lies in the store's folder as long as the job has not ended.
#[must_use]
pub fn job_log(data: &Path, job: JobId) -> PathBuf {
    data.join("logs").join(format!("{job}.log"))
}
