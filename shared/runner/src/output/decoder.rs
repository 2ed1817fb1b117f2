//! Bytes as a terminal gets them, taken apart into text, controls and OSC sequences.
//!
//! Arbitrarily cut: a character or an escape sequence may begin in one call and end in another. What is kept between two
//! calls is a few bytes, however long a sequence is that a stranger sends.

use memchr::memchr3_iter;

use super::osc;

/// What moves the cursor or takes something away from the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// To the next line.
    Newline,
    /// To the first column.
    Return,
    /// So many columns to the left.
    Left(u16),
    /// So many columns to the right.
    Right(u16),
    /// So many lines up.
    Up(u16),
    /// So many lines down.
    Down(u16),
    /// To that column, counted from 0.
    Column(u16),
    /// To that line of the screen and that column, both counted from 0.
    Place(u16, u16),
    /// What stands right of the cursor is taken away.
    EraseRight,
    /// The whole line is taken away.
    EraseLine,
    /// What stands right of the cursor and below is taken away.
    EraseBelow,
    /// All that stands on the screen is taken away.
    EraseScreen,
    /// The cursor's place is remembered.
    Save,
    /// The cursor goes where it was remembered.
    Restore,
}

/// Who is told what the bytes mean.
pub(super) trait Screen {
    /// Whether the cursor stands in a line in which nothing was written yet, so that whole lines can be taken at once.
    fn at_fresh_line(&self) -> bool;
    /// Whole lines, each with its newline, with no escape sequence, and no carriage return but before a newline.
    fn lines(&mut self, block: &[u8]);
    /// Text without any control character.
    fn text(&mut self, text: &str);
    /// A control.
    fn control(&mut self, control: Control);
    /// An OSC 9;4 sequence.
    fn progress(&mut self, said: osc::Progress);
}

const ESCAPE: u8 = 0x1b;
/// Longer OSC sequences are not OSC 9;4.
const OSC_BYTES: usize = 32;
/// More parameters than this are not of any sequence that is understood.
const PARAMETERS: usize = 4;

#[derive(Clone, Debug)]
enum State {
    Ground,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate byte: one more byte, then it is over.
    Intermediate,
    Csi {
        parameters: [u16; PARAMETERS],
        at: usize,
        private: bool,
    },
    /// Within OSC; `true` after an ESC that may be the first half of its end.
    Osc(bool),
    /// Within DCS, SOS, PM or APC, which end as OSC does.
    Ignored(bool),
}

