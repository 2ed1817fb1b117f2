//! A key as it was pressed, without the library that read it: so that keys are data in tables and in tests.

use std::fmt;

/// A key, with the modifiers that matter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Chord {
    /// The key.
    pub(crate) key: Key,
    /// Control was held.
    pub(crate) ctrl: bool,
    /// Alt was held.
    pub(crate) alt: bool,
}

/// A key of the keyboard; shift is part of a character.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Key {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    F(u8),
}

impl Chord {
    /// A key alone.
    pub(crate) const fn plain(key: Key) -> Self {
        Self {
            key,
            ctrl: false,
            alt: false,
        }
    }

    /// A character alone.
    pub(crate) const fn char(c: char) -> Self {
        Self::plain(Key::Char(c))
    }

    /// A character with control.
    pub(crate) const fn ctrl(c: char) -> Self {
        Self {
            key: Key::Char(c),
            ctrl: true,
            alt: false,
        }
    }

    /// The character it types, if it types one.
    pub(crate) fn typed(self) -> Option<char> {
        match self.key {
            Key::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        if self.alt {
            f.write_str("Alt-")?;
        }
        match self.key {
            Key::Char(' ') => f.write_str("Space"),
            Key::Char(c) if self.ctrl => write!(f, "{}", c.to_ascii_uppercase()),
            Key::Char(c) => write!(f, "{c}"),
            Key::Enter => f.write_str("Enter"),
            Key::Esc => f.write_str("Esc"),
            Key::Tab => f.write_str("Tab"),
            Key::BackTab => f.write_str("Shift-Tab"),
            Key::Backspace => f.write_str("Backspace"),
            Key::Delete => f.write_str("Del"),
            Key::Up => f.write_str("Up"),
            Key::Down => f.write_str("Down"),
            Key::Left => f.write_str("Left"),
            Key::Right => f.write_str("Right"),
            Key::Home => f.write_str("Home"),
            Key::End => f.write_str("End"),
            Key::PageUp => f.write_str("PgUp"),
            Key::PageDown => f.write_str("PgDn"),
            Key::F(n) => write!(f, "F{n}"),
        }
    }
}

/// The keys that have names.
const NAMED: [(&str, Key); 15] = [
    ("Space", Key::Char(' ')),
    ("Enter", Key::Enter),
    ("Esc", Key::Esc),
    ("Tab", Key::Tab),
    ("Shift-Tab", Key::BackTab),
    ("Backspace", Key::Backspace),
    ("Del", Key::Delete),
    ("Up", Key::Up),
    ("Down", Key::Down),
    ("Left", Key::Left),
    ("Right", Key::Right),
    ("Home", Key::Home),
    ("End", Key::End),
    ("PgUp", Key::PageUp),
    ("PgDn", Key::PageDown),
];

impl std::str::FromStr for Chord {
    type Err = ();

    /// Reads what `Display` writes; names in any case.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (mut rest, mut ctrl, mut alt) = (text, false, false);
        loop {
            let begins = |with: &str| {
                let head = rest.get(..with.len())?;
                let tail = rest.get(with.len()..).filter(|tail| !tail.is_empty())?;
                head.eq_ignore_ascii_case(with).then_some(tail)
            };
            if let Some(tail) = begins("Ctrl-") {
                (rest, ctrl) = (tail, true);
            } else if let Some(tail) = begins("Alt-") {
                (rest, alt) = (tail, true);
            } else {
                break;
            }
        }
        let named = NAMED
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(rest));
        let mut chars = rest.chars();
        let key = match (named, chars.next(), chars.as_str()) {
            (Some((_, key)), _, _) => *key,
            (None, Some(c), "") if !c.is_control() => {
                Key::Char(if ctrl { c.to_ascii_lowercase() } else { c })
            }
            (None, Some('F' | 'f'), number) => {
                let number = number
                    .parse()
                    .ok()
                    .filter(|number| (1..=24).contains(number));
                Key::F(number.ok_or(())?)
            }
            _ => return Err(()),
        };
        Ok(Self { key, ctrl, alt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut keys: Vec<Key> = NAMED.iter().map(|(_, key)| *key).collect();
        keys.extend([
            Key::Char('x'),
            Key::Char('X'),
            Key::Char('-'),
            Key::Char('F'),
            Key::F(5),
        ]);
        for key in keys {
            for (ctrl, alt) in [(false, false), (false, true), (true, false)] {
                if ctrl && matches!(key, Key::Char('X' | 'F')) {
                    continue;
                }
                let chord = Chord { key, ctrl, alt };
                assert_eq!(chord.to_string().parse(), Ok(chord), "{chord}");
            }
        }
        for nonsense in ["", "Ctrl-", "Hyper-x", "F0", "F99", "xy", "\u{1b}"] {
            assert_eq!(nonsense.parse::<Chord>(), Err(()), "{nonsense:?}");
        }
    }
}
