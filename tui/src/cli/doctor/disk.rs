//! The disk of the store: room, and whether it may be written to.

use std::path::Path;

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};

use super::Finding;

const CHECK: &str = "disk";
const MIB: u64 = 1 << 20;
/// Of less the captured output of a few jobs would take the rest.
const LEAST_MIB: u64 = 64;

/// Looks at the disk that a store has or will have.
pub(super) fn look(data_dir: &Path) -> Finding {
    // What is not there yet is made in the first folder above that is.
    let Some(folder) = data_dir.ancestors().find(|folder| folder.exists()) else {
        return Finding::note(CHECK, "the folder of the store is nowhere");
    };
    let shown = folder.display();
    let found = match statvfs(folder) {
        Ok(found) => found,
        Err(error) => {
            return Finding::note(
                CHECK,
                format!("how full {shown} is can't be known: {error}"),
            );
        }
    };
    let elsewhere = "or put the store elsewhere: `data_dir` in jobtopd.toml";
    let is_closed = found.f_flag.contains(StatVfsMountFlags::RDONLY)
        || access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err();
    if is_closed {
        return Finding::wrong(
            CHECK,
            format!("{shown} can't be written to by this account"),
            format!("Make it writable, {elsewhere}"),
        );
    }
    let free = found.f_bavail.saturating_mul(found.f_frsize) / MIB;
    if free < LEAST_MIB {
        return Finding::wrong(
            CHECK,
            format!("{shown} has {free} MiB left; with none, no job can be created"),
            format!("Free some space, {elsewhere}"),
        );
    }
    // Some file systems have no such number.
    if found.f_files > 0 && found.f_favail == 0 {
        return Finding::wrong(
            CHECK,
            format!("{shown} takes no more files (no inode is free)"),
            format!("Remove some files, {elsewhere}"),
        );
    }
    Finding::well(CHECK, format!("{shown} has {free} MiB left"))
}
