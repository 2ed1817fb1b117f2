//! Whole outputs, and what they say at last.

use proptest::prelude::*;

use super::*;

/// Everything that is said of an output that comes in pieces of that size, ending with some quiet.
fn all(output: &[u8], cut: usize) -> Vec<Said> {
    let mut recogniser = Recogniser::new();
    let mut said: Vec<Said> = output
        .chunks(cut)
        .filter_map(|piece| recogniser.feed(piece, 1000))
        .collect();
    said.extend(recogniser.feed(&[], 2000));
    said
}

/// What is said at last, in short: `part percent items step state`.
fn last(output: &str) -> String {
    let outcomes = [1, 7, 4096].map(|cut| all(output.as_bytes(), cut).pop());
    assert_eq!(outcomes[0], outcomes[1], "{output:?}");
    assert_eq!(outcomes[1], outcomes[2], "{output:?}");
    let [said, ..] = outcomes;
    let Some(said) = said else {
        return "nothing".to_owned();
    };
    let progress = said.progress.map(|progress| format!(" {progress:.1}%"));
    let items = said.items.map(|(done, total)| match total {
        Some(total) => format!(" {done}/{total}"),
        None => format!(" {done}"),
    });
    let step = said.step.map(|step| format!(" {step}"));
    let state = (said.state != State::Normal).then(|| format!(" {:?}", said.state));
    [
        Some(format!("{}:", said.part)),
        progress,
        items,
        step,
        state,
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn what_stands_there_at_last_is_said() {
    for (output, expected) in [
        (
            "\r  0%|          | 0/300 [00:00<?, ?it/s]\r 17%|█         | 50/300 [00:00<00:01, 240.47it/s]",
            "1: 16.7% 50/300",
        ),
        ("####  10.0%\r#####  16.9%", "1: 16.9%"),
        ("[1/20] a\n[2/20] b\n", "nothing"),
        (
            "[1/20] a\n[2/20] b\nwarning: x\n[3/20] c\n",
            "1: 15.0% 3/20",
        ),
        ("\r[15/20] cmd\x1b[K\r[16/20] cmd\x1b[K", "1: 80.0% 16/20"),
        (
            "Receiving objects:  10% (3/31)\rReceiving objects: 100% (31/31), done.\nResolving deltas:   0% (0/4)\rResolving deltas:  50% (2/4)\r",
            "2: 50.0% 2/4 Resolving deltas",
        ),
        ("\x1b]9;4;1;40\x1b\\", "1: 40.0%"),
        ("\x1b]9;4;1;40\x07\x1b]9;4;1;5\x07", "2: 5.0%"),
        ("\x1b]9;4;1;40\x07\x1b]9;4;1;35\x07", "1: 40.0%"),
        ("\x1b]9;4;2;40\x07", "1: 40.0% Error"),
        ("\x1b]9;4;4;40\x07", "1: 40.0% Paused"),
        ("\x1b]9;4;1;40\x07\x1b]9;4;3\x07", "1: Indeterminate"),
        ("\x1b]9;4;1;40\x07\x1b]9;4;0\x07", "1: Gone"),
        // A fall begins a new step, a small one does not.
        ("\rread 50%\rread 90%\rread 88%", "1: 90.0% read"),
        ("\rread 50%\rread 95%\rsort 3%", "2: 3.0% sort"),
        // Lines that say the same thing with growing values.
        ("progress: 10%\nprogress: 20%\nprogress: 30%\n", "1: 30.0%"),
        (
            "10:01 done 10%\nx\n10:02 done 20%\ny\n10:03 done 30%\n",
            "1: 30.0%",
        ),
        (
            "row 100 of 1000\nrow 200 of 1000\nrow 300 of 1000\n",
            "1: 30.0% 300/1000",
        ),
        // What falls and rises is a gauge.
        ("\ra 10%\ra 60%\ra 30%\ra 70%\ra 20%\ra 50%", "2: Gone"),
    ] {
        assert_eq!(last(output), expected, "{output:?}");
    }
}

#[test]
fn of_several_bars_the_outermost_counts() {
    let outer = |n: u32| format!("\router: {:3}%|#| {n}/10 [00:00<00:01, 9.0it/s]", n * 10);
    let inner = |n: u32| {
        format!(
            "\n\rinner: {:3}%|#| {n}/4 [00:00<00:01, 9.0it/s]\x1b[A",
            n * 25
        )
    };
    let mut output = outer(0);
    for round in 1..=3 {
        for step in 0..=4 {
            output += &inner(step);
        }
        output += &outer(round);
    }
    output += &inner(1);
    assert_eq!(last(&output), "1: 30.0% 3/10 outer");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), cut in 1usize..40) {
        let mut lines = LastLines::new();
        let mut channel = channel::Recogniser::new();
        for piece in bytes.chunks(cut) {
            lines.feed(piece);
            channel.feed(piece);
        }
        prop_assert_eq!(all(&bytes, cut).pop(), all(&bytes, 10_000).pop());
        let mut whole = LastLines::new();
        whole.feed(&bytes);
        prop_assert_eq!(whole.lines(), lines.lines());
    }

    #[test]
    fn however_an_output_is_cut_it_says_the_same(pieces in prop::collection::vec(piece(), 0..40), cut in 1usize..9) {
        let output = pieces.concat();
        prop_assert_eq!(all(output.as_bytes(), cut).pop(), all(output.as_bytes(), 10_000).pop());
        let mut lines = LastLines::new();
        output.as_bytes().chunks(cut).for_each(|piece| lines.feed(piece));
        let mut whole = LastLines::new();
        whole.feed(output.as_bytes());
        prop_assert_eq!(whole.lines(), lines.lines());
    }
}

/// Something that occurs in outputs with bars.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\r".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\x08".to_owned()),
        Just("\x1b[K".to_owned()),
        Just("\x1b[2K".to_owned()),
        Just("\x1b[A".to_owned()),
        Just("\x1b[3A".to_owned()),
        Just("\x1b[B".to_owned()),
        Just("\x1b[J".to_owned()),
        Just("\x1b[5G".to_owned()),
        Just("\x1b[24;1H".to_owned()),
        Just("\x1b7".to_owned()),
        Just("\x1b8".to_owned()),
        Just("\x1b[32m".to_owned()),
        Just("━━╸ ".to_owned()),
        "[a-c]{1,3}",
        (0u32..120).prop_map(|n| format!(" {n}%")),
        (0u32..20, 1u32..20).prop_map(|(n, m)| format!("[{n}/{m}] ")),
        (0u32..120).prop_map(|n| format!("\rload: {n:3}%|#| {n}/100 [00:00<00:01, 9.0it/s]")),
        (0u32..120).prop_map(|n| format!("\x1b]9;4;1;{n}\x07")),
        (0u32..120).prop_map(|n| format!("{n}\n")),
        (0u32..100).prop_map(|n| format!("progress {n}%\n")),
    ]
}
