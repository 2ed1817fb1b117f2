//! Sets the stage: the files that the pipelines work on, and the mappings that say what becomes of them.

use std::path::Path;

use tokio::sync::watch;

use super::desk::Stop;
use super::generate;
use super::pipelines::csv_processing;
use super::pipelines::field_mapping::{self, Field, Form, Mapping, Source};
use super::plan::Files;
use crate::exit::Failure;
use crate::view::format;

/// The months whose orders are written, and the seeds that make them differ.
const MONTHS: [(&str, u64); 3] = [
    ("orders-09", 20_260_900),
    ("orders-10", 20_261_001),
    ("orders-11", 20_261_100),
];

/// What there is to work on.
#[derive(Debug)]
pub(crate) struct Set {
    /// The files.
    pub(crate) files: Files,
    /// What is told of it.
    pub(crate) said: String,
}

/// Writes the files into `dir`, or takes `csv` instead. Ends early when `closing` turns true.
pub(crate) fn set(
    dir: &Path,
    csv: Option<&Path>,
    rows: u64,
    closing: &watch::Receiver<bool>,
) -> Result<Set, Failure> {
    std::fs::create_dir_all(dir).map_err(|error| unwritten(dir, &error))?;
    match csv {
        Some(path) => take(dir, path),
        None => write(dir, rows, closing),
    }
}

fn write(dir: &Path, rows: u64, closing: &watch::Receiver<bool>) -> Result<Set, Failure> {
    let written = std::thread::scope(|scope| {
        let writers = MONTHS.map(|(name, seed)| {
            let path = dir.join(format!("{name}.csv"));
            scope.spawn(move || {
                generate::orders(&path, rows, seed, || !*closing.borrow())
                    .map(|written| ((name.to_owned(), path.clone()), written))
                    .map_err(|error| unwritten(&path, &error))
            })
        });
        writers
            .into_iter()
            .map(|writer| {
                writer
                    .join()
                    .unwrap_or_else(|_| Err(Failure::failed("A file could not be generated")))
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    let bytes = written.iter().map(|(_, written)| written.bytes).sum();
    let said = format!(
        "{} files with {} orders each, {} in all, not all of them clean",
        written.len(),
        format::count(rows),
        format::bytes(bytes)
    );
    let files = Files {
        inputs: written.into_iter().map(|(input, _)| input).collect(),
        mapping: dir.join("shop.json"),
        wrong_mapping: dir.join("partner.json"),
    };
    save(&shop(), &files.mapping)?;
    save(&partner(), &files.wrong_mapping)?;
    Ok(Set { files, said })
}

fn take(dir: &Path, csv: &Path) -> Result<Set, Failure> {
    let explained = |stop: Stop| match stop {
        Stop::Failed(trouble) => Failure::failed(trouble.message).hint(trouble.suggestion),
        Stop::Cancelled => Failure::Interrupted,
    };
    let columns = csv_processing::columns(csv).map_err(explained)?;
    let bytes = std::fs::metadata(csv)
        .map_err(|error| unwritten(csv, &error))?
        .len();
    let name = csv.file_stem().map_or_else(
        || "file".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    let files = Files {
        inputs: vec![(name, csv.to_owned())],
        mapping: dir.join("suggested.json"),
        wrong_mapping: dir.join("partner.json"),
    };
    save(&field_mapping::suggest(&columns), &files.mapping)?;
    save(&partner(), &files.wrong_mapping)?;
    Ok(Set {
        files,
        said: format!(
            "{} with {} columns, {}",
            csv.display(),
            columns.len(),
            format::bytes(bytes)
        ),
    })
}

/// What the shop wants of an order.
fn shop() -> Mapping {
    let from = |to: &str, from: &str, form| Field {
        to: to.to_owned(),
        source: Source::From(from.to_owned()),
        form,
    };
    Mapping {
        fields: vec![
            from("order_number", "Order ID", Form::Text),
            from("ordered_on", "Order Date", Form::Date),
            from("customer", "Customer", Form::Text),
            from("email", "Email", Form::Text),
            from("country", "Country", Form::Upper),
            from("quantity", "Quantity", Form::Integer),
            from("amount_cents", "Amount", Form::Cents),
            Field {
                to: "computed_cents".to_owned(),
                source: Source::Product(vec!["Quantity".to_owned(), "Unit Price".to_owned()]),
                form: Form::Cents,
            },
            Field {
                to: "label".to_owned(),
                source: Source::Join(vec!["Product".to_owned(), "Country".to_owned()]),
                form: Form::Text,
            },
        ],
    }
}

/// What a partner wants, which nobody has: the job fails, and says what to correct.
fn partner() -> Mapping {
    Mapping {
        fields: vec![Field {
            to: "client".to_owned(),
            source: Source::From("Customer Number".to_owned()),
            form: Form::Integer,
        }],
    }
}

fn save(mapping: &Mapping, path: &Path) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(mapping)
        .map_err(|error| Failure::failed(format!("The mapping can't be written: {error}")))?;
    std::fs::write(path, text).map_err(|error| unwritten(path, &error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::Interrupted {
        return Failure::Interrupted;
    }
    Failure::failed(format!("{}: {error}", path.display()))
        .hint("Set TMPDIR to a directory with some hundred MB of room, or ask for fewer --rows")
}
