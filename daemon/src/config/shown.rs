//! Every setting as it counts, with where it comes from: what `jobtop config show` says. What a file has is found in its text
//! by name, so that a setting that is new in the file is shown as soon as it is written there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;
use hyper::Uri;
use jobtop_core::alert::Rule;
use jobtop_core::settings::Spot;
use serde_json::{Value, json};
use toml::de::DeTable;

use super::{Settings, duration};
use crate::cli::Auth;

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// An option of the command line, as it is written.
    Flag(String),
    /// A variable of the environment.
    Variable(String),
    /// A file.
    File {
        /// Which.
        path: PathBuf,
        /// Where in it.
        spot: Spot,
    },
    /// Nobody said anything else.
    Default,
}

/// A setting.
#[derive(Clone, PartialEq, Debug)]
pub struct Shown {
    /// Its name in the file, with those of its tables before it.
    pub name: String,
    /// Its value, as the file would say it; null where there is none.
    pub value: Value,
    /// Where that comes from.
    pub origin: Origin,
}

/// By name, with dots between it and the tables it stands in, where the value of each key of a file stands, and what it is.
/// Nothing for a text that is no TOML.
#[must_use]
pub fn written(text: &str) -> BTreeMap<String, (Spot, Value)> {
    let mut found = BTreeMap::new();
    let (Ok(places), Ok(values)) = (DeTable::parse(text), toml::from_str::<Value>(text)) else {
        return found;
    };
    collect(text, places.get_ref(), &values, "", &mut found);
    found
}

fn collect(
    text: &str,
    table: &DeTable<'_>,
    values: &Value,
    before: &str,
    found: &mut BTreeMap<String, (Spot, Value)>,
) {
    for (key, place) in table {
        let value = values.get(key.get_ref().as_ref()).unwrap_or(&Value::Null);
        let name = format!("{before}{}", key.get_ref());
        if let Some(below) = place.get_ref().as_table() {
            collect(text, below, value, &format!("{name}."), found);
        } else {
            let spot = Spot::of(text, key.span().start);
            found.insert(name, (spot, value.clone()));
        }
    }
}

/// The settings that can be said on the command line: their names in the file and in clap.
const OPTIONS: [(&str, &str); 9] = [
    ("socket", "--socket"),
    ("data_dir", "--data-dir"),
    ("listen", "--listen"),
    ("auth", "--auth"),
    ("allow_origin", "--allow-origin"),
    ("allow_host", "--allow-host"),
    ("tls_cert", "--tls-cert"),
    ("tls_key", "--tls-key"),
    ("retention", "--retention"),
];

/// All of them, in the order of the manual.
pub(crate) fn list(settings: &Settings, matches: &ArgMatches, file: Option<&Path>) -> Vec<Shown> {
    let text = file.and_then(|path| fs::read_to_string(path).ok());
    let mut written = written(text.as_deref().unwrap_or_default());
    let mut all = Vec::new();
    for (name, value) in values(settings) {
        let found = written.remove(&name);
        let option = OPTIONS.iter().find(|(known, _)| *known == name);
        let given = option.and_then(|(_, flag)| given(matches, flag));
        let origin = match (given, found, file) {
            (Some(origin), ..) => origin,
            (None, Some((spot, _)), Some(path)) => Origin::File {
                path: path.to_owned(),
                spot,
            },
            _ => Origin::Default,
        };
        all.push(Shown {
            name,
            value,
            origin,
        });
    }
    for (name, (spot, value)) in written {
        let path = file.unwrap_or(Path::new("")).to_owned();
        all.push(Shown {
            value: without_secrets(&name, value),
            name,
            origin: Origin::File { path, spot },
        });
    }
    all
}

/// Whether the command line or the environment says it.
fn given(matches: &ArgMatches, flag: &str) -> Option<Origin> {
    let id = flag.trim_start_matches('-').replace('-', "_");
    match matches.value_source(&id)? {
        ValueSource::CommandLine => Some(Origin::Flag(flag.to_owned())),
        ValueSource::EnvVariable => Some(Origin::Variable(format!(
            "JOBTOPD_{}",
            id.to_ascii_uppercase()
        ))),
        _ => None,
    }
}

