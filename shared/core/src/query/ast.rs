//! A filter once it is read and checked. `Display` prints what the parser reads: print, then parse, gives the same.

use std::fmt::{self, Display, Formatter, Write as _};

use jiff::civil::Date;

use crate::calc::health::Health;
use crate::id::JobId;
use crate::job::status::Status;
use crate::time::Timestamp;

/// One term: a condition, or its opposite.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Whether the opposite is asked for.
    pub negated: bool,
    /// What must hold.
    pub condition: Condition,
}

/// What a term asks of a job. Lists are alternatives and have at least one member.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// One of these statuses.
    Status(Vec<Status>),
    /// One of these grades.
    Health(Vec<Health>),
    /// One of these ids.
    Id(Vec<JobId>),
    /// The named property is exactly one of these texts.
    Exact(Property, Vec<Box<str>>),
    /// One of these texts is found in that place, in any case.
    Contains(Place, Vec<Needle>),
    /// A quantity compares so. The amount of a duration is in milliseconds.
    Compare(Quantity, Operator, f64),
    /// Ended (else created) at this moment or later.
    Since(Moment),
    /// Ended (else created) at this moment or earlier.
    Until(Moment),
}

/// Everything that can stand before a `:` or a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The status.
    Status,
    /// The type.
    Type,
    /// The owner.
    User,
    /// One of the tags.
    Tag,
    /// Where the work is done.
    Host,
    /// The queue.
    Queue,
    /// The grade of health.
    Health,
    /// The id.
    Id,
    /// A part of the name.
    Name,
    /// A part of the error.
    Error,
    /// Percent done.
    Progress,
    /// Items per second.
    Rate,
    /// Number of errors.
    Errors,
    /// Active time.
    Duration,
    /// Not before.
    Since,
    /// Not after.
    Until,
}

impl Field {
    /// Every field, in the order in which they are listed for people.
    pub const ALL: [Self; 16] = [
        Self::Status,
        Self::Type,
        Self::User,
        Self::Tag,
        Self::Host,
        Self::Queue,
        Self::Health,
        Self::Id,
        Self::Name,
        Self::Error,
        Self::Progress,
        Self::Rate,
        Self::Errors,
        Self::Duration,
        Self::Since,
        Self::Until,
    ];

    /// The word of the language.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Type => "type",
            Self::User => "user",
            Self::Tag => "tag",
            Self::Host => "host",
            Self::Queue => "queue",
            Self::Health => "health",
            Self::Id => "id",
            Self::Name => "name",
            Self::Error => "error",
            Self::Progress => "progress",
            Self::Rate => "rate",
            Self::Errors => "errors",
            Self::Duration => "duration",
            Self::Since => "since",
            Self::Until => "until",
        }
    }

    /// A term that shows how the field is used.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self {
            Self::Status => "status:failed",
            Self::Type => "type:csv_processing",
            Self::User => "user:analyst1",
            Self::Tag => "tag:nightly",
            Self::Host => "host:etl1",
            Self::Queue => "queue:default",
            Self::Health => "health:poor",
            Self::Id => "id:job_01JD8Z0000000000000000000A",
            Self::Name => "name:orders",
            Self::Error => "error:timeout",
            Self::Progress => "progress>50",
            Self::Rate => "rate<100",
            Self::Errors => "errors>=1",
            Self::Duration => "duration>10m",
            Self::Since => "since:7d",
            Self::Until => "until:2026-11-01",
        }
    }
}

/// Properties that are compared as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// The type.
    Type,
    /// The owner.
    User,
    /// Any of the tags.
    Tag,
    /// Where the work is done.
    Host,
    /// The queue.
    Queue,
}

impl Property {
    /// The field it is written as.
    #[must_use]
    pub const fn field(self) -> Field {
        match self {
            Self::Type => Field::Type,
            Self::User => Field::User,
            Self::Tag => Field::Tag,
            Self::Host => Field::Host,
            Self::Queue => Field::Queue,
        }
    }
}

/// Where a text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the name.
    Name,
    /// In the error.
    Error,
    /// In the name, id, message or error: a word without a field.
    Anywhere,
}

