//! The rules of permission: who may see, report and control what. Who somebody *is* is found out elsewhere.

use crate::id::UserId;
use crate::job::refusal::Refusal;
use crate::proto::channel::Topic;

/// How much an identity may do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Sees all, creates and controls nothing.
    Viewer,
    /// Sees, reports and controls its own.
    User,
    /// May all.
    Admin,
}

impl Role {
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

/// Who a connection speaks for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    /// A user's name.
    pub user: UserId,
    /// What that user may.
    pub role: Role,
    /// Whether a request may name the user it is to be held to (`--auth none`).
    pub may_assume: bool,
    /// Whether it may have commands run: the daemon's own account on its Unix socket.
    pub may_submit: bool,
}

impl Identity {
    /// This identity, held to the user that the request names where that is allowed: an ordinary user of that name.
    #[must_use]
    pub fn held_to(&self, named: Option<&UserId>) -> Self {
        match named {
            Some(user) if self.may_assume => Self {
                user: user.clone(),
                role: Role::User,
                may_assume: true,
                may_submit: self.may_submit,
            },
            _ => self.clone(),
        }
    }

    /// Whether it may see that user's jobs.
    #[must_use]
    pub fn sees(&self, owner: &UserId) -> bool {
        match self.role {
            Role::Viewer | Role::Admin => true,
            Role::User => self.user == *owner,
        }
    }

    /// Whether it may report for and control that user's jobs.
    #[must_use]
    pub fn controls(&self, owner: &UserId) -> bool {
        match self.role {
            Role::Viewer => false,
            Role::Admin => true,
            Role::User => self.user == *owner,
        }
    }

    /// [`Identity::sees`], as a refusal.
    pub fn check_sees(&self, owner: &UserId) -> Result<(), Refusal> {
        if self.sees(owner) {
            Ok(())
        } else {
            Err(Refusal::forbidden("see"))
        }
    }

    /// [`Identity::controls`], as a refusal; `verb` as in "to pause this job".
    pub fn check_controls(&self, owner: &UserId, verb: &str) -> Result<(), Refusal> {
        if self.controls(owner) {
            Ok(())
        } else {
            Err(Refusal::forbidden(verb))
        }
    }

    /// Whether a channel may be subscribed; `owner` is the owner of the job it names, where that exists.
    #[must_use]
    pub fn may_subscribe(&self, topic: &Topic, owner: Option<&UserId>) -> bool {
        match topic {
            // `jobs` carries only what the identity sees.
            Topic::Jobs | Topic::Alerts => true,
            Topic::User(user) => self.sees(user),
            Topic::Job(_) | Topic::Log(_) => owner.is_none_or(|owner| self.sees(owner)),
        }
    }
}
