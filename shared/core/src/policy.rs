//! Plain settings for pure decisions: limits and times. Where they come from is the daemon's affair.

/// Sizes, counts and times that an answer says no beyond.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of a WebSocket message.
    pub message_bytes: usize,
    /// Pieces of a WebSocket message.
    pub fragments: usize,
    /// Bytes of an HTTP body.
    pub body_bytes: usize,
    /// Levels of nesting in JSON.
    pub nesting: usize,
    /// Bytes of a job's `config`.
    pub config_bytes: usize,
    /// Bytes of the disk that a job's captured output takes.
    pub log_bytes: usize,
    /// Pending jobs in all.
    pub pending_jobs: usize,
    /// Jobs of one user that have not ended.
    pub live_jobs: usize,
    /// Subscriptions of one connection.
    pub subscriptions: usize,
    /// Requests of one identity in a second.
    pub requests_per_second: usize,
    /// Connections of one listener at a time.
    pub connections: usize,
    /// Connections from one address at a time.
    pub connections_per_address: usize,
    /// For agreeing on a key, in milliseconds.
    pub handshake_ms: u64,
    /// For the head of a request, and for silence between two, in milliseconds.
    pub head_ms: u64,
}

impl Limits {
    /// All of them, by the names that the configuration has for them.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, u64); 14] {
        [
            ("message_bytes", self.message_bytes as u64),
            ("fragments", self.fragments as u64),
            ("body_bytes", self.body_bytes as u64),
            ("nesting", self.nesting as u64),
            ("config_bytes", self.config_bytes as u64),
            ("log_bytes", self.log_bytes as u64),
            ("pending_jobs", self.pending_jobs as u64),
            ("live_jobs", self.live_jobs as u64),
            ("subscriptions", self.subscriptions as u64),
            ("requests_per_second", self.requests_per_second as u64),
            ("connections", self.connections as u64),
            (
                "connections_per_address",
                self.connections_per_address as u64,
            ),
            ("handshake_time", self.handshake_ms),
            ("head_time", self.head_ms),
        ]
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 256 * 1024,
            fragments: 1_024,
            body_bytes: 1024 * 1024,
            nesting: crate::proto::read::MAX_DEPTH,
            config_bytes: 64 * 1024,
            log_bytes: 16 * 1024 * 1024,
            pending_jobs: 10_000,
            live_jobs: 50_000,
            subscriptions: 256,
            requests_per_second: 10_000,
            connections: 4_096,
            connections_per_address: 2_048,
            handshake_ms: 5_000,
            // Not a round number: who polls every five or ten seconds should not meet the end of its connection each time.
            head_ms: 7_000,
        }
    }
}

/// How long things are kept and waited for, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// Finished jobs are kept this long.
    pub retention_ms: u64,
    /// A stalled job fails after this.
    pub lost_after_ms: u64,
    /// Ended jobs stay in the live set this long …
    pub live_ms: u64,
    /// … and at most this many of them.
    pub live_ended: usize,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            retention_ms: 30 * 86_400_000,
            lost_after_ms: 600_000,
            live_ms: 86_400_000,
            live_ended: 1_000,
        }
    }
}
