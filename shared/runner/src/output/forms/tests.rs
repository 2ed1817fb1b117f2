//! Literal lines of each program, and what they say.

use super::*;

/// What a line says, in short: `percent items bytes label`.
fn brief(line: &str, in_place: bool) -> Option<String> {
    let bar = read(line, in_place)?;
    let count = |count: Option<(u64, Option<u64>)>, unit: &str| match count {
        Some((done, Some(total))) => format!(" {done}/{total}{unit}"),
        Some((done, None)) => format!(" {done}{unit}"),
        None => String::new(),
    };
    let known = if bar.trust == Trust::Known { "!" } else { "?" };
    let percent = bar
        .progress
        .map_or_else(|| " -".to_owned(), |percent| format!(" {percent:.1}%"));
    Some(format!(
        "{known}{percent}{}{}{}",
        count(bar.items, "i"),
        count(bar.bytes, "B"),
        bar.label
            .map(|label| format!(" {label}"))
            .unwrap_or_default()
    ))
}

#[test]
fn known_programs_are_read_wherever_they_stand() {
    for (line, expected) in [
        (
            "load:  17%|█████     | 50/300 [00:00<00:01, 240.47it/s]",
            "! 17.0% 50/300i load",
        ),
        (
            " 17%|█▋        | 50/300 [00:00<?, ?it/s]",
            "! 17.0% 50/300i",
        ),
        (
            "100%|██████████| 300/300 [00:01<00:00, 240.47it/s]",
            "! 100.0% 300/300i",
        ),
        (
            "read: 50%|█████     | 1.50k/3.00k [00:01<00:01, 1.2kit/s]",
            "! 50.0% 1500/3000i read",
        ),
        (
            "x.bin: 12%|█▏        | 12.3M/100M [00:01<00:08, 11.0MB/s]",
            "! 12.0% 12300000/100000000B x.bin",
        ),
        ("24it [00:00, 230.62it/s]", "! - 24i"),
        ("rows: 1.21krow [00:03, 403.2row/s]", "! - 1210i rows"),
        ("5.10MB [00:00, 10.2MB/s]", "! - 5100000B"),
        (
            " 74 57.2M   74 42.7M    0     0  29.9M      0  0:00:01  0:00:01 --:--:-- 29.9M",
            "! 74.0% 44774195/59978547B",
        ),
        (
            "100 57.2M    0 57.2M    0     0  29.9M      0 --:--:--  0:00:01 --:--:-- 29.9M",
            "! - 59978547B",
        ),
        (
            "  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0",
            "! - 0B",
        ),
        (
            "x.iso       87%[=======>  ]  50.09M  30.0MB/s    eta 1s",
            "! 87.0% 52523172B",
        ),
        (
            "    50K .......... .......... .......... .......... ..........  0%  413M 0s",
            "! 0.0% 51200B",
        ),
        (
            "     32,669,696  54%   30.04MB/s    0:00:00  ",
            "! 54.0% 32669696B",
        ),
        (
            "     60,000,000 100%   30.04MB/s    0:00:01 (xfr#1, to-chk=0/1)",
            "! 100.0% 60000000B",
        ),
        (
            "30.0MiB 0:00:01 [30.0MiB/s] [====>   ] 52% ETA 0:00:00",
            "! 52.0% 31457280B",
        ),
        (
            "load: 30.0MiB 0:00:01 [30.0MiB/s] [====>   ] 52% ETA 0:00:00",
            "! 52.0% 31457280B load",
        ),
        (
            "1.25GiB 0:00:01 [1.25GiB/s] [  <=>     ]",
            "! - 1342177280B",
        ),
        (
            "16801980416 bytes (17 GB, 16 GiB) copied, 2 s, 8.4 GB/s",
            "! - 16801980416B",
        ),
        ("512 bytes copied, 0.000130455 s, 3.9 MB/s", "! - 512B"),
        (
            "Building [=====>          ] 12/40: serde, syn",
            "! 30.0% 12/40i Building",
        ),
        (
            "Receiving objects:  90% (28/31)",
            "! 90.0% 28/31i Receiving objects",
        ),
        (
            "remote: Compressing objects: 100% (20/20), done.",
            "! 100.0% 20/20i Compressing objects",
        ),
        (
            "Receiving objects:  90% (28/31), 1.20 MiB | 2.00 MiB/s",
            "! 90.0% 28/31i Receiving objects",
        ),
        ("Progress: [ 42%] [########..........]", "! 42.0%"),
        (
            "dlstatus:1:20.0000:Retrieving file 1 of 3",
            "! 20.0% Downloading",
        ),
        (
            "pmstatus:libc6:amd64:42.1053:Unpacking libc6 (amd64)",
            "! 42.1% Installing",
        ),
        (
            "pmstatus:dpkg-exec:0.0000:Running dpkg",
            "! 0.0% Installing",
        ),
        (
            "95% ▕████████████████████████████████████▌ ▏ (<1 second remaining)",
            "! 95.0%",
        ),
        (
            "Completed 2.3 MiB/877.0 MiB (2.3 MiB/s) with 2 file(s) remaining",
            "! 0.3% 2411725/919601152B",
        ),
        (
            "Completed 2.3 MiB/~10.0 MiB (2.3 MiB/s) with ~2 file(s) remaining (calculating...)",
            "! - 2411725B",
        ),
        (
            "━━━━━━━━━━╸━━━━━━━━━━━━━ 24.5/99.0 MB 12.3 MB/s eta 0:00:07",
            "! 24.7% 24500000/99000000B",
        ),
    ] {
        assert_eq!(brief(line, true).as_deref(), Some(expected), "{line}");
        assert_eq!(brief(line, false).as_deref(), Some(expected), "{line}");
    }
}

#[test]
fn general_forms_are_read_where_they_may_be_a_bar() {
    for (line, expected) in [
        ("######   16.9%", "! 16.9%"),
        ("Work ━━━╸━━━━ 24% 0:00:01", "! 24.0% Work"),
        ("[15/20] cc -o x.o x.c", "? 75.0% 15/20i"),
        ("Step 3/7 : RUN make", "? 42.9% 3/7i Step"),
        ("(3/7) foo", "? 42.9% 3/7i"),
        ("Reading 120 of 480 rows", "? 25.0% 120/480i Reading"),
        ("Progress: 45%", "? 45.0% Progress"),
        ("[=====>-----] 45%", "! 45.0%"),
    ] {
        assert_eq!(brief(line, true).as_deref(), Some(expected), "{line}");
    }
    for line in ["1", "100", "1.0012 52"] {
        assert!(brief(line, true).is_none(), "{line}");
        assert!(brief(line, false).is_some(), "{line}");
    }
}

#[test]
fn what_only_looks_like_it_says_nothing() {
    for line in [
        "",
        "CPU at 95%",
        "mem: 45% of 16 GB",
        "50% of users agree",
        "GET /a%20b HTTP/1.1",
        "up +5% since",
        "5%-10% off",
        "2026/11/24 10:00:00 started",
        "24/11/2026 started",
        "01/24 no",
        "accuracy 95.2%",
        "read 12/40.csv",
        "a/b/c 3/x",
        "and/or",
        "one of them",
        "12 of them",
        "7/3 is more than 2",
        "http://host/1/2/3",
        "1/1",
    ] {
        assert_eq!(brief(line, false), None, "{line}");
    }
}
