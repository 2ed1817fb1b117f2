//! When a period may go: never on one look at the clock. Pure.
//!
//! Two looks some time apart must agree that it has expired, and the wall clock must have gone like the monotonic one
//! between them. If the wall clock jumped by more than a day, or everything would go, nothing goes for 24 hours.

use std::collections::BTreeMap;

use jobtop_core::{Now, Timestamp};

use super::period::Period;

const DAY: u64 = 86_400_000;
/// By so much the two clocks may differ between two looks (milliseconds); the wall clock is steered.
const TOLERANCE: u64 = 5_000;

/// The looks so far.
#[derive(Clone, Debug)]
pub(in super::super) struct Looks {
    retention_ms: u64,
    apart_ms: u64,
    last: Option<Now>,
    /// Nothing goes before this monotonic moment.
    held_until: u64,
    /// Since when (monotonic) everything would go.
    all_since: Option<u64>,
    ages: BTreeMap<Period, u64>,
}

/// What a look found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in super::super) struct Verdict {
    /// These may go.
    pub(in super::super) expired: Vec<Period>,
    /// Why nothing goes for a day, said once.
    pub(in super::super) alert: Option<String>,
}

impl Looks {
    /// Begins to look. `last_known` is the latest time that the store knows of, if any: after a gap of more than a day,
    /// either way, the clock is not believed at once.
    pub(in super::super) fn new(
        retention_ms: u64,
        apart_ms: u64,
        ages: BTreeMap<Period, u64>,
        last_known: Option<Timestamp>,
        now: Now,
    ) -> Self {
        let gap = last_known.map_or(0, |at| at.0.abs_diff(now.wall.0));
        Self {
            retention_ms,
            apart_ms,
            last: None,
            held_until: if gap > DAY { now.mono + DAY } else { 0 },
            all_since: None,
            ages,
        }
    }

    /// When the next look is due, by the monotonic clock.
    pub(in super::super) fn due(&self) -> u64 {
        self.last.map_or(0, |last| last.mono + self.apart_ms)
    }

    /// For how long periods have been known that lie in the future.
    pub(in super::super) const fn ages(&self) -> &BTreeMap<Period, u64> {
        &self.ages
    }

