//! The last rows of a screen, as much of it as is needed to know what is redrawn in place and how it reads at last.
//!
//! A row has a number that it keeps, so that a bar is known again when the cursor comes back to it. What is written into
//! a row between two movements of the cursor is one drawing; whoever watches is told each drawing once it is complete.

use std::collections::VecDeque;

use super::decoder::{Control, Screen};
use super::osc;

/// The longest line that is kept, in characters; the rest of a longer one is left out.
pub(super) const LINE_CHARS: usize = 4096;
/// How many rows that were placed by line and column are remembered.
const PLACED_ROWS: usize = 16;
/// Set in the number of a row that was placed by line and column.
const PLACED: u64 = 1 << 63;

/// What was drawn into a row, from where the cursor was put to where it left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn<'a> {
    /// The row's number.
    pub row: u64,
    /// What was written.
    pub text: &'a str,
    /// Whether the row is drawn again and again: it was drawn before, or the cursor left it otherwise than by a newline.
    pub redrawn: bool,
    /// How often the cursor went up until now.
    pub ups: u64,
}

/// Who is told of drawings.
pub(super) trait Watcher {
    /// Whether rows must keep what was written into them by whole lines.
    const KEEPS_TEXT: bool;
    /// A drawing is complete.
    fn drawn(&mut self, drawn: Drawn<'_>);
    /// Whole lines, the first of them in that row.
    fn lines(&mut self, first: u64, ups: u64, block: &[u8]);
    /// What stood in that row was taken away.
    fn erased(&mut self, row: u64);
    /// An OSC 9;4 sequence.
    fn progress(&mut self, said: osc::Progress);
}

#[derive(Clone, Debug, Default)]
struct Row {
    cells: Vec<char>,
    draws: u32,
}

/// The rows.
#[derive(Clone, Debug)]
pub(super) struct Rows<W> {
    /// Who is told.
    pub watcher: W,
    flow: VecDeque<Row>,
    /// The number of the first of them.
    first: u64,
    /// How many there are at most.
    window: usize,
    /// How many characters a row has at most.
    width: usize,
    at: usize,
    placed: Vec<(u16, Row)>,
    /// The cursor stands in a row that was placed: its index.
    in_placed: Option<usize>,
    column: usize,
    /// Where the drawing that goes on began and how far it reaches.
    start: usize,
    end: usize,
    drawing: bool,
    /// After a carriage return, of which it is not known yet whether a newline follows.
    returned: bool,
    /// A drawing that goes on from here belongs to the one before, which began there.
    went_left: Option<usize>,
    ups: u64,
    saved: Option<(Option<usize>, u64, usize)>,
    scratch: String,
}

impl<W: Watcher> Rows<W> {
    pub(super) fn new(watcher: W, window: usize, width: usize) -> Self {
        Self {
            watcher,
            flow: VecDeque::from([Row::default()]),
            first: 0,
            window: window.max(1),
            width,
            at: 0,
            placed: Vec::new(),
            in_placed: None,
            column: 0,
            start: 0,
            end: 0,
            drawing: false,
            returned: false,
            went_left: None,
            ups: 0,
            saved: None,
            scratch: String::new(),
        }
    }

    /// The rows as they read now, the oldest first.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        self.flow.iter().map(|row| row.cells.iter().collect())
    }

    /// What is being drawn and not yet complete, and whether it is certain that no newline follows at once.
    pub(super) fn open(&self) -> Option<(u64, String, bool, u64)> {
        self.drawing.then(|| {
            let row = self.row();
            let text = self.written().collect();
            (
                self.number(),
                text,
                row.draws > 0 || self.returned,
                self.ups,
            )
        })
    }

    fn row(&self) -> &Row {
        match self.in_placed {
            Some(placed) => &self.placed[placed].1,
            None => &self.flow[self.at],
        }
    }

    fn row_mut(&mut self) -> &mut Row {
        match self.in_placed {
            Some(placed) => &mut self.placed[placed].1,
            None => &mut self.flow[self.at],
        }
    }

