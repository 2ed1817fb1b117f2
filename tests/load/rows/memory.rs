//! Row 14: the daemon's memory, empty and with a thousand live jobs and ten viewers; a bare server's for comparison.

use std::time::Duration;

use crate::load::{self, Plan};
use crate::numbers::verdict;
use crate::print;
use crate::subject::Subject;

pub(crate) fn run() {
    print::heading("14  resident memory (MiB)");
    let bare = Subject::limit(&["relay"]).resident();
    let subject = Subject::daemon();
    // Not synchronisation: a daemon that has nothing to do is given time to do it.
    std::thread::sleep(Duration::from_secs(2));
    let empty = subject.resident();
    let plan = Plan {
        jobs: 1000,
        rate: 1000,
        producers: 4,
        subscribers: 10,
        seconds: 8,
        batch: 50,
    };
    let busy = load::put(&subject, None, &plan).resident;
    let row = |name: &str, mib: f64, most: f64| {
        vec![
            name.to_owned(),
            format!("{mib:.1}"),
            format!("≤ {most:.0}"),
            verdict(mib <= most).to_owned(),
        ]
    };
    print::table(&[
        vec![
            "a bare tokio-tungstenite server".to_owned(),
            format!("{bare:.1}"),
        ],
        row("jobtopd, empty", empty, 13.0),
        row("1,000 live jobs, 10 viewers, 1,000 updates/s", busy, 30.0),
    ]);
}
