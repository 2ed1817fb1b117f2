//! What the alert rules cost: the daemon's CPU time with all of them on and with none, side by side.

use crate::load::{self, Plan};
use crate::numbers::verdict;
use crate::print;
use crate::subject::Subject;

/// Each is measured so often, in turn.
const TURNS: usize = 3;
/// All rules.
const RULES: [&str; 9] = [
    "failure_rate",
    "connection_failures",
    "late_updates",
    "queue_depth",
    "stalled",
    "overdue",
    "disk",
    "store",
    "hooks",
];

pub(crate) fn run() {
    print::heading("alert rules, 10,000 live jobs and 5,000 updates/s (% of a core)");
    let plan = Plan {
        jobs: 10_000,
        rate: 5_000,
        producers: 4,
        subscribers: 1,
        seconds: 15,
        batch: 50,
    };
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        on.push(cost(&Subject::daemon(), &plan));
        off.push(cost(&Subject::daemon_with(&without_rules()), &plan));
    }
    let (on, off) = (median(&mut on), median(&mut off));
    let cell = |percent: f64| format!("{percent:.2}");
    print::table(&[
        vec!["with all rules".to_owned(), cell(on)],
        vec!["without any".to_owned(), cell(off)],
        vec![
            "the rules".to_owned(),
            cell(on - off),
            "\u{2264} 2".to_owned(),
            verdict(on - off <= 2.0).to_owned(),
        ],
    ]);
}

/// The settings of a daemon that judges nothing.
fn without_rules() -> String {
    let lines = RULES.map(|rule| format!("{rule} = {{ on = false }}\n"));
    format!("[alerts]\n{}", lines.concat())
}

fn cost(subject: &Subject, plan: &Plan) -> f64 {
    let measured = load::put(subject, None, plan);
    100.0 * measured.cpu / measured.seconds
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
