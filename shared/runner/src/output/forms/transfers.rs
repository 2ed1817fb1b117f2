//! What moves bytes: curl, wget, rsync, pv, dd, aws, pip.

use super::{Bar, Scan};

pub(super) fn read(line: &str) -> Option<Bar> {
    curl(line)
        .or_else(|| wget_bar(line))
        .or_else(|| wget_dots(line))
        .or_else(|| rsync(line))
        .or_else(|| pv(line))
        .or_else(|| dd(line))
        .or_else(|| aws(line))
        .or_else(|| pip(line))
}

/// ` 74 57.2M   74 42.7M    0     0  29.9M      0  0:00:01  0:00:01 --:--:-- 29.9M`
fn curl(line: &str) -> Option<Bar> {
    if !line.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    let mut scan = Scan::new(line);
    let percent = scan.decimal().filter(|percent| *percent <= 100.0)?;
    let total = scan.blanks().size()?;
    let received_percent = scan
        .blanks()
        .decimal()
        .filter(|percent| *percent <= 100.0)?;
    let received = scan.blanks().size()?;
    let sent_percent = scan
        .blanks()
        .decimal()
        .filter(|percent| *percent <= 100.0)?;
    let sent = scan.blanks().size()?;
    scan.blanks().size()?;
    scan.blanks().size()?;
    for _ in 0..3 {
        scan.blanks().clock()?;
    }
    scan.blanks().size()?;
    let bar = Bar::known("curl");
    // Where the size is not known curl says all of what has come, and 100 %.
    Some(
        if total == 0 || (received_percent == 0.0 && sent_percent == 0.0 && percent > 0.0) {
            bar.bytes(received.max(sent), None)
        } else {
            bar.percent(percent).bytes(received + sent, Some(total))
        },
    )
}

/// `NAME    87%[=====>   ]  50.09M  30.0MB/s    eta 1s`. The name moves where it is long, so it is no label.
fn wget_bar(line: &str) -> Option<Bar> {
    let at = line.find("%[")?;
    let digits = line[..at]
        .bytes()
        .rev()
        .take_while(u8::is_ascii_digit)
        .count();
    let percent = line[at - digits..at]
        .parse()
        .ok()
        .filter(|percent| *percent <= 100.0)?;
    let mut scan = Scan::new(&line[at + 2..]);
    let inside = scan.until("]")?;
    if !inside
        .bytes()
        .all(|byte| matches!(byte, b'=' | b'>' | b' ' | b'+'))
    {
        return None;
    }
    let done = scan.blanks().size()?;
    Some(Bar::known("wget").percent(percent).bytes(done, None))
}

/// `    50K .......... .......... .......... .......... ..........  0%  413M 0s`
fn wget_dots(line: &str) -> Option<Bar> {
    let mut scan = Scan::new(line);
    let kilobytes = scan.integer()?;
    scan.literal("K ")?;
    let mut dots = 0;
    let percent = loop {
        let word = scan.word()?;
        if word.bytes().all(|byte| matches!(byte, b'.' | b',')) {
            dots += word.len();
        } else {
            break Scan::new(word).percent()?;
        }
    };
    (dots > 0).then(|| {
        Bar::known("wget")
            .percent(percent)
            .bytes(kilobytes * 1024, None)
    })
}

/// `     32,669,696  54%   30.04MB/s    0:00:00 (xfr#1, to-chk=0/1)`
fn rsync(line: &str) -> Option<Bar> {
    let mut scan = Scan::new(line);
    let done = scan.integer()?;
    scan.literal(" ")?;
    let percent = scan.blanks().percent()?;
    let rate = scan.word()?;
    if !rate.ends_with("B/s") {
        return None;
    }
    scan.blanks().clock()?;
    let mut bar = Bar::known("rsync").percent(percent).bytes(done, None);
    if let Some((_, after)) = scan.rest.split_once("to-chk=") {
        let mut scan = Scan::new(after);
        let left = scan.integer()?;
        scan.literal("/")?;
        let total = scan.integer()?;
        bar.files = Some((total.checked_sub(left)?, total));
    }
    Some(bar)
}

/// `30.0MiB 0:00:01 [30.0MiB/s] [====>   ] 52% ETA 0:00:00`, perhaps with a name and a colon before it.
fn pv(line: &str) -> Option<Bar> {
    let open = line.find(" [")?;
    let before = line[..open].trim_end();
    let mut scan = Scan::new(before);
    let label = match before.rsplit_once(": ") {
        Some((label, rest)) => {
            scan = Scan::new(rest);
            label
        }
        None => "",
    };
    let done = scan.blanks().size()?;
    scan.blanks().clock()?;
    if !scan.rest.trim().is_empty() {
        return None;
    }
    let mut scan = Scan::new(&line[open + 2..]);
    let rate = scan.until("]")?;
    if !rate.ends_with("/s") {
        return None;
    }
    let bar = Bar::known("pv").label(label);
    let percent = scan.rest.rfind('%').and_then(|at| {
        let digits = scan.rest[..at]
            .bytes()
            .rev()
            .take_while(u8::is_ascii_digit)
            .count();
        Scan::new(&scan.rest[at - digits..]).percent()
    });
    Some(match percent {
        Some(percent) => bar.percent(percent).bytes(done, None),
        None => bar.bytes(done, None),
    })
}

/// `16801980416 bytes (17 GB, 16 GiB) copied, 2 s, 8.4 GB/s`
fn dd(line: &str) -> Option<Bar> {
    let mut scan = Scan::new(line);
    let done = scan.integer()?;
    scan.literal(" byte")?;
    scan.until(" copied, ")?;
    scan.decimal()?;
    scan.literal(" s, ")?;
    scan.rest
        .trim_end()
        .ends_with("B/s")
        .then(|| Bar::known("dd").bytes(done, None))
}

/// `Completed 2.3 MiB/877.0 MiB (2.3 MiB/s) with 2 file(s) remaining`; with `~` while the total still grows.
fn aws(line: &str) -> Option<Bar> {
    let mut scan = Scan::new(line);
    scan.literal("Completed ")?;
    let done = scan.size()?;
    scan.literal("/")?;
    let guessed = scan.literal("~").is_some();
    let total = scan.size()?;
    scan.blanks().literal("(")?;
    Some(Bar::known("aws").bytes(done, (!guessed).then_some(total)))
}

/// `   ━━━━━━━━━━━━╸━━━━━━━━ 24.5/99.1 MB 12.3 MB/s eta 0:00:07`
fn pip(line: &str) -> Option<Bar> {
    let start = line.find(|c: char| c.is_ascii_digit())?;
    let head = line[..start].trim_end();
    if !head.ends_with(['━', '╸', '╺']) {
        return None;
    }
    let mut scan = Scan::new(&line[start..]);
    let done = scan.decimal()?;
    scan.literal("/")?;
    let number = scan.rest;
    let total = scan.size()?;
    let plain = Scan::new(number).decimal()?;
    if plain <= 0.0 || total as f64 <= plain {
        return None;
    }
    let done = (done * total as f64 / plain).round() as u64;
    Some(Bar::known("pip").bytes(done.min(total), Some(total)))
}
