//! `[alerts]` of the configuration: each rule by its name, with what is too much, for how long, and by type or queue.

use std::collections::BTreeMap;
use std::ops::Range;

use jobtop_core::alert::{Rule, Rules, Setting};
use jobtop_core::{JobType, queue, text};
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
    least: Option<Spanned<u64>>,
    types: BTreeMap<Spanned<String>, RawRule>,
    queues: BTreeMap<Spanned<String>, RawRule>,
}

/// What is wrong, where, and what would be right.
pub(super) struct Wrong {
    pub(super) at: Range<usize>,
    pub(super) what: String,
    pub(super) hint: String,
}

/// Nobody looks further back at what has ended.
const LONGEST_MS: u64 = 24 * 3_600_000;
/// So many runs are known of a kind of job.
const RUNS: u64 = 15;

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
            possible(rule, name)?;
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

/// A type or a queue that there can't be has no settings.
fn possible(rule: Rule, name: &Spanned<String>) -> Result<(), Wrong> {
    let shown = text::clean_within(name.get_ref(), 60);
    let (what, hint) = match rule {
        Rule::QueueDepth if !queue::is_name(name.get_ref()) => (
            format!("{shown:?} is no name of a queue"),
            "Use 1 to 64 letters, digits or _.-",
        ),
        Rule::FailureRate | Rule::Overdue if JobType::new(name.get_ref()).is_err() => (
            format!("{shown:?} is no type of jobs"),
            "Use 1 to 64 lower-case letters, digits or _.-",
        ),
        _ => return Ok(()),
    };
    Err(Wrong {
        at: name.span(),
        what,
        hint: hint.to_owned(),
    })
}

fn over(rule: Rule, usual: Setting, raw: &RawRule) -> Result<Setting, Wrong> {
    measures(rule, raw)?;
    let mut setting = usual;
    if let Some(above) = &raw.above {
        setting = setting.above(threshold(rule, above)?);
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
    if let Some(hold) = &raw.hold {
        setting.hold_ms = time(hold)?;
    }
    if let Some(within) = &raw.within {
        setting.within_ms = span(rule, within)?;
    }
    if let Some(least) = &raw.least {
        if rule == Rule::Overdue && *least.get_ref() > RUNS {
            return Err(Wrong {
                at: least.span(),
                what: format!("of {} runs overdue never knows", least.get_ref()),
                hint: format!("Give at most {RUNS}; on = false switches it off"),
            });
        }
        setting.least = *least.get_ref();
    }
    setting.on = raw.on.unwrap_or(setting.on);
    Ok(setting)
}

/// A rule that is a yes or a no has no numbers.
fn measures(rule: Rule, raw: &RawRule) -> Result<(), Wrong> {
    if !matches!(rule, Rule::Store | Rule::Hooks) {
        return Ok(());
    }
    let given = [
        ("above", raw.above.as_ref().map(Spanned::span)),
        ("clear", raw.clear.as_ref().map(Spanned::span)),
        ("within", raw.within.as_ref().map(Spanned::span)),
        ("least", raw.least.as_ref().map(Spanned::span)),
    ];
    let stray = given.into_iter().find_map(|(name, at)| Some((name, at?)));
    stray.map_or(Ok(()), |(name, at)| {
        Err(Wrong {
            at,
            what: format!("{} counts nothing, and has no {name}", rule.word()),
            hint: "It takes on and hold".to_owned(),
        })
    })
}

fn threshold(rule: Rule, above: &Spanned<f64>) -> Result<f64, Wrong> {
    let is_share = matches!(rule, Rule::FailureRate | Rule::Disk);
    let given = *above.get_ref();
    // More than all of it there never is.
    let fits = (0.0..=1e9).contains(&given) && (!is_share || given < 1.0);
    if fits {
        return Ok(given);
    }
    Err(Wrong {
        at: above.span(),
        what: format!("{given} is no threshold for {}", rule.word()),
        hint: match rule {
            Rule::FailureRate => {
                "Give a share below 1, like 0.1 for 10 %; on = false switches it off".to_owned()
            }
            Rule::Disk => {
                "Give a share below 1, like 0.95 for 95 % full; on = false switches it off"
                    .to_owned()
            }
            _ => "Give a number from 0 on".to_owned(),
        },
    })
}

fn span(rule: Rule, within: &Spanned<String>) -> Result<u64, Wrong> {
    let ms = time(within)?;
    let counts = matches!(
        rule,
        Rule::FailureRate | Rule::ConnectionFailures | Rule::LateUpdates
    );
    let (what, hint) = match ms {
        0 if counts => (
            format!("within no time {} counts nothing", rule.word()),
            "Give a time, like 15m; on = false switches it off",
        ),
        ms if rule == Rule::FailureRate && ms > LONGEST_MS => (
            format!(
                "{:?} is further back than failure_rate looks",
                text::clean_within(within.get_ref(), 40)
            ),
            "Give at most 24h",
        ),
        _ => return Ok(ms),
    };
    Err(Wrong {
        at: within.span(),
        what,
        hint: hint.to_owned(),
    })
}

fn time(given: &Spanned<String>) -> Result<u64, Wrong> {
    match given.get_ref().as_str() {
        "0" | "0s" => Ok(0),
        text => duration::parse(text).map_err(|wrong| Wrong {
            at: given.span(),
            what: wrong.to_string(),
            hint: duration::HINT.to_owned(),
        }),
    }
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
        // The ends of what there can be.
        read(
            "failure_rate = { above = 0.999, within = \"24h\" }\noverdue = { least = 15, within = \"0\" }\n\
             store = { on = false, hold = \"1m\" }\nqueue_depth = { queues = { \"Night.1\" = {} } }\n",
        )
        .unwrap();
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
            // What would switch a rule off without a word.
            ("failure_rate = { above = 1 }", "on = false switches it off"),
            ("disk = { above = 1.0 }", "on = false switches it off"),
            ("failure_rate = { within = \"0\" }", "counts nothing"),
            (
                "connection_failures = { within = \"0s\" }",
                "counts nothing",
            ),
            ("late_updates = { within = \"0\" }", "counts nothing"),
            ("failure_rate = { within = \"25h\" }", "at most 24h"),
            ("overdue = { least = 16 }", "at most 15"),
            ("store = { above = 1 }", "takes on and hold"),
            ("hooks = { clear = 1 }", "takes on and hold"),
            ("hooks = { least = 1 }", "has no least"),
            (
                "failure_rate = { types = { \"No Type\" = { above = 0.5 } } }",
                "no type of jobs",
            ),
            ("overdue = { types = { Big = {} } }", "no type of jobs"),
            (
                "queue_depth = { queues = { \"a b\" = {} } }",
                "no name of a queue",
            ),
            (
                "failure_rate = { types = { x = { above = 1.5 } } }",
                "no threshold",
            ),
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