/// The values by name.
fn values(settings: &Settings) -> Vec<(String, Value)> {
    let path = |path: &Path| json!(path.as_os_str().to_string_lossy());
    let of_certificate = |part: fn(&super::Certificate) -> &PathBuf| {
        settings.certificate.as_ref().map(|both| path(part(both)))
    };
    let auth = match settings.auth {
        Auth::Token => "token",
        Auth::None => "none",
    };
    let listen: Vec<String> = settings
        .listen
        .iter()
        .map(|listen| match listen.tls {
            None => listen.addr.to_string(),
            Some(tls) => format!("http{}://{}", if tls { "s" } else { "" }, listen.addr),
        })
        .collect();
    let roles: Vec<&str> = settings
        .remote_commands
        .iter()
        .map(|role| role.word())
        .collect();
    let commands = if settings.commands { "own" } else { "off" };
    let mut all: Vec<(String, Value)> = [
        ("socket", path(&settings.socket.path)),
        (
            "socket_mode",
            json!(format!("{:04o}", settings.socket_mode.bits())),
        ),
        ("data_dir", path(&settings.data_dir.path)),
        ("listen", json!(listen)),
        ("auth", json!(auth)),
        ("allow_origin", json!(settings.allow_origin)),
        ("allow_host", json!(settings.allow_host)),
        (
            "tls_cert",
            of_certificate(|both| &both.cert).unwrap_or_default(),
        ),
        (
            "tls_key",
            of_certificate(|both| &both.key).unwrap_or_default(),
        ),
        ("retention", time(settings.times.retention_ms)),
        ("lost_after", time(settings.times.lost_after_ms)),
        ("cancel_grace", time(settings.cancel_grace_ms)),
        ("feed", json!(settings.feed)),
        ("commands", json!(commands)),
        ("remote_commands", json!(roles)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    for (name, policy) in &settings.queues {
        if let Some(slots) = policy.slots {
            all.push((format!("queues.{name}.slots"), json!(slots)));
        }
        all.push((format!("queues.{name}.paused"), json!(policy.paused)));
    }
    for rule in Rule::ALL {
        let setting = settings.alerts.of(rule, None);
        let mut add =
            |name: &str, value| all.push((format!("alerts.{}.{name}", rule.word()), value));
        add("on", json!(setting.on));
        add("above", number(setting.above));
        // Where the rule counts.
        if setting.within_ms > 0 {
            add("within", time(setting.within_ms));
        }
        if setting.least > 0 {
            add("least", json!(setting.least));
        }
    }
    for (name, limit) in settings.limits.named() {
        let value = if name.ends_with("_time") {
            time(limit)
        } else {
            json!(limit)
        };
        all.push((format!("limits.{name}"), value));
    }
    all
}

/// Without a point where there is nothing behind it.
fn number(value: f64) -> Value {
    if value.fract().abs() > 0.0 {
        json!(value)
    } else {
        json!(value as u64)
    }
}

/// The path of a webhook is a secret with many who offer one.
fn without_secrets(name: &str, value: Value) -> Value {
    let in_table = name.strip_prefix("hooks.");
    let is_url = in_table
        .and_then(|name| name.rsplit_once('.'))
        .map(|(_, last)| last == "url");
    let Some(url) = value.as_str().filter(|_| is_url == Some(true)) else {
        return value;
    };
    let uri: Option<Uri> = url.parse().ok();
    let parts = uri.as_ref().map(|uri| (uri.scheme_str(), uri.authority()));
    match parts {
        Some((Some(scheme), Some(authority))) => json!(format!("{scheme}://{authority}/\u{2026}")),
        _ => json!("given, and not shown"),
    }
}

fn time(ms: u64) -> Value {
    json!(duration::say(ms))
}

impl Origin {
    /// The variable or the flag alone, the file with the place in it, or `default`.
    #[must_use]
    pub fn say(&self) -> String {
        match self {
            Self::Flag(flag) => flag.clone(),
            Self::Variable(name) => format!("${name}"),
            Self::File { path, spot } => {
                let name = path.file_name().map(OsStr::to_string_lossy);
                format!("{}, line {}", name.unwrap_or_default(), spot.line)
            }
            Self::Default => "default".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found_in_its_place() {
        let text = "feed = false\n[limits]\n  nesting = 8\n[queues.\"a.b\"]\nslots = 2\n[queues]\nc = {paused = true}\n";
        let found: Vec<(String, usize, usize, Value)> = written(text)
            .into_iter()
            .map(|(name, (spot, value))| (name, spot.line, spot.column, value))
            .collect();
        assert_eq!(
            found,
            [
                ("feed".to_owned(), 1, 1, json!(false)),
                ("limits.nesting".to_owned(), 3, 3, json!(8)),
                ("queues.a.b.slots".to_owned(), 5, 1, json!(2)),
                ("queues.c.paused".to_owned(), 7, 6, json!(true)),
            ]
        );
        assert_eq!(written("feed ="), BTreeMap::new());
    }

    #[test]
    fn the_path_of_a_webhook_is_not_shown() {
        let name = "hooks.chat.url";
        for (given, shown) in [
            (
                "https://chat.example/hush/1",
                "https://chat.example/\u{2026}",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/\u{2026}"),
            ("hush hush", "given, and not shown"),
        ] {
            assert_eq!(without_secrets(name, json!(given)), json!(shown));
        }
        assert_eq!(without_secrets("hooks.a.on", json!("x/y")), json!("x/y"));
    }

    #[test]
    fn every_setting_that_can_be_an_option_names_one() {
        use clap::CommandFactory;
        let command = crate::cli::Cli::command();
        for (name, flag) in OPTIONS {
            let arg = command
                .get_arguments()
                .find(|arg| arg.get_long() == Some(flag.trim_start_matches('-')))
                .unwrap_or_else(|| panic!("{flag}"));
            assert_eq!(arg.get_id().as_str(), name);
            let variable = format!("JOBTOPD_{}", name.to_ascii_uppercase());
            assert_eq!(arg.get_env().unwrap().to_str(), Some(variable.as_str()));
        }
    }
}
