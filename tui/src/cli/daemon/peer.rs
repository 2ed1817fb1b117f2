//! Which process serves a Unix socket, as the kernel says.

use std::os::unix::net::UnixStream;

use jobtop_client::Endpoint;
use rustix::process::Pid;

use crate::exit::{Failure, Said};

/// The process that listens on a Unix socket; `None` for other endpoints.
pub(super) fn pid(endpoint: &Endpoint) -> Result<Option<Pid>, Failure> {
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
