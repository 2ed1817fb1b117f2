//! Measures and has it judged, twice a second: a cause is an alert, and an alert is on its way to the screens, well within a second.
//! Where that takes long, as with very many jobs, it is done less often, so that it takes a fiftieth of one processor at most.

mod readings;
mod usual;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jobtop_core::Job;
use jobtop_core::alert::{Alert, Rule, Rules};
use rustix::fs::statvfs;
use tokio::sync::watch;

use crate::alerts::Alerts;
use crate::engine::outcome::StoreHealth;
use crate::feed::session::Shared;
use crate::notify::{Occurrence, Teller};
use readings::{Gauge, Gauges, Read};
use usual::Usual;

/// How often.
const EVERY: Duration = Duration::from_millis(500);
/// So many times as long as it took is waited for the next time, where that is more.
const REST: u32 = 50;
/// But never longer than this, whatever else keeps the processors.
const LONGEST: Duration = Duration::from_secs(2);
/// An update that took longer from its message to a viewer's socket is late. The bound of a bucket of the histogram.
const LATE: Duration = Duration::from_millis(500);
/// The disk fills slowly: it is looked at once in so many times.
const DISK_EACH: u64 = 10;

/// What is watched, and by which rules.
#[derive(Debug)]
pub(crate) struct Watched {
    /// The feed, with all that it has.
    pub(crate) shared: Shared,
    /// How the store is.
    pub(crate) health: watch::Receiver<StoreHealth>,
    /// The folder of the store.
    pub(crate) data: PathBuf,
    /// The rules, which may change.
    pub(crate) rules: watch::Receiver<Arc<Rules>>,
    /// The hooks, which are told of alerts, and of which some may fail.
    pub(crate) teller: Teller,
}

/// Watches until it is dropped.
pub(crate) async fn run(watched: Watched, alerts: Arc<Alerts>) {
    let mut gauge = Gauge::default();
    let mut usual = Usual::default();
    let mut pause = Duration::ZERO;
    let mut disk_used = None;
    let mut live: (u64, Vec<Arc<Job>>) = (0, Vec::new());
    for nth in 0_u64.. {
        tokio::time::sleep(pause).await;
        pause = EVERY;
        let shared = &watched.shared;
        let rules = Arc::clone(&watched.rules.borrow());
        if rules.are_off() {
            // Nothing is measured; what was wrong is over.
            alerts.judge(Vec::new(), &HashSet::new(), &rules, shared.clock.now());
            continue;
        }
        if nth % DISK_EACH == 0 {
            disk_used = used(&watched.data);
        }
        let begun = shared.clock.now().mono;
        // A live set that has not changed need not be listed again.
        if shared.hub.revision() != live.0 || nth == 0 {
            let listing = shared.hub.all();
            live = (listing.revision, listing.jobs);
        }
        let gauges = Gauges {
            failed_connections: shared.metrics.failed_connections(),
            late_updates: shared.metrics.latency().above(LATE),
            disk_used,
            store: trouble(&watched.health.borrow()),
            hooks: ailing(&watched.teller),
        };
        let now = shared.clock.now();
        let Read { readings, unknown } = {
            let usual = |job: &Job| usual.of(job, now.mono);
            gauge.read(&live.1, &gauges, &usual, &rules, now)
        };
        for alert in alerts.judge(readings, &unknown, &rules, now) {
            // Hooks are told of all jobs, but not whose they are: a filter asks that.
            let said = Alert {
                owners: BTreeMap::new(),
                ..alert
            };
            if said.disturbs(now.wall)
                && let Ok(said) = serde_json::to_value(&said)
            {
                watched.teller.tell(Occurrence::Alert(said));
            }
        }
        let took = Duration::from_millis(shared.clock.now().mono.saturating_sub(begun));
        pause = EVERY.max(took * REST).min(LONGEST);
        let least = rules.of(Rule::Overdue, None).least;
        usual.look_up(shared.past.as_ref(), least, now.mono).await;
    }
}

/// How much of a folder's disk is taken, for whoever is no administrator.
fn used(folder: &std::path::Path) -> Option<f64> {
    let disk = statvfs(folder).ok()?;
    let taken = disk.f_blocks.saturating_sub(disk.f_bfree);
    let all = taken + disk.f_bavail;
    (all > 0).then(|| taken as f64 / all as f64)
}

/// Hooks that fail again and again, and why.
fn ailing(teller: &Teller) -> Vec<(Arc<str>, String)> {
    let ailing = teller.ailing().into_iter();
    ailing.map(|hook| (hook.name, hook.why)).collect()
}

fn trouble(health: &StoreHealth) -> Option<String> {
    match health {
        StoreHealth::Good => None,
        StoreHealth::NoRoom => {
            Some("The disk of the store is full: new jobs are refused".to_owned())
        }
        StoreHealth::Degraded(why) => Some(format!("The store is degraded: {why}")),
    }
}
