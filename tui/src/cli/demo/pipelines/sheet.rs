//! A CSV file as the pipelines read and write it: the separator is found out, rows may have any length, bytes need
//! not be text.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder, StringRecord, Writer, WriterBuilder};

use crate::cli::demo::desk::{Desk, Stop};

/// Rows between two looks at the desk.
pub(crate) const STRIDE: u64 = 256;
const BUFFER: usize = 1 << 17;

/// Opens a file whose first row is a header.
pub(crate) fn open(path: &Path) -> Result<Reader<File>, Stop> {
    let separator = separator(path)?;
    let file = File::open(path).map_err(|error| Stop::file(path, &error))?;
    Ok(ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .buffer_capacity(BUFFER)
        .from_reader(file))
}

/// The names in the header, tidied: no blanks around, none empty.
pub(crate) fn header(reader: &mut Reader<File>, path: &Path) -> Result<Vec<String>, Stop> {
    let header = reader
        .byte_headers()
        .map_err(|error| Stop::file(path, &error))?;
    if header.iter().all(|name| name.trim_ascii().is_empty()) {
        return Err(Stop::failed(
            "empty_file",
            format!("{} has no header row", path.display()),
            "Give it a first row with the names of its columns",
        ));
    }
    Ok(header
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let name = String::from_utf8_lossy(name);
            match name.trim() {
                "" => format!("column {}", at + 1),
                name => name.to_owned(),
            }
        })
        .collect())
}

/// Reads the next row; `false` at the end.
pub(crate) fn next(
    reader: &mut Reader<File>,
    row: &mut ByteRecord,
    path: &Path,
) -> Result<bool, Stop> {
    reader
        .read_byte_record(row)
        .map_err(|error| Stop::file(path, &error))
}

/// Counts the rows of a file, the header left out.
pub(crate) fn count(path: &Path, desk: &Desk) -> Result<u64, Stop> {
    let mut reader = open(path)?;
    let mut row = ByteRecord::new();
    let mut rows = 0;
    while next(&mut reader, &mut row, path)? {
        rows += 1;
        if rows % (8 * STRIDE) == 0 {
            desk.checkpoint()?;
        }
    }
    Ok(rows)
}

/// Opens a file for rows.
pub(crate) fn create(path: &Path) -> Result<Writer<File>, Stop> {
    let file = File::create(path).map_err(|error| Stop::file(path, &error))?;
    Ok(WriterBuilder::new()
        .flexible(true)
        .buffer_capacity(BUFFER)
        .from_writer(file))
}

/// Writes what is still in memory and makes it durable.
pub(crate) fn close(writer: Writer<File>, path: &Path) -> Result<(), Stop> {
    let file = writer
        .into_inner()
        .map_err(|error| Stop::file(path, &error.error()))?;
    file.sync_data().map_err(|error| Stop::file(path, &error))
}

/// A file of rejected rows: which row, why, and the row as it was.
pub(crate) struct Rejects<'a> {
    writer: Writer<File>,
    path: &'a Path,
    /// Rows in it.
    pub(crate) rows: u64,
}

impl<'a> Rejects<'a> {
    /// Begins the file.
    pub(crate) fn create(path: &'a Path) -> Result<Self, Stop> {
        let mut writer = create(path)?;
        writer
            .write_record(["row", "reason", "fields as they were"])
            .map_err(|error| Stop::file(path, &error))?;
        Ok(Self {
            writer,
            path,
            rows: 0,
        })
    }

    /// Puts a row aside. `number` counts from 1, the header not counted.
    pub(crate) fn put<'f>(
        &mut self,
        number: u64,
        reason: &str,
        fields: impl IntoIterator<Item = &'f [u8]>,
    ) -> Result<(), Stop> {
        self.rows += 1;
        let write = || {
            self.writer.write_field(number.to_string())?;
            self.writer.write_field(reason)?;
            self.writer.write_record(fields)
        };
        write().map_err(|error| Stop::file(self.path, &error))
    }

    /// Ends the file.
    pub(crate) fn close(self) -> Result<(), Stop> {
        close(self.writer, self.path)
    }
}

/// The cells of a row as text without blanks around, or the number of the first cell (from 1) that is no text.
pub(crate) fn text(row: &ByteRecord) -> Result<StringRecord, usize> {
    let mut text = StringRecord::from_byte_record(row.clone())
        .map_err(|error| error.utf8_error().field() + 1)?;
    text.trim();
    Ok(text)
}

/// The one of `,` `;` tab `|` that the first line has most of.
fn separator(path: &Path) -> Result<u8, Stop> {
    let file = File::open(path).map_err(|error| Stop::file(path, &error))?;
    let mut line = Vec::new();
    let mut beginning = BufReader::new(std::io::Read::take(file, 1 << 16));
    beginning
        .read_until(b'\n', &mut line)
        .map_err(|error| Stop::file(path, &error))?;
    let count = |separator: u8| line.split(|byte| *byte == separator).count();
    let mut best = b',';
    for candidate in [b';', b'\t', b'|'] {
        if count(candidate) > count(best) {
            best = candidate;
        }
    }
    Ok(best)
}
