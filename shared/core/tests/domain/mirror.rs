//! A client's replica: snapshots, updates, removals, cuts and new epochs, told as the daemon's messages tell them.

use jobtop_core::mirror::{Changed, Mirror};
use jobtop_core::proto::message::{Message, job_removed, job_snapshot, job_update, with_channel};
use jobtop_core::{Job, JobId, Timestamp};

use super::made::{at, report, running};

/// A job with that number, progress and revision.
fn job(number: u128, progress: u32, revision: u64) -> Job {
    let mut job = running();
    let mut spec = (*job.spec).clone();
    spec.id = id(number);
    job.spec = spec.into();
    job.report(
        &report(&format!(r#"{{"progress": {progress}}}"#)),
        at(1_000),
    )
    .unwrap();
    job.state.revision = revision;
    job
}

fn id(number: u128) -> JobId {
    JobId::new(Timestamp(1_700_000_000_000), number)
}

fn read(frame: &str) -> Message {
    Message::read(frame).unwrap_or_else(|e| panic!("{frame}: {e}"))
}

fn snapshot(number: u128, progress: u32, revision: u64) -> Message {
    read(&with_channel(
        &job_snapshot(&job(number, progress, revision), at(1_000)),
        "jobs",
    ))
}

fn update(number: u128, progress: u32, revision: u64) -> Message {
    read(&with_channel(
        &job_update(&job(number, progress, revision), at(1_000)),
        "jobs",
    ))
}

fn removed(number: u128, revision: u64) -> Message {
    read(&with_channel(
        &job_removed(id(number), revision, at(1_000)),
        "jobs",
    ))
}

fn subscribed(epoch: u64, revision: u64, reset: bool) -> Message {
    read(&format!(
        r#"{{"type":"subscribed","channel":"jobs","revision":{revision},"epoch":{epoch},"reset":{reset}}}"#
    ))
}

fn end(epoch: u64, revision: u64) -> Message {
    read(&format!(
        r#"{{"type":"snapshot_end","channel":"jobs","revision":{revision},"epoch":{epoch}}}"#
    ))
}

/// What the mirror holds: number, progress, whether it is stale; in order.
fn rows(mirror: &Mirror) -> Vec<(u128, f64, bool)> {
    let mut rows: Vec<_> = (1..=9)
        .filter_map(|n| {
            mirror
                .get(id(n))
                .map(|view| (n, view.progress, mirror.is_stale(id(n))))
        })
        .collect();
    assert_eq!(rows.len(), mirror.len());
    rows.sort_by_key(|row| row.0);
    rows
}

fn after(messages: &[Message]) -> Mirror {
    let mut mirror = Mirror::new();
    for message in messages {
        mirror.apply(message);
    }
    mirror
}

#[test]
fn a_snapshot_then_updates_then_a_removal() {
    let mut mirror = Mirror::new();
    assert!(mirror.is_empty());
    assert_eq!(mirror.position(), None);
    assert_eq!(mirror.apply(&subscribed(5, 12, false)), Changed::Nothing);
    assert!(mirror.is_filling());
    assert_eq!(mirror.apply(&snapshot(1, 10, 11)), Changed::Job(id(1)));
    assert_eq!(mirror.apply(&snapshot(2, 20, 12)), Changed::Job(id(2)));
    assert_eq!(
        mirror.position(),
        None,
        "half a snapshot is no place to go on from"
    );
    assert_eq!(mirror.apply(&end(5, 12)), Changed::All);
    assert_eq!(mirror.position(), Some((5, 12)));
    assert_eq!(mirror.apply(&update(1, 15, 13)), Changed::Job(id(1)));
    assert_eq!(rows(&mirror), [(1, 15.0, false), (2, 20.0, false)]);
    assert_eq!(mirror.apply(&removed(2, 14)), Changed::Job(id(2)));
    assert_eq!(mirror.apply(&removed(2, 14)), Changed::Nothing);
    assert_eq!(rows(&mirror), [(1, 15.0, false)]);
    assert_eq!(mirror.position(), Some((5, 14)));
}

#[test]
fn what_is_older_or_unknown_changes_nothing() {
    let mut mirror = after(&[subscribed(5, 12, false), snapshot(1, 50, 12), end(5, 12)]);
    for message in [
        update(1, 40, 11),
        update(1, 40, 12),
        snapshot(1, 40, 11),
        update(2, 10, 13),
        read(r#"{"type":"pong","revision":99}"#),
        read(r#"{"type":"something_new","jobId":"job_1"}"#),
    ] {
        assert_eq!(mirror.apply(&message), Changed::Nothing, "{message:?}");
        assert_eq!(rows(&mirror), [(1, 50.0, false)]);
    }
}

#[test]
fn a_cut_is_caught_up_from_where_it_was() {
    let mut mirror = after(&[
        subscribed(5, 12, false),
        snapshot(1, 10, 11),
        snapshot(2, 20, 12),
        end(5, 12),
    ]);
    // The client asks `after: 12`; the rows stay as they are, and nothing counts as gone by its absence.
    mirror.apply(&subscribed(5, 15, false));
    assert!(!mirror.is_filling());
    for message in [
        snapshot(3, 30, 13),
        update(1, 60, 14),
        removed(2, 15),
        end(5, 15),
    ] {
        mirror.apply(&message);
    }
    assert_eq!(rows(&mirror), [(1, 60.0, false), (3, 30.0, false)]);
    assert_eq!(mirror.position(), Some((5, 15)));
}

#[test]
fn another_epoch_keeps_the_rows_until_it_is_known_who_is_left() {
    for reset in [true, false] {
        let mut mirror = after(&[
            subscribed(5, 900, false),
            snapshot(1, 10, 899),
            snapshot(2, 20, 900),
            snapshot(3, 30, 900),
            end(5, 900),
        ]);
        mirror.apply(&subscribed(6, 3, reset));
        assert_eq!(
            rows(&mirror),
            [(1, 10.0, true), (2, 20.0, true), (3, 30.0, true)]
        );
        assert_eq!(mirror.position(), None);
        // Small revisions of the new epoch count, whatever the old ones were.
        mirror.apply(&snapshot(1, 11, 1));
        mirror.apply(&update(2, 22, 2));
        assert_eq!(
            rows(&mirror),
            [(1, 11.0, false), (2, 22.0, false), (3, 30.0, true)]
        );
        mirror.apply(&end(6, 3));
        assert_eq!(rows(&mirror), [(1, 11.0, false), (2, 22.0, false)]);
        assert_eq!(mirror.position(), Some((6, 3)));
        assert_eq!(mirror.apply(&update(1, 12, 4)), Changed::Job(id(1)));
    }
}

#[test]
fn a_reset_within_an_epoch_begins_anew_too() {
    let mut mirror = after(&[subscribed(5, 2, false), snapshot(1, 10, 2), end(5, 2)]);
    for message in [
        subscribed(5, 9_000, true),
        snapshot(2, 20, 9_000),
        end(5, 9_000),
    ] {
        mirror.apply(&message);
    }
    assert_eq!(rows(&mirror), [(2, 20.0, false)]);
}

#[test]
fn a_snapshot_cut_in_the_middle_leaves_no_ghosts() {
    // Job 1 was in the half that came; it leaves while the connection is gone.
    let mut mirror = after(&[subscribed(5, 12, false), snapshot(1, 10, 11)]);
    for message in [subscribed(5, 14, false), snapshot(2, 20, 12), end(5, 14)] {
        mirror.apply(&message);
    }
    assert_eq!(rows(&mirror), [(2, 20.0, false)]);
}
