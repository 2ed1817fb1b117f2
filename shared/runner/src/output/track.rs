//! Which of the bars of an output tells how far the work is, and when a new step of it has begun.
//!
//! Several bars may be there at once: the outermost counts, which is the one that began first and starts over least often.
//! Whatever is not the form of a known program must first show that it is a bar: by being redrawn in place and growing, or
//! by saying the same thing on three lines with growing values. What falls again and again is a gauge, and is not heard.

use super::forms::{self, Bar, Trust};
use super::osc::Progress;
use super::rows::{Drawn, LINE_CHARS, Watcher, line_chars};
use super::{Said, State};

/// A fall by more than this begins a new step; a smaller one is the bar's own uncertainty.
const NEW_STEP: f64 = 20.0;
/// How many bars are remembered at once.
const BARS: usize = 24;
/// Lines that are one number count only if they come at intervals, as `pv -n` writes them.
const INTERVAL_MS: u64 = 100;
/// By how much such a number grows from line to line if it is one of bytes, at least.
const BLOCK: u64 = 4096;
/// So often a bar that is only taken for one may fall before it is a gauge.
const FALLS: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Row(u64),
    Shape(u64),
}

#[derive(Clone, Debug)]
struct Seen {
    key: Key,
    bar: Bar,
    /// The last percentage as it was said, and the highest of this step.
    raw: f64,
    highest: f64,
    /// Counts of drawings: when it began, when it was last drawn.
    started: u64,
    last: u64,
    row: u64,
    ups: u64,
    last_ms: u64,
    /// How often it started over.
    restarts: u32,
    /// How often it fell without having come to its end.
    falls: u32,
    /// How often in a row it grew, and from where.
    grown: u32,
    from: f64,
    /// It has shown that it is a bar.
    trusted: bool,
    /// The cursor went on below it and did not come back, or other words stand in its place.
    left: bool,
    /// It was taken away from where it stood: it may be drawn again, there or elsewhere.
    erased: bool,
}

impl Seen {
    fn is_done(&self) -> bool {
        self.raw >= 100.0
            || self
                .bar
                .items
                .is_some_and(|(done, total)| Some(done) == total)
    }

    fn counts(&self) -> bool {
        self.trusted && !self.left && !self.erased && self.falls < FALLS
    }
}

/// What was recognised until now.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    seen: Vec<Seen>,
    drawings: u64,
    part: u32,
    /// Which bar is told, and which of its rounds.
    told: Option<(Key, u32)>,
    osc: Option<Progress>,
    osc_highest: f64,
    /// The highest percentage of this part.
    floor: f64,
    floor_part: u32,
    /// The row of the last line that was no bar, and whether that line may be a file's name.
    named: Option<u64>,
    /// rsync says of many files, one after the other: done and all.
    files: Option<(u64, u64)>,
    /// The clock, for lines that are one number.
    pub now_ms: u64,
}

impl Track {
    /// What is to be said now, if anything was ever recognised.
    pub(super) fn said(&self) -> Option<Said> {
        let bar = self
            .told
            .and_then(|(key, _)| self.seen.iter().find(|seen| seen.key == key));
        if self.part == 0 {
            return None;
        }
        let mut said = Said {
            part: self.part,
            ..Said::default()
        };
        if let Some(seen) = bar {
            said.progress = seen.bar.progress.map(|_| seen.highest);
            said.items = seen.bar.items;
            let is_percentage = seen.bar.trust == Trust::Number && seen.bar.progress.is_some();
            said.bytes = seen.bar.bytes.filter(|_| !is_percentage);
            said.step.clone_from(&seen.bar.label);
        }
        let percent = |percent: Option<f64>| percent.map(|_| self.osc_highest);
        match self.osc {
            // Taken away, or what was taken for a bar turned out to be none.
            None | Some(Progress::Gone) if bar.is_none() => said.state = State::Gone,
            None | Some(Progress::Gone) => {}
            Some(Progress::Normal(value)) => said.progress = percent(value).or(said.progress),
            Some(Progress::Error(value)) => {
                said.progress = percent(value).or(said.progress);
                said.state = State::Error;
            }
            Some(Progress::Paused(value)) => {
                said.progress = percent(value).or(said.progress);
                said.state = State::Paused;
            }
            Some(Progress::Indeterminate) => {
                said.progress = None;
                said.state = State::Indeterminate;
            }
        }
        if self.floor_part == self.part {
            said.progress = said.progress.map(|progress| progress.max(self.floor));
        }
        Some(said)
    }

