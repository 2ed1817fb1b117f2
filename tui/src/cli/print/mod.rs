//! The only place that writes to stdout and stderr. What comes from strangers is cleaned before it gets here.

use std::io::{self, Write};

use crate::exit::Failure;

/// The answer of a command, to stdout.
pub(crate) fn answer(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| unwritten(&error))
}

/// A line of talk, to stderr. A terminal that has gone is no reason to stop.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn unwritten(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::ReaderGone
    } else {
        Failure::failed(format!("The answer could not be written: {error}"))
            .hint("See whether the disk is full, or write it elsewhere")
    }
}
