//! `api_upload`: sends the rows of a file in batches to an HTTP service. What the service can't take just now is sent
//! again (as long after as it says), what fails twice is put off to the end, and rows that it refuses are put aside.
//! A batch keeps its number, so that one whose answer was lost is not taken twice.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use csv::{ByteRecord, StringRecord};
use serde_json::Value;
use tokio::runtime::Handle;

use super::Tally;
use super::sheet::{self, Rejects};
use crate::cli::demo::desk::{Desk, Stop};
use crate::cli::demo::post::{Answer, Poster};
use crate::cli::demo::sink::{Batch, Receipt, Row};

/// Batches that may wait for the end; when there are more, they are dealt with at once.
const PUT_OFF: usize = 24;
/// Batches that a large file goes in, however narrow its rows are: each costs an answer's time.
const BATCHES: u64 = 200;
/// Tries in a row before a batch is put off, and before it is given up at the end.
const TRIES: (u32, u32) = (2, 8);

/// What it reads and writes, and where it sends to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Files<'a> {
    /// The rows.
    pub(crate) input: &'a Path,
    /// Those that were not taken.
    pub(crate) rejects: &'a Path,
    /// The service.
    pub(crate) service: SocketAddr,
    /// What this upload is called there.
    pub(crate) upload: &'a str,
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
    let batch_rows = batch_rows(total);
    let batches = total.div_ceil(batch_rows as u64);
    desk.step(1, format!("{batches} batches"));

    let mut upload = Upload {
        desk,
        files,
        tally,
        rejects: Rejects::create(files.rejects)?,
        poster: Poster::new(files.service),
        put_off: Vec::new(),
        batch_rows,
        batches,
    };
    let sent = upload.send_all().and_then(|()| {
        desk.step(2, format!("{} rows taken so far", upload.tally.rows_out));
        desk.checkpoint()?;
        desk.step(3, format!("{} batches once more", upload.put_off.len()));
        upload.finish_put_off()
    });
    upload.rejects.close()?;
    sent?;

    let taken = Handle::current().block_on(upload.poster.taken(files.upload))?;
    if taken != tally.rows_out || tally.rows_out + tally.rejects != total {
        return Err(Stop::failed(
            "unreconciled",
            format!(
                "Of {total} rows {} were acknowledged and {} put aside, but the service counts {taken}",
                tally.rows_out, tally.rejects
            ),
            "Ask the service for its list and compare",
        ));
    }
    desk.step(
        4,
        format!(
            "{taken} rows taken, {} put aside, {} retries",
            tally.rejects, tally.retries
        ),
    );
    Ok(())
}

/// Rows that go together, with their numbers.
struct Parcel {
    number: u64,
    first_row: u64,
    rows: Vec<StringRecord>,
    body: String,
}

struct Upload<'a> {
    desk: &'a Desk,
    files: Files<'a>,
    tally: &'a mut Tally,
    rejects: Rejects<'a>,
    poster: Poster,
    put_off: Vec<Parcel>,
    batch_rows: usize,
    batches: u64,
}

/// Rows that go together in an upload of so many.
fn batch_rows(total: u64) -> usize {
    total.div_ceil(BATCHES).clamp(20, 20_000) as usize
}

impl Upload<'_> {
    fn send_all(&mut self) -> Result<(), Stop> {
        let path = self.files.input;
        let mut reader = sheet::open(path)?;
        let names = sheet::header(&mut reader, path)?;
        let mut row = ByteRecord::new();
        for number in 0..self.batches {
            let mut rows = Vec::with_capacity(self.batch_rows);
            while rows.len() < self.batch_rows && sheet::next(&mut reader, &mut row, path)? {
                rows.push(StringRecord::from_byte_record_lossy(row.clone()));
            }
            let first_row = number * self.batch_rows as u64 + 1;
            let parcel = Parcel {
                number,
                first_row,
                body: body(self.files.upload, number, first_row, &names, &rows)?,
                rows,
            };
            self.desk.report(|p| {
                p.message = format!(
                    "batch {} of {}, {} retries",
                    number + 1,
                    self.batches,
                    self.tally.retries
                );
                p.bytes = reader.position().byte();
            });
            self.desk.checkpoint()?;
            match self.send(&parcel, TRIES.0)? {
                Some(receipt) => self.enter(&parcel, &receipt)?,
                None if self.put_off.len() < PUT_OFF => self.put_off.push(parcel),
                None => self.finish(&parcel)?,
            }
        }
        Ok(())
    }

    fn finish_put_off(&mut self) -> Result<(), Stop> {
        for parcel in std::mem::take(&mut self.put_off) {
            self.desk.report(|p| {
                p.message = format!("batch {} once more", parcel.number + 1);
            });
            self.finish(&parcel)?;
        }
        Ok(())
    }

    /// Sends a parcel as often as is reasonable, then gives it up.
    fn finish(&mut self, parcel: &Parcel) -> Result<(), Stop> {
        if let Some(receipt) = self.send(parcel, TRIES.1)? {
            return self.enter(parcel, &receipt);
        }
        for (row, number) in parcel.rows.iter().zip(parcel.first_row..) {
            let fields = row.iter().map(str::as_bytes);
            self.rejects
                .put(number, "the service never took its batch", fields)?;
        }
        self.tally.rows_in += parcel.rows.len() as u64;
        self.tally.rejects += parcel.rows.len() as u64;
        self.report();
        Ok(())
    }

    /// Sends a parcel up to `tries` times; `None` when the service could not take it.
    fn send(&mut self, parcel: &Parcel, tries: u32) -> Result<Option<Receipt>, Stop> {
        let runtime = Handle::current();
        let mut failed = 0;
        loop {
            let wait = match runtime.block_on(self.poster.post(self.files.upload, &parcel.body))? {
                Answer::Taken(receipt) => return Ok(Some(receipt)),
                // Being told to wait is no failure: it may happen as often as it likes.
                Answer::Later(wait) => wait,
                Answer::NotNow => {
                    failed += 1;
                    if failed == tries {
                        return Ok(None);
                    }
                    Duration::from_millis(50 << failed.min(5))
                }
            };
            self.tally.retries += 1;
            runtime.block_on(self.desk.sleep(wait))?;
        }
    }

    fn enter(&mut self, parcel: &Parcel, receipt: &Receipt) -> Result<(), Stop> {
        let refused: HashMap<u64, &str> = receipt
            .refused
            .iter()
            .map(|refused| (refused.row, refused.reason.as_str()))
            .collect();
        for (row, number) in parcel.rows.iter().zip(parcel.first_row..) {
            if let Some(reason) = refused.get(&number) {
                self.rejects
                    .put(number, reason, row.iter().map(str::as_bytes))?;
                self.tally.rejects += 1;
            }
        }
        self.tally.rows_in += parcel.rows.len() as u64;
        self.tally.rows_out += receipt.accepted;
        self.report();
        Ok(())
    }

    fn report(&self) {
        self.desk.report(|p| {
            p.items = self.tally.rows_in;
            p.errors = self.tally.rejects;
        });
    }
}

