//! One HTTP request over a connection of its own, byte for byte as a test wants it.
//!
//! Not a client library, because tests need to send what a library would refuse to.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Shutdown;

use serde_json::Value;

use crate::wait::DEADLINE;
use crate::wire::Endpoint;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status, 0 if the connection ended without one.
    pub status: u16,
    /// Its header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {:?}", self.status, self.text()))
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The code of a problem answer; checks that it is one.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty()),
            "{problem}"
        );
        (
            self.status,
            problem["code"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

/// Sends a request with the `Host` of a well-behaved client.
pub fn request(
    to: &Endpoint,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let host = to.host();
    let mut all = vec![("Host", host.as_str())];
    all.extend_from_slice(headers);
    bare_request(to, method, path, &all, body)
}

/// `POST` of a JSON body.
pub fn post(to: &Endpoint, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    request(
        to,
        "POST",
        path,
        &[("Content-Type", "application/json")],
        body.as_bytes(),
    )
}

/// Sends a request with exactly these headers, and those that frame it.
pub fn bare_request(
    to: &Endpoint,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if !body.is_empty() || method == "POST" {
        let _ = write!(head, "Content-Length: {}\r\n", body.len());
    }
    head.push_str("Connection: close\r\n\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    raw(to, &bytes)
}

/// Sends any bytes and reads what comes until the other end closes.
pub fn raw(to: &Endpoint, bytes: &[u8]) -> Answer {
    let mut wire = to.connect().unwrap_or_else(|error| panic!("{to}: {error}"));
    wire.set_read_timeout(Some(DEADLINE))
        .expect("a timeout can be set");
    wire.set_write_timeout(Some(DEADLINE))
        .expect("a timeout can be set");
    // A refusal may come, and the connection end, before all of it is sent.
    let _ = wire.write_all(bytes);
    let mut got = Vec::new();
    let mut buf = [0_u8; 16 * 1024];
    loop {
        match wire.read(&mut buf) {
            Ok(0) => break,
            Ok(n) => got.extend_from_slice(&buf[..n]),
            // A signal to the tests' own process: a read with a deadline is not begun again by the system.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            // Reset after an early refusal: what was read before it counts.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!(
                "reading an answer from {to}: {error}; so far {:?}",
                String::from_utf8_lossy(&got)
            ),
        }
        if complete(&got) {
            break;
        }
    }
    wire.shutdown(Shutdown::Both);
    parse(&got)
}

/// Whether the head and the announced length of the body are there.
fn complete(got: &[u8]) -> bool {
    let Some(end) = head_end(got) else {
        return false;
    };
    let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
    head.lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse::<usize>().ok())
        .is_some_and(|length| got.len() >= end + length)
}

fn head_end(got: &[u8]) -> Option<usize> {
    got.windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

fn parse(got: &[u8]) -> Answer {
    let end = head_end(got).unwrap_or(got.len());
    let head = String::from_utf8_lossy(&got[..end]);
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = got[end..].to_vec();
    if headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked")
    {
        body = unchunk(&body);
    }
    Answer {
        status,
        headers,
        body,
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..at]);
        let Ok(size @ 1..) = usize::from_str_radix(size.trim(), 16) else {
            break;
        };
        let Some(chunk) = rest.get(at + 2..at + 2 + size) else {
            break;
        };
        body.extend_from_slice(chunk);
        rest = rest.get(at + 2 + size + 2..).unwrap_or_default();
    }
    body
}
