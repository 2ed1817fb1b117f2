//! The ladder, fed requests and looks at their seconds.

use super::*;

enum Input {
    Asked(Action),
    /// alive, stopped
    Looked(usize, usize),
    /// The same after the command itself ended.
    Gone(usize, Exit),
}
use Action::{Cancel, Pause, Resume};
use Input::{Asked, Gone, Looked};
use Push::{Continue, Kill, Stop, Terminate};

/// Feeds inputs at their seconds; what came out, as short words.
fn check(inputs: &[(f64, Input)], expected: &[&[&str]]) {
    let mut ladder = Ladder::new(Duration::from_secs(10));
    let start = Instant::now();
    let got: Vec<Vec<String>> = inputs
        .iter()
        .map(|(at, input)| {
            let now = start + Duration::from_secs_f64(*at);
            let effects = match *input {
                Asked(action) => ladder.asked(action, now),
                Looked(alive, stopped) => ladder.looked(&look(alive, stopped, None), now),
                Gone(alive, exit) => ladder.looked(&look(alive, 0, Some(exit)), now),
            };
            effects.into_iter().map(word).collect()
        })
        .collect();
    assert_eq!(got, expected);
}

fn look(alive: usize, stopped: usize, exit: Option<Exit>) -> Look {
    let moving = (alive > stopped).then(|| "7 (x)".to_owned());
    Look {
        alive,
        stopped,
        held: 0,
        moving,
        exit,
    }
}

fn word(effect: Effect) -> String {
    match effect {
        Effect::Push(Stop) => "STOP".to_owned(),
        Effect::Push(Continue) => "CONT".to_owned(),
        Effect::Push(Terminate) => "TERM".to_owned(),
        Effect::Push(Kill) => "KILL".to_owned(),
        Effect::Answer(answer) => {
            let ok = if answer.ok { "ok" } else { "no" };
            format!("{} {ok}: {}", answer.action.word(), answer.message)
        }
    }
}

#[test]
fn a_pause_is_done_when_all_are_stopped() {
    check(
        &[
            (0.0, Asked(Pause)),
            (0.1, Asked(Pause)),
            (0.1, Looked(3, 2)),
            (0.2, Looked(3, 3)),
            (0.3, Asked(Pause)),
            (0.4, Looked(3, 3)),
            (9.0, Asked(Resume)),
            (9.1, Asked(Resume)),
            (9.1, Looked(3, 1)),
            (9.2, Looked(3, 0)),
        ],
        &[
            &["STOP"],
            &[],
            &["STOP"],
            &["pause ok: its 3 processes are stopped"],
            &["STOP"],
            &["pause ok: its 3 processes are stopped"],
            &["CONT"],
            &[],
            &["CONT"],
            &["resume ok: it goes on"],
        ],
    );
}

#[test]
fn who_is_held_by_the_kernel_counts_as_stopped_after_a_while() {
    let held = Look {
        alive: 2,
        stopped: 1,
        held: 1,
        ..Look::default()
    };
    let start = Instant::now();
    let mut ladder = Ladder::new(Duration::ZERO);
    ladder.asked(Pause, start);
    let soon = ladder.looked(&held, start + Duration::from_millis(100));
    assert_eq!(soon, [Effect::Push(Stop)]);
    let later = ladder.looked(&held, start + Duration::from_millis(200));
    assert!(matches!(&later[..], [Effect::Answer(answer)] if answer.ok));
}

#[test]
fn what_does_not_come_true_is_refused() {
    check(
        &[
            (0.0, Asked(Pause)),
            (2.0, Looked(2, 1)),
            (3.0, Asked(Pause)),
            (3.1, Looked(1, 1)),
            (4.0, Asked(Resume)),
            (6.0, Looked(1, 1)),
            (7.0, Asked(Pause)),
        ],
        &[
            &["STOP"],
            &["CONT", "pause no: 7 (x) did not stop"],
            &["STOP"],
            &["pause ok: its process is stopped"],
            &["CONT"],
            &["resume no: it stays stopped: a debugger may hold it"],
            &["STOP"],
        ],
    );
}

#[test]
fn a_cancel_is_done_when_all_are_gone() {
    check(
        &[
            (0.0, Asked(Cancel)),
            (0.1, Looked(2, 0)),
            (0.1, Asked(Cancel)),
            (0.1, Asked(Pause)),
            (0.2, Gone(1, Exit::Signal(15))),
            (0.3, Gone(0, Exit::Signal(15))),
            (0.4, Asked(Resume)),
            (0.4, Asked(Cancel)),
        ],
        &[
            &["TERM"],
            &[],
            &[],
            &["pause no: it is being cancelled"],
            &[],
            &["cancel ok: ended by SIGTERM after 0.3 s"],
            &["resume no: it is being cancelled"],
            &["cancel ok: it has ended"],
        ],
    );
    check(
        &[
            (0.0, Asked(Pause)),
            (0.1, Looked(1, 1)),
            (5.0, Asked(Cancel)),
            (5.1, Looked(1, 1)),
            (5.2, Gone(0, Exit::Code(0))),
        ],
        &[
            &["STOP"],
            &["pause ok: its process is stopped"],
            &["TERM", "CONT"],
            &["CONT"],
            &["cancel ok: ended with exit code 0 0.2 s after SIGTERM"],
        ],
    );
}

#[test]
fn who_does_not_obey_is_killed_after_the_grace() {
    check(
        &[
            (0.0, Asked(Cancel)),
            (9.9, Looked(2, 0)),
            (10.0, Looked(2, 0)),
            (10.1, Gone(1, Exit::Signal(9))),
            (10.2, Gone(0, Exit::Signal(9))),
        ],
        &[
            &["TERM"],
            &[],
            &["KILL"],
            &["KILL"],
            &["cancel ok: ended by SIGKILL after 10.2 s: it did not obey SIGTERM"],
        ],
    );
    check(
        &[
            (0.0, Asked(Cancel)),
            (40.0, Looked(1, 0)),
            (40.1, Gone(1, Exit::Signal(9))),
        ],
        &[
            &["TERM"],
            &["KILL"],
            &["cancel no: the command has ended, but 7 (x) can't be ended"],
        ],
    );
}

#[test]
fn an_end_answers_what_was_open() {
    for (action, expected) in [(Pause, Some(Pause)), (Resume, Some(Resume)), (Cancel, None)] {
        let mut ladder = Ladder::new(Duration::ZERO);
        ladder.asked(action, Instant::now());
        assert_eq!(ladder.ended().map(|answer| answer.action), expected);
    }
}
