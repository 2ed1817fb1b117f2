//! A read-only view of `/proc`, rooted at a path so that tests can give a folder. What is unreadable (it ended just
//! now, or belongs to somebody else) is simply absent: nothing here fails.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use parse::{FdInfo, Stat};

pub mod parse;
mod pipes;
mod somebody;

/// Files smaller than this tell nothing about progress.
pub const SMALLEST: u64 = 64 * 1024;

/// Most descriptors of one process that are looked at.
const MOST_FDS: usize = 4096;

/// A view of `/proc`.
#[derive(Clone, Debug)]
pub struct Proc {
    root: PathBuf,
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The inode.
    pub inode: u64,
}

/// A regular file of size that a process holds open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenFile {
    /// Which one.
    pub id: FileId,
    /// Its size in bytes.
    pub size: u64,
    /// Its offset, and how it was opened.
    pub info: FdInfo,
}

/// A data file that a process has mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// Which one.
    pub id: FileId,
    /// Its size in bytes.
    pub size: u64,
    /// How many bytes of it are in the process's memory.
    pub resident: u64,
}

impl Default for Proc {
    fn default() -> Self {
        Self::at("/proc")
    }
}

impl Proc {
    /// The view of what lies below `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// What the kernel says of a process.
    #[must_use]
    pub fn stat(&self, pid: i32) -> Option<Stat> {
        parse::stat(&read(&self.of(pid).join("stat"))?)
    }

    /// The children of a process, of all of its threads; `None` where the kernel keeps no such list.
    #[must_use]
    pub fn children(&self, pid: i32) -> Option<Vec<i32>> {
        let mut found = Vec::new();
        for thread in numbers(&self.of(pid).join("task")) {
            let path = self.of(pid).join("task").join(thread.to_string());
            found.extend(parse::children(&read(&path.join("children"))?));
        }
        Some(found)
    }

    /// The file of the program that a process runs.
    #[must_use]
    pub fn program(&self, pid: i32) -> Option<PathBuf> {
        fs::read_link(self.of(pid).join("exe")).ok()
    }

    /// Every process there is.
    #[must_use]
    pub fn all(&self) -> Vec<i32> {
        numbers(&self.root)
    }

    /// The signals that a process ignores, bit n-1 for signal n.
    #[must_use]
    pub fn ignored_signals(&self, pid: i32) -> u64 {
        self.signals(pid, "SigIgn")
    }

    /// The signals that wait for a process, bit n-1 for signal n.
    #[must_use]
    pub fn waiting_signals(&self, pid: i32) -> u64 {
        self.signals(pid, "SigPnd") | self.signals(pid, "ShdPnd")
    }

    fn signals(&self, pid: i32, mask: &str) -> u64 {
        read(&self.of(pid).join("status"))
            .and_then(|text| parse::signal_mask(&text, mask))
            .unwrap_or(0)
    }

    /// The regular files that a process holds open, of [`SMALLEST`] bytes or more and not deleted.
    #[must_use]
    pub fn files(&self, pid: i32) -> Vec<OpenFile> {
        let dir = self.of(pid);
        numbers(&dir.join("fd"))
            .into_iter()
            .take(MOST_FDS)
            .filter_map(|fd| file(&dir, &fd.to_string()))
            .collect()
    }

    /// All bytes that a process has read so far, from files and all else, with what its ended children had read.
    #[must_use]
    pub fn bytes_read(&self, pid: i32) -> Option<u64> {
        parse::bytes_read(&read(&self.of(pid).join("io"))?)
    }

    /// The data files that a process has mapped, of [`SMALLEST`] bytes or more. Where there is one this costs the kernel a
    /// walk through the pages of all its mappings.
    #[must_use]
    pub fn mapped(&self, pid: i32) -> Vec<Mapped> {
        const ENOUGH: u64 = 4 * 1024 * 1024;
        let process = self.of(pid);
        // The list alone is cheap: pages are counted only where it names such a file.
        let maps = read_up_to(&process.join("maps"), ENOUGH).unwrap_or_default();
        let mut mapped: Vec<&str> = maps.lines().filter_map(parse::mapped_data).collect();
        mapped.dedup();
        if !mapped.into_iter().any(|path| data(path).is_some()) {
            return Vec::new();
        }
        let Some(text) = read_up_to(&process.join("smaps"), ENOUGH) else {
            return Vec::new();
        };
        let mut found: Vec<Mapped> = Vec::new();
        for (path, resident) in parse::mappings(&text) {
            let Some((id, size)) = data(path) else {
                continue;
            };
            match found.iter_mut().find(|known| known.id == id) {
                Some(known) => known.resident = known.resident.saturating_add(resident),
                None => found.push(Mapped { id, size, resident }),
            }
        }
        found
    }

