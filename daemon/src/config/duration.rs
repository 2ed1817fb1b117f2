//! Lengths of time as people write them: `30d`, `10m`, `90s`, `1h30m`.

use std::fmt::Write;

/// What a length of time looks like.
pub(super) const HINT: &str =
    "Write a number and a unit: ms, s, m, h, d or w, like 30d, 10m or 1h30m";

/// A hundred years; longer is a slip of the finger.
const LONGEST_MS: u64 = 100 * 365 * 86_400_000;

/// What is wrong with a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    /// Not of the form.
    #[error("{0:?} is no length of time")]
    Form(String),
    /// A number alone.
    #[error("{0:?} has no unit")]
    NoUnit(String),
    /// Zero, or longer than anybody means.
    #[error("{0:?} is too short or too long: more than nothing and at most 100 years")]
    Range(String),
}

/// Reads one, in milliseconds.
pub(super) fn parse(text: &str) -> Result<u64, Wrong> {
    let shown = || jobtop_core::text::clean_within(text, 40).into_owned();
    let mut rest = text.trim();
    let mut total = 0_u64;
    if rest.is_empty() {
        return Err(Wrong::Form(shown()));
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let letters = behind
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        if number.is_empty() {
            return Err(Wrong::Form(shown()));
        }
        let unit = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "" if behind.is_empty() => return Err(Wrong::NoUnit(shown())),
            _ => return Err(Wrong::Form(shown())),
        };
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(unit))
            .and_then(|ms| ms.checked_add(total))
            .ok_or_else(|| Wrong::Range(shown()))?;
        rest = behind;
    }
    if (1..=LONGEST_MS).contains(&total) {
        Ok(total)
    } else {
        Err(Wrong::Range(shown()))
    }
}

/// Writes one in the largest units that say it whole: [`parse`] reads it back.
pub(super) fn say(ms: u64) -> String {
    let units = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let mut rest = ms;
    let mut said = String::new();
    for (unit, length) in units {
        if rest >= length {
            let _ = write!(said, "{}{unit}", rest / length);
            rest %= length;
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_back() {
        for (ms, text) in [
            (30 * 86_400_000, "30d"),
            (5_400_000, "1h30m"),
            (90_061_001, "1d1h1m1s1ms"),
        ] {
            assert_eq!(say(ms), text);
            assert_eq!(parse(text), Ok(ms));
        }
    }

    #[test]
    fn lengths_of_time() {
        for (text, ms) in [
            ("30d", Some(30 * 86_400_000)),
            ("10m", Some(600_000)),
            ("90s", Some(90_000)),
            ("250ms", Some(250)),
            ("2w", Some(14 * 86_400_000)),
            ("1h30m", Some(5_400_000)),
            (" 5s ", Some(5_000)),
            ("", None),
            ("30", None),
            ("d", None),
            ("0s", None),
            ("-1s", None),
            ("1.5h", None),
            ("5 s", None),
            ("5S", None),
            ("5y", None),
            ("99999999999999999999d", None),
            ("9999999d", None),
            ("5s!", None),
        ] {
            assert_eq!(parse(text).ok(), ms, "{text:?}");
        }
        assert_eq!(parse("30"), Err(Wrong::NoUnit("30".to_owned())));
    }
}
