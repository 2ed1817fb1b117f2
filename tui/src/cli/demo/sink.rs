//! The demo's other side: a small HTTP service on a loopback port that takes batches of rows, slowly, and is not always
//! well. It answers 429 with Retry-After and 503 at times, once in a while even after it took the batch; a batch that
//! comes again under the same number is taken once. It keeps count of the rows that it took.
//!
//! When it misbehaves follows from counting, so that two runs are alike.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// Largest body that is taken.
const BODY_BYTES: usize = 64 << 20;

/// A batch as it is sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Batch<'a> {
    /// Which upload it belongs to.
    pub(crate) upload: &'a str,
    /// Its number: the same batch sent again has the same.
    pub(crate) number: u64,
    /// Its rows.
    pub(crate) rows: Vec<Row>,
}

/// A row of a batch.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Its number in the file.
    pub(crate) row: u64,
    /// Its columns.
    #[serde(flatten)]
    pub(crate) fields: serde_json::Map<String, serde_json::Value>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// Rows that were taken.
    pub(crate) accepted: u64,
    /// Those that were not.
    pub(crate) refused: Vec<Refused>,
}

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// Its number in the file.
    pub(crate) row: u64,
    /// Why.
    pub(crate) reason: String,
}

/// The running service; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Sink {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    books: Books,
    serving: tokio::task::JoinHandle<()>,
}

type Books = Arc<Mutex<HashMap<String, Book>>>;

/// What is known of an upload.
#[derive(Debug, Default)]
struct Book {
    requests: u64,
    tries: HashMap<u64, u32>,
    receipts: HashMap<u64, Receipt>,
}

impl Book {
    fn accepted(&self) -> u64 {
        self.receipts.values().map(|receipt| receipt.accepted).sum()
    }
}

/// How the service treats a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    TooMany,
    Away,
    /// Takes the batch, and the answer is lost.
    AnswerLost,
}

/// The mood for the `request`th request of an upload, which brings `batch` for the `attempt`th time.
const fn mood(request: u64, batch: u64, attempt: u32) -> Mood {
    if request % 37 == 36 {
        Mood::TooMany
    } else if attempt <= 4 && batch % 29 == 13 || request % 17 == 9 {
        Mood::Away
    } else if attempt == 1 && batch % 23 == 19 {
        Mood::AnswerLost
    } else {
        Mood::Well
    }
}

impl Sink {
    /// Starts the service; every answer takes `latency`, and up to half as long again.
    pub(crate) async fn start(latency: Duration) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let books = Books::default();
        let serving = tokio::spawn(serve(listener, books.clone(), latency));
        Ok(Self {
            address,
            books,
            serving,
        })
    }

    /// Rows that were taken of an upload.
    pub(crate) fn accepted(&self, upload: &str) -> u64 {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.get(upload).map_or(0, Book::accepted)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, books: Books, latency: Duration) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: others must end first.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let books = books.clone();
        let service = service_fn(move |request| answer(request, books.clone(), latency));
        connections.spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service),
        );
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    request: Request<Incoming>,
    books: Books,
    latency: Duration,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let response = match (&head.method, head.uri.path().strip_prefix("/uploads/")) {
        (&Method::POST, Some(_)) => match Limited::new(body, BODY_BYTES).collect().await {
            Ok(body) => take(&body.to_bytes(), &books, latency).await,
            Err(_) => plain(StatusCode::BAD_REQUEST, "the body did not arrive whole"),
        },
        (&Method::GET, Some(upload)) => {
            let books = books.lock().unwrap_or_else(PoisonError::into_inner);
            let accepted = books.get(upload).map_or(0, Book::accepted);
            plain(StatusCode::OK, &format!("{{\"accepted\":{accepted}}}"))
        }
        _ => plain(StatusCode::NOT_FOUND, "POST or GET /uploads/NAME"),
    };
    Ok(response)
}

async fn take(body: &[u8], books: &Books, latency: Duration) -> Response<Full<Bytes>> {
    let Ok(batch) = serde_json::from_slice::<Batch<'_>>(body) else {
        return plain(StatusCode::BAD_REQUEST, "not a batch of rows");
    };
    let (mood, request) = {
        let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
        let book = books.entry(batch.upload.to_owned()).or_default();
        book.requests += 1;
        let attempt = book.tries.entry(batch.number).or_default();
        *attempt += 1;
        (mood(book.requests, batch.number, *attempt), book.requests)
    };
    tokio::time::sleep(latency + latency * (request % 6) as u32 / 10).await;
    match mood {
        Mood::TooMany => {
            let mut response = plain(StatusCode::TOO_MANY_REQUESTS, "slow down");
            response
                .headers_mut()
                .insert(hyper::header::RETRY_AFTER, 1.into());
            response
        }
        Mood::Away => plain(StatusCode::SERVICE_UNAVAILABLE, "come again"),
        Mood::AnswerLost => {
            keep(&batch, books);
            plain(StatusCode::SERVICE_UNAVAILABLE, "the answer was lost")
        }
        Mood::Well => {
            let receipt = keep(&batch, books);
            plain(
                StatusCode::OK,
                &serde_json::to_string(&receipt).unwrap_or_default(),
            )
        }
    }
}

/// Takes the rows of a batch, once.
fn keep(batch: &Batch<'_>, books: &Books) -> Receipt {
    let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
    let book = books.entry(batch.upload.to_owned()).or_default();
    book.receipts
        .entry(batch.number)
        .or_insert_with(|| judge(&batch.rows))
        .clone()
}

fn judge(rows: &[Row]) -> Receipt {
    let refused: Vec<_> = rows
        .iter()
        .filter(|row| {
            let email = row.fields.get("email").and_then(|value| value.as_str());
            email.is_some_and(|email| !email.is_empty() && !email.contains('@'))
        })
        .map(|row| Refused {
            row: row.row,
            reason: "email has no @".to_owned(),
        })
        .collect();
    Receipt {
        accepted: (rows.len() - refused.len()) as u64,
        refused,
    }
}

fn plain(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_owned()));
    *response.status_mut() = status;
    response
}
