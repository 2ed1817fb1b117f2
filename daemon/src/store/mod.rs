//! The store: a write-ahead log makes a change durable, a board in sled holds what is tracked, an archive keeps what ended.
//!
//! ```text
//! DATA/  lock  FORMAT  CURRENT
//!   wal/<first sequence>.wal       segments of frames; next.wal is reserved
//!   board/<generation>/            sled, sealed: every tracked job; two generations are kept
//!   environments/ audit.jsonl queues.json     beside the log: see [`aside`]
//!   history/<start>-<width>/       a period of ending: endings (framed whole jobs)
//! ```
//!
//! Takes the engine's plain outcome types and nothing else of it. Reading order: [`frame`] and [`payload`] (how a record
//! lies on the disk), [`log`], [`board`], [`writer`] (what happens when), [`sealed`], [`current`] and [`checkpoint`],
//! [`archive`], [`aside`], [`recover`] (the start).

use crate::engine::outcome::Record;

mod archive;
mod aside;
mod board;
mod check;
mod checkpoint;
mod current;
mod error;
mod fault;
mod frame;
mod guard;
mod log;
mod open;
mod payload;
mod recover;
mod sealed;
mod writer;

pub use archive::{Analysis, Archive, Asked, Figures, Page, Position, Rank, Wanted};
pub use aside::Kept;
pub use check::{Checked, Rebuilt, check, rebuild};
pub use error::OpenError;
pub use open::open;
pub use writer::Writer;

/// The folder of the archive.
const HISTORY: &str = "history";

/// How long and how much is kept, and the store's own measures. The defaults are those of the manual.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Ended jobs are found in the archive for this long (milliseconds).
    pub retention_ms: u64,
    /// Ended jobs stay in the live set for this long (milliseconds) …
    pub live_ms: u64,
    /// … and at most this many of them, the newest.
    pub live_ended: usize,
    /// Bytes of a log segment.
    pub segment_bytes: u64,
    /// A checkpoint is made when the log since the last one passes this, or twice the board if that is more.
    pub checkpoint_bytes: u64,
    /// Monotonic milliseconds between the two looks at the clock that an expiry needs.
    pub look_ms: u64,
    /// Milliseconds that opening a sled database may take before it counts as damaged.
    pub sled_limit_ms: u64,
    /// How many of the newest endings are kept in memory.
    pub ring: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention_ms: 30 * 86_400_000,
            live_ms: 86_400_000,
            live_ended: 1_000,
            segment_bytes: 4 << 20,
            checkpoint_bytes: 8 << 20,
            look_ms: 3_600_000,
            sled_limit_ms: 10_000,
            ring: 1_000,
        }
    }
}

/// An open store.
#[derive(Debug)]
pub struct Opened {
    /// The live set: what has not ended, and what ended within the live time; stopwatches go on with the given clock.
    pub jobs: Vec<Record>,
    /// This start's epoch: greater than every former one, and than the milliseconds of the wall clock at any former start.
    pub epoch: u64,
    /// What was kept in files of its own.
    pub aside: Kept,
    /// What was found damaged and what was done about it, a sentence each, naming the files. Empty if all is well.
    pub report: Vec<String>,
    /// Takes what is to be written.
    pub writer: Writer,
    /// Finds what has ended.
    pub archive: Archive,
}
