//! `csv_processing`: reads a CSV file as it came, finds out what its columns hold, cleans every row, and puts aside
//! with a reason what can't be cleaned. Every row that comes in goes out or is put aside.

use std::path::Path;

use csv::{ByteRecord, StringRecord};

use super::Tally;
use super::sheet::{self, Rejects, STRIDE};
use super::values::Kind;
use crate::cli::demo::desk::{Desk, Stop};

/// Rows that are looked at to find out what a column holds.
const SAMPLE: usize = 1_000;

/// What it reads and writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Files<'a> {
    /// The file as it came.
    pub(crate) input: &'a Path,
    /// The clean rows.
    pub(crate) output: &'a Path,
    /// The others.
    pub(crate) rejects: &'a Path,
}

/// A column: its name and what must be in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// As in the header.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether nearly every row has it, so that one without it is a mistake.
    pub(crate) required: bool,
}

/// Does the work.
pub(crate) fn run(desk: &Desk, files: Files<'_>, tally: &mut Tally) -> Result<(), Stop> {
    desk.step(0, "counting the rows");
    let bytes = std::fs::metadata(files.input)
        .map_err(|error| Stop::file(files.input, &error))?
        .len();
    let total = sheet::count(files.input, desk)?;
    desk.report(|p| {
        p.total_items = total;
        p.total_bytes = bytes;
    });

    desk.step(1, "finding out what the columns hold");
    let columns = columns(files.input)?;
    let strict = columns.iter().filter(|c| c.kind != Kind::Text).count();
    desk.step(
        2,
        format!(
            "{} columns, {strict} of them checked by kind",
            columns.len()
        ),
    );
    clean(desk, files, &columns, tally)?;

    desk.step(3, "reading back what was written");
    let (out, rejects) = (
        sheet::count(files.output, desk)?,
        sheet::count(files.rejects, desk)?,
    );
    if out != tally.rows_out || rejects != tally.rejects || out + rejects != total {
        return Err(Stop::failed(
            "unreconciled",
            format!("Of {total} rows {out} were written and {rejects} put aside"),
            "Look whether something else writes to the same files",
        ));
    }
    desk.step(4, format!("{out} clean rows, {rejects} put aside"));
    Ok(())
}

/// What the columns of a file hold, judged by its first rows.
pub(crate) fn columns(path: &Path) -> Result<Vec<Column>, Stop> {
    let mut reader = sheet::open(path)?;
    let names = sheet::header(&mut reader, path)?;
    let mut row = ByteRecord::new();
    let mut sample = Vec::new();
    while sample.len() < SAMPLE && sheet::next(&mut reader, &mut row, path)? {
        if let Some(text) = sheet::text(&row).ok().filter(|t| t.len() == names.len()) {
            sample.push(text);
        }
    }
    let columns = names
        .into_iter()
        .enumerate()
        .map(|(at, name)| judge(name, &sample.iter().map(|row| &row[at])))
        .collect();
    Ok(columns)
}

/// A kind holds a column if nine of ten values are of it; a value is required if forty-nine of fifty rows have one.
fn judge<'a>(name: String, values: &(impl Iterator<Item = &'a str> + Clone)) -> Column {
    let all = values.clone().count();
    let given = values.clone().filter(|v| !v.is_empty()).count();
    let kind = Kind::STRICT
        .into_iter()
        .find(|kind| {
            let fit = values.clone().filter(|v| kind.fits(v)).count();
            fit > 0 && fit * 10 >= given * 9
        })
        .unwrap_or(Kind::Text);
    Column {
        name,
        kind,
        required: all > 0 && given * 50 >= all * 49,
    }
}

