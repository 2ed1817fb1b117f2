//! What the daemon says about itself: one line an event on stderr, never a secret, never a request's body.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Begins logging to stderr. `JOBTOPD_LOG` chooses how much (`warn`, `debug`, `jobtopd::store=debug`); the default is
/// `info`. Later calls change nothing, so that tests and an embedding program may have their own.
pub(crate) fn begin() {
    let wish = std::env::var("JOBTOPD_LOG").unwrap_or_default();
    let wished = EnvFilter::try_new(&wish).ok();
    let understood = wished.is_some();
    let filter = wished
        .filter(|_| !wish.is_empty())
        .unwrap_or_else(|| EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // A closed stderr is no reason to fall over.
        .log_internal_errors(false)
        .try_init();
    if !understood {
        tracing::warn!("JOBTOPD_LOG is not understood, so it is taken as info: {wish:?}");
    }
}
