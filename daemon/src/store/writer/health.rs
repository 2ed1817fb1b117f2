//! What is wrong at present, and how that is told.

use tokio::sync::watch;

use super::super::fault::Fault;
use super::Keep;
use crate::engine::outcome::StoreHealth;

/// What failed and has not succeeded since, by what it stops.
#[derive(Debug, Default)]
pub(in super::super) struct Faults {
    /// Acknowledgements wait for this.
    pub(in super::super) log: Option<Fault>,
    /// The archive waits; what it is owed is in the log.
    pub(in super::super) archive: Option<Fault>,
    /// There is no reserve for a full disk.
    pub(in super::super) reserve: Option<Fault>,
    /// The log grows.
    pub(in super::super) checkpoint: Option<Fault>,
}

impl Faults {
    /// Whether something is to be tried again soon; checkpoints have a time of their own.
    pub(super) fn is_any_to_retry(&self) -> bool {
        self.log.is_some() || self.archive.is_some() || self.reserve.is_some()
    }

    fn health(&self) -> StoreHealth {
        let all = [&self.log, &self.archive, &self.reserve, &self.checkpoint];
        let health = all.into_iter().flatten().map(Fault::health);
        // No room comes first: it is what the engine acts upon.
        let mut worst = StoreHealth::Good;
        for health in health {
            if health == StoreHealth::NoRoom {
                return health;
            }
            if worst == StoreHealth::Good {
                worst = health;
            }
        }
        worst
    }
}

impl Keep {
    /// Tells how the store is, if that has changed.
    pub(super) fn tell(&self, to: &watch::Sender<StoreHealth>) {
        let health = self.faults.health();
        to.send_if_modified(|told| {
            let is_new = *told != health;
            if is_new {
                match &health {
                    StoreHealth::Good => tracing::info!("the store is well again"),
                    StoreHealth::NoRoom => tracing::warn!("the store has no room"),
                    StoreHealth::Degraded(why) => tracing::warn!(%why, "the store is degraded"),
                }
                *told = health;
            }
            is_new
        });
    }
}