    fn of(&self, pid: i32) -> PathBuf {
        self.root.join(pid.to_string())
    }
}

/// Which file that is, and its size, if it may be what a program works on. One that was deleted has a remark behind its
/// name, and is not found.
fn data(path: &str) -> Option<(FileId, u64)> {
    let path = Path::new(path);
    let meta = fs::metadata(path).ok()?;
    let works = meta.is_file() && meta.len() >= SMALLEST && !is_software(path);
    let id = FileId {
        device: meta.dev(),
        inode: meta.ino(),
    };
    works.then_some((id, meta.len()))
}

fn file(process: &Path, fd: &str) -> Option<OpenFile> {
    let link = process.join("fd").join(fd);
    // Follows the link to the open file itself, also where the path means another file by now.
    let meta = fs::metadata(&link).ok()?;
    if !meta.is_file() || meta.len() < SMALLEST || meta.nlink() == 0 {
        return None;
    }
    let info = parse::fdinfo(&read(&process.join("fdinfo").join(fd))?)?;
    if is_software(&fs::read_link(&link).ok()?) {
        return None;
    }
    Some(OpenFile {
        id: FileId {
            device: meta.dev(),
            inode: meta.ino(),
        },
        size: meta.len(),
        info,
    })
}

/// Whether a path is a part of some program rather than somebody's data.
fn is_software(path: &Path) -> bool {
    const PLACES: [&str; 6] = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/nix/store"];
    const KINDS: [&str; 8] = ["so", "jar", "jmod", "pyc", "whl", "node", "wasm", "mo"];
    if PLACES.iter().any(|place| path.starts_with(place)) {
        return true;
    }
    let kind = path.extension().and_then(|kind| kind.to_str());
    let name = path.file_name().and_then(|name| name.to_str());
    kind.is_some_and(|kind| KINDS.contains(&kind)) || name.is_some_and(|name| name.contains(".so."))
}

/// The entries of a directory whose names are numbers.
fn numbers(dir: &Path) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The beginning of a small file of the kernel's, as text. 4 KiB hold all we read but long lists of children.
fn read(path: &Path) -> Option<String> {
    const ENOUGH: u64 = 64 * 1024;
    read_up_to(path, ENOUGH)
}

fn read_up_to(path: &Path, most: u64) -> Option<String> {
    let mut bytes = Vec::with_capacity(1024);
    fs::File::open(path)
        .ok()?
        .take(most)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::parse::Mode;
    use super::*;

    #[test]
    fn only_data_of_size_counts() {
        for (path, expected) in [
            ("/home/ann/orders.csv", false),
            ("/data/usr/lib.csv", false),
            ("/usr/lib/x86_64-linux-gnu/libc.so.6", true),
            ("/home/ann/.venv/lib/numpy/core.so", true),
            ("/home/ann/libx.so.1.2", true),
            ("/opt/app/app.jar", true),
            ("/usr/lib/locale/locale-archive", true),
            ("/usrdata/a.csv", false),
        ] {
            assert_eq!(is_software(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_folder_stands_for_proc() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("orders.csv");
        fs::write(&data, vec![b'x'; 100_000]).unwrap();
        let small = dir.path().join("small.csv");
        fs::write(&small, "a,b\n").unwrap();
        let process = dir.path().join("42");
        fs::create_dir_all(process.join("fd")).unwrap();
        fs::create_dir_all(process.join("fdinfo")).unwrap();
        for (thread, children) in [("42", "43 44 "), ("50", "45")] {
            let thread = process.join("task").join(thread);
            fs::create_dir_all(&thread).unwrap();
            fs::write(thread.join("children"), children).unwrap();
        }
        for (fd, target, info) in [
            ("0", Path::new("/dev/null"), "pos:\t0\nflags:\t0\n"),
            ("3", &data, "pos:\t5000\nflags:\t0100000\n"),
            ("4", &small, "pos:\t1\nflags:\t0100000\n"),
            ("5", &dir.path().join("deleted"), "pos:\t1\nflags:\t0\n"),
        ] {
            symlink(target, process.join("fd").join(fd)).unwrap();
            fs::write(process.join("fdinfo").join(fd), info).unwrap();
        }
        let proc = Proc::at(dir.path());
        let files = proc.files(42);
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].size, 100_000);
        assert_eq!(
            files[0].info,
            FdInfo {
                position: 5000,
                mode: Mode::Read
            }
        );
        let mut children = proc.children(42).unwrap();
        children.sort_unstable();
        assert_eq!(children, [43, 44, 45]);
        assert_eq!(proc.all(), [42]);
        assert_eq!(proc.stat(42), None);
        assert!(proc.files(7).is_empty());
    }
}