    fn number(&self) -> u64 {
        match self.in_placed {
            Some(placed) => PLACED | u64::from(self.placed[placed].0),
            None => self.first + self.at as u64,
        }
    }

    fn written(&self) -> impl Iterator<Item = &char> {
        let cells = &self.row().cells;
        let end = self.end.min(cells.len());
        cells[self.start.min(end)..end].iter()
    }

    /// The drawing is complete.
    fn finish(&mut self, in_place: bool) {
        if !self.drawing {
            return;
        }
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        text.extend(self.written());
        let row = self.number();
        let redrawn = in_place || self.row().draws > 0;
        self.watcher.drawn(Drawn {
            row,
            text: &text,
            redrawn,
            ups: self.ups,
        });
        self.scratch = text;
        let row = self.row_mut();
        row.draws = row.draws.saturating_add(1);
        self.drawing = false;
    }

    /// What follows a carriage return is no newline: the row is drawn anew.
    fn return_now(&mut self) {
        if self.returned {
            self.finish(true);
            self.returned = false;
            self.column = 0;
        }
    }

    fn leave(&mut self) {
        self.return_now();
        self.finish(true);
        self.went_left = None;
    }

    fn down(&mut self, lines: usize) {
        self.in_placed = None;
        for _ in 0..lines.min(self.window) {
            self.at += 1;
            if self.at == self.flow.len() {
                let row = if self.flow.len() >= self.window {
                    self.first += 1;
                    self.at -= 1;
                    let mut row = self.flow.pop_front().unwrap_or_default();
                    row.cells.clear();
                    row.draws = 0;
                    row
                } else {
                    Row::default()
                };
                self.flow.push_back(row);
            }
        }
    }

    fn place(&mut self, line: u16, column: usize) {
        let known = self.placed.iter().position(|&(placed, _)| placed == line);
        let index = known.unwrap_or_else(|| {
            if self.placed.len() >= PLACED_ROWS {
                self.placed.remove(0);
            }
            self.placed.push((line, Row::default()));
            self.placed.len() - 1
        });
        self.in_placed = Some(index);
        self.column = column;
    }

    fn erase_right(&mut self) {
        let column = self.column;
        self.row_mut().cells.truncate(column);
        self.end = self.end.min(column);
        if column == 0 {
            self.watcher.erased(self.number());
        }
    }

    fn newline(&mut self) {
        self.returned = false;
        self.finish(false);
        self.went_left = None;
        if self.in_placed.is_some() {
            // Where on the screen that row lies is not known: what follows is a new line of the flow.
            self.at = self.flow.len() - 1;
        }
        self.down(1);
        self.column = 0;
    }
}

impl<W: Watcher> Screen for Rows<W> {
    fn at_fresh_line(&self) -> bool {
        self.in_placed.is_none()
            && !self.drawing
            && !self.returned
            && self.column == 0
            && self.at + 1 == self.flow.len()
            && self.row().draws == 0
            && self.row().cells.is_empty()
    }

