//! One-shot HTTP/1.1 calls, each on a connection of its own: for commands, not for feeds.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use jobtop_core::job::Reply;
use jobtop_core::job::progress::Report;
use jobtop_core::proto::body::{FailBody, JobAnswer, JobsAnswer, NewJob, Problem};
use jobtop_core::proto::request::ListJobs;
use jobtop_core::proto::view::View;
use jobtop_core::text;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::dial::{dial, reason};
use crate::endpoint::Endpoint;

/// How long connecting may take.
const DIAL: Duration = Duration::from_secs(5);
/// How long a whole call may take; an action waits for the daemon's disk.
const CALL: Duration = Duration::from_secs(30);
/// Largest answer that is read: a listing of the live set with every `config` at its limit.
const MAX_ANSWER: usize = 128 << 20;

/// The HTTP interface of one daemon.
#[derive(Clone, Debug)]
pub struct Rest {
    endpoint: Endpoint,
}

/// Why a call has no answer; each is one sentence for a person.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody answers there.
    #[error("{}", reason(endpoint, source))]
    Unreachable {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        source: io::Error,
    },
    /// The daemon said no.
    #[error("{}", said(.0))]
    Refused(Problem),
    /// An answer that makes no sense.
    #[error("{0}")]
    Broken(String),
}

impl Rest {
    /// Calls go to `endpoint`.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    /// Where calls go.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// `GET /api/jobs`: the live set, one page of it.
    pub async fn list(&self, wanted: &ListJobs) -> Result<JobsAnswer, CallError> {
        let path = format!("/api/jobs{}", query(wanted)?);
        self.typed(Method::GET, &path, Bytes::new()).await
    }

    /// `GET /api/jobs/ID`.
    pub async fn get(&self, id: &str) -> Result<View, CallError> {
        self.job(Method::GET, &job_path(id, ""), Bytes::new()).await
    }

    /// `POST /api/jobs`.
    pub async fn create(&self, new: &NewJob) -> Result<View, CallError> {
        self.job(Method::POST, "/api/jobs", json(new)?).await
    }

    /// `POST /api/jobs/ID/VERB`: `start`, `pause`, `resume`, `cancel`, `retry`, `priority` and the like.
    pub async fn act(
        &self,
        id: &str,
        verb: &str,
        body: &impl Serialize,
    ) -> Result<View, CallError> {
        self.job(Method::POST, &job_path(id, verb), json(body)?)
            .await
    }

    /// `POST /api/jobs/ID/progress`.
    pub async fn progress(&self, id: &str, report: &Report) -> Result<View, CallError> {
        self.act(id, "progress", report).await
    }

    /// `POST /api/jobs/ID/ack`.
    pub async fn ack(&self, id: &str, reply: &Reply) -> Result<View, CallError> {
        self.act(id, "ack", reply).await
    }

    /// `POST /api/jobs/ID/complete`.
    pub async fn complete(&self, id: &str) -> Result<View, CallError> {
        self.act(id, "complete", &serde_json::Map::new()).await
    }

    /// `POST /api/jobs/ID/fail`.
    pub async fn fail(&self, id: &str, why: &FailBody) -> Result<View, CallError> {
        self.act(id, "fail", why).await
    }

    /// `GET /readyz`: whether the daemon serves.
    pub async fn ready(&self) -> Result<(), CallError> {
        self.exchange(Method::GET, "/readyz", Bytes::new())
            .await
            .map(drop)
    }