    /// Remembers how high the percentage of this part has been.
    fn keep_up(&mut self) {
        if self.floor_part != self.part {
            self.floor_part = self.part;
            self.floor = 0.0;
        }
        if let Some(progress) = self.said().and_then(|said| said.progress) {
            self.floor = progress;
        }
    }

    /// The percentage that OSC 9;4 says at present.
    fn osc_percent(&self) -> Option<f64> {
        match self.osc? {
            Progress::Normal(percent) | Progress::Error(percent) | Progress::Paused(percent) => {
                percent.map(|_| self.osc_highest)
            }
            Progress::Gone | Progress::Indeterminate => None,
        }
    }

    /// A drawing that is not complete yet, but stands there for a while.
    pub(super) fn open(&mut self, drawn: Drawn<'_>) {
        // A number at the very end may go on.
        if drawn
            .text
            .ends_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '/'))
        {
            return;
        }
        if let Some(bar) = forms::read(drawn.text, drawn.redrawn)
            && (drawn.redrawn || bar.trust == Trust::Known)
        {
            self.take(bar, drawn);
        }
    }

    fn take(&mut self, mut bar: Bar, drawn: Drawn<'_>) {
        self.drawings += 1;
        self.files(&mut bar, &drawn);
        let key = if drawn.redrawn && !bar.of_file {
            Key::Row(drawn.row)
        } else {
            Key::Shape(bar.shape)
        };
        let known = self.known(key, &bar);
        let index = if let Some(index) = known {
            self.again(index, key, bar, &drawn);
            index
        } else {
            self.first(key, bar, &drawn)
        };
        let seen = &mut self.seen[index];
        seen.row = drawn.row;
        seen.ups = drawn.ups;
        seen.last = self.drawings;
        seen.last_ms = self.now_ms;
        seen.left = false;
        seen.erased = false;
        self.choose();
        self.keep_up();
    }

    /// Which of the bars that are there this one is.
    fn known(&self, key: Key, bar: &Bar) -> Option<usize> {
        let alike = |seen: &Seen| {
            seen.bar.shape == bar.shape
                && letters(seen.bar.label.as_deref()) == letters(bar.label.as_deref())
        };
        let find = |is: &dyn Fn(&Seen) -> bool| self.seen.iter().position(is);
        find(&|seen| seen.key == key && alike(seen))
            // Something was printed above it, and it moved down.
            .or_else(|| {
                find(&|seen| {
                    seen.erased
                        && alike(seen)
                        && exact(bar).is_none_or(|percent| percent >= seen.raw)
                })
            })
            // The first drawing of a row of several was taken for a line.
            .or_else(|| {
                find(&|seen| {
                    matches!(key, Key::Row(row) if row == seen.row) && seen.bar.shape == bar.shape
                })
            })
            .or_else(|| find(&|seen| seen.key == key))
    }

    fn first(&mut self, key: Key, bar: Bar, drawn: &Drawn<'_>) -> usize {
        if self.seen.len() >= BARS {
            let oldest = self
                .seen
                .iter()
                .enumerate()
                .filter(|(_, seen)| self.told.is_none_or(|(told, _)| told != seen.key))
                .min_by_key(|(_, seen)| (seen.counts() && !seen.is_done(), seen.last))
                .map(|(index, _)| index);
            if let Some(oldest) = oldest {
                self.seen.remove(oldest);
            }
        }
        let percent = exact(&bar).unwrap_or(0.0);
        self.seen.push(Seen {
            key,
            trusted: bar.trust == Trust::Known,
            bar,
            raw: percent,
            highest: percent,
            started: self.drawings,
            last: self.drawings,
            row: drawn.row,
            ups: drawn.ups,
            last_ms: self.now_ms,
            restarts: 0,
            falls: 0,
            grown: 0,
            from: percent,
            left: false,
            erased: false,
        });
        self.seen.len() - 1
    }

    /// A bar that is there already is drawn again.
    fn again(&mut self, index: usize, key: Key, bar: Bar, drawn: &Drawn<'_>) {
        let seen = &mut self.seen[index];
        let drawn_before = seen.last;
        seen.key = key;
        let percent = exact(&bar).unwrap_or(seen.raw);
        let fall = seen.raw - percent;
        let other = seen.bar.shape != bar.shape && bar.trust == Trust::Known;
        if other || fall > NEW_STEP {
            if !other && bar.trust != Trust::Known && seen.raw < 90.0 {
                seen.falls += 1;
            }
            seen.restarts += 1;
            seen.highest = percent;
        } else if fall > 1.0 && bar.trust != Trust::Known {
            seen.falls += 1;
        }
        if bar.trust == Trust::Known {
            seen.trusted = true;
        } else if !seen.trusted {
            show(seen, &bar, percent, drawn.redrawn, self.now_ms);
        }
        seen.raw = percent;
        seen.highest = seen.highest.max(percent);
        let label = seen.bar.label.take();
        let moved = letters(label.as_deref()) != letters(bar.label.as_deref());
        seen.bar = bar;
        if !moved && !other && fall <= NEW_STEP {
            seen.bar.label = label;
        }
        // Drawn twice in place, and the cursor was not above in between: what stands above is left behind.
        if let Key::Row(row) = key
            && seen.ups == drawn.ups
        {
            for above in &mut self.seen {
                if matches!(above.key, Key::Row(other) if other < row) && above.last < drawn_before
                {
                    above.left = true;
                }
            }
        }
    }

    /// rsync tells of one file after the other, each below its name, or of the whole in one row.
    fn files(&mut self, bar: &mut Bar, drawn: &Drawn<'_>) {
        if bar.shape != forms::rsync_shape() {
            return;
        }
        bar.of_file = self.named.is_some_and(|row| row + 1 == drawn.row);
        if let Some((done, total)) = bar.files {
            if bar.of_file {
                self.files = bar.files;
            }
            if bar.of_file && total > 1 {
                bar.bytes = None;
            }
            if !bar.of_file || total > 1 {
                bar.items = Some((done, Some(total)));
            }
        }
        if bar.of_file
            && let Some((done, total)) = self.files.filter(|(_, total)| *total > 1)
        {
            let within = match bar.files {
                Some(_) => 0.0,
                None => bar.progress.unwrap_or(0.0) / 100.0,
            };
            bar.progress = Some(((done as f64 + within) * 100.0 / total as f64).min(100.0));
            bar.items = Some((done, Some(total)));
            bar.bytes = None;
        }
    }

    fn choose(&mut self) {
        let best = self
            .seen
            .iter()
            .filter(|seen| seen.counts())
            .min_by_key(|seen| {
                let done = seen.is_done();
                let unsure = u32::from(seen.bar.progress.is_none());
                // Of those that are done the last one.
                let order = if done {
                    u64::MAX - seen.last
                } else {
                    seen.started
                };
                (done, if done { 0 } else { seen.restarts + unsure }, order)
            });
        let told = best.map(|seen| (seen.key, seen.restarts));
        // A bar that is taken away, and nothing in its place, has still said what it said; and where all are done the
        // outermost is, too.
        let all_done = best.is_some_and(Seen::is_done);
        let stays = self.seen.iter().any(|seen| {
            self.told == Some((seen.key, seen.restarts))
                && seen.falls < FALLS
                && (best.is_none() || (all_done && seen.counts() && seen.is_done()))
        });
        if stays {
            return;
        }
        if let Some((key, _)) = told
            && told != self.told
        {
            // Only the name by which it is known has changed: the bar is the same.
            let same = self.told.is_some_and(|(old, rounds)| {
                matches!(key, Key::Row(_))
                    && !self.seen.iter().any(|seen| seen.key == old)
                    && told.is_some_and(|(_, now)| now == rounds)
            });
            // Where OSC 9;4 says how far it is, that says what a step is, too.
            if !same && (self.part == 0 || self.osc_percent().is_none()) {
                self.part += 1;
            }
        }
        self.told = told;
    }

    /// A plain line, which is no bar of a known form and no general one either, or one of them.
    fn line(&mut self, row: u64, ups: u64, text: &str) {
        match forms::read(text, false) {
            Some(bar) => self.take(
                bar,
                Drawn {
                    row,
                    text,
                    redrawn: false,
                    ups,
                },
            ),
            None => self.name(row, text),
        }
    }

    fn name(&mut self, row: u64, text: &str) {
        let head = [
            "sending incremental file list",
            "receiving incremental file list",
            "receiving file list",
            "building file list",
        ];
        self.named = (!text.trim().is_empty() && !head.iter().any(|head| text.starts_with(head)))
            .then_some(row);
    }
}

