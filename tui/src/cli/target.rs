//! Which daemon a command speaks to, and how its answers become exit codes.

use jobtop_client::Endpoint;
use jobtop_client::rest::{CallError, Rest};
use jobtop_core::proto::body::Problem;

use crate::cli::Global;
use crate::exit::{Failure, Said};

/// What to do when nobody answers.
const START: &str =
    "Start the local daemon with `jobtop daemon start`, or name another with --target";

/// The daemon that the command line names, or the local one.
pub(crate) fn endpoint(global: &Global) -> Result<Endpoint, Failure> {
    match given(global)? {
        Some(endpoint) => Ok(endpoint),
        None => local(),
    }
}

/// The daemon that the command line or the environment names, if they do.
pub(crate) fn given(global: &Global) -> Result<Option<Endpoint>, Failure> {
    let given = global.target.as_deref().filter(|target| !target.is_empty());
    given.map(parse).transpose()
}

/// Reads a target.
pub(crate) fn parse(target: &str) -> Result<Endpoint, Failure> {
    target
        .parse()
        .map_err(|bad: jobtop_client::endpoint::BadEndpoint| Failure::usage(bad.to_string()))
}

/// The local daemon's socket.
pub(crate) fn local() -> Result<Endpoint, Failure> {
    Endpoint::local().map_err(|bad| Failure::usage(bad.to_string()))
}

/// The calls of the daemon that the command line names.
pub(crate) fn rest(global: &Global) -> Result<Rest, Failure> {
    endpoint(global).map(Rest::new)
}

/// The same, when it is somewhere else.
const THERE: &str = "Log in there with ssh, and see what `jobtop daemon status` says; `jobtop daemon start` starts it";

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreachable { ref endpoint, .. } => {
                let hint = match endpoint {
                    Endpoint::Ssh(_) => THERE,
                    _ => START,
                };
                Self::Unreachable(Said::new(sentence(&error.to_string())).hint(hint))
            }
            CallError::Refused(problem) => refused(&problem, &error_text(&problem)),
            CallError::Broken(text) => Self::failed(sentence(&text)),
        }
    }
}

fn error_text(problem: &Problem) -> String {
    if problem.detail.is_empty() {
        format!("The daemon answered {} {}", problem.status, problem.title)
    } else {
        // Which parameter it is, nobody knows who typed a filter.
        sentence(
            problem
                .detail
                .strip_prefix("q: ")
                .unwrap_or(&problem.detail),
        )
    }
}

/// The failure that an error answer means.
fn refused(problem: &Problem, text: &str) -> Failure {
    let said = Said::new(text);
    match (problem.status, problem.code.as_str()) {
        (404, "job_not_found") => {
            Failure::NoSuchJob(said.hint("`jobtop ls` shows the jobs that there are"))
        }
        (401 | 403, _) => Failure::NotAllowed(said),
        (404, "no_log") | (409, "not_supported") => Failure::WrongState(said),
        (409, _) => Failure::WrongState(said.hint("`jobtop show ID` says where the job stands")),
        (400, "bad_query") | (422, _) => Failure::Usage(said),
        (429, _) if text.contains("try again") => Failure::Failed(said),
        (429 | 503, _) => Failure::Failed(said.hint("Try again in a moment")),
        _ => Failure::Failed(said),
    }
}

/// With a capital at the beginning, as a sentence of ours stands alone.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_an_exit_code() {
        for (status, code, exit) in [
            (404, "job_not_found", 3),
            (404, "not_found", 1),
            (404, "no_log", 5),
            (403, "forbidden", 4),
            (401, "unauthorized", 4),
            (409, "job_finished", 5),
            (409, "not_supported", 5),
            (400, "bad_query", 2),
            (422, "invalid", 2),
            (503, "unavailable", 1),
            (500, "internal", 1),
        ] {
            let problem = Problem {
                kind: String::new(),
                title: String::new(),
                status,
                code: code.to_owned(),
                detail: "no".to_owned(),
            };
            let failure = Failure::from(CallError::Refused(problem));
            assert_eq!(
                (failure.code(), failure.to_string().as_str()),
                (exit, "No"),
                "{code}"
            );
        }
    }
}
