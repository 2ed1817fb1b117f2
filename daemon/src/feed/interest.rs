//! What one session wants to hear: its subscriptions, and whether a change is among them.

use jobtop_core::access::Identity;
use jobtop_core::proto::channel::{Channel, Topic};
use jobtop_core::{JobId, UserId};

use super::hub::{Change, Via};

/// The subscriptions of one session.
#[derive(Debug, Clone, Default)]
pub(super) struct Interest {
    subscriptions: Vec<Subscription>,
}

/// One subscription.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) channel: Channel,
    /// Who hears it: the client, or the user that it has named to be held to.
    pub(super) who: Identity,
    /// Whether jobs that the client can't know come whole.
    pub(super) whole: bool,
    /// Changes up to this revision have been dealt with.
    pub(super) from: u64,
}

impl Interest {
    /// The interest of `who` in one channel alone.
    pub(super) fn only(channel: Channel, who: Identity) -> Self {
        Self {
            subscriptions: vec![Subscription {
                channel,
                who,
                whole: true,
                from: 0,
            }],
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    pub(super) fn has(&self, channel: &Channel) -> bool {
        self.subscriptions
            .iter()
            .any(|known| known.channel == *channel)
    }

    /// Adds a subscription, or puts it in the place of the one to the same channel.
    pub(super) fn add(&mut self, subscription: Subscription) {
        self.remove(&subscription.channel);
        self.subscriptions.push(subscription);
    }

    pub(super) fn remove(&mut self, channel: &Channel) {
        self.subscriptions.retain(|known| known.channel != *channel);
    }

    /// Whether any subscription is about this change.
    pub(super) fn wants(&self, change: &Change) -> bool {
        self.about(change).next().is_some()
    }

    /// The subscriptions that are about this change, each with the way it is said.
    pub(super) fn about<'a>(
        &'a self,
        change: &'a Change,
    ) -> impl Iterator<Item = (&'a Subscription, Via)> {
        self.subscriptions
            .iter()
            .filter(|s| change.revision > s.from)
            .filter_map(|s| s.via(change).map(|via| (s, via)))
    }

    /// What they are to.
    pub(super) fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.subscriptions.iter().map(|s| &s.channel.topic)
    }

    pub(super) fn in_all(&self) -> bool {
        self.subscriptions
            .iter()
            .any(|s| s.channel.topic == Topic::Jobs)
    }

    pub(super) fn users(&self) -> impl Iterator<Item = &UserId> {
        self.subscriptions
            .iter()
            .filter_map(|s| match &s.channel.topic {
                Topic::User(user) => Some(user),
                _ => None,
            })
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = JobId> {
        self.subscriptions
            .iter()
            .filter_map(|s| match s.channel.topic {
                Topic::Job(id) => id,
                _ => None,
            })
    }
}

impl Subscription {
    fn via(&self, change: &Change) -> Option<Via> {
        if !self.who.sees(&change.owner) {
            return None;
        }
        match &self.channel.topic {
            Topic::Jobs => Some(Via::Jobs),
            Topic::User(user) => (*user == change.owner).then_some(Via::Owner),
            Topic::Job(id) => (*id == Some(change.id)).then_some(Via::Id),
            Topic::Alerts | Topic::Log(_) => None,
        }
    }
}
