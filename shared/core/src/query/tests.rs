//! What the language means, what it says of mistakes, and that printing and reading undo each other.

use std::sync::Arc;

use jiff::tz::{Offset, TimeZone};
use proptest::prelude::*;

use super::ast::{Needle, Place, Property};
use super::*;
use crate::calc::health::Health;
use crate::id::JobId;
use crate::job::status::Status;

/// 2026-11-24 03:04:17.120 UTC.
const NOW: Timestamp = Timestamp(1_795_489_457_120);
const HOUR: i64 = 3_600_000;

fn today() -> Today {
    Today {
        now: NOW,
        tz: TimeZone::UTC,
    }
}

fn facts(tags: &[Arc<str>]) -> Facts<'_> {
    Facts {
        id: "job_01JD8ZAAAAAAAAAAAAAAAAAAAA".parse().unwrap(),
        status: Status::Failed,
        job_type: "csv_processing",
        user: "analyst1",
        queue: "default",
        host: Some("etl1"),
        tags,
        name: "Orders-Übersicht 2026.csv",
        message: Some("part 7 of 12"),
        error: Some("Connection timed out: \"db\""),
        health: Some(Health::Poor),
        progress: 33.3,
        items_per_second: Some(250.0),
        error_count: 3,
        active_ms: 601_500.0,
        at: NOW.plus_ms(-5 * HOUR),
    }
}

fn holds(text: &str) -> bool {
    let query = Query::parse(text, &today()).unwrap_or_else(|e| panic!("{text}: {e}"));
    query.holds(&facts(&["nightly".into(), "two words".into()]), NOW)
}

#[test]
fn what_holds() {
    for text in [
        "",
        "   ",
        "status:failed",
        "STATUS:Failed",
        "status:running,failed",
        "type:csv_processing",
        "user:analyst1",
        "tag:nightly",
        "tag:\"two words\"",
        "tag:x,\"two words\"",
        "host:etl1",
        "queue:default",
        "health:poor",
        "id:job_01JD8ZAAAAAAAAAAAAAAAAAAAA",
        "name:orders",
        "name:ÜBERSICHT",
        "name:xyz,.csv",
        "error:TIMED",
        "error:\"timed out\"",
        "error:\"\\\"db\\\"\"",
        "progress>33",
        "progress>=33.3",
        "progress=33.3",
        "progress<34%",
        "rate>100",
        "rate<=250",
        "rate<300/s",
        "errors>=1",
        "errors=3",
        "errors<4",
        "duration>10m",
        "duration>=10m1s",
        "duration=10m1s",
        "duration<11m",
        "duration<0.5h",
        "duration<1d12h",
        "since:7d",
        "since:6h",
        "since:2026-11-23",
        "until:2026-11-23",
        "until:2026-12-01",
        "until:1h",
        "since:2026-11-23T22:00:00Z",
        "until:2026-11-23T22:30:00+00:00",
        "since:2026-11-23T22:00",
        "-status:cancelled",
        "!status:cancelled",
        "!progress>50",
        "-pear",
        "-\"pear tree\"",
        "übersicht",
        "\"übersicht 2026\"",
        "01jd8z",
        "\"7 of\"",
        "timed",
        "status:failed user:analyst1 orders",
        "20",
        "2026.csv",
    ] {
        assert!(holds(text), "{text}");
        if !text.trim().is_empty() && !text.contains(' ') && !text.starts_with(['-', '!']) {
            assert!(!holds(&format!("-{text}")), "-{text}");
        }
    }
}

#[test]
fn what_does_not_hold() {
    for text in [
        "status:running",
        "status:running,completed",
        "type:csv",
        "user:Analyst1",
        "tag:night",
        "host:etl",
        "queue:fast",
        "health:good,fair",
        "id:job_01JD8ZAAAAAAAAAAAAAAAAAAAB",
        "name:timed",
        "error:orders",
        "progress>33.3",
        "progress<33.3",
        "progress=33",
        "rate>250",
        "errors>3",
        "duration>11m",
        "duration=10m",
        "since:4h",
        "since:2026-11-24",
        "until:2026-11-22",
        "until:6h",
        "-status:failed",
        "!tag:nightly",
        "pear",
        "status:failed pear",
        "\"orders übersicht\"",
    ] {
        assert!(!holds(text), "{text}");
    }
}

