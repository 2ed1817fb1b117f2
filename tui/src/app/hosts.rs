//! The daemons that are looked at: each with its connection, its jobs and how it is. Usually there is one; several are shown in one
//! list, and what is asked of a job goes to the daemon that it lives on.

use jobtop_core::JobId;
use jobtop_core::mirror::Mirror;
use jobtop_core::proto::view::View;

use super::alarms::Alarms;
use super::keeper::Keeper;
use super::link::{Link, State};

/// Which daemon, by its place on the command line.
pub(crate) type HostId = usize;

/// Where a daemon is, as it is decided at the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// What it is called: its name in the configuration, or its address.
    pub(crate) name: String,
    /// The way to it as `curl` wants it (`--unix-socket PATH http://localhost`, or a URL).
    pub(crate) curl: String,
}

/// A daemon.
#[derive(Debug)]
pub(crate) struct Host {
    /// Where it is.
    pub(crate) place: Place,
    /// How we stand with it.
    pub(crate) link: Link,
    /// Its jobs, as far as heard.
    pub(crate) mirror: Mirror,
    /// How it is itself.
    pub(crate) keeper: Keeper,
    /// What is wrong there.
    pub(crate) alarms: Alarms,
}

/// All of them; at least one.
#[derive(Debug)]
pub(crate) struct Hosts(Vec<Host>);

impl Hosts {
    /// Before the first connection.
    pub(crate) fn new(places: &[Place]) -> Self {
        let host = |place: &Place| Host {
            place: place.clone(),
            link: Link::new(),
            mirror: Mirror::new(),
            keeper: Keeper::default(),
            alarms: Alarms::default(),
        };
        Self(places.iter().map(host).collect())
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Host] {
        &self.0
    }

    /// One of them; the first where there is no such one.
    pub(crate) fn at(&self, host: HostId) -> &Host {
        self.0.get(host).unwrap_or(&self.0[0])
    }

    /// The same, to be changed.
    pub(super) fn at_mut(&mut self, host: HostId) -> &mut Host {
        let host = if host < self.0.len() { host } else { 0 };
        &mut self.0[host]
    }

    /// Whether there is more than one.
    pub(crate) fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    /// The daemon that a job lives on.
    pub(crate) fn of(&self, job: JobId) -> Option<HostId> {
        self.0
            .iter()
            .position(|host| host.mirror.get(job).is_some())
    }

    /// The job of that id.
    pub(crate) fn get(&self, job: JobId) -> Option<&View> {
        self.0.iter().find_map(|host| host.mirror.get(job))
    }

    /// Every job, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &View> {
        self.0.iter().flat_map(|host| host.mirror.iter())
    }

    /// How many jobs there are.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|host| host.mirror.len()).sum()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|host| host.mirror.is_empty())
    }

    /// Whether the first picture of every daemon that is connected is complete, and there is one.
    pub(crate) fn is_whole(&self) -> bool {
        let known = |host: &Host| host.mirror.position().is_some();
        self.0.iter().any(known) && (self.0.iter()).all(|host| known(host) || !host.link.is_up())
    }

    /// How many are connected.
    pub(crate) fn up(&self) -> usize {
        self.0.iter().filter(|host| host.link.is_up()).count()
    }

    /// Whether one of them waits for its next attempt.
    pub(crate) fn is_waiting(&self) -> bool {
        let waits = |host: &Host| matches!(host.link.state, State::Waiting { .. });
        self.0.iter().any(waits)
    }

    /// Whether what is shown of a job is old: its daemon is away.
    pub(crate) fn is_stale(&self, job: JobId) -> bool {
        self.of(job)
            .is_some_and(|host| self.0[host].link.lost_at().is_some())
    }
}
