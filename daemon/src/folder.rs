//! The folders that the daemon lives in: ours, no symbolic link, and closed to others. Anything else is refused, because
//! whoever can plant a folder could read along or take our place.

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use crate::config::Place;
use crate::exit::Failure;

/// How closed a folder must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Closed {
    /// Nobody else may even look into it: who can reach a socket can try to connect.
    ToAll,
    /// Nobody else may change it: what lies in it is closed by itself.
    ToWriters,
    /// The same, and others may pass through it: what lies in it is for them too.
    Passable,
}

impl Closed {
    const fn forbidden(self) -> u32 {
        match self {
            Self::ToAll => 0o077,
            Self::ToWriters | Self::Passable => 0o022,
        }
    }

    /// The mode of a folder that is ours to make.
    const fn mode(self) -> u32 {
        match self {
            Self::ToAll | Self::ToWriters => 0o700,
            Self::Passable => 0o711,
        }
    }

    /// Whether a folder of that mode lets others do what they should, and no more.
    const fn suits(self, mode: u32) -> bool {
        let passable = match self {
            Self::ToAll | Self::ToWriters => true,
            Self::Passable => mode & 0o011 == 0o011,
        };
        passable && mode & self.forbidden() == 0
    }
}

/// Makes the folder if it is not there, and checks it. One at its default place is ours to close; one that somebody
/// chose is refused as long as it is open, because closing it could take something away from others.
pub(crate) fn secure(place: &Place, path: &Path, closed: Closed) -> Result<(), Failure> {
    let is_new = !path.exists();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| cannot("make", path, &error))?;
    let found = look(path)?;
    let me = rustix::process::geteuid().as_raw();
    if found.uid() != me {
        return Err(Failure::Folder {
            path: path.to_owned(),
            why: format!("it belongs to uid {}, not to this account", found.uid()),
            hint: "Choose a folder of this account".to_owned(),
        });
    }
    if closed.suits(found.mode()) {
        return Ok(());
    }
    if place.default || is_new {
        return fs::set_permissions(path, fs::Permissions::from_mode(closed.mode()))
            .map_err(|error| cannot("close", path, &error));
    }
    if found.mode() & closed.forbidden() == 0 {
        // Whoever made it has closed it to more than is asked, and may mean it.
        return Ok(());
    }
    Err(Failure::Folder {
        path: path.to_owned(),
        why: format!("others may use it (mode {:04o})", found.mode() & 0o7777),
        hint: format!(
            "Close it with `chmod {:o} {}`, or choose another folder",
            closed.mode(),
            path.display()
        ),
    })
}

fn look(path: &Path) -> Result<Metadata, Failure> {
    let found = fs::symlink_metadata(path).map_err(|error| cannot("look at", path, &error))?;
    if found.is_dir() {
        return Ok(found);
    }
    let why = if found.is_symlink() {
        "it is a symbolic link"
    } else {
        "it is not a folder"
    };
    Err(Failure::Folder {
        path: path.to_owned(),
        why: why.to_owned(),
        hint: "Give the folder itself, or choose another".to_owned(),
    })
}

fn cannot(verb: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Folder {
        path: path.to_owned(),
        why: format!("could not {verb} it: {error}"),
        hint: "Make its parent writable for this account, or choose another folder".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn place(default: bool) -> Place {
        Place {
            path: "unused".into(),
            default,
        }
    }

    #[test]
    fn folders() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        let make = |name: &str, mode: u32| {
            fs::create_dir(at(name)).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        make("closed", 0o700);
        make("readable", 0o755);
        make("writable", 0o770);
        make("sticky", 0o1777);
        make("passable", 0o711);
        symlink(at("closed"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        fs::write(at("file"), "").unwrap();
        for (name, closed, says) in [
            ("new/and/deeper", Closed::ToAll, None),
            ("closed", Closed::ToAll, None),
            ("readable", Closed::ToWriters, None),
            (
                "readable",
                Closed::ToAll,
                Some("others may use it (mode 0755)"),
            ),
            (
                "writable",
                Closed::ToWriters,
                Some("others may use it (mode 0770)"),
            ),
            (
                "sticky",
                Closed::ToAll,
                Some("others may use it (mode 1777)"),
            ),
            ("passable", Closed::Passable, None),
            ("closed", Closed::Passable, None),
            ("open/to/others", Closed::Passable, None),
            (
                "writable",
                Closed::Passable,
                Some("others may use it (mode 0770)"),
            ),
            ("link", Closed::ToWriters, Some("it is a symbolic link")),
            ("dangling", Closed::ToWriters, Some("could not make it")),
            ("file", Closed::ToWriters, Some("could not make it")),
            ("file/below", Closed::ToWriters, Some("could not make it")),
        ] {
            let got = secure(&place(false), &at(name), closed).map_err(|f| f.to_string());
            match (got, says) {
                (Ok(()), None) => {}
                (Err(said), Some(says)) => assert!(said.contains(says), "{name}: {said}"),
                (got, _) => panic!("{name}: {got:?}"),
            }
        }
        let mode = |name: &str| fs::metadata(at(name)).unwrap().mode() & 0o777;
        assert_eq!(mode("new/and/deeper"), 0o700);
        assert_eq!(mode("open/to/others"), 0o711);
        assert_eq!(mode("closed"), 0o700);
        // The default place is closed; a chosen one was left as it was.
        assert_eq!(mode("readable"), 0o755);
        secure(&place(true), &at("readable"), Closed::ToAll).unwrap();
        assert_eq!(mode("readable"), 0o700);
        secure(&place(true), &at("readable"), Closed::Passable).unwrap();
        assert_eq!(mode("readable"), 0o711);
    }
}
