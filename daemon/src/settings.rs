//! What a daemon with some options would run with, and where each value comes from: what `jobtop config show` and
//! `jobtop doctor` ask. Nothing is made or changed by it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches};

use crate::activation::Names;
use crate::cli::Cli;
use crate::config::{self, Settings, shown};

pub use crate::config::shown::{Origin, Shown, written};

/// The settings, read and checked.
#[derive(Debug)]
pub struct Chosen {
    /// The file of settings, where one is looked for; it need not be there.
    pub file: Option<PathBuf>,
    /// Every setting, in the order of the manual.
    pub settings: Vec<Shown>,
    /// The Unix socket.
    pub socket: PathBuf,
    /// Whether other accounts may connect to it.
    pub socket_is_open: bool,
    /// The folder of the store.
    pub data_dir: PathBuf,
    /// The TCP addresses.
    pub listen: Vec<SocketAddr>,
}

/// Why they could not be read.
#[derive(Debug)]
pub struct Unread {
    /// What is wrong, and where.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

/// Reads what a daemon with these options would read.
pub fn read(options: &[OsString]) -> Result<Chosen, Unread> {
    let mistaken = |mistake: &clap::Error| Unread {
        message: mistake.to_string(),
        hint: "See jobtopd(8) for its options".to_owned(),
    };
    let matches = Cli::command()
        .try_get_matches_from(options)
        .map_err(|mistake| mistaken(&mistake))?;
    let cli = Cli::from_arg_matches(&matches).map_err(|mistake| mistaken(&mistake))?;
    let file = config::file_of(&cli).map(|file| file.path);
    let settings = Settings::new(cli, Vec::new(), &Names::default()).map_err(|failure| Unread {
        hint: failure.hint(),
        message: failure.to_string(),
    })?;
    Ok(Chosen {
        settings: shown::list(&settings, &matches, file.as_deref()),
        socket_is_open: settings.socket_mode.is_open(),
        listen: settings.listen.iter().map(|listen| listen.addr).collect(),
        socket: settings.socket.path,
        data_dir: settings.data_dir.path,
        file,
    })
}
