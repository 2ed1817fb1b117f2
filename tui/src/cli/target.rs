//! Which daemon a command speaks to, and how its answers become exit codes.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jobtop_client::Endpoint;
use jobtop_client::endpoint::{BadEndpoint, Port, Token};
use jobtop_client::known::Known;
use jobtop_client::rest::{CallError, Rest};
use jobtop_client::tls::{BadFingerprint, Doubt, Fingerprint, Trust};
use jobtop_core::proto::body::Problem;
use jobtop_core::query::nearest;
use jobtop_core::text;
use jobtop_runner::attend::SECRET;

use crate::cli::{Global, print};
use crate::config;
use crate::exit::{Failure, Said};

/// What to do when nobody answers.
const START: &str =
    "Start the local daemon with `jobtop daemon start`, or name another with --target";

/// The daemon that the command line names, or the local one.
pub(crate) fn endpoint(global: &Global) -> Result<Endpoint, Failure> {
    match given(global)? {
        Some(endpoint) => Ok(endpoint),
        None => local(),
    }
}

/// The daemon that the command line or the environment names, if they do.
pub(crate) fn given(global: &Global) -> Result<Option<Endpoint>, Failure> {
    let given = global.target.as_deref().filter(|target| !target.is_empty());
    given
        .map(|target| parse(target, global, Alone::Yes))
        .transpose()
}

/// Whether a target is the only one that is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alone {
    /// A token or fingerprint of the command line or the environment is for it, whatever the configuration says.
    Yes,
    /// What the configuration has for it goes first: another's is none of its business.
    No,
}

/// Reads a target: where it is, what says who we are there, and whose certificate is believed.
pub(crate) fn parse(target: &str, global: &Global, alone: Alone) -> Result<Endpoint, Failure> {
    let named = named(target)?;
    let mut endpoint = match &named {
        Some(named) => named.endpoint.clone(),
        None => target
            .parse()
            .map_err(|bad: BadEndpoint| Failure::usage(bad.to_string()))?,
    };
    if let Endpoint::Tcp(port) = &mut endpoint {
        port.token = token(global, named.as_ref(), alone)?;
        if port.token.is_some() && !port.is_private() {
            return Err(Failure::usage(format!(
                "A token would be readable by everybody on the way to ws://{}",
                port.authority()
            ))
            .hint("Use wss:// or ssh:// before the host"));
        }
        if port.tls.is_some() {
            let given = global
                .fingerprint
                .as_deref()
                .filter(|text| !text.is_empty());
            let given = given.map(|text| {
                text.parse()
                    .map_err(|bad: BadFingerprint| Failure::usage(format!("--fingerprint: {bad}")))
            });
            let configured = named.as_ref().and_then(|named| named.fingerprint);
            let said = match (alone, given.transpose()?) {
                (Alone::Yes, given) => given.or(configured),
                (Alone::No, given) => configured.or(given),
            };
            let pinned = match said {
                Some(said) => Some(said),
                None => known(port)?,
            };
            if let Some(pinned) = pinned {
                port.tls = Some(Trust::Pinned(pinned));
            } else {
                introduce(&mut endpoint)?;
            }
        }
    }
    Ok(endpoint)
}

/// The daemons that a target stands for: those of a group, or the one.
pub(crate) fn members(target: &str) -> Result<Vec<String>, Failure> {
    if !config::is_target_name(target) {
        return Ok(vec![target.to_owned()]);
    }
    let groups = config::read()?.groups;
    Ok(groups
        .get(target)
        .cloned()
        .unwrap_or_else(|| vec![target.to_owned()]))
}

/// What the configuration knows by that name.
fn named(target: &str) -> Result<Option<config::Target>, Failure> {
    if !config::is_target_name(target) {
        return Ok(None);
    }
    let config = config::read()?;
    if let Some(found) = config.targets.get(target) {
        return Ok(Some(found.clone()));
    }
    if config.groups.contains_key(target) {
        return Err(Failure::usage(format!(
            "{target} is a group of targets, and one is needed here"
        ))
        .hint("`jobtop attach` takes a group"));
    }
    let hint = match nearest(target, config.targets.keys().map(String::as_str)) {
        Some(near) => format!("Did you mean {near}?"),
        None => format!(
            "Write ssh://{target} or wss://{target}, or name it in config.toml: [targets.{target}]"
        ),
    };
    let shown = text::clean_within(target, 64);
    Err(Failure::usage(format!("There is no target called {shown}")).hint(hint))
}

