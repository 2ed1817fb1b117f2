//! How long each step of a job was worked on, as far as it is known.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Active milliseconds by step. What is counted between two reports belongs to the step that was the present one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Laps {
    /// The step that counts.
    step: u32,
    /// Active milliseconds of the job up to which all is counted.
    counted_ms: u64,
    spent_ms: Arc<[u64]>,
}

impl Laps {
    /// Whether nothing was counted yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Active milliseconds of each step that was left, by its index; steps behind the last one that was left are missing.
    #[must_use]
    pub fn spent_ms(&self) -> &[u64] {
        &self.spent_ms
    }

    /// The job is at that step now, after so many active milliseconds in all.
    pub(super) fn enter(&mut self, step: u32, active_ms: u64) {
        if step != self.step {
            self.count(active_ms);
            self.step = step;
        }
    }

    /// Counts what the present step took, at the end of the job or of the step.
    pub(super) fn count(&mut self, active_ms: u64) {
        let passed = active_ms.saturating_sub(self.counted_ms);
        let step = self.step as usize;
        let mut spent = self.spent_ms.to_vec();
        if spent.len() <= step {
            spent.resize(step + 1, 0);
        }
        spent[step] += passed;
        self.spent_ms = spent.into();
        self.counted_ms = active_ms.max(self.counted_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_belongs_to_the_step_in_which_it_passed() {
        let mut laps = Laps::default();
        assert!(laps.is_empty());
        for (step, active_ms) in [(0, 500), (1, 1_000), (1, 1_500), (4, 3_000), (1, 3_200)] {
            laps.enter(step, active_ms);
        }
        laps.count(5_000);
        assert_eq!(laps.spent_ms(), [1_000, 3_800, 0, 0, 200]);
        // A stopwatch that went back costs nothing.
        laps.count(4_000);
        assert_eq!(laps.spent_ms().iter().sum::<u64>(), 5_000);
    }
}
