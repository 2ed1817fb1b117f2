//! Some thousand rows of the index, in columns and one text. A full one never changes (but that a row may die, when the
//! same job is kept once more), so a search holds on to it without holding anybody up.

use jobtop_core::calc::{health, rate};
use jobtop_core::query::Facts;
use jobtop_core::{JobId, Timestamp};

use super::profile::Profile;
use super::row::Row;
use super::sieve::{Bits, Sieve};

/// How many rows a full one has.
pub(super) const ROWS: usize = 4_096;
/// Between the texts of a row, and behind them. Texts are kept without control characters; one that has them loses these.
const BETWEEN: char = '\u{1f}';
const BEHIND: char = '\u{1e}';
/// The profile of a row that counts no more.
const DEAD: u32 = u32::MAX;

/// Rows in the order in which their records lie in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    base: u64,
    offsets: Vec<u32>,
    ids: Vec<JobId>,
    profiles: Vec<u32>,
    /// What stands for zero in the next column.
    dawn: i64,
    /// Milliseconds since then at which it ended.
    finished: Narrow,
    /// Milliseconds from the beginning to the end.
    took: Narrow,
    active_ms: Narrow,
    processed: Narrow,
    errors: Narrow,
    /// Of the rows that are not at 100.
    progress: Vec<(u16, f64)>,
    /// Name, message and error of every row, in lower case.
    text: String,
    text_ends: Vec<u32>,
    laps: Vec<u32>,
    lap_ends: Vec<u32>,
    earliest: i64,
    latest: i64,
    /// Whether every row ended no earlier than the one before it.
    pub(super) is_ordered: bool,
    /// What a full one knows beside its columns.
    sealed: Option<Sealed>,
}

/// Makes it quick to say that a chunk has nothing of what is wanted.
#[derive(Clone, Debug)]
struct Sealed {
    postings: Postings,
    sieve: Sieve,
}

/// Which rows of a full chunk have which profile.
#[derive(Clone, Debug, Default)]
struct Postings {
    profiles: Vec<u32>,
    starts: Vec<u16>,
    rows: Vec<u16>,
}

/// The first row ends so long after [`Chunk::dawn`]: rows that ended a little earlier may follow it.
const MORNING_MS: i64 = 1 << 30;
/// When a row began that nobody began.
const NEVER: i64 = i64::MIN;

/// Numbers that nearly always fit into 32 bits.
#[derive(Clone, Debug, Default)]
struct Narrow {
    low: Vec<u32>,
    high: Vec<(u32, u64)>,
}

impl Narrow {
    fn push(&mut self, value: u64) {
        let low = u32::try_from(value).unwrap_or(u32::MAX);
        if low == u32::MAX {
            self.high.push((self.low.len() as u32, value));
        }
        self.low.push(low);
    }

    fn clear(&mut self) {
        self.low.clear();
        self.high.clear();
    }

    fn get(&self, row: usize) -> u64 {
        let low = self.low[row];
        if low < u32::MAX {
            return low.into();
        }
        let found = self
            .high
            .binary_search_by_key(&(row as u32), |(row, _)| *row);
        found.map_or(low.into(), |at| self.high[at].1)
    }
}

