//! The alerts in a file of the data directory, a line for each that is raised, noted, muted or over. The last line of an alert counts.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jobtop_core::Timestamp;
use jobtop_core::alert::Alert;

use super::RECENT;
use crate::disk;

const FILE: &str = "alerts.jsonl";
/// A file of this size is written anew with what still counts.
const LARGE: u64 = 4 << 20;

/// The file.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
}

impl Kept {
    /// Opens it, and reads those that were raised since `oldest`, the oldest first. What can't be read is passed over: it is no
    /// reason not to serve.
    pub(super) fn open(data: &Path, oldest: Timestamp) -> (Self, Vec<Alert>) {
        let path = data.join(FILE);
        let text = fs::read(&path).unwrap_or_default();
        let mut known: Vec<Alert> = Vec::new();
        let mut places: HashMap<Arc<str>, usize> = HashMap::new();
        for line in text.split(|byte| *byte == b'\n') {
            let Ok(alert) = serde_json::from_slice::<Alert>(line) else {
                continue;
            };
            if let Some(place) = places.get(&alert.id) {
                known[*place] = alert;
            } else {
                places.insert(Arc::clone(&alert.id), known.len());
                known.push(alert);
            }
        }
        known.retain(|alert| alert.is_active() || alert.since >= oldest);
        // What goes on is kept, however much it is.
        let over = known.iter().filter(|alert| !alert.is_active()).count();
        let mut surplus = over.saturating_sub(RECENT);
        known.retain(|alert| {
            let goes = surplus > 0 && !alert.is_active();
            surplus -= usize::from(goes);
            !goes
        });
        let mut kept = Self {
            path,
            file: None,
            bytes: text.len() as u64,
        };
        if let Err(error) = kept.begin(&known) {
            tracing::warn!(%error, "the alerts can't be kept");
        }
        (kept, known)
    }

    /// Appends a line. A line that is lost is an alert that is not remembered, and no more.
    pub(super) fn write(&mut self, alert: &Alert) {
        let Some(file) = &mut self.file else { return };
        let Ok(mut line) = serde_json::to_vec(alert) else {
            return;
        };
        line.push(b'\n');
        self.bytes += line.len() as u64;
        if let Err(error) = file.write_all(&line) {
            tracing::warn!(%error, "an alert could not be kept");
        }
        if self.bytes > LARGE {
            let path = self.path.clone();
            if let Some(data) = path.parent() {
                *self = Self::open(data, Timestamp(i64::MIN)).0;
            }
        }
    }

    /// Writes the file anew with what still counts.
    fn begin(&mut self, known: &[Alert]) -> io::Result<()> {
        let mut text = Vec::new();
        for alert in known {
            serde_json::to_writer(&mut text, alert)?;
            text.push(b'\n');
        }
        self.file = Some(disk::replace(&self.path, &text)?);
        self.bytes = text.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jobtop_core::Now;
    use std::collections::HashSet;
    use std::fs::OpenOptions;

    use jobtop_core::alert::{Concerned, Reading, Rule, Rules, Watch};

    use super::*;

    fn raised(count: usize) -> Vec<Alert> {
        let readings = (0..count).map(|n| Reading {
            rule: Rule::QueueDepth,
            subject: Some(format!("q{n}").into()),
            judged_as: None,
            value: 99.0,
            concerned: Concerned::default(),
            message: "many wait".to_owned(),
        });
        let now = Now {
            wall: Timestamp(1_000),
            mono: 0,
        };
        let mut watch = Watch::new("a", Vec::new());
        let judged = watch.judge(readings.collect(), &HashSet::new(), &Rules::default(), now);
        judged.raised
    }

    #[test]
    fn the_last_line_of_each_counts_and_torn_ones_do_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let mut alerts = raised(3);
        let (mut kept, none) = Kept::open(dir.path(), Timestamp(0));
        assert_eq!(none, []);
        for alert in &alerts {
            kept.write(alert);
        }
        alerts[1].ended_at = Some(Timestamp(2_000));
        kept.write(&alerts[1]);
        drop(kept);
        let path = dir.path().join(FILE);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"id\":\"torn").unwrap();
        assert_eq!(Kept::open(dir.path(), Timestamp(0)).1, alerts);
        // What is over and older than that is forgotten.
        let later = Kept::open(dir.path(), Timestamp(5_000)).1;
        assert_eq!(later, [alerts[0].clone(), alerts[2].clone()]);
        assert_eq!(Kept::open(dir.path(), Timestamp(0)).1.len(), 2);
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let (mut kept, _) = Kept::open(dir.path(), Timestamp(0));
        let alerts = raised(1);
        for _ in 0..40_000 {
            kept.write(&alerts[0]);
        }
        assert!(fs::metadata(dir.path().join(FILE)).unwrap().len() <= LARGE + 1_000);
    }
}
