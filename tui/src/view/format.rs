//! Figures as people read them: durations, ages, counts, sizes, percent, times of day, and the sign
//! of a status. Pure; the commands print with it too.

use jiff::tz::TimeZone;
use jobtop_core::proto::history::StoreAnswer;
use jobtop_core::{Status, Timestamp};

/// The sign that stands before a status word.
pub(crate) const fn glyph(status: Status) -> &'static str {
    match status {
        Status::Pending => "…",
        Status::Running => "▶",
        Status::Paused => "Ⅱ",
        Status::Completed => "✓",
        Status::Failed => "✗",
        Status::Cancelled => "⊘",
    }
}

/// Milliseconds in at most two units and six characters: `42s`, `3m 20s`, `1h 05m`, `12h`, `2d 4h`.
pub(crate) fn duration(ms: u64) -> String {
    let s = ms / 1_000;
    let (m, h, d) = (s / 60, s / 3_600, s / 86_400);
    match (d, h, m) {
        (0, 0, 0) => format!("{s}s"),
        (0, 0, m) => format!("{m}m {:02}s", s % 60),
        (0, h @ 1..10, m) => format!("{h}h {:02}m", m % 60),
        (0, h, _) => format!("{h}h"),
        (d, h, _) => format!("{d}d {}h", h % 24),
    }
}

/// An age: seconds only in the first minute, so that a quiet screen stays quiet.
pub(crate) fn age(ms: u64) -> String {
    let minutes = ms / 60_000;
    match minutes {
        0 => format!("{}s", ms / 1_000),
        1..60 => format!("{minutes}m"),
        _ => duration(ms),
    }
}

/// A time to go. It is an estimate and moves: the further off, the coarser.
pub(crate) fn to_go(ms: u64) -> String {
    let s = ms.div_ceil(1_000);
    match s {
        0..=59 => format!("{s}s"),
        60..=599 => duration((s + 2) / 5 * 5_000),
        600..=3_599 => format!("{}m", (s + 30) / 60),
        _ => duration(ms),
    }
}

/// Percent with one decimal, cut and not rounded: 100 % is said of nothing that is not done.
pub(crate) fn percent(progress: f64) -> String {
    if progress >= 100.0 {
        "100%".to_owned()
    } else {
        format!("{:.1}%", (progress.max(0.0) * 10.0).floor() / 10.0)
    }
}

/// Whether a percentage from this source is an estimate from outside, and is marked as such.
pub(crate) fn is_estimate(source: Option<&str>) -> bool {
    source.is_some_and(|source| matches!(source, "reads" | "mapping" | "history"))
}

/// Percent, marked where it is an estimate. What is done is no estimate any more.
pub(crate) fn marked_percent(progress: f64, source: Option<&str>) -> String {
    let mark = is_estimate(source) && progress < 100.0;
    format!("{}{}", if mark { "≈" } else { "" }, percent(progress))
}

/// A count with its thousands apart: `120,000`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount in at most four characters and a unit: `950`, `4.0k`, `36.7M`.
fn short(n: f64) -> (String, &'static str) {
    let mut n = n.max(0.0);
    for unit in ["", "k", "M", "G", "T", "P"] {
        let decimals = usize::from(!unit.is_empty() && n < 99.95);
        let last = unit == "P";
        if n < 999.5 || last {
            return (format!("{n:.decimals$}"), unit);
        }
        n /= 1_000.0;
    }
    (format!("{n:.0}"), "P")
}

/// Bytes: `36.7 MB`.
pub(crate) fn bytes(n: u64) -> String {
    let (amount, unit) = short(n as f64);
    format!("{amount} {unit}B")
}

/// Items per second: `4.0k/s`; slow ones keep a decimal: `0.3/s`.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second < 9.95 {
        return format!("{per_second:.1}/s");
    }
    let (amount, unit) = short(per_second);
    format!("{amount}{unit}/s")
}

/// Bytes per second: `3.2MB/s`.
pub(crate) fn byte_rate(per_second: f64) -> String {
    let (amount, unit) = short(per_second);
    format!("{amount}{unit}B/s")
}

/// A moment for the person looking: the time, with the date where it is another day's than `now`.
pub(crate) fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let local = |t: Timestamp| {
        jiff::Timestamp::from_millisecond(t.0)
            .ok()
            .map(|t| t.to_zoned_datetime(zone.clone()))
    };
    match (local(at), local(now)) {
        (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M:%S").to_string(),
        (Some(at), _) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        (None, _) => "?".to_owned(),
    }
}

/// How many finished jobs a store has.
pub(crate) fn finished_jobs(store: &StoreAnswer) -> String {
    let about = if store.indexed { "" } else { "about " };
    let plural = if store.periods == 1 { "" } else { "s" };
    format!(
        "{about}{} finished jobs in {} period{plural}",
        count(store.records),
        store.periods
    )
}

/// What they take, and when the store was compacted last.
pub(crate) fn taken(store: &StoreAnswer, now: Timestamp, zone: &TimeZone) -> String {
    let compacted = store.last_compaction.map_or_else(
        || "not compacted yet".to_owned(),
        |at| format!("compacted {}", moment(at, now, zone)),
    );
    format!(
        "{} of jobs, {} on the disk, {compacted}",
        bytes(store.live_bytes),
        bytes(store.disk_bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000;
    const M: u64 = 60 * S;
    const H: u64 = 60 * M;

    #[test]
    fn times() {
        for (ms, as_duration, as_age, as_to_go) in [
            (0, "0s", "0s", "0s"),
            (999, "0s", "0s", "1s"),
            (42 * S, "42s", "42s", "42s"),
            (3 * M + 21 * S, "3m 21s", "3m", "3m 20s"),
            (9 * M + 58 * S, "9m 58s", "9m", "10m 00s"),
            (12 * M + 40 * S, "12m 40s", "12m", "13m"),
            (H + 5 * M, "1h 05m", "1h 05m", "1h 05m"),
            (12 * H + 5 * M, "12h", "12h", "12h"),
            (52 * H, "2d 4h", "2d 4h", "2d 4h"),
        ] {
            assert_eq!(duration(ms), as_duration, "{ms}");
            assert_eq!(age(ms), as_age, "{ms}");
            assert_eq!(to_go(ms), as_to_go, "{ms}");
        }
    }

    #[test]
    fn amounts() {
        for (n, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (36_700_000, "36.7 MB"),
            (999_999, "1.0 MB"),
            (123_456_789_000, "123 GB"),
        ] {
            assert_eq!(bytes(n), text);
        }
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(n), text);
        }
        for (n, text) in [(0.31, "0.3/s"), (42.0, "42/s"), (4_035.4, "4.0k/s")] {
            assert_eq!(rate(n), text);
        }
        assert_eq!(byte_rate(3_200_000.0), "3.2MB/s");
    }

    #[test]
    fn a_hundred_percent_is_done() {
        for (progress, text) in [
            (0.0, "0.0%"),
            (41.66, "41.6%"),
            (99.99, "99.9%"),
            (100.0, "100%"),
        ] {
            assert_eq!(percent(progress), text);
        }
    }

    #[test]
    fn estimates_are_marked() {
        for (progress, source, text) in [
            (41.0, Some("reads"), "≈41.0%"),
            (41.0, Some("mapping"), "≈41.0%"),
            (41.0, Some("history"), "≈41.0%"),
            (41.0, Some("file offset"), "41.0%"),
            (41.0, None, "41.0%"),
            (100.0, Some("reads"), "100%"),
        ] {
            assert_eq!(marked_percent(progress, source), text);
        }
    }
}
