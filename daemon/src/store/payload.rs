//! What a frame carries: the stored form of a job or of its mutable part, and its bond to a producer. Pure.

use std::sync::Arc;

use jobtop_core::Now;
use jobtop_core::proto::stored::{self, BadStored, StoredJob, StoredTick};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::engine::outcome::{Bond, Record};

#[derive(Serialize)]
struct Kept<T> {
    job: T,
    bond: Bond,
}

/// The job is left as it is until its own reader takes it, which knows its versions.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    job: &'a RawValue,
    #[serde(default)]
    bond: Bond,
}

#[derive(Serialize, Deserialize)]
struct Start {
    epoch: u64,
}

/// Writes a whole job.
pub(super) fn write_job(to: &mut Vec<u8>, record: &Record, mono: u64) -> serde_json::Result<()> {
    let job = record.job.stored(mono);
    let bond = record.bond;
    serde_json::to_writer(to, &Kept { job, bond })
}

/// Writes the mutable part of a job.
pub(super) fn write_tick(to: &mut Vec<u8>, record: &Record, mono: u64) -> serde_json::Result<()> {
    let job = record.job.stored_tick(mono);
    let bond = record.bond;
    serde_json::to_writer(to, &Kept { job, bond })
}

/// Reads a whole job; its stopwatch goes on from the present.
pub(super) fn read_job(payload: &[u8], now: Now) -> Result<Record, BadStored> {
    let kept: Envelope<'_> = serde_json::from_slice(payload)?;
    let job = StoredJob::read(kept.job.get().as_bytes())?.revive(now);
    Ok(Record {
        job: Arc::new(job),
        bond: kept.bond,
    })
}

/// The job of a record as it was said when it was kept, if that is how this release says it.
pub(super) fn view(payload: &[u8]) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Kept<'a> {
        #[serde(borrow)]
        job: Said<'a>,
    }
    #[derive(Deserialize)]
    struct Said<'a> {
        v: u32,
        #[serde(borrow)]
        view: &'a RawValue,
    }
    // As this release writes it: then what follows the view need not be read.
    if let Some(rest) =
        payload.strip_prefix(format!(r#"{{"job":{{"v":{},"view":"#, stored::VERSION).as_bytes())
    {
        let mut text = serde_json::Deserializer::from_slice(rest);
        return <&RawValue>::deserialize(&mut text)
            .ok()
            .map(ToOwned::to_owned);
    }
    let kept: Kept<'_> = serde_json::from_slice(payload).ok()?;
    (kept.job.v == stored::VERSION).then(|| kept.job.view.to_owned())
}

/// Brings a record up to a later mutable part of the same job.
pub(super) fn apply_tick(record: &mut Record, payload: &[u8], now: Now) -> Result<(), BadStored> {
    let kept: Envelope<'_> = serde_json::from_slice(payload)?;
    let state = StoredTick::read(kept.job.get().as_bytes())?.revive(now);
    Arc::make_mut(&mut record.job).state = state;
    record.bond = kept.bond;
    Ok(())
}

/// Writes the epoch of a start.
pub(super) fn write_start(to: &mut Vec<u8>, epoch: u64) -> serde_json::Result<()> {
    serde_json::to_writer(to, &Start { epoch })
}

/// Reads the epoch of a start.
pub(super) fn read_start(payload: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Start>(payload)
        .ok()
        .map(|start| start.epoch)
}
