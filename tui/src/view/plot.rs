//! Small plots as text: bars, sparklines, and days in a row. Pure; the commands print with it too.

use jiff::civil::Date;
use jobtop_core::proto::history::Group;

use super::format;

/// At most so many days are shown.
const DAYS: usize = 480;

/// A duration; short ones more exactly, because most of them would be the same.
pub(crate) fn took(ms: f64) -> String {
    if ms < 99.5 {
        format!("{ms:.0}ms")
    } else if ms < 9_950.0 {
        format!("{:.1}s", ms / 1000.0)
    } else {
        format::duration(ms as u64)
    }
}

/// A share of ten cells, to an eighth of a cell.
pub(crate) fn bar(share: f64) -> String {
    const CELLS: usize = 10;
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * (CELLS * 8) as f64).floor() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(PARTS[eighths % 8]);
    }
    bar
}

/// The signs of a sparkline, from the least to the greatest.
pub(crate) const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same for terminals without them.
pub(crate) const ASCII: [char; 8] = ['.', ':', '-', '=', '+', '*', '#', '@'];

/// One sign for each count, the highest for the greatest; blank for none.
pub(crate) fn spark(counts: &[u64], most: u64, signs: &[char; 8]) -> String {
    counts
        .iter()
        .map(|count| match count {
            0 => ' ',
            count => signs[(count * 8).div_ceil(most.max(1)).clamp(1, 8) as usize - 1],
        })
        .collect()
}

/// The days of groups without a gap, with the first and the last; none if no group is a day's.
pub(crate) fn without_gaps(days: &[Group]) -> Option<(Vec<Option<&Group>>, Date, Date)> {
    let dated: Vec<(Date, &Group)> = days
        .iter()
        .filter_map(|group| Some((group.key.parse().ok()?, group)))
        .collect();
    let (first, last) = (dated.first()?.0, dated.last()?.0);
    let mut all = Vec::new();
    let mut known = dated.iter().peekable();
    let mut day = first;
    while day <= last && all.len() < DAYS {
        let of_day = known
            .next_if(|(date, _)| *date == day)
            .map(|(_, group)| *group);
        all.push(of_day);
        match day.tomorrow() {
            Ok(next) => day = next,
            Err(_) => break,
        }
    }
    Some((all, first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_are_told_apart() {
        for (ms, expected) in [
            (0.0, "0ms"),
            (99.0, "99ms"),
            (99.6, "0.1s"),
            (9_949.0, "9.9s"),
            (9_950.0, "9s"),
            (70_000.0, "1m 10s"),
        ] {
            assert_eq!(took(ms), expected);
        }
    }

    #[test]
    fn bars_and_sparks() {
        for (share, expected) in [
            (0.0, ""),
            (1.0, "██████████"),
            (0.5, "█████"),
            (0.513, "█████▏"),
            (7.0, "██████████"),
        ] {
            assert_eq!(bar(share), expected, "{share}");
        }
        assert_eq!(spark(&[0, 1, 4, 8], 8, &BLOCKS), " ▁▄█");
        assert_eq!(spark(&[1, 1_000], 1_000, &BLOCKS), "▁█");
    }
}
