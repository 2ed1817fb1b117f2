//! OSC 9;4, the one sequence made for it: `ESC ] 9 ; 4 ; state ; percent` and ST or BEL.

/// What such a sequence said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Progress {
    /// There is none any more.
    Gone,
    /// So many per cent, if it said so.
    Normal(Option<f64>),
    /// Something went wrong, at so many per cent.
    Error(Option<f64>),
    /// It goes on, and nobody knows how far.
    Indeterminate,
    /// It waits, at so many per cent.
    Paused(Option<f64>),
}

/// Reads what stands between `ESC ]` and the end.
pub(super) fn read(body: &[u8]) -> Option<Progress> {
    let body = std::str::from_utf8(body).ok()?;
    let rest = body.strip_prefix("9;4")?;
    let mut parts = match rest.strip_prefix(';') {
        Some(parts) => parts.split(';'),
        None if rest.is_empty() => return Some(Progress::Gone),
        None => return None,
    };
    let state = parts.next()?;
    let percent = parts
        .next()
        .and_then(|text| text.trim().parse::<f64>().ok())
        .filter(|percent| percent.is_finite())
        .map(|percent| percent.clamp(0.0, 100.0));
    Some(match state {
        "" | "0" => Progress::Gone,
        "1" => Progress::Normal(percent),
        "2" => Progress::Error(percent),
        "3" => Progress::Indeterminate,
        "4" => Progress::Paused(percent),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_read_and_nonsense_is_not() {
        for (body, expected) in [
            ("9;4;1;42", Some(Progress::Normal(Some(42.0)))),
            ("9;4;1;", Some(Progress::Normal(None))),
            ("9;4;1", Some(Progress::Normal(None))),
            ("9;4;1;200", Some(Progress::Normal(Some(100.0)))),
            ("9;4;1;-3", Some(Progress::Normal(Some(0.0)))),
            ("9;4;1;nan", Some(Progress::Normal(None))),
            ("9;4;2;50", Some(Progress::Error(Some(50.0)))),
            ("9;4;3;0", Some(Progress::Indeterminate)),
            ("9;4;4;10", Some(Progress::Paused(Some(10.0)))),
            ("9;4;0;0", Some(Progress::Gone)),
            ("9;4;0", Some(Progress::Gone)),
            ("9;4;", Some(Progress::Gone)),
            ("9;4;z", None),
            ("9;4;5;200", None),
            ("9;41;1;3", None),
            ("9;Your build is ready", None),
            ("0;title", None),
            ("", None),
        ] {
            assert_eq!(read(body.as_bytes()), expected, "{body}");
        }
    }
}