impl Chunk {
    pub(super) fn empty() -> Self {
        Self {
            is_ordered: true,
            earliest: i64::MAX,
            latest: i64::MIN,
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether a row at that offset goes in.
    pub(super) fn has_room(&self, offset: u64) -> bool {
        self.ids.is_empty()
            || (self.len() < ROWS
                && offset - self.base < u64::from(u32::MAX)
                && self.text.len() < (u32::MAX / 2) as usize)
    }

    pub(super) fn push(&mut self, offset: u64, profile: u32, row: &Row<'_>) {
        if self.ids.is_empty() {
            self.base = offset;
            self.dawn = row.finished.0.saturating_sub(MORNING_MS);
        }
        let number = self.len() as u16;
        let finished = row.finished.0;
        self.is_ordered &= finished >= self.latest;
        self.earliest = self.earliest.min(finished);
        self.latest = self.latest.max(finished);
        self.offsets.push((offset - self.base) as u32);
        self.ids.push(row.id);
        self.profiles.push(profile);
        let started = row.started.map_or(NEVER, |at| at.0);
        // What is out of order wraps around to a great number, and comes back from it.
        self.finished
            .push(finished.wrapping_sub(self.dawn).cast_unsigned());
        self.took
            .push(finished.wrapping_sub(started).cast_unsigned());
        self.active_ms.push(row.active_ms);
        self.processed.push(row.processed);
        self.errors.push(row.errors);
        if row.progress.total_cmp(&100.0).is_ne() {
            self.progress.push((number, row.progress));
        }
        fold(&row.name, &mut self.text);
        self.text.push(BETWEEN);
        fold(row.message.as_deref().unwrap_or_default(), &mut self.text);
        self.text.push(BETWEEN);
        fold(row.error.as_deref().unwrap_or_default(), &mut self.text);
        self.text.push(BEHIND);
        self.text_ends.push(self.text.len() as u32);
        let laps = row.laps.spent_ms().iter();
        self.laps
            .extend(laps.map(|ms| u32::try_from(*ms).unwrap_or(u32::MAX)));
        self.lap_ends.push(self.laps.len() as u32);
        self.sealed = None;
    }

    /// The same, when nothing will be added: it takes no more memory than it needs, and knows where each profile is and
    /// which texts it can't have.
    pub(super) fn sealed(&self) -> Self {
        // A copy has just the room that it needs. To shrink what grew would leave holes that nothing fits into.
        let mut sealed = self.clone();
        sealed.note();
        sealed
    }

    /// Empty again, with the room that it has.
    pub(super) fn emptied(mut self) -> Self {
        self.offsets.clear();
        self.ids.clear();
        self.profiles.clear();
        for column in [
            &mut self.finished,
            &mut self.took,
            &mut self.active_ms,
            &mut self.processed,
            &mut self.errors,
        ] {
            column.clear();
        }
        self.progress.clear();
        self.text.clear();
        self.text_ends.clear();
        self.laps.clear();
        self.lap_ends.clear();
        self.sealed = None;
        Self {
            is_ordered: true,
            earliest: i64::MAX,
            latest: i64::MIN,
            ..self
        }
    }

    fn note(&mut self) {
        let mut rows: Vec<u16> = (0..self.len() as u16).collect();
        rows.sort_by_key(|row| self.profiles[usize::from(*row)]);
        let mut postings = Postings::default();
        for (at, row) in rows.iter().enumerate() {
            let profile = self.profiles[usize::from(*row)];
            if postings.profiles.last() != Some(&profile) {
                postings.profiles.push(profile);
                postings.starts.push(at as u16);
            }
        }
        postings.rows = rows;
        postings.profiles.shrink_to_fit();
        postings.starts.shrink_to_fit();
        let sieve = match self.sealed.take() {
            Some(sealed) => sealed.sieve,
            None => Sieve::of(&self.text),
        };
        self.sealed = Some(Sealed { postings, sieve });
    }

    /// Whether a text with these bits can be in it.
    pub(super) fn may_have(&self, bits: &Bits) -> bool {
        let sieve = self.sealed.as_ref().map(|sealed| &sealed.sieve);
        sieve.is_none_or(|sieve| sieve.may_have(bits))
    }

    /// The rows of these profiles (in the order of their numbers), last one first; none if that is not noted.
    pub(super) fn rows_of(&self, wanted: &[u32], rows: &mut Vec<u16>) -> bool {
        let Some(Sealed { postings, .. }) = &self.sealed else {
            return false;
        };
        rows.clear();
        for profile in wanted {
            if let Ok(at) = postings.profiles.binary_search(profile) {
                let start = usize::from(postings.starts[at]);
                let end = postings
                    .starts
                    .get(at + 1)
                    .map_or(postings.rows.len(), |end| usize::from(*end));
                rows.extend_from_slice(&postings.rows[start..end]);
            }
        }
        rows.sort_unstable_by(|a, b| b.cmp(a));
        true
    }

    /// A row counts no more: a later record of the same job does.
    pub(super) fn kill(&mut self, row: usize) {
        self.profiles[row] = DEAD;
        if self.sealed.is_some() {
            self.note();
        }
    }

    pub(super) fn is_dead(&self, row: usize) -> bool {
        self.profiles[row] == DEAD
    }

    /// The profile's number; of a dead row one that nobody has.
    pub(super) fn profile(&self, row: usize) -> u32 {
        self.profiles[row]
    }

    pub(super) fn id(&self, row: usize) -> JobId {
        self.ids[row]
    }

    pub(super) fn offset(&self, row: usize) -> u64 {
        self.base + u64::from(self.offsets[row])
    }

    /// Bytes from the beginning of its record to that of the next one, if that is known.
    pub(super) fn reach(&self, row: usize) -> Option<u64> {
        let next = *self.offsets.get(row + 1)?;
        Some((next - self.offsets[row]).into())
    }

    pub(super) fn finished(&self, row: usize) -> i64 {
        self.dawn.wrapping_add(self.finished.get(row).cast_signed())
    }

    /// The earliest moment there is where nobody began.
    pub(super) fn started(&self, row: usize) -> i64 {
        self.finished(row)
            .wrapping_sub(self.took.get(row).cast_signed())
    }

    pub(super) fn active_ms(&self, row: usize) -> u64 {
        self.active_ms.get(row)
    }

    pub(super) fn processed(&self, row: usize) -> u64 {
        self.processed.get(row)
    }

    pub(super) fn errors(&self, row: usize) -> u64 {
        self.errors.get(row)
    }

    /// Active milliseconds by step.
    pub(super) fn laps(&self, row: usize) -> &[u32] {
        let start = row.checked_sub(1).map_or(0, |before| self.lap_ends[before]);
        &self.laps[start as usize..self.lap_ends[row] as usize]
    }

    /// When the first and the last of its rows ended.
    pub(super) const fn span(&self) -> (i64, i64) {
        (self.earliest, self.latest)
    }

    /// The texts of all rows.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Which row's text stands there.
    pub(super) fn row_of_text(&self, at: usize) -> usize {
        self.text_ends.partition_point(|end| *end as usize <= at)
    }

    /// Where a row's text begins.
    pub(super) fn text_start(&self, row: usize) -> usize {
        row.checked_sub(1)
            .map_or(0, |before| self.text_ends[before] as usize)
    }

    /// Name, message and error of a row, in lower case; empty where there is none.
    pub(super) fn texts(&self, row: usize) -> (&str, &str, &str) {
        let text = &self.text[self.text_start(row)..self.text_ends[row] as usize];
        let text = text.trim_end_matches(BEHIND);
        let (name, rest) = text.split_once(BETWEEN).unwrap_or((text, ""));
        let (message, error) = rest.split_once(BETWEEN).unwrap_or((rest, ""));
        (name, message, error)
    }

    /// What a filter can ask of a row.
    pub(super) fn facts<'a>(&'a self, row: usize, profile: &'a Profile) -> Facts<'a> {
        let (name, message, error) = self.texts(row);
        let (active_ms, processed) = (self.active_ms(row), self.processed(row));
        let items_per_second = rate::items_per_second(processed, active_ms);
        let error_rate = rate::error_rate(self.errors(row), processed);
        let progress = self
            .progress
            .binary_search_by_key(&(row as u16), |(row, _)| *row)
            .map_or(100.0, |at| self.progress[at].1);
        Facts {
            id: self.ids[row],
            name,
            message: (!message.is_empty()).then_some(message),
            error: (!error.is_empty()).then_some(error),
            health: error_rate
                .zip(items_per_second)
                .map(|(errors, rate)| health::grade(errors, rate)),
            progress,
            items_per_second,
            error_count: self.errors(row),
            active_ms: active_ms as f64,
            at: Timestamp(self.finished(row)),
            ..profile.facts()
        }
    }
}

/// Appends a text in lower case, character by character, as filters compare.
fn fold(text: &str, to: &mut String) {
    let fit = |c: char| if c.is_control() { ' ' } else { c };
    if text.is_ascii() {
        to.extend(text.chars().map(|c| fit(c).to_ascii_lowercase()));
    } else {
        to.extend(text.chars().map(fit).flat_map(char::to_lowercase));
    }
}