fn body(
    upload: &str,
    number: u64,
    first_row: u64,
    names: &[String],
    rows: &[StringRecord],
) -> Result<String, Stop> {
    let rows = rows
        .iter()
        .zip(first_row..)
        .map(|(record, row)| Row {
            row,
            fields: names
                .iter()
                .cloned()
                .zip(record.iter().map(Value::from))
                .collect(),
        })
        .collect();
    let batch = Batch {
        upload,
        number,
        rows,
    };
    serde_json::to_string(&batch).map_err(|error| {
        Stop::failed(
            "bad_rows",
            format!("The rows can't be said in JSON: {error}"),
            "Look at the column names",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::cli::demo::desk::{self, Wish};
    use crate::cli::demo::sink::Sink;

    fn rows(count: u64) -> String {
        let mut text = "id,email\n".to_owned();
        for row in 1..=count {
            let at = if row % 50 == 0 { " at " } else { "@" };
            let _ = writeln!(text, "{row},user{row}{at}example.org");
        }
        text
    }

    #[test]
    fn a_large_file_goes_in_about_as_many_batches_whatever_its_rows_are() {
        for (total, rows, batches) in [
            (0, 20, 0),
            (970, 20, 49),
            (300_000, 1_500, 200),
            (3_000_001, 15_001, 200),
            (50_000_000, 20_000, 2_500),
        ] {
            assert_eq!(batch_rows(total), rows, "{total}");
            assert_eq!(total.div_ceil(rows as u64), batches, "{total}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_row_arrives_once_or_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let (input, rejects) = (dir.path().join("in.csv"), dir.path().join("rejects.csv"));
        std::fs::write(&input, rows(970)).unwrap();
        let sink = Sink::start(Duration::ZERO).await.unwrap();
        let service = sink.address;
        let (tally, ended, told) = tokio::task::spawn_blocking(move || {
            let (desk, watcher) = desk::open();
            let mut tally = Tally::default();
            let files = Files {
                input: &input,
                rejects: &rejects,
                service,
                upload: "one",
            };
            let ended = run(&desk, files, &mut tally);
            let told = std::fs::read_to_string(&rejects).unwrap();
            drop(watcher);
            (tally, ended, told)
        })
        .await
        .unwrap();
        assert_eq!(ended, Ok(()));
        assert_eq!(
            (tally.rows_in, tally.rows_out, tally.rejects),
            (970, 951, 19)
        );
        assert!(tally.retries > 5, "{tally:?}");
        assert_eq!(sink.accepted("one"), 951);
        assert!(
            told.contains("950,email has no @,950,user950 at example.org"),
            "{told}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cancelled_upload_ends_and_its_count_holds() {
        let dir = tempfile::tempdir().unwrap();
        let (input, rejects) = (dir.path().join("in.csv"), dir.path().join("rejects.csv"));
        std::fs::write(&input, rows(100_000)).unwrap();
        let sink = Sink::start(Duration::from_millis(1)).await.unwrap();
        let service = sink.address;
        let (desk, mut watcher) = desk::open();
        let work = tokio::task::spawn_blocking(move || {
            let mut tally = Tally::default();
            let files = Files {
                input: &input,
                rejects: &rejects,
                service,
                upload: "one",
            };
            (run(&desk, files, &mut tally), tally)
        });
        watcher.progress.wait_for(|p| p.items > 0).await.unwrap();
        watcher.wish.send_replace(Wish::Stop);
        let (ended, tally) = work.await.unwrap();
        assert_eq!(ended, Err(Stop::Cancelled));
        assert_eq!(tally.rows_out + tally.rejects, tally.rows_in);
        // Batches whose answer was lost are known to the service alone.
        assert!(sink.accepted("one") >= tally.rows_out);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_service_that_is_not_there_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        let (input, rejects) = (dir.path().join("in.csv"), dir.path().join("rejects.csv"));
        std::fs::write(&input, rows(10)).unwrap();
        let service = Sink::start(Duration::ZERO).await.unwrap().address;
        let ended = tokio::task::spawn_blocking(move || {
            let (desk, _watcher) = desk::open();
            let files = Files {
                input: &input,
                rejects: &rejects,
                service,
                upload: "one",
            };
            run(&desk, files, &mut Tally::default())
        })
        .await
        .unwrap();
        assert!(matches!(ended, Err(Stop::Failed(t)) if t.code == "service"));
    }
}
