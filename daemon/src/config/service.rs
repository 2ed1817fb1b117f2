//! The folders that systemd makes for a service, where it started this very process: they take the place of the account's.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The folders that are given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Folders {
    /// `StateDirectory=`
    pub(super) state: Option<PathBuf>,
    /// `RuntimeDirectory=`
    pub(super) runtime: Option<PathBuf>,
    /// `ConfigurationDirectory=`
    pub(super) configuration: Option<PathBuf>,
}

impl Folders {
    /// Those in the environment.
    pub(super) fn given() -> Self {
        Self::of(|name| std::env::var_os(name), std::process::id())
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>, me: u32) -> Self {
        // Whoever is started from within somebody else's service has its environment too.
        let inherited = variable("SYSTEMD_EXEC_PID")
            .is_some_and(|pid| pid.to_str().and_then(|pid| pid.parse().ok()) != Some(me));
        if inherited {
            return Self::default();
        }
        let folder = |name| variable(name).and_then(|list| first(&list));
        Self {
            state: folder("STATE_DIRECTORY"),
            runtime: folder("RUNTIME_DIRECTORY"),
            configuration: folder("CONFIGURATION_DIRECTORY"),
        }
    }
}

/// The first of the folders of a list, if it is an absolute path.
fn first(list: &OsStr) -> Option<PathBuf> {
    let folder = std::env::split_paths(list).next()?;
    Path::new(&folder).is_absolute().then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_this_service_alone() {
        for (pid, list, expected) in [
            (None, "/var/lib/jobtop", Some("/var/lib/jobtop")),
            (Some("7"), "/var/lib/jobtop", Some("/var/lib/jobtop")),
            (Some("8"), "/var/lib/other", None),
            (Some("x"), "/var/lib/other", None),
            (Some("7"), "/a:/b", Some("/a")),
            (Some("7"), "a", None),
            (Some("7"), "", None),
        ] {
            let folders = Folders::of(
                |name| match name {
                    "SYSTEMD_EXEC_PID" => pid.map(OsString::from),
                    "STATE_DIRECTORY" => Some(list.into()),
                    _ => None,
                },
                7,
            );
            let expected = Folders {
                state: expected.map(PathBuf::from),
                ..Folders::default()
            };
            assert_eq!(folders, expected, "{pid:?} {list}");
        }
    }
}
