//! Tables: what is heard, in its order, and what is told of it.

use super::*;

#[derive(Clone)]
enum Heard {
    /// The output: per cent, part, name.
    Says(f64, u32, Option<&'static str>),
    /// It takes its progress away.
    Gone,
    /// A line on the descriptor.
    Line(&'static str),
    /// Bytes of a hundred in the files.
    Seen(f64),
    /// Earlier runs let expect that.
    Guessed(f64),
}

use Heard::{Gone, Guessed, Line, Says, Seen};

/// What is told of each: step index and name, per cent, source; `-` where nothing is.
fn told(heard: &[Heard]) -> Vec<String> {
    let mut chooser = Chooser::new();
    let mut state = Report::default();
    let mut channel = crate::output::channel::Recogniser::new();
    let mut all = Vec::new();
    for one in heard {
        let report = match one.clone() {
            Says(percent, part, step) => chooser.output(&Said {
                progress: Some(percent),
                part,
                step: step.map(str::to_owned),
                ..Said::default()
            }),
            Gone => chooser.output(&Said {
                state: State::Gone,
                ..Said::default()
            }),
            Line(line) => channel.feed(line.as_bytes()).map(|line| chooser.told(line)),
            Guessed(percent) => chooser.guessed(percent),
            Seen(percent) => chooser.seen(&Reading {
                source: crate::observe::Source::FileOffset,
                progress: percent,
                processed_bytes: percent as u64,
                total_bytes: 100,
            }),
        };
        let Some(report) = report else {
            all.push("-".to_owned());
            continue;
        };
        state.steps = report.steps.or(state.steps);
        state.step = report.step.or(state.step);
        let index = match state.step {
            Some(StepRef::Index(index)) => index as usize,
            _ => 0,
        };
        let name = match &state.steps {
            Some(steps) => steps[index].to_string(),
            None => "?".to_owned(),
        };
        let percent = report
            .progress
            .map_or_else(|| "-".to_owned(), |it| it.to_string());
        let source = report.progress_source.as_deref().unwrap_or("-").to_owned();
        all.push(format!("{index} {name} {percent} {source}"));
    }
    all
}

fn check(heard: &[Heard], expected: &[&str]) {
    assert_eq!(told(heard), expected);
}

#[test]
fn what_the_program_says_counts_more_than_what_is_seen() {
    check(
        &[Seen(3.0), Says(4.0, 0, None), Seen(9.0), Says(5.0, 0, None)],
        &["0 ? 3 file offset", "0 ? 4 output", "-", "0 ? 5 output"],
    );
    check(
        &[
            Says(40.0, 0, None),
            Line("10\n"),
            Says(50.0, 0, None),
            Seen(60.0),
        ],
        &["0 ? 40 output", "1 Step 2 10 output", "-", "-"],
    );
    // What is taken away leaves the place to what is seen, and what was told stands.
    check(
        &[Says(4.0, 0, None), Gone, Seen(3.0), Seen(6.0)],
        &[
            "0 ? 4 output",
            "-",
            "0 ? 4 file offset",
            "0 ? 6 file offset",
        ],
    );
}

#[test]
fn what_earlier_runs_let_expect_is_told_until_somebody_knows() {
    check(
        &[
            Guessed(20.0),
            Guessed(31.0),
            Seen(3.0),
            Guessed(40.0),
            Seen(4.0),
        ],
        &[
            "0 ? 20 history",
            "0 ? 31 history",
            "0 ? 3 file offset",
            "-",
            "0 ? 4 file offset",
        ],
    );
    // A guess that proves wrong is no fall of what the program says.
    check(
        &[Guessed(60.0), Says(5.0, 0, None), Guessed(70.0)],
        &["0 ? 60 history", "0 ? 5 output", "-"],
    );
    check(
        &[Guessed(60.0), Line("5\n"), Guessed(70.0)],
        &["0 ? 60 history", "0 ? 5 output", "-"],
    );
    check(&[Guessed(100.0)], &["0 ? 99.9 history"]);
}

#[test]
fn it_never_falls_within_a_step_and_is_never_100() {
    check(
        &[
            Says(99.96, 0, None),
            Says(100.0, 0, None),
            Says(97.0, 0, None),
        ],
        &["0 ? 99.9 output"; 3],
    );
    check(
        &[
            Line("100\n"),
            Line("{\"processedItems\":5,\"totalItems\":5}\n"),
        ],
        &["0 ? 99.9 output"; 2],
    );
    check(
        &[
            Line("{\"steps\":[\"a\",\"b\"],\"progress\":70}\n"),
            Line("10\n"),
        ],
        &["0 a 70 output"; 2],
    );
    check(&[Seen(100.0)], &["0 ? 99.9 file offset"]);
}

#[test]
fn a_fall_starts_a_new_step() {
    check(
        &[
            Says(100.0, 0, None),
            Says(1.0, 1, None),
            Says(2.0, 2, Some("Map")),
        ],
        &["0 ? 99.9 output", "1 Step 2 1 output", "2 Map 2 output"],
    );
    // A reader of its input that then draws a bar.
    check(
        &[Seen(99.9), Says(0.0, 0, Some("Fit"))],
        &["0 ? 99.9 file offset", "1 Fit 0 output"],
    );
    check(
        &[Line("90\n"), Line("1\n")],
        &["0 ? 90 output", "1 Step 2 1 output"],
    );
}

#[test]
fn steps_have_the_names_that_the_program_gives_them() {
    check(
        &[
            Says(1.0, 3, Some("Load 1")),
            Says(2.0, 3, Some("Load 2")),
            Says(0.0, 4, Some("Map")),
        ],
        &["0 Load 1 1 output", "0 Load 1 2 output", "1 Map 0 output"],
    );
    check(
        &[
            Line("{\"steps\":[\"Read\",\"Map\"]}\n"),
            Line("{\"step\":\"Map\",\"progress\":5}\n"),
            Line("{\"step\":\"Write\"}\n"),
            Line("1\n"),
            Line("{\"step\":\"Read\",\"progress\":0}\n"),
        ],
        &[
            "0 Read - -",
            "1 Map 5 output",
            "2 Write - -",
            "2 Write 1 output",
            "0 Read 0 output",
        ],
    );
    check(
        &[Line("{\"step\":\"Read\",\"progress\":5}\n")],
        &["0 Read 5 output"],
    );
}

#[test]
fn there_are_never_more_steps_than_a_job_may_have() {
    let mut chooser = Chooser::new();
    for part in 0..1000 {
        let report = chooser.output(&Said {
            progress: Some(50.0),
            part,
            ..Said::default()
        });
        let steps = report.and_then(|report| report.steps);
        assert!(steps.is_none_or(|steps| steps.len() <= MAX_STEPS));
    }
}

#[test]
fn counts_without_an_end_are_told_without_a_percentage() {
    let counted = Said {
        bytes: Some((7, None)),
        ..Said::default()
    };
    let report = Chooser::new().output(&counted).unwrap();
    assert_eq!((report.progress, report.progress_source), (None, None));
    assert_eq!(report.metrics.unwrap().processed_bytes, Some(7));
    let counted = Said {
        items: Some((10, Some(10))),
        ..Said::default()
    };
    let report = Chooser::new().output(&counted).unwrap();
    assert_eq!(report.progress, Some(MOST));
}
