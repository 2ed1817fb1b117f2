//! HTTP by hand: what is sent is exactly what is written here.

use std::io::{Read, Write};

use serde_json::Value;

use crate::daemon::Daemon;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The stable code of an error answer.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        assert_eq!(problem["type"], "about:blank");
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        problem["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap().to_owned()
    }

    /// The job of a good answer.
    pub(crate) fn job(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()["job"].clone()
    }
}

/// Sends those bytes and reads one answer (of a known length).
pub(crate) fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Reply {
    stream.write_all(request).unwrap();
    read_reply(&mut stream)
}

pub(crate) fn read_reply(stream: &mut impl Read) -> Reply {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            got => panic!("{got:?} after {:?}", String::from_utf8_lossy(&head)),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut reply = Reply {
        status: head[9..12].parse().unwrap(),
        head,
        body: Vec::new(),
    };
    if reply.status == 100 {
        return read_reply(stream);
    }
    let length = reply
        .header("content-length")
        .map_or(0, |n| n.parse().unwrap());
    reply.body = vec![0; length];
    stream.read_exact(&mut reply.body).unwrap();
    reply
}

/// One request as text, closing the connection behind it.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut lines = vec![format!("{method} {path} HTTP/1.1")];
    for (name, value) in [("Host", "localhost"), ("Connection", "close")] {
        if !headers.iter().any(|(given, _)| *given == name) {
            lines.push(format!("{name}: {value}"));
        }
    }
    lines.extend(
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    let chunked = headers.iter().any(|(name, _)| *name == "Transfer-Encoding");
    if !chunked && !body.is_empty() {
        lines.push(format!("Content-Length: {}", body.len()));
    }
    let text = lines.join("\r\n") + "\r\n\r\n";
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub(crate) const JSON: (&str, &str) = ("Content-Type", "application/json");

impl Daemon {
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        exchange(self.tcp(), &request(method, path, headers, body))
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Reply {
        self.send("POST", path, &[JSON], body.as_bytes())
    }

    /// A running job of that user; its id.
    pub(crate) fn job(&self, user: &str) -> String {
        let body = format!("{{\"type\":\"csv_processing\",\"userId\":\"{user}\"}}");
        let job = self.post("/api/jobs", &body).job();
        job["id"].as_str().unwrap().to_owned()
    }
}
