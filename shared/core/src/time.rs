//! Times: a wall clock in milliseconds for people, a monotonic one for durations. Nothing here reads a clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::serial::Parsed;

/// A moment, in milliseconds since 1970 UTC; RFC 3339 with milliseconds on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment and `ms` milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this, 0 if `earlier` is later.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

/// The present, as the caller read it: wall time to show and monotonic milliseconds to measure with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// The wall clock.
    pub wall: Timestamp,
    /// Milliseconds of a clock that never goes back (its zero means nothing).
    pub mono: u64,
}

/// The first and the last millisecond that four digits of a year can say and every reader of ours reads.
const CALENDAR: (i64, i64) = (-62_167_219_200_000, 253_402_207_200_999);
const DAY_MS: i64 = 86_400_000;
/// `2026-11-24T03:04:17.120Z`
const LENGTH: usize = 24;

impl Timestamp {
    /// The text, without an allocation. A moment outside the calendar is said as the calendar's nearest end: a
    /// damaged clock must not end a program.
    ///
    /// Written out because every message has half a dozen of these; a general printer takes five times as long.
    fn said(self) -> [u8; LENGTH] {
        let ms = self.0.clamp(CALENDAR.0, CALENDAR.1);
        let (year, month, day) = civil(ms.div_euclid(DAY_MS));
        let rest = ms.rem_euclid(DAY_MS) as u32;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, width: usize, mut value: u32| {
            for digit in text[at..at + width].iter_mut().rev() {
                *digit += (value % 10) as u8;
                value /= 10;
            }
        };
        put(0, 4, year);
        put(5, 2, month);
        put(8, 2, day);
        put(11, 2, rest / 3_600_000);
        put(14, 2, rest / 60_000 % 60);
        put(17, 2, rest / 1_000 % 60);
        put(20, 3, rest % 1_000);
        text
    }

    /// Reads what [`Timestamp::said`] writes, and nothing else.
    fn of_said(text: &str) -> Option<Self> {
        let bytes: &[u8; LENGTH] = text.as_bytes().try_into().ok()?;
        let number = |at: usize, width: usize| {
            let digits = bytes[at..at + width].iter();
            digits.fold(0, |sum, b| sum * 10 + i64::from(b.wrapping_sub(b'0')))
        };
        let days = days(number(0, 4), number(5, 2), number(8, 2));
        let minutes = number(11, 2) * 60 + number(14, 2);
        let ms = (days * 1_440 + minutes) * 60_000 + number(17, 2) * 1_000 + number(20, 3);
        // Whatever was no such text (a letter, a 30th of February) comes out as another one.
        let read = Self(ms);
        (read.said() == *bytes).then_some(read)
    }
}

/// Year, month and day of a count of days since 1970, in the Gregorian calendar. Years begin in March here, so that
/// the leap day is the last; eras are 400 years long.
fn civil(days: i64) -> (u32, u32, u32) {
    let since = days + 719_468;
    let era = since.div_euclid(146_097);
    let day = since.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + i64::from(month <= 2);
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    (year as u32, month as u32, day as u32)
}

/// The opposite of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let in_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + of_year - 719_468
}

fn ascii(text: &[u8; LENGTH]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(ascii(&self.said()))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time like 2026-11-01T12:00:00.000Z")]
pub struct BadTimestamp;

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        if let Some(read) = Self::of_said(text) {
            return Ok(read);
        }
        let moment: jiff::Timestamp = text.parse().map_err(|_| BadTimestamp)?;
        Ok(Self(moment.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(ascii(&self.said()))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(Parsed::new("an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_milliseconds_always_and_reads_them_back() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_489_457_120, "2026-11-24T03:04:17.120Z"),
        ] {
            assert_eq!(Timestamp(ms).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp(ms)));
        }
    }

    #[test]
    fn any_number_of_milliseconds_can_be_said() {
        for ms in [i64::MIN, -1, 253_402_207_200_999, i64::MAX] {
            let said = Timestamp(ms).to_string();
            let read: Timestamp = said.parse().unwrap();
            assert_eq!(read.to_string(), said, "{ms}");
        }
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn days_all_over_the_calendar_are_the_librarys() {
        let library = jiff::fmt::temporal::DateTimePrinter::new().precision(Some(3));
        let mut ms = CALENDAR.0;
        while ms <= CALENDAR.1 {
            let moment = jiff::Timestamp::from_millisecond(ms).unwrap();
            let said = Timestamp(ms).to_string();
            assert_eq!(said, library.timestamp_to_string(&moment));
            assert_eq!(Timestamp::of_said(&said), Some(Timestamp(ms)));
            // Some weeks and a bit, so that every day of a year and every time of day come up.
            ms += 23 * DAY_MS + 7_654_321;
        }
    }

    #[test]
    fn other_spellings_are_read_too() {
        for text in [
            "2026-11-24T03:04:17.12Z",
            "2026-11-24T04:04:17.120+01:00",
            "2026-11-24t03:04:17.120z",
            "2026-11-24 03:04:17.1200000Z",
        ] {
            assert_eq!(text.parse(), Ok(Timestamp(1_795_489_457_120)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-24",
            "2026-11-24T03:04:17",
            "2026-13-24T03:04:17Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(BadTimestamp), "{text}");
        }
    }
}
