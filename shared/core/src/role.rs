//! What somebody is to the daemon, in one word. What follows from it is decided in [`crate::access`].

use serde::{Deserialize, Serialize};

/// How much an identity may do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees all, creates and controls nothing.
    Viewer,
    /// Sees, reports and controls its own.
    User,
    /// May all.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::User, Self::Admin];

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}
