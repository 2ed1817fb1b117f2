//! Who is it: peer credentials on the Unix socket, tokens on TCP, or nobody in particular under `--auth none`.
//!
//! What an identity may do is decided in `jobtop_core::access`.

mod account;
mod attempts;
mod process;
mod tokens;

pub(crate) use attempts::network;
pub(crate) use process::{lives, of as process_of};
pub(crate) use tokens::{Denied, Tokens};

use std::net::IpAddr;
use std::sync::Arc;

use jobtop_core::access::{Identity, Role};
use jobtop_core::{Now, UserId};
use tokio::net::unix::UCred;

use crate::feed::session::Peer;

/// The account that the daemon runs under, and how others are judged by it.
#[derive(Clone, Debug)]
pub(crate) struct Doorkeeper {
    uid: u32,
    name: UserId,
    strangers: Strangers,
}

/// Who is let in over TCP.
#[derive(Clone, Debug)]
pub(crate) enum Strangers {
    /// Everybody (`--auth none`).
    Anybody,
    /// Whoever brings one of these.
    WithToken(Arc<Tokens>),
}

impl Doorkeeper {
    /// Looks up the daemon's own account.
    pub(crate) fn new(strangers: Strangers) -> Self {
        let uid = rustix::process::geteuid().as_raw();
        Self {
            uid,
            name: account::name(uid),
            strangers,
        }
    }

    /// Whoever asks over TCP, with the token that it brings.
    pub(crate) fn stranger(
        &self,
        token: Option<&str>,
        from: IpAddr,
        now: Now,
    ) -> Result<Peer, Denied> {
        match &self.strangers {
            Strangers::Anybody => Ok(self.anybody()),
            Strangers::WithToken(tokens) => match token {
                Some(token) => tokens.admit(token, from, now),
                None => Err(Denied::Missing),
            },
        }
    }

    /// Whoever connected to the Unix socket: the daemon's own account and root may all, others their own.
    pub(crate) fn unix(&self, credentials: UCred) -> Peer {
        Peer {
            identity: self.account(credentials.uid()),
            process: credentials.pid().and_then(process::of),
            pass: None,
            reports: false,
        }
    }

    fn account(&self, uid: u32) -> Identity {
        let (user, role) = if uid == self.uid {
            (self.name.clone(), Role::Admin)
        } else if uid == 0 {
            (account::name(uid), Role::Admin)
        } else {
            (account::name(uid), Role::User)
        };
        Identity {
            user,
            role,
            may_assume: false,
            may_submit: uid == self.uid,
            may_manage: role == Role::Admin,
            origin: None,
        }
    }

    /// Whoever connected over TCP under `--auth none`: an admin under the daemon's account, held to the user that a
    /// request names.
    fn anybody(&self) -> Peer {
        Peer {
            identity: Identity {
                user: self.name.clone(),
                role: Role::Admin,
                may_assume: true,
                may_submit: false,
                may_manage: false,
                origin: None,
            },
            process: None,
            pass: None,
            reports: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts() {
        let keeper = Doorkeeper {
            uid: 4_000_000_001,
            name: UserId::new("jobs").unwrap(),
            strangers: Strangers::Anybody,
        };
        for (uid, user, role) in [
            (4_000_000_001, "jobs", Role::Admin),
            (0, "root", Role::Admin),
            (4_000_000_002, "uid4000000002", Role::User),
        ] {
            let identity = keeper.account(uid);
            assert_eq!(identity.user.as_str(), user);
            assert_eq!(identity.role, role, "{uid}");
            assert!(!identity.may_assume, "the kernel has said who it is");
            assert_eq!(identity.may_submit, uid == keeper.uid, "{uid}");
            assert_eq!(identity.may_manage, role == Role::Admin, "{uid}");
        }
        let anybody = keeper.anybody();
        assert_eq!(anybody.identity.user.as_str(), "jobs");
        assert!(anybody.identity.may_assume && anybody.process.is_none());
        assert!(!anybody.identity.may_submit && !anybody.identity.may_manage);
    }
}
