//! The bare programs: tokio-tungstenite and nothing else, on one thread, as cheap as the task allows.

use std::collections::HashMap;

use clap::Subcommand;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use crate::print;

/// Where the one producer of a limit connects.
pub(crate) const PRODUCER: &str = "/producer";
/// Where viewers connect.
pub(crate) const VIEWER: &str = "/viewer";

/// Which bare program.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Limit {
    /// Sends what the producer sends to every viewer: `batch` messages, then one flush for each viewer.
    Relay {
        /// Messages a flush.
        #[arg(long, default_value_t = 1)]
        batch: usize,
    },
    /// Parses progress reports and marks the newest of each job.
    Ingest,
}

type Socket = WebSocketStream<TcpStream>;

/// Serves until it is killed.
pub(crate) fn run(limit: Limit) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime");
    runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("its address");
        print::line(&format!("ready {addr}"));
        match limit {
            Limit::Relay { batch } => relay(listener, batch).await,
            Limit::Ingest => {
                while let Some((socket, _)) = accept(&listener).await {
                    tokio::spawn(ingest(socket));
                }
            }
        }
    });
}

async fn accept(listener: &TcpListener) -> Option<(Socket, String)> {
    let (stream, _) = listener.accept().await.ok()?;
    stream.set_nodelay(true).ok()?;
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
    let note = |request: &Request, response: Response| {
        request.uri().path().clone_into(&mut path);
        Ok(response)
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .write_buffer_size(16 * 1024);
    let socket = accept_hdr_async_with_config(stream, note, Some(config))
        .await
        .ok()?;
    Some((socket, path))
}

async fn relay(listener: TcpListener, batch: usize) {
    let (sender, mut arrivals) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Some(arrived) = accept(&listener).await {
            let _ = sender.send(arrived).await;
        }
    });
    let mut viewers: Vec<Socket> = Vec::new();
    let mut producer: Option<Socket> = None;
    let mut texts: Vec<Utf8Bytes> = Vec::with_capacity(batch);
    loop {
        tokio::select! {
            biased;
            Some(Ok(Message::Text(text))) = next(&mut producer), if producer.is_some() => {
                texts.push(text);
                if texts.len() == batch {
                    spread(&mut texts, &mut viewers).await;
                }
            }
            Some((mut socket, path)) = arrivals.recv() => {
                if path == PRODUCER {
                    producer = Some(socket);
                } else {
                    let _ = socket.send(Message::text("{\"type\":\"subscribed\"}")).await;
                    viewers.push(socket);
                }
            }
            else => return,
        }
    }
}

async fn next(producer: &mut Option<Socket>) -> Option<Result<Message, Error>> {
    match producer {
        Some(socket) => socket.next().await,
        None => None,
    }
}

/// To all viewers, with one flush each.
async fn spread(texts: &mut Vec<Utf8Bytes>, viewers: &mut [Socket]) {
    for viewer in viewers {
        for text in texts.iter() {
            let _ = viewer.feed(Message::Text(text.clone())).await;
        }
        let _ = viewer.flush().await;
    }
    texts.clear();
}

/// All that a report may say, so that both sides read the same messages; only some of it is kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "read because the message has it, as the daemon must"
)]
struct Report<'a> {
    job_id: &'a str,
    progress: Option<f64>,
    step: Option<&'a RawValue>,
    steps: Option<Vec<&'a str>>,
    metrics: Option<Metrics>,
    message: Option<&'a str>,
    progress_source: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "read because the message has it, as the daemon must"
)]
struct Metrics {
    total_items: Option<u64>,
    processed_items: Option<u64>,
    error_count: Option<u64>,
    total_bytes: Option<u64>,
    processed_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Incoming<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    updates: Option<Vec<Report<'a>>>,
    #[serde(rename = "jobId")]
    job_id: Option<&'a str>,
    progress: Option<f64>,
    step: Option<&'a RawValue>,
    steps: Option<Vec<&'a str>>,
    metrics: Option<Metrics>,
    message: Option<&'a str>,
    #[serde(rename = "progressSource")]
    progress_source: Option<&'a str>,
}

/// The newest state of each job, as the reports say it.
type Newest = HashMap<String, (f64, u64)>;

async fn ingest(mut socket: Socket) {
    let mut newest = Newest::new();
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        let Ok(incoming) = serde_json::from_str::<Incoming<'_>>(&text) else {
            continue;
        };
        if incoming.r#type == "ping" {
            let _ = socket.send(Message::text("{\"type\":\"pong\"}")).await;
        } else if let Some(updates) = incoming.updates {
            for report in updates {
                mark(&mut newest, &report);
            }
        } else if let Some(job_id) = incoming.job_id {
            let report = Report {
                job_id,
                progress: incoming.progress,
                step: incoming.step,
                steps: incoming.steps,
                metrics: incoming.metrics,
                message: incoming.message,
                progress_source: incoming.progress_source,
            };
            mark(&mut newest, &report);
        }
    }
}

fn mark(newest: &mut Newest, report: &Report<'_>) {
    let progress = report.progress.unwrap_or(0.0).clamp(0.0, 100.0);
    let processed = report
        .metrics
        .as_ref()
        .and_then(|metrics| metrics.processed_items)
        .unwrap_or(0);
    match newest.get_mut(report.job_id) {
        Some(state) => *state = (progress, processed),
        None => {
            newest.insert(report.job_id.to_owned(), (progress, processed));
        }
    }
}
