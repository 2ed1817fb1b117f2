//! tqdm, git, apt, and `DuckDB`.

use super::{Bar, Scan};

pub(super) fn read(line: &str) -> Option<Bar> {
    tqdm(line)
        .or_else(|| tqdm_count(line))
        .or_else(|| git(line))
        .or_else(|| apt(line))
        .or_else(|| apt_status(line))
        .or_else(|| duckdb(line))
}

/// `load:  17%|█████     | 50/300 [00:00<00:01, 240.47it/s]`; without a bar where there is no room for one.
fn tqdm(line: &str) -> Option<Bar> {
    let at = line.find("%|").or_else(|| line.find("% "))?;
    let (label, percent) = number_before(line, at)?;
    let after = &line[at + 1..];
    let counts = match after.strip_prefix('|') {
        Some(bar) => bar.split_once("| ")?.1,
        None => after,
    };
    let mut scan = Scan::new(counts);
    let done = scaled(scan.blanks())?;
    scan.literal("/")?;
    let total = scaled(&mut scan)?;
    scan.blanks().literal("[")?;
    scan.clock()?;
    scan.literal("<")?;
    let rate = scan.rest.trim_end_matches(']');
    let bar = Bar::known("tqdm").percent(percent).label(label);
    Some(if rate.trim_end().ends_with("B/s") {
        bar.bytes(done, Some(total))
    } else {
        bar.items(done, total)
    })
}

/// `24it [00:00, 230.62it/s]`: no total is known.
fn tqdm_count(line: &str) -> Option<Bar> {
    let open = line.find(" [")?;
    let (count, mut scan) = (&line[..open], Scan::new(&line[open + 2..]));
    scan.clock()?;
    scan.literal(", ")?;
    if !scan.rest.contains("/s") && !scan.rest.contains("s/") && !scan.rest.contains('?') {
        return None;
    }
    let (label, count) = match count.rsplit_once(": ") {
        Some((label, count)) => (label, count),
        None => ("", count),
    };
    let mut scan = Scan::new(count);
    let done = scaled(&mut scan)?;
    let unit = scan.rest;
    if unit.is_empty() || unit.len() > 16 || unit.contains(' ') {
        return None;
    }
    let mut bar = Bar::known("tqdm").label(label);
    if unit == "B" {
        bar.bytes = Some((done, None));
    } else {
        bar.items = Some((done, None));
    }
    Some(bar)
}

/// `Receiving objects:  90% (28/31), 1.20 MiB | 2.00 MiB/s`, perhaps with `remote: ` before it.
fn git(line: &str) -> Option<Bar> {
    let line = line.strip_prefix("remote: ").unwrap_or(line);
    let (label, after) = line.split_once(": ")?;
    if label.is_empty()
        || label.len() > 40
        || !label.bytes().all(|b| b.is_ascii_alphabetic() || b == b' ')
    {
        return None;
    }
    let mut scan = Scan::new(after);
    let percent = scan.blanks().percent()?;
    scan.literal(" (")?;
    let done = scan.integer()?;
    scan.literal("/")?;
    let total = scan.integer()?;
    scan.literal(")")?;
    let mut bar = Bar::known("git")
        .percent(percent)
        .items(done, total)
        .label(label);
    bar.shape ^= super::shape_of(label);
    Some(bar)
}

/// `Progress: [ 42%] [########....]`, at the foot of the screen.
fn apt(line: &str) -> Option<Bar> {
    let mut scan = Scan::new(line);
    scan.literal("Progress: [")?;
    let percent = scan.blanks().percent()?;
    scan.literal("]")?;
    Some(Bar::known("apt").percent(percent))
}

/// `dlstatus:1:20.0000:Retrieving file 1 of 3`, `pmstatus:libc6:amd64:42.1053:Unpacking libc6`.
fn apt_status(line: &str) -> Option<Bar> {
    let (rest, label) = match line.strip_prefix("dlstatus:") {
        Some(rest) => (rest, "Downloading"),
        None => (line.strip_prefix("pmstatus:")?, "Installing"),
    };
    let percent = rest
        .split(':')
        .find_map(|field| {
            field
                .contains('.')
                .then(|| Scan::new(field).decimal())
                .flatten()
        })
        .filter(|percent| *percent <= 100.0)?;
    let mut bar = Bar::known("apt-status").percent(percent).label(label);
    bar.shape ^= super::shape_of(label);
    Some(bar)
}

/// `95% ▕█████████████████████████████████████▍  ▏ (<1 second remaining)`
fn duckdb(line: &str) -> Option<Bar> {
    let mut scan = Scan::new(line);
    let percent = scan.percent()?;
    scan.blanks().literal("▕")?;
    scan.until("▏")?;
    Some(Bar::known("duckdb").percent(percent))
}

/// The number that ends at `end`, and what stands before it.
fn number_before(line: &str, end: usize) -> Option<(&str, f64)> {
    let head = &line[..end];
    let digits = head
        .bytes()
        .rev()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
        .count();
    let (before, number) = head.split_at(end - digits);
    let value = number.parse().ok().filter(|value| *value <= 100.0)?;
    Some((before, value))
}

/// A count as tqdm writes it, perhaps scaled: `50`, `1.50k`, `12.3M`; the units are powers of 1000.
fn scaled(scan: &mut Scan<'_>) -> Option<u64> {
    let value = scan.decimal()?;
    let factor = match scan.rest.as_bytes().first() {
        Some(b'k') => 1e3,
        Some(b'M') => 1e6,
        Some(b'G') => 1e9,
        Some(b'T') => 1e12,
        _ => return Some(value.round() as u64),
    };
    scan.rest = &scan.rest[1..];
    Some((value * factor).round() as u64)
}
