//! `[hooks.NAME]`: who is told of what. A secret is read with the file and shown to nobody.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::Authority;
use jiff::tz::TimeZone;
use jobtop_core::query::{Query, Today, nearest};
use jobtop_core::{queue, text};
use rustix::fs::OFlags;
use serde::Deserialize;
use toml::Spanned;

use super::file::Page;
use crate::clock::Clock;
use crate::exit::Failure;

/// How long an attempt may take, where nothing is said.
const TIMEOUT_MS: u64 = 30_000;
/// The longest that may be said.
const LONGEST_MS: u64 = 3_600_000;
/// A secret is no longer than this.
const SECRET_BYTES: u64 = 4_096;

/// A hook, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hook {
    /// What it is called.
    pub(crate) name: Arc<str>,
    /// What it is told of.
    pub(crate) on: Vec<Occasion>,
    /// Of which jobs; the empty one of all.
    pub(crate) filter: Query,
    /// How it is told.
    pub(crate) way: Way,
    /// How long one attempt may take.
    pub(crate) timeout: Duration,
}

/// What a hook can be told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Occasion {
    /// A job has completed or was cancelled.
    Finished,
    /// A job has failed.
    Failed,
    /// The producer of a job is not heard of any more.
    Stalled,
    /// An alert.
    Alert,
}

impl Occasion {
    /// All of them, as they are listed to people.
    const ALL: [Self; 4] = [Self::Finished, Self::Failed, Self::Stalled, Self::Alert];

    /// The word for it, in the configuration and on the wire.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Stalled => "stalled",
            Self::Alert => "alert",
        }
    }
}

/// How a hook is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Way {
    /// By a program with its words, started without a shell.
    Command(Vec<String>),
    /// By a `POST` to that address, signed with the secret.
    Webhook(Uri, Option<Secret>),
}

/// What a webhook is signed with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A hook, and where it stands.
#[derive(Debug)]
pub(super) struct Placed {
    hook: Hook,
    /// The file and the line.
    place: String,
}

/// A hook as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    on: Vec<Spanned<String>>,
    filter: Option<Spanned<String>>,
    command: Option<Spanned<Vec<String>>>,
    url: Option<Spanned<String>>,
    secret_file: Option<Spanned<PathBuf>>,
    timeout: Option<Spanned<String>>,
}

/// Those that may be where submitted commands are run, or not: where none are, no hook is one either.
pub(super) fn allowed(
    placed: Vec<Placed>,
    commands: bool,
) -> Result<BTreeMap<Arc<str>, Arc<Hook>>, Failure> {
    let mut hooks = BTreeMap::new();
    for Placed { hook, place } in placed {
        if !commands && matches!(hook.way, Way::Command(_)) {
            return Err(Failure::Setting {
                from: place,
                what: format!(
                    "the hook {} is a command, and this daemon runs none",
                    hook.name
                ),
                hint:
                    "Give it a url instead, or set commands = \"own\" for a daemon of one account"
                        .to_owned(),
            });
        }
        hooks.insert(Arc::clone(&hook.name), Arc::new(hook));
    }
    Ok(hooks)
}

/// Checks all of them.
pub(super) fn check(
    page: &Page<'_>,
    raw: &BTreeMap<Spanned<String>, Raw>,
) -> Result<Vec<Placed>, Failure> {
    let today = Today {
        now: Clock::new().now().wall,
        tz: TimeZone::system(),
    };
    raw.iter()
        .map(|(name, raw)| one(page, name, raw, &today))
        .collect()
}

