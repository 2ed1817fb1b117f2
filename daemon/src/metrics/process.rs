//! What the system says of the daemon's own process, under the names that every client of Prometheus uses.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

/// How much the process takes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Process {
    /// Seconds of a processor, in the kernel and outside.
    pub cpu_seconds: f64,
    /// Memory that it has at present.
    pub resident_bytes: u64,
    /// Addresses that it has taken.
    pub virtual_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open files, connections among them.
    pub open_fds: u64,
    /// How many it may have open, where there is a limit.
    pub max_fds: Option<u64>,
}

impl Process {
    /// Looks. What can't be read is 0.
    #[must_use]
    pub fn look() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // One of them is the folder itself.
        let open = fs::read_dir("/proc/self/fd").map_or(0, |fds| fds.count().saturating_sub(1));
        Self {
            open_fds: open as u64,
            max_fds: getrlimit(Resource::Nofile).current,
            ..Self::read(&stat, clock_ticks_per_second(), page_size() as u64)
        }
    }

    fn read(stat: &str, ticks: u64, page: u64) -> Self {
        // The name before it may have anything in it.
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let fields: Vec<u64> = rest
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        // As proc(5) counts them, less the two before.
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
        Self {
            cpu_seconds: (field(14) + field(15)) as f64 / ticks.max(1) as f64,
            threads: field(20),
            virtual_bytes: field(23),
            resident_bytes: field(24) * page,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_manual() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 5 0 12345 1000000 300 \
            18446744073709551615 1 1 0 0 0 0 0 0 0";
        let read = Process::read(stat, 100, 4_096);
        let expected = Process {
            cpu_seconds: 3.0,
            resident_bytes: 300 * 4_096,
            virtual_bytes: 1_000_000,
            threads: 5,
            ..Process::default()
        };
        assert_eq!(read, expected);
        assert_eq!(Process::read("", 100, 4_096), Process::default());
    }

    #[test]
    fn this_process_has_some_of_each() {
        let here = Process::look();
        assert!(here.resident_bytes > 1 << 20, "{here:?}");
        assert!(here.virtual_bytes >= here.resident_bytes, "{here:?}");
        assert!(here.threads > 0 && here.open_fds >= 3, "{here:?}");
    }
}
