//! Whatever somebody types as a filter: it is read without a panic, a mistake points into the text, and what is read prints
//! as something that reads as the same.

#![no_main]

use jiff::tz::TimeZone;
use jobtop_core::Timestamp;
use jobtop_core::query::{Query, Today};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let today = Today {
        now: Timestamp(1_795_489_457_120),
        tz: TimeZone::UTC,
    };
    match Query::parse(text, &today) {
        Ok(query) => {
            let printed = query.to_string();
            if let Ok(again) = Query::parse(&printed, &today) {
                assert_eq!(again, query, "{printed}");
            } else {
                // What is printed may be longer than what may be typed.
                assert!(printed.len() > jobtop_core::query::MAX_BYTES, "{printed}");
            }
        }
        Err(mistake) => {
            let span = mistake.span;
            assert!(span.start <= span.end && span.end <= text.len());
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
        }
    }
});
