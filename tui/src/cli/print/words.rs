//! Durations, rates and ages in words for people. Pure.

use jobtop_core::proto::view::View;
use jobtop_core::{Status, Timestamp, text};

/// The sign that stands before a status word.
pub(crate) const fn glyph(status: Status) -> &'static str {
    match status {
        Status::Pending => "◌",
        Status::Running => "▶",
        Status::Paused => "⏸",
        Status::Completed => "✓",
        Status::Failed => "✗",
        Status::Cancelled => "⊘",
    }
}

/// The status, or what it is becoming: "pausing…" until the producer has obeyed.
pub(crate) fn standing(job: &View) -> String {
    use jobtop_core::job::control::Action;
    match job.control.map(|control| control.action) {
        Some(Action::Pause) => "pausing…".to_owned(),
        Some(Action::Resume) => "resuming…".to_owned(),
        Some(Action::Cancel) => "cancelling…".to_owned(),
        None if job.stalled_since.is_some() => "stalled".to_owned(),
        None => job.status.word().to_owned(),
    }
}

/// A text of a stranger's, safe to print.
pub(crate) fn clean(raw: &str) -> String {
    text::clean(raw).into_owned()
}

/// How long from `earlier` to `now`, as [`duration`].
pub(crate) fn since(earlier: Timestamp, now: Timestamp) -> String {
    duration(now.ms_since(earlier))
}

/// `850 ms`, `41 s`, `3 m 20 s`, `5 h 12 m`, `3 d 4 h`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    if days > 0 {
        format!("{days} d {hours} h")
    } else if hours > 0 {
        format!("{hours} h {minutes} m")
    } else if minutes > 0 {
        format!("{minutes} m {} s", seconds % 60)
    } else {
        format!("{seconds} s")
    }
}

/// `12 /s`, `4.0k/s`.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 10_000.0 {
        format!("{:.0}k/s", per_second / 1_000.0)
    } else if per_second >= 1_000.0 {
        format!("{:.1}k/s", per_second / 1_000.0)
    } else if per_second >= 10.0 {
        format!("{per_second:.0}/s")
    } else {
        format!("{per_second:.1}/s")
    }
}

/// `88.0 MB`, in powers of ten.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut amount = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if amount < 999.5 {
            let places = usize::from(unit != "B");
            return format!("{amount:.places$} {unit}");
        }
        amount /= 1_000.0;
    }
    format!("{amount:.1} TB")
}

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The time of day where we are, with the date when it is not today's.
pub(crate) fn clock(at: Timestamp, now: Timestamp) -> String {
    let local = |time: Timestamp| {
        jiff::Timestamp::from_millisecond(time.0)
            .ok()
            .map(|time| time.to_zoned_datetime(jiff::tz::TimeZone::system()))
    };
    match (local(at), local(now)) {
        (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M:%S").to_string(),
        (Some(at), _) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        (None, _) => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_as_people_say_them() {
        for (ms, said) in [
            (850, "0 s"),
            (41_999, "41 s"),
            (200_000, "3 m 20 s"),
            (18_720_000, "5 h 12 m"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(duration(ms), said);
        }
        for (per_second, said) in [
            (0.25, "0.2/s"),
            (12.4, "12/s"),
            (4_035.4, "4.0k/s"),
            (52_400.0, "52k/s"),
        ] {
            assert_eq!(rate(per_second), said);
        }
        for (amount, said) in [(17, "17 B"), (1_500, "1.5 kB"), (88_000_000, "88.0 MB")] {
            assert_eq!(bytes(amount), said);
        }
        assert_eq!(count(1_234_567), "1,234,567");
    }
}
