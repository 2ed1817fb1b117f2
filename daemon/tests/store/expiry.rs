//! What is too old goes, what is not stays.

use std::time::Duration;

use jobtopd::store::Settings;

use crate::kept::{Kept, ended_ago, id, wait_for, whole};

const MINUTE: i64 = 60_000;

#[tokio::test]
async fn an_expired_period_goes_with_its_folder_and_the_filter_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    let short = Settings {
        // Periods of a minute.
        retention_ms: 8 * MINUTE as u64,
        look_ms: 300,
        ring: 0,
        ..Settings::default()
    };
    let kept = Kept::open(dir.path(), &short);
    let now = kept.clock.now();
    for (number, age) in [(1, 60), (2, 10), (3, 7), (4, 0)] {
        assert!(kept.commit(ended_ago(number, age * MINUTE, now)).await);
    }
    // Half of this one's period has expired.
    assert!(kept.commit(ended_ago(5, 8 * MINUTE + 200, now)).await);
    assert!(kept.commit(whole(6, 1.0, now)).await);
    assert!(kept.opened.archive.get(id(5)).await.is_none(), "exact");
    let history = dir.path().join("history");
    let folders = || std::fs::read_dir(&history).unwrap().count();
    wait_for("the two oldest periods are gone", || folders() <= 3).await;
    for (number, expected) in [(1, false), (2, false), (3, true), (4, true)] {
        let found = kept.opened.archive.get(id(number)).await.is_some();
        assert_eq!(found, expected, "job {number}");
    }
    assert!(kept.opened.writer.finish(Duration::from_secs(20)).await);
    // The next start neither brings them back from the log nor misses them.
    let kept = Kept::open(dir.path(), &short);
    assert!(kept.opened.report.is_empty(), "{:?}", kept.opened.report);
    assert!(kept.opened.archive.get(id(1)).await.is_none());
    assert!(kept.opened.archive.get(id(4)).await.is_some());
    assert!(folders() <= 3);
}
