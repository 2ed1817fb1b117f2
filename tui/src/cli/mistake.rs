//! What is said of a command line that can't be read: of a value that is none, in our own words; of all else, in those
//! of the parser.

use std::error::Error as _;
use std::fmt::Write;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use crate::exit::Failure;

/// One sentence and what to do, where we know more than the parser; `None` where its own words are good.
pub(crate) fn explained(error: &Error, typed: &[String]) -> Option<Failure> {
    match error.kind() {
        ErrorKind::ValueValidation => {
            let wanted = error.source()?.to_string();
            value(error, &wanted)
        }
        ErrorKind::InvalidValue => {
            let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue) else {
                return None;
            };
            value(error, &one_of(values))
        }
        ErrorKind::UnknownArgument => filter(typed),
        _ => None,
    }
}

/// `0 is no value of --limit: it takes …`
fn value(error: &Error, wanted: &str) -> Option<Failure> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let given = text(ContextKind::InvalidValue)?;
    let argument = text(ContextKind::InvalidArg)?;
    // `--limit <N>` is the option; `<N>` alone is the argument.
    let argument = argument.split_once(' ').map_or(argument, |(name, _)| name);
    let argument = argument.trim_matches(['<', '>']);
    let given = match jobtop_core::text::clean_within(given, 100) {
        empty if empty.is_empty() => "nothing".into(),
        given => given,
    };
    Some(Failure::usage(format!(
        "{given} is no value of {argument}: it takes {wanted}"
    )))
}

fn one_of(values: &[String]) -> String {
    let mut text = String::new();
    for (at, value) in values.iter().enumerate() {
        let before = match at {
            0 => "",
            at if at + 1 == values.len() => " or ",
            _ => ", ",
        };
        let _ = write!(text, "{before}{value}");
    }
    text
}

/// A filter that begins with `-` looks like an option.
fn filter(typed: &[String]) -> Option<Failure> {
    let words = typed.iter().skip_while(|word| *word != "ls");
    let mut words = words.skip(1).take_while(|word| *word != "--");
    let negated = words.find(|word| {
        word.strip_prefix('-')
            .is_some_and(|rest| rest.len() > 1 && !rest.starts_with('-'))
    })?;
    let negated = jobtop_core::text::clean_within(negated, 100);
    Some(
        Failure::usage(format!("{negated} is no option of ls"))
            .hint(format!("If it is a filter, write: jobtop ls -- {negated}")),
    )
}

/// Reads a whole number of a range, or says what it should be.
pub(crate) fn whole<T>(
    range: std::ops::RangeInclusive<T>,
    wanted: &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: std::str::FromStr + PartialOrd + Clone + Send + Sync + 'static,
{
    move |text| {
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| wanted.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn a_wrong_value_is_said_with_what_is_taken() {
        for (line, said) in [
            (
                "ls --limit 0",
                "0 is no value of --limit: it takes a whole number, 1 or more",
            ),
            (
                "ls --limit=",
                "nothing is no value of --limit: it takes a whole number, 1 or more",
            ),
            (
                "ls --limit -3",
                "-3 is no value of --limit: it takes a whole number, 1 or more",
            ),
            (
                "priority ABCD x",
                "x is no value of N: it takes a whole number, from -2147483648 to 2147483647",
            ),
            (
                "priority ABCD 99999999999",
                "99999999999 is no value of N: it takes a whole number, from -2147483648 to 2147483647",
            ),
            (
                "demo --rows 1",
                "1 is no value of --rows: it takes a whole number, from 100 to 50000000",
            ),
            (
                "--color purple ls",
                "purple is no value of --color: it takes auto, always or never",
            ),
            ("ls -type:x", "-type:x is no option of ls"),
            ("ls status:failed -done --json", "-done is no option of ls"),
        ] {
            let typed: Vec<String> = ["jobtop"]
                .into_iter()
                .chain(line.split(' '))
                .map(str::to_owned)
                .collect();
            let error = Cli::try_parse_from(&typed).unwrap_err();
            let failure = explained(&error, &typed).map(|f| (f.to_string(), f.code()));
            assert_eq!(failure, Some((said.to_owned(), 2)), "{line}: {error}");
        }
    }

    #[test]
    fn the_parser_s_own_words_stay_where_they_are_good() {
        for line in ["frobnicate", "show", "ls --jsn", "ls -x", "--help"] {
            let typed: Vec<String> = ["jobtop"]
                .into_iter()
                .chain(line.split(' '))
                .map(str::to_owned)
                .collect();
            let error = Cli::try_parse_from(&typed).unwrap_err();
            assert_eq!(explained(&error, &typed), None, "{line}");
        }
    }
}