    /// Looks at the clock.
    pub(in super::super) fn look(&mut self, now: Now, periods: &[Period]) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(last) = self.last.replace(now) else {
            return verdict;
        };
        let passed = now.mono.saturating_sub(last.mono);
        let wall = now.wall.0.saturating_sub(last.wall.0);
        let off = wall.abs_diff(i64::try_from(passed).unwrap_or(i64::MAX));
        if off > DAY {
            self.held_until = now.mono + DAY;
            verdict.alert = Some(format!(
                "the clock jumped by {} h: no finished jobs are deleted for 24 h",
                off / 3_600_000
            ));
        }
        self.grow_older(now, passed, periods);
        let agree = off <= TOLERANCE.max(passed / 100) && passed >= self.apart_ms;
        if !agree || now.mono < self.held_until {
            return verdict;
        }
        let expired: Vec<Period> = periods
            .iter()
            .copied()
            .filter(|period| {
                self.has_expired(*period, last.wall) && self.has_expired(*period, now.wall)
            })
            .collect();
        if expired.is_empty() || expired.len() < periods.len() {
            self.all_since = None;
            verdict.expired = expired;
            return verdict;
        }
        match self.all_since {
            Some(since) if now.mono.saturating_sub(since) >= DAY => {
                self.all_since = None;
                verdict.expired = expired;
            }
            Some(_) => {}
            None => {
                self.all_since = Some(now.mono);
                verdict.alert = Some(
                    "every finished job would be deleted now: if the clock is right they go in 24 h"
                        .to_owned(),
                );
            }
        }
        verdict
    }

    fn has_expired(&self, period: Period, wall: Timestamp) -> bool {
        let horizon = wall.0.saturating_sub_unsigned(self.retention_ms);
        let age = self.ages.get(&period).copied().unwrap_or(0);
        period.end().0 <= horizon || age >= self.retention_ms.saturating_add(period.width)
    }

    /// A period from the future can't be judged by the wall clock: it ages by the time for which it is known.
    fn grow_older(&mut self, now: Now, passed: u64, periods: &[Period]) {
        self.ages
            .retain(|period, _| periods.contains(period) && period.start > now.wall.0);
        for period in periods.iter().filter(|period| period.start > now.wall.0) {
            *self.ages.entry(*period).or_default() += passed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;
    const START: u64 = 1_000 * DAY;

    fn at(wall: u64, mono: u64) -> Now {
        Now {
            wall: Timestamp(wall as i64),
            mono,
        }
    }

    fn day(n: u64) -> Period {
        Period::of(Timestamp((n * DAY) as i64), DAY)
    }

    fn looks() -> Looks {
        let last_known = Some(Timestamp(START as i64));
        Looks::new(30 * DAY, HOUR, BTreeMap::new(), last_known, at(START, 0))
    }

    /// Looks at these moments with these periods; what goes at the last of them.
    fn check(looks: &mut Looks, moments: &[(u64, u64)], periods: &[Period], expected: &[Period]) {
        let mut last = Verdict::default();
        for (wall, mono) in moments {
            last = looks.look(at(*wall, *mono), periods);
        }
        assert_eq!(last.expired, expected, "{moments:?}");
    }

    #[test]
    fn a_period_goes_after_two_looks_that_agree() {
        let all = [day(968), day(969), day(970), day(999)];
        check(&mut looks(), &[(START, 0)], &all, &[]);
        check(
            &mut looks(),
            &[(START, 0), (START + HOUR, HOUR)],
            &all,
            &all[..2],
        );
        // Too early for a second look.
        check(
            &mut looks(),
            &[(START, 0), (START + 1_000, 1_000)],
            &all,
            &[],
        );
    }

    #[test]
    fn nothing_goes_while_the_clocks_disagree() {
        let all = [day(968), day(999)];
        // The wall clock was set forward by ten minutes, then goes well.
        let mut jumpy = looks();
        check(
            &mut jumpy,
            &[(START, 0), (START + HOUR + 600_000, HOUR)],
            &all,
            &[],
        );
        check(
            &mut jumpy,
            &[(START + 2 * HOUR + 600_000, 2 * HOUR)],
            &all,
            &all[..1],
        );
    }

    #[test]
    fn a_jump_of_more_than_a_day_holds_for_a_day() {
        let all = [day(968), day(1_050)];
        let mut jumped = looks();
        jumped.look(at(START, 0), &all);
        let far = START + 40 * DAY;
        let verdict = jumped.look(at(far + HOUR, HOUR), &all);
        assert!(verdict.alert.is_some() && verdict.expired.is_empty());
        check(&mut jumped, &[(far + 2 * HOUR, 2 * HOUR)], &all, &[]);
        check(
            &mut jumped,
            &[(far + 26 * HOUR, 26 * HOUR)],
            &all,
            &all[..1],
        );
    }

    #[test]
    fn a_start_long_after_the_last_known_time_holds_for_a_day() {
        let all = [day(968), day(999)];
        let mut late = Looks::new(
            30 * DAY,
            HOUR,
            BTreeMap::new(),
            Some(Timestamp((START - 2 * DAY) as i64)),
            at(START, 0),
        );
        check(&mut late, &[(START, 0), (START + HOUR, HOUR)], &all, &[]);
        check(
            &mut late,
            &[(START + 25 * HOUR, 25 * HOUR)],
            &all,
            &all[..1],
        );
    }

    #[test]
    fn everything_goes_only_after_a_day_of_doubt() {
        let all = [day(960), day(961)];
        let mut looks = looks();
        looks.look(at(START, 0), &all);
        let verdict = looks.look(at(START + HOUR, HOUR), &all);
        assert!(verdict.alert.is_some() && verdict.expired.is_empty());
        check(&mut looks, &[(START + 2 * HOUR, 2 * HOUR)], &all, &[]);
        check(&mut looks, &[(START + 25 * HOUR, 25 * HOUR)], &all, &all);
    }

    #[test]
    fn a_period_from_the_future_ages_by_the_time_it_is_known() {
        let all = [day(5_000), day(1_020)];
        let mut looks = looks();
        let mut gone = None;
        for day in 0..40_u64 {
            let verdict = looks.look(at(START + day * DAY, day * DAY), &all);
            if verdict.expired.contains(&all[0]) {
                gone.get_or_insert(day);
            }
        }
        assert_eq!(gone, Some(31));
        // Set right again, it is a day like others.
        let mut looks = Looks::new(
            30 * DAY,
            HOUR,
            BTreeMap::from([(day(999), 900 * DAY)]),
            None,
            at(START, 0),
        );
        check(&mut looks, &[(START, 0), (START + HOUR, HOUR)], &all, &[]);
    }
}
