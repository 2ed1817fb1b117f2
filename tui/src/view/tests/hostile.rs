//! Names and messages of strangers: nothing of them steers the terminal, and columns stay where they are.

use jobtop_core::proto::view::View;

use super::{frame, text};
use crate::app::tests::person::{Person, job};

const HOSTILE: [&str; 8] = [
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "a\r\nb\tc",
    "gnp.\u{202e}vsc.exe",
    "zero\u{200b}width\u{feff}",
    "family \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "heart \u{2764}\u{fe0f} e\u{301}",
    "全角テキスト全角テキスト全角テキスト全角テキスト",
];

/// A job that says the hostile thing wherever it can.
fn hostile(n: u32, said: &str) -> View {
    let mut job = job(n);
    job.name = said.into();
    job.message = Some(said.into());
    job.progress_source = Some(said.into());
    job.host = Some(said.into());
    job.queue = said.into();
    job.tags = vec![said.into()].into();
    job.steps = vec![said.into(); 4].into();
    job.status = jobtop_core::Status::Failed;
    job.error = Some(said.into());
    let detail = serde_json::json!({
        "code": said, "message": said, "step": said, "suggestion": said, "lastLines": [said, said],
    });
    job.error_detail = Some(serde_json::from_value(detail).unwrap());
    job
}

fn steers(c: char) -> bool {
    c.is_control()
        || ('\u{200b}'..='\u{200f}').contains(&c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || c == '\u{feff}'
}

#[test]
fn nothing_that_steers_is_drawn() {
    for said in HOSTILE {
        for keys in ["", "Enter", "x", "/"] {
            let mut person = Person::with([hostile(1, said), job(2)]);
            if keys == "x" {
                // The question names the job: a running one.
                let mut running = job(1);
                running.name = said.into();
                person = Person::with([running]);
            }
            if !keys.is_empty() {
                person.press(keys);
            }
            if keys == "/" {
                person.write(said);
            }
            for (width, height) in [(60, 12), (160, 60)] {
                let drawn = text(&frame(&mut person, width, height)).replace('\n', "");
                assert!(!drawn.chars().any(steers), "{said:?} {keys}: {drawn:?}");
            }
        }
    }
}

#[test]
fn refusals_and_reasons_are_cleaned_too() {
    for said in HOSTILE {
        let mut person = Person::with([job(1)]);
        person.happen(crate::app::Event::Refused(said.to_owned()));
        let drawn = text(&frame(&mut person, 80, 24)).replace('\n', "");
        assert!(!drawn.chars().any(steers), "{drawn:?}");
        person.link(crate::app::link::State::Waiting {
            reason: said.to_owned(),
            retry_at: 0,
        });
        let drawn = text(&frame(&mut person, 200, 24)).replace('\n', "");
        assert!(!drawn.chars().any(steers), "{drawn:?}");
    }
}

#[test]
fn columns_stay_aligned_whatever_the_name() {
    let mut jobs = vec![job(1)];
    for (n, said) in HOSTILE.iter().enumerate() {
        let mut one = job(n as u32 + 2);
        one.name = (*said).into();
        jobs.push(one);
    }
    let rows = jobs.len() as u16;
    let mut person = Person::with(jobs);
    let buffer = frame(&mut person, 80, 24);
    let percent = |y: u16| (0..80).rev().find(|x| buffer[(*x, y)].symbol() == "%");
    let first = percent(3);
    assert!(first.is_some());
    assert!((3..3 + rows).all(|y| percent(y) == first));
}
