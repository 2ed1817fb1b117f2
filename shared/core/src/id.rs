//! Names of things: job ids, users, job types. Each is checked once, when it is made, and trusted afterwards.
//!
//! Nothing here draws random bits: a new id is made from a time and bits that the caller brings.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::{ULID_LEN, Ulid};

use crate::serial::Parsed;
use crate::text::Inline;
use crate::time::Timestamp;

/// What every job id begins with; a user's name never does, so `job:…` channels are unambiguous.
pub const JOB_PREFIX: &str = "job_";

/// A job's id: `job_` and a ULID (128 bits: 48 of milliseconds, 80 random), so ids sort by creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u128);

/// A text that is not an id this daemon could have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a job id: job_ and 26 letters and digits")]
pub struct BadJobId;

impl JobId {
    /// Makes an id from the time of creation and at least 80 random bits (higher bits are ignored).
    #[must_use]
    pub fn new(now: Timestamp, random: u128) -> Self {
        let ms = u64::try_from(now.0).unwrap_or(0);
        Self(Ulid::from_parts(ms, random).0)
    }

    /// The moment of creation that it was made from.
    #[must_use]
    pub const fn created_at(self) -> Timestamp {
        Timestamp((self.0 >> 80) as i64)
    }

    /// The text, without an allocation.
    pub(crate) fn said(self) -> Inline<32> {
        let mut digits = [0_u8; ULID_LEN];
        let mut text = Inline::new();
        text.push(JOB_PREFIX);
        text.push(Ulid(self.0).array_to_str(&mut digits));
        text
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.said().as_str())
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for JobId {
    type Err = BadJobId;

    fn from_str(text: &str) -> Result<Self, BadJobId> {
        let rest = text.strip_prefix(JOB_PREFIX).ok_or(BadJobId)?;
        let ulid = Ulid::from_string(rest).map_err(|_| BadJobId)?;
        let id = Self(ulid.0);
        // One job, one spelling: lower case and overflowing forms are not ids.
        if id.said().as_str() == text {
            Ok(id)
        } else {
            Err(BadJobId)
        }
    }
}

impl Serialize for JobId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.said().as_str())
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(Parsed::new("a job's id"))
    }
}

/// A name that does not fit its form; the text says which form that is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {form}")]
pub struct BadName {
    /// The field's name on the wire.
    pub what: &'static str,
    /// The form it should have had.
    pub form: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:ident, $what:literal, $form:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the form and makes the name.
            pub fn new(text: &str) -> Result<Self, BadName> {
                if $check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(BadName { what: $what, form: $form })
                }
            }

            /// The text of the name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_str(Parsed::new($form))
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// A user's name: 1 to 128 of `A-Z a-z 0-9 . _ @ + -`, not beginning with `job_`.
    UserId, is_user, "userId", "1 to 128 letters, digits or ._@+-, not beginning with job_"
);
name_type!(
    /// A job's type: 1 to 64 of `a-z 0-9 _ . -`.
    JobType, is_job_type, "type", "1 to 64 lower-case letters, digits or _.-"
);

fn is_user(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with(JOB_PREFIX)
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._@+-".contains(&b))
}

fn is_job_type(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_itself_and_sorts_by_time() {
        let early = JobId::new(Timestamp(1_700_000_000_000), u128::MAX);
        let late = JobId::new(Timestamp(1_700_000_000_001), 0);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        let good = JobId::new(Timestamp(1_700_000_000_000), 7).to_string();
        for bad in [
            "",
            "job_",
            "job_1",
            "../../x",
            &good.to_lowercase(),
            &good[4..],
            &format!("{good}0"),
        ] {
            assert_eq!(bad.parse::<JobId>(), Err(BadJobId), "{bad}");
        }
    }

    #[test]
    fn names_have_a_form() {
        for good in ["analyst1", "a.b+c@d-e_f", "A"] {
            assert!(UserId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "job_x", "a b", "ä", "a/b", &"x".repeat(129)] {
            assert!(UserId::new(bad).is_err(), "{bad}");
        }
        for bad in ["", "CSV", "a b", "a/b", &"x".repeat(65)] {
            assert!(JobType::new(bad).is_err(), "{bad}");
        }
        assert!(JobType::new("csv_processing").is_ok());
    }
}
