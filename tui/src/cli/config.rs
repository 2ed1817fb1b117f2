//! `jobtop config show [--origin]`: every setting of both programs as it counts, and which flag, variable or line of a file
//! says so. What is secret is not among it: of a token only where it comes from.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ArgMatches;
use clap::parser::ValueSource;
use jobtop_core::text;
use jobtop_runner::attend::SECRET;
use jobtopd::settings::{self, Origin, Shown};
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::print::colour::Paint;
use crate::cli::print::table::{self, Cell, Column};
use crate::cli::{Global, print, target};
use crate::config;
use crate::exit::Failure;
use crate::keymap::Keymap;

/// The command line of `config`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Show every setting of jobtop and of jobtopd
    Show(Show),
}

#[derive(clap::Args, Debug)]
struct Show {
    /// Say of each where it comes from: a flag, a variable, a line of a file, or nowhere
    #[arg(long)]
    origin: bool,
    /// One JSON document, with where each comes from
    #[arg(long)]
    json: bool,
    /// Options of jobtopd: its settings are shown as it would have them with these
    #[arg(last = true, value_name = "OPTIONS")]
    options: Vec<OsString>,
}

/// The settings of a program.
#[derive(Serialize)]
struct Page {
    /// Where its file is looked for.
    file: Option<PathBuf>,
    /// Whether it is there.
    exists: bool,
    /// All of them.
    settings: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    value: Value,
    origin: Value,
    #[serde(skip)]
    said: String,
}

#[derive(Serialize)]
struct Pages {
    jobtop: Page,
    jobtopd: Page,
}

/// Shows them.
pub(crate) fn main(
    args: &Args,
    global: &Global,
    matches: &ArgMatches,
) -> Result<ExitCode, Failure> {
    let Command::Show(args) = &args.command;
    let file = config::path();
    let own = own(global, matches, file.as_deref())?;
    let chosen = settings::read(&args.options)
        .map_err(|unread| Failure::usage(unread.message).hint(unread.hint))?;
    let pages = Pages {
        jobtop: page(file, own),
        jobtopd: page(chosen.file, chosen.settings),
    };
    if args.json {
        print::json(&pages)?;
        return Ok(ExitCode::SUCCESS);
    }
    let paint = Paint::of_stdout(global.color);
    let mut said = String::new();
    for (program, page) in [("jobtop", &pages.jobtop), ("jobtopd", &pages.jobtopd)] {
        if !said.is_empty() {
            said.push('\n');
        }
        let place = page.file.as_deref().map_or_else(
            || "no folder for its file is known".to_owned(),
            |path| text::clean(&path.to_string_lossy()).into_owned(),
        );
        let absent = match (&page.file, page.exists) {
            (Some(_), false) => " (not there)",
            _ => "",
        };
        said.push_str(&format_heading(paint, program, &place, absent));
        let columns = if args.origin {
            &COLUMNS[..]
        } else {
            &COLUMNS[..2]
        };
        let rows: Vec<Vec<Cell>> = page.settings.iter().map(cells).collect();
        said.push_str(&table::render(columns, &rows, print::width(), paint));
    }
    print::answer(&said)?;
    Ok(ExitCode::SUCCESS)
}

fn format_heading(paint: Paint, program: &str, place: &str, absent: &str) -> String {
    format!("{}  {place}{absent}\n", paint.heading(program))
}

const COLUMNS: [Column; 3] = [
    table::words("SETTING"),
    table::shrinking("VALUE", 16),
    table::words("FROM"),
];

fn cells(row: &Row) -> Vec<Cell> {
    vec![
        text::clean(&row.name).into_owned().into(),
        text::clean(&plain(&row.value)).into_owned().into(),
        text::clean(&row.said).into_owned().into(),
    ]
}

/// A value as people read it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.is_empty() => "-".to_owned(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn page(file: Option<PathBuf>, settings: Vec<Shown>) -> Page {
    let rows = settings.into_iter().map(|shown| {
        let origin = match &shown.origin {
            Origin::Flag(flag) => json!({"from": "flag", "flag": flag}),
            Origin::Variable(name) => json!({"from": "environment", "variable": name}),
            Origin::File { path, spot } => json!({
                "from": "file", "path": path, "line": spot.line, "column": spot.column,
            }),
            Origin::Default => json!({"from": "default"}),
        };
        Row {
            said: shown.origin.say(),
            name: shown.name,
            value: shown.value,
            origin,
        }
    });
    Page {
        exists: file.as_deref().is_some_and(Path::exists),
        settings: rows.collect(),
        file,
    }
}