    /// Any call; `path` with its query. An empty answer is `null`, one that is not JSON a string.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, CallError> {
        let body = body.map_or(Ok(Bytes::new()), json)?;
        let answer = self.exchange(method, path, body).await?;
        if answer.is_empty() {
            return Ok(serde_json::Value::Null);
        }
        Ok(serde_json::from_slice(&answer)
            .unwrap_or_else(|_| String::from_utf8_lossy(&answer).into_owned().into()))
    }

    async fn job(&self, method: Method, path: &str, body: Bytes) -> Result<View, CallError> {
        let answer: JobAnswer = self.typed(method, path, body).await?;
        Ok(answer.job)
    }

    async fn typed<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, CallError> {
        let answer = self.exchange(method, path, body).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            CallError::Broken(format!(
                "{} answered what can't be understood ({error}); is it another version of jobtopd?",
                self.endpoint
            ))
        })
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, CallError> {
        timeout(CALL, self.exchange_within(method, path, body))
            .await
            .unwrap_or_else(|_| Err(self.unreachable(io::ErrorKind::TimedOut.into())))
    }

    async fn exchange_within(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, CallError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.endpoint.authority())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| CallError::Broken(format!("{path} is no path: {error}")))?;
        let stream = dial(&self.endpoint, DIAL)
            .await
            .map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.hyper(&error))?;
        let answer = async {
            let answer = sender
                .send_request(request)
                .await
                .map_err(|error| self.hyper(&error))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER)
                .collect()
                .await
                .map_err(|error| match error.downcast_ref::<hyper::Error>() {
                    Some(error) => self.hyper(error),
                    None => CallError::Broken(format!(
                        "{} answered more than {} MiB; ask for less with limit",
                        self.endpoint,
                        MAX_ANSWER >> 20
                    )),
                })?
                .to_bytes();
            if status.is_success() {
                Ok(body)
            } else {
                Err(CallError::Refused(problem(status, &body)))
            }
        };
        // The connection has to be driven while we wait; what it has to say itself, the exchange says too.
        let driven = async {
            let _ = connection.await;
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            answer = answer => answer,
            never = driven => match never {},
        }
    }

    fn unreachable(&self, source: io::Error) -> CallError {
        CallError::Unreachable {
            endpoint: self.endpoint.clone(),
            source,
        }
    }

    fn hyper(&self, error: &hyper::Error) -> CallError {
        if error.is_parse() {
            return CallError::Broken(format!("{} does not speak HTTP", self.endpoint));
        }
        let source = std::error::Error::source(error)
            .and_then(|source| source.downcast_ref::<io::Error>())
            .map_or(io::ErrorKind::UnexpectedEof, io::Error::kind);
        self.unreachable(source.into())
    }
}

fn json<T: Serialize + ?Sized>(body: &T) -> Result<Bytes, CallError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| CallError::Broken(format!("this can't be said in JSON: {error}")))
}

/// A refusal as the daemon said it, or made from the bare status if something else answered.
fn problem(status: hyper::StatusCode, body: &[u8]) -> Problem {
    serde_json::from_slice(body).unwrap_or_else(|_| Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        code: String::new(),
        detail: String::new(),
    })
}

fn said(problem: &Problem) -> String {
    let words = if problem.detail.is_empty() {
        format!("the daemon answered {} {}", problem.status, problem.title)
    } else {
        problem.detail.clone()
    };
    text::clean_within(&words, 500).into_owned()
}

/// `/api/jobs/ID/VERB`, whatever somebody typed as the id.
fn job_path(id: &str, verb: &str) -> String {
    let mut path = format!("/api/jobs/{}", escaped(id));
    if !verb.is_empty() {
        path.push('/');
        path.push_str(verb);
    }
    path
}

/// The members of `wanted` as a query, with its `?`; empty for none.
fn query(wanted: &impl Serialize) -> Result<String, CallError> {
    let members = serde_json::to_value(wanted)
        .map_err(|error| CallError::Broken(format!("this can't be asked: {error}")))?;
    let mut query = String::new();
    for (name, value) in members.as_object().into_iter().flatten() {
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        match value.as_str() {
            Some(text) => query.push_str(&escaped(text)),
            None => query.push_str(&escaped(&value.to_string())),
        }
    }
    Ok(query)
}