/// What says who we are.
fn token(
    global: &Global,
    named: Option<&config::Target>,
    alone: Alone,
) -> Result<Option<Token>, Failure> {
    let of_file = |path: &Path| read_token(path).map(Some);
    let configured = named.and_then(|named| named.token_file.as_deref());
    if let (Alone::No, Some(path)) = (alone, configured) {
        return of_file(path);
    }
    if let Some(path) = &global.token_file {
        return of_file(path);
    }
    if let Some(given) = std::env::var_os(SECRET).filter(|given| !given.is_empty()) {
        return Token::new(&given.to_string_lossy())
            .map(Some)
            .map_err(|bad| Failure::usage(format!("{SECRET}: {bad}")));
    }
    configured.map_or(Ok(None), of_file)
}

/// Reads the file of a token, which nobody else may read.
fn read_token(path: &Path) -> Result<Token, Failure> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("The token in {shown} can't be read: {error}"))
            .hint("Have one made by `jobtop token create` on the daemon's machine")
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode();
    if mode & 0o077 != 0 {
        return Err(
            Failure::usage(format!("Others may read the token in {shown}"))
                .hint(format!("Close it with `chmod 600 {shown}`")),
        );
    }
    let mut text = String::new();
    file.by_ref()
        .take(4_096)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Token::new(&text).map_err(|bad| Failure::usage(format!("{shown}: {bad}")))
}

/// What the person's own file knows of a port's certificate.
fn known(port: &Port) -> Result<Option<Fingerprint>, Failure> {
    let found = match Known::own() {
        Some(known) => known.find(&port.authority()),
        None => Ok(None),
    };
    found
        .map(|entry| entry.map(|entry| entry.fingerprint))
        .map_err(|error| {
            Failure::usage(sentence(&error.to_string())).hint("Correct or remove that line")
        })
}

/// Shows the certificate of a daemon that nobody vouches for, and asks whether it is the one that was meant. Where nobody can be
/// asked nothing is believed: connecting will say why.
fn introduce(endpoint: &mut Endpoint) -> Result<(), Failure> {
    let is_somebody_there = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let Some(shown) = is_somebody_there.then(|| doubted(endpoint)).flatten() else {
        return Ok(());
    };
    let Endpoint::Tcp(port) = endpoint else {
        return Ok(());
    };
    let authority = port.authority();
    print::note(&format!(
        "jobtop: the daemon at wss://{authority} is not known here. Its certificate has the fingerprint\n        {shown}\n        \
         jobtopd says its own when it starts, and so does `jobtop daemon status` over there."
    ));
    print::ask("        Is it the same, and shall it be kept? [y/N] ");
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        return Err(Failure::Unreachable(
            Said::new(format!(
                "wss://{authority} is not trusted, so nothing was sent"
            ))
            .hint("Compare the fingerprints, and try again"),
        ));
    }
    if let Some(known) = Known::own() {
        known
            .add(&authority, shown)
            .map_err(|error| Failure::failed(sentence(&error.to_string())))?;
    }
    port.tls = Some(Trust::Pinned(shown));
    Ok(())
}

/// The certificate that a daemon shows, if nobody vouches for it.
fn doubted(endpoint: &Endpoint) -> Option<Fingerprint> {
    let rest = Rest::new(endpoint.clone());
    // On a thread of its own: whoever asks may be on a runtime.
    let asked = std::thread::spawn(move || super::block_on(async { Ok(rest.ready().await) }));
    match asked.join().ok()?.ok()? {
        Err(CallError::Unreachable { source, .. }) => match Doubt::of(&source)? {
            Doubt::Unknown { shown } => Some(shown),
            Doubt::Changed { .. } => None,
        },
        _ => None,
    }
}

/// The local daemon's socket.
pub(crate) fn local() -> Result<Endpoint, Failure> {
    Endpoint::local().map_err(|bad| Failure::usage(bad.to_string()))
}

/// The calls of the daemon that the command line names.
pub(crate) fn rest(global: &Global) -> Result<Rest, Failure> {
    endpoint(global).map(Rest::new)
}

/// What to do about a certificate that is not known.
const UNKNOWN: &str = "Compare it with what jobtopd said when it started; if it is the same, give it with --fingerprint, or let jobtop ask you on a terminal";

