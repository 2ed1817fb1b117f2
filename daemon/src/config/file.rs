//! `jobtopd.toml`: read whole, every key known, every mistake named with its line and column.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jobtop_core::access::Role;
use jobtop_core::alert::Rules;
use jobtop_core::policy::{Limits, Times};
use jobtop_core::proto::read::MAX_DEPTH;
use jobtop_core::queue::{self, Policy};
use jobtop_core::settings::{self, Spot};
use jobtop_core::text;
use serde::Deserialize;
use toml::Spanned;

use super::address::Listen;
use super::mode::{self, Mode};
use super::{address, alerts, duration, hooks};
use crate::cli::Auth;
use crate::exit::Failure;

/// The time between SIGTERM and SIGKILL.
const CANCEL_GRACE_MS: u64 = 10_000;

/// The file, checked; what it does not say is the default.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) socket: Option<PathBuf>,
    pub(super) socket_mode: Mode,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) listen: Vec<Listen>,
    pub(super) auth: Option<Auth>,
    pub(super) allow_origin: Vec<String>,
    pub(super) allow_host: Vec<String>,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) times: Times,
    pub(super) limits: Limits,
    pub(super) queues: BTreeMap<Arc<str>, Policy>,
    pub(super) commands: Option<Commands>,
    pub(super) remote_commands: Vec<Role>,
    pub(super) feed: bool,
    pub(super) alerts: Rules,
    pub(super) cancel_grace_ms: u64,
    pub(super) hooks: Vec<hooks::Placed>,
}

/// Whose commands are run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Commands {
    /// Those of the daemon's own account.
    Own,
    /// Nobody's.
    Off,
}

impl Default for Checked {
    fn default() -> Self {
        Self {
            socket: None,
            socket_mode: Mode::default(),
            data_dir: None,
            listen: Vec::new(),
            auth: None,
            allow_origin: Vec::new(),
            allow_host: Vec::new(),
            tls_cert: None,
            tls_key: None,
            times: Times::default(),
            limits: Limits::default(),
            queues: BTreeMap::new(),
            commands: None,
            remote_commands: Vec::new(),
            feed: true,
            alerts: Rules::default(),
            cancel_grace_ms: CANCEL_GRACE_MS,
            hooks: Vec::new(),
        }
    }
}

