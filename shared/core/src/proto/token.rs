//! The bodies about tokens: what is asked for, what is told of one, and the one time that its secret is said.

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::job::progress::count;
use crate::role::Role;
use crate::time::Timestamp;

/// What every token begins with, so that scanners for leaked secrets know one when they see it.
pub const PREFIX: &str = "jt_";

/// `POST /api/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewToken {
    /// Whom it speaks for.
    pub user_id: UserId,
    /// What that user may.
    pub role: Role,
    /// For how long it holds, in seconds; without it until it is revoked.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_seconds: Option<u64>,
}

/// A token, as it is told to whoever manages them: everything but the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// What it is called: the part of it that is no secret.
    pub id: String,
    /// Whom it speaks for.
    pub user_id: UserId,
    /// What that user may.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used since the daemon started.
    pub last_used_at: Option<Timestamp>,
}

/// `GET /api/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensAnswer {
    /// All of them, the oldest first, those that have expired too.
    pub tokens: Vec<TokenView>,
}

/// `POST /api/tokens` and `POST /api/tokens/ID/revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAnswer {
    /// What is told of it.
    pub token: TokenView,
    /// The token itself: said once, when it is made, and kept nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}
