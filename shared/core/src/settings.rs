//! What is said of a mistake in a file of settings, by both programs in the same words: where it is, what it is, what would
//! be right. The text and the parser's sentence are arguments; nothing is read here.

use std::fmt;

use crate::query::nearest;
use crate::text;

/// A place in a text, for people: both count from 1, columns in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spot {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Spot {
    /// That of a byte of the text; of one beyond its end, the end.
    #[must_use]
    pub fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        Self {
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What is wrong, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: String,
}

/// Says a parser's sentence in ours. Of strangers serde says the stranger in back quotes, then all that it knows.
#[must_use]
pub fn explained(said: &str) -> Mistake {
    let said = said.replace('\n', ", ");
    let said = text::clean_within(&said, 2_000);
    let mut quoted = said.split('`').skip(1).step_by(2);
    let thing = [("unknown field", "setting"), ("unknown variant", "value")]
        .into_iter()
        .find(|(begin, _)| said.starts_with(begin));
    match (thing, quoted.next()) {
        (Some((_, thing)), Some(stranger)) => {
            let known: Vec<&str> = quoted.collect();
            let hint = match nearest(stranger, known.iter().copied()) {
                Some(name) => format!("Did you mean {name}?"),
                None => format!("Here there are {}", known.join(", ")),
            };
            Mistake {
                what: format!("there is no {thing} {}", text::clean_within(stranger, 60)),
                hint,
            }
        }
        _ => mistyped(&said).unwrap_or_else(|| Mistake {
            what: text::clean_within(&said, 300).into_owned(),
            hint: "The file is TOML; jobtop-config(5) lists its settings".to_owned(),
        }),
    }
}

/// A value of another kind than belongs there: `invalid type: string "x", expected f64`.
fn mistyped(said: &str) -> Option<Mistake> {
    let rest = said.strip_prefix("invalid type: ");
    let rest = rest.or_else(|| said.strip_prefix("invalid value: "))?;
    let (found, expected) = rest.rsplit_once(", expected ")?;
    let (wanted, like) = match expected {
        "f64" | "f32" => ("a number", "a number, like 0.1"),
        "u64" | "u32" | "u16" | "usize" | "i64" | "i32" => {
            ("a whole number", "a whole number, like 10")
        }
        "a boolean" => ("true or false", "true or false, without quotes"),
        "a string" | "path string" => ("a text", "a text in quotes, like \"10m\""),
        "a sequence" => ("a list", "a list, like [\"a\", \"b\"]"),
        "a map" => ("a section", "settings, like { on = false }"),
        _ if expected.starts_with("struct ") => ("a section", "settings, like { on = false }"),
        _ => return None,
    };
    let found = match found.split_once(' ') {
        Some(("string", text)) => format!("the text {}", text::clean_within(text, 60)),
        Some((_, value)) => text::clean_within(value.trim_matches('`'), 60).into_owned(),
        None if found == "sequence" => "a list".to_owned(),
        None if found == "map" => "a section".to_owned(),
        None => return None,
    };
    Some(Mistake {
        what: format!("{found} stands where {wanted} belongs"),
        hint: format!("Write {like}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_as_people_do() {
        for (at, line, column) in [(0, 1, 1), (3, 1, 3), (4, 2, 1), (5, 2, 2), (99, 2, 3)] {
            assert_eq!(Spot::of("aä\nbc", at), Spot { line, column }, "{at}");
        }
    }

    #[test]
    fn strangers_are_named_with_what_would_be_right() {
        for (said, what, hint) in [
            (
                "unknown field `lisen`, expected one of `socket`, `listen`",
                "there is no setting lisen",
                "Did you mean listen?",
            ),
            (
                "unknown field `x`, expected `slots` or `paused`",
                "there is no setting x",
                "Here there are slots, paused",
            ),
            (
                "unknown variant `tokn`, expected `token` or `none`",
                "there is no value tokn",
                "Did you mean token?",
            ),
            (
                "invalid type: integer `1`\nexpected a string",
                "1 stands where a text belongs",
                "Write a text in quotes, like \"10m\"",
            ),
            (
                "invalid type: string \"many\", expected f64",
                "the text \"many\" stands where a number belongs",
                "Write a number, like 0.1",
            ),
            (
                "invalid value: integer `-3`, expected u64",
                "-3 stands where a whole number belongs",
                "Write a whole number, like 10",
            ),
            (
                "invalid type: boolean `true`, expected struct RawRule",
                "true stands where a section belongs",
                "Write settings, like { on = false }",
            ),
            (
                "invalid length 3",
                "invalid length 3",
                "The file is TOML; jobtop-config(5) lists its settings",
            ),
        ] {
            let expected = Mistake {
                what: what.to_owned(),
                hint: hint.to_owned(),
            };
            assert_eq!(explained(said), expected);
        }
    }
}