/// What to do about a certificate that is another than the one that it was compared with.
fn changed(endpoint: &Endpoint, compared: Fingerprint) -> String {
    let entry = match (endpoint, Known::own()) {
        (Endpoint::Tcp(port), Some(known)) => (known.find(&port.authority()).ok().flatten())
            .filter(|entry| entry.fingerprint == compared)
            .map(|entry| (entry.line, known.path().display().to_string())),
        _ => None,
    };
    match entry {
        Some((line, path)) => format!(
            "If the daemon has a new certificate, which its people can tell, remove line {line} of {path} and try again"
        ),
        None => "--fingerprint, JOBTOP_FINGERPRINT or [targets.NAME] of config.toml says another: if the daemon's people can tell that this is theirs, correct it there".to_owned(),
    }
}

/// What to do about a port that answers, but not in TLS.
const IN_THE_CLEAR: &str = "If it speaks no TLS, say ws:// instead of wss://";

/// The same, when it is somewhere else.
const THERE: &str = "Log in there with ssh, and see what `jobtop daemon status` says; `jobtop daemon start` starts it";

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreachable {
                ref endpoint,
                ref source,
            } => {
                let hint = match (Doubt::of(source), endpoint) {
                    (Some(Doubt::Unknown { .. }), _) => UNKNOWN.to_owned(),
                    (Some(Doubt::Changed { known, .. }), _) => changed(endpoint, known),
                    (None, Endpoint::Unix(_)) => START.to_owned(),
                    (None, Endpoint::Tcp(_)) if source.kind() == ErrorKind::InvalidData => {
                        IN_THE_CLEAR.to_owned()
                    }
                    (None, Endpoint::Ssh(_) | Endpoint::Tcp(_)) => THERE.to_owned(),
                };
                Self::Unreachable(Said::new(sentence(&error.to_string())).hint(hint))
            }
            CallError::Refused(problem) => refused(&problem, &error_text(&problem)),
            CallError::Broken(text) => Self::failed(sentence(&text)),
        }
    }
}

fn error_text(problem: &Problem) -> String {
    if problem.detail.is_empty() {
        format!("The daemon answered {} {}", problem.status, problem.title)
    } else {
        // Which parameter it is, nobody knows who typed a filter.
        sentence(
            problem
                .detail
                .strip_prefix("q: ")
                .unwrap_or(&problem.detail),
        )
    }
}

/// The failure that an error answer means.
fn refused(problem: &Problem, text: &str) -> Failure {
    let said = Said::new(text);
    match (problem.status, problem.code.as_str()) {
        (404, "job_not_found") => {
            Failure::NoSuchJob(said.hint("`jobtop ls` shows the jobs that there are"))
        }
        (401, _) => Failure::NotAllowed(said.hint(
            "Give a token with --token-file FILE or in JOBTOP_TOKEN; `jobtop token create` on the daemon's machine makes one",
        )),
        (403, _) => Failure::NotAllowed(said),
        (404, "no_log") | (409, "not_supported") => Failure::WrongState(said),
        (409, _) => Failure::WrongState(said.hint("`jobtop show ID` says where the job stands")),
        (400, "bad_query") | (422, _) => Failure::Usage(said),
        (429, _) if text.contains("try again") => Failure::Failed(said),
        (429 | 503, _) => Failure::Failed(said.hint("Try again in a moment")),
        _ => Failure::Failed(said),
    }
}

/// With a capital at the beginning, as a sentence of ours stands alone; an address stays as it is.
fn sentence(text: &str) -> String {
    if text
        .split_whitespace()
        .next()
        .is_some_and(|word| word.contains(':'))
    {
        return text.to_owned();
    }
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_an_exit_code() {
        for (status, code, exit) in [
            (404, "job_not_found", 3),
            (404, "not_found", 1),
            (404, "no_log", 5),
            (403, "forbidden", 4),
            (401, "unauthorized", 4),
            (409, "job_finished", 5),
            (409, "not_supported", 5),
            (400, "bad_query", 2),
            (422, "invalid", 2),
            (503, "unavailable", 1),
            (500, "internal", 1),
        ] {
            let problem = Problem {
                kind: String::new(),
                title: String::new(),
                status,
                code: code.to_owned(),
                detail: "no".to_owned(),
            };
            let failure = Failure::from(CallError::Refused(problem));
            assert_eq!(
                (failure.code(), failure.to_string().as_str()),
                (exit, "No"),
                "{code}"
            );
        }
    }
}
