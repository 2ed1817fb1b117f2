//! WebSocket framing with next to no cost of its own, so that a measurement's client leaves the processor to the server.
//!
//! Client frames are masked with zeros, which the protocol allows: a frame can be made once and sent many times.

use std::io::{self, Read, Write};

use jobtop_e2e::wire::{Endpoint, Wire};

/// Connects and upgrades; gives back the stream and what came after the answer's head.
pub(crate) fn upgrade(to: &Endpoint, path: &str) -> io::Result<(Wire, Vec<u8>)> {
    let mut wire = to.connect()?;
    write!(
        wire,
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        to.host()
    )?;
    let mut got = Vec::new();
    let mut buf = [0_u8; 4096];
    loop {
        let n = wire.read(&mut buf)?;
        got.extend_from_slice(&buf[..n]);
        if let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") {
            if !got.starts_with(b"HTTP/1.1 101") {
                let head = String::from_utf8_lossy(&got).into_owned();
                return Err(io::Error::other(format!("refused an upgrade: {head}")));
            }
            return Ok((wire, got.split_off(end + 4)));
        }
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Appends a text frame.
pub(crate) fn frame(text: &str, to: &mut Vec<u8>) {
    to.push(0x81);
    match text.len() {
        n @ ..126 => to.push(0x80 | n as u8),
        n @ ..65_536 => {
            to.push(0xfe);
            to.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            to.push(0xff);
            to.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    to.extend_from_slice(&[0; 4]);
    to.extend_from_slice(text.as_bytes());
}

/// Frames out of a stream of bytes from a server.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    at: usize,
}

impl Frames {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    /// Takes more bytes.
    pub(crate) fn push(&mut self, more: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(more);
    }

    /// The payload of the next whole frame.
    pub(crate) fn next(&mut self) -> Option<&[u8]> {
        let rest = &self.bytes[self.at..];
        let (head, length) = match rest.get(1)? & 0x7f {
            126 => (
                4,
                usize::from(u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?)),
            ),
            127 => (
                10,
                u64::from_be_bytes(rest.get(2..10)?.try_into().ok()?) as usize,
            ),
            short => (2, usize::from(short)),
        };
        let end = head + length;
        if rest.len() < end {
            return None;
        }
        self.at += end;
        Some(&rest[head..end])
    }
}

/// The text between `before` and the next of `after` in a payload.
pub(crate) fn between<'a>(payload: &'a [u8], before: &str, after: &[u8]) -> Option<&'a [u8]> {
    let at = payload
        .windows(before.len())
        .position(|part| part == before.as_bytes())?
        + before.len();
    let rest = &payload[at..];
    let end = rest.iter().position(|byte| after.contains(byte))?;
    Some(&rest[..end])
}

/// The job and the number that a `job_update` of ours carries.
pub(crate) fn update(payload: &[u8]) -> Option<(&[u8], u64)> {
    let rest = payload.strip_prefix(b"{\"type\":\"job_update\",\"jobId\":\"")?;
    let id = &rest[..rest.iter().position(|byte| *byte == b'"')?];
    let number = between(rest, "\"processedItems\":", b",}")?;
    Some((id, std::str::from_utf8(number).ok()?.parse().ok()?))
}