fn one(
    page: &Page<'_>,
    name: &Spanned<String>,
    raw: &Raw,
    today: &Today,
) -> Result<Placed, Failure> {
    let at_name = |what: String, hint: &str| page.wrong(Some(name.span()), what, hint.to_owned());
    let shown = text::clean_within(name.get_ref(), 60);
    if !queue::is_name(name.get_ref()) {
        return Err(at_name(
            format!("{shown:?} is no name of a hook"),
            "Use 1 to 64 letters, digits or _.-",
        ));
    }
    let on = raw
        .on
        .iter()
        .map(|word| occasion(page, word))
        .collect::<Result<Vec<_>, _>>()?;
    if on.is_empty() {
        return Err(at_name(
            format!("the hook {shown} is told of nothing"),
            "Say of what, like on = [\"failed\", \"alert\"]",
        ));
    }
    let filter = match &raw.filter {
        None => Query::default(),
        Some(given) => Query::parse(given.get_ref(), today).map_err(|mistake| {
            page.wrong(
                Some(given.span()),
                format!(
                    "the filter, at character {}: {mistake}",
                    mistake.span.start + 1
                ),
                "jobtop-query(7) says how filters are written".to_owned(),
            )
        })?,
    };
    let way = match (&raw.command, &raw.url) {
        (Some(words), None) => {
            if let Some(secret) = &raw.secret_file {
                return Err(page.wrong(
                    Some(secret.span()),
                    "only what goes to a url is signed".to_owned(),
                    "Leave secret_file out; a command reads its own files".to_owned(),
                ));
            }
            command(page, words)?
        }
        (None, Some(url)) => {
            let secret = raw.secret_file.as_ref();
            let secret = secret.map(|path| secret_in(page, path)).transpose()?;
            Way::Webhook(address(page, url)?, secret)
        }
        (Some(_), Some(_)) => {
            return Err(at_name(
                format!("the hook {shown} has both a command and a url"),
                "Make two hooks of it",
            ));
        }
        (None, None) => {
            return Err(at_name(
                format!("the hook {shown} has neither a command nor a url"),
                "Say how it is told: command = [\"/usr/local/bin/tell\"], or url = \"https://HOST/PATH\"",
            ));
        }
    };
    let mut timeout_ms = TIMEOUT_MS;
    page.time(raw.timeout.as_ref(), &mut timeout_ms)?;
    if let Some(given) = raw.timeout.as_ref().filter(|_| timeout_ms > LONGEST_MS) {
        return Err(page.wrong(
            Some(given.span()),
            format!("{} is too long for one attempt", given.get_ref()),
            "Choose at most 1h".to_owned(),
        ));
    }
    let place = match at_name(String::new(), "") {
        Failure::Setting { from, .. } => from,
        other => other.to_string(),
    };
    Ok(Placed {
        place,
        hook: Hook {
            name: name.get_ref().as_str().into(),
            on,
            filter,
            way,
            timeout: Duration::from_millis(timeout_ms),
        },
    })
}

fn occasion(page: &Page<'_>, given: &Spanned<String>) -> Result<Occasion, Failure> {
    let word = given.get_ref().as_str();
    let words = || Occasion::ALL.into_iter().map(Occasion::word);
    let known = Occasion::ALL.into_iter().find(|one| one.word() == word);
    known.ok_or_else(|| {
        page.wrong(
            Some(given.span()),
            format!(
                "no hook is told of {:?} by this version",
                text::clean_within(word, 60)
            ),
            match nearest(word, words()) {
                Some(right) => format!("Did you mean {right}?"),
                None => format!("There are {}", words().collect::<Vec<_>>().join(", ")),
            },
        )
    })
}

fn command(page: &Page<'_>, given: &Spanned<Vec<String>>) -> Result<Way, Failure> {
    let words = given.get_ref();
    let wrong = |what: String, hint: &str| page.wrong(Some(given.span()), what, hint.to_owned());
    let program = words.first().map_or("", String::as_str);
    if !Path::new(program).is_absolute() {
        return Err(wrong(
            format!("{:?} is no absolute path", text::clean_within(program, 60)),
            "The first word is a program's whole path, like \"/usr/local/bin/tell\"; no shell is in between",
        ));
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Err(wrong(
            "no word of a command has a NUL in it".to_owned(),
            "Leave it out",
        ));
    }
    Ok(Way::Command(words.clone()))
}

