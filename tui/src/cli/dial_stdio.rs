//! `jobtop dial-stdio`: joins stdin and stdout to the local daemon's socket. `jobtop attach ssh://HOST` runs it on that host; a
//! person has no use for it.

use std::io::{Read, copy, stdin};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use jobtop_client::Endpoint;
use jobtop_client::ssh::PREAMBLE;

use crate::cli::{Global, print, target};
use crate::exit::{Failure, Said};

/// Joins them until the daemon's end is gone.
pub(crate) fn main(global: &Global) -> Result<ExitCode, Failure> {
    let endpoint = target::endpoint(global)?;
    let Endpoint::Unix(path) = &endpoint else {
        return Err(Failure::usage(format!(
            "dial-stdio joins the socket of a local daemon, and {endpoint} is none"
        )));
    };
    let away = |error| {
        Failure::Unreachable(
            Said::new(format!("No daemon answers at {endpoint}: {error}"))
                .hint("Start it with `jobtop daemon start`"),
        )
    };
    let mut stream = UnixStream::connect(path).map_err(away)?;
    let mut to = stream.try_clone().map_err(away)?;
    print::raw(format!("{PREAMBLE}\n").as_bytes())?;
    // It ends with the process, also while it waits for more.
    std::thread::spawn(move || {
        let _ = copy(&mut stdin().lock(), &mut to);
        // What is still answered is passed on.
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut bytes = vec![0; 64 << 10];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => return Ok(ExitCode::SUCCESS),
            Ok(read) => print::raw(&bytes[..read])?,
        }
    }
}
