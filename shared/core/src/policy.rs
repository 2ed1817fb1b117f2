//! Plain settings for pure decisions: limits and times. Where they come from is the daemon's affair.

/// Sizes and counts that an answer says no beyond.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of a WebSocket message.
    pub message_bytes: usize,
    /// Bytes of an HTTP body.
    pub body_bytes: usize,
    /// Bytes of a job's `config`.
    pub config_bytes: usize,
    /// Pending jobs in all.
    pub pending_jobs: usize,
    /// Subscriptions of one connection.
    pub subscriptions: usize,
    /// Connections of one listener at a time.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 256 * 1024,
            body_bytes: 1024 * 1024,
            config_bytes: 64 * 1024,
            pending_jobs: 10_000,
            subscriptions: 256,
            connections: 4_096,
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
