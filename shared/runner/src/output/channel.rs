//! What a program says on the descriptor named in `JOBTOP_PROGRESS_FD`: lines, each a JSON object or a percentage.

use serde::Deserialize;

use jobtop_core::text;

/// A longer line is nonsense.
pub const LINE_BYTES: usize = 64 * 1024;

/// What the program said of itself since the last time; whatever it did not name is as it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Per cent, 0 to 100.
    pub progress: Option<f64>,
    /// The step's name.
    pub step: Option<String>,
    /// The names of all steps, in their order.
    pub steps: Option<Vec<String>>,
    /// What it does just now.
    pub message: Option<String>,
    /// So many things are done.
    pub processed_items: Option<u64>,
    /// So many there are.
    pub total_items: Option<u64>,
    /// So many bytes are done.
    pub processed_bytes: Option<u64>,
    /// So many there are.
    pub total_bytes: Option<u64>,
    /// So many errors were met.
    pub error_count: Option<u64>,
}

/// One line as it may be written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Line {
    progress: Option<f64>,
    step: Option<String>,
    steps: Option<Vec<String>>,
    message: Option<String>,
    processed_items: Option<u64>,
    total_items: Option<u64>,
    processed_bytes: Option<u64>,
    total_bytes: Option<u64>,
    error_count: Option<u64>,
}

/// More steps than this are not taken.
const STEPS: usize = 1_000;

/// Reads such lines, arbitrarily cut.
#[derive(Debug, Default)]
pub struct Recogniser {
    line: Vec<u8>,
    /// The line is too long: the rest of it is not read.
    skipping: bool,
    complaint: Option<String>,
    complained: bool,
}

impl Recogniser {
    /// Nothing was said yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they come, and answers with what their lines said, the newest of each member.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Option<Told> {
        let mut told = None;
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.keep(&bytes[..end]);
            self.line_ended(&mut told);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
        told
    }

    /// Nothing follows any more: a last line counts without its newline.
    pub fn end(&mut self) -> Option<Told> {
        let mut told = None;
        self.line_ended(&mut told);
        told
    }

    /// What was wrong with the first line that could not be read, as a sentence; told once.
    pub fn complaint(&mut self) -> Option<String> {
        self.complaint.take()
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.line.len() + bytes.len() > LINE_BYTES {
            self.skipping = true;
            self.line.clear();
        }
        if !self.skipping {
            self.line.extend_from_slice(bytes);
        }
    }

    fn line_ended(&mut self, told: &mut Option<Told>) {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.skipping) {
            self.complain(|| format!("a line is longer than {} KiB", LINE_BYTES / 1024));
            return;
        }
        let trimmed = line.trim_ascii();
        if !trimmed.is_empty() {
            match read(trimmed) {
                Ok(line) => merge(told.get_or_insert_default(), line),
                Err(reason) => self.complain(|| reason),
            }
        }
        // The room is kept for the next line, but not that of an unusually long one.
        if line.capacity() <= 4096 {
            self.line = line;
            self.line.clear();
        }
    }

    fn complain(&mut self, reason: impl FnOnce() -> String) {
        if !self.complained {
            self.complained = true;
            self.complaint = Some(format!(
                "What the command writes to JOBTOP_PROGRESS_FD is not all understood: {}. Write lines like 42% or {{\"progress\": 42}}.",
                reason()
            ));
        }
    }
}

fn read(line: &[u8]) -> Result<Line, String> {
    if line[0] == b'{' {
        let line: Line = serde_json::from_slice(line).map_err(|error| {
            let error = error.to_string();
            // Where in the line it was says nothing to somebody who does not see the line.
            let error = error.split(" at line ").next().unwrap_or_default();
            format!(
                "a line of JSON can't be read ({})",
                text::clean_within(error, 200)
            )
        })?;
        return match line.progress {
            Some(progress) if !progress.is_finite() => Err("a progress is no number".to_owned()),
            _ => Ok(line),
        };
    }
    let nonsense = || {
        let shown = String::from_utf8_lossy(line);
        format!(
            "\u{201c}{}\u{201d} is neither a percentage nor a JSON object",
            text::clean_within(&shown, 60)
        )
    };
    let number = line.strip_suffix(b"%").unwrap_or(line).trim_ascii_end();
    let plain = number
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let progress = std::str::from_utf8(number)
        .ok()
        .filter(|_| plain)
        .and_then(|number| number.parse::<f64>().ok())
        .ok_or_else(nonsense)?;
    Ok(Line {
        progress: Some(progress),
        ..Line::default()
    })
}

