//! Looking at processes through `/proc`, and signalling those that a test started.

use std::fs;
use std::path::Path;

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

/// Sends a signal; a process that is gone is no matter.
pub fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// Every process whose environment has that variable with that value.
pub fn with_environment(name: &str, value: &Path) -> Vec<i32> {
    let wanted = format!("{name}={}", value.display());
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir("/proc") else {
        return found;
    };
    for entry in entries.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment
            .split(|byte| *byte == 0)
            .any(|pair| pair == wanted.as_bytes())
        {
            found.push(pid);
        }
    }
    found
}

/// The letter of a process's state (`R`, `S`, `T`, `Z` …), `None` once it is gone.
pub fn state(pid: i32) -> Option<char> {
    stat_fields(pid)?.first()?.chars().next()
}

/// Whether every thread of a process stands still: stopped, or ended. One that was just told to stop first ends what it
/// asked the kernel for.
pub fn stands_still(pid: i32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    threads.flatten().all(|thread| {
        let text = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let state = text
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        state.is_none_or(|state| "TZX".contains(state))
    })
}

/// Whether a process is there and not a zombie.
pub fn alive(pid: i32) -> bool {
    state(pid).is_some_and(|state| state != 'Z')
}

/// The group of a process.
pub fn group(pid: i32) -> Option<i32> {
    stat_fields(pid)?.get(2)?.parse().ok()
}

/// The words of a process's command line.
pub fn command_line(pid: i32) -> Vec<String> {
    fs::read(format!("/proc/{pid}/cmdline"))
        .unwrap_or_default()
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// Sends a signal to a whole group.
pub fn signal_group(group: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group) {
        let _ = kill_process_group(group, signal);
    }
}

/// CPU time of a process so far, its ended threads included, in seconds (steps of 10 ms).
pub fn cpu_seconds(pid: i32) -> f64 {
    let fields = stat_fields(pid).unwrap_or_default();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0.0)
    };
    // utime and stime are fields 14 and 15; USER_HZ is 100 on every Linux that we run on.
    (ticks(11) + ticks(12)) / 100.0
}

/// Resident memory of a process in KiB, its peak if `peak`.
pub fn resident_kib(pid: i32, peak: bool) -> u64 {
    let key = if peak { "VmHWM:" } else { "VmRSS:" };
    fs::read_to_string(format!("/proc/{pid}/status"))
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// How often all threads of a process went to sleep of their own will: each time they were woken for.
pub fn wakeups(pid: i32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("status")).ok())
        .filter_map(|status| {
            status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
                .and_then(|rest| rest.trim().parse::<u64>().ok())
        })
        .sum()
}

/// The fields of `/proc/PID/stat` from the state on: the name before it may hold anything.
fn stat_fields(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}
