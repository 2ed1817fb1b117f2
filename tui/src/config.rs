//! `config.toml`: how the screen looks and which keys do what. Read whole, every setting known, every mistake named with its
//! line.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jobtop_core::query::nearest;
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
}

/// The file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    screen: RawScreen,
    keys: BTreeMap<Spanned<String>, Spanned<Vec<String>>>,
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

/// Reads the file of the person; there need not be one.
pub(crate) fn read() -> Result<Config, Failure> {
    path().map_or_else(|| Ok(Config::default()), |path| of(&path))
}

fn path() -> Option<PathBuf> {
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
    Ok(Config {
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
            let before = self.text.get(..span.start).unwrap_or(self.text);
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            format!(
                ", line {}, column {column}",
                before.matches('\n').count() + 1
            )
        });
        Failure::usage(format!("{}{place}: {what}", self.name)).hint(hint)
    }

    fn grammar(&self, error: &toml::de::Error) -> Failure {
        let said = text::clean_within(error.message(), 300);
        // serde's own sentence; its names stand in back quotes: the stranger first, then the known ones.
        let mut quoted = said.split('`').skip(1).step_by(2);
        match quoted.next() {
            Some(stranger) if said.starts_with("unknown field") => {
                let known: Vec<&str> = quoted.collect();
                let hint = match nearest(stranger, known.iter().copied()) {
                    Some(name) => format!("Did you mean {name}?"),
                    None => format!("Here there are {}", known.join(", ")),
                };
                self.wrong(
                    error.span(),
                    &format!("there is no setting {stranger}"),
                    &hint,
                )
            }
            _ => self.wrong(
                error.span(),
                &said.replace('\n', ", "),
                "The file is TOML; jobtop(1) lists its settings",
            ),
        }
    }

    fn action(&self, name: &Spanned<String>) -> Result<Action, Failure> {
        let known = || Keymap::changeable();
        let found = known().find(|action| action.name() == name.get_ref());
        found.ok_or_else(|| {
            let hint = match nearest(name.get_ref(), known().map(Action::name)) {
                Some(nearest) => format!("Did you mean {nearest}?"),
                None => "jobtop(1) lists the actions".to_owned(),
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
            ("[screen]\nmouse = 1", "f, line 2, column 9: invalid type"),
            ("[screen", "f, line 1"),
        ] {
            let said = check(text, "f").unwrap_err().text().unwrap_or_default();
            assert!(said.contains(says), "{text:?}: {said}");
        }
    }

    #[test]
    fn the_manual_knows_every_action_and_setting() {
        let manual = include_str!("../../man/jobtop.1");
        for name in Keymap::changeable()
            .map(Action::name)
            .chain(["theme", "ascii", "mouse"])
        {
            assert!(manual.contains(name), "{name}");
        }
    }
}
