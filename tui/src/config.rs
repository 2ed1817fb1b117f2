//! `config.toml`: how the screen looks, which keys do what, and the daemons by name. Read whole, every setting known, every mistake named with its
//! line.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jobtop_client::Endpoint;
use jobtop_client::endpoint::BadEndpoint;
use jobtop_client::tls::{BadFingerprint, Fingerprint};
use jobtop_core::query::nearest;
use jobtop_core::settings::{self, Spot};
use jobtop_core::text;
use serde::Deserialize;
use toml::Spanned;

use crate::app::Colours;
use crate::exit::Failure;
use crate::keymap::{Action, Chord, Keymap};

/// What the file says; what it does not say is the default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    /// Which colours mean what.
    pub(crate) colours: Colours,
    /// ASCII alone.
    pub(crate) ascii: bool,
    /// The mouse counts.
    pub(crate) mouse: bool,
    /// The keys.
    pub(crate) keys: Keymap,
    /// Daemons by name.
    pub(crate) targets: BTreeMap<String, Target>,
    /// Several of them by one name.
    pub(crate) groups: BTreeMap<String, Vec<String>>,
}

/// A daemon that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Where it is.
    pub(crate) endpoint: Endpoint,
    /// The file of the token for it.
    pub(crate) token_file: Option<PathBuf>,
    /// The certificate that it has to show.
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// The file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    screen: RawScreen,
    keys: BTreeMap<Spanned<String>, Spanned<Vec<String>>>,
    targets: BTreeMap<Spanned<String>, RawTarget>,
    groups: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    url: Spanned<String>,
    token_file: Option<PathBuf>,
    fingerprint: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawScreen {
    theme: Option<Spanned<String>>,
    ascii: bool,
    mouse: bool,
}

/// The themes that there are.
const THEMES: [(&str, Colours); 2] = [("terminal", Colours::Terminal), ("safe", Colours::Safe)];

/// What the file calls these colours.
pub(crate) fn theme(colours: Colours) -> &'static str {
    THEMES
        .iter()
        .find(|(_, known)| *known == colours)
        .map_or("", |(name, _)| name)
}

/// Reads the file of the person; there need not be one.
pub(crate) fn read() -> Result<Config, Failure> {
    path().map_or_else(|| Ok(Config::default()), |path| of(&path))
}

/// Where that is.
pub(crate) fn path() -> Option<PathBuf> {
    let project = directories::ProjectDirs::from("", "", "jobtop")?;
    Some(project.config_dir().join("config.toml"))
}

fn of(path: &Path) -> Result<Config, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => check(&text, &path.display().to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(Failure::usage(format!(
            "The configuration {} can't be read: {error}",
            path.display()
        ))
        .hint("Make it readable, or remove it")),
    }
}

fn check(text: &str, name: &str) -> Result<Config, Failure> {
    let page = Page { text, name };
    let raw: Raw = toml::from_str(text).map_err(|error| page.grammar(&error))?;
    let colours = match &raw.screen.theme {
        None => Colours::default(),
        Some(theme) => THEMES
            .iter()
            .find(|(name, _)| *name == theme.get_ref())
            .map(|(_, colours)| *colours)
            .ok_or_else(|| {
                let known = THEMES.map(|(name, _)| name).join(" and ");
                let shown = text::clean_within(theme.get_ref(), 40);
                page.wrong(
                    Some(theme.span()),
                    &format!("there is no theme {shown:?}"),
                    &format!("There are {known}"),
                )
            })?,
    };
    let mut changed = BTreeMap::new();
    for (name, chords) in &raw.keys {
        let action = page.action(name)?;
        let chords: Result<Vec<Chord>, Failure> = chords
            .get_ref()
            .iter()
            .map(|chord| {
                chord.parse().map_err(|()| {
                    page.wrong(
                        Some(chords.span()),
                        &format!("{:?} is no key", text::clean_within(chord, 40)),
                        "Keys are written as x, X, Ctrl-x, Alt-x, F5, Enter, Esc, Tab, Space, Up, PgDn",
                    )
                })
            })
            .collect();
        changed.insert(action, chords?);
    }
    let keys = Keymap::with(&changed).map_err(|sentence| {
        let first = raw.keys.keys().next().map(Spanned::span);
        page.wrong(first, &sentence, "Give one of them another key")
    })?;
    let targets = page.targets(raw.targets)?;
    let groups = page.groups(&raw.groups, &targets)?;
    Ok(Config {
        targets,
        groups,
        colours,
        ascii: raw.screen.ascii,
        mouse: raw.screen.mouse,
        keys,
    })
}