/// What is not known to be a bar shows whether it is one.
fn show(seen: &mut Seen, bar: &Bar, percent: f64, redrawn: bool, now_ms: u64) {
    let (was, is) = match bar.trust {
        Trust::Number => (
            seen.bar.bytes.map_or(0, |(value, _)| value),
            bar.bytes.map_or(0, |(value, _)| value),
        ),
        _ => (
            seen.bar.items.map_or(0, |(done, _)| done),
            bar.items.map_or(0, |(done, _)| done),
        ),
    };
    let total = |bar: &Bar| bar.items.and_then(|(_, total)| total);
    let grows = match bar.trust {
        Trust::Number if is > 100 => is >= was.saturating_add(BLOCK),
        Trust::Number => is > was && bar.progress.is_some(),
        _ if bar.items.is_some() && !redrawn => is > was && total(bar) == total(&seen.bar),
        _ => percent > seen.raw,
    };
    let in_time = bar.trust != Trust::Number || now_ms.saturating_sub(seen.last_ms) >= INTERVAL_MS;
    let stays = bar.items.is_none() && percent >= seen.raw && bar.trust == Trust::Shape;
    if grows && in_time {
        seen.grown += 1;
    } else if !stays {
        seen.grown = 0;
        seen.from = percent;
    }
    seen.trusted = if redrawn {
        seen.grown >= 1
    } else {
        seen.grown >= 2 && seen.from <= 50.0
    };
}

