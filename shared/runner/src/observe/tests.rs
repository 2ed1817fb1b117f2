//! Looks at files in, readings out.

use super::*;
use crate::proc::parse::FdInfo;

/// A file of a look: inode, size, offset.
type File = (u64, u64, u64);

fn open(&(inode, size, position): &File, mode: Mode) -> OpenFile {
    OpenFile {
        id: FileId { device: 1, inode },
        size,
        info: FdInfo { position, mode },
    }
}

/// Feeds the looks one after the other: what each said, as (percent, processed, total).
fn check(looks: &[&[File]], expected: &[Option<(f64, u64, u64)>]) {
    let mut observer = Observer::default();
    let said: Vec<_> = looks
        .iter()
        .map(|files| {
            let files: Vec<_> = files.iter().map(|file| open(file, Mode::Read)).collect();
            observer
                .look(&files)
                .map(|r| (r.progress, r.processed_bytes, r.total_bytes))
        })
        .collect();
    assert_eq!(said, expected, "{looks:?}");
}

#[test]
fn one_file_is_told_by_its_offset() {
    check(
        &[
            &[(1, 1000, 0)],
            &[(1, 1000, 100)],
            &[(1, 1000, 100)],
            &[(1, 1000, 335)],
            &[(1, 1000, 900)],
            &[],
            &[],
            &[],
        ],
        &[
            None,
            Some((10.0, 100, 1000)),
            None,
            Some((33.5, 335, 1000)),
            Some((90.0, 900, 1000)),
            None,
            Some((99.9, 1000, 1000)),
            None,
        ],
    );
}

#[test]
fn what_does_not_move_says_nothing() {
    // Left at its start (a mapped file), its end read first (an archive's directory), never read again.
    check(&[&[(1, 1000, 0)], &[(1, 1000, 0)]], &[None, None]);
    check(
        &[&[(1, 1000, 990)], &[(1, 1000, 20)], &[(1, 1000, 20)]],
        &[None, None, None],
    );
    check(&[&[]], &[None]);
}

#[test]
fn files_one_after_the_other_add_up_and_progress_never_falls() {
    check(
        &[
            &[(1, 100, 10)],
            &[(1, 100, 90)],
            &[(2, 300, 5)],
            &[(2, 300, 30)],
            &[(2, 300, 299)],
        ],
        &[
            None,
            Some((90.0, 90, 100)),
            None,
            Some((90.0, 130, 400)),
            Some((99.7, 399, 400)),
        ],
    );
    // A small one first, then the large one: the sum has soon caught up.
    check(
        &[
            &[(1, 100, 0)],
            &[(1, 100, 20)],
            &[(2, 900, 0), (1, 100, 20)],
            &[(2, 900, 300), (1, 100, 100)],
        ],
        &[None, Some((20.0, 20, 100)), None, Some((40.0, 400, 1000))],
    );
}

#[test]
fn files_side_by_side_are_summed() {
    check(
        &[
            &[(1, 100, 0), (2, 300, 0)],
            &[(1, 100, 50), (2, 300, 150)],
            &[(1, 100, 100), (2, 300, 200)],
        ],
        &[None, Some((50.0, 200, 400)), Some((75.0, 300, 400))],
    );
}

#[test]
fn a_second_pass_does_not_turn_the_bar_back() {
    check(
        &[&[(1, 100, 0)], &[(1, 100, 80)], &[(1, 100, 10)]],
        &[None, Some((80.0, 80, 100)), Some((80.0, 10, 100))],
    );
}

#[test]
fn a_file_that_shrinks_or_grows_keeps_within_bounds() {
    check(
        &[
            &[(1, 100, 0)],
            &[(1, 100, 50)],
            &[(1, 40, 60)],
            &[(1, 1000, 70)],
        ],
        &[
            None,
            Some((50.0, 50, 100)),
            Some((99.9, 40, 40)),
            Some((99.9, 70, 1000)),
        ],
    );
}

#[test]
fn what_is_written_is_not_read() {
    let mut observer = Observer::default();
    for position in [0, 10, 20] {
        let file = (1, 100, position);
        assert_eq!(observer.look(&[open(&file, Mode::Write)]), None);
        let both = [open(&file, Mode::Read), open(&file, Mode::Write)];
        assert_eq!(observer.look(&both), None);
        assert_eq!(observer.look(&[open(&file, Mode::Neither)]), None);
    }
}

#[test]
fn the_furthest_of_several_readers_counts() {
    let mut observer = Observer::default();
    observer.look(&[open(&(1, 100, 0), Mode::Read)]);
    let said = observer.look(&[
        open(&(1, 100, 30), Mode::Read),
        open(&(1, 100, 60), Mode::Read),
    ]);
    assert_eq!(said.map(|r| r.processed_bytes), Some(60));
}
