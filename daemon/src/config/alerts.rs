//! `[alerts]` of the configuration: each rule by its name, with what is too much, for how long, and by type or queue.

use std::collections::BTreeMap;
use std::ops::Range;

use jobtop_core::alert::{Rule, Rules, Setting};
use serde::Deserialize;
use toml::Spanned;

use super::duration;

/// The section as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    failure_rate: Option<RawRule>,
    connection_failures: Option<RawRule>,
    late_updates: Option<RawRule>,
    queue_depth: Option<RawRule>,
    stalled: Option<RawRule>,
    overdue: Option<RawRule>,
    disk: Option<RawRule>,
    store: Option<RawRule>,
    hooks: Option<RawRule>,
}

/// A rule as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRule {
    on: Option<bool>,
    above: Option<Spanned<f64>>,
    clear: Option<Spanned<f64>>,
    hold: Option<Spanned<String>>,
    within: Option<Spanned<String>>,
    least: Option<u64>,
    types: BTreeMap<Spanned<String>, RawRule>,
    queues: BTreeMap<Spanned<String>, RawRule>,
}

/// What is wrong, where, and what would be right.
pub(super) struct Wrong {
    pub(super) at: Range<usize>,
    pub(super) what: String,
    pub(super) hint: String,
}

/// Checks them, and lays them over the defaults.
pub(super) fn check(raw: &Raw) -> Result<Rules, Wrong> {
    let mut rules = Rules::default();
    for (rule, raw) in [
        (Rule::FailureRate, &raw.failure_rate),
        (Rule::ConnectionFailures, &raw.connection_failures),
        (Rule::LateUpdates, &raw.late_updates),
        (Rule::QueueDepth, &raw.queue_depth),
        (Rule::Stalled, &raw.stalled),
        (Rule::Overdue, &raw.overdue),
        (Rule::Disk, &raw.disk),
        (Rule::Store, &raw.store),
        (Rule::Hooks, &raw.hooks),
    ] {
        let (Some(raw), Some(settings)) = (raw, rules.settings_mut(rule)) else {
            continue;
        };
        settings.usual = over(rule, settings.usual, raw)?;
        let own = match rule {
            Rule::FailureRate | Rule::Overdue => &raw.types,
            Rule::QueueDepth => &raw.queues,
            _ => &BTreeMap::new(),
        };
        for (given, of) in [(&raw.types, "types"), (&raw.queues, "queues")] {
            if let Some((name, _)) = given.first_key_value()
                && !std::ptr::eq(given, own)
            {
                return Err(Wrong {
                    at: name.span(),
                    what: format!("{} has no {of} of its own", rule.word()),
                    hint: "failure_rate and overdue have types, queue_depth has queues".to_owned(),
                });
            }
        }
        for (name, raw) in own {
            let setting = over(rule, settings.usual, raw)?;
            if let Some((name, _)) = raw.types.iter().chain(&raw.queues).next() {
                return Err(Wrong {
                    at: name.span(),
                    what: "a type or a queue has none of its own".to_owned(),
                    hint: "Give its settings themselves".to_owned(),
                });
            }
            settings.own.insert(name.get_ref().as_str().into(), setting);
        }
    }
    Ok(rules)
}

fn over(rule: Rule, usual: Setting, raw: &RawRule) -> Result<Setting, Wrong> {
    let mut setting = usual;
    if let Some(above) = &raw.above {
        let most = match rule {
            Rule::FailureRate | Rule::Disk => 1.0,
            _ => 1e9,
        };
        if !(0.0..=most).contains(above.get_ref()) {
            return Err(Wrong {
                at: above.span(),
                what: format!("{} is no threshold for {}", above.get_ref(), rule.word()),
                hint: match rule {
                    Rule::FailureRate => "Give a share, like 0.1 for 10 %".to_owned(),
                    Rule::Disk => "Give a share, like 0.95 for 95 % full".to_owned(),
                    _ => "Give a number from 0 on".to_owned(),
                },
            });
        }
        setting = setting.above(*above.get_ref());
    }
    if let Some(clear) = &raw.clear {
        if !(0.0..=setting.above).contains(clear.get_ref()) {
            return Err(Wrong {
                at: clear.span(),
                what: format!("it would never be well: clear is {}", clear.get_ref()),
                hint: format!("Give a number from 0 to {}", setting.above),
            });
        }
        setting.clear = *clear.get_ref();
    }
    for (given, time) in [
        (&raw.hold, &mut setting.hold_ms),
        (&raw.within, &mut setting.within_ms),
    ] {
        if let Some(given) = given {
            *time = match given.get_ref().as_str() {
                "0" | "0s" => 0,
                text => duration::parse(text).map_err(|wrong| Wrong {
                    at: given.span(),
                    what: wrong.to_string(),
                    hint: duration::HINT.to_owned(),
                })?,
            };
        }
    }
    setting.least = raw.least.unwrap_or(setting.least);
    setting.on = raw.on.unwrap_or(setting.on);
    Ok(setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Rules, String> {
        let raw: Raw = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        check(&raw).map_err(|wrong| format!("{}: {}", wrong.what, wrong.hint))
    }

    #[test]
    fn what_can_be_said() {
        let rules = read(
            "queue_depth = { above = 5, hold = \"30s\", queues = { big = { above = 500 } } }\n\
             stalled = { on = false }\nfailure_rate = { above = 0.5, clear = 0.2, within = \"1h\", least = 3 }\n",
        )
        .unwrap();
        let depth = rules.of(Rule::QueueDepth, Some("other"));
        assert_eq!(
            (depth.above, depth.clear, depth.hold_ms),
            (5.0, 4.0, 30_000)
        );
        let big = rules.of(Rule::QueueDepth, Some("big"));
        assert_eq!((big.above, big.clear, big.hold_ms), (500.0, 400.0, 30_000));
        assert!(!rules.of(Rule::Stalled, None).on);
        let rate = rules.of(Rule::FailureRate, None);
        assert_eq!(
            (rate.above, rate.clear, rate.within_ms, rate.least),
            (0.5, 0.2, 3_600_000, 3)
        );
        assert_eq!(read("").unwrap(), Rules::default());
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (text, says) in [
            (
                "failure_rate = { above = 10 }",
                "no threshold for failure_rate",
            ),
            ("disk = { above = -0.1 }", "no threshold for disk"),
            ("queue_depth = { above = nan }", "no threshold"),
            ("queue_depth = { above = 5, clear = 6 }", "never be well"),
            ("queue_depth = { hold = \"30\" }", "no unit"),
            ("queue_dept = {}", "unknown field"),
            ("queue_depth = { abov = 5 }", "unknown field"),
            (
                "queue_depth = { types = { x = {} } }",
                "has no types of its own",
            ),
            ("disk = { queues = { x = {} } }", "has no queues of its own"),
            (
                "queue_depth = { queues = { x = { queues = { y = {} } } } }",
                "none of its own",
            ),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