/// Takes bytes apart.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    state: State,
    /// The beginning of a character whose end has not come yet.
    partial: Vec<u8>,
    osc: Vec<u8>,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            state: State::Ground,
            partial: Vec::new(),
            osc: Vec::new(),
        }
    }

    /// Tells `screen` what these bytes mean.
    pub(super) fn feed(&mut self, mut bytes: &[u8], screen: &mut impl Screen) {
        while !bytes.is_empty() {
            let taken = if matches!(self.state, State::Ground) {
                self.ground(bytes, screen)
            } else {
                self.sequence(bytes[0], screen);
                1
            };
            bytes = &bytes[taken..];
        }
    }

    /// Text up to the next control character, and that character. Returns how many bytes that were: at least one.
    fn ground(&mut self, bytes: &[u8], screen: &mut impl Screen) -> usize {
        if self.partial.is_empty() && screen.at_fresh_line() {
            let whole = whole_lines(bytes);
            if whole > 0 {
                screen.lines(&bytes[..whole]);
                return whole;
            }
        }
        let run = bytes
            .iter()
            .position(|&b| b < b' ' || b == 0x7f)
            .unwrap_or(bytes.len());
        if run > 0 {
            self.characters(&bytes[..run], screen);
            return run;
        }
        self.broken_character(screen);
        match bytes[0] {
            ESCAPE => self.state = State::Escape,
            b'\n' => screen.control(Control::Newline),
            b'\r' => screen.control(Control::Return),
            0x08 => screen.control(Control::Left(1)),
            b'\t' => screen.text(" "),
            _ => {}
        }
        1
    }

    /// Bytes of text, perhaps beginning or ending within a character.
    fn characters(&mut self, mut run: &[u8], screen: &mut impl Screen) {
        while !self.partial.is_empty() {
            let Some((&next, rest)) = run.split_first() else {
                return;
            };
            self.partial.push(next);
            match std::str::from_utf8(&self.partial) {
                Ok(text) => {
                    screen.text(text);
                    self.partial.clear();
                    run = rest;
                }
                Err(error) if error.error_len().is_none() => run = rest,
                // The new byte does not continue the character: the character is broken, the byte is read again.
                Err(_) => {
                    self.partial.clear();
                    screen.text("\u{fffd}");
                }
            }
        }
        for chunk in run.utf8_chunks() {
            if !chunk.valid().is_empty() {
                screen.text(chunk.valid());
            }
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            let unfinished = invalid.as_ptr_range().end == run.as_ptr_range().end
                && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if unfinished {
                self.partial.extend_from_slice(invalid);
            } else {
                screen.text("\u{fffd}");
            }
        }
    }

    /// A control character came in the middle of a character.
    fn broken_character(&mut self, screen: &mut impl Screen) {
        if !self.partial.is_empty() {
            self.partial.clear();
            screen.text("\u{fffd}");
        }
    }

    /// One byte within an escape sequence.
    fn sequence(&mut self, byte: u8, screen: &mut impl Screen) {
        match &mut self.state {
            State::Ground => {}
            State::Escape => self.state = self.after_escape(byte, screen),
            State::Intermediate => {
                if !(b' '..=b'/').contains(&byte) {
                    self.state = State::Ground;
                }
            }
            State::Csi {
                parameters,
                at,
                private,
            } => match byte {
                b'0'..=b'9' => {
                    if let Some(parameter) = parameters.get_mut(*at) {
                        *parameter = parameter
                            .saturating_mul(10)
                            .saturating_add(u16::from(byte - b'0'));
                    }
                }
                b';' | b':' => *at = at.saturating_add(1),
                b'<'..=b'?' => *private = true,
                b' '..=b'/' => {}
                b'@'..=b'~' => {
                    let control = (!*private).then(|| csi(byte, *parameters)).flatten();
                    self.state = State::Ground;
                    if let Some(control) = control {
                        if matches!(byte, b'E' | b'F') {
                            screen.control(Control::Return);
                        }
                        screen.control(control);
                    }
                }
                _ => self.state = cut_off(byte, screen),
            },
            State::Osc(ending) => match byte {
                0x07 => self.osc_ended(screen),
                b'\\' if *ending => self.osc_ended(screen),
                ESCAPE => *ending = true,
                // What ends otherwise than it must was no sequence at all: a program that dies in the middle of one
                // must not swallow what others say after it.
                _ if *ending || byte < b' ' => self.state = cut_off(byte, screen),
                _ => {
                    if self.osc.len() <= OSC_BYTES {
                        self.osc.push(byte);
                    }
                }
            },
            State::Ignored(ending) => match byte {
                0x07 | 0x18 | 0x1a => self.state = State::Ground,
                b'\\' if *ending => self.state = State::Ground,
                ESCAPE => *ending = true,
                _ if *ending => self.state = cut_off(byte, screen),
                _ => {}
            },
        }
    }

    fn after_escape(&mut self, byte: u8, screen: &mut impl Screen) -> State {
        match byte {
            b'[' => State::Csi {
                parameters: [0; PARAMETERS],
                at: 0,
                private: false,
            },
            b']' => {
                self.osc.clear();
                State::Osc(false)
            }
            b'P' | b'X' | b'^' | b'_' => State::Ignored(false),
            b' '..=b'/' => State::Intermediate,
            ESCAPE => State::Escape,
            b'7' => simple(Control::Save, screen),
            b'8' => simple(Control::Restore, screen),
            b'D' | b'E' => simple(Control::Newline, screen),
            b'M' => simple(Control::Up(1), screen),
            0..=0x1f => cut_off(byte, screen),
            _ => State::Ground,
        }
    }

    fn osc_ended(&mut self, screen: &mut impl Screen) {
        self.state = State::Ground;
        if let Some(said) = osc::read(&self.osc) {
            screen.progress(said);
        }
    }
}

/// How many of these bytes are whole lines with nothing in them that moves the cursor.
fn whole_lines(bytes: &[u8]) -> usize {
    let plain = memchr3_iter(ESCAPE, b'\r', 0x08, bytes)
        .find(|&at| bytes[at] != b'\r' || bytes.get(at + 1) != Some(&b'\n'))
        .unwrap_or(bytes.len());
    memchr::memrchr(b'\n', &bytes[..plain]).map_or(0, |last| last + 1)
}

fn csi(last: u8, parameters: [u16; PARAMETERS]) -> Option<Control> {
    let [first, second, ..] = parameters;
    let times = first.max(1);
    Some(match last {
        b'A' | b'F' => Control::Up(times),
        b'B' | b'E' | b'e' => Control::Down(times),
        b'C' | b'a' => Control::Right(times),
        b'D' => Control::Left(times),
        b'G' | b'`' => Control::Column(times - 1),
        b'H' | b'f' => Control::Place(times - 1, second.max(1) - 1),
        b'J' if first == 0 => Control::EraseBelow,
        b'J' if first > 1 => Control::EraseScreen,
        b'K' if first == 0 => Control::EraseRight,
        b'K' if first == 2 => Control::EraseLine,
        b's' => Control::Save,
        b'u' => Control::Restore,
        _ => return None,
    })
}

fn simple(control: Control, screen: &mut impl Screen) -> State {
    screen.control(control);
    State::Ground
}

/// A byte that cannot be in this sequence ends it; a control character does what it always does.
fn cut_off(byte: u8, screen: &mut impl Screen) -> State {
    match byte {
        ESCAPE => return State::Escape,
        b'\n' => screen.control(Control::Newline),
        b'\r' => screen.control(Control::Return),
        _ => {}
    }
    State::Ground
}
