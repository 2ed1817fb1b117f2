//! Where a page of finished jobs ended, as a client gives it back: a text that says of which question it is, so that another
//! one is refused instead of answered wrongly. It holds across restarts of the daemon.

use std::fmt;

use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::history::Order;
use jobtop_core::query::Query;
use jobtop_core::{JobId, Timestamp, UserId};

use crate::store::{Position, Rank};

/// A place in the answer to a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Cursor {
    /// The digest of the question.
    pub(super) asked: u32,
    /// When it was asked.
    pub(super) at: Timestamp,
    /// Behind this job it goes on.
    pub(super) position: Position,
}

/// A number for a question: what it asks for, of whom, in which order.
pub(super) fn digest(query: &Query, owner: Option<&UserId>, order: Order) -> u32 {
    let owner = owner.map(UserId::as_str).unwrap_or_default();
    crc32c::crc32c(format!("{query}\n{owner}\n{order}").as_bytes())
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            asked,
            at,
            position,
        } = self;
        write!(f, "{asked:08x}.{}.{}.", at.0, position.id)?;
        match &position.rank {
            Rank::Number(number) => write!(f, "n{number}"),
            Rank::Text(text) => {
                f.write_str("t")?;
                text.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl Cursor {
    /// Reads it for the question of that digest.
    pub(super) fn read(text: &str, asked: u32) -> Result<Self, Refusal> {
        let cursor = parts(text).ok_or_else(|| {
            Refusal::new(
                Code::BadQuery,
                "cursor: give back the nextCursor of an earlier answer, as it was",
            )
        })?;
        if cursor.asked == asked {
            Ok(cursor)
        } else {
            Err(Refusal::new(
                Code::BadQuery,
                "cursor: it belongs to another filter or order; ask without it to begin anew",
            ))
        }
    }
}

fn parts(text: &str) -> Option<Cursor> {
    let mut parts = text.splitn(4, '.');
    let asked = u32::from_str_radix(parts.next()?, 16).ok()?;
    let at = parts.next()?.parse().ok()?;
    let id: JobId = parts.next()?.parse().ok()?;
    let rank = parts.next()?;
    let rank = match rank.split_at_checked(1)? {
        ("n", number) => Rank::Number(number.parse().ok()?),
        ("t", hex) => Rank::Text(unhex(hex)?.into()),
        _ => return None,
    };
    let cursor = Cursor {
        asked,
        at: Timestamp(at),
        position: Position { rank, id },
    };
    // One place, one spelling.
    (cursor.to_string() == text).then_some(cursor)
}

fn unhex(hex: &str) -> Option<String> {
    let bytes = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_belongs_to_its_question() {
        for rank in [
            Rank::Number(i64::MIN),
            Rank::Number(1_795_489_457_120),
            Rank::Text("größe.7 ".into()),
            Rank::Text("".into()),
        ] {
            let cursor = Cursor {
                asked: 7,
                at: Timestamp(-3),
                position: Position {
                    rank,
                    id: JobId(99),
                },
            };
            let text = cursor.to_string();
            assert_eq!(Cursor::read(&text, 7), Ok(cursor));
            let other = Cursor::read(&text, 8).unwrap_err();
            assert!(other.detail.contains("another filter"), "{other}");
        }
        for bad in [
            "",
            "7",
            "0000000g.1.job_.n1",
            "00000007.1.job_0000000000000000000000003.n1",
            "é.é.é.é",
        ] {
            let refusal = Cursor::read(bad, 7).unwrap_err();
            assert_eq!(refusal.code, Code::BadQuery, "{bad}");
        }
    }
}