/// The text, to say where in it a mistake is.
struct Page<'a> {
    text: &'a str,
    name: &'a str,
}

impl Page<'_> {
    fn wrong(&self, span: Option<Range<usize>>, what: &str, hint: &str) -> Failure {
        let place = span.map_or_else(String::new, |span| {
            format!(", {}", Spot::of(self.text, span.start))
        });
        Failure::usage(format!("{}{place}: {what}", self.name)).hint(hint)
    }

    fn grammar(&self, error: &toml::de::Error) -> Failure {
        let mistake = settings::explained(error.message());
        self.wrong(error.span(), &mistake.what, &mistake.hint)
    }

    fn targets(
        &self,
        raw: BTreeMap<Spanned<String>, RawTarget>,
    ) -> Result<BTreeMap<String, Target>, Failure> {
        let mut targets = BTreeMap::new();
        for (name, raw) in raw {
            self.name_of_target(&name)?;
            let endpoint = raw.url.get_ref().parse().map_err(|bad: BadEndpoint| {
                self.wrong(
                    Some(raw.url.span()),
                    &bad.to_string(),
                    "Write it as it would be given to --target",
                )
            })?;
            let fingerprint = raw.fingerprint.map(|given| {
                given.get_ref().parse().map_err(|bad: BadFingerprint| {
                    self.wrong(Some(given.span()), &bad.to_string(), "Copy it from there")
                })
            });
            let target = Target {
                endpoint,
                token_file: raw.token_file.map(|path| at_home(&path)),
                fingerprint: fingerprint.transpose()?,
            };
            targets.insert(name.into_inner(), target);
        }
        Ok(targets)
    }

    fn groups(
        &self,
        raw: &BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
        targets: &BTreeMap<String, Target>,
    ) -> Result<BTreeMap<String, Vec<String>>, Failure> {
        let mut groups = BTreeMap::new();
        for (name, members) in raw {
            self.name_of_target(name)?;
            if targets.contains_key(name.get_ref()) {
                return Err(self.wrong(
                    Some(name.span()),
                    &format!("{} is a target already", name.get_ref()),
                    "Give the group another name",
                ));
            }
            for member in members {
                if !targets.contains_key(member.get_ref()) {
                    let shown = text::clean_within(member.get_ref(), 40);
                    let known = targets.keys().map(String::as_str);
                    let hint = match nearest(member.get_ref(), known) {
                        Some(name) => format!("Did you mean {name}?"),
                        None => "A group has names of [targets.NAME]".to_owned(),
                    };
                    let what = format!("there is no target {shown:?}");
                    return Err(self.wrong(Some(member.span()), &what, &hint));
                }
            }
            let members = members.iter().map(|member| member.get_ref().clone());
            groups.insert(name.get_ref().clone(), members.collect());
        }
        Ok(groups)
    }

    fn name_of_target(&self, name: &Spanned<String>) -> Result<(), Failure> {
        if is_target_name(name.get_ref()) {
            return Ok(());
        }
        let shown = text::clean_within(name.get_ref(), 40);
        Err(self.wrong(
            Some(name.span()),
            &format!("{shown:?} is no name for a target"),
            "Use 1 to 64 letters, digits or _.-",
        ))
    }

    fn action(&self, name: &Spanned<String>) -> Result<Action, Failure> {
        let known = || Keymap::changeable();
        let found = known().find(|action| action.name() == name.get_ref());
        found.ok_or_else(|| {
            let hint = match nearest(name.get_ref(), known().map(Action::name)) {
                Some(nearest) => format!("Did you mean {nearest}?"),
                None => "jobtop-config(5) lists the actions".to_owned(),
            };
            let shown = text::clean_within(name.get_ref(), 40);
            self.wrong(
                Some(name.span()),
                &format!("there is no action {shown:?}"),
                &hint,
            )
        })
    }
}

