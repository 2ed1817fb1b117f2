//! Attempts that overlap: one that hangs in a network that was broken holds up nothing once the network is back.
//!
//! TCP waits longer and longer before it tries a lost packet again, and what was swallowed somewhere on the way is never tried
//! again at all. A new attempt knows nothing of that.

use std::time::Duration;

use futures_util::future::{BoxFuture, select_all};
use tokio::time::timeout;

/// So many attempts are under way beside the first one at most; the oldest of them gives way to a new one.
const BESIDE: usize = 3;

/// The first attempt has all the time that it takes, and its failure is the failure of all. While it is under way another one is
/// begun every `again`, if that is given, and the first that gets through wins.
pub(super) async fn first<'a, T, E>(
    again: Option<Duration>,
    begin: impl Fn() -> BoxFuture<'a, Result<T, E>>,
) -> Result<T, E> {
    let mut under_way = vec![begin()];
    loop {
        let ended = select_all(under_way.iter_mut());
        let Some(again) = again else {
            return ended.await.0;
        };
        if let Ok((result, nth, _)) = timeout(again, ended).await {
            if nth == 0 || result.is_ok() {
                return result;
            }
            drop(under_way.remove(nth));
        } else {
            if under_way.len() > BESIDE {
                drop(under_way.remove(1));
            }
            under_way.push(begin());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use tokio::time::{Instant, sleep};

    use super::*;

    const AGAIN: Duration = Duration::from_millis(20);

    /// What becomes of attempts, each of which takes so many milliseconds and then fails or not; those that were never begun hang.
    async fn race(attempts: &[(u64, Result<u8, u8>)], again: Option<Duration>) -> Result<u8, u8> {
        let left = RefCell::new(attempts.iter().copied());
        first(again, || {
            let next = left.borrow_mut().next();
            async move {
                let Some((ms, result)) = next else {
                    return std::future::pending().await;
                };
                sleep(Duration::from_millis(ms)).await;
                result
            }
            .boxed()
        })
        .await
    }

    #[tokio::test]
    async fn the_first_that_gets_through_wins_and_only_the_first_one_may_fail() {
        const NEVER: u64 = 1_000_000;
        for (attempts, again, result) in [
            (&[(0, Ok(1))][..], Some(AGAIN), Ok(1)),
            (&[(0, Err(1)), (0, Ok(2))], Some(AGAIN), Err(1)),
            (&[(NEVER, Ok(1)), (0, Ok(2))], Some(AGAIN), Ok(2)),
            (
                &[(NEVER, Ok(1)), (0, Err(2)), (0, Err(3)), (0, Ok(4))],
                Some(AGAIN),
                Ok(4),
            ),
            (&[(200, Ok(1)), (NEVER, Ok(2))], Some(AGAIN), Ok(1)),
            (&[(200, Err(1)), (NEVER, Ok(2))], Some(AGAIN), Err(1)),
            (&[(60, Ok(1)), (0, Ok(2))], None, Ok(1)),
        ] {
            assert_eq!(race(attempts, again).await, result, "{attempts:?}");
        }
    }

    /// Counts itself out.
    struct Open<'a>(&'a AtomicUsize);

    impl Drop for Open<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn few_are_under_way_at_once_and_one_that_is_quick_is_alone() {
        let (begun, open, most) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(0));
        let since = Instant::now();
        let result: Result<(), ()> = first(Some(AGAIN), || {
            let nth = begun.fetch_add(1, Ordering::Relaxed);
            let now = open.fetch_add(1, Ordering::Relaxed) + 1;
            let mut most = most.lock().unwrap();
            *most = now.max(*most);
            let mine = Open(&open);
            async move {
                let _mine = mine;
                match nth {
                    10 => Ok(()),
                    _ => std::future::pending().await,
                }
            }
            .boxed()
        })
        .await;
        assert_eq!(result, Ok(()));
        assert_eq!(begun.load(Ordering::Relaxed), 11);
        assert!(since.elapsed() >= 10 * AGAIN);
        assert_eq!(*most.lock().unwrap(), 1 + BESIDE);
        assert_eq!(open.load(Ordering::Relaxed), 0);
    }
}
