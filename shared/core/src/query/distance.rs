//! The nearest of some known words, for "did you mean".

/// What people of other tools write.
const SYNONYMS: [(&str, &str); 12] = [
    ("state", "status"),
    ("is", "status"),
    ("owner", "user"),
    ("userid", "user"),
    ("kind", "type"),
    ("label", "tag"),
    ("tags", "tag"),
    ("err", "error"),
    ("speed", "rate"),
    ("time", "duration"),
    ("after", "since"),
    ("before", "until"),
];

/// The known word that was most likely meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    if word.is_empty() || word.len() > 40 {
        return None;
    }
    let synonym = SYNONYMS
        .iter()
        .find_map(|(other, ours)| (*other == word).then_some(*ours));
    known
        .filter_map(|candidate| {
            let cost = if synonym == Some(candidate) {
                0
            } else if word.len() >= 2 && candidate.starts_with(&word) {
                1
            } else {
                edits(&word, candidate)
            };
            (cost <= 1.max(candidate.len() / 3)).then_some((cost, candidate))
        })
        .min_by_key(|(cost, _)| *cost)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let differ = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + differ);
            let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if swapped {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let known = ["status", "type", "user", "error", "errors", "since"];
        for (word, meant) in [
            ("stauts", Some("status")),
            ("Status", Some("status")),
            ("stat", Some("status")),
            ("state", Some("status")),
            ("typ", Some("type")),
            ("err", Some("error")),
            ("eror", Some("error")),
            ("owner", Some("user")),
            ("http", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), meant, "{word}");
        }
    }
}
