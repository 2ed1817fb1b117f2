//! From what was typed to a job's id: the id itself, or any ending of it that only one job of the live set has.

use jobtop_client::rest::Rest;
use jobtop_core::JobId;
use jobtop_core::id::JOB_PREFIX;
use jobtop_core::proto::request::ListJobs;

use crate::cli::list;
use crate::exit::{Failure, Said};

/// Shortest ending that is looked for: below that, one more job would make it another one.
const SHORTEST: usize = 4;

/// The ids that were meant, in their order.
pub(crate) async fn resolve(rest: &Rest, typed: &[String]) -> Result<Vec<JobId>, Failure> {
    let whole: Vec<Option<JobId>> = typed.iter().map(|text| text.parse().ok()).collect();
    let known = if whole.iter().all(Option::is_some) {
        Vec::new()
    } else {
        let answer = list::all(rest, ListJobs::default(), None).await?;
        answer.jobs.iter().map(|job| job.id).collect()
    };
    typed
        .iter()
        .zip(whole)
        .map(|(text, whole)| whole.map_or_else(|| meant(text, &known), Ok))
        .collect()
}

/// The one of `known` that ends so.
fn meant(typed: &str, known: &[JobId]) -> Result<JobId, Failure> {
    let none = |hint: &str| {
        let shown = jobtop_core::text::clean_within(typed, 80);
        Failure::NoSuchJob(Said::new(format!("Job not found: {shown}")).hint(hint))
    };
    let ending = typed.to_uppercase();
    let ending = ending
        .strip_prefix(&JOB_PREFIX.to_uppercase())
        .unwrap_or(&ending);
    if ending.len() < SHORTEST {
        return Err(none(
            "An ending of an id has four characters or more; `jobtop ls` shows the last eight",
        ));
    }
    let unknown = || none("`jobtop ls` shows the jobs that there are");
    if !ending.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(unknown());
    }
    let mut fitting = known.iter().filter(|id| id.to_string().ends_with(ending));
    match (fitting.next(), fitting.next()) {
        (None, _) => Err(unknown()),
        (Some(id), None) => Ok(*id),
        (Some(one), Some(other)) => Err(Failure::usage(format!(
            "{typed} is the ending of more than one job's id: {one}, {other}"
        ))
        .hint("Type more of the id")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_that_only_one_has_is_enough() {
        let known: Vec<JobId> = [
            "job_01JD8ZAAAAAAAAAAAAAAAA1XYZ",
            "job_01JD8ZAAAAAAAAAAAAAAAA2XYZ",
        ]
        .iter()
        .map(|id| id.parse().unwrap())
        .collect();
        for (typed, found) in [
            ("1XYZ", Ok(known[0])),
            ("2xyz", Ok(known[1])),
            ("job_2XYZ", Ok(known[1])),
            ("XYZ", Err(3)),
            ("3XYZ", Err(3)),
            ("", Err(3)),
            ("../../x", Err(3)),
        ] {
            assert_eq!(meant(typed, &known).map_err(|f| f.code()), found, "{typed}");
        }
        let short = meant("XYZ", &known).unwrap_err().text().unwrap();
        assert!(short.contains("four characters"), "{short}");
        let twins: Vec<JobId> = [
            "job_01JD8ZAAAAAAAAAAAAAAAAWXYZ",
            "job_01JD8ZAAAAAAAAAAAABAAAWXYZ",
        ]
        .iter()
        .map(|id| id.parse().unwrap())
        .collect();
        assert_eq!(meant("wxyz", &twins).map_err(|f| f.code()), Err(2));
    }
}
