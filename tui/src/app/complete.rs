//! What a word of a filter can become: the names of fields, and the values that occur.

use std::collections::BTreeSet;

use jobtop_core::Status;
use jobtop_core::proto::view::View;
use jobtop_core::query::Field;

/// At most so many are offered.
const MOST: usize = 20;

/// The words that the last word before the cursor can become, in order; none for what begins a new word.
pub(super) fn words<'a>(before: &str, jobs: impl Iterator<Item = &'a View>) -> Vec<String> {
    let begin = before.rfind(' ').map_or(0, |blank| blank + 1);
    let last = &before[begin..];
    let bare = last.trim_start_matches(['-', '!']);
    let sign = &last[..last.len() - bare.len()];
    if bare.is_empty() || before.matches('"').count() % 2 == 1 {
        return Vec::new();
    }
    let Some((field, values)) = bare.split_once(':') else {
        let typed = bare.to_lowercase();
        let fields = Field::ALL.iter();
        return fields
            .filter(|field| field.word().starts_with(&typed))
            .map(|field| format!("{sign}{}{}", field.word(), joint(*field)))
            .take(MOST)
            .collect();
    };
    // The last of several values: `status:failed,ca`.
    let (kept, value) = match values.rfind(',') {
        Some(comma) => values.split_at(comma + 1),
        None => ("", values),
    };
    let value = value.to_lowercase();
    occurring(field, jobs)
        .into_iter()
        .filter(|known| {
            let bare = known.trim_start_matches('"').to_lowercase();
            bare.starts_with(&value) && bare != value
        })
        .map(|known| format!("{sign}{field}:{kept}{known}"))
        .take(MOST)
        .collect()
}

/// What stands between a field and its value.
const fn joint(field: Field) -> &'static str {
    match field {
        Field::Progress | Field::Rate | Field::Errors | Field::Duration => ">",
        _ => ":",
    }
}

/// The values of a field that occur, as a filter says them.
fn occurring<'a>(field: &str, jobs: impl Iterator<Item = &'a View>) -> BTreeSet<String> {
    let fixed = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match field.to_lowercase().as_str() {
        "status" => Status::ALL
            .iter()
            .map(|status| status.word().to_owned())
            .collect(),
        "health" => fixed(&["excellent", "good", "fair", "poor"]),
        "since" | "until" => fixed(&["1h", "12h", "1d", "7d", "30d"]),
        "type" => quoted(jobs.map(|job| job.job_type.as_str())),
        "user" => quoted(jobs.map(|job| job.user_id.as_str())),
        "queue" => quoted(jobs.map(|job| &*job.queue)),
        "host" => quoted(jobs.filter_map(|job| job.host.as_deref())),
        "tag" => quoted(jobs.flat_map(|job| job.tags.iter().map(|tag| &**tag))),
        "name" => quoted(jobs.map(|job| &*job.name)),
        _ => BTreeSet::new(),
    }
}

fn quoted<'a>(values: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    values
        .map(|value| {
            let plain = |c: char| c.is_alphanumeric() || "_-./".contains(c);
            if value.chars().all(plain) {
                value.to_owned()
            } else {
                format!("\"{}\"", value.replace(['"', '\\'], ""))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::person::job;

    #[test]
    fn words_become_fields_and_values_that_occur() {
        let mut other = job(2);
        other.queue = "nightly run".into();
        let jobs = [job(1), other];
        for (before, expected) in [
            ("", vec![]),
            ("orders ", vec![]),
            ("st", vec!["status:"]),
            ("orders -st", vec!["-status:"]),
            ("pro", vec!["progress>"]),
            ("status:c", vec!["status:completed", "status:cancelled"]),
            (
                "status:failed,c",
                vec!["status:failed,completed", "status:failed,cancelled"],
            ),
            ("type:CSV", vec!["type:csv_processing"]),
            ("queue:n", vec!["queue:\"nightly run\""]),
            ("\"st", vec![]),
            ("progress:", vec![]),
        ] {
            let mut found = words(before, jobs.iter());
            found.sort_unstable();
            let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "{before}");
        }
    }
}
