//! The rules of permission: who may see, report and control what. Who somebody *is* is found out elsewhere.

use std::sync::Arc;

use crate::id::UserId;
use crate::job::refusal::{Code, Refusal};
use crate::proto::channel::Topic;

pub use crate::role::Role;

/// Who a connection speaks for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    /// A user's name.
    pub user: UserId,
    /// What that user may.
    pub role: Role,
    /// Whether a request may name the user it is to be held to (`--auth none`).
    pub may_assume: bool,
    /// Whether it may have commands run: the daemon's own account on its Unix socket, and whom the configuration names.
    pub may_submit: bool,
    /// Whether it may make and revoke tokens, and see what others may not of the daemon: an admin on the Unix socket.
    pub may_manage: bool,
    /// By which token and from where it comes, where that is not the Unix socket: for the audit.
    pub origin: Option<Arc<str>>,
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
                may_manage: false,
                origin: self.origin.clone(),
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

    /// [`Identity::may_manage`], as a refusal.
    pub fn check_manages(&self) -> Result<(), Refusal> {
        if self.may_manage {
            Ok(())
        } else {
            Err(Refusal::new(
                Code::Forbidden,
                "Tokens and hooks are managed by an admin on the daemon's own Unix socket: on its machine, or with --target ssh://HOST",
            ))
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
