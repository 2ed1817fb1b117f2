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

/// A look at offsets alone.
fn offsets(observer: &mut Observer, files: &[OpenFile]) -> Option<Reading> {
    observer.look(files, None, Vec::new)
}

/// Feeds the looks one after the other: what each said, as (percent, processed, total).
fn check(looks: &[&[File]], expected: &[Option<(f64, u64, u64)>]) {
    let mut observer = Observer::default();
    let said: Vec<_> = looks
        .iter()
        .map(|files| {
            let files: Vec<_> = files.iter().map(|file| open(file, Mode::Read)).collect();
            offsets(&mut observer, &files).map(|r| (r.progress, r.processed_bytes, r.total_bytes))
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
        assert_eq!(offsets(&mut observer, &[open(&file, Mode::Write)]), None);
        let both = [open(&file, Mode::Read), open(&file, Mode::Write)];
        assert_eq!(offsets(&mut observer, &both), None);
        assert_eq!(offsets(&mut observer, &[open(&file, Mode::Neither)]), None);
    }
}

#[test]
fn the_furthest_of_several_readers_counts() {
    let mut observer = Observer::default();
    offsets(&mut observer, &[open(&(1, 100, 0), Mode::Read)]);
    let said = offsets(
        &mut observer,
        &[
            open(&(1, 100, 30), Mode::Read),
            open(&(1, 100, 60), Mode::Read),
        ],
    );
    assert_eq!(said.map(|r| r.processed_bytes), Some(60));
}

const MIB: u64 = 1024 * 1024;

/// Looks of (files, MiB read, MiB resident of a mapped file of 100 MiB); what each said, as (percent, source).
fn check_sources(looks: &[(&[File], u64, Option<u64>)], expected: &[Option<(f64, &str)>]) {
    let mut observer = Observer::default();
    let said: Vec<_> = looks
        .iter()
        .map(|(files, read, resident)| {
            let files: Vec<_> = files.iter().map(|file| open(file, Mode::Read)).collect();
            let mapped = || {
                resident.map_or_else(Vec::new, |resident| {
                    let id = FileId {
                        device: 1,
                        inode: 1,
                    };
                    vec![Mapped {
                        id,
                        size: 100 * MIB,
                        resident: resident * MIB,
                    }]
                })
            };
            observer
                .look(&files, Some(read * MIB), mapped)
                .map(|r| (r.progress, r.source.word()))
        })
        .collect();
    assert_eq!(said, expected, "{looks:?}");
}

#[test]
fn a_file_read_without_moving_its_offset_is_told_by_what_was_read() {
    let input: &[File] = &[(1, 100 * MIB, 0)];
    check_sources(
        &[
            // The program's own modules.
            (&[], 30, None),
            (input, 31, None),
            (input, 50, None),
            // A child ended and its parent has not noticed yet.
            (input, 20, None),
            (input, 80, None),
            (input, 300, None),
        ],
        &[
            None,
            None,
            Some((20.0, "reads")),
            None,
            Some((50.0, "reads")),
            Some((99.9, "reads")),
        ],
    );
}

#[test]
fn a_mapped_file_is_told_by_what_of_it_is_in_memory() {
    let input: &[File] = &[(1, 100 * MIB, 0)];
    check_sources(
        &[
            (input, 30, Some(0)),
            (input, 30, Some(11)),
            (&[], 30, Some(52)),
            (&[], 30, Some(40)),
            (&[], 30, None),
        ],
        &[
            None,
            Some((11.0, "mapping")),
            Some((52.0, "mapping")),
            Some((52.0, "mapping")),
            None,
        ],
    );
}

#[test]
fn a_better_source_takes_over_only_where_nothing_falls() {
    check_sources(
        &[
            (&[(1, 100 * MIB, 0)], 0, Some(20)),
            (&[(1, 100 * MIB, 0)], 0, Some(30)),
            (&[(1, 100 * MIB, 0)], 20, Some(40)),
            (&[(1, 100 * MIB, 0)], 60, Some(45)),
            (&[(1, 100 * MIB, 50 * MIB)], 60, None),
            (&[(1, 100 * MIB, 70 * MIB)], 70, None),
        ],
        &[
            None,
            Some((30.0, "mapping")),
            Some((40.0, "mapping")),
            Some((60.0, "reads")),
            None,
            Some((70.0, "file offset")),
        ],
    );
    // A small file read on the way is not what the command works on.
    check_sources(
        &[
            (&[(1, 100 * MIB, 0), (2, MIB, 0)], 0, None),
            (&[(1, 100 * MIB, 0), (2, MIB, MIB)], 10, None),
        ],
        &[None, Some((10.0, "reads"))],
    );
}