/// Those of jobtop itself.
fn own(global: &Global, matches: &ArgMatches, file: Option<&Path>) -> Result<Vec<Shown>, Failure> {
    let config = config::read()?;
    let text = file.and_then(|path| fs::read_to_string(path).ok());
    let mut written = settings::written(text.as_deref().unwrap_or_default());
    let of_file = |found: Option<(jobtop_core::settings::Spot, Value)>| match (found, file) {
        (Some((spot, _)), Some(path)) => Origin::File {
            path: path.to_owned(),
            spot,
        },
        _ => Origin::Default,
    };
    let mut all = called(global, matches)?;
    let theme = config::theme(config.colours);
    for (name, id, of_config) in [
        ("ascii", "ascii", config.ascii),
        ("mouse", "mouse", config.mouse),
    ] {
        let name = format!("screen.{name}");
        let found = written.remove(&name);
        let (value, origin) = match given(matches, id, None) {
            Some(origin) => (true, origin),
            None => (of_config, of_file(found)),
        };
        all.push(shown(name, json!(value), origin));
    }
    let found = written.remove("screen.theme");
    all.push(shown("screen.theme", json!(theme), of_file(found)));
    for action in Keymap::changeable() {
        let name = format!("keys.{}", action.name());
        let chords: Vec<String> = config.keys.chords(action);
        let found = written.remove(&name);
        if all.iter().all(|other| other.name != name) {
            all.push(shown(name, json!(chords), of_file(found)));
        }
    }
    for (name, (spot, value)) in written {
        all.push(shown(name, value.clone(), of_file(Some((spot, value)))));
    }
    Ok(all)
}

/// Those that no file has: the command line and the environment say them.
fn called(global: &Global, matches: &ArgMatches) -> Result<Vec<Shown>, Failure> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let of_variable = |name: &str| match set(name) {
        Some(_) => Origin::Variable(name.to_owned()),
        None => Origin::Default,
    };
    let flag =
        |id: &str, variable: Option<&str>| given(matches, id, variable).unwrap_or(Origin::Default);
    let target = global.target.as_deref().filter(|target| !target.is_empty());
    let (target, target_origin) = match target {
        Some(target) => (target.to_owned(), flag("target", Some("JOBTOP_TARGET"))),
        None => (target::local()?.to_string(), Origin::Default),
    };
    // Never the token itself.
    let (token, token_origin) = match (&global.token_file, set(SECRET)) {
        (Some(path), _) => (
            json!(format!("that in {}", path.display())),
            flag("token_file", None),
        ),
        (None, Some(_)) => (
            json!("given, and not shown"),
            Origin::Variable(SECRET.to_owned()),
        ),
        (None, None) => (Value::Null, Origin::Default),
    };
    let fingerprint = global
        .fingerprint
        .as_deref()
        .filter(|text| !text.is_empty());
    let color = format!("{:?}", global.color).to_lowercase();
    let (color, color_origin) = match given(matches, "color", None) {
        Some(origin) => (color, origin),
        None if set("NO_COLOR").is_some() => ("never".to_owned(), of_variable("NO_COLOR")),
        None => (color, Origin::Default),
    };
    let ssh = set(jobtop_client::ssh::PROGRAM).unwrap_or_else(|| "ssh".to_owned());
    let grace = set("JOBTOP_CANCEL_GRACE").unwrap_or_else(|| "10".to_owned());
    let switch = |id: &str| {
        shown(
            id,
            json!(given(matches, id, None).is_some()),
            flag(id, None),
        )
    };
    Ok(vec![
        shown("target", json!(target), target_origin),
        shown("token", token, token_origin),
        shown(
            "fingerprint",
            json!(fingerprint),
            fingerprint.map_or(Origin::Default, |_| {
                flag("fingerprint", Some("JOBTOP_FINGERPRINT"))
            }),
        ),
        shown("color", json!(color), color_origin),
        shown("ssh", json!(ssh), of_variable(jobtop_client::ssh::PROGRAM)),
        shown(
            "cancel_grace",
            json!(grace),
            of_variable("JOBTOP_CANCEL_GRACE"),
        ),
        switch("read_only"),
        switch("poll"),
    ])
}

fn shown(name: impl Into<String>, value: Value, origin: Origin) -> Shown {
    Shown {
        name: name.into(),
        value,
        origin,
    }
}

/// Whether the command line or the environment says it, before the command or after it.
fn given(matches: &ArgMatches, id: &str, variable: Option<&str>) -> Option<Origin> {
    let mut level = Some(matches);
    let mut found = None;
    while let Some(matches) = level {
        let knows = matches.try_contains_id(id).unwrap_or(false);
        match knows.then(|| matches.value_source(id)).flatten() {
            Some(ValueSource::CommandLine) => {
                return Some(Origin::Flag(format!("--{}", id.replace('_', "-"))));
            }
            Some(ValueSource::EnvVariable) => {
                found = variable.map(|name| Origin::Variable(name.to_owned()));
            }
            _ => {}
        }
        level = matches.subcommand().map(|(_, below)| below);
    }
    found
}
