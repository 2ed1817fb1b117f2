//! What the daemon says about itself: one line an event on stderr, never a secret, never a request's body.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Begins logging to stderr. `JOBTOPD_LOG` chooses how much (`warn`, `debug`, `jobtopd::store=debug`); the default is
/// `info`. Later calls change nothing, so that tests and an embedding program may have their own.
pub(crate) fn begin() {
    let filter = std::env::var("JOBTOPD_LOG")
        .ok()
        .and_then(|wish| EnvFilter::try_new(wish).ok())
        .unwrap_or_else(|| EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // A closed stderr is no reason to fall over.
        .log_internal_errors(false)
        .try_init();
}