/// The file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    socket: Option<PathBuf>,
    socket_mode: Option<Spanned<String>>,
    data_dir: Option<PathBuf>,
    listen: Vec<Spanned<String>>,
    auth: Option<Auth>,
    allow_origin: Vec<Spanned<String>>,
    allow_host: Vec<Spanned<String>>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    retention: Option<Spanned<String>>,
    lost_after: Option<Spanned<String>>,
    cancel_grace: Option<Spanned<String>>,
    commands: Option<Commands>,
    remote_commands: Vec<Role>,
    feed: Option<bool>,
    alerts: alerts::Raw,
    queues: BTreeMap<Spanned<String>, RawQueue>,
    limits: RawLimits,
    hooks: BTreeMap<Spanned<String>, hooks::Raw>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawQueue {
    slots: Option<Spanned<u64>>,
    paused: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLimits {
    message_bytes: Option<Spanned<u64>>,
    fragments: Option<Spanned<u64>>,
    body_bytes: Option<Spanned<u64>>,
    nesting: Option<Spanned<u64>>,
    config_bytes: Option<Spanned<u64>>,
    log_bytes: Option<Spanned<u64>>,
    pending_jobs: Option<Spanned<u64>>,
    live_jobs: Option<Spanned<u64>>,
    subscriptions: Option<Spanned<u64>>,
    requests_per_second: Option<Spanned<u64>>,
    connections: Option<Spanned<u64>>,
    connections_per_address: Option<Spanned<u64>>,
    handshake_time: Option<Spanned<String>>,
    head_time: Option<Spanned<String>>,
}

/// Reads the file. One that need not be there and is not says nothing.
pub(super) fn read(path: &Path, must_exist: bool) -> Result<Checked, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => check(&text, &path.display().to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => Ok(Checked::default()),
        Err(source) => Err(Failure::ConfigUnreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

pub(super) fn check(text: &str, name: &str) -> Result<Checked, Failure> {
    let page = Page { text, name };
    let raw: Raw = toml::from_str(text).map_err(|error| page.grammar(&error))?;
    let mut times = Times::default();
    page.time(raw.retention.as_ref(), &mut times.retention_ms)?;
    page.time(raw.lost_after.as_ref(), &mut times.lost_after_ms)?;
    let mut cancel_grace_ms = CANCEL_GRACE_MS;
    page.time(raw.cancel_grace.as_ref(), &mut cancel_grace_ms)?;
    let mut limits = Limits::default();
    let given = &raw.limits;
    let kib = 1024;
    for (given, least, most, limit) in [
        (
            &given.message_bytes,
            kib,
            64 * kib * kib,
            &mut limits.message_bytes,
        ),
        (
            &given.body_bytes,
            kib,
            64 * kib * kib,
            &mut limits.body_bytes,
        ),
        (&given.fragments, 1, 1_000_000, &mut limits.fragments),
        (&given.nesting, 4, MAX_DEPTH, &mut limits.nesting),
        (&given.config_bytes, 2, kib * kib, &mut limits.config_bytes),
        (
            &given.log_bytes,
            64 * kib,
            64 * kib * kib * kib,
            &mut limits.log_bytes,
        ),
        (&given.pending_jobs, 1, 1_000_000, &mut limits.pending_jobs),
        (&given.live_jobs, 1, 1_000_000, &mut limits.live_jobs),
        (&given.subscriptions, 1, 100_000, &mut limits.subscriptions),
        (
            &given.requests_per_second,
            1,
            1_000_000,
            &mut limits.requests_per_second,
        ),
        (&given.connections, 1, 1_000_000, &mut limits.connections),
        (
            &given.connections_per_address,
            1,
            1_000_000,
            &mut limits.connections_per_address,
        ),
    ] {
        page.count(given.as_ref(), least..most + 1, limit)?;
    }
    page.time(given.handshake_time.as_ref(), &mut limits.handshake_ms)?;
    page.time(given.head_time.as_ref(), &mut limits.head_ms)?;
    let mut queues = BTreeMap::new();
    for (name, given) in &raw.queues {
        if !queue::is_name(name.get_ref()) {
            return Err(page.wrong(
                Some(name.span()),
                format!(
                    "{:?} is no name of a queue",
                    text::clean_within(name.get_ref(), 60)
                ),
                "Use 1 to 64 letters, digits or _.-".to_owned(),
            ));
        }
        let mut slots = 0;
        page.count(
            given.slots.as_ref(),
            0..queue::MAX_SLOTS as usize + 1,
            &mut slots,
        )?;
        let policy = Policy {
            slots: given.slots.as_ref().map(|_| slots as u32),
            paused: given.paused,
        };
        queues.insert(name.get_ref().as_str().into(), policy);
    }
    Ok(Checked {
        queues,
        commands: raw.commands,
        remote_commands: raw.remote_commands,
        feed: raw.feed.unwrap_or(true),
        alerts: alerts::check(&raw.alerts)
            .map_err(|wrong| page.wrong(Some(wrong.at), wrong.what, wrong.hint))?,
        listen: page.each(&raw.listen, address::listen)?,
        allow_origin: page.each(&raw.allow_origin, address::origin)?,
        allow_host: page.each(&raw.allow_host, address::host)?,
        tls_cert: raw.tls_cert,
        tls_key: raw.tls_key,
        socket: raw.socket,
        socket_mode: page.mode(raw.socket_mode.as_ref())?,
        data_dir: raw.data_dir,
        auth: raw.auth,
        times,
        limits,
        cancel_grace_ms,
        hooks: hooks::check(&page, &raw.hooks)?,
    })
}

/// The text, to say where in it a mistake is.
pub(super) struct Page<'a> {
    text: &'a str,
    name: &'a str,
}

impl Page<'_> {
    pub(super) fn wrong(&self, span: Option<Range<usize>>, what: String, hint: String) -> Failure {
        Failure::Setting {
            from: match span {
                Some(span) => format!("{}, {}", self.name, Spot::of(self.text, span.start)),
                None => self.name.to_owned(),
            },
            what,
            hint,
        }
    }

    fn grammar(&self, error: &toml::de::Error) -> Failure {
        let mistake = settings::explained(error.message());
        self.wrong(error.span(), mistake.what, mistake.hint)
    }

    pub(super) fn time(
        &self,
        given: Option<&Spanned<String>>,
        time: &mut u64,
    ) -> Result<(), Failure> {
        if let Some(given) = given {
            *time = duration::parse(given.get_ref()).map_err(|wrong| {
                self.wrong(
                    Some(given.span()),
                    wrong.to_string(),
                    duration::HINT.to_owned(),
                )
            })?;
        }
        Ok(())
    }

    fn mode(&self, given: Option<&Spanned<String>>) -> Result<Mode, Failure> {
        let Some(given) = given else {
            return Ok(Mode::default());
        };
        Mode::read(given.get_ref()).ok_or_else(|| {
            self.wrong(
                Some(given.span()),
                format!(
                    "{:?} is no mode of a socket",
                    text::clean_within(given.get_ref(), 60)
                ),
                mode::HINT.to_owned(),
            )
        })
    }

    fn count(
        &self,
        given: Option<&Spanned<u64>>,
        range: Range<usize>,
        limit: &mut usize,
    ) -> Result<(), Failure> {
        let Some(given) = given else { return Ok(()) };
        match usize::try_from(*given.get_ref()) {
            Ok(count) if range.contains(&count) => {
                *limit = count;
                Ok(())
            }
            _ => Err(self.wrong(
                Some(given.span()),
                format!("{} is out of range", given.get_ref()),
                format!("Choose {} to {}", range.start, range.end - 1),
            )),
        }
    }

    fn each<T>(
        &self,
        given: &[Spanned<String>],
        read: impl Fn(&str) -> Result<T, address::Wrong>,
    ) -> Result<Vec<T>, Failure> {
        given
            .iter()
            .map(|text| {
                read(text.get_ref())
                    .map_err(|wrong| self.wrong(Some(text.span()), wrong.what, wrong.hint))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use jobtop_core::alert::Rule;

    use super::*;

    #[test]
    fn what_a_file_can_say() {
        let checked = check(
            "retention = \"7d\"\nlost_after = '90s'\nlisten = [\"127.0.0.1:0\"]\nauth = \"none\"\n\
             allow_origin = [\"http://localhost:5173\"]\nsocket = \"/run/x\"\n\
             cancel_grace = \"5s\"\n[limits]\nsubscriptions = 7\n",
            "f",
        )
        .unwrap();
        assert_eq!(checked.times.retention_ms, 7 * 86_400_000);
        assert_eq!(checked.times.lost_after_ms, 90_000);
        assert_eq!(checked.listen[0].addr, "127.0.0.1:0".parse().unwrap());
        assert_eq!(checked.auth, Some(Auth::None));
        assert_eq!(checked.limits.subscriptions, 7);
        assert_eq!(checked.cancel_grace_ms, 5_000);
        assert_eq!(check("", "f").unwrap().times, Times::default());
    }

    #[test]
    fn the_manual_and_the_sample_know_every_setting() {
        let manual = include_str!("../../../man/jobtop-config.5");
        let sample = include_str!("../../jobtopd.toml.sample");
        for table in [
            "",
            "limits",
            "queues.x",
            "alerts",
            "alerts.stalled",
            "hooks.x",
        ] {
            let text = match table {
                "" => "stranger = 1".to_owned(),
                table => format!("[{table}]\nstranger = 1"),
            };
            let error = toml::from_str::<Raw>(&text).unwrap_err();
            // serde lists what it knows; the stranger comes first.
            for name in error.message().split('`').skip(1).step_by(2).skip(1) {
                assert!(manual.contains(name), "{name}");
                // What a rule of the alerts takes stands in braces behind its name.
                let is_said = sample.lines().any(|line| {
                    line.starts_with(&format!("#{name} = "))
                        || line.starts_with(&format!("#[{name}"))
                        || line.starts_with('#') && line.contains(&format!(" {name} = "))
                });
                assert!(is_said, "the sample does not say {name}");
            }
        }
    }

    #[test]
    fn the_sample_says_the_defaults() {
        let sample = include_str!("../../jobtopd.toml.sample");
        assert!(check(sample, "f").is_ok(), "it says nothing as it is");
        // Prose has a blank behind its sign, settings have none.
        let whole: Vec<&str> = sample
            .lines()
            .map(|line| {
                line.strip_prefix('#')
                    .filter(|rest| !rest.starts_with(' '))
                    .unwrap_or(line)
            })
            .collect();
        // The one file that it names is not here.
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "hush").unwrap();
        let here = secret.path().to_str().unwrap();
        let whole = whole.join("\n").replace("/etc/jobtop/chat.secret", here);
        let said = check(&whole, "f").unwrap();
        let default = Checked::default();
        assert_eq!(said.limits, default.limits);
        assert_eq!(said.times, default.times);
        assert_eq!(said.cancel_grace_ms, default.cancel_grace_ms);
        assert_eq!(said.socket_mode, default.socket_mode);
        assert_eq!(said.feed, default.feed);
        assert_eq!(said.auth, Some(Auth::default()));
        for rule in Rule::ALL {
            let of = |rules: &Rules| rules.of(rule, Some("any"));
            assert_eq!(of(&said.alerts), of(&default.alerts), "{rule:?}");
        }
        assert_eq!(said.hooks.len(), 2);
        assert!(said.tls_key.is_some() && !said.queues.is_empty());
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, says, hints) in [
            (
                "\nretenton = \"7d\"",
                "f, line 2, column 1: there is no setting retenton",
                "Did you mean retention?",
            ),
            (
                "colour = 1",
                "f, line 1, column 1: there is no setting colour",
                "Here there are",
            ),
            (
                "[limits]\nbody_byte = 5",
                "f, line 2, column 1: there is no setting body_byte",
                "Did you mean body_bytes?",
            ),
            (
                "retention = 30",
                "f, line 1, column 13: 30 stands where a text belongs",
                "in quotes",
            ),
            (
                "[alerts]\nfailure_rate = { above = \"10 %\" }",
                "f, line 2, column 26: the text \"10 %\" stands where a number belongs",
                "a number, like 0.1",
            ),
            (
                "[alerts]\nqueue_depth = { on = 1 }",
                "f, line 2, column 22: 1 stands where true or false belongs",
                "without quotes",
            ),
            (
                "[alerts]\noverdue = { least = -1 }",
                "f, line 2, column 21: -1 stands where a whole number belongs",
                "like 10",
            ),
            (
                "[alerts]\nstalled = false",
                "f, line 2, column 11: false stands where a section belongs",
                "{ on = false }",
            ),
            (
                "[alerts]\ndisk = { above = 1 }",
                "f, line 2, column 18: 1 is no threshold for disk",
                "on = false switches it off",
            ),
            (
                "retention = \"30\"",
                "f, line 1, column 13: \"30\" has no unit",
                "like 30d",
            ),
            ("a = 1\na = 2", "f, line 2, column 1: duplicate key", "TOML"),
            ("retention = ", "f, line 1, column 13: ", "TOML"),
            (
                "auth = \"tokn\"",
                "f, line 1, column 8: there is no value tokn",
                "Did you mean token?",
            ),
            (
                "remote_commands = [\"user\", \"admn\"]",
                "f, line 1, column 28: there is no value admn",
                "Did you mean admin?",
            ),
            (
                "listen = [\n\"x\"]",
                "f, line 2, column 1: \"x\" is no address",
                "127.0.0.1:7411",
            ),
            (
                "[limits]\n\nbody_bytes = 3",
                "f, line 3, column 14: 3 is out of range",
                "Choose 1024 to",
            ),
            (
                "socket_mode = \"0777\"",
                "f, line 1, column 15: \"0777\" is no mode of a socket",
                "\"0666\" for everybody",
            ),
            ("[limits]\nsubscriptions = -1", "f, line 2, column 17: ", ""),
        ] {
            let failure = check(text, "f").unwrap_err();
            let said = failure.to_string();
            assert!(said.starts_with(says), "{text:?}: {said}");
            assert!(
                failure.hint().contains(hints),
                "{text:?}: {}",
                failure.hint()
            );
            assert!(!said.contains('\n'), "{said}");
        }
    }
}
