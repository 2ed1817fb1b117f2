//! From bytes to a message, with an error that names what is wrong: malformed JSON (400), a missing or wrong field (422).

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::job::refusal::{Code, Refusal};
use crate::text;

/// Deepest nesting that is read.
pub const MAX_DEPTH: usize = 32;

/// Reads JSON as a `T`. An empty text is `{}`.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let bytes = if bytes.trim_ascii().is_empty() {
        b"{}"
    } else {
        bytes
    };
    check_depth(bytes)?;
    if bytes.trim_ascii_start().first() != Some(&b'{')
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
    {
        return Err(Refusal::new(Code::Invalid, "A JSON object is needed here"));
    }
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => Refusal::new(Code::Invalid, named::<T>(bytes, &error)),
        Category::Syntax | Category::Eof | Category::Io => unreadable::<T>(bytes, &error),
    })
}

/// What does not parse is malformed, unless it has the form of JSON all right: then a field has a value that no
/// program can hold (`1e400`, half a surrogate) or that is of another type than its words (`"status": 7`).
fn unreadable<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> Refusal {
    if std::str::from_utf8(bytes).is_ok_and(is_formed) {
        return Refusal::new(Code::Invalid, named::<T>(bytes, error));
    }
    Refusal::new(Code::BadJson, format!("Not readable as JSON: {error}"))
}

/// Whether a text has the form of JSON, whatever its values are.
pub(super) fn is_formed(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Refuses what nests deeper than [`MAX_DEPTH`].
pub fn check_depth(bytes: &[u8]) -> Result<(), Refusal> {
    check_depth_within(bytes, MAX_DEPTH)
}

/// Refuses what nests deeper than `most` levels.
pub fn check_depth_within(bytes: &[u8], most: usize) -> Result<(), Refusal> {
    let mut depth = 0_usize;
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > most {
                    return Err(Refusal::new(
                        Code::BadJson,
                        format!("The JSON nests deeper than {most} levels"),
                    ));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(inside) = rest.next() {
                    match inside {
                        b'\\' => {
                            rest.next();
                        }
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The error again, this time with the path of the field (slower, and only on the way to an error answer).
fn named<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> String {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let said = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(with_path) => {
            let path = with_path.path().to_string();
            let mut inner = with_path.into_inner().to_string();
            if inner.starts_with("expected value") {
                "a value of another type is needed".clone_into(&mut inner);
            }
            if path == "." {
                inner
            } else {
                format!("{path}: {inner}")
            }
        }
        Ok(_) => error.to_string(),
    };
    // The place in the text helps nobody who did not write the JSON by hand.
    let said = said
        .rfind(" at line ")
        .map_or(said.as_str(), |cut| &said[..cut]);
    text::clean_within(said, 300).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::progress::Report;

    #[test]
    fn says_what_is_wrong_and_where() {
        for (body, code, says) in [
            ("{", Code::BadJson, "JSON"),
            ("{\"progress\": NaN}", Code::BadJson, "JSON"),
            ("\u{feff}{}", Code::BadJson, "JSON"),
            ("{\"progress\": \"x\"}", Code::Invalid, "progress"),
            (
                "{\"metrics\": {\"processedItems\": -1}}",
                Code::Invalid,
                "metrics.processedItems",
            ),
            (
                "{\"metrics\": {\"processedItems\": 1.5}}",
                Code::Invalid,
                "metrics.processedItems",
            ),
            ("[]", Code::Invalid, ""),
        ] {
            let refusal = json::<Report>(body.as_bytes()).expect_err(body);
            assert_eq!(refusal.code, code, "{body}: {refusal}");
            assert!(refusal.detail.contains(says), "{body}: {refusal}");
        }
        assert_eq!(json::<Report>(b""), Ok(Report::default()));
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = |n: usize| format!("{{\"x\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(json::<Report>(deep(31).as_bytes()).is_ok());
        assert!(json::<Report>(deep(32).as_bytes()).is_err());
        assert!(json::<Report>(deep(100_000).as_bytes()).is_err());
        assert!(check_depth(format!("{{\"x\":\"{}\\\"[\"}}", "[".repeat(99)).as_bytes()).is_ok());
    }
}