fn address(page: &Page<'_>, given: &Spanned<String>) -> Result<Uri, Failure> {
    // Not shown: many a webhook's address is a secret by itself.
    let wrong = |what: &str| {
        page.wrong(
            Some(given.span()),
            what.to_owned(),
            "Write url = \"https://HOST[:PORT]/PATH\"".to_owned(),
        )
    };
    let uri: Uri = given
        .get_ref()
        .parse()
        .map_err(|_| wrong("this is no URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("a webhook's URL begins with https:// or http://"));
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => {
            Err(wrong("a webhook's URL has no user name or password"))
        }
        Some(authority) if !has_port_or_none(authority) => {
            Err(wrong("a port is a number from 1 to 65535"))
        }
        Some(authority) if !authority.host().is_empty() => Ok(uri),
        _ => Err(wrong("this URL names no host")),
    }
}

/// Whether what stands behind the host, if anything does, is a port.
fn has_port_or_none(authority: &Authority) -> bool {
    let behind = authority.as_str().strip_prefix(authority.host());
    behind.is_some_and(str::is_empty) || authority.port_u16().is_some_and(|port| port > 0)
}

fn secret_in(page: &Page<'_>, given: &Spanned<PathBuf>) -> Result<Secret, Failure> {
    let path = given.get_ref();
    read_secret(path).map_err(|why| {
        page.wrong(
            Some(given.span()),
            format!("the secret in {} can't be used: {why}", path.display()),
            format!(
                "Name a file with the secret in it that this account alone can read: chmod 600 {}",
                path.display()
            ),
        )
    })
}

fn read_secret(path: &Path) -> Result<Secret, String> {
    if !path.is_absolute() {
        return Err("it is no absolute path".to_owned());
    }
    let said = |error: std::io::Error| error.to_string();
    let mut file = File::options()
        .read(true)
        // A pipe must not hold the daemon up.
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(said)?;
    let found = file.metadata().map_err(said)?;
    if !found.is_file() {
        return Err("it is no file".to_owned());
    }
    let me = rustix::process::geteuid().as_raw();
    if ![me, 0].contains(&found.uid()) {
        return Err(format!("it belongs to uid {}", found.uid()));
    }
    // Root's group may read what systemd hands over as a credential.
    let others = if found.gid() == 0 { 0o037 } else { 0o077 };
    if found.mode() & others != 0 {
        return Err(format!(
            "others may use it (mode {:04o})",
            found.mode() & 0o7777
        ));
    }
    if found.len() > SECRET_BYTES {
        return Err(format!("it has more than {SECRET_BYTES} bytes"));
    }
    let mut secret = Vec::new();
    file.by_ref()
        .take(SECRET_BYTES)
        .read_to_end(&mut secret)
        .map_err(said)?;
    while secret.last().is_some_and(u8::is_ascii_whitespace) {
        secret.pop();
    }
    if secret.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(Secret(secret))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::file;

    fn checked(text: &str) -> Result<BTreeMap<Arc<str>, Arc<Hook>>, Failure> {
        allowed(file::check(text, "f")?.hooks, true)
    }

    #[test]
    fn a_port_may_be_said() {
        for url in [
            "http://[::1]:7/",
            "http://[::1]/",
            "https://h:65535/x",
            "https://h",
        ] {
            let text = format!("[hooks.a]\non = [\"alert\"]\nurl = \"{url}\"\n");
            assert!(checked(&text).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_a_hook_can_say() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "hush\n").unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let text = format!(
            "[hooks.mail-me]\non = [\"failed\", \"alert\"]\nfilter = \"type:csv_processing\"\n\
             command = [\"/bin/tell\", \"--now\"]\n[hooks.chat]\non = [\"stalled\"]\n\
             url = \"https://chat.example/hook\"\nsecret_file = {secret:?}\ntimeout = \"10s\"\n"
        );
        let hooks = checked(&text).unwrap();
        let mail = &hooks["mail-me"];
        assert_eq!(mail.on, [Occasion::Failed, Occasion::Alert]);
        assert_eq!(mail.filter.to_string(), "type:csv_processing");
        assert_eq!(mail.timeout, Duration::from_secs(30));
        let chat = &hooks["chat"];
        assert_eq!(chat.timeout, Duration::from_secs(10));
        let Way::Webhook(url, Some(kept)) = &chat.way else {
            panic!("{chat:?}");
        };
        assert_eq!(url.host(), Some("chat.example"));
        assert_eq!(kept.0, b"hush");
        assert!(!format!("{hooks:?}").contains("hush"));
        let refused = allowed(file::check(&text, "f").unwrap().hooks, false);
        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains("line 1, column 8: the hook mail-me is a command"),
            "{said}"
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        std::fs::write(&open, "hush").unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
        let signed = |path: &Path| {
            format!("[hooks.a]\non = [\"alert\"]\nurl = \"http://h/\"\nsecret_file = {path:?}")
        };
        for (text, says, hints) in [
            (
                "[hooks.a]\n",
                "line 1: the hook a is told of nothing",
                "on =",
            ),
            (
                "\n[hooks.\"a b\"]\n",
                "line 2: \"a b\" is no name of a hook",
                "letters",
            ),
            (
                "[hooks.a]\non = [\n\"failt\"]",
                "line 3: no hook is told of \"failt\" by this version",
                "Did you mean failed?",
            ),
            (
                "[hooks.a]\non = [\"progress\"]",
                "line 2: no hook is told of \"progress\"",
                "There are finished",
            ),
            (
                "[hooks.a]\non = [\"alert\"]\nfilter = \"user:a stauts:x\"",
                "line 3: the filter, at character 8: ",
                "jobtop-query(7)",
            ),
            (
                "[hooks.a]\non = [\"alert\"]",
                "line 1: the hook a has neither a command nor a url",
                "command =",
            ),
            (
                "[hooks.a]\non = [\"alert\"]\nurl = \"http://h\"\ncommand = [\"/x\"]",
                "line 1: the hook a has both",
                "two hooks",
            ),
            (
                "[hooks.a]\non = [\"alert\"]\ncommand = [\"tell\"]",
                "line 3: \"tell\" is no absolute path",
                "no shell",
            ),
            (
                "[hooks.a]\non = [\"alert\"]\ncommand = []",
                "line 3: \"\" is no absolute path",
                "",
            ),
            (
                "[hooks.a]\non = [\"alert\"]\ncommand = [\"/x\"]\nsecret_file = \"/y\"",
                "line 4: only what goes to a url is signed",
                "",
            ),
            (
                "[hooks.a]\non = [\"alert\"]\nurl = \"ftp://h/\"",
                "line 3: a webhook's URL begins with",
                "https://HOST",
            ),
            (
                "[hooks.a]\non = [\"alert\"]\nurl = \"https://me:hush@h/\"",
                "line 3: a webhook's URL has no user name",
                "",
            ),
            ("[hooks.a]\non = [\"alert\"]\nurl = \"/x\"", "line 3: ", ""),
            (
                "[hooks.a]\non = [\"alert\"]\nurl = \"http://127.0.0.1:99999/x\"",
                "line 3: a port is a number from 1 to 65535",
                "[:PORT]",
            ),
            (
                "[hooks.a]\non = [\"alert\"]\nurl = \"https://[::1]:0/x\"",
                "line 3: a port is a number",
                "",
            ),
            (
                "[hooks.a]\non = [\"alert\"]\nurl = \"http://h\"\ntimeout = \"2h\"",
                "line 4: 2h is too long",
                "1h",
            ),
            (
                "[hooks.a]\non = [\"alert\"]\nretry = 5",
                "line 3: there is no setting retry",
                "Here there are",
            ),
            (&signed(&open), "line 4: the secret in ", "chmod 600"),
            (&signed(Path::new("/no/such")), "line 4: the secret in ", ""),
            (&signed(Path::new("there")), "line 4: the secret in ", ""),
            (&signed(dir.path()), "line 4: the secret in ", ""),
        ] {
            let failure = checked(text).unwrap_err();
            let (said, hint) = (failure.to_string(), failure.hint());
            let (line, rest) = said.split_once(", column ").unwrap();
            let (column, what) = rest.split_once(": ").unwrap();
            assert!(column.parse::<usize>().is_ok(), "{text:?}: {said}");
            let said_without_column = format!("{line}: {what}");
            assert!(
                said_without_column[3..].starts_with(says),
                "{text:?}: {said}"
            );
            assert!(hint.contains(hints), "{text:?}: {hint}");
            assert!(!said.contains("hush"), "{said}");
        }
    }
}
