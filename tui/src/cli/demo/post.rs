//! Sending a batch over HTTP: one connection that is kept, and made anew when it broke.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use super::desk::Stop;
use super::sink::Receipt;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the service says to a batch.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It took it.
    Taken(Receipt),
    /// Too many requests: again after that time.
    Later(Duration),
    /// It can't just now.
    NotNow,
}

/// A connection to the service.
#[derive(Debug)]
pub(crate) struct Poster {
    service: SocketAddr,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Poster {
    /// Nothing is sent yet.
    pub(crate) const fn new(service: SocketAddr) -> Self {
        Self {
            service,
            connection: None,
        }
    }

    /// Sends a batch and hears what became of it.
    pub(crate) async fn post(&mut self, upload: &str, body: &str) -> Result<Answer, Stop> {
        let request = self.request("POST", upload, body.to_owned())?;
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::OK => self.read(response).await.map(Answer::Taken),
            StatusCode::TOO_MANY_REQUESTS => {
                let told = response.headers().get(header::RETRY_AFTER);
                let seconds = told.and_then(|value| value.to_str().ok()?.parse().ok());
                let wait = Duration::from_secs(seconds.unwrap_or(1).min(60));
                drain(response).await;
                Ok(Answer::Later(wait))
            }
            status if status.is_server_error() => {
                drain(response).await;
                Ok(Answer::NotNow)
            }
            status => Err(Stop::failed(
                "service",
                format!(
                    "The service at {} refuses the upload: {status}",
                    self.service
                ),
                "Look at what it expects, and correct the mapping",
            )),
        }
    }

    /// The rows that the service says it took.
    pub(crate) async fn taken(&mut self, upload: &str) -> Result<u64, Stop> {
        #[derive(Deserialize)]
        struct Taken {
            accepted: u64,
        }
        let request = self.request("GET", upload, String::new())?;
        let response = self.send(request).await?;
        Ok(self.read::<Taken>(response).await?.accepted)
    }

    fn request(
        &self,
        method: &str,
        upload: &str,
        body: String,
    ) -> Result<Request<Full<Bytes>>, Stop> {
        Request::builder()
            .method(method)
            .uri(format!("/uploads/{upload}"))
            .header(header::HOST, self.service.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|error| self.broken(&error))
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Stop> {
        let mut sender = match self.connection.take().filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let answered = async {
            sender.ready().await?;
            sender.send_request(request).await
        };
        let response = tokio::time::timeout(PATIENCE, answered)
            .await
            .map_err(|late| self.broken(&late))?
            .map_err(|error| self.broken(&error))?;
        self.connection = Some(sender);
        Ok(response)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Stop> {
        let stream = TcpStream::connect(self.service)
            .await
            .map_err(|error| self.broken(&error))?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(&error))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        response: Response<Incoming>,
    ) -> Result<T, Stop> {
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| self.broken(&error))?
            .to_bytes();
        serde_json::from_slice(&body).map_err(|error| self.broken(&error))
    }

    fn broken(&self, error: &dyn std::fmt::Display) -> Stop {
        Stop::failed(
            "service",
            format!("The service at {} does not answer: {error}", self.service),
            "Look whether it runs, then retry the job",
        )
    }
}

/// Reads an answer that says nothing more, so that the connection can be used again.
async fn drain(response: Response<Incoming>) {
    let _ = response.into_body().collect().await;
}
