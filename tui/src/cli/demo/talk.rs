//! What the demo says while it works, at a rate that can be read: a line when a job ends, and now and then how things
//! stand.

use std::collections::HashMap;
use std::time::Instant;

use jobtop_core::mirror::Mirror;
use jobtop_core::proto::view::View;
use jobtop_core::{JobId, Status};

use crate::cli::print::{self, words};
use crate::view::format;

/// Where the lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// To stderr.
    Aloud,
    /// Nowhere: the screen has the terminal.
    Silent,
}

/// What was said.
#[derive(Debug)]
pub(crate) struct Talk {
    voice: Voice,
    begun: Instant,
    said: HashMap<JobId, Status>,
    trouble: Option<String>,
}

impl Talk {
    /// Nothing is said yet.
    pub(crate) fn new(voice: Voice, begun: Instant) -> Self {
        Self {
            voice,
            begun,
            said: HashMap::new(),
            trouble: None,
        }
    }

    /// A job changed: says so if its status did.
    pub(crate) fn heard(&mut self, job: &View) {
        let before = self.said.insert(job.id, job.status);
        if before == Some(job.status) || job.status == Status::Pending {
            return;
        }
        let begins =
            matches!(before, None | Some(Status::Pending)) && job.status == Status::Running;
        if !begins {
            self.say(&line(job));
        }
    }

    /// Says how the jobs stand that run.
    pub(crate) fn how_it_stands(&self, mirror: &Mirror) {
        let count = |status| mirror.iter().filter(|job| job.status == status).count();
        let mut running: Vec<_> = mirror
            .iter()
            .filter(|job| job.status == Status::Running)
            .collect();
        if running.is_empty() {
            return;
        }
        running.sort_by_key(|job| job.id);
        let jobs: Vec<_> = running
            .iter()
            .map(|job| format!("{} {:.0}%", words::clean(&job.name), job.progress.floor()))
            .collect();
        let ended = mirror.iter().filter(|job| job.status.is_final()).count();
        self.say(&format!(
            "{} running, {} waiting, {ended} ended: {}",
            running.len(),
            count(Status::Pending),
            jobs.join(", ")
        ));
    }

    /// The connection to the daemon is not there: said once for each reason.
    pub(crate) fn trouble(&mut self, reason: &str) {
        if self.trouble.as_deref() != Some(reason) {
            self.trouble = Some(reason.to_owned());
            self.say(reason);
        }
    }

    fn say(&self, text: &str) {
        if self.voice == Voice::Aloud {
            let seconds = self.begun.elapsed().as_secs_f64();
            let text = format!("{seconds:6.1} s  {text}");
            let text = print::paragraph(&text, print::note_width(), 10);
            print::note(text.trim_end());
        }
    }
}

/// `✓ completed  orders.csv of analyst1: 289,000 of 300,000 rows, 11,000 put aside`.
fn line(job: &View) -> String {
    let metrics = &job.metrics;
    let figures = match job.status {
        Status::Failed => job.error.as_deref().map(words::clean).unwrap_or_default(),
        _ => format!(
            "{} of {} rows, {} put aside",
            format::count(metrics.processed_items),
            format::count(metrics.total_items),
            format::count(metrics.error_count)
        ),
    };
    format!(
        "{} {:<9}  {} of {}: {figures}",
        format::glyph(job.status),
        job.status,
        words::clean(&job.name),
        job.user_id
    )
}