#[test]
fn what_a_job_lacks_satisfies_nothing() {
    let mut bare = facts(&[]);
    bare.host = None;
    bare.error = None;
    bare.message = None;
    bare.health = None;
    bare.items_per_second = None;
    for text in [
        "host:etl1",
        "error:x",
        "health:poor",
        "rate<100",
        "rate>=0",
        "tag:x",
    ] {
        let query = Query::parse(text, &today()).unwrap();
        assert!(!query.holds(&bare, NOW), "{text}");
        let query = Query::parse(&format!("-{text}"), &today()).unwrap();
        assert!(query.holds(&bare, NOW), "-{text}");
    }
}

#[test]
fn mistakes_say_what_where_and_what_instead() {
    // The filter, the part that is marked, what is said, what is suggested.
    for (text, marked, says, right) in [
        ("stauts:failed", "stauts", "no field stauts", Some("status")),
        ("a stat:failed", "stat", "no field stat", Some("status")),
        ("owner:x", "owner", "no field owner", Some("user")),
        ("http://x", "http", "quotes", None),
        ("foo>5", "foo", "no field foo", None),
        ("status:faild", "faild", "no status faild", Some("failed")),
        (
            "status:failed,runing",
            "runing",
            "no status",
            Some("running"),
        ),
        ("status:xyz", "xyz", "pending, running", None),
        ("health:bad", "bad", "excellent", None),
        ("status:", "", "missing after status:", None),
        ("status:failed,", "", "missing after status:", None),
        ("name:\"\"", "\"\"", "missing after name:", None),
        (
            "status=failed",
            "status=failed",
            "can't be compared",
            Some("status:failed"),
        ),
        ("name>=5", "name>=5", "can't be compared", Some("name:5")),
        (
            "progress:50",
            "progress:50",
            "compared with",
            Some("progress=50"),
        ),
        (
            "progress:>50",
            "progress:>50",
            "compared with",
            Some("progress>50"),
        ),
        ("-errors!=1", "errors!=1", "no !=", Some("-errors=1")),
        ("errors==1", "errors==1", "no ==", Some("errors=1")),
        ("errors=>1", "errors=>1", "no =>", Some("errors>=1")),
        ("progress>", "", "missing after progress>", None),
        ("progress>fifty", "fifty", "not a number", None),
        ("progress>-1", "-1", "not a number", None),
        ("progress>1e9", "1e9", "not a number", None),
        ("progress>nan", "nan", "not a number", None),
        ("progress>1,2", "progress>1,2", "one value", None),
        ("duration>10", "10", "needs a unit", Some("10s")),
        ("duration>ten", "ten", "not a duration", None),
        ("duration>10y", "10y", "not a duration", None),
        (
            "duration>99999999999999d",
            "99999999999999d",
            "not a duration",
            None,
        ),
        ("progress >50", ">50", "without a blank", None),
        ("since:7", "7", "neither", Some("7d")),
        ("since:yesterday", "yesterday", "neither", None),
        ("until:2026-13-01", "2026-13-01", "neither", None),
        ("until:2026-02-30", "2026-02-30", "neither", None),
        ("since:1d,2d", "since:1d,2d", "one value", None),
        ("id:job_1", "job_1", "26 letters", None),
        ("x \"open", "\"open", "closing quote", None),
        ("\"a\"b", "", "blank is missing", None),
        ("\"\"", "\"\"", "nothing between", None),
        ("a - b", "-", "nothing to negate", Some("\"-\"")),
        ("!", "!", "nothing to negate", Some("\"!\"")),
        ("--x", "-x", "must be quoted", Some("\"-x\"")),
    ] {
        let mistake = Query::parse(text, &today()).expect_err(text);
        assert_eq!(&text[mistake.span.clone()], marked, "{text}: {mistake}");
        assert!(mistake.message.contains(says), "{text}: {mistake}");
        assert_eq!(mistake.suggestion.as_deref(), right, "{text}: {mistake}");
    }
    let long = "x".repeat(MAX_BYTES + 1);
    assert!(Query::parse(&long, &today()).is_err());
}

#[test]
fn a_mistake_is_answered_with_its_place() {
    let mistake = Query::parse("a stauts:failed", &today()).unwrap_err();
    let refusal = crate::job::refusal::Refusal::from(&mistake);
    assert_eq!(refusal.code.word(), "bad_query");
    assert_eq!(
        refusal.detail,
        "In the filter, at character 3: there is no field stauts; did you mean status?"
    );
}

