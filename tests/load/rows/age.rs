//! Row 4: how long a viewer goes without a newer state that exists, at ten times the rate that saturates the story's
//! own server. The limit is the story's promise, 100 ms; the rates are that server's measured ones times ten.
//!
//! Sampled over time, viewers and jobs, so that a state that was skipped does not count as a fast one.

use crate::load::{self, Plan};
use crate::numbers::{Runs, verdict};
use crate::print;
use crate::subject::Subject;

pub(crate) fn run() {
    print::heading(
        "4  how long a newer state is withheld from a viewer (ms), target p99 < 100 ms at each load",
    );
    let head = [
        "",
        "p50",
        "p99",
        "max",
        "updates/s sent",
        "messages/s",
        "daemon cores",
        "",
    ];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for (subscribers, rate) in [(10, 70_000), (100, 7_500), (1000, 600)] {
        let plan = Plan {
            jobs: 100,
            rate,
            producers: 2,
            subscribers,
            seconds: 5,
            batch: 50,
        };
        let mut runs = [(); 6].map(|()| Runs::default());
        for _ in 0..3 {
            let subject = Subject::daemon();
            let measured = load::put(&subject, None, &plan);
            let ms = |part| measured.behind.micros(part) / 1000.0;
            let second = measured.seconds;
            let figures = [
                ms(0.5),
                ms(0.99),
                ms(1.0),
                measured.sent as f64 / second,
                measured.received as f64 / second,
                measured.cpu / second,
            ];
            for (runs, figure) in runs.iter_mut().zip(figures) {
                runs.push(figure);
            }
        }
        let mut row = vec![format!("{subscribers} viewers, {rate} updates/s")];
        row.extend(
            runs.iter()
                .zip([1, 1, 1, 0, 0, 2])
                .map(|(runs, digits)| runs.shown(digits)),
        );
        let reached = runs[3].median() >= 0.98 * rate as f64;
        row.push(verdict(runs[1].median() < 100.0 && reached).to_owned());
        table.push(row);
    }
    print::table(&table);
}
