//! The only place of the load program that prints.
#![expect(clippy::print_stdout, reason = "printing is what this file is for")]

use std::io::Write as _;

/// Prints a line at once, so that whoever started this process can wait for it.
pub(crate) fn line(text: &str) {
    println!("{text}");
    let _ = std::io::stdout().flush();
}

/// Prints a heading.
pub(crate) fn heading(text: &str) {
    line("");
    line(text);
}

/// Prints columns, each as wide as its widest cell.
pub(crate) fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(at, (cell, width))| {
                if at == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        line(&format!("  {}", cells.join("  ")));
    }
}
