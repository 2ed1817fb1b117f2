//! From pieces to checked conditions. Every mistake names its place and, where one can tell, what would be right.

use std::borrow::Cow;
use std::ops::Range;

use jiff::civil::{Date, DateTime};

use super::ast::{
    Condition, Field, Moment, Needle, Operator, Place, Property, Quantity, Term, UNITS,
};
use super::distance::nearest;
use super::lexer::{self, Head, Piece, Pieces};
use super::mistake::{Mistake, shown};
use super::{MAX_BYTES, Today};
use crate::calc::health::Health;
use crate::id::JobId;
use crate::job::status::Status;
use crate::time::Timestamp;

/// Reads the terms of a filter.
pub(super) fn parse(text: &str, today: &Today) -> Result<Vec<Term>, Mistake> {
    if text.len() > MAX_BYTES {
        return Err(Mistake::new(
            0..text.len(),
            format!("a filter has at most {MAX_BYTES} bytes"),
        ));
    }
    lexer::terms(text)?
        .into_iter()
        .map(|pieces| term(&pieces, today))
        .collect()
}

/// Reads the alternatives of `field:` from a text of their own, in which nothing is quoted.
pub(super) fn list(field: Field, text: &str, today: &Today) -> Result<Condition, Mistake> {
    let mut at = 0;
    let values: Vec<_> = text
        .split(',')
        .map(|one| {
            let span = at..at + one.len();
            at = span.end + 1;
            Piece {
                text: Cow::Borrowed(one),
                quoted: false,
                span,
            }
        })
        .collect();
    colon(field, &values, 0..text.len(), today)
}

fn term(pieces: &Pieces<'_>, today: &Today) -> Result<Term, Mistake> {
    let condition = match &pieces.head {
        Some(head) => fielded(head, pieces, today)?,
        None => bare(pieces)?,
    };
    Ok(Term {
        negated: pieces.negated,
        condition,
    })
}

fn bare(pieces: &Pieces<'_>) -> Result<Condition, Mistake> {
    let [piece] = pieces.values.as_slice() else {
        return Err(Mistake::new(pieces.span.clone(), "one word is needed here"));
    };
    if piece.text.is_empty() {
        return Err(Mistake::new(
            piece.span.clone(),
            "there is nothing between the quotes to search for",
        ));
    }
    if !piece.quoted {
        match piece.text.chars().next() {
            Some(first @ ('>' | '<' | '=')) => {
                return Err(Mistake::new(
                    piece.span.clone(),
                    format!(
                        "a field must stand right before {first}, without a blank, as in progress>50"
                    ),
                ));
            }
            Some(first @ ('-' | '!')) => {
                return Err(Mistake::new(
                    piece.span.clone(),
                    format!("a word that begins with {first} must be quoted after a negation"),
                )
                .suggest(format!("\"{}\"", shown(&piece.text))));
            }
            _ => {}
        }
    }
    Ok(Condition::Contains(
        Place::Anywhere,
        vec![Needle::new(&piece.text)],
    ))
}

fn fielded(head: &Head<'_>, pieces: &Pieces<'_>, today: &Today) -> Result<Condition, Mistake> {
    let Ok(field) = head.word.parse::<Field>() else {
        return Err(unknown_field(head));
    };
    let span = head.span.start..pieces.span.end;
    if head.sign == ":" {
        return colon(field, &pieces.values, span, today);
    }
    let Some(quantity) = quantity(field) else {
        let values = pieces.values.iter().map(|v| shown(&v.text));
        let values: Vec<_> = values.collect();
        return Err(Mistake::new(
            span,
            format!("{} can't be compared with {}", field.word(), head.sign),
        )
        .suggest(format!("{}:{}", field.word(), values.join(","))));
    };
    let value = one_value(field, &pieces.values, head.sign, &span)?;
    let Some(operator) = Operator::ALL
        .into_iter()
        .find(|operator| operator.sign() == head.sign)
    else {
        let (negation, right) = match head.sign {
            "!=" | "<>" => ("-", "="),
            "=>" => ("", ">="),
            "=<" => ("", "<="),
            _ => ("", "="),
        };
        return Err(Mistake::new(
            span,
            format!("there is no {}; there are > >= < <= =", head.sign),
        )
        .suggest(format!(
            "{negation}{}{right}{}",
            field.word(),
            shown(&value.text)
        )));
    };
    Ok(Condition::Compare(
        quantity,
        operator,
        amount(quantity, operator, value)?,
    ))
}

