//! What is to be known of a process that is not our child: whose it is, what it runs, whether it may be looked at.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::io::Errno;

use super::{Proc, parse, read};

impl Proc {
    /// The words of a process's command line; none where it has none, or hides it.
    #[must_use]
    pub fn command_line(&self, pid: i32) -> Vec<OsString> {
        let text = fs::read(self.of(pid).join("cmdline")).unwrap_or_default();
        let text = text.strip_suffix(b"\0").unwrap_or(&text);
        if text.is_empty() {
            return Vec::new();
        }
        let words = text.split(|byte| *byte == 0);
        words
            .map(|word| OsString::from_vec(word.to_vec()))
            .collect()
    }

    /// The user id whose it is: that by which access to it is judged.
    #[must_use]
    pub fn owner(&self, pid: i32) -> Option<u32> {
        fs::metadata(self.of(pid)).ok().map(|meta| meta.uid())
    }

    /// Whether its open files may be listed.
    pub fn may_look(&self, pid: i32) -> Result<(), Errno> {
        match fs::read_dir(self.of(pid).join("fd")) {
            Ok(_) => Ok(()),
            Err(error) => Err(error
                .raw_os_error()
                .map_or(Errno::IO, Errno::from_raw_os_error)),
        }
    }

    /// The time since the machine was started.
    #[must_use]
    pub fn uptime(&self) -> Option<Duration> {
        let text = read(&self.root.join("uptime"))?;
        let seconds = text.split_ascii_whitespace().next()?.parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// When a process that has ended was started, in ticks since boot, and how it ended, as `wait` would tell; as long as its
    /// parent has taken no notice.
    #[must_use]
    pub fn ending(&self, pid: i32) -> Option<(u64, i32)> {
        let text = read(&self.of(pid).join("stat"))?;
        let stat = parse::stat(&text).filter(parse::Stat::is_gone)?;
        Some((stat.started, parse::exit_status(&text)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_says_of_somebody() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &[u8]| {
            fs::create_dir_all(dir.path().join("7/fd")).unwrap();
            fs::write(dir.path().join(name), text).unwrap();
        };
        put("7/cmdline", b"python3\0clean up.py\0\0");
        put("uptime", b"350.25 1200.00\n");
        let zeros = "0 ".repeat(11);
        put(
            "7/stat",
            format!("7 (x) Z 1 7 7 0 -1 {zeros}1 0 900 {}256\n", "0 ".repeat(29)).as_bytes(),
        );
        let proc = Proc::at(dir.path());
        assert_eq!(proc.command_line(7), ["python3", "clean up.py", ""]);
        assert!(proc.command_line(8).is_empty());
        assert_eq!(proc.uptime(), Some(Duration::from_millis(350_250)));
        assert_eq!(proc.owner(7), Some(rustix::process::geteuid().as_raw()));
        assert_eq!(proc.may_look(7), Ok(()));
        assert_eq!(proc.may_look(8), Err(Errno::NOENT));
        assert_eq!(proc.ending(7), Some((900, 256)));
    }
}
