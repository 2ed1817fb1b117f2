//! Row 3: from a producer's send to a viewer's receipt, with the store on, beside a bare relay.

use crate::load::{self, Plan};
use crate::numbers::{Runs, ratio, verdict};
use crate::print;
use crate::producer::Sample;
use crate::subject::Subject;

const PLAN: Plan = Plan {
    jobs: 10,
    rate: 1000,
    producers: 1,
    subscribers: 10,
    seconds: 4,
    batch: 1,
};

pub(crate) fn run(sample: &Sample) {
    print::heading(
        "3  from send to receipt, 1,000 updates/s, 10 viewers (µs), targets p50 ≤ 1.5 ×, p99 ≤ 3 × a bare relay",
    );
    let new = || [(); 3].map(|()| Runs::default());
    let (mut ours, mut relay) = (new(), new());
    for _ in 0..5 {
        for (runs, subject) in [
            (&mut relay, Subject::limit(&["relay"])),
            (&mut ours, Subject::daemon()),
        ] {
            let measured = load::put(&subject, Some(sample), &PLAN);
            for (runs, part) in runs.iter_mut().zip([0.5, 0.99, 1.0]) {
                runs.push(measured.latency.micros(part));
            }
        }
    }
    let mut table = vec![
        ["", "jobtopd", "relay", "ratio", ""]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (at, (name, most)) in [("p50", Some(1.5)), ("p99", Some(3.0)), ("max", None)]
        .into_iter()
        .enumerate()
    {
        let ratio = ratio(&ours[at], &relay[at]);
        table.push(vec![
            name.to_owned(),
            ours[at].shown(0),
            relay[at].shown(0),
            format!("{ratio:.2} ×"),
            most.map_or("", |most| verdict(ratio <= most)).to_owned(),
        ]);
    }
    print::table(&table);
}
