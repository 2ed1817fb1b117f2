//! The figures, one file each, under the numbers they have in the project's list.

mod age;
mod crowd;
mod fanout;
mod ingest;
mod memory;
mod relay;
mod screen;

use std::process::ExitCode;

use crate::print;
use crate::producer::Sample;

/// Measures those rows, or all.
pub(crate) fn run(rows: &[u8]) -> ExitCode {
    const ALL: [u8; 10] = [1, 2, 3, 4, 7, 14, 17, 18, 19, 20];
    let rows = if rows.is_empty() { &ALL } else { rows };
    if let Some(row) = rows.iter().find(|row| !ALL.contains(row)) {
        print::line(&format!(
            "There is no measurement of row {row}; there are {ALL:?}"
        ));
        return ExitCode::from(2);
    }
    if cfg!(debug_assertions) {
        print::line("This is a debug build: its figures mean nothing. Use cargo run --release.");
    }
    let sample = rows
        .iter()
        .any(|row| matches!(row, 1..=4))
        .then(Sample::take);
    for row in rows {
        match (row, &sample) {
            (1, Some(sample)) => fanout::single(sample),
            (2, Some(sample)) => fanout::merged(sample),
            (3, Some(sample)) => relay::run(sample),
            (4, _) => age::run(),
            (7, _) => ingest::run(),
            (14, _) => memory::run(),
            (17, _) => crowd::listing(),
            (18, _) => screen::first_frame(),
            (19, _) => screen::idle(),
            _ => crowd::screen(),
        }
    }
    ExitCode::SUCCESS
}
