//! The texts of `/proc` read: pure functions from a file's content to what we need of it.

/// What `/proc/PID/stat` says, as far as we care.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stat {
    /// The program's name, as the kernel cut it.
    pub name: String,
    /// The state's letter: `R`, `S`, `D`, `T`, `t`, `Z`, `X`, `I`.
    pub state: char,
    /// The parent's process id.
    pub parent: i32,
    /// The process group.
    pub group: i32,
    /// How many threads it has.
    pub threads: u32,
    /// When it started, in ticks since boot: with the process id this names one process for good.
    pub started: u64,
}

impl Stat {
    /// Whether it has ended and only waits for its parent to take notice. A first thread that ended before the others
    /// looks like a zombie, too: that process lives.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x') && self.threads <= 1
    }

    /// Whether it waits within the kernel, where no signal but SIGKILL reaches it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.state == 'D'
    }

    /// Whether it is stopped, by job control or by a tracer.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

/// Reads `/proc/PID/stat`. The name stands in parentheses and may itself hold blanks and parentheses, so its end is
/// the last one.
#[must_use]
pub fn stat(text: &str) -> Option<Stat> {
    let open = text.find('(')?;
    let close = text.rfind(')')?;
    let name = text.get(open + 1..close)?.to_owned();
    let mut fields = text.get(close + 1..)?.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    // Fields are counted from 1 in proc_pid_stat(5): the group is the 5th, threads the 20th, the start the 22nd.
    let threads = fields.nth(14)?.parse().ok()?;
    let started = fields.nth(1)?.parse().ok()?;
    Some(Stat {
        name,
        state,
        parent,
        group,
        threads,
        started,
    })
}

/// How a process ended, from `/proc/PID/stat`, as `wait` tells it: 0 as long as it has not.
#[must_use]
pub fn exit_status(text: &str) -> Option<i32> {
    let close = text.rfind(')')?;
    // The 52nd field; the first after the name is the 3rd.
    text.get(close + 1..)?
        .split_ascii_whitespace()
        .nth(49)?
        .parse()
        .ok()
}

/// Reads `/proc/PID/task/TID/children`.
#[must_use]
pub fn children(text: &str) -> Vec<i32> {
    text.split_ascii_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// What `/proc/PID/fdinfo/FD` says of an open file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FdInfo {
    /// The offset.
    pub position: u64,
    /// How it was opened.
    pub mode: Mode,
}

/// How a file was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// `O_RDONLY`.
    Read,
    /// `O_WRONLY` or `O_RDWR`.
    Write,
    /// `O_PATH`: neither.
    Neither,
}

const ACCESS: u32 = 0o3;
const PATH: u32 = 0o10_000_000;

/// Reads `/proc/PID/fdinfo/FD`; flags are octal there.
#[must_use]
pub fn fdinfo(text: &str) -> Option<FdInfo> {
    let mut position = None;
    let mut flags = None;
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        match key {
            "pos" => position = value.trim().parse().ok(),
            "flags" => flags = u32::from_str_radix(value.trim(), 8).ok(),
            _ => {}
        }
    }
    let flags = flags?;
    let mode = if flags & PATH != 0 {
        Mode::Neither
    } else if flags & ACCESS == 0 {
        Mode::Read
    } else {
        Mode::Write
    };
    Some(FdInfo {
        position: position?,
        mode,
    })
}

/// The signals of one of the masks in `/proc/PID/status` (`SigIgn`, `SigCgt` …), as a set of bits: bit n-1 is signal n.
#[must_use]
pub fn signal_mask(status: &str, mask: &str) -> Option<u64> {
    status.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key == mask).then(|| u64::from_str_radix(value.trim(), 16).ok())?
    })
}

/// All bytes that a process and its ended children have read, from `/proc/PID/io`.
#[must_use]
pub fn bytes_read(io: &str) -> Option<u64> {
    let line = io.lines().find_map(|line| line.strip_prefix("rchar:"))?;
    line.trim().parse().ok()
}

/// The mapped files of `/proc/PID/smaps` that are data (not executable, not written through the mapping), with the bytes
/// of each mapping that are in memory.
#[must_use]
pub fn mappings(smaps: &str) -> Vec<(&str, u64)> {
    let mut found = Vec::new();
    let mut current = None;
    for line in smaps.lines() {
        if let Some(resident) = line.strip_prefix("Rss:") {
            let kib = resident.trim().strip_suffix(" kB");
            if let (Some(path), Some(kib)) = (current.take(), kib.and_then(|n| n.parse().ok())) {
                found.push((path, u64::saturating_mul(kib, 1024)));
            }
        } else if line.starts_with(|c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()) {
            current = mapped_data(line);
        }
    }
    found
}

