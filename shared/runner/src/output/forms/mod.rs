//! What a line of output says of progress: the forms of known programs, and the general ones.
//!
//! Pure, one line at a time. A form of a known program counts wherever it stands; a general one ([`Trust::Shape`]) only
//! once it has shown that it is a bar, which is judged in `track`.

mod builds;
mod general;
mod scan;
mod tools;
mod transfers;

#[cfg(test)]
mod tests;

use scan::Scan;

/// How sure it is that a line is a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Trust {
    /// No other program writes such a line.
    Known,
    /// Anything could be meant: a percentage, a count.
    Shape,
    /// A line that is one number: it may be said by `pv -n`, or by anybody.
    Number,
}

/// What one line says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bar {
    pub trust: Trust,
    /// What tells this bar from others, where it does not stand in a row of its own.
    pub shape: u64,
    pub progress: Option<f64>,
    pub items: Option<(u64, Option<u64>)>,
    pub bytes: Option<(u64, Option<u64>)>,
    pub label: Option<String>,
    /// Files done and all of them, where the bar is that of one file among others (rsync).
    pub files: Option<(u64, u64)>,
    /// Whether this is the bar of a file, and not of the whole.
    pub of_file: bool,
}

impl Bar {
    fn known(program: &str) -> Self {
        Self {
            trust: Trust::Known,
            shape: shape_of(program),
            progress: None,
            items: None,
            bytes: None,
            label: None,
            files: None,
            of_file: false,
        }
    }

    fn percent(mut self, percent: f64) -> Self {
        self.progress = Some(percent.clamp(0.0, 100.0));
        self
    }

    /// So many of so many: the percentage too, if there is none yet.
    fn items(mut self, done: u64, total: u64) -> Self {
        self.items = Some((done, Some(total)));
        self.progress = self.progress.or_else(|| share(done, total));
        self
    }

    fn bytes(mut self, done: u64, total: Option<u64>) -> Self {
        self.bytes = Some((done, total));
        self.progress = self.progress.or_else(|| share(done, total?));
        self
    }

    /// What the bar stands for, if that is a name at all.
    fn label(mut self, label: &str) -> Self {
        let label = label
            .trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | '|' | '[' | '('));
        if label.chars().any(char::is_alphabetic) {
            self.label = Some(jobtop_core::text::clean_within(label, LABEL_CHARS).into_owned());
        }
        self
    }
}

/// The longest name of a step.
const LABEL_CHARS: usize = 60;

/// So many per cent.
fn share(done: u64, total: u64) -> Option<f64> {
    (total > 0 && done <= total).then(|| done as f64 * 100.0 / total as f64)
}

/// A number for a text, in which all digits count alike.
fn shape_of(text: &str) -> u64 {
    // FNV-1a; a run of digits counts as one, so that times and counts before a bar do not make it another one.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut in_digits = false;
    for byte in text.bytes().take(128) {
        let digit = byte.is_ascii_digit();
        if digit && in_digits {
            continue;
        }
        in_digits = digit;
        hash = (hash ^ u64::from(if digit { b'0' } else { byte })).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

/// Whether a line can say anything at all: a quick look that most lines of ordinary text do not pass.
pub(super) fn may_speak(line: &[u8]) -> bool {
    memchr::memchr2(b'%', b'/', line).is_some()
        || line
            .first()
            .is_some_and(|&byte| byte.is_ascii_digit() || matches!(byte, b'd' | b'p'))
        || memchr::memmem::find(line, b" of ").is_some()
        || memchr::memmem::find(line, b"it [").is_some()
}

/// What a line says, if it says something. `in_place`: it stands in a row that is drawn again and again.
pub(super) fn read(line: &str, in_place: bool) -> Option<Bar> {
    let line = line.trim();
    if line.is_empty() || line.len() > 1024 {
        return None;
    }
    tools::read(line)
        .or_else(|| transfers::read(line))
        .or_else(|| builds::read(line))
        .or_else(|| general::read(line, in_place))
}

/// What tells the bars of rsync, which need more than one line to be understood.
pub(super) fn rsync_shape() -> u64 {
    shape_of("rsync")
}
