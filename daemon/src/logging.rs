//! What the daemon says about itself: one line an event on stderr, or an entry with fields where stderr is the journal. Never
//! a secret, never a request's body.

use std::io::{self, IsTerminal};

use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins logging to stderr. `JOBTOPD_LOG` chooses how much (`warn`, `debug`, `jobtopd::store=debug`); the default is
/// `info`. Later calls change nothing, so that tests and an embedding program may have their own.
pub(crate) fn begin() {
    let wish = std::env::var("JOBTOPD_LOG").unwrap_or_default();
    let wished = EnvFilter::try_new(&wish).ok();
    let understood = wished.is_some();
    let filter = wished
        .filter(|_| !wish.is_empty())
        .unwrap_or_else(|| EnvFilter::new("info"));
    if let Some(journal) = journal() {
        let _ = tracing_subscriber::registry()
            .with(filter)
            .with(journal)
            .try_init();
    } else {
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            // A closed stderr is no reason to fall over.
            .log_internal_errors(false)
            .try_init();
    }
    if !understood {
        tracing::warn!("JOBTOPD_LOG is not understood, so it is taken as info: {wish:?}");
    }
}

/// The journal, where our stderr leads to it and it listens.
fn journal() -> Option<tracing_journald::Layer> {
    let stream = std::env::var("JOURNAL_STREAM").ok()?;
    let stderr = rustix::fs::fstat(io::stderr()).ok()?;
    if !is_stream(&stream, stderr.st_dev, stderr.st_ino) {
        return None;
    }
    let layer = tracing_journald::layer().ok()?;
    Some(
        layer
            .with_syslog_identifier("jobtopd".to_owned())
            .with_field_prefix(Some("JOBTOP".to_owned()))
            .with_priority_mappings(PriorityMappings {
                info: Priority::Informational,
                debug: Priority::Debug,
                ..PriorityMappings::new()
            }),
    )
}

/// Whether `JOURNAL_STREAM` speaks of that file: somebody may have led our stderr elsewhere.
fn is_stream(variable: &str, device: u64, inode: u64) -> bool {
    variable == format!("{device}:{inode}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_stderr_is_the_journal() {
        for (variable, is) in [
            ("8:4711", true),
            ("8:4712", false),
            ("9:4711", false),
            ("8:47110", false),
            ("8", false),
            ("", false),
        ] {
            assert_eq!(is_stream(variable, 8, 4711), is, "{variable}");
        }
    }
}
