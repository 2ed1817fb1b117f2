//! The store: what a daemon that runs says of it; where none runs its files are verified, as `jobtop daemon check` does.

use std::path::Path;

use jobtopd::check;

use super::Finding;
use super::daemon::{Answer, Spoken};

const CHECK: &str = "store";

/// Asks the daemon, or looks at the files.
pub(super) async fn look(data_dir: &Path, answer: &Answer) -> Vec<Finding> {
    if matches!(answer, Answer::Good(_)) {
        return of_daemon(answer);
    }
    vec![of_files(data_dir).await]
}

/// What the daemon says.
pub(super) fn of_daemon(answer: &Answer) -> Vec<Finding> {
    let Answer::Good(spoken) = answer else {
        return Vec::new();
    };
    let Spoken { store, .. } = &**spoken;
    let Some(store) = store else {
        return vec![Finding::note(
            CHECK,
            "the daemon tells those who may see all jobs alone how it is",
        )];
    };
    let mut findings: Vec<Finding> = store
        .damage
        .iter()
        .map(|sentence| {
            Finding::wrong(
                CHECK,
                sentence.clone(),
                "It was found at the start, and what could be kept was; `jobtop daemon stop`, then `jobtop daemon check` says more",
            )
        })
        .collect();
    if let Some(reason) = &store.reason {
        let state = store.state.replace('_', " ");
        findings.push(Finding::wrong(
            CHECK,
            format!("{state}: {reason}"),
            "See that its disk is there and has room; what was acknowledged is safe",
        ));
    }
    if findings.is_empty() {
        let records = store.records;
        findings.push(Finding::well(
            CHECK,
            format!("good, with {records} finished jobs"),
        ));
    }
    findings
}

async fn of_files(data_dir: &Path) -> Finding {
    let shown = data_dir.display();
    if !data_dir.exists() {
        return Finding::note(CHECK, format!("{shown} is made when a daemon starts"));
    }
    let looked = tokio::task::spawn_blocking(|| check::run(&[], false)).await;
    match looked {
        Ok(Ok(looked)) if looked.found.findings.is_empty() => {
            Finding::well(CHECK, format!("{shown} is sound"))
        }
        Ok(Ok(looked)) => Finding::wrong(
            CHECK,
            looked.found.findings.join("; "),
            "A start repairs what the log still knows; `jobtop daemon check --rebuild` makes a new store of all that can be read",
        ),
        Ok(Err(unchecked)) => Finding::wrong(CHECK, unchecked.message, unchecked.hint),
        Err(error) => Finding::wrong(
            CHECK,
            format!("{shown} could not be verified: {error}"),
            "See what `jobtop daemon check` says",
        ),
    }
}
