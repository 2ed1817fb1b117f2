//! cargo and what writes as it does.

use super::{Bar, Scan};

/// `    Building [=====>          ] 12/40: serde, syn`
pub(super) fn read(line: &str) -> Option<Bar> {
    let mut scan = Scan::new(line);
    let label = scan.until(" [")?;
    if label.is_empty() || !label.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let inside = scan.until("] ")?;
    if inside.len() < 3
        || !inside
            .bytes()
            .all(|byte| matches!(byte, b'=' | b'>' | b' '))
    {
        return None;
    }
    let done = scan.blanks().integer()?;
    scan.literal("/")?;
    let total = scan.integer().filter(|total| *total >= done)?;
    Some(Bar::known("cargo").items(done, total).label(label))
}
