//! A refusal: why something asked for is not done. A value with a stable code, not a failure of the program.

use std::borrow::Cow;
use std::fmt;

/// Every stable code of an error answer, with its HTTP status.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// Not JSON, or not UTF-8.
    BadJson,
    /// A query parameter that can't be read.
    BadQuery,
    /// No credentials where some are needed.
    Unauthorized,
    /// Not this identity's to see or do.
    Forbidden,
    /// A `Host` that is not ours.
    BadHost,
    /// An `Origin` that is not allowed.
    BadOrigin,
    /// No such job.
    JobNotFound,
    /// The job has no log.
    NoLog,
    /// No such resource.
    NotFound,
    /// The resource is there, the method is not.
    MethodNotAllowed,
    /// Not from the present status.
    InvalidState,
    /// The job has ended; final is final.
    JobFinished,
    /// The producer can't do that.
    NotSupported,
    /// Nothing of the kind was asked of the producer.
    NoControl,
    /// The key was used with another body.
    IdempotencyConflict,
    /// Revisions of another epoch mean nothing.
    EpochChanged,
    /// The body did not come in time.
    Timeout,
    /// Over a size limit.
    TooLarge,
    /// Not `application/json`.
    UnsupportedMediaType,
    /// A field is missing or wrong.
    Invalid,
    /// No such step.
    BadStep,
    /// A form of channel that does not exist.
    UnknownChannel,
    /// A message type that does not exist.
    UnknownMessage,
    /// A frame that is not text.
    BinaryFrame,
    /// A plain request where an upgrade is needed.
    UpgradeRequired,
    /// Too many requests, or a full queue.
    RateLimited,
    /// The daemon is going down or can't serve just now.
    Unavailable,
    /// The operator has switched the feed off.
    FeedDisabled,
    /// No room on the disk.
    NoRoom,
    /// Our own mistake.
    Internal,
}

impl Code {
    /// All of them, in their order.
    pub const ALL: [Self; 30] = [
        Self::BadJson,
        Self::BadQuery,
        Self::Unauthorized,
        Self::Forbidden,
        Self::BadHost,
        Self::BadOrigin,
        Self::JobNotFound,
        Self::NoLog,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::InvalidState,
        Self::JobFinished,
        Self::NotSupported,
        Self::NoControl,
        Self::IdempotencyConflict,
        Self::EpochChanged,
        Self::Timeout,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::BadStep,
        Self::UnknownChannel,
        Self::UnknownMessage,
        Self::BinaryFrame,
        Self::UpgradeRequired,
        Self::RateLimited,
        Self::Unavailable,
        Self::FeedDisabled,
        Self::NoRoom,
        Self::Internal,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::BadQuery => "bad_query",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::BadHost => "bad_host",
            Self::BadOrigin => "bad_origin",
            Self::JobNotFound => "job_not_found",
            Self::NoLog => "no_log",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::InvalidState => "invalid_state",
            Self::JobFinished => "job_finished",
            Self::NotSupported => "not_supported",
            Self::NoControl => "no_control",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::EpochChanged => "epoch_changed",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Invalid => "invalid",
            Self::BadStep => "bad_step",
            Self::UnknownChannel => "unknown_channel",
            Self::UnknownMessage => "unknown_message",
            Self::BinaryFrame => "binary_frame",
            Self::UpgradeRequired => "upgrade_required",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::FeedDisabled => "feed_disabled",
            Self::NoRoom => "no_room",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status it is answered with.
    #[must_use]
    pub const fn http(self) -> u16 {
        match self {
            Self::BadJson
            | Self::BadQuery
            | Self::UnknownMessage
            | Self::UnknownChannel
            | Self::BinaryFrame => 400,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::BadHost | Self::BadOrigin => 403,
            Self::JobNotFound | Self::NoLog | Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::InvalidState
            | Self::JobFinished
            | Self::NotSupported
            | Self::NoControl
            | Self::IdempotencyConflict => 409,
            Self::EpochChanged => 410,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid | Self::BadStep => 422,
            Self::UpgradeRequired => 426,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Unavailable | Self::FeedDisabled => 503,
            Self::NoRoom => 507,
        }
    }
}

/// Why something is not done: a stable code and a sentence for a person.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people.
    pub detail: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with that code and sentence.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// The story's sentence for a job that does not exist; `id` as it was given.
    #[must_use]
    pub fn job_not_found(id: &str) -> Self {
        let id = crate::text::clean_within(id, 80);
        Self::new(Code::JobNotFound, format!("Job not found: {id}"))
    }

    /// The story's sentence for somebody else's job; `verb` as in "to pause this job".
    #[must_use]
    pub fn forbidden(verb: &str) -> Self {
        Self::new(
            Code::Forbidden,
            format!("Insufficient permissions to {verb} this job"),
        )
    }

    /// The story's sentence for the wrong moment; `done` as in "Job cannot be paused in current state".
    #[must_use]
    pub fn wrong_state(finished: bool, done: &str) -> Self {
        let code = if finished {
            Code::JobFinished
        } else {
            Code::InvalidState
        };
        Self::new(code, format!("Job cannot be {done} in current state"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}
