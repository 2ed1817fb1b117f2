//! Reading the values of a cell: dates and amounts in the spellings that people and spreadsheets use. Pure.

use jiff::civil::Date;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number with a point, kept as written.
    Number,
    /// A calendar date.
    Date,
    /// An amount of money.
    Money,
}

impl Kind {
    /// Every kind that is more than text, the strictest first.
    pub(crate) const STRICT: [Self; 4] = [Self::Integer, Self::Number, Self::Date, Self::Money];

    /// As in "`x` is not …".
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Date => "a date",
            Self::Money => "an amount",
        }
    }

    /// The value as it is written after cleaning, `None` if it is none of this kind.
    pub(crate) fn cleaned(self, raw: &str) -> Option<String> {
        match self {
            Self::Text => Some(raw.split_whitespace().collect::<Vec<_>>().join(" ")),
            Self::Integer => raw.parse::<i64>().ok().map(|n| n.to_string()),
            Self::Number => raw
                .parse::<f64>()
                .ok()
                .filter(|n| n.is_finite())
                .map(|_| raw.to_owned()),
            Self::Date => date(raw).map(|date| date.to_string()),
            Self::Money => cents(raw).map(money),
        }
    }

    /// Whether a value is of this kind.
    pub(crate) fn fits(self, raw: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Integer => raw.parse::<i64>().is_ok(),
            Self::Number => raw.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Date => date(raw).is_some(),
            Self::Money => cents(raw).is_some(),
        }
    }
}

/// `2026-11-03`, `3.11.2026`, `11/3/2026` (the month first, as those who write so do) or `3 Nov 2026`.
pub(crate) fn date(raw: &str) -> Option<Date> {
    let (year, month, day) = if let Some((year, month, day)) = three(raw, '-') {
        (year.len() == 4).then_some(())?;
        (year.parse().ok()?, month.parse().ok()?, day)
    } else if let Some((day, month, year)) = three(raw, '.') {
        (full_year(year)?, month.parse().ok()?, day)
    } else if let Some((month, day, year)) = three(raw, '/') {
        (full_year(year)?, month.parse().ok()?, day)
    } else {
        let (day, month, year) = three(raw, ' ')?;
        (full_year(year)?, month_named(month)?, day)
    };
    Date::new(year, month, day.parse().ok()?).ok()
}

fn three(raw: &str, separator: char) -> Option<(&str, &str, &str)> {
    let mut parts = raw.split(separator);
    let all = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(all)
}

fn full_year(year: &str) -> Option<i16> {
    (year.len() == 4).then(|| year.parse().ok())?
}

fn month_named(name: &str) -> Option<i8> {
    const NAMES: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let beginning = name.get(..3)?.to_ascii_lowercase();
    let at = NAMES.iter().position(|month| *month == beginning)?;
    i8::try_from(at + 1).ok()
}

/// An amount in cents: `1234.5`, `1,234.50`, `1.234,50 €`, `$1,234`, `-12,00`.
///
/// A single separator before exactly three digits separates thousands; before one or two it is the decimal point.
pub(crate) fn cents(raw: &str) -> Option<i64> {
    let bare = raw
        .trim_matches(|c: char| matches!(c, '€' | '$' | '£') || c.is_whitespace())
        .trim_end_matches("EUR")
        .trim_end_matches("USD")
        .trim();
    let (sign, digits) = match bare.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, bare),
    };
    let (whole, part) = match digits.rfind([',', '.']) {
        Some(at) if digits.len() - at <= 3 => (&digits[..at], &digits[at + 1..]),
        _ => (digits, ""),
    };
    let point = digits[whole.len()..].chars().next();
    let whole: i64 = ungrouped(whole, point)?.parse().ok()?;
    let part: i64 = match part.len() {
        0 if point.is_some() => return None,
        0 => 0,
        1 => part.parse::<u8>().ok()?.checked_mul(10)?.into(),
        _ => part
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| part.parse().ok())??,
    };
    whole.checked_mul(100)?.checked_add(part)?.checked_mul(sign)
}

/// The digits without the separators of thousands, which must be of one kind, not the decimal point, and stand right.
fn ungrouped(whole: &str, point: Option<char>) -> Option<String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let Some(separator) = whole.chars().find(|c| !c.is_ascii_digit()) else {
        return digits(whole).then(|| whole.to_owned());
    };
    if !matches!(separator, ',' | '.') || Some(separator) == point {
        return None;
    }
    let mut groups = whole.split(separator);
    let first = groups.next().filter(|g| digits(g) && g.len() <= 3)?;
    let mut text = first.to_owned();
    for group in groups {
        if group.len() != 3 || !digits(group) {
            return None;
        }
        text.push_str(group);
    }
    Some(text)
}

/// Cents as `1234.50`.
pub(crate) fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_four_spellings() {
        for (raw, read) in [
            ("2026-11-03", Some("2026-11-03")),
            ("03.11.2026", Some("2026-11-03")),
            ("11/3/2026", Some("2026-11-03")),
            ("3 Nov 2026", Some("2026-11-03")),
            ("3 november 2026", Some("2026-11-03")),
            ("2026-02-30", None),
            ("31/31/2026", None),
            ("26-11-03", None),
            ("yesterday", None),
            ("n/a", None),
            ("", None),
            ("1.2.3.4", None),
        ] {
            assert_eq!(Kind::Date.cleaned(raw).as_deref(), read, "{raw}");
        }
    }

    #[test]
    fn amounts_of_several_countries() {
        for (raw, read) in [
            ("0", Some("0.00")),
            ("1234.5", Some("1234.50")),
            ("1,234.50", Some("1234.50")),
            ("1.234,50 €", Some("1234.50")),
            ("1.234.567,89", Some("1234567.89")),
            ("$1,234", Some("1234.00")),
            ("1234,50 EUR", Some("1234.50")),
            ("-12,05", Some("-12.05")),
            ("12.3.4", None),
            ("1,23,45", None),
            ("12,34.5", None),
            ("--", None),
            ("€", None),
            ("", None),
            ("12.", None),
            (".5", None),
            ("twelve", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(Kind::Money.cleaned(raw).as_deref(), read, "{raw}");
        }
    }

    #[test]
    fn text_and_numbers() {
        for (kind, raw, read) in [
            (Kind::Text, "  Ada \n Brown ", Some("Ada Brown")),
            (Kind::Integer, "007", Some("7")),
            (Kind::Integer, "1.5", None),
            (Kind::Number, "3.14159", Some("3.14159")),
            (Kind::Number, "inf", None),
        ] {
            assert_eq!(kind.cleaned(raw).as_deref(), read, "{raw}");
            assert_eq!(kind.fits(raw), read.is_some(), "{raw}");
        }
    }
}