/// The file of one line of `/proc/PID/maps`, which also heads a mapping in `smaps`, where it is data as [`mappings`] means it.
#[must_use]
pub fn mapped_data(line: &str) -> Option<&str> {
    let at = line.find(" /")?;
    let rights = line.split(' ').nth(1).unwrap_or_default();
    let data = rights.starts_with('r') && !rights.contains('x') && rights != "rw-s";
    data.then(|| &line[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_survives_every_name() {
        let tail = "1 900 900 34816 900 4194304 137 0 0 0 0 0 0 0 20 0 1 0 8812345 2703360 334 18446744073709551615 1 1 0 0 0 0 0 0 65536 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0";
        for (name, state) in [
            ("python3", 'R'),
            ("a b", 'S'),
            (") R 1 (", 'T'),
            ("((x))", 'Z'),
            ("", 'D'),
        ] {
            let text = format!("901 ({name}) {state} {tail}\n");
            let read = stat(&text).unwrap();
            assert_eq!(
                read,
                Stat {
                    name: name.to_owned(),
                    state,
                    parent: 1,
                    group: 900,
                    threads: 1,
                    started: 8_812_345
                }
            );
            assert_eq!(read.is_stopped(), state == 'T');
            assert_eq!(read.is_gone(), state == 'Z');
        }
        for bad in [
            "",
            "1",
            "1 (x)",
            "1 (x) S",
            "1 (x) S one 2 3",
            ")(",
            "1 (x) S 1 2 3",
        ] {
            assert_eq!(stat(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn children_are_numbers() {
        for (text, expected) in [
            ("", vec![]),
            ("12 13 ", vec![12, 13]),
            ("12 x 13\n", vec![12, 13]),
        ] {
            assert_eq!(children(text), expected, "{text:?}");
        }
    }

    #[test]
    fn fdinfo_of_every_kind() {
        let read = |position, mode| Some(FdInfo { position, mode });
        for (text, expected) in [
            // Python reading a CSV file.
            (
                "pos:\t8388608\nflags:\t02100000\nmnt_id:\t29\nino:\t1572872\n",
                read(8_388_608, Mode::Read),
            ),
            // A shell's redirection, for writing and appending.
            (
                "pos:\t0\nflags:\t0100001\nmnt_id:\t29\nino:\t7\n",
                read(0, Mode::Write),
            ),
            (
                "pos:\t120\nflags:\t02102002\nmnt_id:\t29\nino:\t7\n",
                read(120, Mode::Write),
            ),
            // O_PATH, as systemd and browsers hold directories.
            (
                "pos:\t0\nflags:\t012000000\nmnt_id:\t29\nino:\t7\n",
                read(0, Mode::Neither),
            ),
            // A pidfd and an epoll have more lines.
            (
                "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t13\nPid:\t99\nNSpid:\t99\n",
                read(0, Mode::Write),
            ),
            ("", None),
            ("pos:\t1\n", None),
            ("flags:\t0\n", None),
            ("pos:\t-1\nflags:\t0\n", None),
            ("pos:\t1\nflags:\t9\n", None),
        ] {
            assert_eq!(fdinfo(text), expected, "{text:?}");
        }
    }

    #[test]
    fn masks_are_found_by_name() {
        let status =
            "Name:\tsh\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\tx\n";
        for (mask, expected) in [
            ("SigBlk", Some(0)),
            ("SigIgn", Some(0x1001)),
            ("SigCgt", None),
            ("SigPnd", None),
        ] {
            assert_eq!(signal_mask(status, mask), expected, "{mask}");
        }
    }

    #[test]
    fn what_was_read_and_mapped() {
        let io = "rchar: 323934931\nwchar: 323929600\nread_bytes: 0\n";
        for (text, expected) in [(io, Some(323_934_931)), ("", None), ("rchar: x", None)] {
            assert_eq!(bytes_read(text), expected, "{text:?}");
        }
        let smaps = "7f00-7f10 r--s 00000000 08:01 99                         /data/my orders.csv\n\
            Size: 100 kB\nRss:                  64 kB\nPss: 3 kB\n\
            7f20-7f30 r-xp 00000000 08:01 98 /usr/lib/libc.so.6\nRss: 8 kB\n\
            7f40-7f50 rw-s 00000000 08:01 97 /data/out\nRss: 8 kB\n\
            7f60-7f70 rw-p 00000000 00:00 0 \nRss: 12 kB\n";
        assert_eq!(mappings(smaps), [("/data/my orders.csv", 65536)]);
        let data: Vec<_> = smaps.lines().filter_map(mapped_data).collect();
        assert_eq!(data, ["/data/my orders.csv"]);
    }
}
