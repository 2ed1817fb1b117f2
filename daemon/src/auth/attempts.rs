//! Failed attempts to bring a token, by address: who guesses is heard less and less often.
//!
//! A token has 256 random bits, so nobody guesses one; what is saved is the log. A right token is no guess, and never counts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use jobtop_core::Now;

/// So many failures of an address cost nothing: somebody has an old token in a script.
const FREE: u32 = 10;
/// The first pause after them; each further failure doubles it …
const PAUSE_MS: u64 = 1_000;
/// … up to this.
const LONGEST_MS: u64 = 60_000;
/// An address that was quiet for so long is forgotten.
const FORGOTTEN_MS: u64 = 600_000;
/// At most so many addresses are remembered; the one that was quiet the longest goes first.
const REMEMBERED: usize = 4_096;

/// Who has failed, and how often.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    failures: HashMap<IpAddr, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: u64,
    heard_again: u64,
}

impl Attempts {
    /// For how many milliseconds nothing is heard from that address; 0 if it is heard.
    pub(super) fn pause(&self, from: IpAddr, now: Now) -> u64 {
        self.failures
            .get(&network(from))
            .map_or(0, |failures| failures.heard_again.saturating_sub(now.mono))
    }

    /// An attempt from that address failed.
    pub(super) fn failed(&mut self, from: IpAddr, now: Now) {
        let network = network(from);
        if self.failures.len() >= REMEMBERED && !self.failures.contains_key(&network) {
            self.forget(now);
        }
        let failures = self.failures.entry(network).or_insert(Failures {
            count: 0,
            last: now.mono,
            heard_again: 0,
        });
        if now.mono.saturating_sub(failures.last) > FORGOTTEN_MS {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now.mono;
        if let Some(beyond) = failures.count.checked_sub(FREE + 1) {
            let pause = PAUSE_MS.saturating_mul(1 << beyond.min(16)).min(LONGEST_MS);
            failures.heard_again = now.mono.saturating_add(pause);
        }
    }

    fn forget(&mut self, now: Now) {
        self.failures
            .retain(|_, failures| now.mono.saturating_sub(failures.last) <= FORGOTTEN_MS);
        if self.failures.len() >= REMEMBERED
            && let Some(quietest) = self
                .failures
                .iter()
                .min_by_key(|(_, failures)| failures.last)
                .map(|(network, _)| *network)
        {
            self.failures.remove(&quietest);
        }
    }
}

/// What counts as one address: of IPv6 the network, because whoever has one of it has all.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        },
    }
}

#[cfg(test)]
mod tests {
    use jobtop_core::Timestamp;

    use super::*;

    fn at(mono: u64) -> Now {
        Now {
            wall: Timestamp(0),
            mono,
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn pauses_grow_and_end() {
        let mut attempts = Attempts::default();
        let from = ip("10.0.0.1");
        for _ in 0..FREE {
            attempts.failed(from, at(0));
            assert_eq!(attempts.pause(from, at(0)), 0);
        }
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            attempts.failed(from, at(0));
            assert_eq!(attempts.pause(from, at(0)), pause);
            assert_eq!(attempts.pause(from, at(pause)), 0);
        }
        assert_eq!(attempts.pause(ip("10.0.0.2"), at(0)), 0, "a neighbour");
        attempts.failed(from, at(FORGOTTEN_MS + 1));
        assert_eq!(attempts.pause(from, at(FORGOTTEN_MS + 1)), 0, "forgotten");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        assert_eq!(network(ip("2001:db8::1")), network(ip("2001:db8::ffff:1")));
        assert_ne!(network(ip("2001:db8::1")), network(ip("2001:db8:0:1::1")));
        assert_eq!(network(ip("::ffff:10.0.0.1")), ip("10.0.0.1"));
    }

    #[test]
    fn many_addresses_take_bounded_room() {
        let mut attempts = Attempts::default();
        for n in 0..20_000_u32 {
            attempts.failed(IpAddr::V4(n.into()), at(u64::from(n)));
        }
        assert!(attempts.failures.len() <= REMEMBERED);
        assert!(attempts.failures.contains_key(&IpAddr::V4(19_999.into())));
    }
}