    fn lines(&mut self, block: &[u8]) {
        self.watcher.lines(self.number(), self.ups, block);
        self.went_left = None;
        let count = memchr::memchr_iter(b'\n', block).count();
        // Of many lines only those are kept that are still in the window afterwards.
        let kept = count.min(self.window);
        let mut from = block.len() - 1;
        for _ in 0..kept {
            from = memchr::memrchr(b'\n', &block[..from]).unwrap_or(0);
        }
        let skipped = (count - kept) as u64;
        self.first += skipped;
        let mut rest = &block[if kept < count { from + 1 } else { 0 }..];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let keep = if W::KEEPS_TEXT { self.width } else { 1 };
            let mut cells = std::mem::take(&mut self.row_mut().cells);
            cells.extend(line_chars(&rest[..end]).take(keep));
            let row = self.row_mut();
            row.draws = u32::from(!cells.is_empty());
            row.cells = cells;
            self.down(1);
            rest = &rest[end + 1..];
        }
    }

    fn text(&mut self, text: &str) {
        self.return_now();
        if !self.drawing {
            self.drawing = true;
            self.start = self
                .went_left
                .map_or(self.column, |start| start.min(self.column));
            self.end = self.column;
        }
        self.went_left = None;
        let (width, column) = (self.width, self.column);
        if column >= width {
            return;
        }
        let cells = &mut self.row_mut().cells;
        if cells.len() < column {
            cells.resize(column, ' ');
        }
        let room = width - column;
        let mut written = 0;
        for c in text.chars().take(room) {
            match cells.get_mut(column + written) {
                Some(cell) => *cell = c,
                None => cells.push(c),
            }
            written += 1;
        }
        self.column = column + written;
        self.end = self.end.max(self.column);
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Newline => return self.newline(),
            Control::Return => {
                if self.drawing {
                    self.returned = true;
                } else {
                    self.column = 0;
                    self.went_left = None;
                }
                return;
            }
            _ => self.return_now(),
        }
        match control {
            Control::Newline | Control::Return => {}
            Control::Left(columns) => {
                let start = self.drawing.then_some(self.start).or(self.went_left);
                self.finish(true);
                self.went_left = start;
                self.column = self.column.saturating_sub(usize::from(columns));
            }
            Control::Right(columns) => {
                self.column = (self.column + usize::from(columns)).min(self.width);
            }
            Control::Column(column) => {
                let column = usize::from(column).min(self.width);
                if column < self.column {
                    self.leave();
                }
                self.column = column;
            }
            Control::Up(lines) => {
                self.leave();
                self.ups += 1;
                if self.in_placed.is_none() {
                    self.at = self.at.saturating_sub(usize::from(lines));
                }
            }
            Control::Down(lines) => {
                self.leave();
                if self.in_placed.is_none() {
                    self.down(usize::from(lines));
                }
            }
            Control::Place(line, column) => {
                self.leave();
                self.ups += 1;
                self.place(line, usize::from(column).min(self.width));
            }
            Control::EraseRight => self.erase_right(),
            Control::EraseLine => {
                self.leave();
                self.row_mut().cells.clear();
                self.watcher.erased(self.number());
            }
            Control::EraseBelow => {
                self.erase_right();
                if self.in_placed.is_none() {
                    for (index, row) in self.flow.iter_mut().enumerate().skip(self.at + 1) {
                        row.cells.clear();
                        self.watcher.erased(self.first + index as u64);
                    }
                }
            }
            Control::EraseScreen => {
                self.leave();
                self.in_placed = None;
                self.at = self.flow.len() - 1;
                for row in &mut self.flow {
                    row.cells.clear();
                }
                self.down(1);
                self.column = 0;
            }
            Control::Save => {
                self.leave();
                self.saved = Some((self.in_placed, self.first + self.at as u64, self.column));
            }
            Control::Restore => {
                self.leave();
                if let Some((placed, number, column)) = self.saved {
                    self.in_placed = placed.filter(|&index| index < self.placed.len());
                    self.at = (number.saturating_sub(self.first) as usize).min(self.flow.len() - 1);
                    self.column = column;
                    self.ups += 1;
                }
            }
        }
    }

    fn progress(&mut self, said: osc::Progress) {
        self.watcher.progress(said);
    }
}

/// The characters of a whole line, just as they come out where the line is read piece by piece.
pub(super) fn line_chars(line: &[u8]) -> impl Iterator<Item = char> {
    line.utf8_chunks().flat_map(|chunk| {
        let broken = (!chunk.invalid().is_empty()).then_some('\u{fffd}');
        chunk
            .valid()
            .chars()
            .filter_map(|c| match c {
                '\t' => Some(' '),
                '\0'..='\u{1f}' | '\u{7f}' => None,
                c => Some(c),
            })
            .chain(broken)
    })
}
