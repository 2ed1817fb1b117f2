//! `GET /api/status`: how the daemon is reached, what it allows, and what it has refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What a daemon tells of itself, to whoever may see all jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusAnswer {
    /// The program and its version, as in `welcome`.
    pub server: String,
    /// The version of the protocol.
    pub protocol: u32,
    /// As in `welcome`.
    pub epoch: u64,
    /// Since when it serves.
    pub started_at: Timestamp,
    /// Who is let in over TCP: `token` or `none`, which is everybody.
    pub auth: String,
    /// Where it listens on TCP, as URLs.
    pub listening: Vec<String>,
    /// The fingerprint of its certificate, where it shows one.
    pub fingerprint: Option<String>,
    /// Whether it serves the feed; without it clients ask again and again.
    pub feed: bool,
    /// How many alerts are active that nobody knows of.
    #[serde(default)]
    pub alerts: u64,
    /// Who is connected now.
    pub connections: Connections,
    /// What is too much, by the names of the configuration; times in milliseconds.
    pub limits: BTreeMap<String, u64>,
    /// What was refused since the start, by the code it was answered with.
    pub refused: BTreeMap<String, u64>,
    /// How many connections were cut since the start, by the reason.
    pub cut: BTreeMap<String, u64>,
}

/// How many are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Over the Unix socket.
    pub unix: u64,
    /// Over TCP.
    pub tcp: u64,
    /// As a feed, of either kind.
    pub feeds: u64,
}
