//! Who is at the other end: which process, as the kernel says, and which program, as it says itself.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use jobtop_client::Endpoint;
use jobtop_client::link::{self, Event, LinkState};
use jobtop_core::proto::message::Welcome;
use rustix::process::Pid;

use crate::exit::{Failure, Said};

/// How long it may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// The process that listens on a Unix socket; `None` for other endpoints.
pub(crate) fn pid(endpoint: &Endpoint) -> Result<Option<Pid>, Failure> {
    let Endpoint::Unix(path) = endpoint else {
        return Ok(None);
    };
    let stream = UnixStream::connect(path).map_err(|error| {
        Failure::Unreachable(
            Said::new(format!("No daemon answers at {endpoint}: {error}"))
                .hint("Nothing runs there, or it is somebody else's"),
        )
    })?;
    let peer = rustix::net::sockopt::socket_peercred(&stream).map_err(|error| {
        Failure::failed(format!("{endpoint} does not say who serves it: {error}"))
    })?;
    Ok(Some(peer.pid))
}

/// What a daemon says of itself; whatever else answers there does not say it.
pub(crate) async fn welcome(endpoint: &Endpoint) -> Result<Welcome, Failure> {
    let (_link, mut events) = link::connect(endpoint.clone(), Vec::new());
    let said = async {
        while let Some(event) = events.recv().await {
            match event {
                Event::State(LinkState::Connected { welcome, .. }) => return Ok(welcome),
                Event::State(LinkState::Waiting { reason, .. }) => {
                    return Err(Failure::Unreachable(Said::new(reason)));
                }
                Event::State(_) | Event::Message(_) => {}
            }
        }
        Err(Failure::Unreachable(Said::new("The daemon says nothing")))
    };
    tokio::time::timeout(PATIENCE, said)
        .await
        .unwrap_or_else(|_| {
            Err(Failure::Unreachable(Said::new(format!(
                "{endpoint} does not say who it is"
            ))))
        })
}
