//! What many jobs have in common: status, type, owner, queue, host, tags and steps. Each combination is kept once, under a
//! number; a filter that asks for these alone is answered once a combination instead of once a job.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use jobtop_core::query::Facts;
use jobtop_core::{JobId, Status, Timestamp};

use super::row::{Row, Text};

/// One combination.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Profile {
    pub(super) status: Status,
    pub(super) job_type: Box<str>,
    pub(super) user: Box<str>,
    pub(super) queue: Box<str>,
    pub(super) host: Option<Box<str>>,
    pub(super) tags: Box<[Arc<str>]>,
    pub(super) steps: Box<[Box<str>]>,
}

/// The combinations that there are, by number. They are never forgotten while the daemon runs.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    list: Arc<Vec<Arc<Profile>>>,
    /// The numbers by what their profiles hash to.
    numbers: HashMap<u64, Vec<u32>>,
}

impl Profiles {
    /// All of them; stays as it is while more come.
    pub(super) fn list(&self) -> Arc<Vec<Arc<Profile>>> {
        Arc::clone(&self.list)
    }

    /// The number of a row's.
    pub(super) fn number(&mut self, row: &Row<'_>) -> u32 {
        let mut hasher = DefaultHasher::new();
        (
            row.status.word(),
            &*row.job_type,
            &*row.user,
            &*row.queue,
            row.host.as_deref(),
        )
            .hash(&mut hasher);
        for text in row.tags.iter().chain(&row.steps) {
            text.0.hash(&mut hasher);
        }
        let known = self.numbers.entry(hasher.finish()).or_default();
        let is_it = |number: &u32| self.list[*number as usize].is_of(row);
        if let Some(number) = known.iter().copied().find(is_it) {
            return number;
        }
        let number = self.list.len() as u32;
        known.push(number);
        Arc::make_mut(&mut self.list).push(Arc::new(Profile::of(row)));
        number
    }
}

impl Profile {
    fn of(row: &Row<'_>) -> Self {
        Self {
            status: row.status,
            job_type: (&*row.job_type).into(),
            user: (&*row.user).into(),
            queue: (&*row.queue).into(),
            host: row.host.as_deref().map(Into::into),
            tags: row.tags.iter().map(|tag| Arc::from(&*tag.0)).collect(),
            steps: row.steps.iter().map(|step| Box::from(&*step.0)).collect(),
        }
    }

    fn is_of(&self, row: &Row<'_>) -> bool {
        let same = |text: &Text<'_>, kept: &str| *text.0 == *kept;
        self.status == row.status
            && *self.job_type == *row.job_type
            && *self.user == *row.user
            && *self.queue == *row.queue
            && self.host.as_deref() == row.host.as_deref()
            && self.tags.len() == row.tags.len()
            && self.steps.len() == row.steps.len()
            && row.tags.iter().zip(&self.tags).all(|(a, b)| same(a, b))
            && row.steps.iter().zip(&self.steps).all(|(a, b)| same(a, b))
    }

    /// What a filter can ask of it; all that is a job's own is empty.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            id: JobId(0),
            status: self.status,
            job_type: &self.job_type,
            user: &self.user,
            queue: &self.queue,
            host: self.host.as_deref(),
            tags: &self.tags,
            name: "",
            message: None,
            error: None,
            health: None,
            progress: 0.0,
            items_per_second: None,
            error_count: 0,
            active_ms: 0.0,
            at: Timestamp(0),
        }
    }
}