fn clean(desk: &Desk, files: Files<'_>, columns: &[Column], tally: &mut Tally) -> Result<(), Stop> {
    let mut reader = sheet::open(files.input)?;
    let mut output = sheet::create(files.output)?;
    let mut rejects = Rejects::create(files.rejects)?;
    let unwritten = |error: csv::Error| Stop::file(files.output, &error);
    output
        .write_record(columns.iter().map(|column| &column.name))
        .map_err(unwritten)?;

    let mut row = ByteRecord::new();
    while sheet::next(&mut reader, &mut row, files.input)? {
        tally.rows_in += 1;
        match cleaned(&row, columns) {
            Ok(fields) => {
                output.write_record(&fields).map_err(unwritten)?;
                tally.rows_out += 1;
            }
            Err(reason) => {
                rejects.put(tally.rows_in, &reason, row.iter())?;
                tally.rejects += 1;
            }
        }
        if tally.rows_in.is_multiple_of(STRIDE) {
            report(desk, tally, reader.position().byte());
            desk.checkpoint()?;
        }
    }
    report(desk, tally, reader.position().byte());
    sheet::close(output, files.output)?;
    rejects.close()
}

fn report(desk: &Desk, tally: &Tally, bytes: u64) {
    desk.report(|p| {
        p.items = tally.rows_in;
        p.errors = tally.rejects;
        p.bytes = bytes;
    });
}

/// The row as it goes out, or why it does not.
fn cleaned(row: &ByteRecord, columns: &[Column]) -> Result<StringRecord, String> {
    if row.len() != columns.len() {
        return Err(format!(
            "{} fields where the header has {}",
            row.len(),
            columns.len()
        ));
    }
    let text = sheet::text(row).map_err(|at| format!("field {at} is not UTF-8 text"))?;
    let mut fields = StringRecord::with_capacity(row.as_slice().len(), columns.len());
    for (raw, column) in text.iter().zip(columns) {
        if raw.is_empty() {
            if column.required {
                return Err(format!("{} is missing", column.name));
            }
            fields.push_field("");
            continue;
        }
        match column.kind.cleaned(raw) {
            Some(value) => fields.push_field(&value),
            None => {
                return Err(format!(
                    "{}: {raw:?} is not {}",
                    column.name,
                    column.kind.noun()
                ));
            }
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::cli::demo::{desk, generate};

    fn run_on(input: &Path) -> (Tally, Result<(), Stop>, String, String) {
        let dir = input.parent().unwrap();
        let (output, rejects) = (dir.join("out.csv"), dir.join("rejects.csv"));
        let files = Files {
            input,
            output: &output,
            rejects: &rejects,
        };
        let (desk, _watcher) = desk::open();
        let mut tally = Tally::default();
        let ended = run(&desk, files, &mut tally);
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        (tally, ended, read(&output), read(&rejects))
    }

    #[test]
    fn every_row_goes_out_or_is_put_aside_with_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("in.csv");
        for seed in [1, 2, 3] {
            let written = generate::orders(&input, 3_000, seed, || true).unwrap();
            let (tally, ended, out, _) = run_on(&input);
            assert_eq!(ended, Ok(()));
            assert_eq!(tally.rows_in, written.rows);
            assert_eq!(
                tally.rejects, written.broken,
                "just the rows that are broken"
            );
            assert_eq!(tally.rows_out + tally.rejects, tally.rows_in);
            assert!(
                out.starts_with("Order ID,Order Date,"),
                "no byte order mark"
            );
        }
    }

    #[test]
    fn a_foreign_file_is_read_by_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("in.csv");
        let mut text = "Wann;Was;Wieviel\n".to_owned();
        for day in 1..=28 {
            let _ = writeln!(text, "{day}.11.2026; zwei  Wörter ;1.{day:03},5");
        }
        text.push_str("gestern;x;1\n29.11.2026;;\n");
        std::fs::write(&input, text).unwrap();
        let (tally, ended, out, rejects) = run_on(&input);
        assert_eq!(ended, Ok(()));
        assert_eq!((tally.rows_in, tally.rows_out, tally.rejects), (30, 29, 1));
        assert!(out.contains("2026-11-07,zwei Wörter,1007.50\n"), "{out}");
        assert!(
            rejects.contains("29,\"Wann: \"\"gestern\"\" is not a date\",gestern,x,1"),
            "{rejects}"
        );
    }

    #[test]
    fn a_file_without_a_header_or_no_file_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty.csv");
        std::fs::write(&empty, "").unwrap();
        for (path, code) in [(empty, "empty_file"), (dir.path().join("none.csv"), "file")] {
            match run_on(&path).1 {
                Err(Stop::Failed(trouble)) => assert_eq!(trouble.code, code),
                other => panic!("{other:?}"),
            }
        }
    }
}
