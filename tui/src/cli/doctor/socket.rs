//! The Unix socket: its folder, its mode, and whether the two programs mean the same one.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use jobtopd::settings::Chosen;

use super::Finding;

const CHECK: &str = "socket";
/// What the kernel takes, without the zero at its end.
const LONGEST: usize = 107;

/// Looks at the socket; `ours` are the settings of the daemon that should make it.
pub(super) fn look(path: &Path, ours: Option<&Chosen>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let shown = path.display();
    let length = path.as_os_str().len();
    if length > LONGEST {
        findings.push(Finding::wrong(
            CHECK,
            format!("{shown} has {length} characters, and a socket's path can have {LONGEST}"),
            "Set XDG_RUNTIME_DIR to a folder with a shorter path",
        ));
    }
    if let Some(chosen) = ours.filter(|chosen| chosen.socket != path) {
        findings.push(Finding::wrong(
            CHECK,
            format!(
                "jobtopd's settings put its socket at {}, and jobtop looks at {shown}",
                chosen.socket.display()
            ),
            format!(
                "Set JOBTOP_TARGET=unix:{}, or take the setting `socket` out",
                chosen.socket.display()
            ),
        ));
    }
    let is_open = ours.is_some_and(|chosen| chosen.socket_is_open);
    let folder = path
        .parent()
        .filter(|folder| folder.exists() || folder.is_symlink());
    match folder {
        // Where others may connect they may pass through; a folder of somebody else's is not ours to judge.
        Some(folder) if ours.is_some() => {
            let forbidden = if is_open { 0o022 } else { 0o077 };
            findings.extend(closed(folder, forbidden));
            // The runtime directory has to be its owner's alone, or the folder could be replaced.
            let above = folder.parent().filter(|_| folder.ends_with("jobtop"));
            findings.extend(above.and_then(|above| closed(above, 0o022)));
        }
        Some(_) | None => {}
    }
    findings.extend(file(path, is_open || ours.is_none()));
    if findings.is_empty() {
        findings.push(match folder {
            Some(_) => Finding::well(
                CHECK,
                format!("{shown}, in a folder that is closed to others"),
            ),
            None => Finding::note(CHECK, format!("{shown} is made when a daemon starts")),
        });
    }
    findings
}

/// What is wrong with a folder that nobody else may use in those ways.
fn closed(folder: &Path, forbidden: u32) -> Option<Finding> {
    let shown = folder.display();
    let found = match fs::symlink_metadata(folder) {
        Ok(found) => found,
        Err(error) => {
            return Some(Finding::wrong(
                CHECK,
                format!("{shown} can't be looked at: {error}"),
                "Make it a folder of this account",
            ));
        }
    };
    if !found.is_dir() {
        let what = if found.is_symlink() {
            "a symbolic link"
        } else {
            "no folder"
        };
        return Some(Finding::wrong(
            CHECK,
            format!("{shown} is {what}"),
            "Put a folder of this account in its place",
        ));
    }
    let me = rustix::process::geteuid().as_raw();
    if found.uid() != me {
        return Some(Finding::wrong(
            CHECK,
            format!(
                "{shown} belongs to uid {}, not to this account",
                found.uid()
            ),
            "Set XDG_RUNTIME_DIR to a folder of this account",
        ));
    }
    let mode = found.mode() & 0o7777;
    (mode & forbidden != 0).then(|| {
        let right = mode & !forbidden;
        Finding::wrong(
            CHECK,
            format!("{shown} is open to others (mode {mode:04o})"),
            format!("Close it with `chmod {right:o} {shown}`"),
        )
    })
}

/// What is wrong with the socket itself.
fn file(path: &Path, is_open: bool) -> Option<Finding> {
    let shown = path.display();
    let found: Metadata = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            return Some(Finding::wrong(
                CHECK,
                format!("{shown} can't be looked at: {error}"),
                "Use the account that the daemon runs under, or its group",
            ));
        }
    };
    if !found.file_type().is_socket() {
        return Some(Finding::wrong(
            CHECK,
            format!("{shown} exists and is not a socket"),
            "Move it away",
        ));
    }
    let mode = found.mode() & 0o777;
    if !is_open && mode & 0o066 != 0 {
        return Some(Finding::wrong(
            CHECK,
            format!("{shown} is open to others (mode {mode:04o}), and no setting says so"),
            format!("Close it with `chmod 600 {shown}`"),
        ));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Some(Finding::wrong(
            CHECK,
            format!("{shown} is closed to this account (mode {mode:04o})"),
            "Set socket_mode in the daemon's settings, see jobtop-config(5)",
        )),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Some(Finding::note(
            CHECK,
            format!(
                "{shown} was left behind by a daemon that was killed; the next one replaces it"
            ),
        )),
        _ => None,
    }
}