fn unknown_field(head: &Head<'_>) -> Mistake {
    let word = shown(head.word);
    let fields = Field::ALL.map(Field::word);
    match nearest(head.word, fields.into_iter()) {
        Some(near) => {
            Mistake::new(head.span.clone(), format!("there is no field {word}")).suggest(near)
        }
        None => Mistake::new(
            head.span.clone(),
            format!(
                "there is no field {word}; there are {}; to search for the text, put it in quotes",
                fields.join(", ")
            ),
        ),
    }
}

fn quantity(field: Field) -> Option<Quantity> {
    match field {
        Field::Progress => Some(Quantity::Progress),
        Field::Rate => Some(Quantity::Rate),
        Field::Errors => Some(Quantity::Errors),
        Field::Duration => Some(Quantity::Duration),
        Field::Status
        | Field::Type
        | Field::User
        | Field::Tag
        | Field::Host
        | Field::Queue
        | Field::Health
        | Field::Id
        | Field::Name
        | Field::Error
        | Field::Since
        | Field::Until => None,
    }
}

/// What `field:values` asks.
fn colon(
    field: Field,
    values: &[Piece<'_>],
    span: Range<usize>,
    today: &Today,
) -> Result<Condition, Mistake> {
    if let Some(empty) = values.iter().find(|v| v.text.is_empty()) {
        return Err(missing(field, ":", empty.span.clone()));
    }
    let texts = || values.iter().map(|v| Box::from(&*v.text)).collect();
    let needles = || values.iter().map(|v| Needle::new(&v.text)).collect();
    Ok(match field {
        Field::Status => Condition::Status(each(values, status)?),
        Field::Health => Condition::Health(each(values, health)?),
        Field::Id => Condition::Id(each(values, id)?),
        Field::Type => Condition::Exact(Property::Type, texts()),
        Field::User => Condition::Exact(Property::User, texts()),
        Field::Tag => Condition::Exact(Property::Tag, texts()),
        Field::Host => Condition::Exact(Property::Host, texts()),
        Field::Queue => Condition::Exact(Property::Queue, texts()),
        Field::Name => Condition::Contains(Place::Name, needles()),
        Field::Error => Condition::Contains(Place::Error, needles()),
        Field::Since => {
            Condition::Since(moment(field, one_value(field, values, ":", &span)?, today)?)
        }
        Field::Until => {
            Condition::Until(moment(field, one_value(field, values, ":", &span)?, today)?)
        }
        Field::Progress | Field::Rate | Field::Errors | Field::Duration => {
            let value = one_value(field, values, ":", &span)?;
            let word = field.word();
            // `progress:>50` is what other tools write.
            let signed = value.text.starts_with(['>', '<', '=']);
            let equal = if signed { "" } else { "=" };
            return Err(
                Mistake::new(span, format!("{word} is compared with > >= < <= or ="))
                    .suggest(format!("{word}{equal}{}", shown(&value.text))),
            );
        }
    })
}

fn each<T>(
    values: &[Piece<'_>],
    read: fn(&Piece<'_>) -> Result<T, Mistake>,
) -> Result<Vec<T>, Mistake> {
    values.iter().map(read).collect()
}

fn one_value<'v, 'a>(
    field: Field,
    values: &'v [Piece<'a>],
    sign: &str,
    span: &Range<usize>,
) -> Result<&'v Piece<'a>, Mistake> {
    match values {
        [one] if one.text.is_empty() => Err(missing(field, sign, one.span.clone())),
        [one] => Ok(one),
        _ => Err(Mistake::new(
            span.clone(),
            format!("{}{sign} takes one value", field.word()),
        )),
    }
}

fn missing(field: Field, sign: &str, span: Range<usize>) -> Mistake {
    Mistake::new(
        span,
        format!(
            "a value is missing after {}{sign}, as in {}",
            field.word(),
            field.example()
        ),
    )
}

fn status(value: &Piece<'_>) -> Result<Status, Mistake> {
    let word = value.text.to_ascii_lowercase();
    let word = if word == "canceled" {
        "cancelled"
    } else {
        &word
    };
    Status::from_word(word)
        .ok_or_else(|| unknown_word("status", value, &Status::ALL.map(Status::word)))
}

fn health(value: &Piece<'_>) -> Result<Health, Mistake> {
    let all = [Health::Excellent, Health::Good, Health::Fair, Health::Poor];
    all.into_iter()
        .find(|h| h.word().eq_ignore_ascii_case(&value.text))
        .ok_or_else(|| unknown_word("health", value, &all.map(Health::word)))
}

fn unknown_word(what: &str, value: &Piece<'_>, known: &[&str]) -> Mistake {
    let mistake = Mistake::new(
        value.span.clone(),
        format!(
            "there is no {what} {}; there are {}",
            shown(&value.text),
            known.join(", ")
        ),
    );
    match nearest(&value.text, known.iter().copied()) {
        Some(near) => mistake.suggest(near),
        None => mistake,
    }
}

fn id(value: &Piece<'_>) -> Result<JobId, Mistake> {
    value.text.parse().map_err(|_| {
        Mistake::new(
            value.span.clone(),
            "a job's whole id is job_ and 26 letters and digits; a part of it is found without id:",
        )
    })
}

fn amount(quantity: Quantity, operator: Operator, value: &Piece<'_>) -> Result<f64, Mistake> {
    let word = quantity.field().word();
    let text = &*value.text;
    let read = match quantity {
        Quantity::Duration => return length(value),
        Quantity::Progress => number(text.strip_suffix('%').unwrap_or(text)),
        Quantity::Rate => number(text.strip_suffix("/s").unwrap_or(text)),
        Quantity::Errors => number(text),
    };
    read.ok_or_else(|| {
        Mistake::new(
            value.span.clone(),
            format!(
                "{} is not a number, as in {word}{}50",
                shown(text),
                operator.sign()
            ),
        )
    })
}

/// How long a duration is, in milliseconds.
fn length(value: &Piece<'_>) -> Result<f64, Mistake> {
    let text = &*value.text;
    match duration(text) {
        Some(ms) => Ok(ms as f64),
        None if number(text).is_some() => Err(Mistake::new(
            value.span.clone(),
            "a duration needs a unit: ms, s, m, h, d or w",
        )
        .suggest(format!("{text}s"))),
        None => Err(Mistake::new(
            value.span.clone(),
            format!("{} is not a duration like 90s, 10m or 1h30m", shown(text)),
        )),
    }
}

/// A number in plain digits, with or without a fraction.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value: f64 = plain.then(|| text.parse().ok()).flatten()?;
    value.is_finite().then_some(value)
}

/// A duration of numbers with units, as in `10m` or `1h30m`, in milliseconds.
fn duration(text: &str) -> Option<u64> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value = number(&rest[..digits])?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (_, length) = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters])?;
        total += value * *length as f64;
        rest = &rest[letters..];
    }
    // Beyond 2^53 a count of milliseconds is not exact any more; 285,000 years will do.
    (!text.is_empty() && total <= 9_007_199_254_740_992.0).then(|| total.round() as u64)
}

