//! One-shot HTTP/1.1 calls, each on a connection of its own: for commands, not for feeds.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use jobtop_core::alert::Alert;
use jobtop_core::job::Reply;
use jobtop_core::job::progress::Report;
use jobtop_core::proto::alerts::{AlertAnswer, AlertsAnswer, MuteBody};
use jobtop_core::proto::body::{
    FailBody, JobAnswer, JobsAnswer, NewJob, Problem, QueueAnswer, QueueBody, QueueView,
    QueuesAnswer,
};
use jobtop_core::proto::history::{AnalyticsAnswer, HistoryAnswer, HistoryWanted, StoreAnswer};
use jobtop_core::proto::hook::{HookTested, HooksAnswer};
use jobtop_core::proto::request::ListJobs;
use jobtop_core::proto::status::StatusAnswer;
use jobtop_core::proto::token::{NewToken, TokenAnswer, TokenView, TokensAnswer};
use jobtop_core::proto::view::View;
use jobtop_core::proto::{LOG_END, LOG_NEXT};
use jobtop_core::text;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::dial::{dial, reason};
use crate::endpoint::Endpoint;

#[cfg(test)]
mod tests;

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

/// Where a part of a log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFrom {
    /// At that byte.
    Offset(u64),
    /// So many lines before its end.
    Tail(u64),
}

/// A part of a job's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPart {
    /// The bytes as the job wrote them; what was dropped in between is said on a line of its own.
    pub bytes: Bytes,
    /// Where the next part begins.
    pub next: u64,
    /// Whether nothing will come behind it any more.
    pub ended: bool,
}

/// What came back.
struct Answer {
    headers: HeaderMap,
    body: Bytes,
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

    /// `GET /api/history`: one page of the jobs that have ended.
    pub async fn history(&self, wanted: &HistoryWanted) -> Result<HistoryAnswer, CallError> {
        let path = format!("/api/history{}", query(wanted)?);
        self.typed(Method::GET, &path, Bytes::new()).await
    }

    /// `GET /api/analytics`: figures about the jobs that have ended.
    pub async fn analytics(&self, wanted: &HistoryWanted) -> Result<AnalyticsAnswer, CallError> {
        let path = format!("/api/analytics{}", query(wanted)?);
        self.typed(Method::GET, &path, Bytes::new()).await
    }

    /// `GET /api/store`: what the daemon's store has.
    pub async fn store(&self) -> Result<StoreAnswer, CallError> {
        self.typed(Method::GET, "/api/store", Bytes::new()).await
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

    /// `GET /api/queues`.
    pub async fn queues(&self) -> Result<QueuesAnswer, CallError> {
        self.typed(Method::GET, "/api/queues", Bytes::new()).await
    }

    /// `POST /api/queues/NAME`.
    pub async fn set_queue(&self, name: &str, body: &QueueBody) -> Result<QueueView, CallError> {
        let path = format!("/api/queues/{}", escaped(name));
        let answer: QueueAnswer = self.typed(Method::POST, &path, json(body)?).await?;
        Ok(answer.queue)
    }

    /// `GET /api/jobs/ID/log`: the next part of its log, waiting up to `wait` seconds for one.
    pub async fn log(&self, id: &str, from: LogFrom, wait: u64) -> Result<LogPart, CallError> {
        let path = job_path(id, "log");
        let path = match from {
            LogFrom::Offset(offset) => format!("{path}?wait={wait}&offset={offset}"),
            LogFrom::Tail(lines) => format!("{path}?wait={wait}&tail={lines}"),
        };
        let answer = self.answer(Method::GET, &path, Bytes::new()).await?;
        let header = |name| {
            answer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let next = header(LOG_NEXT).and_then(|next| next.parse().ok());
        let next = next.ok_or_else(|| {
            CallError::Broken(format!(
                "{} did not say where its log goes on",
                self.endpoint
            ))
        })?;
        Ok(LogPart {
            ended: header(LOG_END) == Some("true"),
            bytes: answer.body,
            next,
        })
    }

    /// `GET /api/status`: how the daemon is reached, and what it has refused.
    pub async fn status(&self) -> Result<StatusAnswer, CallError> {
        self.typed(Method::GET, "/api/status", Bytes::new()).await
    }

    /// `GET /api/alerts`: what is wrong now, and was lately.
    pub async fn alerts(&self) -> Result<AlertsAnswer, CallError> {
        self.typed(Method::GET, "/api/alerts", Bytes::new()).await
    }

    /// `POST /api/alerts/ID/ack`: somebody knows of it.
    pub async fn acknowledge_alert(&self, id: &str) -> Result<Alert, CallError> {
        let path = format!("/api/alerts/{}/ack", escaped(id));
        let answer: AlertAnswer = self.typed(Method::POST, &path, Bytes::new()).await?;
        Ok(answer.alert)
    }

    /// `POST /api/alerts/ID/mute`: its cause is not to disturb for so many seconds.
    pub async fn mute_alert(&self, id: &str, seconds: u64) -> Result<Alert, CallError> {
        let path = format!("/api/alerts/{}/mute", escaped(id));
        let seconds = Some(seconds);
        let body = json(&MuteBody { seconds })?;
        let answer: AlertAnswer = self.typed(Method::POST, &path, body).await?;
        Ok(answer.alert)
    }

    /// `GET /api/tokens`.
    pub async fn tokens(&self) -> Result<TokensAnswer, CallError> {
        self.typed(Method::GET, "/api/tokens", Bytes::new()).await
    }

    /// `POST /api/tokens`.
    pub async fn create_token(&self, new: &NewToken) -> Result<TokenAnswer, CallError> {
        self.typed(Method::POST, "/api/tokens", json(new)?).await
    }

    /// `POST /api/tokens/ID/revoke`.
    pub async fn revoke_token(&self, id: &str) -> Result<TokenView, CallError> {
        let path = format!("/api/tokens/{}/revoke", escaped(id));
        let answer: TokenAnswer = self.typed(Method::POST, &path, Bytes::new()).await?;
        Ok(answer.token)
    }

    /// `GET /api/hooks`.
    pub async fn hooks(&self) -> Result<HooksAnswer, CallError> {
        self.typed(Method::GET, "/api/hooks", Bytes::new()).await
    }

    /// `POST /api/hooks/NAME/test`: tells it a sample, and what came of that.
    pub async fn test_hook(&self, name: &str) -> Result<HookTested, CallError> {
        let path = format!("/api/hooks/{}/test", escaped(name));
        self.typed(Method::POST, &path, Bytes::new()).await
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
        self.answer(method, path, body)
            .await
            .map(|answer| answer.body)
    }

    async fn answer(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, CallError> {
        timeout(CALL, self.exchange_within(method, path, body))
            .await
            .unwrap_or_else(|_| Err(self.unreachable(io::ErrorKind::TimedOut.into())))
    }

    async fn exchange_within(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.endpoint.authority())
            .header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = self.endpoint.authorization() {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
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
            let headers = answer.headers().clone();
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
                Ok(Answer { headers, body })
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
            let in_the_clear = matches!(&self.endpoint, Endpoint::Tcp(port) if port.tls.is_none());
            let perhaps = if in_the_clear {
                "; if it speaks TLS, say wss:// instead of ws://"
            } else {
                ""
            };
            return CallError::Broken(format!("{} does not speak HTTP{perhaps}", self.endpoint));
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
