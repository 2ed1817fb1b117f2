//! `jobtop daemon check`: the store of the configuration, looked at while no daemon runs on it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;

use crate::activation::Names;
use crate::cli::Cli;
use crate::clock::Clock;
use crate::config::Settings;
use crate::store::{self, OpenError};

pub use crate::store::Checked;

/// What was found, and done.
#[derive(Debug)]
pub struct Looked {
    /// The store.
    pub data_dir: PathBuf,
    /// What was found in it.
    pub found: Checked,
    /// What the new one has, if one was made.
    pub now: Option<Checked>,
    /// Where the old one lies then.
    pub aside: Option<PathBuf>,
}

/// Why it could not be looked at.
#[derive(Debug)]
pub struct Unchecked {
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// A daemon uses it.
    pub is_in_use: bool,
}

/// Checks the store that a daemon with these options would use, and rebuilds it if that is asked for.
pub fn run(options: &[OsString], rebuild: bool) -> Result<Looked, Unchecked> {
    // Whatever is made is its owner's alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let cli = Cli::try_parse_from(options).map_err(|mistake| Unchecked {
        message: mistake.to_string(),
        hint: "See jobtop daemon check --help.".to_owned(),
        is_in_use: false,
    })?;
    let settings =
        Settings::new(cli, Vec::new(), &Names::default()).map_err(|failure| Unchecked {
            hint: failure.hint(),
            message: failure.to_string(),
            is_in_use: false,
        })?;
    let kept = kept(&settings);
    let data_dir = settings.data_dir.path;
    let refused = |error: OpenError| Unchecked {
        message: error.to_string(),
        hint: error.hint(),
        is_in_use: matches!(error, OpenError::Locked { .. }),
    };
    if rebuild {
        let made = store::rebuild(&data_dir, &kept, Clock::new()).map_err(refused)?;
        let mut found = made.before;
        found.notes.extend(made.repaired);
        return Ok(Looked {
            data_dir,
            found,
            now: Some(made.now),
            aside: Some(made.aside),
        });
    }
    let found = store::check(&data_dir, &kept).map_err(refused)?;
    Ok(Looked {
        data_dir,
        found,
        now: None,
        aside: None,
    })
}

/// How much the store of a daemon with these settings keeps, and how long.
pub(crate) fn kept(settings: &Settings) -> store::Settings {
    store::Settings {
        retention_ms: settings.times.retention_ms,
        live_ms: settings.times.live_ms,
        live_ended: settings.times.live_ended,
        ..store::Settings::default()
    }
}