fn merge(told: &mut Told, line: Line) {
    let name = |text: String| text::clean_within(&text, text::NAME_CHARS).into_owned();
    let newer = |old: &mut Option<u64>, new: Option<u64>| *old = new.or(*old);
    if let Some(progress) = line.progress {
        told.progress = Some(progress.clamp(0.0, 100.0));
    }
    if let Some(step) = line.step {
        told.step = Some(name(step));
    }
    if let Some(steps) = line.steps {
        told.steps = Some(steps.into_iter().take(STEPS).map(name).collect());
    }
    if let Some(message) = line.message {
        told.message = Some(text::clean_within(&message, text::MESSAGE_CHARS).into_owned());
    }
    newer(&mut told.processed_items, line.processed_items);
    newer(&mut told.total_items, line.total_items);
    newer(&mut told.processed_bytes, line.processed_bytes);
    newer(&mut told.total_bytes, line.total_bytes);
    newer(&mut told.error_count, line.error_count);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the pieces are that it comes in, the end is the same.
    fn last(input: &str) -> (Option<Told>, Option<String>) {
        let mut outcomes = [1, 7, 4096].map(|cut| {
            let mut recogniser = Recogniser::new();
            let mut told: Option<Told> = None;
            for piece in input.as_bytes().chunks(cut) {
                told = recogniser.feed(piece).or(told);
            }
            told = recogniser.end().or(told);
            (told.and_then(|told| told.progress), recogniser.complaint())
        });
        outcomes.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(outcomes[0], outcomes[2], "{input:?}");
        let mut whole = Recogniser::new();
        let told = whole.feed(input.as_bytes());
        (whole.end().or(told), whole.complaint())
    }

    #[test]
    fn percentages_are_read() {
        for (input, progress) in [
            ("42\n", 42.0),
            ("42%\n", 42.0),
            (" 42.5 %\r\n", 42.5),
            ("17%", 17.0),
            ("1\n2\n3\n", 3.0),
            ("250%\n", 100.0),
            ("{\"progress\": 12.5}\n", 12.5),
            ("{\"progress\": -1}\n", 0.0),
        ] {
            let (told, complaint) = last(input);
            assert_eq!(told.unwrap().progress, Some(progress), "{input:?}");
            assert_eq!(complaint, None, "{input:?}");
        }
    }

    #[test]
    fn every_member_is_read_and_what_is_not_named_stays_open() {
        let (told, complaint) = last(
            "{\"step\": \"Map\", \"steps\": [\"Read\", \"Map\"], \"message\": \"a\\u001b[31m\", \"extra\": [1]}\n\
             {\"processedItems\": 5, \"totalItems\": 10, \"processedBytes\": 6, \"totalBytes\": 12, \"errorCount\": 1}\n",
        );
        assert_eq!(complaint, None);
        assert_eq!(
            told.unwrap(),
            Told {
                progress: None,
                step: Some("Map".to_owned()),
                steps: Some(vec!["Read".to_owned(), "Map".to_owned()]),
                message: Some("a\u{fffd}[31m".to_owned()),
                processed_items: Some(5),
                total_items: Some(10),
                processed_bytes: Some(6),
                total_bytes: Some(12),
                error_count: Some(1),
            }
        );
    }

    #[test]
    fn nonsense_is_told_once_and_what_follows_is_read() {
        let long = format!("{}\n50\n", "1".repeat(LINE_BYTES + 1));
        for (input, wrong) in [
            ("hello\n50\nmore\n", "\u{201c}hello\u{201d}"),
            (
                "{\"progress\": \"half\"}\n50\n",
                "a line of JSON can't be read",
            ),
            ("{\"progress\": 4\n50\n", "a line of JSON can't be read"),
            ("\u{1b}[2J\n50\n", "\u{fffd}[2J"),
            ("nan\n50\n", "nan"),
            ("1e400\n50\n", "1e400"),
            (long.as_str(), "longer than 64 KiB"),
        ] {
            let (told, complaint) = last(input);
            assert_eq!(told.unwrap().progress, Some(50.0), "{wrong}");
            let complaint = complaint.unwrap();
            assert!(complaint.contains(wrong), "{complaint}");
            assert!(complaint.contains("JOBTOP_PROGRESS_FD"), "{complaint}");
        }
    }

    #[test]
    fn a_line_without_an_end_costs_no_memory() {
        let mut recogniser = Recogniser::new();
        for _ in 0..1000 {
            assert_eq!(recogniser.feed(&[b'9'; 10_000]), None);
        }
        assert!(recogniser.line.capacity() <= 2 * LINE_BYTES);
        assert_eq!(recogniser.feed(b"\n7\n").unwrap().progress, Some(7.0));
    }
}