/// The percentage, finer than it was written where the counts beside it allow that.
fn exact(bar: &Bar) -> Option<f64> {
    let percent = bar.progress?;
    let counts = bar.items.or(bar.bytes);
    let Some((done, Some(total))) = counts else {
        return Some(percent);
    };
    let share = done as f64 * 100.0 / total as f64;
    Some(if total > 0 && (share - percent).abs() <= 1.0 {
        share.min(100.0)
    } else {
        percent
    })
}

/// A label without its numbers: these change while the step is the same.
fn letters(label: Option<&str>) -> String {
    label
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_alphabetic())
        .collect()
}

impl Watcher for Track {
    const KEEPS_TEXT: bool = false;

    fn drawn(&mut self, drawn: Drawn<'_>) {
        if !drawn.redrawn {
            if forms::may_speak(drawn.text.as_bytes()) {
                self.line(drawn.row, drawn.ups, drawn.text);
            } else {
                self.name(drawn.row, drawn.text);
            }
            return;
        }
        if let Some(bar) = forms::read(drawn.text, true) {
            self.take(bar, drawn);
            return;
        }
        let words = !drawn.text.trim().is_empty();
        for seen in &mut self.seen {
            if seen.key == Key::Row(drawn.row) {
                seen.erased = true;
                seen.left |= words;
            }
        }
    }

    fn erased(&mut self, row: u64) {
        for seen in &mut self.seen {
            if seen.key == Key::Row(row) {
                seen.erased = true;
            }
        }
    }

    fn lines(&mut self, first: u64, ups: u64, block: &[u8]) {
        let mut rest = block;
        let mut row = first;
        // A line that says nothing is looked at only if it turns out to be the one before a bar.
        let mut silent: Option<(u64, &[u8])> = None;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = &rest[..end];
            if forms::may_speak(line) {
                if let Some((row, line)) = silent.take() {
                    self.name(row, &text(line));
                }
                self.line(row, ups, &text(line));
            } else {
                silent = Some((row, line));
            }
            row += 1;
            rest = &rest[end + 1..];
        }
        if let Some((row, line)) = silent {
            self.name(row, &text(line));
        }
    }

    fn progress(&mut self, said: Progress) {
        if let Progress::Normal(Some(percent))
        | Progress::Error(Some(percent))
        | Progress::Paused(Some(percent)) = said
        {
            let before = self.osc_percent().or_else(|| self.said()?.progress);
            if self.part == 0 || before.is_some_and(|before| percent < before - NEW_STEP) {
                self.part += 1;
                self.osc_highest = percent;
            } else if self.osc_percent().is_none() {
                self.osc_highest = percent;
            }
            self.osc_highest = self.osc_highest.max(percent);
        }
        self.osc = Some(said);
        if self.part == 0 && said == Progress::Indeterminate {
            self.part = 1;
        }
        self.keep_up();
    }
}

/// The text of a whole line, as it is where the line is read piece by piece.
fn text(line: &[u8]) -> String {
    line_chars(line).take(LINE_CHARS).collect()
}
