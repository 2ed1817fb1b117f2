//! `jobtop daemon check`: is the store sound that no daemon uses just now; with `--rebuild` a new one is made of what is.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use jobtopd::check::{self, Checked, Unchecked};
use serde::Serialize;

use crate::cli::print;
use crate::exit::{Failure, Said};
use crate::view::format;

/// The command line of `daemon check`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Make a new store of all that can be read, and put the old one aside
    #[arg(long)]
    rebuild: bool,
    /// The folder of the store, as jobtopd has it [default: that of the configuration]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The file of jobtopd's settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    data_dir: String,
    sound: bool,
    findings: &'a [String],
    notes: &'a [String],
    finished: u64,
    sealed: u64,
    logged: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    aside: Option<String>,
}

/// Says what was found. Damage is exit code 1, unless it was rebuilt.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let mut options: Vec<OsString> = Vec::new();
    for (name, value) in [("--data-dir", &args.data_dir), ("--config", &args.config)] {
        if let Some(value) = value {
            options.extend([name.into(), value.into()]);
        }
    }
    let looked = check::run(&options, args.rebuild).map_err(refused)?;
    let found = &looked.found;
    let sound = found.findings.is_empty();
    if args.json {
        print::json(&Report {
            data_dir: looked.data_dir.display().to_string(),
            sound,
            findings: &found.findings,
            notes: &found.notes,
            finished: found.finished,
            sealed: found.sealed,
            logged: found.logged,
            aside: looked
                .aside
                .as_ref()
                .map(|aside| aside.display().to_string()),
        })?;
    } else {
        print::answer(&page(&looked, found))?;
    }
    Ok(if sound || looked.aside.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn refused(unchecked: Unchecked) -> Failure {
    let said = Said::new(unchecked.message).hint(unchecked.hint);
    if unchecked.is_in_use {
        Failure::WrongState(said)
    } else {
        Failure::Failed(said)
    }
}

fn page(looked: &check::Looked, found: &Checked) -> String {
    let mut page = String::new();
    for sentence in found.findings.iter().chain(&found.notes) {
        let _ = writeln!(page, "{sentence}");
    }
    let dir = looked.data_dir.display();
    let has = |checked: &Checked| {
        format!(
            "{} finished jobs, {} jobs in the sealed board, {} records in the log",
            format::count(checked.finished),
            format::count(checked.sealed),
            format::count(checked.logged)
        )
    };
    let verdict = match (found.findings.len(), &looked.aside) {
        (0, None) => format!("{dir} is sound: {}", has(found)),
        (n, None) => format!(
            "{dir} is damaged in {n} place{}; sound in it are {}. A start repairs what the log still knows; --rebuild makes a new store of all that can be read",
            if n == 1 { "" } else { "s" },
            has(found)
        ),
        (_, Some(aside)) => format!(
            "{dir} is made anew: {}. The old one is {}; remove it once you miss nothing",
            looked.now.as_ref().map(has).unwrap_or_default(),
            aside.display()
        ),
    };
    let _ = writeln!(page, "{verdict}.");
    page
}