/// Whether a target is named, rather than said where it is.
pub(crate) fn is_target_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// A path that may begin with `~/`.
fn at_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), directories::BaseDirs::new()) {
        (Ok(rest), Some(dirs)) => dirs.home_dir().join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keymap::Context;

    #[test]
    fn what_a_file_can_say() {
        let config = check(
            "[screen]\ntheme = \"safe\"\nmouse = true\n[keys]\npause = [\"Ctrl-P\", \"F5\"]\n",
            "f",
        )
        .unwrap();
        assert_eq!(
            (config.colours, config.mouse, config.ascii),
            (Colours::Safe, true, false)
        );
        for chord in [Chord::ctrl('p'), Chord::plain(crate::keymap::Key::F(5))] {
            assert_eq!(
                config.keys.action(Context::List, chord),
                Some(Action::Pause)
            );
        }
        assert_eq!(config.keys.action(Context::List, Chord::char('p')), None);
        assert_eq!(check("", "f").unwrap().colours, Colours::Terminal);
    }

    #[test]
    fn mistakes_are_named_with_their_place_and_what_would_be_right() {
        for (text, says) in [
            (
                "\n[scren]",
                "f, line 2, column 2: there is no setting scren",
            ),
            (
                "[screen]\ntheme = \"dark\"",
                "f, line 2, column 9: there is no theme \"dark\"",
            ),
            (
                "[keys]\npaus = [\"p\"]",
                "f, line 2, column 1: there is no action \"paus\"",
            ),
            (
                "[keys]\npause = [\"Hyper-p\"]",
                "f, line 2, column 9: \"Hyper-p\" is no key",
            ),
            (
                "[keys]\npause = [\"x\"]",
                "f, line 2, column 1: x would mean both pause and cancel",
            ),
            (
                "[screen]\nmouse = 1",
                "f, line 2, column 9: 1 stands where true or false belongs",
            ),
            ("[screen", "f, line 1"),
            (
                "[targets.etl]\nurl = \"etl1\"",
                "f, line 2, column 7: etl1 is no target",
            ),
            (
                "[targets.etl]\n",
                "f, line 1, column 1: missing field `url`",
            ),
            (
                "[targets.etl]\nurl = \"ws://a\"\nfingerprint = \"x\"",
                "f, line 3, column 15: a fingerprint is",
            ),
            (
                "[targets.\"a b\"]\nurl = \"ws://a\"",
                "f, line 1, column 10: \"a b\" is no name",
            ),
            (
                "[targets.etl]\nurl = \"ws://a\"\n[groups]\nall = [\"elt\"]",
                "f, line 4, column 8: there is no target \"elt\"",
            ),
            (
                "[targets.etl]\nurl = \"ws://a\"\n[groups]\netl = []",
                "f, line 4, column 1: etl is a target already",
            ),
            (
                "[targets.etl]\nurl = \"ws://a\"\n[groups]\nall = [\"elt\"]",
                "f, line 4, column 8: there is no target \"elt\"",
            ),
            (
                "[targets.etl]\nurl = \"ws://a\"\n[groups]\netl = []",
                "f, line 4, column 1: etl is a target already",
            ),
        ] {
            let said = check(text, "f").unwrap_err().text().unwrap_or_default();
            assert!(said.contains(says), "{text:?}: {said}");
        }
    }

    #[test]
    fn the_sample_says_the_defaults() {
        let sample = include_str!("../config.toml.sample");
        // Prose has a blank behind its sign, settings have none.
        let whole: Vec<&str> = sample
            .lines()
            .map(|line| {
                line.strip_prefix('#')
                    .filter(|rest| !rest.starts_with(' '))
                    .unwrap_or(line)
            })
            .collect();
        for text in [sample.to_owned(), whole.join("\n")] {
            let config = check(&text, "f").unwrap();
            assert_eq!(config.colours, Colours::default());
            assert_eq!((config.ascii, config.mouse), (false, false));
            for action in Keymap::changeable() {
                let (said, default) =
                    (config.keys.chords(action), Keymap::default().chords(action));
                // `l` goes deeper in more than one place, each time by another action.
                let said: Vec<_> = said.iter().filter(|key| *key != "l").collect();
                let default: Vec<_> = default.iter().filter(|key| *key != "l").collect();
                assert_eq!(said, default, "{}", action.name());
            }
        }
        assert!(
            check(&whole.join("\n"), "f")
                .unwrap()
                .groups
                .contains_key("all")
        );
    }

    #[test]
    fn the_manual_and_the_sample_know_every_action_and_setting() {
        let manual = include_str!("../../man/jobtop-config.5");
        let sample = include_str!("../config.toml.sample");
        for name in Keymap::changeable().map(Action::name).chain([
            "theme",
            "ascii",
            "mouse",
            "url",
            "token_file",
            "fingerprint",
            "groups",
        ]) {
            assert!(manual.contains(name), "{name}");
            let is_said = sample.lines().any(|line| {
                line.starts_with(&format!("#{name} = ")) || line == format!("#[{name}]")
            });
            assert!(is_said, "the sample does not say {name}");
        }
    }
}
