//! Opens a byte stream to a daemon and says in words why that failed.

use std::io;
use std::time::Duration;

use jobtop_core::text;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::endpoint::Endpoint;
use crate::ssh;
use crate::tls::{self, Doubt};

/// A connection, whichever kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// When it is dropped, what has not reached the other end is not sent any more, where that can be had.
    fn give_up(&self) {}
}

impl Stream for TcpStream {
    fn give_up(&self) {
        // One that is ended already has nothing to send.
        let _ = self.set_zero_linger();
    }
}

impl Stream for TlsStream<TcpStream> {
    fn give_up(&self) {
        self.get_ref().0.give_up();
    }
}

impl Stream for UnixStream {}
impl Stream for ssh::Joined {}

/// Over ssh connecting takes a login, for which a person may have to type something.
const LOGIN: Duration = Duration::from_secs(60);

/// Connects, or gives up after `deadline`.
pub(crate) async fn dial(endpoint: &Endpoint, deadline: Duration) -> io::Result<Box<dyn Stream>> {
    let open = async {
        Ok(match endpoint {
            Endpoint::Unix(path) => Box::new(UnixStream::connect(path).await?) as Box<dyn Stream>,
            Endpoint::Tcp(port) => {
                let stream = TcpStream::connect((port.host.as_str(), port.port)).await?;
                // Small frames, each of which somebody waits for.
                stream.set_nodelay(true)?;
                match port.tls {
                    None => Box::new(stream) as Box<dyn Stream>,
                    Some(trust) => {
                        let connector = tls::connector(trust)?;
                        Box::new(tls::over(&connector, stream, &port.host).await?)
                    }
                }
            }
            Endpoint::Ssh(login) => Box::new(ssh::dial(login).await?),
        })
    };
    let deadline = match endpoint {
        Endpoint::Ssh(_) => deadline.max(LOGIN),
        _ => deadline,
    };
    timeout(deadline, open)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Why a daemon can't be reached, for a person.
pub(crate) fn reason(endpoint: &Endpoint, error: &io::Error) -> String {
    if let Some(unreached) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<ssh::Unreached>())
    {
        return unreached.to_string();
    }
    match Doubt::of(error) {
        Some(Doubt::Unknown { shown }) => {
            return format!(
                "the certificate of {endpoint} is not known here, and no authority vouches for it; its fingerprint is {shown}"
            );
        }
        Some(Doubt::Changed { shown, known }) => {
            return format!(
                "THE CERTIFICATE OF {endpoint} IS NOT THE ONE THAT IS KNOWN: it shows {shown}, known is {known}. Somebody may be listening in; nothing was sent"
            );
        }
        None => {}
    }
    match error.kind() {
        io::ErrorKind::InvalidData => {
            let said = error.to_string();
            format!(
                "{endpoint} does not speak TLS as we do: {}",
                text::clean_within(&said, 200)
            )
        }
        io::ErrorKind::ConnectionRefused => {
            format!("connection refused: no daemon listens at {endpoint}")
        }
        io::ErrorKind::NotFound => format!("no daemon listens at {endpoint}: no such socket"),
        io::ErrorKind::PermissionDenied => {
            format!("not allowed to open {endpoint}: it belongs to somebody else")
        }
        io::ErrorKind::TimedOut => format!("no answer from {endpoint}"),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => {
            format!("the connection to {endpoint} broke off")
        }
        _ => {
            let said = error.to_string();
            format!("can't reach {endpoint}: {}", text::clean_within(&said, 200))
        }
    }
}
