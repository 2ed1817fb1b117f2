//! `jobtopd.toml`: read whole, every key known, every mistake named with its line.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jobtop_core::access::Role;
use jobtop_core::policy::{Limits, Times};
use jobtop_core::proto::read::MAX_DEPTH;
use jobtop_core::query::nearest;
use jobtop_core::queue::{self, Policy};
use jobtop_core::text;
use serde::Deserialize;
use toml::Spanned;

use super::address::Listen;
use super::mode::{self, Mode};
use super::{address, duration, hooks};
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
        let line = span.map(|span| {
            let before = self.text.get(..span.start).unwrap_or(self.text);
            before.matches('\n').count() + 1
        });
        Failure::Setting {
            from: match line {
                Some(line) => format!("{}, line {line}", self.name),
                None => self.name.to_owned(),
            },
            what,
            hint,
        }
    }

    fn grammar(&self, error: &toml::de::Error) -> Failure {
        let said = text::clean_within(error.message(), 300);
        // serde's own sentence; its names stand in back quotes: the stranger first, then the known ones.
        let mut quoted = said.split('`').skip(1).step_by(2);
        let (what, hint) = match quoted.next() {
            Some(stranger) if said.starts_with("unknown field") => {
                let known: Vec<&str> = quoted.collect();
                (
                    format!("there is no setting {stranger}"),
                    match nearest(stranger, known.iter().copied()) {
                        Some(name) => format!("Did you mean {name}?"),
                        None => format!("Here there are {}", known.join(", ")),
                    },
                )
            }
            _ => (
                said.replace('\n', ", "),
                "The file is TOML; jobtop-config(5) lists its settings".to_owned(),
            ),
        };
        self.wrong(error.span(), what, hint)
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
    fn the_manual_knows_every_setting() {
        let manual = include_str!("../../../man/jobtop-config.5");
        for text in [
            "stranger = 1",
            "[limits]\nstranger = 1",
            "[hooks.a]\nstranger = 1",
        ] {
            let error = toml::from_str::<Raw>(text).unwrap_err();
            // serde lists what it knows; the stranger comes first.
            for name in error.message().split('`').skip(1).step_by(2).skip(1) {
                assert!(manual.contains(name), "{name}");
            }
        }
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, says, hints) in [
            (
                "\nretenton = \"7d\"",
                "f, line 2: there is no setting retenton",
                "Did you mean retention?",
            ),
            (
                "colour = 1",
                "f, line 1: there is no setting colour",
                "Here there are",
            ),
            (
                "[limits]\nbody_byte = 5",
                "f, line 2: there is no setting body_byte",
                "Did you mean body_bytes?",
            ),
            ("retention = 30", "f, line 1: invalid type", "TOML"),
            (
                "retention = \"30\"",
                "f, line 1: \"30\" has no unit",
                "like 30d",
            ),
            ("a = 1\na = 2", "f, line 2: duplicate key", "TOML"),
            ("retention = ", "f, line 1: ", "TOML"),
            ("auth = \"maybe\"", "f, line 1: unknown variant", "TOML"),
            (
                "listen = [\n\"x\"]",
                "f, line 2: \"x\" is no address",
                "127.0.0.1:7411",
            ),
            (
                "[limits]\n\nbody_bytes = 3",
                "f, line 3: 3 is out of range",
                "Choose 1024 to",
            ),
            (
                "socket_mode = \"0777\"",
                "f, line 1: \"0777\" is no mode of a socket",
                "\"0666\" for everybody",
            ),
            ("[limits]\nsubscriptions = -1", "f, line 2: ", ""),
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
