//! What is remembered from one screen to the next: a small file in the state directory. Losing it loses nothing of worth, so
//! nothing is said when it can't be read or written.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::app::arrange::Arrangement;

/// The file's name.
const NAME: &str = "screen.json";

/// How the list was arranged when the last screen was left.
pub(super) fn load() -> Arrangement {
    path().map_or_else(Arrangement::default, |path| read(&path))
}

/// Keeps how it is arranged now.
pub(super) fn save(arrangement: &Arrangement) {
    if let Some(path) = path() {
        let _ = write(&path, arrangement);
    }
}

fn path() -> Option<PathBuf> {
    let project = directories::ProjectDirs::from("", "", "jobtop")?;
    let state = project.state_dir().unwrap_or(project.data_local_dir());
    Some(state.join(NAME))
}

fn read(path: &Path) -> Arrangement {
    let text = fs::read(path).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Several screens may be open: each writes all of it as one piece.
fn write(path: &Path, arrangement: &Arrangement) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(&serde_json::to_vec(arrangement)?)?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_nonsense_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/screen.json");
        assert_eq!(read(&path), Arrangement::default());
        let mut kept = Arrangement::default();
        kept.reversed = true;
        write(&path, &kept).unwrap();
        assert_eq!(read(&path), kept);
        for nonsense in ["", "{", "[]", r#"{"sort":"colour"}"#] {
            fs::write(&path, nonsense).unwrap();
            assert_eq!(read(&path), Arrangement::default(), "{nonsense}");
        }
        fs::write(&path, r#"{"sort":"rate","order":["eta","eta"]}"#).unwrap();
        let columns = read(&path).columns();
        assert_eq!(columns.len(), crate::app::arrange::Column::ALL.len());
    }
}