#[test]
fn days_begin_and_end_where_the_asker_lives() {
    let tz = TimeZone::fixed(Offset::from_hours(9).unwrap());
    let zone = Today { now: NOW, tz };
    let at = |text: &str| match Query::parse(text, &zone).unwrap().terms()[0].condition {
        Condition::Since(moment) | Condition::Until(moment) => moment.resolve(NOW).to_string(),
        _ => panic!("{text}"),
    };
    assert_eq!(at("since:2026-11-24"), "2026-11-23T15:00:00.000Z");
    assert_eq!(at("until:2026-11-24"), "2026-11-24T14:59:59.999Z");
    assert_eq!(at("since:2026-11-24T12:00"), "2026-11-24T03:00:00.000Z");
    assert_eq!(at("since:1h"), "2026-11-24T02:04:17.120Z");
    assert_eq!(at("until:9990-12-31T00:00:00Z"), "9990-12-31T00:00:00.000Z");
}

#[test]
fn parameters_become_terms() {
    let mut query = Query::parse("-pear", &today()).unwrap();
    query
        .require(Field::Status, "failed,cancelled", &today())
        .unwrap();
    query
        .require(Field::Type, "csv_processing", &today())
        .unwrap();
    query.require(Field::Since, "7d", &today()).unwrap();
    assert_eq!(
        query.to_string(),
        "-pear status:failed,cancelled type:csv_processing since:7d"
    );
    let mistake = query
        .require(Field::Status, "failed,x", &today())
        .unwrap_err();
    assert_eq!(mistake.span, 7..8);
    assert!(query.require(Field::Status, "", &today()).is_err());
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[ -~]{1,12}",
        "\\PC{1,6}",
        "[-!<>=:,\"\\\\ ]{1,5}"
    ]
}

fn list<T: std::fmt::Debug>(one: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    proptest::collection::vec(one, 1..4)
}

fn condition() -> impl Strategy<Value = Condition> {
    let property = prop::sample::select(vec![
        Property::Type,
        Property::User,
        Property::Tag,
        Property::Host,
        Property::Queue,
    ]);
    let place = prop::sample::select(vec![Place::Name, Place::Error]);
    let number = prop_oneof![
        (0_u64..200).prop_map(|n| n as f64),
        (0.0_f64..1e12),
        Just(0.1 + 0.2)
    ];
    let quantity = prop::sample::select(vec![Quantity::Progress, Quantity::Rate, Quantity::Errors]);
    let operator = prop::sample::select(Operator::ALL.to_vec());
    let health = prop::sample::select(vec![Health::Poor, Health::Fair, Health::Good]);
    let length = prop_oneof![0_u64..100_000, 0_u64..1 << 53];
    let needle = || text().prop_map(|t| Needle::new(&t));
    prop_oneof![
        list(prop::sample::select(Status::ALL.to_vec())).prop_map(Condition::Status),
        list(health).prop_map(Condition::Health),
        list(any::<u128>().prop_map(JobId)).prop_map(Condition::Id),
        (property, list(text().prop_map(Into::into))).prop_map(|(p, l)| Condition::Exact(p, l)),
        (place, list(needle())).prop_map(|(p, l)| Condition::Contains(p, l)),
        needle().prop_map(|n| Condition::Contains(Place::Anywhere, vec![n])),
        (quantity, operator.clone(), number).prop_map(|(q, o, n)| Condition::Compare(q, o, n)),
        (operator, length.clone()).prop_map(|(o, ms)| Condition::Compare(
            Quantity::Duration,
            o,
            ms as f64
        )),
        length.prop_map(|ms| Condition::Since(Moment::Ago(ms))),
        (0_i64..4_000_000_000_000).prop_map(|ms| Condition::Until(Moment::At(Timestamp(ms)))),
        (1970_i16..2200, 1_i8..13, 1_i8..29).prop_map(|(y, m, d)| {
            let text = format!("since:{y:04}-{m:02}-{d:02}");
            Query::parse(&text, &today()).unwrap().terms[0]
                .condition
                .clone()
        }),
    ]
}

proptest! {
    #[test]
    fn print_then_parse_is_the_same(
        terms in proptest::collection::vec((any::<bool>(), condition()), 0..6)
    ) {
        let terms = terms
            .into_iter()
            .map(|(negated, condition)| Term { negated, condition })
            .collect();
        let query = Query { terms };
        let printed = query.to_string();
        prop_assert_eq!(Query::parse(&printed, &today()), Ok(query), "{}", printed);
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place(text in "(\\PC|[-!<>=:,\" \\\\]|status|since|id){0,20}") {
        match Query::parse(&text, &today()) {
            Ok(query) => {
                let printed = query.to_string();
                prop_assert_eq!(Query::parse(&printed, &today()), Ok(query.clone()), "{}", printed);
                let _ = query.holds(&facts(&[]), NOW);
            }
            Err(mistake) => {
                prop_assert!(text.get(mistake.span.clone()).is_some(), "{:?}", mistake);
                prop_assert!(!mistake.message.is_empty());
            }
        }
    }
}
