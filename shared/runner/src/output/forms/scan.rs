//! A line of output read from left to right: numbers, sizes, times, as the programs write them.

/// What is still to be read. Each method reads one thing, or reads nothing and returns `None`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    pub rest: &'a str,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    pub(super) fn blanks(&mut self) -> &mut Self {
        self.rest = self.rest.trim_start_matches(' ');
        self
    }

    pub(super) fn literal(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// What comes before that text; the text is read too.
    pub(super) fn until(&mut self, text: &str) -> Option<&'a str> {
        let (before, after) = self.rest.split_once(text)?;
        self.rest = after;
        Some(before)
    }

    /// Everything up to the next blank.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        self.blanks();
        let end = self.rest.find(' ').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn take(&mut self, part: impl Fn(u8) -> bool) -> &'a str {
        let end = self
            .rest
            .bytes()
            .position(|byte| !part(byte))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Digits, perhaps in groups parted by commas, dots or thin blanks.
    pub(super) fn integer(&mut self) -> Option<u64> {
        let mut ahead = *self;
        let digits = ahead.take(|byte| byte.is_ascii_digit() || byte == b',');
        if !digits.as_bytes().first()?.is_ascii_digit() {
            return None;
        }
        let value = digits
            .bytes()
            .filter(u8::is_ascii_digit)
            .try_fold(0u64, |value, digit| {
                value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
            })?;
        *self = ahead;
        Some(value)
    }

    /// Digits with at most one dot in them.
    pub(super) fn decimal(&mut self) -> Option<f64> {
        let mut ahead = *self;
        let digits = ahead.take(|byte| byte.is_ascii_digit() || byte == b'.');
        if !digits.as_bytes().first()?.is_ascii_digit() {
            return None;
        }
        let value = digits.parse().ok()?;
        *self = ahead;
        Some(value)
    }

    /// `17%`, `17.5%`: the number.
    pub(super) fn percent(&mut self) -> Option<f64> {
        let mut ahead = *self;
        let value = ahead.decimal().filter(|value| *value <= 100.0)?;
        ahead.literal("%")?;
        *self = ahead;
        Some(value)
    }

    /// A number with the unit that it has, in bytes: `57.2M`, `2.3 MiB`, `512`, `877 bytes`.
    pub(super) fn size(&mut self) -> Option<u64> {
        let mut ahead = *self;
        let value = ahead.decimal()?;
        let mut unit = ahead;
        unit.blanks();
        let name = unit.take(|byte| byte.is_ascii_alphabetic());
        let factor = match factor(name) {
            Some(factor) => {
                ahead = unit;
                factor
            }
            None => 1.0,
        };
        *self = ahead;
        Some((value * factor).round() as u64)
    }

    /// `0:00:01`, `00:01`, `1:02:03:04`, `--:--:--`.
    pub(super) fn clock(&mut self) -> Option<()> {
        let mut ahead = *self;
        let text = ahead.take(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'-');
        if !text.contains(':') {
            return None;
        }
        *self = ahead;
        Some(())
    }
}

/// How many bytes a unit is. One letter, and a letter with `iB`, are powers of 1024, as curl, wget and pv mean them.
fn factor(unit: &str) -> Option<f64> {
    let (letter, rest) = match unit {
        "B" | "b" | "byte" | "bytes" | "Bytes" => return Some(1.0),
        _ => (unit.chars().next()?, unit.get(1..)?),
    };
    let power = match letter {
        'k' | 'K' => 1,
        'M' | 'm' => 2,
        'G' | 'g' => 3,
        'T' | 't' => 4,
        'P' | 'p' => 5,
        _ => return None,
    };
    match rest {
        "" | "iB" | "ib" => Some(1024f64.powi(power)),
        "B" | "b" => Some(1000f64.powi(power)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, expected, rest) in [
            ("512", Some(512), ""),
            ("57.2M|", Some(59_978_547), "|"),
            ("2.3 MiB/877", Some(2_411_725), "/877"),
            ("24.5 MB 12.3 MB/s", Some(24_500_000), " 12.3 MB/s"),
            ("877 bytes (", Some(877), " ("),
            ("1k", Some(1024), ""),
            ("12 files", Some(12), " files"),
            ("x", None, "x"),
            (".5", None, ".5"),
        ] {
            let mut scan = Scan::new(text);
            assert_eq!(scan.size(), expected, "{text}");
            assert_eq!(scan.rest, rest, "{text}");
        }
    }

    #[test]
    fn numbers_and_times_are_read() {
        assert_eq!(Scan::new("32,669,696  54%").integer(), Some(32_669_696));
        assert_eq!(Scan::new("99999999999999999999999").integer(), None);
        assert_eq!(Scan::new("17.5% x").percent(), Some(17.5));
        assert_eq!(Scan::new("170%").percent(), None);
        assert_eq!(Scan::new("1.2.3%").percent(), None);
        assert!(Scan::new("--:--:--").clock().is_some());
        assert!(Scan::new("12").clock().is_none());
    }
}