/// A text that is looked for in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    text: Box<str>,
    folded: Box<str>,
}

impl Needle {
    /// Looks for that text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            folded: text.chars().flat_map(char::to_lowercase).collect(),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In lower case, character by character.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

/// What can be compared with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Percent done.
    Progress,
    /// Items per second.
    Rate,
    /// Number of errors.
    Errors,
    /// Active time, in milliseconds.
    Duration,
}

impl Quantity {
    /// The field it is written as.
    #[must_use]
    pub const fn field(self) -> Field {
        match self {
            Self::Progress => Field::Progress,
            Self::Rate => Field::Rate,
            Self::Errors => Field::Errors,
            Self::Duration => Field::Duration,
        }
    }
}

/// How a quantity is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 5] = [
        Self::Greater,
        Self::AtLeast,
        Self::Less,
        Self::AtMost,
        Self::Equal,
    ];

    /// As it is written.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
        }
    }
}

/// A moment in a filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// So many milliseconds before whenever the filter is asked.
    Ago(u64),
    /// A day, and the moment that counts: its first for `since`, its last for `until`.
    Day(Date, Timestamp),
    /// A moment.
    At(Timestamp),
}

impl Moment {
    /// The moment, for a filter that is asked `now`.
    #[must_use]
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ms) => now.plus_ms(i64::try_from(ms).map_or(i64::MIN, |ms| -ms)),
            Self::Day(_, at) | Self::At(at) => at,
        }
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_char('-')?;
        }
        self.condition.fmt(f)
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(list) => joined(f, Field::Status, list, |f, one| f.write_str(one.word())),
            Self::Health(list) => joined(f, Field::Health, list, |f, one| f.write_str(one.word())),
            Self::Id(list) => joined(f, Field::Id, list, |f, one| write!(f, "{one}")),
            Self::Exact(property, list) => {
                joined(f, property.field(), list, |f, one| quoted(f, one))
            }
            Self::Contains(Place::Name, list) => {
                joined(f, Field::Name, list, |f, one| quoted(f, one.text()))
            }
            Self::Contains(Place::Error, list) => {
                joined(f, Field::Error, list, |f, one| quoted(f, one.text()))
            }
            // Without a field there is one text only: a comma would belong to it.
            Self::Contains(Place::Anywhere, list) => {
                list.iter().try_for_each(|one| quoted(f, one.text()))
            }
            Self::Compare(quantity, operator, amount) => {
                write!(f, "{}{}", quantity.field().word(), operator.sign())?;
                match quantity {
                    Quantity::Duration => duration(f, *amount as u64),
                    Quantity::Progress | Quantity::Rate | Quantity::Errors => {
                        write!(f, "{amount}")
                    }
                }
            }
            Self::Since(moment) => write!(f, "since:{moment}"),
            Self::Until(moment) => write!(f, "until:{moment}"),
        }
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(ms) => duration(f, *ms),
            Self::Day(date, _) => date.fmt(f),
            Self::At(at) => at.fmt(f),
        }
    }
}

fn joined<T>(
    f: &mut Formatter<'_>,
    field: Field,
    list: &[T],
    print: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    write!(f, "{}:", field.word())?;
    for (i, one) in list.iter().enumerate() {
        if i > 0 {
            f.write_char(',')?;
        }
        print(f, one)?;
    }
    Ok(())
}

/// Prints a text bare where nobody could read it as anything else, else between quotes.
fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let bare = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '@' | '+' | '-');
    if !text.is_empty() && text.chars().all(bare) && !text.starts_with('-') {
        return f.write_str(text);
    }
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

/// The units of a duration, in milliseconds, longest first.
pub(super) const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

fn duration(f: &mut Formatter<'_>, ms: u64) -> fmt::Result {
    if ms == 0 {
        return f.write_str("0s");
    }
    let mut rest = ms;
    // Weeks are read, but days are what people expect to see: 7d stays 7d.
    for (unit, length) in &UNITS[1..] {
        if rest >= *length {
            write!(f, "{}{unit}", rest / length)?;
            rest %= length;
        }
    }
    Ok(())
}