fn moment(field: Field, value: &Piece<'_>, today: &Today) -> Result<Moment, Mistake> {
    let text = &*value.text;
    let found = duration(text)
        .map(Moment::Ago)
        .or_else(|| day(field, text, today))
        .or_else(|| text.parse().ok().map(Moment::At))
        .or_else(|| local(text, today).map(Moment::At));
    let Some(found) = found else {
        let mistake = Mistake::new(
            value.span.clone(),
            format!(
                "{} is neither a duration like 7d nor a date like 2026-11-01",
                shown(text)
            ),
        );
        return Err(if number(text).is_some() {
            mistake.suggest(format!("{text}d"))
        } else {
            mistake
        });
    };
    Ok(found)
}

/// A whole day in the time zone of whoever asks.
fn day(field: Field, text: &str, today: &Today) -> Option<Moment> {
    // The form is checked here because the library reads more forms of a date than we want to promise.
    let formed = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| match i {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        });
    let date: Date = formed.then(|| text.parse().ok()).flatten()?;
    let begins = |date: Date| {
        let moment = today.tz.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
        Some(Timestamp(moment.as_millisecond()))
    };
    let at = match field {
        Field::Until => begins(date.tomorrow().ok()?)?.plus_ms(-1),
        _ => begins(date)?,
    };
    Some(Moment::Day(date, at))
}

/// A local date and time.
fn local(text: &str, today: &Today) -> Option<Timestamp> {
    let local: DateTime = text.contains('T').then(|| text.parse().ok()).flatten()?;
    let moment = today.tz.to_timestamp(local).ok()?;
    Some(Timestamp(moment.as_millisecond()))
}