/// Percent-encoded, so that it is one segment of a path or one value of a query.
fn escaped(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, soon};

    const EMPTY: &str =
        r#"{"jobs":[],"removed":[],"nextCursor":null,"revision":3,"epoch":18446744073709551615}"#;

    fn http(status: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Runs the call against a daemon that answers so; gives back the result and the request's first line.
    async fn call<T>(
        answer: &str,
        call: impl AsyncFnOnce(Rest) -> Result<T, CallError>,
    ) -> (Result<T, CallError>, String) {
        let fake = Fake::new();
        let rest = Rest::new(fake.endpoint());
        let (result, head) = tokio::join!(call(rest), fake.answer(answer));
        (result, head.lines().next().unwrap_or_default().to_owned())
    }

    #[tokio::test]
    async fn a_listing_asks_for_what_was_wanted() {
        let wanted = ListJobs {
            q: Some("name:\"a b\"&x=ä".to_owned()),
            job_type: Some("csv_processing,x".to_owned()),
            limit: Some(5),
            ..ListJobs::default()
        };
        let (listed, line) = call(&http("200 OK", EMPTY), async |rest| {
            rest.list(&wanted).await
        })
        .await;
        assert_eq!(listed.unwrap().epoch, u64::MAX);
        let (path, query) = line.split_once('?').unwrap();
        assert_eq!(path, "GET /api/jobs");
        for part in [
            "limit=5",
            "type=csv_processing%2Cx",
            "q=name%3A%22a%20b%22%26x%3D%C3%A4",
        ] {
            assert!(query.contains(part), "{query} lacks {part}");
        }
        let (_, line) = call(&http("200 OK", EMPTY), async |rest| {
            rest.list(&ListJobs::default()).await
        })
        .await;
        assert_eq!(line, "GET /api/jobs HTTP/1.1");
    }

    #[tokio::test]
    async fn whatever_is_typed_as_an_id_stays_one_segment() {
        let (_, line) = call(&http("404 Not Found", ""), async |rest| {
            rest.act("../x?a b", "pause", &serde_json::Map::new()).await
        })
        .await;
        assert_eq!(line, "POST /api/jobs/..%2Fx%3Fa%20b/pause HTTP/1.1");
    }

    #[tokio::test]
    async fn every_failure_is_a_sentence() {
        let problem = r#"{"type":"about:blank","title":"Conflict","status":409,"code":"invalid_state","detail":"Job cannot be paused in current state\u001b"}"#;
        for (answer, says) in [
            (
                http("409 Conflict", problem),
                "Job cannot be paused in current state",
            ),
            (
                http("502 Bad Gateway", "<html>"),
                "the daemon answered 502 Bad Gateway",
            ),
            (http("200 OK", "[1]"), "can't be understood"),
            ("220 smtp ready\r\n".to_owned(), "does not speak HTTP"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx".to_owned(),
                "broke off",
            ),
            (String::new(), "broke off"),
        ] {
            let (result, _) = call(&answer, async |rest| rest.get("job_1").await).await;
            let said = result.expect_err(&answer).to_string();
            assert!(said.contains(says), "{answer:?}: {said}");
            assert!(!said.contains('\u{1b}'), "{said:?}");
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_it_says_so() {
        let fake = Fake::new();
        let rest = Rest::new(fake.endpoint());
        let at = fake.endpoint();
        drop(fake);
        let error = soon(rest.ready()).await.expect_err("nobody is there");
        assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("no daemon listens at {at}: no such socket")
        );
    }

    #[tokio::test]
    async fn any_call_gives_its_answer_as_it_is() {
        for (body, value) in [
            ("", serde_json::Value::Null),
            ("{\"a\":1}", serde_json::json!({"a": 1})),
            ("plain", serde_json::json!("plain")),
        ] {
            let (result, line) = call(&http("200 OK", body), async |rest| {
                rest.call(Method::GET, "/x?y=1", None).await
            })
            .await;
            assert_eq!(result.unwrap(), value);
            assert_eq!(line, "GET /x?y=1 HTTP/1.1");
        }
    }
}
