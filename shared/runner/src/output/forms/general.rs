//! The general forms, for programs that nobody has told us of: `NN%`, `n/m`, `n of m`, and a line that is one number.

use super::{Bar, Scan, Trust, shape_of, share};

pub(super) fn read(line: &str, in_place: bool) -> Option<Bar> {
    if is_gauge(line) {
        return None;
    }
    percent(line, in_place)
        .or_else(|| counts(line, in_place))
        .or_else(|| if in_place { None } else { number(line) })
}

/// Words beside a percentage that make it a measure of something, not of how far the work is.
const GAUGES: &[&str] = &[
    "accuracy",
    "acc",
    "battery",
    "capacity",
    "cpu",
    "coverage",
    "disk",
    "faster",
    "free",
    "full",
    "gpu",
    "hit",
    "hits",
    "humidity",
    "idle",
    "load",
    "loss",
    "mem",
    "memory",
    "quota",
    "ram",
    "slower",
    "swap",
    "threshold",
    "usage",
    "used",
    "util",
    "utilization",
    "volume",
];

fn is_gauge(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| !word.is_empty() && word.len() <= 12)
        .any(|word| GAUGES.iter().any(|gauge| gauge.eq_ignore_ascii_case(word)))
}

fn shaped(before: &str, kind: &str) -> Bar {
    let mut bar = Bar::known(kind);
    bar.trust = Trust::Shape;
    bar.shape ^= shape_of(before).rotate_left(1);
    bar
}

/// `NN%`, where it stands alone: not `+5%`, not `a=%20`, not `50%-60%`, not `50% of users`.
fn percent(line: &str, in_place: bool) -> Option<Bar> {
    let bytes = line.as_bytes();
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'%', &bytes[from..]).map(|at| from + at) {
        from = at + 1;
        let number = bytes[..at]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
            .count();
        let start = at - number;
        let apart = |byte: u8| {
            !(byte.is_ascii_alphanumeric()
                || matches!(byte, b'+' | b'-' | b'/' | b'_' | b'%' | b'~' | b'<' | b'>'))
        };
        let before = bytes[..start]
            .last()
            .is_none_or(|&byte| apart(byte) || (in_place && matches!(byte, b'>' | b'-')));
        let after = bytes
            .get(at + 1)
            .is_none_or(|&byte| apart(byte) || (in_place && matches!(byte, b'<' | b'-' | b'/')));
        if number == 0 || !before || !after {
            continue;
        }
        let Some(value) = Scan::new(&line[start..]).percent() else {
            continue;
        };
        let next = line[at + 1..].trim_start();
        if next.starts_with("of ")
            && !next[3..]
                .trim_start()
                .starts_with(|c: char| c.is_ascii_digit())
        {
            continue;
        }
        let head = &line[..start];
        let mut bar = shaped(label(head), "%").percent(value);
        if in_place {
            bar = bar.label(label(head));
            if is_drawn(line) {
                bar.trust = Trust::Known;
            }
        } else {
            bar.shape = shaped(head, "%").shape;
        }
        return Some(bar);
    }
    None
}

/// Whether a bar is drawn in the line: a run of what bars are made of.
fn is_drawn(line: &str) -> bool {
    let made_of = |c: char| {
        matches!(
            c,
            '=' | '#' | '>' | '━' | '╸' | '╺' | '─' | '⣿' | '■' | '▰' | '▱' | '•'
        ) || ('▀'..='▟').contains(&c)
    };
    let mut run = 0;
    line.chars().any(|c| {
        run = if made_of(c) { run + 1 } else { 0 };
        run >= 5
    })
}

/// `[n/m]`, `(n/m)`, `n/m`, `n of m`, with a total that is not smaller.
fn counts(line: &str, in_place: bool) -> Option<Bar> {
    let bytes = line.as_bytes();
    let mut at = 0;
    while let Some(start) = bytes[at..]
        .iter()
        .position(u8::is_ascii_digit)
        .map(|found| at + found)
    {
        let mut scan = Scan::new(&line[start..]);
        let done = scan.integer();
        at = line.len() - scan.rest.len();
        if done.is_none() {
            // Too many digits for a number.
            at = start
                + bytes[start..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
            continue;
        }
        let before = bytes[..start].last().copied().unwrap_or(b' ');
        if !matches!(before, b' ' | b'[' | b'(' | b'#' | b'|') {
            continue;
        }
        let parted = scan.blanks().literal("/").is_some() || {
            scan.rest = &line[at..];
            scan.literal(" of ").is_some()
        };
        if !parted {
            continue;
        }
        let second = scan.blanks().rest.len();
        let (Some(done), Some(total)) = (done, scan.integer()) else {
            continue;
        };
        let leading_zero = |from: usize| {
            bytes[from] == b'0' && bytes.get(from + 1).is_some_and(u8::is_ascii_digit)
        };
        let after = scan.rest.as_bytes();
        let ended = match after.first() {
            None | Some(b' ' | b']' | b')' | b',' | b';' | b'|') => true,
            Some(b':') => after.get(1).is_none_or(|&byte| byte == b' '),
            _ => false,
        };
        if !ended
            || total < 2
            || done > total
            || (!in_place && (leading_zero(start) || leading_zero(line.len() - second)))
        {
            continue;
        }
        let head = &line[..start];
        let mut bar = shaped(head, "/");
        bar.items = Some((done, Some(total)));
        bar.progress = share(done, total);
        if in_place {
            bar = bar.label(label(head));
        }
        return Some(bar);
    }
    None
}

/// A line that is one number, or a number of seconds and a number: `pv -n`, with `-b` and `-t` too.
fn number(line: &str) -> Option<Bar> {
    let last = match line.split_once(' ') {
        Some((seconds, rest))
            if Scan::new(seconds).decimal().is_some() && seconds.contains('.') =>
        {
            rest.trim()
        }
        Some(_) => return None,
        None => line,
    };
    if !last.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = last.parse::<u64>().ok()?;
    let mut bar = Bar::known("number");
    bar.trust = Trust::Number;
    if value <= 100 {
        bar.progress = Some(value as f64);
    }
    bar.bytes = Some((value, None));
    Some(bar)
}

/// The name before a bar, without what draws it; none where it is more than a name.
fn label(head: &str) -> &str {
    let head = head.trim_start_matches(|c: char| !c.is_alphanumeric());
    let end = head
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | '\'')))
        .unwrap_or(head.len());
    let name = head[..end].trim_end_matches(['-', ' ', '.']);
    if name.chars().count() > 40 || name.bytes().any(|byte| byte.is_ascii_digit()) {
        ""
    } else {
        name
    }
}
