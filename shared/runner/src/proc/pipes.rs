//! Who is at the other end of a pipe, and what its command line is about.

use std::fs;
use std::path::{Path, PathBuf};

use super::parse::{self, Mode};
use super::{MOST_FDS, Proc, numbers, read};

impl Proc {
    /// What a descriptor of a process is, by the kernel's name: `pipe:[81234]`, or the path of a named pipe.
    #[must_use]
    pub fn target(&self, pid: i32, fd: i32) -> Option<PathBuf> {
        fs::read_link(self.of(pid).join("fd").join(fd.to_string())).ok()
    }

    /// The processes that hold this pipe open for writing, as far as we may look.
    #[must_use]
    pub fn writers(&self, pipe: &Path) -> Vec<i32> {
        let writes = |pid: i32| {
            let dir = self.of(pid);
            numbers(&dir.join("fd"))
                .into_iter()
                .take(MOST_FDS)
                .any(|fd| {
                    self.target(pid, fd).is_some_and(|target| target == pipe)
                        && read(&dir.join("fdinfo").join(fd.to_string()))
                            .and_then(|text| parse::fdinfo(&text))
                            .is_some_and(|info| info.mode == Mode::Write)
                })
        };
        self.all().into_iter().filter(|pid| writes(*pid)).collect()
    }

    /// The regular files that a process's command line names.
    #[must_use]
    pub fn files_named(&self, pid: i32) -> Vec<PathBuf> {
        let dir = self.of(pid);
        let words = read(&dir.join("cmdline")).unwrap_or_default();
        words
            .split('\0')
            .skip(1)
            .filter(|word| !word.is_empty())
            // An absolute path stays what it is.
            .map(|word| dir.join("cwd").join(word))
            .filter(|path| path.is_file())
            .collect()
    }

    /// The name of the file with this number among those that a process holds open.
    #[must_use]
    pub fn name_of(&self, pid: i32, file: super::FileId) -> Option<String> {
        use std::os::unix::fs::MetadataExt;
        let dir = self.of(pid).join("fd");
        let fd = numbers(&dir).into_iter().take(MOST_FDS).find(|fd| {
            fs::metadata(dir.join(fd.to_string()))
                .is_ok_and(|meta| (meta.dev(), meta.ino()) == (file.device, file.inode))
        })?;
        let path = self.target(pid, fd)?;
        Some(path.file_name()?.to_string_lossy().into_owned())
    }
}
