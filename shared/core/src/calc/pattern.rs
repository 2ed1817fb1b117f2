//! What error messages have in common: numbers, ids and paths folded away.

/// A run of letters and digits of at least this length that has both counts as an id.
const ID_LENGTH: usize = 8;

/// The message with `#` for each number, `<id>` for each id and `<path>` for each path.
///
/// ```
/// use jobtop_core::calc::pattern::fold;
///
/// assert_eq!(fold("row 1,204 of /data/orders-7.csv: timeout after 30.5s"), "row # of <path>: timeout after #s");
/// assert_eq!(fold("batch 9f86d081884c7d65 was refused"), "batch <id> was refused");
/// ```
#[must_use]
pub fn fold(message: &str) -> String {
    let mut folded = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| !c.is_whitespace() && !"\"'`()[]{}<>,;=".contains(c);
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            // A comma between digits belongs to a number, which `words` has taken in.
            first.len_utf8()
        };
        let (word, after) = rest.split_at(length);
        if !is_word(first) {
            folded.push_str(word);
        } else if is_path(word) {
            let bare = word.trim_end_matches([':', '.', '!', '?']);
            folded.push_str("<path>");
            folded.push_str(&word[bare.len()..]);
        } else {
            fold_word(word, &mut folded);
        }
        rest = after;
    }
    // Groups of thousands are one number.
    while folded.contains("#,#") {
        folded = folded.replace("#,#", "#");
    }
    folded
}

/// Whether it has a slash that stands between or before other signs, as paths and addresses have.
fn is_path(word: &str) -> bool {
    word.len() > 1 && word.contains(['/', '\\']) && word.chars().any(char::is_alphabetic)
}

/// Folds the numbers and ids of a word.
fn fold_word(word: &str, folded: &mut String) {
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        if !part(first) {
            folded.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (run, after) = rest.split_at(rest.find(|c| !part(c)).unwrap_or(rest.len()));
        if is_id(run) {
            folded.push_str("<id>");
        } else {
            fold_digits(run, folded);
        }
        rest = after;
    }
    // 30.5 is one number.
    while let Some(at) = folded.find("#.#") {
        folded.replace_range(at..at + 3, "#");
    }
}

/// Long, with letters and with digits that change places more than a name with a number would let them.
fn is_id(run: &str) -> bool {
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    let letters = run.bytes().filter(u8::is_ascii_alphabetic).count();
    let changes = run
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit())
        .count();
    run.len() >= ID_LENGTH && digits >= 2 && letters >= 1 && changes >= 3
}

fn fold_digits(run: &str, folded: &mut String) {
    let mut in_number = false;
    for c in run.chars() {
        if c.is_ascii_digit() {
            if !in_number {
                folded.push('#');
            }
            in_number = true;
        } else {
            folded.push(c);
            in_number = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_numbers_ids_and_paths_alone_is_one() {
        for (message, pattern) in [
            ("", ""),
            ("HTTP 503 after 5 attempts", "HTTP # after # attempts"),
            (
                "line 12: expected 7 columns, found 6",
                "line #: expected # columns, found #",
            ),
            ("job_01JD8Z6M5KX0V3T9Q2W7R4Y1AB is gone", "<id> is gone"),
            (
                "550e8400-e29b-41d4-a716-446655440000: refused",
                "<id>: refused",
            ),
            ("can't open '/tmp/a b.csv'", "can't open '<path> b.csv'"),
            ("https://api.example.com/v1/7 said no.", "<path> said no."),
            (
                "step_2 of pipeline-14 failed",
                "step_# of pipeline-# failed",
            ),
            ("10.0.0.1:8080 is unreachable", "#:# is unreachable"),
            ("half / half", "half / half"),
            ("größer als 1,000,000", "größer als #"),
            ("exit code 137", "exit code #"),
            ("a deadbeef of", "a deadbeef of"),
        ] {
            assert_eq!(fold(message), pattern);
        }
    }

    #[test]
    fn folding_a_pattern_changes_nothing() {
        for message in ["row 7 of /a/b-3.csv", "9f86d081884c7d65,12"] {
            let once = fold(message);
            assert_eq!(fold(&once), once);
        }
    }
}
